/* The table of keys: the shipped file agrees with it, and each member of the config has one row. */
#include "tests/unit/config_stage.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "worker/config/config_kafka.h"
#include "worker/validate/definitions.h"

/* ---- the shipped file ---- */

struct shipped {
    char section[64], name[64], value[256];
};
static struct shipped shipped[200];
static size_t shipped_count;

static int take_shipped(void *unused, const char *section, const char *name, const char *value)
{
    (void)unused;
    ck_assert_uint_lt(shipped_count, sizeof(shipped) / sizeof(shipped[0]));
    struct shipped *entry = &shipped[shipped_count++];
    snprintf(entry->section, sizeof(entry->section), "%s", section);
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    snprintf(entry->value, sizeof(entry->value), "%s", value);
    return 1;
}

static const struct shipped *find_shipped(const char *section, const char *name)
{
    for (size_t i = 0; i < shipped_count; i++)
        if (strcmp(shipped[i].section, section) == 0 && strcmp(shipped[i].name, name) == 0)
            return &shipped[i];
    return NULL;
}

#define SHIPPED_FILE "config/client-intake.ini"

START_TEST(shipped_file_shows_every_key_with_its_default_and_no_other)
{
    ck_assert_msg(ini_parse(SHIPPED_FILE, take_shipped, NULL) == 0, "%s cannot be read", SHIPPED_FILE);
    size_t expected = 0;
    for (const struct config_row *row = config_rows; row->section; row++, expected++) {
        const struct shipped *entry = find_shipped(row->section, row->name);
        ck_assert_msg(entry != NULL, "%s.%s is not in the file", row->section, row->name);
        ck_assert_msg(strcmp(entry->value, row->default_text) == 0, "%s.%s: \"%s\" in the file, \"%s\" in the table",
                      row->section, row->name, entry->value, row->default_text);
    }
    for (const struct kafka_default *row = kafka_defaults; row->section; row++, expected++) {
        const struct shipped *entry = find_shipped(row->section, row->name);
        ck_assert_msg(entry != NULL, "%s.%s is not in the file", row->section, row->name);
        ck_assert_msg(strcmp(entry->value, row->value) == 0, "%s.%s: \"%s\" in the file, \"%s\" in the table",
                      row->section, row->name, entry->value, row->value);
    }
    ck_assert_uint_eq(shipped_count, expected);
}
END_TEST

static void expect_equal_settings(const struct kafka_setting *a, const struct kafka_setting *b)
{
    size_t count_a = 0, count_b = 0;
    for (; b; b = b->next)
        count_b++;
    for (; a; a = a->next)
        count_a++;
    ck_assert_uint_eq(count_a, count_b);
}

START_TEST(shipped_file_changes_nothing)
{
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    struct config *with =
        config_read(&(struct config_sources){.path = SHIPPED_FILE, .take_fault = print_fault, .listener = out});
    fclose(out);
    ck_assert_str_eq(printed, "");
    free(printed);
    struct config *without = read_valid(NULL, NULL, NULL);
    for (const struct config_row *row = config_rows; row->section; row++) {
        char a[256], b[256];
        show(with, row, a, sizeof(a));
        show(without, row, b, sizeof(b));
        ck_assert_str_eq(a, b);
        ck_assert_str_ne(a, "?");
    }
    expect_equal_settings(with->kafka, without->kafka);
    expect_equal_settings(with->kafka_consumer, without->kafka_consumer);
    expect_equal_settings(with->kafka_producer, without->kafka_producer);
    for (const struct kafka_default *row = kafka_defaults; row->section; row++) {
        char dotted[128], shown[128];
        snprintf(dotted, sizeof(dotted), "%s.%s", row->section, row->name);
        value_of(with, dotted, shown, sizeof(shown));
        ck_assert_str_eq(shown, row->value);
    }
    config_free(with);
    config_free(without);
}
END_TEST

/* ---- the table ---- */

START_TEST(defaults_of_the_contract_stand)
{
    struct config *config = read_valid(NULL, NULL, NULL);
    ck_assert_str_eq(config->commands.topic, "clients.commands");
    ck_assert_str_eq(config->replies.topic, "clients.replies");
    ck_assert_str_eq(config->records.topic, "clients.records");
    ck_assert_str_eq(config->definitions.topic, "clients.definitions");
    ck_assert_str_eq(config->dead_letters.topic, "clients.dead-letters");
    ck_assert_int_eq(config->limits.command_bytes, 262144);
    ck_assert_int_eq(config->validation.phone, PHONE_PLAN);
    ck_assert_int_eq(config->validation.unknown_attributes, UNKNOWN_ATTRIBUTES_REJECT);
    ck_assert_int_eq(config->delivery.mode, DELIVERY_EXACTLY_ONCE);
    ck_assert_str_eq(config->http.listen, "127.0.0.1:9464");
    config_free(config);
}
END_TEST

static size_t member_size(enum config_type type)
{
    return type == CONFIG_TEXT   ? sizeof(char *)
           : type == CONFIG_LIST ? sizeof(struct text_list)
           : type == CONFIG_WORD ? sizeof(int)
                                 : sizeof(int64_t);
}

/* A member that no row fills would silently be zero; two rows that fill one would undo each other. */
START_TEST(every_member_has_one_row)
{
    static struct config all;
    memset(&all, 0xff, sizeof(all));
    memset(&all.kafka, 0, sizeof(all.kafka));
    memset(&all.kafka_consumer, 0, sizeof(all.kafka_consumer));
    memset(&all.kafka_producer, 0, sizeof(all.kafka_producer));
    memset(&all.from, 0, sizeof(all.from));
    __builtin_clear_padding(&all);
    unsigned char *bytes = (unsigned char *)&all;
    for (const struct config_row *row = config_rows; row->section; row++) {
        for (size_t at = row->offset; at < row->offset + member_size(row->type); at++) {
            ck_assert_msg(bytes[at] == 0xff, "%s.%s fills a member of another row", row->section, row->name);
            bytes[at] = 0;
        }
    }
    for (size_t at = 0; at < sizeof(all); at++)
        ck_assert_msg(bytes[at] == 0, "no row of config_table.c fills the member at offset %zu of struct config", at);
}
END_TEST

START_TEST(what_may_be_reloaded_is_marked)
{
    static const char *const sections[] = {"limits", "validation"};
    for (const struct config_row *row = config_rows; row->section; row++) {
        bool expected = strcmp(row->section, "log") == 0 && strcmp(row->name, "level") == 0;
        for (size_t i = 0; i < 2; i++)
            expected = expected || strcmp(row->section, sections[i]) == 0;
        ck_assert_msg(((row->flags & CONFIG_MAY_RELOAD) != 0) == expected, "%s.%s", row->section, row->name);
    }
}
END_TEST

int main(void)
{
    TCase *tests = config_case();
    tcase_add_test(tests, shipped_file_shows_every_key_with_its_default_and_no_other);
    tcase_add_test(tests, shipped_file_changes_nothing);
    tcase_add_test(tests, defaults_of_the_contract_stand);
    tcase_add_test(tests, every_member_has_one_row);
    tcase_add_test(tests, what_may_be_reloaded_is_marked);
    return config_run(tests, "config");
}
