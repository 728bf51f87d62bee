#include "worker/definitions/definitions_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_writer.h"
#include "worker/model/identity.h"
#include "worker/validate/field.h"

/* Faults have a limited size, so this holds those of the largest set. It is address space, not memory. */
#define TEXT_BYTES ((size_t)1 << 30)

static void begin(struct arena *arena, struct json_writer *writer)
{
    if (arena_open(arena, TEXT_BYTES) != 0)
        abort();
    writer_open(writer, arena);
}

static void end(struct arena *arena, struct json_writer *writer)
{
    writer_literal(writer, "\n");
    struct span text = writer_close(writer);
    fwrite(text.at, 1, text.length, stdout);
    arena_close(arena);
}

static void write_member(struct json_writer *writer, struct span before, struct span value)
{
    writer_raw(writer, before);
    writer_string(writer, value);
}

static void print_faults_json(const char *path, const struct definitions_fault *faults)
{
    struct arena arena;
    struct json_writer writer;
    begin(&arena, &writer);
    write_member(&writer, SPAN("{\"file\":"), span_of_text(path));
    writer_literal(&writer, ",\"faults\":[");
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next) {
        write_member(&writer, SPAN("{\"path\":"), span_of_text(fault->path));
        write_member(&writer, SPAN(",\"message\":"), span_of_text(fault->message));
        writer_raw(&writer, fault->next ? SPAN("},") : SPAN("}"));
    }
    writer_literal(&writer, "]}");
    end(&arena, &writer);
}

void definitions_print_faults(const char *path, const struct definitions_fault *faults, bool as_json)
{
    if (as_json) {
        print_faults_json(path, faults);
        return;
    }
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next)
        printf("%s: %s%s%s\n", path, fault->path, fault->path[0] ? ": " : "", fault->message);
}

void definitions_print_stored(const struct definitions_place *place, const struct definitions *definitions,
                              enum definitions_putting how, bool as_json)
{
    static const char *const words[] = {[PUT_STORED] = "stored in Redis and at",
                                        [PUT_UNCHANGED] = "unchanged: already in Redis and at",
                                        [PUT_OVERTAKEN] = "replaced by a later one, which is in Redis now; stored at"};
    static const char *const names[] = {
        [PUT_STORED] = "stored", [PUT_UNCHANGED] = "unchanged", [PUT_OVERTAKEN] = "overtaken"};
    if (!as_json) {
        printf("%s: %" PRIu32 " field%s, version %.*s, %s %s/%" PRId32 "/%" PRId64 "\n", place->workspace,
               definitions->count, definitions->count == 1 ? "" : "s", HASH_LENGTH, definitions->version, words[how],
               place->topic, place->partition, place->offset);
        return;
    }
    struct arena arena;
    struct json_writer writer;
    begin(&arena, &writer);
    write_member(&writer, SPAN("{\"workspaceId\":"), span_of_text(place->workspace));
    write_member(&writer, SPAN(",\"definitions\":"), span_of(definitions->version, HASH_LENGTH));
    writer_literal(&writer, ",\"fields\":");
    writer_integer(&writer, definitions->count);
    write_member(&writer, SPAN(",\"source\":{\"topic\":"), span_of_text(place->topic));
    writer_literal(&writer, ",\"partition\":");
    writer_integer(&writer, place->partition);
    writer_literal(&writer, ",\"offset\":");
    writer_integer(&writer, place->offset);
    write_member(&writer, SPAN("},\"result\":"), span_of_text(names[how]));
    writer_literal(&writer, "}");
    end(&arena, &writer);
}

struct definitions_summary definitions_summarize(struct span bytes)
{
    struct definitions_summary summary = {.gone = bytes.at == NULL};
    if (summary.gone)
        return summary;
    struct definitions *definitions = definitions_compile(bytes, NULL);
    hash_text(bytes, summary.version);
    summary.broken = !definitions;
    summary.fields = definitions ? definitions->count : 0;
    definitions_free(definitions);
    return summary;
}

void definitions_fields_text(const struct definitions_summary *summary, char text[FIELDS_TEXT_SIZE])
{
    if (summary->gone || summary->broken)
        snprintf(text, FIELDS_TEXT_SIZE, "%s", summary->gone ? "none" : "broken");
    else
        snprintf(text, FIELDS_TEXT_SIZE, "%" PRIu32, summary->fields);
}

void definitions_print_summary_json(struct span members, const struct definitions_summary *summary)
{
    printf("{%.*s", SPAN_FORMAT(members));
    if (summary->gone)
        printf(",\"removed\":true}\n");
    else if (summary->broken)
        printf(",\"definitions\":\"%.*s\",\"broken\":true}\n", HASH_LENGTH, summary->version);
    else
        printf(",\"definitions\":\"%.*s\",\"fields\":%" PRIu32 "}\n", HASH_LENGTH, summary->version, summary->fields);
}

static void print_field(const struct field *field)
{
    printf("  %-12s %.*s", field->type->name, SPAN_FORMAT(field->key));
    if (field->rules.required)
        printf(" (required)");
    for (uint32_t option = 0; option < field->option_count; option++)
        printf("%s%.*s", option == 0 ? ": " : ", ", SPAN_FORMAT(field->options[option]));
    printf("\n");
}

void definitions_print_table(const char *workspace, struct span bytes)
{
    struct definitions_fault *faults = NULL;
    struct definitions *definitions = definitions_compile(bytes, &faults);
    if (definitions) {
        printf("%s: version %.*s\n", workspace, HASH_LENGTH, definitions->version);
        for (uint32_t i = 0; i < definitions->count; i++)
            print_field(&definitions->fields[i]);
    }
    definitions_print_faults(workspace, faults, false);
    definitions_faults_free(faults);
    definitions_free(definitions);
}
