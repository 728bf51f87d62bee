#include "tests/unit/config_stage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char secret_path[64];
static char folder[32], path[64];

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/config", folder);
    snprintf(secret_path, sizeof(secret_path), "%s/secret", folder);
    write_file(secret_path, "open sesame\n");
}

static void remove_folder(void)
{
    unlink(path);
    unlink(secret_path);
    rmdir(folder);
}

TCase *config_case(void)
{
    TCase *tests = tcase_create("config");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    return tests;
}

int config_run(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void print_fault(void *listener, const char *place, const char *message)
{
    fprintf(listener, "%s: %s\n", place, message);
}

struct config *read_text(const char *text, const char *first, const char *second, char **printed)
{
    const char *settings[] = {first, second, NULL};
    char *raw = NULL, *clean = NULL;
    size_t size;
    if (text)
        write_file(path, text);
    FILE *out = open_memstream(&raw, &size);
    struct config *config = config_read(&(struct config_sources){
        .path = text ? path : NULL, .settings = settings, .take_fault = print_fault, .listener = out});
    fclose(out);
    out = open_memstream(&clean, &size);
    for (const char *at = raw; *at;) {
        bool is_path = strncmp(at, path, strlen(path)) == 0;
        fputc(is_path ? 'F' : *at, out);
        at += is_path ? strlen(path) : 1;
    }
    fclose(out);
    free(raw);
    *printed = clean;
    return config;
}

struct config *read_valid(const char *text, const char *first, const char *second)
{
    char *printed;
    struct config *config = read_text(text, first, second, &printed);
    ck_assert_msg(config != NULL, "refused: %s", printed);
    ck_assert_str_eq(printed, "");
    free(printed);
    return config;
}

void show(const struct config *config, const struct config_row *row, char *text, size_t size)
{
    const char *member = (const char *)config + row->offset;
    int word;
    int64_t number;
    switch (row->type) {
    case CONFIG_TEXT:
        snprintf(text, size, "%s", *(char *const *)(const void *)member);
        break;
    case CONFIG_LIST: {
        const struct text_list *list = (const void *)member;
        text[0] = '\0';
        for (size_t i = 0; i < list->count; i++)
            snprintf(text + strlen(text), size - strlen(text), "%s%s", i ? ", " : "", list->items[i]);
        break;
    }
    case CONFIG_WORD:
        memcpy(&word, member, sizeof(word));
        snprintf(text, size, "%s", "?");
        for (const struct config_word *candidate = row->words; candidate->name; candidate++)
            if (candidate->value == word)
                snprintf(text, size, "%s", candidate->name);
        break;
    default:
        memcpy(&number, member, sizeof(number));
        config_value_print(row, number, text, size);
    }
}

void value_of(const struct config *config, const char *dotted, char *text, size_t size)
{
    static const char *const sections[] = {"kafka.consumer", "kafka.producer", "kafka"};
    const struct kafka_setting *lists[] = {config->kafka_consumer, config->kafka_producer, config->kafka};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(sections[i]);
        if (strncmp(dotted, sections[i], length) != 0 || dotted[length] != '.')
            continue;
        snprintf(text, size, "(none)");
        for (const struct kafka_setting *setting = lists[i]; setting; setting = setting->next)
            if (strcmp(setting->name, dotted + length + 1) == 0)
                snprintf(text, size, "%s", setting->value);
        return;
    }
    for (const struct config_row *row = config_rows; row->section; row++) {
        char name[128];
        snprintf(name, sizeof(name), "%s.%s", row->section, row->name);
        if (strcmp(name, dotted) == 0) {
            show(config, row, text, size);
            return;
        }
    }
    ck_abort_msg("no key %s", dotted);
}
