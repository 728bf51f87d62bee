/* definitions_probe ADDRESSES [SETTING ...]: what worker/definitions does on a cluster, step by step, for
 * tests/live/definitions_cluster.sh. It reads a step from each line of standard input and prints a line for it:
 *
 *   watch WORKSPACE...          "watching", with the values that were read: "WORKSPACE=VALUE", "WORKSPACE" for none
 *   change WORKSPACE[=VALUE]... changes what is watched: for each "done" or "not done"
 *   names                       the number of workspaces
 *   kept                        "kept", or why it is not certain
 *
 * A failure is "failed: REASON", and ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/definitions/definitions_redis.h"

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

static bool carry_out(char *line)
{
    static const struct {
        const char *name;
        bool (*run)(void);
    } steps[] = {{"watch", step_watch}, {"change", step_change}, {"names", step_names}, {"kept", step_kept}};
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
    struct config *config = config_read(&(struct config_sources){.settings = settings, .takes_cluster = true});
    bool ok = config && (redis = definitions_redis_open(config, error, sizeof(error)));
    while (ok && fgets(line, sizeof(line), stdin)) {
        ok = carry_out(line);
        if (ok)
            putchar('\n');
        fflush(stdout);
    }
    if (!ok)
        printf("failed: %s\n", error);
    definitions_redis_close(redis);
    config_free(config);
    return !ok;
}
