/* definitions_probe ADDRESSES [SETTING ...]: what worker/definitions does on a cluster, step by step, for
 * tests/live/definitions_cluster.sh. It reads a step from each line of standard input and prints a line for it:
 *
 *   watch WORKSPACE...          "watching", with the values that were read: "WORKSPACE=VALUE", "WORKSPACE" for none
 *   change WORKSPACE[=VALUE]... changes what is watched: for each "done" or "not done"
 *   names                       the number of workspaces
 *   kept                        "kept", or why it is not certain
 *   begin                       begins to watch for changes: "begun" once all masters are watched
 *   catch SERVER...             for each "caught up" or "not", and the milliseconds that it took
 *   versions WORKSPACE...       their versions
 *   hammer COUNT WORKSPACE...   so often: changes each and catches up with all masters: "N seen, N missed, N not caught
 *                               up"
 *
 * A failure is "failed: REASON", and ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/definitions/definitions_watch.h"

#define WORKSPACES_MOST 64

static struct definitions_redis *redis;
static char error[1024];
static size_t names;

/* The words of the step behind its name: workspaces, and values where there are any. */
static struct definitions_change words[WORKSPACES_MOST];
static size_t word_count;

static bool count_name(void *listener, struct span workspace, struct span json, char *text, size_t size)
{
    (void)listener, (void)workspace, (void)text, (void)size;
    names += json.at != NULL;
    return true;
}

static bool step_watch(void)
{
    static char texts[WORKSPACES_MOST][128];
    struct span workspaces[WORKSPACES_MOST];
    redisReply *answers[WORKSPACES_MOST];
    for (size_t i = 0; i < word_count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%.*s", SPAN_FORMAT(words[i].workspace));
        workspaces[i] = span_of_text(texts[i]); /* they outlive the line */
    }
    if (!definitions_redis_watch(redis, workspaces, word_count, answers, error, sizeof(error)))
        return false;
    printf("watching");
    for (size_t i = 0; i < word_count; i++) {
        const struct span value = definitions_redis_value(answers[i]);
        printf(value.at ? " %s=%.*s" : " %s", texts[i], SPAN_FORMAT(value));
        freeReplyObject(answers[i]);
    }
    return true;
}

static bool step_change(void)
{
    bool done[WORKSPACES_MOST];
    if (!definitions_redis_change(redis, words, word_count, done, error, sizeof(error)))
        return false;
    for (size_t i = 0; i < word_count; i++)
        printf("%s%s", i > 0 ? ", " : "", done[i] ? "done" : "not done");
    return true;
}

static bool step_names(void)
{
    names = 0;
    if (!definitions_redis_scan(redis, count_name, NULL, error, sizeof(error)))
        return false;
    printf("%zu", names);
    return true;
}

static bool step_kept(void)
{
    printf("%s", definitions_redis_is_kept(redis, error, sizeof(error)) ? "kept" : error);
    return true;
}

/* ---- news of changes ---- */

#define CATCH_UP_MS 1000

static struct config *config;
static struct definitions_watch *watch;

static bool step_begin(void)
{
    const int64_t until_ms = clock_now_ms() + 30000;
    watch = definitions_watch_open(config);
    snprintf(error, sizeof(error), "not all masters are watched");
    while (watch && !definitions_watch_catch_up(watch, NULL, CATCH_UP_MS)) {
        if (clock_now_ms() > until_ms)
            return false;
        clock_sleep(20);
    }
    printf("begun");
    return watch != NULL;
}

static bool step_catch(void)
{
    struct definitions_server servers[WORKSPACES_MOST];
    const int64_t begin_ms = clock_now_ms();
    for (size_t i = 0; i < word_count; i++)
        servers[i] = (struct definitions_server){.server = words[i].workspace.at};
    definitions_watch_catch_up_with(watch, servers, word_count, CATCH_UP_MS);
    for (size_t i = 0; i < word_count; i++)
        printf("%s, ", servers[i].caught_up ? "caught up" : "not");
    printf("%lld", (long long)(clock_now_ms() - begin_ms));
    return true;
}

static bool step_versions(void)
{
    for (size_t i = 0; i < word_count; i++)
        printf("%s%llu", i > 0 ? " " : "", (unsigned long long)definitions_watch_stamp(watch, words[i].workspace));
    return true;
}

/* Changes the workspace until that is done. */
static bool change_one(struct span workspace, int number)
{
    char value[24];
    snprintf(value, sizeof(value), "%d", number);
    const struct definitions_change change = {workspace, span_of_text(value)};
    for (bool done = false; !done;) {
        redisReply *answer;
        if (!definitions_redis_watch(redis, &workspace, 1, &answer, error, sizeof(error)))
            return false;
        freeReplyObject(answer);
        if (!definitions_redis_change(redis, &change, 1, &done, error, sizeof(error)))
            return false;
    }
    return true;
}

static bool step_hammer(void)
{
    unsigned seen = 0, missed = 0, late = 0;
    const int count = atoi(words[0].workspace.at);
    for (int round = 0; round < count; round++) {
        for (size_t i = 1; i < word_count; i++) {
            const uint64_t before = definitions_watch_stamp(watch, words[i].workspace);
            if (!change_one(words[i].workspace, round))
                return false;
            if (!definitions_watch_catch_up(watch, NULL, CATCH_UP_MS))
                late++;
            else if (definitions_watch_stamp(watch, words[i].workspace) == before)
                missed++;
            else
                seen++;
        }
    }
    printf("%u seen, %u missed, %u not caught up", seen, missed, late);
    return true;
}

static bool carry_out(char *line)
{
    static const struct {
        const char *name;
        bool (*run)(void);
    } steps[] = {{"watch", step_watch}, {"change", step_change}, {"names", step_names},       {"kept", step_kept},
                 {"begin", step_begin}, {"catch", step_catch},   {"versions", step_versions}, {"hammer", step_hammer}};
    const char *name = strtok(line, " \n");
    word_count = 0;
    for (char *word; word_count < WORKSPACES_MOST && (word = strtok(NULL, " \n"));) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        words[word_count++] = (struct definitions_change){span_of_text(word), value ? span_of_text(value) : SPAN_NONE};
    }
    for (size_t i = 0; name && i < sizeof(steps) / sizeof(steps[0]); i++)
        if (strcmp(name, steps[i].name) == 0)
            return steps[i].run();
    snprintf(error, sizeof(error), "there is no such step");
    return false;
}

int main(int argc, char **argv)
{
    static char address[1024], line[65536];
    const char *settings[16] = {"redis.kind=cluster", address};
    if (argc < 2 || argc > 12)
        return 64;
    snprintf(address, sizeof(address), "redis.address=%s", argv[1]);
    for (int i = 2; i < argc; i++)
        settings[i] = argv[i];
    signal(SIGPIPE, SIG_IGN);
    config = config_read(&(struct config_sources){.settings = settings});
    bool ok = config && (redis = definitions_redis_open(config, error, sizeof(error)));
    while (ok && fgets(line, sizeof(line), stdin)) {
        ok = carry_out(line);
        if (ok)
            putchar('\n');
        fflush(stdout);
    }
    if (!ok)
        printf("failed: %s\n", error);
    if (watch && definitions_watch_end(watch, &(struct timespec){INT32_MAX, 0}))
        definitions_watch_free(watch);
    definitions_redis_close(redis);
    config_free(config);
    return !ok;
}
