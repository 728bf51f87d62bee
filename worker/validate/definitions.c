#include "worker/validate/definitions.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/json_writer.h"
#include "worker/model/identity.h"
#include "worker/validate/field.h"
#include "worker/validate/field_spec.h"

#define FEW_OPTIONS 8 /* are compared faster than a hash is calculated */

static int field_spec_compare(const void *a, const void *b)
{
    const struct field_spec *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return left->listed < right->listed ? -1 : 1;
}

/* A key as JSON is at most twice as long, plus quotes and a colon; 32 covers those and the alignment of what
 * follows. */
static size_t block_key_bytes(struct span key)
{
    return key.length * 3 + 2 * sizeof(struct span) + 32;
}

static size_t block_bytes(const struct field_specs *specs)
{
    size_t bytes = 256 + key_table_slots(specs->count) * sizeof(uint32_t);
    for (uint32_t i = 0; i < specs->count; i++) {
        const struct field_spec *spec = &specs->items[i];
        bytes += sizeof(struct field) + sizeof(struct field *) + block_key_bytes(spec->key) + spec->name.length + 64 +
                 key_table_slots(spec->option_count) * sizeof(uint32_t);
        for (uint32_t option = 0; option < spec->option_count; option++)
            bytes += block_key_bytes(spec->options[option]);
    }
    return bytes;
}

static struct key_table build_table(struct arena *block, const struct span *keys, uint32_t count, uint64_t seed)
{
    struct key_table table;
    uint32_t slots = key_table_slots(count);
    key_table_open(&table, keys, arena_alloc(block, slots * sizeof(uint32_t)), slots, seed);
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = key_table_add(&table, i);
        assert(is_new); /* a key that occurs twice is a fault, and then nothing is built */
        (void)is_new;
    }
    return table;
}

static void build_options(struct arena *block, const struct field_spec *spec, uint64_t seed, struct field *field)
{
    struct span *keys = arena_alloc(block, spec->option_count * sizeof(*keys));
    struct span *tokens = arena_alloc(block, spec->option_count * sizeof(*tokens));
    for (uint32_t i = 0; i < spec->option_count; i++) {
        keys[i] = arena_copy(block, spec->options[i]);
        tokens[i] = json_string_of(block, keys[i]);
    }
    field->options = keys;
    field->option_tokens = tokens;
    field->option_count = spec->option_count;
    field->option_table = build_table(block, keys, spec->option_count, seed);
}

static void build_field(struct arena *block, const struct field_spec *spec, uint32_t index, uint64_t seed,
                        struct field *field)
{
    *field = (struct field){.type = spec->type, .rules = spec->rules, .index = index};
    field->key = arena_copy(block, spec->key);
    field->name = arena_copy(block, spec->name);
    struct span token = json_string_of(block, field->key);
    struct span colon = arena_copy(block, SPAN(":"));
    field->label_token = span_of(token.at, token.length + colon.length);
    build_options(block, spec, seed, field);
}

static struct definitions *build(const struct field_specs *specs, struct span json, uint64_t seed)
{
    size_t size = sizeof(struct definitions) + block_bytes(specs);
    struct definitions *definitions = malloc(size);
    if (!definitions)
        return NULL;
    /* The definitions are at the head of their block; the rest is allocated after them. */
    struct arena block = {.base = (char *)definitions, .used = sizeof(*definitions), .capacity = size};
    struct field *fields = arena_alloc(&block, specs->count * sizeof(*fields));
    const struct field **required = arena_alloc(&block, specs->count * sizeof(*required));
    struct span *keys = arena_alloc(&block, specs->count * sizeof(*keys));
    *definitions = (struct definitions){.fields = fields, .count = specs->count, .required = required};
    hash_text(json, definitions->version);
    for (uint32_t i = 0; i < specs->count; i++) {
        build_field(&block, &specs->items[i], i, seed, &fields[i]);
        keys[i] = fields[i].key;
        if (fields[i].rules.required)
            required[definitions->required_count++] = &fields[i];
    }
    definitions->table = build_table(&block, keys, specs->count, seed);
    return definitions;
}

struct definitions *definitions_compile_in(struct arena *scratch, struct span json, struct definitions_fault **faults)
{
    struct definitions_reader reader = {.scratch = *scratch}; /* a copy, so that the caller's stays unchanged */
    struct definitions *definitions = NULL;
    struct field_specs specs = {0};
    assert(scratch->capacity - scratch->used >= DEFINITIONS_SCRATCH_BYTES(json.length));
    if (getentropy(&reader.seed, sizeof(reader.seed)) == 0 && field_specs_read(&reader, json, &specs) &&
        !reader.failed) {
        qsort(specs.items, specs.count, sizeof(*specs.items), field_spec_compare);
        definitions = build(&specs, json, reader.seed);
    }
    reader_end_faults(&reader);
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
    if (field->option_count <= FEW_OPTIONS) {
        for (uint32_t i = 0; i < field->option_count; i++)
            if (span_equal(key, field->options[i]))
                return (int)i;
        return -1;
    }
    return key_table_find(&field->option_table, key);
}
