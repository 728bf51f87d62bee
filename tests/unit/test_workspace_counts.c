/* workspace_counts: whatever goes to the spill, the workspaces with the most changes are those of a plain count. */
#include "tests/unit/evaluating.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/folder.h"
#include "tests/unit/colliding_names.h"
#include "worker/replay/workspace_counts.h"

#define WORKSPACES 300
#define COMMANDS   20000
#define ROOM       20

static char folder[512];
static struct spill *spill;
static struct workspace_counts *counts;

static void open_spill(void)
{
    char error[256] = "";
    ck_assert(folder_make_temporary("client-intake-counts", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
}

static void close_spill(void)
{
    workspace_counts_free(counts);
    spill_close(spill);
    folder_remove(folder);
}

static void open_counts(uint32_t most)
{
    workspace_counts_free(counts);
    counts = workspace_counts_new(spill, most);
    ck_assert_ptr_nonnull(counts);
}

static void add(struct span workspace, enum replay_class class, uint32_t then, uint32_t now)
{
    const struct comparison comparison = {.class = class, .then = then, .now = now};
    ck_assert(workspace_counts_add(counts, workspace, &comparison));
}

static void add_changed(const char *workspace, int times)
{
    while (times-- > 0)
        add(span_of_text(workspace), CLASS_NOW_REJECTED, VERDICT_CREATED, VERDICT_REJECTED + ERROR_VALIDATION_FAILED);
}

/* The names of the first ones, with spaces between. */
static const char *top_names(uint32_t room)
{
    static char text[4096];
    struct workspace_count top[ROOM];
    uint32_t count;
    size_t length = 0;
    text[0] = '\0';
    ck_assert(workspace_counts_top(counts, top, room, &count));
    ck_assert_uint_le(count, room);
    for (uint32_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%.*s", i > 0 ? " " : "", (int)top[i].length,
                                   top[i].name);
    return text;
}

/* In memory, and in runs of one and of two workspaces. */
static const uint32_t mosts[] = {1000, 1, 2, 0};

START_TEST(most_changes_come_first)
{
    open_counts(mosts[_i]);
    add_changed("few", 1);
    add_changed("many", 3);
    add_changed("some", 2);
    add_changed("few", 1);
    add_changed("many", 3);
    add_changed("some", 1);
    ck_assert_str_eq(top_names(ROOM), "many some few");
}
END_TEST

START_TEST(equal_ones_come_by_name)
{
    static const char *const names[] = {"b", "a.a", "B", "a", "ab", "0", "a-", "b0"};
    open_counts(mosts[_i]);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_changed(names[i], 2);
    ck_assert_str_eq(top_names(ROOM), "0 B a a- a.a ab b b0");
}
END_TEST

START_TEST(the_room_is_enough_for_the_first_ones)
{
    open_counts(mosts[_i]);
    for (int i = 1; i <= 9; i++)
        add_changed((char[]){(char)('0' + i), '\0'}, i);
    ck_assert_str_eq(top_names(3), "9 8 7");
}
END_TEST

START_TEST(no_room_is_no_workspace)
{
    open_counts(mosts[_i]);
    add_changed("a", 1);
    add_changed("b", 1);
    ck_assert_str_eq(top_names(0), "");
}
END_TEST

/* The same outcome is no change; all other classes are. */
START_TEST(what_is_the_same_is_not_listed)
{
    open_counts(mosts[_i]);
    for (int i = 0; i < 100; i++)
        add(SPAN("same"), CLASS_SAME, VERDICT_CREATED, VERDICT_CREATED);
    for (int class = 0; class < CLASSES; class ++)
        add(span_of_text(replay_class_text((enum replay_class) class)), (enum replay_class) class, 0, 0);
    ck_assert_str_eq(top_names(ROOM), "errors_changed now_rejected now_valid unknown value_changed");
}
END_TEST

START_TEST(nothing_counted_is_nothing)
{
    open_counts(mosts[_i]);
    ck_assert_str_eq(top_names(ROOM), "");
}
END_TEST

/* A command without a usable workspace is counted under an empty name, beside a workspace of the longest name. */
START_TEST(no_workspace_is_counted)
{
    char longest[WORKSPACE_ID_CHARACTERS];
    struct workspace_count top[ROOM];
    uint32_t count;
    memset(longest, 'w', sizeof(longest));
    open_counts(mosts[_i]);
    for (int i = 0; i < 2; i++) {
        add(SPAN_NONE, CLASS_UNKNOWN, VERDICT_NONE, VERDICT_CREATED);
        add(span_of(longest, sizeof(longest)), CLASS_NOW_VALID, VERDICT_NONE, VERDICT_CREATED);
        add(SPAN(""), CLASS_UNKNOWN, VERDICT_NONE, VERDICT_CREATED);
    }
    ck_assert(workspace_counts_top(counts, top, ROOM, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(top[0].length, 0);
    ck_assert_uint_eq(top[0].classes[CLASS_UNKNOWN], 4);
    ck_assert_uint_eq(top[1].length, sizeof(longest));
    ck_assert_mem_eq(top[1].name, longest, sizeof(longest));
    ck_assert_uint_eq(top[1].now[VERDICT_CREATED], 2);
}
END_TEST

/* ---- Against a plain count ---- */

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int by_changes(const void *a, const void *b)
{
    const struct workspace_count *left = a, *right = b;
    const uint64_t more = workspace_count_changed(left), less = workspace_count_changed(right);
    if (more != less)
        return more > less ? -1 : 1;
    return strncmp(left->name, right->name, WORKSPACE_ID_CHARACTERS);
}

static void count_plainly(struct workspace_count *plain, const char *name, const struct comparison *comparison)
{
    plain->length = (uint32_t)strlen(name);
    memcpy(plain->name, name, plain->length);
    plain->classes[comparison->class]++;
    plain->then[comparison->then]++;
    plain->now[comparison->now]++;
}

static void expect_counts(const struct workspace_count *found, const struct workspace_count *expected)
{
    ck_assert_uint_eq(found->length, expected->length);
    ck_assert_mem_eq(found->name, expected->name, found->length);
    ck_assert_mem_eq(found->classes, expected->classes, sizeof(found->classes));
    ck_assert_mem_eq(found->then, expected->then, sizeof(found->then));
    ck_assert_mem_eq(found->now, expected->now, sizeof(found->now));
}

static const uint32_t many[] = {1, 2, 3, 7, 16, 100, WORKSPACES - 1, WORKSPACES, WORKSPACES + 1};

START_TEST(runs_merge_to_a_plain_count)
{
    static struct workspace_count plain[WORKSPACES];
    struct workspace_count top[ROOM];
    uint64_t state = 88172645463325252u + (uint64_t)_i;
    uint32_t count;
    open_counts(many[_i]);
    for (int i = 0; i < COMMANDS; i++) {
        char name[16];
        /* Few workspaces come often. */
        const unsigned number = (unsigned)(random_next(&state) % WORKSPACES * (random_next(&state) % 4 + 1) / 4);
        const struct comparison comparison = {.class = (enum replay_class)(random_next(&state) % CLASSES),
                                              .then = (uint32_t)(random_next(&state) % VERDICTS),
                                              .now = (uint32_t)(random_next(&state) % VERDICTS)};
        snprintf(name, sizeof(name), "w%x", number * 7919 % 1021);
        ck_assert(workspace_counts_add(counts, span_of_text(name), &comparison));
        count_plainly(&plain[number], name, &comparison);
    }
    qsort(plain, WORKSPACES, sizeof(plain[0]), by_changes);
    ck_assert(workspace_counts_top(counts, top, ROOM, &count));
    ck_assert_uint_eq(count, ROOM);
    for (uint32_t i = 0; i < ROOM; i++)
        expect_counts(&top[i], &plain[i]);
}
END_TEST

/* A full disk is an error with its reason. */
START_TEST(a_full_spill_is_an_error)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    const struct comparison comparison = {.class = CLASS_UNKNOWN};
    open_counts(1);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    bool ok = true;
    for (int i = 0; ok && i < 100000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        errno = 0;
        ok = workspace_counts_add(counts, span_of_text(name), &comparison);
    }
    ck_assert(!ok);
    ck_assert_int_eq(errno, EFBIG);
}
END_TEST

static double add_all(void name_write(unsigned number, char name[COLLIDING_NAME_SIZE]))
{
    open_counts(COLLIDING_NAMES);
    const double began = cpu_seconds();
    for (unsigned i = 0; i < 3 * COLLIDING_NAMES; i++) {
        char name[COLLIDING_NAME_SIZE];
        name_write(i % COLLIDING_NAMES, name);
        add_changed(name, 1);
    }
    return cpu_seconds() - began;
}

START_TEST(names_that_collide_cost_no_more)
{
    const double usual = add_all(usual_name_write), colliding = add_all(colliding_name_write);
    ck_assert_msg(colliding < 3 * usual + 0.02, "%.1f ms, of others %.1f ms", colliding * 1000, usual * 1000);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("workspace_counts");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_spill, close_spill);
    tcase_add_loop_test(tests, most_changes_come_first, 0, COUNT(mosts));
    tcase_add_loop_test(tests, equal_ones_come_by_name, 0, COUNT(mosts));
    tcase_add_loop_test(tests, the_room_is_enough_for_the_first_ones, 0, COUNT(mosts));
    tcase_add_loop_test(tests, no_room_is_no_workspace, 0, COUNT(mosts));
    tcase_add_loop_test(tests, what_is_the_same_is_not_listed, 0, COUNT(mosts));
    tcase_add_loop_test(tests, nothing_counted_is_nothing, 0, COUNT(mosts));
    tcase_add_loop_test(tests, no_workspace_is_counted, 0, COUNT(mosts));
    tcase_add_loop_test(tests, runs_merge_to_a_plain_count, 0, COUNT(many));
    tcase_add_test(tests, a_full_spill_is_an_error);
    tcase_add_test(tests, names_that_collide_cost_no_more);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
