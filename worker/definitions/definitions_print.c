#include "worker/definitions/definitions_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/model/identity.h"
#include "worker/validate/field.h"

static void print_faults_json(const char *path, const struct definitions_fault *faults)
{
    json_t *list = json_line_pack("[]");
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next)
        if (json_array_append_new(list, json_line_pack("{s:o, s:o}", "path", json_line_text(fault->path), "message",
                                                       json_line_text(fault->message))))
            abort();
    json_line_print(json_line_pack("{s:o, s:o}", "file", json_line_text(path), "faults", list));
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
    json_line_print(json_line_pack("{s:s, s:s%, s:I, s:{s:s, s:i, s:I}, s:s}", "workspaceId", place->workspace,
                                   "definitions", definitions->version, (size_t)HASH_LENGTH, "fields",
                                   (json_int_t)definitions->count, "source", "topic", place->topic, "partition",
                                   (int)place->partition, "offset", (json_int_t)place->offset, "result", names[how]));
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

void definitions_print_summary_json(json_t *row, const struct definitions_summary *summary)
{
    json_t *members = summary->gone     ? json_line_pack("{s:b}", "removed", 1)
                      : summary->broken ? json_line_pack("{s:s%, s:b}", "definitions", summary->version,
                                                         (size_t)HASH_LENGTH, "broken", 1)
                                        : json_line_pack("{s:s%, s:I}", "definitions", summary->version,
                                                         (size_t)HASH_LENGTH, "fields", (json_int_t)summary->fields);
    if (json_object_update(row, members) != 0)
        abort();
    json_decref(members);
    json_line_print(row);
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
