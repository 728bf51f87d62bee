/* trace_context: what follows the grammar of W3C's Trace Context is read, and nothing else. */
#include "tests/unit/evaluating.h"

#include "worker/tracing/trace_context.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static const struct {
    const char *text;
    int flags;
} valid[] = {
    {"00-" TRACE "-" PARENT "-01", TRACE_FLAG_SAMPLED},
    {"00-" TRACE "-" PARENT "-00", 0},
    {"00-" TRACE "-" PARENT "-03", TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM},
    {"00-" TRACE "-" PARENT "-ff", TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM}, /* the other bits have no meaning yet */
    {"cc-" TRACE "-" PARENT "-01", TRACE_FLAG_SAMPLED},
    {"01-" TRACE "-" PARENT "-01-what a later version has", TRACE_FLAG_SAMPLED},
    {"01-" TRACE "-" PARENT "-01-", TRACE_FLAG_SAMPLED},
};

START_TEST(a_valid_traceparent_is_read)
{
    static const unsigned char trace[] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                          0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
    static const unsigned char parent[] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};
    struct trace_context context;
    ck_assert_msg(trace_context_read(span_of_text(valid[_i].text), &context), "%s", valid[_i].text);
    ck_assert_mem_eq(context.trace, trace, sizeof(trace));
    ck_assert_mem_eq(context.span, parent, sizeof(parent));
    ck_assert_int_eq(context.flags, valid[_i].flags);
}
END_TEST

static const char *const invalid[] = {
    "",
    "0",
    "00-" TRACE "-" PARENT "-0",
    "00-" TRACE "-" PARENT "-01 ",
    " 00-" TRACE "-" PARENT "-01",
    "00-" TRACE "-" PARENT "-01-more",
    "00-" TRACE "-" PARENT "-01-",
    "01-" TRACE "-" PARENT "-01.",
    "ff-" TRACE "-" PARENT "-01",
    "FF-" TRACE "-" PARENT "-01",
    "0x-" TRACE "-" PARENT "-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
    "00-" TRACE "-00F067AA0BA902B7-01",
    "00-00000000000000000000000000000000-" PARENT "-01",
    "00-" TRACE "-0000000000000000-01",
    "00-" TRACE "-" PARENT "-0G",
    "00_" TRACE "-" PARENT "-01",
    "00-" TRACE "_" PARENT "-01",
    "00-" TRACE "-" PARENT "_01",
    "00-" TRACE "-" PARENT "01-",
    "00-4bf92f3577b34da6a3ce929d0e0e473\xc3-" PARENT "-01",
};

START_TEST(an_invalid_traceparent_is_none)
{
    struct trace_context context;
    ck_assert_msg(!trace_context_read(span_of_text(invalid[_i]), &context), "%s", invalid[_i]);
}
END_TEST

/* The bytes are at the end of a block, so that a reader which goes too far is noticed by a sanitizer. */
START_TEST(every_part_of_a_traceparent_is_invalid)
{
    static const char whole[] = "00-" TRACE "-" PARENT "-01";
    struct trace_context context;
    for (size_t length = 0; length < sizeof(whole) - 1; length++) {
        char *part = malloc(length + 1);
        memcpy(part + 1, whole, length);
        ck_assert(!trace_context_read(span_of(part + 1, length), &context));
        free(part);
    }
    /* A NUL is no end. */
    ck_assert(!trace_context_read(span_of(whole, sizeof(whole)), &context));
}
END_TEST

static const char *const states[] = {
    "a=b",
    "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    "a=1, b=2 ,\tc=3",
    ",a=1,,",
    "0a-_*/@b=x y",
    "tenant@sys=!",
    "a=\"quoted\\\"",
};

START_TEST(a_valid_tracestate_is_kept)
{
    ck_assert_msg(trace_state_is_valid(span_of_text(states[_i])), "%s", states[_i]);
}
END_TEST

static const char *const no_states[] = {
    "", " ", ",", "a", "a=", "=b", "A=b", "-a=b", "a=b=c", "a=b,c", "a b=c", "a=\x01", "a=\x7f", "a=\xc3\xa9", "a=b\n",
};

START_TEST(an_invalid_tracestate_is_none)
{
    ck_assert_msg(!trace_state_is_valid(span_of_text(no_states[_i])), "%s", no_states[_i]);
}
END_TEST

START_TEST(a_tracestate_has_its_limits)
{
    char text[2 * TRACE_STATE_BYTES] = "";
    size_t length = 0;
    for (int members = 1; members <= 33; members++) {
        length += (size_t)sprintf(text + length, "%sk%d=v", members > 1 ? "," : "", members);
        ck_assert_int_eq(trace_state_is_valid(span_of(text, length)), members <= 32);
    }
    /* a key and a value of 255 characters: 511 bytes; then values that are longer */
    for (size_t value = 255; value <= 258; value++) {
        memset(text, 'k', 255);
        text[255] = '=';
        memset(text + 256, 'v', value);
        ck_assert_int_eq(trace_state_is_valid(span_of(text, 256 + value)), value <= 256);
    }
    memset(text, 'k', 257);
    text[257] = '=';
    text[258] = 'v';
    ck_assert(!trace_state_is_valid(span_of(text, 259)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_context");
    TCase *tests = tcase_create("trace_context");
    tcase_add_loop_test(tests, a_valid_traceparent_is_read, 0, COUNT(valid));
    tcase_add_loop_test(tests, an_invalid_traceparent_is_none, 0, COUNT(invalid));
    tcase_add_test(tests, every_part_of_a_traceparent_is_invalid);
    tcase_add_loop_test(tests, a_valid_tracestate_is_kept, 0, COUNT(states));
    tcase_add_loop_test(tests, an_invalid_tracestate_is_none, 0, COUNT(no_states));
    tcase_add_test(tests, a_tracestate_has_its_limits);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
