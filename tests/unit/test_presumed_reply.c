/* presumed_reply: what its two steps find is what reply_content_read finds in one. */
#include "tests/unit/evaluating.h"

#include <stdio.h>

#include "common/folder.h"
#include "tests/lib/quick_check.h"
#include "worker/replay/presumed_reply.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply.h"

#define DEFINITIONS "[{\"key\":\"t\",\"type\":\"text\"},{\"key\":\"n\",\"type\":\"number\"}]"
#define COMMAND                                                                                                        \
    "{\"commandId\":\"c\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","                          \
    "\"email\":\"a@b.example\",\"customFields\":{\"t\":\"\\u00e9\\n\\\"\\\\\",\"n\":\"007.50\"}}"
#define TOPIC     SPAN("clients.commands")
#define MUTATIONS 300000

static char folder[512];
static struct evaluating evaluating;
static struct json_parser *parser;
static struct arena arena;
static struct spill *spill;

static void open_all(void)
{
    char error[256] = "";
    ck_assert(folder_make_temporary("client-intake-presumed", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
    evaluating_open(&evaluating, DEFINITIONS, NULL);
    parser = json_parser_new((size_t)2 << 20);
    ck_assert_ptr_nonnull(parser);
    ck_assert_int_eq(arena_open(&arena, (size_t)256 << 20), 0);
}

static void close_all(void)
{
    arena_close(&arena);
    json_parser_free(parser);
    evaluating_close(&evaluating);
    spill_close(spill);
    folder_remove(folder);
}

static struct span created_reply(void)
{
    struct item *item = evaluating_item(&evaluating, COMMAND);
    evaluate_item(&evaluating.evaluate, item, &evaluating.batch.arena);
    ck_assert_int_eq(item->outcome, OUTCOME_CREATED);
    return item->reply;
}

/* Both steps. False if the value is no reply; *presumed tells whether that was for reply_content_read to tell. */
static bool read_in_steps(struct span value, struct reply_content *content, bool *presumed)
{
    struct recorded_reply entry = {.is_presumed = true};
    *presumed = presumed_reply_read(value, TOPIC, content);
    if (!*presumed)
        return false;
    entry.length = (uint32_t)content->content.length;
    ck_assert(spill_append(spill, content->content, &entry.at));
    const enum presumed_finding finding = presumed_reply_check(&entry, spill, parser, &arena);
    ck_assert_int_ne(finding, PRESUMED_FAILED);
    if (finding == PRESUMED_WRONG)
        return false;
    ck_assert(!entry.is_presumed);
    char *text = arena_alloc(&arena, entry.length);
    ck_assert(spill_read(spill, entry.at, text, entry.length));
    content->content = span_of(text, entry.length);
    const struct outcome_digest digest = outcome_digest_of(content->content);
    ck_assert_mem_eq(&digest, &entry.digest, sizeof(digest));
    return true;
}

/* True if the value was presumed to be a reply. */
static bool expect_the_same(struct span value)
{
    struct reply_content whole, stepped;
    bool presumed;
    arena_reset(&arena, 0);
    const bool is_reply = reply_content_read(value, parser, &arena, &whole);
    const bool is_stepped = read_in_steps(value, &stepped, &presumed);
    if (!presumed)
        return false;
    ck_assert_msg(is_reply == is_stepped, "%.*s", SPAN_FORMAT(value));
    if (!is_reply)
        return true;
    ck_assert(span_equal(whole.topic, stepped.topic) && whole.partition == stepped.partition &&
              whole.offset == stepped.offset && whole.kind == stepped.kind && whole.error == stepped.error &&
              whole.is_whole == stepped.is_whole && whole.is_refused_client == stepped.is_refused_client);
    ck_assert_msg(span_equal(whole.version, stepped.version) && span_equal(whole.content, stepped.content), "%.*s",
                  SPAN_FORMAT(value));
    return true;
}

START_TEST(a_created_client_is_presumed)
{
    ck_assert(expect_the_same(created_reply()));
}
END_TEST

#define HASH      "0123456789abcdef0123456789abcdef"
#define IDS       "{\"type\":\"client.created\",\"commandId\":\"c\",\"workspaceId\":\"w\""
#define PLACE     ",\"source\":{\"topic\":\"clients.commands\",\"partition\":1,\"offset\":2}"
#define VERSION   ",\"definitions\":\"" HASH "\""
#define BEGINNING IDS PLACE VERSION ",\"client\":"

struct row {
    const char *value;
    bool is_presumed;
};

static const struct row rows[] = {
    {BEGINNING "{}}", true},
    {BEGINNING "{\"a\":{}}}", true},
    /* what is presumed and is no reply */
    {BEGINNING "{\"a\":}}", true},
    {BEGINNING "{\"a\":1,\"a\":2}}", true},
    {BEGINNING "{\"\xff\":{}}}", true},
    {BEGINNING "{}}}", true},
    {BEGINNING "{},\"type\":{}}", true},
    {BEGINNING "{},\"commandId\":{}}", true},
    {BEGINNING "{},\"workspaceId\":{}}", true},
    {BEGINNING "{},\"source\":{}}", true},
    {BEGINNING "{},\"definitions\":{}}", true},
    {BEGINNING "{},\"client\":{}}", true},
    /* what is a reply, but whose client is shorter than presumed */
    {BEGINNING "{},\"more\":{}}", true},
    {BEGINNING "{\"a\":[]} ,\"more\": {\"b\":{}}}", true},
    /* other beginnings and ends */
    {"", false},
    {"{}", false},
    {BEGINNING, false},
    {BEGINNING "}", false},
    {BEGINNING "}}", false},
    {BEGINNING "[]}", false},
    {BEGINNING "{}} ", false},
    {" " BEGINNING "{}}", false},
    {BEGINNING " {}}", false},
    {"{\"type\":\"client.created\",\"workspaceId\":\"w\",\"commandId\":\"c\"" PLACE VERSION ",\"client\":{}}", false},
    {"{\"type\":\"client.created\",\"commandId\":\"c\"" PLACE VERSION ",\"client\":{}}", false},
    {"{\"type\":\"client.created\",\"commandId\":\"\\u0063\",\"workspaceId\":\"w\"" PLACE VERSION ",\"client\":{}}",
     false},
    {"{\"type\":\"client.created\",\"commandId\":\"\xc3\xa9\",\"workspaceId\":\"w\"" PLACE VERSION ",\"client\":{}}",
     false},
    {IDS PLACE ",\"client\":{}}", false},
    {IDS PLACE ",\"definitions\":\"0\",\"client\":{}}", false},
    {IDS ",\"source\":{\"topic\":\"other\",\"partition\":1,\"offset\":2}" VERSION ",\"client\":{}}", false},
    {IDS ",\"source\":{\"topic\":\"clients.commands2\",\"partition\":1,\"offset\":2}" VERSION ",\"client\":{}}", false},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":01,\"offset\":2}" VERSION ",\"client\":{}}", false},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":,\"offset\":2}" VERSION ",\"client\":{}}", false},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":-1,\"offset\":2}" VERSION ",\"client\":{}}", false},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":2147483648,\"offset\":2}" VERSION ",\"client\":{}}",
     false},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":0,\"offset\":9223372036854775808}" VERSION
         ",\"client\":{}}",
     false},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":2147483647,\"offset\":9223372036854775807}" VERSION
         ",\"client\":{}}",
     true},
    {IDS ",\"source\":{\"topic\":\"clients.commands\",\"partition\":0,\"offset\":0}" VERSION ",\"client\":{}}", true},
};

START_TEST(a_reply_is_read_in_two_steps_as_in_one)
{
    ck_assert_msg(expect_the_same(span_of_text(rows[_i].value)) == rows[_i].is_presumed, "%s", rows[_i].value);
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Any byte, or a part of the reply, in the place of another one. */
static struct span mutated(struct span value, char *text, uint64_t *seed)
{
    static const char frequent[] = "{}\"\\,:0 [";
    const size_t at = next_random(seed) % value.length, from = next_random(seed) % value.length;
    size_t length = value.length;
    memcpy(text, value.at, length);
    switch (next_random(seed) % 4) {
    case 0:
        text[at] = (char)next_random(seed);
        break;
    case 1:
        text[at] = frequent[next_random(seed) % (sizeof(frequent) - 1)];
        break;
    case 2: /* left out */
        memmove(text + at, text + at + 1, length - at - 1);
        length--;
        break;
    default: { /* a part twice */
        const size_t some = next_random(seed) % (value.length - from) + 1;
        memmove(text + at + some, text + at, length - at);
        memcpy(text + at, value.at + from, some);
        length += some;
    }
    }
    return span_of(text, length);
}

START_TEST(a_damaged_reply_is_read_in_two_steps_as_in_one)
{
    static char text[65536];
    const struct span value = created_reply();
    uint64_t seed = 1, presumed = 0;
    ck_assert_uint_le(2 * value.length, sizeof(text));
    for (int i = 0; i < MUTATIONS; i++)
        presumed += expect_the_same(mutated(value, text, &seed));
    ck_assert_uint_gt(presumed, MUTATIONS / 10);
    ck_assert_uint_lt(presumed, MUTATIONS / 10 * 9);
}
END_TEST

START_TEST(content_that_cannot_be_read_is_a_failure)
{
    struct recorded_reply entry = {.is_presumed = true, .at = 1000, .length = 10};
    ck_assert_int_eq(presumed_reply_check(&entry, spill, parser, &arena), PRESUMED_FAILED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("presumed_reply");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_created_client_is_presumed);
    tcase_add_loop_test(tests, a_reply_is_read_in_two_steps_as_in_one, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tests, a_damaged_reply_is_read_in_two_steps_as_in_one);
    tcase_add_test(tests, content_that_cannot_be_read_is_a_failure);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
