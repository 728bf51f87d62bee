/* validate: the command line, with files in a folder of its own; and the lines that it reads. */
#include "tests/unit/evaluating.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/lines.h"
#include "worker/commands/command.h"
#include "worker/commands/validation.h"

#define VALID(id)                                                                                                      \
    "{\"commandId\":\"" id "\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","                     \
    "\"email\":\"a@b.example\",\"customFields\":{\"t\":\"x\"}}"
#define DEFINITIONS  "[{\"key\":\"t\",\"type\":\"text\"}]"
#define OUTPUT_BYTES 65536

static char folder[] = "/tmp/validate-XXXXXX";
static char output[OUTPUT_BYTES], faults[OUTPUT_BYTES];
static struct config *config;

static void open_folder(void)
{
    static const char *const settings[] = {"limits.command_bytes=1024", NULL};
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void close_folder(void)
{
    static const char *const files[] = {"definitions.json", "input", "output", "faults"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(folder);
    config_free(config);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void read_file(const char *path, char text[OUTPUT_BYTES])
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, OUTPUT_BYTES - 1, file)] = '\0';
    fclose(file);
}

static int open_as(const char *path, int flags, int as)
{
    int file = open(path, flags, 0600);
    return file < 0 ? -1 : dup2(file, as);
}

/* Runs "validate" with these arguments in a child process, with "input" as its standard input. Returns the exit
 * code; `output` and `faults` hold its output. */
static int validate(const char *const *arguments)
{
    pid_t process = fork();
    if (process == 0) {
        char *argv[16] = {(char *)(uintptr_t) "validate"};
        int argc = 1;
        for (; arguments[argc - 1]; argc++)
            argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
        if (open_as("input", O_RDONLY | O_CREAT, STDIN_FILENO) < 0 ||
            open_as("output", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO) < 0 ||
            open_as("faults", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO) < 0)
            _exit(99);
        int result = command_validate(argc, argv, config);
        fflush(NULL);
        _exit(result);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
    read_file("output", output);
    read_file("faults", faults);
    return WEXITSTATUS(status);
}

static int validate_input(const char *input, const char *const *arguments)
{
    write_file("definitions.json", DEFINITIONS, strlen(DEFINITIONS));
    write_file("input", input, strlen(input));
    return validate(arguments);
}

static const char *const with_file[] = {"--definitions", "definitions.json", "input", NULL};
static const char *const with_standard_input[] = {"--definitions", "definitions.json", NULL};

START_TEST(test_accepted)
{
    ck_assert_int_eq(validate_input(VALID("c-1") "\n", with_file), COMMAND_OK);
    ck_assert_str_eq(
        output,
        "{\"type\":\"client.created\",\"commandId\":\"c-1\",\"workspaceId\":\"acme\","
        "\"source\":{\"topic\":\"input\",\"partition\":0,\"offset\":0},\"definitions\":"
        "\"2facf3d3376a740b7852fe1f28b6b1a0\","
        "\"client\":{\"id\":\"0ba31f1e-238d-5985-a814-c3887cf17675\",\"object\":\"client\","
        "\"createdAt\":\"1970-01-01T00:00:00.000Z\",\"updatedAt\":\"1970-01-01T00:00:00.000Z\",\"givenName\":\"A\","
        "\"familyName\":\"B\",\"email\":\"a@b.example\",\"status\":\"notInvited\",\"creationMethod\":\"internalUser\","
        "\"customFields\":{\"t\":\"x\"}}}\n");
    ck_assert_str_eq(faults, "");
}
END_TEST

/* Blank lines are skipped but counted; the last line needs no line feed; a CR before a line feed is not part of the
 * line. */
START_TEST(test_lines_and_rejections)
{
    ck_assert_int_eq(validate_input("\n" VALID("a") "\r\n \t\r\nnonsense\n\n" VALID("b"), with_standard_input),
                     COMMAND_NEGATIVE);
    const char *first = strstr(output, "\"source\":{\"topic\":\"stdin\",\"partition\":0,\"offset\":1}");
    const char *second =
        strstr(output, "\"commandId\":\"stdin/0/3\",\"source\":{\"topic\":\"stdin\",\"partition\":0,\"offset\":3}");
    const char *third = strstr(output, "\"offset\":5}");
    ck_assert(first && second && third && first < second && second < third);
    ck_assert_ptr_nonnull(strstr(second, "malformed_json"));
    unsigned lines = 0;
    for (const char *at = output; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, 3);
}
END_TEST

START_TEST(test_time)
{
    static const char *const arguments[] = {
        "--time", "2026-11-23T06:38:00.123Z", "--definitions", "definitions.json", "-", NULL};
    ck_assert_int_eq(validate_input(VALID("c"), arguments), COMMAND_OK);
    ck_assert_ptr_nonnull(strstr(output, "\"createdAt\":\"2026-11-23T06:38:00.123Z\""));
}
END_TEST

/* Nothing is stored, so no email is taken and no command is a duplicate; two runs give the same bytes. */
START_TEST(test_nothing_is_stored)
{
    ck_assert_int_eq(validate_input(VALID("c") "\n" VALID("c") "\n" VALID("d") "\n", with_file), COMMAND_OK);
    static char before[OUTPUT_BYTES];
    strcpy(before, output);
    ck_assert_int_eq(validate(with_file), COMMAND_OK);
    ck_assert_str_eq(output, before);
}
END_TEST

START_TEST(test_nothing)
{
    ck_assert_int_eq(validate_input("", with_file), COMMAND_OK);
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(validate_input("\n\n  \n", with_file), COMMAND_OK);
    ck_assert_str_eq(output, "");
}
END_TEST

static const struct {
    const char *arguments[8];
    int result;
    const char *says;
} refusals[] = {
    {{"input", NULL}, COMMAND_USAGE, "--definitions FILE is missing"},
    {{"--definitions", NULL}, COMMAND_USAGE, "--definitions"},
    {{"--definitions", "definitions.json", "--tim", "x", "input", NULL}, COMMAND_USAGE, "--time x"},
    {{"--definitions", "definitions.json", "--threads", "0", NULL}, COMMAND_USAGE, "--threads 0"},
    {{"--definitions", "definitions.json", "--threads", "257", NULL}, COMMAND_USAGE, "--threads 257"},
    {{"--definitions", "definitions.json", "--threads", "-1", NULL}, COMMAND_USAGE, "--threads -1"},
    {{"--definitions", "definitions.json", "--threads", "2x", NULL}, COMMAND_USAGE, "--threads 2x"},
    {{"--definitions", "definitions.json", "--nope", NULL}, COMMAND_USAGE, "--nope"},
    {{"--definitions", "definitions.json", "input", "input", NULL}, COMMAND_USAGE, "one FILE at most"},
    {{"--definitions", "nowhere.json", "input", NULL}, COMMAND_UNAVAILABLE, "nowhere.json: No such file"},
    {{"--definitions", "/", "input", NULL}, COMMAND_UNAVAILABLE, "/: Is a directory"},
    {{"--definitions", "definitions.json", "nowhere", NULL}, COMMAND_UNAVAILABLE, "nowhere: No such file"},
    {{"--definitions", "definitions.json", ".", NULL}, COMMAND_UNAVAILABLE, ".: Is a directory"},
    {{"--definitions", "input", "input", NULL}, COMMAND_CONFIGURATION, "input: /data: must be the array"},
};

START_TEST(test_refused)
{
    ck_assert_int_eq(validate_input("{}", refusals[_i].arguments), refusals[_i].result);
    ck_assert_msg(strstr(faults, refusals[_i].says) != NULL, "%s does not say %s", faults, refusals[_i].says);
    ck_assert_str_eq(output, "");
}
END_TEST

/* A line of the maximum length is evaluated, with or without CR; a longer one of any length is too_large, and the
 * next is evaluated. */
START_TEST(test_line_limit)
{
    size_t limit = (size_t)config->limits.command_bytes;
    for (size_t extra = 0; extra <= 1; extra++) {
        char input[8192], *to = stpcpy(input, VALID("c"));
        memset(to, ' ', limit);
        to = stpcpy(input + limit + extra, "\r\n" VALID("d") "\n");
        ck_assert_int_eq(validate_input(input, with_file), extra == 0 ? COMMAND_OK : COMMAND_NEGATIVE);
        ck_assert_int_eq(strstr(output, "too_large") != NULL, extra == 1);
        ck_assert_ptr_nonnull(strstr(output, "\"commandId\":\"d\""));
    }
}
END_TEST

#define HUGE_BYTES ((size_t)200 << 20)

/* Memory does not grow with the input: neither with one huge line nor with many. */
START_TEST(test_huge_input)
{
    write_file("definitions.json", DEFINITIONS, strlen(DEFINITIONS));
    int file = open("input", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(ftruncate(file, (off_t)HUGE_BYTES), 0); /* a hole: NULs without a line feed */
    ck_assert_int_eq((int)lseek(file, 0, SEEK_END) > 0, 1);
    ck_assert_int_eq((int)write(file, "\n" VALID("d") "\n", strlen(VALID("d")) + 2), (int)strlen(VALID("d")) + 2);
    close(file);
    ck_assert_int_eq(validate(with_file), COMMAND_NEGATIVE);
    ck_assert_ptr_nonnull(strstr(output, "too_large"));
    ck_assert_ptr_nonnull(strstr(output, "\"offset\":1}"));
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_uint_lt((size_t)usage.ru_maxrss * 1024, HUGE_BYTES / 4);
#endif
}
END_TEST

/* ---- Threads ---- */

#define MANY_LINES 20000

/* Commands of very different sizes, accepted and rejected, blank lines and too long ones; more than all chunks hold. */
static void write_many(void)
{
    write_file("definitions.json", DEFINITIONS, strlen(DEFINITIONS));
    FILE *file = fopen("input", "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < MANY_LINES; i++) {
        if (i % 7 == 3)
            fprintf(file, "{\"nonsense\":%d%*s}\n", i, i % 900, "");
        else if (i % 101 == 50)
            fputs(" \r\n", file);
        else if (i % 997 == 500)
            fprintf(file, "%*d\n", 5000 + i, i);
        else
            fprintf(file, "%*s{\"commandId\":\"c-%d\"%s\n", i * 31 % 800, "", i, strchr(VALID("c"), ','));
    }
    ck_assert_int_eq(fclose(file), 0);
}

/* All of "output", to be freed. */
static struct span whole_output(void)
{
    struct stat status;
    ck_assert_int_eq(stat("output", &status), 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    FILE *file = fopen("output", "rb");
    ck_assert(bytes && file);
    ck_assert_uint_eq(fread(bytes, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    bytes[status.st_size] = '\0';
    fclose(file);
    return span_of(bytes, (size_t)status.st_size);
}

/* Every line that is not blank has one reply, with its own number, in order. */
static void expect_every_line(struct span replies)
{
    const char *at = replies.at;
    for (int i = 0; i < MANY_LINES; i++) {
        if (i % 7 != 3 && i % 101 == 50)
            continue;
        char offset[32];
        snprintf(offset, sizeof(offset), "\"offset\":%d}", i);
        const char *found = strstr(at, offset), *end = strchr(at, '\n');
        ck_assert_msg(found && end && found < end, "line %d is not answered in its place", i);
        at = end + 1;
    }
    ck_assert_str_eq(at, "");
}

/* The same bytes for any number of threads. */
START_TEST(test_threads)
{
    static const char *const numbers[] = {"1", "2", "5"};
    struct span first = SPAN_NONE;
    write_many();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *const arguments[] = {"--threads", numbers[i], "--definitions", "definitions.json", "input", NULL};
        ck_assert_int_eq(validate(arguments), COMMAND_NEGATIVE);
        ck_assert_str_eq(faults, "");
        struct span all = whole_output();
        if (i == 0) {
            first = all;
            expect_every_line(first);
            continue;
        }
        ck_assert_msg(span_equal(all, first), "%s threads give other bytes than 1", numbers[i]);
        free((char *)(uintptr_t)all.at);
    }
    free((char *)(uintptr_t)first.at);
}
END_TEST

/* The job itself, with pipes on both sides. */
static void *run_job(void *subject)
{
    bool any_rejected;
    static enum validation_result result;
    result = validation_run(subject, &any_rejected);
    close(((const struct validation_job *)subject)->output);
    return &result;
}

/* Each line gets its reply before the next one is sent, so nothing waits for a full chunk. */
START_TEST(test_answers_come_at_once)
{
    struct definitions *definitions = definitions_compile(SPAN(DEFINITIONS), NULL);
    int in[2], out[2];
    ck_assert_int_eq(pipe(in) | pipe(out), 0);
    struct validation_job job = {
        .config = config, .definitions = definitions, .input = in[0], .output = out[1], .source = "s", .threads = 3};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_job, &job), 0);
    FILE *answers = fdopen(out[0], "r");
    static char answer[OUTPUT_BYTES], place[32];
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq((int)write(in[1], VALID("c") "\n", strlen(VALID("c")) + 1), (int)strlen(VALID("c")) + 1);
        ck_assert_ptr_nonnull(fgets(answer, sizeof(answer), answers));
        snprintf(place, sizeof(place), "\"offset\":%d}", i);
        ck_assert_ptr_nonnull(strstr(answer, place));
    }
    close(in[1]);
    ck_assert_ptr_null(fgets(answer, sizeof(answer), answers));
    void *result;
    pthread_join(thread, &result);
    ck_assert_int_eq(*(enum validation_result *)result, VALIDATION_OK);
    fclose(answers);
    close(in[0]);
    definitions_free(definitions);
}
END_TEST

/* When the replies cannot be written it ends, although the input stays open and silent. */
START_TEST(test_output_fails)
{
    struct definitions *definitions = definitions_compile(SPAN(DEFINITIONS), NULL);
    int in[2], full = open("/dev/full", O_WRONLY);
    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_ge(full, 0);
    ck_assert_int_gt((int)write(in[1], VALID("c") "\n", strlen(VALID("c")) + 1), 0);
    const struct validation_job job = {
        .config = config, .definitions = definitions, .input = in[0], .output = full, .source = "s", .threads = 2};
    bool any_rejected;
    ck_assert_int_eq(validation_run(&job, &any_rejected), VALIDATION_OUTPUT_FAILED);
    ck_assert_int_eq(errno, ENOSPC);
    close(in[0]);
    close(in[1]);
    close(full);
    definitions_free(definitions);
}
END_TEST

/* The lines that lines_next returns, for any division of the bytes into reads. */
START_TEST(test_lines)
{
    static const char text[] = "a\n\nbcdef\nghijklmnopq\nr\nstuvwxyzstuvwxyzstuvwxyz";
    static const char *const expected[] = {"a", "", "bcdef", NULL, "r", NULL}; /* NULL: too long */
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        int ends[2];
        ck_assert_int_eq(pipe(ends), 0);
        struct lines lines;
        ck_assert_int_eq(lines_open(&lines, ends[0], 8, 5), 0);
        size_t written = 0;
        unsigned count = 0;
        struct line line;
        while (!lines_are_done(&lines)) {
            size_t left = sizeof(text) - 1 - written;
            size_t now = left < piece ? left : piece;
            if (now > 0)
                ck_assert_int_eq((int)write(ends[1], text + written, now), (int)now);
            else if (ends[1] >= 0)
                ends[1] = close(ends[1]) - 1;
            written += now;
            ck_assert_int_eq(lines_fill(&lines), 0);
            for (; lines_next(&lines, &line); count++) {
                ck_assert_uint_lt(count, 6);
                ck_assert_int_eq(line.number, count);
                ck_assert_int_eq(line.too_long, expected[count] == NULL);
                expect_span(line.text, expected[count] ? expected[count] : "");
            }
        }
        ck_assert_uint_eq(count, 6);
        lines_close(&lines);
        close(ends[0]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validate");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_folder, close_folder); /* so that it is removed even after a failure */
    tcase_add_test(tests, test_accepted);
    tcase_add_test(tests, test_lines_and_rejections);
    tcase_add_test(tests, test_time);
    tcase_add_test(tests, test_nothing_is_stored);
    tcase_add_test(tests, test_nothing);
    tcase_add_loop_test(tests, test_refused, 0, (int)(sizeof(refusals) / sizeof(refusals[0])));
    tcase_add_test(tests, test_line_limit);
    tcase_add_test(tests, test_huge_input);
    tcase_add_test(tests, test_threads);
    tcase_add_test(tests, test_answers_come_at_once);
    tcase_add_loop_test(tests, test_output_fails, 0, 20); /* the reader may not wait yet */
    tcase_add_test(tests, test_lines);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
