#include "worker/validate/definitions.h"

#include <assert.h>
#include <stdlib.h>

#include "common/json_writer.h"
#include "worker/validate/definitions_draft.h"
#include "worker/validate/field.h"
#include "worker/model/identity.h"

static int draft_compare(const void *a, const void *b)
{
    const struct draft *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return left->listed < right->listed ? -1 : 1;
}

/* A key as JSON is at most twice as long, with quotes and a colon; 32 covers that and the alignment of what follows. */
static size_t block_key_bytes(struct span key)
{
    return key.length * 3 + 2 * sizeof(struct span) + 32;
}

static size_t block_bytes(const struct drafts *drafts)
{
    size_t bytes = 256 + key_table_slots(drafts->count) * sizeof(uint32_t);
    for (uint32_t i = 0; i < drafts->count; i++) {
        const struct draft *draft = &drafts->items[i];
        bytes += sizeof(struct field) + sizeof(struct field *) + block_key_bytes(draft->key) + draft->name.length + 64 +
                 key_table_slots(draft->option_count) * sizeof(uint32_t);
        for (uint32_t option = 0; option < draft->option_count; option++)
            bytes += block_key_bytes(draft->options[option]);
    }
    return bytes;
}

static struct key_table build_table(struct arena *block, const struct span *keys, uint32_t count)
{
    struct key_table table;
    uint32_t slots = key_table_slots(count);
    key_table_open(&table, keys, arena_alloc(block, slots * sizeof(uint32_t)), slots, 0);
    for (uint32_t i = 0; i < count; i++)
        key_table_add(&table, i);
    return table;
}

static void build_options(struct arena *block, const struct draft *draft, struct field *field)
{
    struct span *keys = arena_alloc(block, draft->option_count * sizeof(*keys));
    struct span *tokens = arena_alloc(block, draft->option_count * sizeof(*tokens));
    for (uint32_t i = 0; i < draft->option_count; i++) {
        keys[i] = arena_copy(block, draft->options[i]);
        tokens[i] = json_string_of(block, keys[i]);
    }
    field->options = keys;
    field->option_tokens = tokens;
    field->option_count = draft->option_count;
    field->option_table = build_table(block, keys, draft->option_count);
}

static void build_field(struct arena *block, const struct draft *draft, uint32_t index, struct field *field)
{
    *field = (struct field){.type = draft->type, .rules = draft->rules, .index = index};
    field->key = arena_copy(block, draft->key);
    field->name = arena_copy(block, draft->name);
    struct span token = json_string_of(block, field->key);
    struct span colon = arena_copy(block, SPAN(":"));
    field->label_token = span_of(token.at, token.length + colon.length);
    build_options(block, draft, field);
}

static struct definitions *build(const struct drafts *drafts, struct span json)
{
    size_t size = sizeof(struct definitions) + block_bytes(drafts);
    struct definitions *definitions = malloc(size);
    if (!definitions)
        return NULL;
    /* The definitions stand at the head of their block, the rest is given out behind them. */
    struct arena block = {.base = (char *)definitions, .used = sizeof(*definitions), .capacity = size};
    struct field *fields = arena_alloc(&block, drafts->count * sizeof(*fields));
    const struct field **required = arena_alloc(&block, drafts->count * sizeof(*required));
    struct span *keys = arena_alloc(&block, drafts->count * sizeof(*keys));
    *definitions = (struct definitions){.fields = fields, .count = drafts->count, .required = required};
    hash_text(json, definitions->version);
    for (uint32_t i = 0; i < drafts->count; i++) {
        build_field(&block, &drafts->items[i], i, &fields[i]);
        keys[i] = fields[i].key;
        if (fields[i].rules.required)
            required[definitions->required_count++] = &fields[i];
    }
    definitions->table = build_table(&block, keys, drafts->count);
    return definitions;
}

struct definitions *definitions_compile_in(struct arena *scratch, struct span json, struct definitions_fault **faults)
{
    struct definitions_reader reader = {.scratch = *scratch}; /* used further here, and left as it was there */
    struct definitions *definitions = NULL;
    struct drafts drafts = {0};
    assert(scratch->capacity - scratch->used >= DEFINITIONS_SCRATCH_BYTES(json.length));
    if (drafts_read(&reader, json, &drafts) && !reader.failed) {
        qsort(drafts.items, drafts.count, sizeof(*drafts.items), draft_compare);
        definitions = build(&drafts, json);
    }
    arena_reset(&reader.scratch, scratch->used);
    if (faults)
        *faults = reader.first;
    else
        definitions_faults_free(reader.first);
    return definitions;
}

struct definitions *definitions_compile(struct span json, struct definitions_fault **faults)
{
    struct arena scratch;
    if (faults)
        *faults = NULL;
    if (arena_open(&scratch, DEFINITIONS_SCRATCH_BYTES(json.length)) != 0)
        return NULL;
    struct definitions *definitions = definitions_compile_in(&scratch, json, faults);
    arena_close(&scratch);
    return definitions;
}

void definitions_free(struct definitions *definitions)
{
    free(definitions);
}

void definitions_faults_free(struct definitions_fault *faults)
{
    while (faults) {
        struct definitions_fault *next = faults->next;
        free(faults);
        faults = next;
    }
}

const struct field *definitions_field(const struct definitions *definitions, struct span key)
{
    int index = key_table_find(&definitions->table, key);
    return index < 0 ? NULL : &definitions->fields[index];
}

int field_option(const struct field *field, struct span key)
{
    return key_table_find(&field->option_table, key);
}
