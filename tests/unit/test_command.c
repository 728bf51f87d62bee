/* command: output and exit codes of the program before a subcommand does its work, and of subcommands that need no
 * server. */
#include <check.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/commands/command.h"

#define ARGUMENTS 8

static char folder[32], valid_path[64], faulty_path[64], config_path[64], odd_path[64];

struct outcome {
    int code;
    char out[8192], error[8192];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test-command-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(valid_path, sizeof(valid_path), "%s/sound", folder);
    snprintf(faulty_path, sizeof(faulty_path), "%s/faulty", folder);
    snprintf(config_path, sizeof(config_path), "%s/config", folder);
    snprintf(odd_path, sizeof(odd_path), "%s/\xff\"\x01", folder);
    write_file(odd_path, "[]");
    write_file(valid_path, "[{\"key\":\"pronouns\",\"name\":\"Pronouns\",\"type\":\"text\"}]");
    write_file(faulty_path,
               "[{\"key\":\"a\",\"name\":\"A\",\"type\":\"text\"},{\"key\":\"b\",\"name\":\"B\",\"type\":\"colour\"}]");
    write_file(config_path, "[log]\nlevel = loud\n");
}

static void remove_folder(void)
{
    unlink(valid_path);
    unlink(faulty_path);
    unlink(config_path);
    unlink(odd_path);
    rmdir(folder);
}

static void read_back(FILE *file, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Runs the program in a child, with SOUND, FAULTY, CONFIG and ODD replaced by the files' paths. */
static void run(const char *const *given, struct outcome *outcome)
{
    char *arguments[ARGUMENTS + 2] = {(char *)"client-intake"};
    int count = 1;
    for (; given[count - 1]; count++) {
        const char *argument = given[count - 1];
        arguments[count] = strcmp(argument, "SOUND") == 0    ? valid_path
                           : strcmp(argument, "FAULTY") == 0 ? faulty_path
                           : strcmp(argument, "CONFIG") == 0 ? config_path
                           : strcmp(argument, "ODD") == 0    ? odd_path
                                                             : (char *)argument;
    }
    FILE *out = tmpfile(), *error = tmpfile();
    ck_assert(out && error);
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(error), STDERR_FILENO);
        _exit(command_main(count, arguments));
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child died of signal %d", WTERMSIG(status));
    outcome->code = WEXITSTATUS(status);
    read_back(out, outcome->out, sizeof(outcome->out));
    read_back(error, outcome->error, sizeof(outcome->error));
}

static const struct row {
    const char *arguments[ARGUMENTS];
    int code;
    const char *out, *error; /* must be part of the output; NULL: no output */
} rows[] = {
    /* help and version */
    {{"--version"}, 0, "client-intake " CLIENT_INTAKE_VERSION "\nnumbering plan ", NULL},
    {{"run", "--version"}, 0, "client-intake " CLIENT_INTAKE_VERSION "\n", NULL},
    {{"--help"}, 0, "usage: client-intake COMMAND", NULL},
    {{"-h"}, 0, "usage: client-intake COMMAND", NULL},
    {{"run", "--help"}, 0, "usage: client-intake run [OPTION...]", NULL},
    {{"topics", "create", "--help"}, 0, "usage: client-intake topics create [OPTION...]", NULL},
    {{"definitions", "--help"}, 0, "  history  prints every version of the workspace in the definitions topic\n", NULL},
    {{"run", "--config", "CONFIG", "--help"}, 0, "usage: client-intake run", NULL},
    /* usage */
    {{NULL}, 64, NULL, "usage: client-intake COMMAND"},
    {{"rum"}, 64, NULL, "client-intake: rum is not a command; did you mean run?\n"},
    {{"frobnicate"},
     64,
     NULL,
     "client-intake: frobnicate is not a command\nclient-intake --help has more information\n"},
    {{"rum", "--help"}, 64, NULL, "rum is not a command"},
    {{"--frob", "run"}, 64, NULL, "client-intake: --frob is not an option\n"},
    {{"run", "--config"}, 64, NULL, "client-intake: --config needs a value\n"},
    {{"run", "--set"}, 64, NULL, "client-intake: --set needs a value\n"},
    {{"check", "now"}, 64, NULL, "client-intake check: now is an unexpected argument\nclient-intake check --help"},
    {{"topics"}, 64, NULL, "client-intake topics: expected: create\n"},
    {{"topics", "create", "--output", "xml"}, 64, NULL, "client-intake topics: --output xml: must be text or json\n"},
    {{"topics", "create", "--output"}, 64, NULL, "client-intake topics: --output needs a value\n"},
    /* Each wrong option is named. */
    {{"topics", "create", "-xy"}, 64, NULL, "client-intake topics: -x is not an option\n"},
    {{"topics", "create", "--outptu=json"}, 64, NULL, "topics: --outptu is not an option; did you mean --output?\n"},
    {{"check", "--frobnicate"},
     64,
     NULL,
     "client-intake check: --frobnicate is not an option\nclient-intake check --help"},
    {{"check", "--offline=1"}, 64, NULL, "client-intake check: --offline takes no value\n"},
    {{"send", "--o"}, 64, NULL, "client-intake send: --o is the beginning of several options\n"},
    {{"send", "--rate"}, 64, NULL, "client-intake send: --rate needs a value\n"},
    {{"send", "--rate=5", "-o"}, 64, NULL, "client-intake send: -o is not an option\n"},
    {{"send", "--rate=5", "-\xc3\xa9"}, 64, NULL, "client-intake send: -\xc3\xa9 is not an option\n"},
    {{"send", "-\xff"}, 64, NULL, "client-intake send: -\xff is not an option\n"},
    {{"send", "--=x"}, 64, NULL, "client-intake send: -- is the beginning of several options\n"},
    {{"send", "--no-wait", "--ordered"}, 64, NULL, "send: --no-wait reads no replies, and excludes --ordered\n"},
    {{"send", "--timeout", "5s", "--no-wait"}, 64, NULL, "send: --no-wait reads no replies, and excludes --timeout\n"},
    {{"send", "--timeout", "30s", "--no-wait"}, 64, NULL, "send: --no-wait reads no replies, and excludes --timeout\n"},
    {{"send", "a", "b"}, 64, NULL, "client-intake send: one FILE at most, not 2\n"},
    {{"send", "--reply-topic", "nowhere"}, 64, NULL, "send: --reply-topic nowhere: replies.allowed does not list it\n"},
    {{"validate", "--threads"}, 64, NULL, "client-intake validate: --threads needs a value\n"},
    {{"validate", "--frob"}, 64, NULL, "client-intake validate: --frob is not an option\n"},
    {{"validate"}, 64, NULL, "client-intake validate: --definitions FILE is missing\n"},
    {{"validate", "--definitions", "SOUND", "a", "b"}, 64, NULL, "client-intake validate: one FILE at most, not 2\n"},
    {{"replay", "--from"}, 64, NULL, "client-intake replay: --from needs a value\n"},
    {{"replay", "--frob"}, 64, NULL, "client-intake replay: --frob is not an option"},
    {{"replay", "--apply", "--rebuild"}, 64, NULL, "client-intake replay: --apply and --rebuild exclude each other\n"},
    {{"dead-letters", "list", "--partition"}, 64, NULL, "client-intake dead-letters: --partition needs a value\n"},
    {{"dead-letters", "list", "--frobnicate"}, 64, NULL, "client-intake dead-letters: --frobnicate is not an option\n"},
    {{"dead-letters", "list", "--limit", "3", "--apply"},
     64,
     NULL,
     "client-intake dead-letters: list takes no --apply\n"},
    {{"dead-letters", "list", "--raw", "--group"}, 64, NULL, "client-intake dead-letters: list takes no --raw\n"},
    {{"dead-letters", "show", "0/1", "--limit", "3"}, 64, NULL, "client-intake dead-letters: show takes no --limit\n"},
    {{"dead-letters", "retry", "--apply", "--group"}, 64, NULL, "client-intake dead-letters: retry takes no --group\n"},
    {{"dead-letters", "show", "0/1", "--raw", "--hex"},
     64,
     NULL,
     "--raw, --hex and --output json exclude each other\n"},
    {{"dead-letters", "retry", "--value", "SOUND"}, 64, NULL, "--value needs exactly one PARTITION/OFFSET\n"},
    {{"definitions", "list", "--options", "a=b"}, 64, NULL, "client-intake definitions: list takes no --options\n"},
    {{"definitions", "lint", "--options", "a", "SOUND"},
     64,
     NULL,
     "definitions: --options a: must be the key of a field and a file, KEY=FILE\n"},
    {{"definitions", "lint", "--options"}, 64, NULL, "client-intake definitions: --options needs a value\n"},
    {{"demo", "-x"}, 64, NULL, "client-intake demo: -x is not an option\n"},
    {{"demo", "-d"}, 64, NULL, "client-intake demo: -d needs a value\n"},
    {{"demo", "--folder=x"}, 64, NULL, "client-intake demo: --folder is not an option\n"},
    {{"run", "--output", "json"}, 64, NULL, "client-intake run: unexpected argument \"--output\"\n"},
    {{"check", "--output=xml"}, 64, NULL, "client-intake check: --output xml: must be text or json\n"},
    {{"send", "--output", ""}, 64, NULL, "client-intake send: --output : must be text or json\n"},
    {{"replay", "--output", "JSON"}, 64, NULL, "client-intake replay: --output JSON: must be text or json\n"},
    {{"dead-letters", "list", "--output", "xml"}, 64, NULL, "dead-letters: --output xml: must be text or json\n"},
    {{"definitions", "list", "--output", "xml"}, 64, NULL, "definitions: --output xml: must be text or json\n"},
    {{"definitions", "list", "--output"}, 64, NULL, "definitions: --output needs a value\n"},
    {{"check", "--offline"}, 0, "config  ok\n", NULL},
    {{"check", "--offline", "--output", "json"},
     0,
     "{\"check\":\"config\",\"result\":\"ok\",\"kind\":\"read\",\"subject\":null,\"message\":\"\"}\n",
     NULL},
    {{"check", "--offline", "--set", "kafka.producer.message.max.bytes=278527"},
     0,
     "\nconfig  warning: kafka.producer.message.max.bytes: 278527 bytes, but a client from a command of "
     "limits.command_bytes needs 278528: ",
     NULL},
    {{"check", "--offline", "--strict", "--set", "kafka.producer.message.max.bytes=278527"},
     1,
     "config  warning: ",
     NULL},
    {{"check", "--offline", "--strict", "--set", "kafka.producer.message.max.bytes=278528"}, 0, "config  ok\n", NULL},
    {{"topics", "delete"}, 64, NULL, "client-intake topics: expected: create\n"},
    {{"topics", "create", "more"}, 64, NULL, "client-intake topics: expected: create\n"},
    {{"definitions"}, 64, NULL, "client-intake definitions: expected put, get, list, lint, history or sync\n"},
    {{"definitions", "burn"}, 64, NULL, "client-intake definitions: expected put, get, list, lint, history or sync\n"},
    {{"definitions", "get"}, 64, NULL, "client-intake definitions: get takes a workspace\n"},
    {{"definitions", "put", "acme"}, 64, NULL, "client-intake definitions: put takes a workspace and a file\n"},
    {{"definitions", "lint", "a", "b"}, 64, NULL, "client-intake definitions: lint takes a file\n"},
    {{"definitions", "get", "a/b"}, 64, NULL, "the workspace must be a workspace id"},
    {{"definitions", "lint", "--yaml", "SOUND"}, 64, NULL, "client-intake definitions: --yaml is not an option\n"},
    /* config */
    {{"check", "--config", "CONFIG"}, 78, NULL, ":2: log.level must be error, warning, info or debug, not \"loud\"\n"},
    {{"check", "--output", "json", "--config", "CONFIG"},
     78,
     "/config:2\",\"message\":\"log.level must be error, warning, info or debug, not \\\"loud\\\"\"}\n",
     NULL},
    {{"check", "--offline", "--output=json", "--set", "a.b=c", "--set", "d=e"},
     78,
     "{\"check\":\"config\",\"result\":\"fault\",\"kind\":\"invalid\",\"subject\":\"--set\",\"message\":\"d is not "
     "of "
     "the form section.key=value\"}\n"
     "{\"check\":\"config\",\"result\":\"fault\",\"kind\":\"invalid\",\"subject\":\"--set\",\"message\":\"a.b is not a "
     "key\"}\n",
     NULL},
    {{"check", "--output", "json", "--config", "/does/not/exist"},
     78,
     "{\"check\":\"config\",\"result\":\"fault\",\"kind\":\"invalid\",\"subject\":\"/does/not/exist\",\"message\":\"No "
     "such "
     "file or directory\"}\n",
     NULL},
    {{"check", "--config=/does/not/exist"}, 78, NULL, "/does/not/exist: No such file or directory\n"},
    {{"--config", "CONFIG", "check"}, 78, NULL, ":2: log.level must be"},
    {{"check", "--set", "log.format=xml"}, 78, NULL, "--set: log.format must be logfmt or json, not \"xml\"\n"},
    {{"check", "--set=log.format=xml"}, 78, NULL, "--set: log.format must be logfmt or json, not \"xml\"\n"},
    {{"check", "--set", "a.b=c", "--set", "d.e=f"}, 78, NULL, "--set: a.b is not a key\n--set: d.e is not a key\n"},
    /* definitions lint */
    {{"definitions", "lint", "SOUND"}, 0, "/sound: ok, 1 field\n", NULL},
    {{"definitions", "lint", "SOUND", "--output=json"}, 0, "/sound\",\"faults\":[]}\n", NULL},
    /* A file's name need not be UTF-8; JSON must. */
    {{"definitions", "lint", "ODD", "--output=json"}, 0, "/?\\\"\\u0001\",\"faults\":[]}\n", NULL},
    {{"definitions", "lint", "FAULTY"}, 1, "/faulty: /1/type: ", NULL},
    {{"definitions", "--output", "json", "lint", "FAULTY"},
     1,
     "\"faults\":[{\"path\":\"/1/type\",\"message\":\"",
     NULL},
    {{"definitions", "--json", "lint", "FAULTY"}, 1, "\"faults\":[{\"path\":\"/1/type\",\"message\":\"", NULL},
    {{"definitions", "lint", "/does/not/exist"}, 69, NULL, "/does/not/exist: No such file or directory\n"},
    {{"definitions", "lint", "/tmp"}, 69, NULL, "/tmp: Is a directory\n"},
    {{"definitions", "put", "acme", "FAULTY"}, 1, "/faulty: /1/type: ", NULL},
    /* a Redis that does not exist */
    {{"definitions", "get", "acme", "--set", "redis.address=unix:/does/not/exist"},
     69,
     NULL,
     "client-intake definitions: Redis: No such file or directory\n"},
};

static void expect(const char *what, const char *text, const char *part)
{
    if (part)
        ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" on standard %s: \"%s\"", part, what, text);
    else
        ck_assert_msg(text[0] == '\0', "unexpected on standard %s: \"%s\"", what, text);
}

START_TEST(program_answers)
{
    struct outcome outcome;
    run(rows[_i].arguments, &outcome);
    expect("output", outcome.out, rows[_i].out);
    expect("error", outcome.error, rows[_i].error);
    ck_assert_int_eq(outcome.code, rows[_i].code);
}
END_TEST

START_TEST(every_command_is_in_the_help_and_has_its_own)
{
    struct outcome all;
    run((const char *const[]){"--help", NULL}, &all);
    size_t count = 0;
    for (const struct command *command = commands; command->name; command++, count++) {
        char line[160];
        struct outcome own;
        snprintf(line, sizeof(line), "\n  %-12s %s\n", command->name, command->summary);
        expect("output", all.out, line);
        run((const char *const[]){command->name, "--help", NULL}, &own);
        ck_assert_int_eq(own.code, 0);
        snprintf(line, sizeof(line), "usage: client-intake %s ", command->name);
        expect("output", own.out, line);
        expect("output", own.out, "--config FILE");
    }
    ck_assert_uint_ge(count, 6);
}
END_TEST

/* One command line prints an answer that is good, the other one that is negative. */
START_TEST(lost_output_is_no_answer)
{
    char *lines[][5] = {{(char *)"client-intake", (char *)"--help"},
                        {(char *)"client-intake", (char *)"definitions", (char *)"lint", faulty_path}};
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (!freopen("/dev/full", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(127);
        _exit(command_main(_i == 0 ? 2 : 4, lines[_i]));
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), COMMAND_UNAVAILABLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command");
    TCase *tests = tcase_create("command");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, program_answers, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tests, every_command_is_in_the_help_and_has_its_own);
    tcase_add_loop_test(tests, lost_output_is_no_answer, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
