/* replay_oracle: checks what `client-intake replay` says against the topics. It shares no code with that program: it
 * finds range, replies, definitions of the time, classes, changes and counts by itself, and has single commands decided
 * by `client-intake validate`. See `usage`. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/replay_judge.h"
#include "tests/live/replay_report.h"

static const char usage[] =
    "replay_oracle judge OPTIONS   check an output: a line for each check, then \"N passed, N failed\"; 1 if any "
    "failed\n"
    "replay_oracle lines OPTIONS   the same, but print \"position TAB word TAB detail\" for each violation\n"
    "replay_oracle expect OPTIONS  print what the summary should say\n"
    "replay_oracle words           print the words of all checks\n"
    "\n"
    "  --commands DUMP --replies DUMP [--replies DUMP ...] --definitions DUMP   what replay_dump printed\n"
    "  --current DUMP         lines with the key (the workspace) and the payload of each definitions key in Redis\n"
    "  --output FILE          the output to be checked\n"
    "  --program PATH         client-intake, for its `validate`; --settings FILE: its config\n"
    "  --folder FOLDER        for files\n"
    "  --status NUMBER        the exit status of the replay\n"
    "and as they were given to the replay (a time in ms since 1970): --from --to --partition --workspace\n"
    "--definitions-of (its --definitions) --allow-gaps --no-diff\n";

struct request {
    const char *verb, *program, *settings, *folder, *output;
    struct scope scope;
    int status;
    bool no_diff, gaps_allowed;
};

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static struct bound bound_read(const char *text)
{
    if (strcmp(text, "beginning") == 0 || strcmp(text, "end") == 0)
        return (struct bound){.kind = EDGE};
    const char *colon = strchr(text, ':');
    if (!colon)
        usage_error();
    return (struct bound){.kind = strncmp(text, "time:", 5) == 0 ? AT_TIME : AT_OFFSET, .value = atoll(colon + 1)};
}

static void definitions_of(struct scope *scope, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals) {
        scope->replaced[scope->replaced_count].workspace = strndup(text, (size_t)(equals - text));
        scope->replaced[scope->replaced_count++].definitions = file_text(equals + 1);
    } else {
        scope->is_current = strcmp(text, "current") == 0;
    }
}

static struct request request_read(int count, char **arguments, struct world *world)
{
    static const struct option options[] = {{"commands", required_argument, NULL, 'c'},
                                            {"replies", required_argument, NULL, 'r'},
                                            {"definitions", required_argument, NULL, 'd'},
                                            {"current", required_argument, NULL, 'u'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"program", required_argument, NULL, 'p'},
                                            {"settings", required_argument, NULL, 's'},
                                            {"folder", required_argument, NULL, 'f'},
                                            {"status", required_argument, NULL, 'x'},
                                            {"from", required_argument, NULL, '<'},
                                            {"to", required_argument, NULL, '>'},
                                            {"partition", required_argument, NULL, 'n'},
                                            {"workspace", required_argument, NULL, 'w'},
                                            {"definitions-of", required_argument, NULL, '='},
                                            {"allow-gaps", no_argument, NULL, 'g'},
                                            {"no-diff", no_argument, NULL, 'i'},
                                            {0}};
    struct request request = {.status = -1, .scope = {.all_partitions = true}};
    const char *replies[16], *commands = NULL;
    size_t reply_count = 0;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            commands = optarg;
            break;
        case 'r':
            replies[reply_count++ % 16] = optarg;
            break;
        case 'd':
            world_read_definitions(world, optarg);
            break;
        case 'u':
            world_read_current(world, optarg);
            break;
        case 'o':
            request.output = optarg;
            break;
        case 'p':
            request.program = optarg;
            break;
        case 's':
            request.settings = optarg;
            break;
        case 'f':
            request.folder = optarg;
            break;
        case 'x':
            request.status = atoi(optarg);
            break;
        case '<':
            request.scope.from = bound_read(optarg);
            break;
        case '>':
            request.scope.to = bound_read(optarg);
            break;
        case 'n':
            request.scope.all_partitions = false;
            request.scope.partitions[atoi(optarg) % WORLD_PARTITIONS] = true;
            break;
        case 'w':
            request.scope.workspaces[request.scope.workspace_count++ % 64] = optarg;
            break;
        case '=':
            definitions_of(&request.scope, optarg);
            break;
        case 'g':
            request.gaps_allowed = true;
            break;
        case 'i':
            request.no_diff = true;
            break;
        default:
            usage_error();
        }
    }
    request.verb = optind + 1 == count ? arguments[optind] : "";
    if (strcmp(request.verb, "words") == 0)
        return request;
    if (!commands || reply_count == 0 || !request.program || !request.folder)
        usage_error();
    world_read_commands(world, commands);
    for (size_t i = 0; i < reply_count; i++)
        world_read_replies(world, replies[i]);
    world_complete(world);
    return request;
}

static void print_expected(const struct tally *tally)
{
    json_t *summary =
        json_pack("{s:O, s:O, s:O}", "then", tally->then, "now", tally->now, "workspaces", tally->workspaces);
    json_t *classes = json_object();
    for (int kind = 0; kind < CLASS_COUNT; kind++)
        json_object_set_new(classes, class_names[kind], json_integer((json_int_t)tally->classes[kind]));
    json_object_set_new(summary, "classes", classes);
    json_dumpf(summary, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(summary);
}

int main(int count, char **arguments)
{
    struct world world = {0};
    struct request request = request_read(count, arguments, &world);
    if (strcmp(request.verb, "words") == 0) {
        report_print_words();
        return 0;
    }
    bool as_lines = strcmp(request.verb, "lines") == 0, expects = strcmp(request.verb, "expect") == 0;
    if (!expects && (!request.output || (!as_lines && strcmp(request.verb, "judge") != 0)))
        usage_error();
    struct decider *decider = decider_new(request.program, request.settings, request.folder);
    struct cases cases = cases_find(&world, &request.scope, decider);
    struct tally tally = tally_take(&cases);
    int failed = 0;
    if (expects) {
        print_expected(&tally);
    } else {
        const struct judge judge = {.world = &world,
                                    .scope = &request.scope,
                                    .cases = &cases,
                                    .tally = &tally,
                                    .has_diff = !request.no_diff,
                                    .status = request.status,
                                    .gaps_allowed = request.gaps_allowed};
        if (as_lines)
            report_as_lines();
        judge_output(&judge, request.output);
        failed = report_print();
    }
    tally_free(&tally);
    decider_free(decider);
    return failed > 0 ? 1 : 0;
}
