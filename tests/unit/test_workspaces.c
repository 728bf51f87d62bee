/* The workspaces of the last minute: the sketch's bounds, the window, workspaces that take more than their share, and
 * what a thread shows. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/metrics/metrics.h"
#include "worker/metrics/thread_board.h"
#include "worker/model/batch.h"

#define KEYS_MOST 2000

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % bound);
}

/* ---- the sketch ---- */

static struct workspace_sketch sketch;

static struct span name_of(uint32_t number, char name[32])
{
    snprintf(name, 32, "workspace-%u", number);
    return span_of_text(name);
}

static bool key_is(const struct sketch_key *key, int32_t partition, struct span name)
{
    return key->partition == partition && span_equal(span_of(key->workspace, key->length), name);
}

/* The index of the key's counter, or SKETCH_COUNTERS. */
static uint32_t counter_of(int32_t partition, struct span name)
{
    uint32_t found = SKETCH_COUNTERS;
    for (uint32_t i = 0; i < sketch.used; i++) {
        if (!key_is(&sketch.keys[i], partition, name))
            continue;
        ck_assert_msg(found == SKETCH_COUNTERS, "%s has two counters", name.at);
        found = i;
    }
    return found;
}

START_TEST(a_few_workspaces_are_counted_exactly)
{
    workspace_sketch_clear(&sketch);
    for (int i = 0; i < 1000; i++) {
        workspace_sketch_add(&sketch, 3, SPAN("acme"), 2);
        workspace_sketch_add(&sketch, 4, SPAN("acme"), 1);
        workspace_sketch_add(&sketch, 3, SPAN_NONE, 1);
    }
    ck_assert_uint_eq(sketch.used, 3);
    ck_assert_uint_eq(sketch.total, 4000);
    ck_assert_uint_eq(sketch.counts[counter_of(3, SPAN("acme"))], 2000);
    ck_assert_uint_eq(sketch.counts[counter_of(4, SPAN("acme"))], 1000);
    ck_assert_uint_eq(sketch.counts[counter_of(3, SPAN(""))], 1000);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_cut)
{
    char name[200];
    memset(name, 'a', sizeof(name));
    workspace_sketch_clear(&sketch);
    workspace_sketch_add(&sketch, 0, span_of(name, sizeof(name)), 1);
    ck_assert_uint_eq(sketch.keys[0].length, WORKSPACE_ID_CHARACTERS);
}
END_TEST

/* How a stream chooses its next key. */
static uint32_t uniform(uint32_t keys, uint32_t step)
{
    (void)step;
    return random_below(keys);
}

/* A few keys have most: the smaller of many draws. */
static uint32_t skewed(uint32_t keys, uint32_t step)
{
    uint32_t key = uniform(keys, step);
    for (int i = 0; i < 4; i++) {
        uint32_t other = random_below(keys);
        key = other < key ? other : key;
    }
    return key;
}

/* The worst for a sketch: as soon as a key has a counter, another one comes. */
static uint32_t in_turn(uint32_t keys, uint32_t step)
{
    return step % keys;
}

/* Heavy keys first, so that every later one has to take over the smallest counter again and again. */
static uint32_t heavy_first(uint32_t keys, uint32_t step)
{
    return step < 127 * 40 ? step % 127 : 127 + step % (keys > 127 ? keys - 127 : 1);
}

static void check_bounds(uint32_t keys, const uint64_t *truth, uint64_t total)
{
    ck_assert_uint_eq(sketch.total, total);
    for (uint32_t key = 0; key < keys; key++) {
        char name[32];
        uint32_t counter = counter_of((int32_t)(key % 5), name_of(key, name));
        if (counter == SKETCH_COUNTERS) {
            ck_assert_msg(truth[key] * SKETCH_COUNTERS <= total, "%s has no counter, but %lu of %lu", name,
                          (unsigned long)truth[key], (unsigned long)total);
            continue;
        }
        ck_assert_uint_ge(sketch.counts[counter], truth[key]);
        ck_assert_uint_le(sketch.counts[counter] - sketch.errors[counter], truth[key]);
        ck_assert_uint_le((uint64_t)sketch.errors[counter] * SKETCH_COUNTERS, total);
    }
}

START_TEST(a_count_is_never_off_by_more_than_the_bound)
{
    uint32_t (*const streams[])(uint32_t, uint32_t) = {uniform, skewed, in_turn, heavy_first};
    static const uint32_t sizes[] = {1, 100, 128, 129, 300, KEYS_MOST};
    static uint64_t truth[KEYS_MOST];
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            uint64_t total = 0;
            random_state = 17 * i + j;
            memset(truth, 0, sizeof(truth));
            workspace_sketch_clear(&sketch);
            for (uint32_t step = 0; step < 20000; step++) {
                char name[32];
                uint32_t key = streams[i](sizes[j], step) % sizes[j], amount = 1 + random_below(3);
                workspace_sketch_add(&sketch, (int32_t)(key % 5), name_of(key, name), amount);
                truth[key] += amount;
                total += amount;
                if (step == 200 || step == 5000)
                    check_bounds(sizes[j], truth, total);
            }
            check_bounds(sizes[j], truth, total);
        }
    }
}
END_TEST

/* ---- the window ---- */

static struct workspace_window *window;
static struct workspace_rows rows;

static void open_window(void)
{
    ck_assert_ptr_nonnull(window = workspace_window_new());
}

static void close_window(void)
{
    workspace_window_free(window);
}

static struct item command(int32_t partition, const char *workspace, enum outcome outcome)
{
    struct item item = {.from.partition = partition, .outcome = outcome};
    if (workspace)
        item.workspace = span_of_text(workspace);
    if (outcome == OUTCOME_REJECTED)
        item.error = ERROR_VALIDATION_FAILED;
    return item;
}

static void count(int64_t clock_ms, int times, int32_t partition, const char *workspace, enum outcome outcome)
{
    struct item *items = calloc((size_t)times, sizeof(*items));
    for (int i = 0; i < times; i++)
        items[i] = command(partition, workspace, outcome);
    const struct batch batch = {.items = items, .count = (uint32_t)times};
    workspace_window_count(window, &batch, clock_ms);
    free(items);
}

static void ck_row(size_t index, int32_t partition, const char *workspace, uint64_t expected)
{
    ck_assert_uint_lt(index, rows.count);
    ck_assert_msg(key_is(&rows.rows[index].key, partition, span_of_text(workspace)) &&
                      rows.rows[index].count == expected,
                  "row %zu is %d %.*s %lu", index, rows.rows[index].key.partition, rows.rows[index].key.length,
                  rows.rows[index].key.workspace, (unsigned long)rows.rows[index].count);
}

START_TEST(commands_and_rejections_are_counted_by_workspace_and_partition)
{
    struct item items[] = {
        command(0, "acme", OUTCOME_CREATED),   command(0, "acme", OUTCOME_REJECTED),
        command(0, "globex", OUTCOME_CREATED), command(0, "acme", OUTCOME_CREATED),
        command(1, "acme", OUTCOME_REJECTED),  command(1, NULL, OUTCOME_REJECTED),
        command(1, "acme", OUTCOME_DUPLICATE), command(1, "acme", OUTCOME_CREATED),
    };
    items[7].custody = CUSTODY_REVOKED;
    const struct batch batch = {.items = items, .count = 8};
    workspace_window_count(window, &batch, 5000);
    workspace_window_read(window, WINDOW_COMMANDS, 5000, &rows);
    ck_assert_uint_eq(rows.count, 4);
    ck_assert_uint_eq(rows.total, 7);
    ck_row(0, 0, "acme", 3);
    ck_row(1, 1, "acme", 2);
    ck_row(2, 1, "", 1);
    ck_row(3, 0, "globex", 1);
    workspace_window_read(window, WINDOW_REJECTIONS, 5000, &rows);
    ck_assert_uint_eq(rows.count, 3);
    ck_row(0, 1, "", 1);
    ck_row(1, 0, "acme", 1);
    ck_row(2, 1, "acme", 1);
    workspace_window_read(window, WINDOW_PARTITIONS, 5000, &rows);
    ck_assert_uint_eq(rows.count, 2);
    ck_row(0, 0, "", 4);
    ck_row(1, 1, "", 3);
}
END_TEST

START_TEST(what_is_older_than_a_minute_is_gone)
{
    count(0, 10, 0, "old", OUTCOME_CREATED);
    count(9999, 5, 0, "old", OUTCOME_CREATED);
    count(10000, 3, 0, "new", OUTCOME_CREATED);
    workspace_window_read(window, WINDOW_COMMANDS, 59999, &rows);
    ck_row(0, 0, "old", 15);
    ck_row(1, 0, "new", 3);
    workspace_window_read(window, WINDOW_COMMANDS, 60000, &rows);
    ck_assert_uint_eq(rows.count, 1);
    ck_row(0, 0, "new", 3);
    count(60000, 1, 0, "newest", OUTCOME_CREATED); /* in the place of the first slot */
    workspace_window_read(window, WINDOW_COMMANDS, 60001, &rows);
    ck_assert_uint_eq(rows.total, 4);
    workspace_window_read(window, WINDOW_COMMANDS, 600000, &rows);
    ck_assert_uint_eq(rows.count, 0);
}
END_TEST

START_TEST(windows_are_merged_by_workspace)
{
    struct workspace_row list[] = {{{.partition = 1, .length = 1, .workspace = "b"}, 5, 1},
                                   {{.partition = 1, .length = 1, .workspace = "a"}, 4, 0},
                                   {{.partition = 2, .length = 1, .workspace = "a"}, 3, 0},
                                   {{.partition = 2, .length = 1, .workspace = "a"}, 2, 2},
                                   {{.partition = 9, .length = 2, .workspace = "ab"}, 1, 0}};
    ck_assert_uint_eq(workspace_rows_merge(list, 5, true), 3);
    ck_assert_mem_eq(list[0].key.workspace, "a", 2);
    ck_assert_int_eq(list[0].key.partition, 2); /* 5 of its 9 */
    ck_assert_uint_eq(list[0].count, 9);
    ck_assert_uint_eq(list[0].error, 2);
    ck_assert_mem_eq(list[1].key.workspace, "b", 2);
    ck_assert_mem_eq(list[2].key.workspace, "ab", 3);
}
END_TEST

START_TEST(a_window_of_many_workspaces_keeps_its_bounds)
{
    static uint64_t truth[KEYS_MOST];
    uint64_t total = 0;
    random_state = 5;
    memset(truth, 0, sizeof(truth));
    for (int64_t clock_ms = 100000; clock_ms < 160000; clock_ms += 10) {
        char name[32];
        uint32_t key = skewed(KEYS_MOST, 0);
        name_of(key, name);
        count(clock_ms, 1, 0, name, OUTCOME_CREATED);
        truth[key]++;
        total++;
    }
    workspace_window_read(window, WINDOW_COMMANDS, 159999, &rows);
    ck_assert_uint_eq(rows.total, total);
    for (size_t i = 0; i < rows.count; i++) {
        char name[WORKSPACE_ID_CHARACTERS + 1] = "";
        memcpy(name, rows.rows[i].key.workspace, rows.rows[i].key.length);
        uint64_t true_count = truth[strtoul(name + strlen("workspace-"), NULL, 10)], counted = rows.rows[i].count;
        ck_assert_uint_le(counted - rows.rows[i].error, true_count);
        /* Each slot has added at most its bound, or left out at most its bound. */
        ck_assert_uint_le(counted, true_count + total / SKETCH_COUNTERS);
        ck_assert_uint_le(true_count, counted + total / SKETCH_COUNTERS);
    }
}
END_TEST

/* ---- workspaces that take more than their share ---- */

static struct noisy_workspaces *noisy;
static struct noisy_workspace noisy_list[NOISY_MOST];
static char log_folder[] = "/tmp/test_workspaces.XXXXXX";
static char log_path[64];

static void open_noisy(void)
{
    open_window();
    ck_assert_ptr_nonnull(noisy = noisy_workspaces_new());
    ck_assert_ptr_nonnull(mkdtemp(log_folder));
    snprintf(log_path, sizeof(log_path), "%s/log", log_folder);
    ck_assert_ptr_nonnull(freopen(log_path, "w", stderr));
}

static void close_noisy(void)
{
    unlink(log_path);
    rmdir(log_folder);
    noisy_workspaces_free(noisy);
    close_window();
}

/* How many lines the log has, and the last of them. */
static int log_lines(char last[512])
{
    int lines = 0;
    FILE *in = fopen(log_path, "r");
    ck_assert_ptr_nonnull(in);
    while (fgets(last, 512, in))
        lines++;
    fclose(in);
    return lines;
}

static void look(int64_t clock_ms, int32_t partition, double oldest_seconds)
{
    const struct partition_lag lags[] = {{99, 0, 0}, {partition, 500, oldest_seconds}};
    noisy_workspaces_look(noisy, window, "commands", lags, 2, clock_ms, 1000000 + clock_ms);
}

START_TEST(a_noisy_workspace_is_logged_once_and_shown_with_its_share)
{
    char line[512] = "";
    count(1000, 1500, 2, "loud", OUTCOME_CREATED);
    count(1000, 500, 2, "quiet", OUTCOME_CREATED);
    count(1000, 9000, 3, "elsewhere", OUTCOME_CREATED); /* nothing waits there */
    look(2000, 2, 12.5);
    ck_assert_int_eq(log_lines(line), 1);
    ck_assert_msg(strstr(line, "level=warning event=\"a workspace takes more than its share of a partition\" "
                               "topic=commands partition=2 workspace=loud percent=75 commands=1500 lag=500 "
                               "oldest_seconds=12\n") != NULL,
                  "%s", line);
    ck_assert_uint_eq(noisy_workspaces_read(noisy, 2000, noisy_list), 1);
    ck_assert(key_is(&noisy_list[0].key, 2, SPAN("loud")));
    ck_assert_uint_eq(noisy_list[0].percent, 75);
    ck_assert_int_eq(noisy_list[0].since_ms, 1002000);
    look(12000, 2, 22.5);
    look(22000, 2, 32.5);
    ck_assert_int_eq(log_lines(line), 1);
    ck_assert_uint_eq(noisy_workspaces_read(noisy, 52000, noisy_list), 1);
    ck_assert_uint_eq(noisy_workspaces_read(noisy, 52001, noisy_list), 0);
}
END_TEST

START_TEST(it_is_logged_again_only_after_minutes_of_quiet)
{
    char line[512];
    count(1000, 1500, 2, "loud", OUTCOME_CREATED);
    look(2000, 2, 12);
    count(200000, 1500, 2, "loud", OUTCOME_CREATED);
    look(201000, 2, 12);
    count(500000, 1500, 2, "loud", OUTCOME_CREATED);
    look(500999, 2, 12); /* 299.999 s later */
    ck_assert_int_eq(log_lines(line), 1);
    count(801000, 1500, 2, "loud", OUTCOME_CREATED);
    look(801000, 2, 12);
    ck_assert_int_eq(log_lines(line), 2);
}
END_TEST

START_TEST(what_is_not_noisy_is_not_logged)
{
    char line[512];
    static const struct {
        int loud, others;
        double oldest_seconds;
    } cases[] = {
        {5000, 0, 9.9},     /* nothing waits for long */
        {1000, 1000, 60},   /* a half is not more than a half */
        {999, 0, 60},       /* too few to tell */
        {40000, 50000, 60}, /* less than a half */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t clock_ms = 1000000 * (int64_t)(i + 1);
        count(clock_ms, cases[i].loud, 2, "loud", OUTCOME_CREATED);
        for (int j = 0; j < 10 && cases[i].others > 0; j++) {
            char name[32];
            name_of((uint32_t)j, name);
            count(clock_ms, cases[i].others / 10, 2, name, OUTCOME_CREATED);
        }
        look(clock_ms, 2, cases[i].oldest_seconds);
        ck_assert_msg(log_lines(line) == 0, "case %zu: %s", i, line);
        ck_assert_uint_eq(noisy_workspaces_read(noisy, clock_ms, noisy_list), 0);
    }
    count(5000000, 5000, 2, NULL, OUTCOME_REJECTED); /* it has no name to report */
    look(5000000, 2, 60);
    ck_assert_int_eq(log_lines(line), 0);
}
END_TEST

/* It has taken over a counter, so that its count is far above what is certain. */
START_TEST(what_is_not_certain_is_not_noisy)
{
    char line[512];
    for (uint32_t i = 0; i < SKETCH_COUNTERS; i++) {
        char name[32];
        name_of(i, name);
        count(1000, 1000, 0, name, OUTCOME_CREATED);
    }
    count(1000, NOISY_COMMANDS - 1, 2, "late", OUTCOME_CREATED);
    workspace_window_read(window, WINDOW_COMMANDS, 1000, &rows);
    ck_row(0, 2, "late", 1000 + NOISY_COMMANDS - 1);
    look(2000, 2, 60);
    ck_assert_int_eq(log_lines(line), 0);
}
END_TEST

START_TEST(few_are_logged_per_minute_and_the_others_later)
{
    char line[512];
    struct partition_lag lags[6];
    for (int32_t i = 0; i < 6; i++) {
        char name[32];
        name_of((uint32_t)i, name);
        lags[i] = (struct partition_lag){i, 100, 60};
        count(120000, 2000, i, name, OUTCOME_CREATED);
    }
    noisy_workspaces_look(noisy, window, "commands", lags, 6, 120000, 1);
    ck_assert_int_eq(log_lines(line), NOISY_LOGGED);
    noisy_workspaces_look(noisy, window, "commands", lags, 6, 170000, 1);
    ck_assert_int_eq(log_lines(line), NOISY_LOGGED);
    count(180000, 2000, 4, "workspace-4", OUTCOME_CREATED);
    count(180000, 2000, 5, "workspace-5", OUTCOME_CREATED);
    noisy_workspaces_look(noisy, window, "commands", lags, 6, 180000, 1);
    ck_assert_int_eq(log_lines(line), 6);
}
END_TEST

START_TEST(it_is_due_every_ten_seconds)
{
    ck_assert(noisy_workspaces_are_due(noisy, 0));
    look(0, 0, 0);
    ck_assert(!noisy_workspaces_are_due(noisy, 9999));
    ck_assert(noisy_workspaces_are_due(noisy, 10000));
}
END_TEST

/* ---- the board ---- */

START_TEST(states_have_the_names_of_the_enum)
{
    ck_assert_str_eq(worker_state_name(WORKER_OPENING), "WORKER_OPENING");
    ck_assert_str_eq(worker_state_name(WORKER_IN_DOUBT), "WORKER_IN_DOUBT");
    struct thread_board *board = thread_board_new();
    ck_assert_int_eq(thread_board_state(board), WORKER_OPENING);
    thread_board_enter(board, WORKER_IN_BATCH);
    ck_assert_int_eq(thread_board_state(board), WORKER_IN_BATCH);
    thread_board_free(board);
}
END_TEST

START_TEST(the_last_complaint_stays_with_its_times)
{
    struct complaint complaint;
    complaint_open(&complaint);
    struct complaint_view view = complaint_read(&complaint);
    ck_assert_int_eq(view.began_ms, 0);
    complaint_end(&complaint);
    ck_assert_int_eq(complaint_read(&complaint).ended_ms, 0);
    struct log_fault fault = {.event = "Redis is away", .ended = "Redis is back", .told = &complaint};
    log_fault_begin(&fault, LOG_LIST(LOG_TEXT("error", "OOM command not allowed")));
    view = complaint_read(&complaint);
    ck_assert_str_eq(view.text, "Redis is away: OOM command not allowed");
    ck_assert_int_gt(view.began_ms, 0);
    ck_assert_int_eq(view.ended_ms, 0);
    log_fault_end(&fault);
    view = complaint_read(&complaint);
    ck_assert_str_eq(view.text, "Redis is away: OOM command not allowed");
    ck_assert_int_ge(view.ended_ms, view.began_ms);
    char longer[1000];
    memset(longer, 'x', sizeof(longer));
    complaint_begin(&complaint, "too long", span_of(longer, sizeof(longer)));
    ck_assert_uint_eq(strlen(complaint_read(&complaint).text), COMPLAINT_BYTES - 1);
    complaint_close(&complaint);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workspaces");
    TCase *sketches = tcase_create("sketch");
    tcase_set_timeout(sketches, 120);
    tcase_add_test(sketches, a_few_workspaces_are_counted_exactly);
    tcase_add_test(sketches, a_name_that_is_too_long_is_cut);
    tcase_add_test(sketches, a_count_is_never_off_by_more_than_the_bound);
    suite_add_tcase(suite, sketches);
    TCase *windows = tcase_create("window");
    tcase_add_checked_fixture(windows, open_window, close_window);
    tcase_add_test(windows, commands_and_rejections_are_counted_by_workspace_and_partition);
    tcase_add_test(windows, what_is_older_than_a_minute_is_gone);
    tcase_add_test(windows, windows_are_merged_by_workspace);
    tcase_add_test(windows, a_window_of_many_workspaces_keeps_its_bounds);
    suite_add_tcase(suite, windows);
    TCase *share = tcase_create("noisy");
    tcase_add_checked_fixture(share, open_noisy, close_noisy);
    tcase_add_test(share, a_noisy_workspace_is_logged_once_and_shown_with_its_share);
    tcase_add_test(share, it_is_logged_again_only_after_minutes_of_quiet);
    tcase_add_test(share, what_is_not_noisy_is_not_logged);
    tcase_add_test(share, what_is_not_certain_is_not_noisy);
    tcase_add_test(share, few_are_logged_per_minute_and_the_others_later);
    tcase_add_test(share, it_is_due_every_ten_seconds);
    suite_add_tcase(suite, share);
    TCase *boards = tcase_create("board");
    tcase_add_test(boards, states_have_the_names_of_the_enum);
    tcase_add_test(boards, the_last_complaint_stays_with_its_times);
    suite_add_tcase(suite, boards);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
