/* replay_history: generates a history for the tests of replay: commands, their replies, and definitions that change ten
 * times. See `usage`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/replay_reply.h"
#include "tests/live/tamper_client.h"

static const char usage[] =
    "replay_history lines OPTIONS   write what `client-intake validate` has to decide: FOLDER/set-N.lines, and the\n"
    "                               definitions for it, FOLDER/set-N.definitions\n"
    "replay_history dump OPTIONS    then, with its output in FOLDER/set-N.replies: write the history to "
    "FOLDER/commands,\n"
    "                               replies, elsewhere, definitions, as replay_dump prints it\n"
    "replay_history send OPTIONS    the same to the topics of a broker, which it creates\n"
    "\n"
    "  --folder FOLDER --count COMMANDS [--seed NUMBER] [--workspaces NUMBER] [--partitions NUMBER]\n"
    "  --clean   only replies as the daemon would write them, and no special commands\n"
    "  --commands TOPIC --replies TOPIC --elsewhere TOPIC --definitions TOPIC --bootstrap ADDRESS\n";

struct request {
    const char *verb, *folder, *bootstrap, *topics[SINK_TOPICS];
    struct plan plan;
};

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static struct request request_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"folder", required_argument, NULL, 'f'},     {"count", required_argument, NULL, 'c'},
        {"seed", required_argument, NULL, 's'},       {"workspaces", required_argument, NULL, 'w'},
        {"partitions", required_argument, NULL, 'p'}, {"clean", no_argument, NULL, 'l'},
        {"commands", required_argument, NULL, '0'},   {"replies", required_argument, NULL, '1'},
        {"elsewhere", required_argument, NULL, '2'},  {"definitions", required_argument, NULL, '3'},
        {"bootstrap", required_argument, NULL, 'b'},  {0}};
    struct request request = {.plan = {.workspaces = 25, .partitions = 3, .seed = 1},
                              .topics = {"commands", "replies", "elsewhere", "definitions"}};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'f':
            request.folder = optarg;
            break;
        case 'c':
            request.plan.count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            request.plan.seed = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            request.plan.workspaces = (unsigned)atoi(optarg);
            break;
        case 'p':
            request.plan.partitions = (unsigned)atoi(optarg);
            break;
        case 'l':
            request.plan.is_clean = true;
            break;
        case 'b':
            request.bootstrap = optarg;
            break;
        case '0':
        case '1':
        case '2':
        case '3':
            request.topics[option - '0'] = optarg;
            break;
        default:
            usage_error();
        }
    }
    request.verb = optind + 1 == count ? arguments[optind] : "";
    if (!request.folder || request.plan.count == 0 || request.plan.workspaces < 2 || request.plan.partitions == 0)
        usage_error();
    return request;
}

static FILE *open_file(const struct request *request, unsigned set, const char *kind, const char *mode)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/set-%u.%s", request->folder, set, kind);
    FILE *file = fopen(path, mode);
    if (!file)
        give_up(path, strerror(errno));
    return file;
}

/* The last set is that of the workspace without definitions. */
static unsigned set_of(const struct plan *plan, const struct planned *planned)
{
    return plan_is_bare(plan, planned->workspace) ? PLAN_EPOCHS : planned->epoch;
}

static void write_lines(const struct request *request)
{
    static struct planned planned;
    FILE *files[PLAN_EPOCHS + 1];
    for (unsigned set = 0; set <= PLAN_EPOCHS; set++) {
        bool usable = set < PLAN_EPOCHS && plan_definitions_are_usable(&request->plan, set);
        FILE *definitions = open_file(request, set, "definitions", "w");
        fputs(usable ? plan_definitions(&request->plan, set) : "[]", definitions);
        fclose(definitions);
        files[set] = open_file(request, set, "lines", "w");
    }
    for (uint64_t index = 0; index < request->plan.count; index++) {
        plan_command(&request->plan, index, &planned);
        if (planned.line[0])
            fprintf(files[set_of(&request->plan, &planned)], "%s\n", planned.line);
    }
    for (unsigned set = 0; set <= PLAN_EPOCHS; set++)
        if (fclose(files[set]) != 0)
            give_up("lines", strerror(errno));
}

/* To all workspaces but the bare one, at the time of the epoch's first command. A workspace's partition changes at
 * times, as when partitions are added. */
static void send_definitions(struct sink *sink, const struct plan *plan, unsigned epoch)
{
    const char *text = plan_definitions(plan, epoch);
    for (unsigned workspace = 0; workspace < plan->workspaces; workspace++) {
        char key[32];
        snprintf(key, sizeof(key), "ws-%u", workspace);
        if (!plan_is_bare(plan, workspace))
            sink_send(sink,
                      &(struct sink_message){.topic = SINK_DEFINITIONS,
                                             .partition = (int32_t)((workspace + epoch / 3) % plan->partitions),
                                             .ts = PLAN_START + (int64_t)plan_epoch_begin(plan, epoch) * PLAN_STEP,
                                             .key = key,
                                             .value = text,
                                             .length = text ? strlen(text) : 0});
    }
}

static void send_command(struct sink *sink, const struct planned *planned)
{
    struct sink_message message = {.topic = SINK_COMMANDS,
                                   .partition = planned->partition,
                                   .ts = planned->ts,
                                   .key = planned->has_key ? planned->workspace_name : NULL,
                                   .value = planned->is_null ? NULL : planned->value,
                                   .length = planned->value_length,
                                   .is_aborted = planned->kind == PLAN_ABORTED};
    if (planned->ids_are_headers) {
        message.headers[message.header_count++] = (struct sink_header){"command-id", planned->id};
        message.headers[message.header_count++] = (struct sink_header){"workspace-id", planned->workspace_name};
    }
    sink_send(sink, &message);
}

static void send_all(const struct request *request, struct sink *sink)
{
    static struct planned planned;
    const struct plan *plan = &request->plan;
    struct replier *replier = replier_new(plan, sink, request->topics[SINK_COMMANDS]);
    FILE *decided[PLAN_EPOCHS + 1];
    char *line = NULL;
    size_t capacity = 0;
    for (unsigned set = 0; set <= PLAN_EPOCHS; set++)
        decided[set] = open_file(request, set, "replies", "r");
    for (uint64_t index = 0, epoch = 0; index < plan->count; index++) {
        while (epoch < PLAN_EPOCHS && index >= plan_epoch_begin(plan, (unsigned)epoch))
            send_definitions(sink, plan, (unsigned)epoch++);
        plan_command(plan, index, &planned);
        if (planned.line[0] && getline(&line, &capacity, decided[set_of(plan, &planned)]) <= 0)
            give_up("replies", "validate has said too little");
        int64_t offset = sink_next(sink, SINK_COMMANDS, planned.partition);
        send_command(sink, &planned);
        replier_answer(replier, index, &planned, offset, planned.line[0] ? line : NULL);
    }
    replier_close(replier);
    for (unsigned set = 0; set <= PLAN_EPOCHS; set++)
        fclose(decided[set]);
    free(line);
}

int main(int count, char **arguments)
{
    struct request request = request_read(count, arguments);
    bool sends = strcmp(request.verb, "send") == 0;
    if (strcmp(request.verb, "lines") == 0) {
        write_lines(&request);
        return 0;
    }
    if ((!sends && strcmp(request.verb, "dump") != 0) || (sends && !request.bootstrap))
        usage_error();
    struct sink *sink =
        sink_open(sends ? request.bootstrap : NULL, request.folder, request.topics, request.plan.partitions);
    send_all(&request, sink);
    sink_close(sink);
    return 0;
}
