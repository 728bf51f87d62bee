/* What was appended is read back, from the buffer, from the file, and from both; a file that can take no more is an
 * error after which everything before can still be read. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/quiet_thread.h"
#include "common/spill.h"

#define MIB     ((size_t)1 << 20)
#define THREADS 4

static char folder[512];
static struct spill *spill;

static void open_spill(void)
{
    char error[256] = "";
    ck_assert(folder_make_temporary("client-intake-spill", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
}

static void close_spill(void)
{
    spill_close(spill);
    folder_remove(folder);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The bytes of piece number `piece`. */
static void fill(char *bytes, size_t length, uint64_t piece)
{
    uint64_t state = piece * 2654435761u + 1;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(random_next(&state) >> 32);
}

static void append_piece(char *scratch, size_t length, uint64_t piece, int64_t *at)
{
    fill(scratch, length, piece);
    ck_assert_msg(spill_append(spill, span_of(scratch, length), at), "%s", strerror(errno));
}

static void check_piece(char *scratch, size_t length, uint64_t piece, int64_t at)
{
    char *expected = scratch + length;
    fill(expected, length, piece);
    ck_assert_msg(spill_read(spill, at, scratch, length), "%s", strerror(errno));
    ck_assert_msg(memcmp(scratch, expected, length) == 0, "piece %llu is another", (unsigned long long)piece);
}

START_TEST(what_was_appended_is_read_back)
{
    /* Lengths around the size of the buffer, so that pieces stand in the buffer, in the file, and at their edge. */
    static const size_t lengths[] = {0, 1, 100, MIB - 101, 1, 7, MIB, MIB + 1, 3, 3 * MIB, 5, MIB - 5, 0, MIB / 2};
    int64_t places[sizeof(lengths) / sizeof(lengths[0])], end = 0;
    char *scratch = malloc(6 * MIB);
    ck_assert_int_eq(spill_bytes(spill), 0);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        append_piece(scratch, lengths[i], i, &places[i]);
        ck_assert_int_eq(places[i], end);
        end += (int64_t)lengths[i];
        ck_assert_int_eq(spill_bytes(spill), end);
        for (size_t j = 0; j <= i; j++)
            check_piece(scratch, lengths[j], j, places[j]);
    }
    free(scratch);
}
END_TEST

START_TEST(a_read_may_begin_in_the_file_and_end_in_the_buffer)
{
    char *all = malloc(2 * MIB), *read = malloc(2 * MIB);
    int64_t at;
    fill(all, 2 * MIB, 7);
    for (size_t i = 0; i < 2 * MIB; i += 4096 + 1) {
        size_t length = 2 * MIB - i < 4096 + 1 ? 2 * MIB - i : 4096 + 1;
        ck_assert(spill_append(spill, span_of(all + i, length), &at));
    }
    ck_assert(spill_read(spill, 0, read, 2 * MIB));
    ck_assert_int_eq(memcmp(all, read, 2 * MIB), 0);
    for (size_t from = MIB - 5000; from < MIB + 5000; from += 501) {
        ck_assert(spill_read(spill, (int64_t)from, read, 6000));
        ck_assert_int_eq(memcmp(all + from, read, 6000), 0);
    }
    free(all);
    free(read);
}
END_TEST

START_TEST(what_was_never_appended_cannot_be_read)
{
    char byte;
    int64_t at;
    ck_assert(spill_append(spill, SPAN("abc"), &at));
    static const struct {
        int64_t at;
        size_t length;
    } wrong[] = {{-1, 1}, {0, 4}, {3, 1}, {4, 0}, {INT64_MAX, 1}, {1, SIZE_MAX}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        errno = 0;
        ck_assert(!spill_read(spill, wrong[i].at, &byte, wrong[i].length));
        ck_assert_int_eq(errno, EINVAL);
    }
    ck_assert(spill_read(spill, 3, &byte, 0));
    ck_assert(spill_read(spill, 2, &byte, 1) && byte == 'c');
}
END_TEST

START_TEST(the_folder_shows_no_file)
{
    int64_t at;
    char *bytes = calloc(1, 2 * MIB);
    ck_assert(spill_append(spill, span_of(bytes, 2 * MIB), &at));
    free(bytes);
    DIR *listing = opendir(folder);
    ck_assert_ptr_nonnull(listing);
    for (const struct dirent *entry; (entry = readdir(listing));)
        ck_assert_msg(entry->d_name[0] == '.', "%s", entry->d_name);
    closedir(listing);
}
END_TEST

START_TEST(a_missing_folder_is_an_error_with_its_name)
{
    char error[256] = "";
    ck_assert_int_eq(setenv("TMPDIR", "/nowhere/at-all", 1), 0);
    ck_assert_ptr_null(spill_open(error, sizeof(error)));
    ck_assert_str_eq(error, "a temporary file in /nowhere/at-all: No such file or directory");
}
END_TEST

START_TEST(an_empty_tmpdir_counts_as_none)
{
    char error[256] = "";
    ck_assert_int_eq(setenv("TMPDIR", "", 1), 0);
    struct spill *other = spill_open(error, sizeof(error));
    ck_assert_msg(other != NULL, "%s", error);
    spill_close(other);
}
END_TEST

/* The signal that comes with the limit would end this process. */
START_TEST(a_file_at_its_limit_takes_no_more_and_keeps_what_it_has)
{
    const size_t length = 300000;
    struct rlimit limit;
    int64_t places[64], at;
    size_t count = 0;
    char *scratch = malloc(4 * MIB);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 2 * MIB + MIB / 2;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (;; count++) {
        ck_assert_uint_lt(count, 64);
        fill(scratch, length, count);
        errno = 0;
        if (!spill_append(spill, span_of(scratch, length), &places[count]))
            break;
    }
    ck_assert_int_eq(errno, EFBIG);
    ck_assert_uint_gt(count * length, 2 * MIB);
    ck_assert_int_eq(spill_bytes(spill), (int64_t)(count * length));
    ck_assert(!spill_append(spill, span_of(scratch, 2 * MIB), &at));
    for (size_t i = 0; i < count; i++)
        check_piece(scratch, length, i, places[i]);

    /* Once there is room again, it goes on. */
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append_piece(scratch, length, count, &places[count]);
    append_piece(scratch, 2 * MIB, count + 1, &at);
    check_piece(scratch, 2 * MIB, count + 1, at);
    for (size_t i = 0; i <= count; i++)
        check_piece(scratch, length, i, places[i]);
    free(scratch);
}
END_TEST

#define PIECES 2000

static int64_t thread_places[THREADS][PIECES];

static size_t piece_length(uint64_t piece)
{
    return piece % 700 == 0 ? MIB + 1 : piece % 5000;
}

/* Appends, and reads what it has appended a little before. */
static void *append_and_read(void *argument)
{
    size_t thread = *(const size_t *)argument;
    char *scratch = malloc(3 * MIB);
    for (uint64_t i = 0; i < PIECES; i++) {
        uint64_t piece = thread * PIECES + i, earlier = i - i % 16;
        append_piece(scratch, piece_length(piece), piece, &thread_places[thread][i]);
        check_piece(scratch, piece_length(thread * PIECES + earlier), thread * PIECES + earlier,
                    thread_places[thread][earlier]);
    }
    free(scratch);
    return NULL;
}

START_TEST(threads_append_and_read_at_once)
{
    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    int64_t total = 0;
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(quiet_thread_start(&threads[i], append_and_read, &numbers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *scratch = malloc(3 * MIB);
    for (uint64_t piece = 0; piece < (uint64_t)THREADS * PIECES; piece++) {
        check_piece(scratch, piece_length(piece), piece, thread_places[piece / PIECES][piece % PIECES]);
        total += (int64_t)piece_length(piece);
    }
    free(scratch);
    ck_assert_int_eq(spill_bytes(spill), total);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("spill");
    tcase_add_checked_fixture(tests, open_spill, close_spill);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_was_appended_is_read_back);
    tcase_add_test(tests, a_read_may_begin_in_the_file_and_end_in_the_buffer);
    tcase_add_test(tests, what_was_never_appended_cannot_be_read);
    tcase_add_test(tests, the_folder_shows_no_file);
    tcase_add_test(tests, a_missing_folder_is_an_error_with_its_name);
    tcase_add_test(tests, an_empty_tmpdir_counts_as_none);
    tcase_add_test(tests, a_file_at_its_limit_takes_no_more_and_keeps_what_it_has);
    tcase_add_test(tests, threads_append_and_read_at_once);
    Suite *suite = suite_create("spill");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
