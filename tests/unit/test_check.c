/* check: paths, messages and their limits, quotes; the fields that check sets besides the reply. */
#include "tests/unit/evaluating.h"

#include "common/key_table.h"
#include "worker/model/member.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/name_kind.h"
#include "worker/validate/reply.h"

#define VALID "\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"Ada@Example.COM\""

static struct evaluating evaluating;
static struct check check;

static void open_evaluating(void)
{
    evaluating_open(&evaluating, "[{\"key\":\"n\",\"type\":\"number\"}]", NULL);
    check = (struct check){
        .config = evaluating.config, .item = evaluating_item(&evaluating, "{}"), .arena = &evaluating.batch.arena};
}

static void close_evaluating(void)
{
    evaluating_close(&evaluating);
}

START_TEST(test_path)
{
    check_fail(&check, ERROR_REQUIRED, "at the root");
    check_enter(&check, SPAN("a/b"));
    check_enter_index(&check, 4294967295);
    check_enter(&check, SPAN("~"));
    check_enter(&check, SPAN(""));
    ck_assert(!check_fail(&check, ERROR_TOO_LONG, "deep %d", 7));
    check_leave(&check);
    check_leave(&check);
    check_fail_type(&check, "a string", NODE_NULL);
    const struct violation *violation = evaluating.batch.items[0].violations;
    expect_span(violation->path, "");
    expect_span(violation->message, "at the root");
    violation = violation->next;
    expect_span(violation->path, "/a~1b/4294967295/~0/");
    expect_span(violation->message, "deep 7");
    ck_assert_int_eq(violation->code, ERROR_TOO_LONG);
    violation = violation->next;
    expect_span(violation->path, "/a~1b/4294967295");
    expect_span(violation->message, "must be a string, not null");
    ck_assert_ptr_null(violation->next);
}
END_TEST

/* The longest possible path. */
START_TEST(test_longest_path)
{
    char name[PATH_TOKEN_BYTES + 1];
    memset(name, '/', sizeof(name));
    for (int i = 0; i < CHECK_PATH_DEPTH - 1; i++)
        check_enter(&check, span_of(name, PATH_TOKEN_BYTES));
    check_enter(&check, span_of(name, PATH_TOKEN_BYTES + 1));
    check_fail_required(&check);
    const struct violation *violation = evaluating.batch.items[0].violations;
    ck_assert_uint_eq(violation->path.length, (CHECK_PATH_DEPTH - 1) * (PATH_TOKEN_BYTES * 2 + 1));
}
END_TEST

START_TEST(test_hundred_violations_are_listed)
{
    struct item *item = check.item;
    for (unsigned i = 0; i < VIOLATIONS_LISTED + 50; i++)
        check_fail(&check, ERROR_REQUIRED, "%u", i);
    ck_assert_uint_eq(item->violation_count, VIOLATIONS_LISTED + 50);
    ck_assert_uint_eq(item->violation_listed, VIOLATIONS_LISTED);
    expect_span(item->last_violation->message, "99");
}
END_TEST

/* The list is a prefix of all violations: no short one follows one that did not fit. */
START_TEST(test_violation_bytes)
{
    struct item *item = check.item;
    char name[PATH_TOKEN_BYTES];
    memset(name, 'n', sizeof(name));
    check_enter(&check, span_of(name, sizeof(name)));
    unsigned expected = VIOLATION_BYTES / (PATH_TOKEN_BYTES + 1 + 4);
    for (unsigned i = 0; i < VIOLATIONS_LISTED; i++)
        check_fail(&check, ERROR_REQUIRED, "four");
    check_leave(&check);
    check_fail(&check, ERROR_REQUIRED, "x");
    ck_assert_uint_lt(expected, VIOLATIONS_LISTED);
    ck_assert_uint_eq(item->violation_listed, expected);
    ck_assert_uint_eq(item->violation_count, VIOLATIONS_LISTED + 1);
    ck_assert_uint_le(item->violation_bytes, VIOLATION_BYTES);
    size_t used = check.arena->used;
    ck_assert_str_eq(quote_of(&check, SPAN("not needed any more")), "");
    ck_assert_uint_eq(check.arena->used, used);
}
END_TEST

/* A message that is too long ends at a character. */
START_TEST(test_long_message)
{
    char text[3001] = {0};
    for (int i = 0; i < 1500; i++)
        memcpy(text + i * 2, "\xc3\xa9", 2);
    check_fail(&check, ERROR_REQUIRED, "%s", text);
    struct span message = check.item->violations->message;
    ck_assert_uint_eq(message.length, 1022);
    ck_assert(text_is_utf8(message));
}
END_TEST

static const struct {
    struct span value;
    const char *quote;
} quotes[] = {
    {{"", 0}, "\"\""},
    {{"abc", 3}, "\"abc\""},
    {{"a\0b\n\x7f", 5}, "\"a<U+0000>b<U+000A><U+007F>\""},
    {{"\xc2\x85", 2}, "\"<U+0085>\""},
    {{"SW1A\u00a01AA", 9}, "\"SW1A<U+00A0>1AA\""},     /* no-break space */
    {{"a\u200bb\ufe0f", 8}, "\"a<U+200B>b<U+FE0F>\""}, /* zero width space, variation selector */
    {{"\u202a\u2028\u3000", 9}, "\"<U+202A><U+2028><U+3000>\""},
    {{"\u3164\u2800\u00ad", 8}, "\"<U+3164><U+2800><U+00AD>\""}, /* fillers, a soft hyphen */
    {{"\U000e0041\ue000\ufdd0", 10}, "\"<U+E0041><U+E000><U+FDD0>\""},
    {{"\u0301e\u0301", 5}, "\"<U+0301>e\u0301\""}, /* a mark that would join the quote */
    {{"\xf0\x9f\x98\x80", 4}, "\"\xf0\x9f\x98\x80\""},
    {{"1234567890123456789012345678901234567890123456789012345678901234", 64},
     "\"1234567890123456789012345678901234567890123456789012345678901234\""},
    {{"12345678901234567890123456789012345678901234567890123456789012345", 65},
     "\"1234567890123456789012345678901234567890123456789012345678901234\"..."},
    {{"123456789012345678901234567890123456789012345678901234567890123\xc3\xa9", 65},
     "\"123456789012345678901234567890123456789012345678901234567890123\"..."},
    {{"a\xff\xc3", 3}, "\"a\xef\xbf\xbd\xef\xbf\xbd\""}, /* not UTF-8 */
};

START_TEST(test_quote)
{
    ck_assert_str_eq(quote_of(&check, quotes[_i].value), quotes[_i].quote);
}
END_TEST

/* No quote exceeds its room. */
START_TEST(test_longest_quotes)
{
    char value[200], quote[QUOTE_SIZE];
    for (int byte = 0; byte < 256; byte++) {
        memset(value, byte, sizeof(value));
        quote_write(span_of(value, sizeof(value)), quote);
        ck_assert_uint_lt(strlen(quote), QUOTE_SIZE);
        ck_assert(text_is_utf8(span_of_text(quote)));
    }
}
END_TEST

START_TEST(test_accepted)
{
    struct item *item = evaluating_item(&evaluating, "{" VALID "}");
    evaluate_item(&evaluating.evaluate, item, &evaluating.batch.arena);
    ck_assert_int_eq(item->outcome, OUTCOME_CREATED);
    expect_span(item->email_key, "ada@example.com");
    ck_assert(span_begins_with(item->record, SPAN("{\"id\":\"")));
    ck_assert_mem_eq(item->record.at + 7, item->client_id, CLIENT_ID_LENGTH);
}
END_TEST

/* An item that is rejected already is left unchanged. */
START_TEST(test_rejected_before)
{
    struct item *item = evaluating_item(&evaluating, "{}");
    item_reject(item, ERROR_TOO_LARGE, SPAN("too large"));
    check_item(item, evaluating.config, &evaluating.batch.arena);
    ck_assert_int_eq(item->error, ERROR_TOO_LARGE);
    ck_assert_uint_eq(item->violation_count, 0);
}
END_TEST

/* A command of the largest size, with any content, fits into the arena that batch_open sized. */
static const struct {
    const char *head, *body, *tail;
} largest[] = {
    {"{\"a\":[", "1,", "1]}"},
    {"{\"a\":[", "{},", "1]}"},
    {"{\"workspaceId\":\"acme\",\"companyIds\":[", "1,", "1]}"},
    {"{" VALID ",\"companyIds\":[", "\"a\",", "\"a\"]}"},
    {"{" VALID ",\"customFields\":{\"n\":[", "\"\",", "1]}}"},
    {"{\"workspaceId\":\"acme\",\"givenName\":\"", "\\u0001", "\"}"},
    {"{\"workspaceId\":\"acme\",\"givenName\":\"", "\xf0\x9d\x85\x9e", "\"}"}, /* grows threefold in NFC */
    {"{\"commandId\":\"", "\\u0000", "\"}"},
    {"{\"", "\\u0001", "\":1}"},
    {"", "[", ""},
    {"{\"a\":", "\"", ""},
};

START_TEST(test_largest)
{
    size_t limit = (size_t)evaluating.config->limits.command_bytes;
    size_t head = strlen(largest[_i].head), body = strlen(largest[_i].body), tail = strlen(largest[_i].tail);
    char *value = malloc(limit + 1), *to = value;
    to = mempcpy(to, largest[_i].head, head);
    while ((size_t)(to - value) + body + tail <= limit)
        to = mempcpy(to, largest[_i].body, body);
    memcpy(to, largest[_i].tail, tail + 1);
    struct item *item = evaluating_item(&evaluating, value);
    evaluate_item(&evaluating.evaluate, item, &evaluating.batch.arena);
    ck_assert_uint_gt(item->reply.length, 0);
    free(value);
}
END_TEST

START_TEST(test_member_names)
{
    for (enum member member = 0; member < MEMBER_COUNT; member++)
        ck_assert_int_eq(member_find(member_name(member)), member);
    ck_assert_int_eq(member_find(SPAN("")), MEMBER_UNKNOWN);
    ck_assert_int_eq(member_find(SPAN("Email")), MEMBER_UNKNOWN);
    ck_assert_int_eq(member_find(SPAN("emai")), MEMBER_UNKNOWN);
    ck_assert_int_eq(member_find(SPAN("email\0")), MEMBER_UNKNOWN);
}
END_TEST

/* Evaluates a valid command with `member` besides, and returns its record. */
static struct span record_with(const char *member)
{
    static char value[512];
    snprintf(value, sizeof(value), "{\"workspaceId\":\"acme\",\"familyName\":\"B\",\"email\":\"a@b.cd\",%s}", member);
    struct item *item = evaluating_item(&evaluating, value);
    evaluate_item(&evaluating.evaluate, item, &evaluating.batch.arena);
    ck_assert_msg(item->outcome == OUTCOME_CREATED, "%s\n%.*s", value, SPAN_FORMAT(item->reply));
    return item->record;
}

/* Two spaces become one in each place of a name, and one stays. */
START_TEST(test_spaces_of_names)
{
    for (size_t length = 1; length <= 50; length++) {
        for (size_t at = 0; at + 3 < length; at++) {
            char given[64], normal[64], member[128], expected[128];
            memset(given, 'a', sizeof(given));
            given[length] = '\0';
            given[at + 1] = given[at + 2] = ' ';
            memcpy(normal, given, sizeof(given));
            memmove(normal + at + 1, normal + at + 2, length - at - 1);
            snprintf(member, sizeof(member), "\"givenName\":\"%s\"", given);
            snprintf(expected, sizeof(expected), "\"givenName\":\"%s\",", normal);
            const struct span record = record_with(member);
            ck_assert_msg(memmem(record.at, record.length, expected, strlen(expected)), "%s\n%.*s", member,
                          SPAN_FORMAT(record));
            given[at + 2] = 'b';
            snprintf(member, sizeof(member), "\"givenName\":\"%s\"", given);
            const struct span kept = record_with(member);
            ck_assert_msg(memmem(kept.at, kept.length, member, strlen(member)), "%s\n%.*s", member, SPAN_FORMAT(kept));
        }
    }
}
END_TEST

static void expect_names(struct json_document *document, struct json_node *node, uint8_t kind)
{
    node->name_kind = kind;
    const struct span name = span_of(document->text, node->name_length);
    ck_assert_int_eq(name_member(document, node), member_find(name));
    ck_assert_int_eq(name_part(document, node), address_part_find(name));
}

/* A name is told by its kind as it is by its bytes, and each has one kind. */
START_TEST(test_name_kinds)
{
    static const struct span others[] = {SPAN(""), SPAN("Email"), SPAN("specversion"), SPAN("zip"), SPAN("emails")};
    const size_t count = sizeof(others) / sizeof(others[0]);
    bool taken[256] = {false};
    for (uint32_t i = 0; i < MEMBER_COUNT + PART_COUNT + count; i++) {
        const struct span name = i < MEMBER_COUNT                ? member_name((enum member)i)
                                 : i < MEMBER_COUNT + PART_COUNT ? address_part_names[i - MEMBER_COUNT]
                                                                 : others[i - MEMBER_COUNT - PART_COUNT];
        const uint8_t kind = name_kind_of(name);
        ck_assert_int_eq(kind == 0, i >= MEMBER_COUNT + PART_COUNT);
        ck_assert(kind == 0 || !taken[kind]);
        taken[kind] = true;
        char text[64] = "";
        span_copy(text, name);
        struct json_document document = {.text = text};
        struct json_node node = {.name_length = (uint32_t)name.length};
        expect_names(&document, &node, kind);
        expect_names(&document, &node, 0);
        if (kind == 0)
            continue;
        text[0] = '\0'; /* where the kind is known, the bytes are not read */
        const bool is_member = i < MEMBER_COUNT;
        node.name_kind = kind;
        ck_assert_int_eq(name_member(&document, &node), is_member ? (int)i : MEMBER_UNKNOWN);
        ck_assert_int_eq(name_part(&document, &node), is_member ? PART_COUNT : (int)(i - MEMBER_COUNT));
    }
}
END_TEST

/* A table finds each of its keys and no other, also when it is full. */
START_TEST(test_key_table)
{
    enum { KEYS = 1000 };
    static char texts[KEYS][8];
    static struct span keys[KEYS];
    uint32_t slot_count = key_table_slots(KEYS);
    uint32_t *slots = malloc(slot_count * sizeof(*slots));
    struct key_table table;
    key_table_open(&table, keys, slots, slot_count, 42);
    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "k%u", i);
        keys[i] = span_of_text(texts[i]);
        ck_assert_int_eq(key_table_find(&table, keys[i]), -1);
        ck_assert(key_table_add(&table, i));
        ck_assert(!key_table_add(&table, i));
    }
    for (uint32_t i = 0; i < KEYS; i++)
        ck_assert_int_eq(key_table_find(&table, keys[i]), (int)i);
    ck_assert_int_eq(key_table_find(&table, SPAN("")), -1);
    free(slots);
}
END_TEST

/* ---- the reply that is composed around the record ---- */

/* It is the one that would be composed for the same record elsewhere, and is not taken for another record. */
START_TEST(test_a_record_is_composed_within_its_reply)
{
    struct item *item = evaluating_item(&evaluating, "{" VALID ",\"commandId\":\"c\\\"1\",\"sendInvite\":true}");
    struct arena *arena = &evaluating.batch.arena;
    evaluate_item(&evaluating.evaluate, item, arena);
    ck_assert_int_eq(item->outcome, OUTCOME_CREATED);
    ck_assert_ptr_eq(item->reply.at, item->created.at);
    ck_assert(item->record.at > item->reply.at && item->record.at < item->reply.at + item->reply.length);
    const struct span created = item->reply;

    item->record = arena_copy(arena, item->record);
    reply_compose(item, arena);
    ck_assert_ptr_ne(item->reply.at, created.at);
    ck_assert(span_equal(item->reply, created));

    const enum outcome outcomes[] = {OUTCOME_CREATED, OUTCOME_DUPLICATE};
    for (size_t i = 0; i < 2; i++) {
        item->outcome = outcomes[i];
        item->record = SPAN("{\"id\":\"stored\"}");
        reply_compose(item, arena);
        const struct span client = SPAN("\"client\":{\"id\":\"stored\"}}");
        ck_assert_ptr_nonnull(memmem(item->reply.at, item->reply.length, client.at, client.length));
        ck_assert_uint_lt(item->reply.length, created.length);
    }
}
END_TEST

/* ---- a batch within its room ---- */

#define BATCH_COMMANDS 1000

/* Fills a batch with commands of this value, decoded. */
static void fill_batch(struct batch *batch, struct span value)
{
    ck_assert_int_eq(batch_open(batch, BATCH_COMMANDS, BATCH_COMMANDS * value.length, value.length), 0);
    for (; batch->count < BATCH_COMMANDS; batch->count++) {
        struct item *item = &batch->items[batch->count];
        *item = (struct item){.from = {"clients.commands", 0, batch->count, EVALUATING_TIME}, .value = value};
        decode_item(item, evaluating.config, evaluating.evaluate.parser, &batch->arena);
        item->definitions = evaluating.definitions;
    }
}

/* What the checked items and their replies take of the arena. */
static size_t check_and_reply(struct batch *batch, size_t room, uint32_t *checked)
{
    const size_t before = batch->arena.used;
    *checked = check_batch(batch, evaluating.config, room);
    uint32_t left = *checked;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        if (left == 0) {
            ck_assert(item->outcome == OUTCOME_UNDECIDED && !item->record.at);
            continue;
        }
        left--;
        if (item->outcome == OUTCOME_UNDECIDED)
            item->outcome = OUTCOME_CREATED;
        reply_prepare(item, evaluating.config, &batch->arena);
    }
    ck_assert_uint_eq(left, 0);
    return batch->arena.used - before;
}

/* A hundred errors each, in 700 bytes; or errors whose paths are escapes in JSON. */
START_TEST(test_room_bounds_a_batch_of_many_errors)
{
    static const char *const names[] = {"k", "\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001"};
    const size_t room = (size_t)8 << 20;
    char value[8192];
    size_t length = (size_t)sprintf(value, "{" VALID);
    for (unsigned i = 0; i < 100; i++)
        length += (size_t)sprintf(value + length, ",\"%s%u\":1", names[_i], i);
    value[length++] = '}';
    struct batch batch;
    uint32_t checked;
    fill_batch(&batch, span_of(value, length));
    batch.items[1].custody = CUSTODY_REVOKED;
    const size_t taken = check_and_reply(&batch, room, &checked);
    ck_assert_uint_gt(checked, 10);
    ck_assert_uint_lt(checked, BATCH_COMMANDS / 2);
    ck_assert_uint_le(taken, room + room / 4);
    ck_assert_int_eq(batch.items[1].outcome, OUTCOME_UNDECIDED);
    batch_close(&batch);
}
END_TEST

START_TEST(test_room_is_enough_for_usual_commands)
{
    struct batch batch;
    uint32_t checked;
    fill_batch(&batch, SPAN("{" VALID ",\"customFields\":{\"n\":\"12.50\"}}"));
    const size_t taken = check_and_reply(&batch, (size_t)8 << 20, &checked);
    ck_assert_uint_eq(checked, BATCH_COMMANDS);
    ck_assert_uint_le(taken, (size_t)8 << 20);
    batch_close(&batch);
}
END_TEST

START_TEST(test_room_always_has_the_first_item)
{
    struct batch batch;
    fill_batch(&batch, SPAN("{" VALID "}"));
    batch.items[0].custody = CUSTODY_ANSWERED;
    ck_assert_uint_eq(check_batch(&batch, evaluating.config, 0), 1);
    ck_assert(batch.items[1].record.at && !batch.items[0].record.at && !batch.items[2].record.at);
    batch_close(&batch);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_evaluating, close_evaluating);
    tcase_add_test(tests, test_path);
    tcase_add_test(tests, test_longest_path);
    tcase_add_test(tests, test_hundred_violations_are_listed);
    tcase_add_test(tests, test_violation_bytes);
    tcase_add_test(tests, test_long_message);
    tcase_add_loop_test(tests, test_quote, 0, ROWS(quotes));
    tcase_add_test(tests, test_longest_quotes);
    tcase_add_test(tests, test_accepted);
    tcase_add_test(tests, test_rejected_before);
    tcase_add_loop_test(tests, test_largest, 0, ROWS(largest));
    tcase_add_test(tests, test_member_names);
    tcase_add_test(tests, test_spaces_of_names);
    tcase_add_test(tests, test_name_kinds);
    tcase_add_test(tests, test_key_table);
    tcase_add_test(tests, test_a_record_is_composed_within_its_reply);
    tcase_add_loop_test(tests, test_room_bounds_a_batch_of_many_errors, 0, 2);
    tcase_add_test(tests, test_room_is_enough_for_usual_commands);
    tcase_add_test(tests, test_room_always_has_the_first_item);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
