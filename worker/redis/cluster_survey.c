#include "worker/redis/cluster_survey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "worker/redis/redis_dial.h"

#define READ_BYTES (16 << 10) /* hiredis reads so many at a time, at most */

void cluster_survey_open(struct cluster_survey *survey, const struct config *config)
{
    *survey = (struct cluster_survey){.config = config};
}

static void hang_up(struct cluster_survey *survey)
{
    if (survey->connection)
        redisFree(survey->connection);
    survey->connection = NULL;
}

void cluster_survey_close(struct cluster_survey *survey)
{
    hang_up(survey);
}

/* ---- one node ---- */

int64_t cluster_wait_ms(const struct config *config)
{
    return config->redis.timeout_ms < CLUSTER_WAIT_MS ? config->redis.timeout_ms : CLUSTER_WAIT_MS;
}

redisReply *cluster_take_reply(redisContext *connection, int64_t until_ms, char *error, size_t error_size)
{
    void *reply = NULL;
    const char *reason = NULL;
    for (size_t reads = 0; !reply && !reason; reads++) {
        if (redisGetReplyFromReader(connection, &reply) != REDIS_OK)
            reason = connection->errstr;
        else if (!reply && clock_now_ms() > until_ms)
            reason = "no answer in time";
        else if (!reply && reads > CLUSTER_REPLY_BYTES / READ_BYTES)
            reason = "its answer does not end";
        else if (!reply && redisBufferRead(connection) != REDIS_OK)
            reason = connection->err == REDIS_ERR_IO && errno == EAGAIN ? "no answer in time" : connection->errstr;
    }
    if (reason)
        snprintf(error, error_size, "%s", reason);
    return reply;
}

static bool dial(struct cluster_survey *survey, char *error, size_t error_size)
{
    const struct redis_call call = {.host = survey->place.host,
                                    .port = survey->place.port,
                                    .username = survey->config->redis.username,
                                    .password = survey->config->redis.password,
                                    .timeout_ms = cluster_wait_ms(survey->config)};
    survey->connection = redis_dial(&call, survey->config, error, error_size);
    return survey->connection != NULL;
}

/* A user may lack the right to ask for the state: then it counts as ok. */
static enum cluster_state state_of(const redisReply *info)
{
    return info->type == REDIS_REPLY_STRING && strstr(info->str, "cluster_state:fail") ? CLUSTER_FAIL : CLUSTER_OK;
}

/* Asks the node of the connection. NULL with the reason in `error`. */
static struct cluster_map *question(struct cluster_survey *survey, enum cluster_state *state, char *error,
                                    size_t error_size)
{
    redisContext *connection = survey->connection;
    const int64_t until_ms = clock_now_ms() + cluster_wait_ms(survey->config);
    struct cluster_map *map = NULL;
    redisReply *info = NULL, *slots = NULL;
    int done = 0;
    bool ok = redisAppendCommand(connection, "CLUSTER INFO") == REDIS_OK &&
              redisAppendCommand(connection, "CLUSTER SLOTS") == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(connection, &done) == REDIS_OK;
    if (!ok)
        snprintf(error, error_size, "%s", connection->errstr);
    else if ((info = cluster_take_reply(connection, until_ms, error, error_size)) != NULL &&
             (slots = cluster_take_reply(connection, until_ms, error, error_size)) != NULL) {
        *state = state_of(info);
        survey->is_no_cluster = slots->type == REDIS_REPLY_ERROR && strstr(slots->str, "cluster support disabled");
        map = cluster_map_read(slots, &survey->place, error, error_size);
    }
    freeReplyObject(info);
    freeReplyObject(slots);
    return map;
}

/* ---- all of them ---- */

/* The place of the node with this number: those of redis.address come first, then the masters of the map. */
static bool node_place(const struct cluster_survey *survey, const struct cluster_map *known, size_t number,
                       struct redis_place *place)
{
    const struct text_list *list = &survey->config->redis.address;
    if (number < list->count)
        return redis_place_of(list->items[number], place);
    *place = known->masters[number - list->count].place;
    return true;
}

/* Adds "HOST:PORT: reason" to the reasons. */
static void add_reason(const struct redis_place *place, const char *reason, char *error, size_t error_size)
{
    const size_t length = strlen(error);
    char text[REDIS_PLACE_BYTES];
    redis_place_text(place, text);
    snprintf(error + length, error_size - length, "%s%s: %s", length > 0 ? "; " : "", text, reason);
}

/* Of two maps of nodes that say cluster_state:fail the one with more slots counts; the other one is freed. */
static void keep_better(struct cluster_survey *survey, struct cluster_map **fallback, struct cluster_map *map)
{
    const bool is_better = !*fallback || map->unserved < (*fallback)->unserved;
    cluster_map_free(is_better ? *fallback : map);
    if (!is_better)
        return;
    *fallback = map;
    survey->answered = survey->place;
}

/* Asks the node on the open connection, or at survey->place. *fallback: what it says counts if nobody knows better. */
static struct cluster_map *ask_node(struct cluster_survey *survey, struct cluster_map **fallback, char *error,
                                    size_t error_size)
{
    enum cluster_state state = CLUSTER_FAIL;
    char reason[256];
    struct cluster_map *map = survey->connection || dial(survey, reason, sizeof(reason))
                                  ? question(survey, &state, reason, sizeof(reason))
                                  : NULL;
    if (map && state == CLUSTER_OK) {
        survey->state = CLUSTER_OK;
        survey->answered = survey->place;
        return map;
    }
    if (map)
        keep_better(survey, fallback, map);
    else
        add_reason(&survey->place, reason, error, error_size);
    hang_up(survey);
    return NULL;
}

struct cluster_map *cluster_survey_ask(struct cluster_survey *survey, const struct cluster_map *known, char *error,
                                       size_t error_size)
{
    const int64_t until_ms = clock_now_ms() + CLUSTER_SURVEY_MS;
    const size_t nodes = survey->config->redis.address.count + (known ? known->count : 0);
    struct cluster_map *fallback = NULL, *map = NULL;
    error[0] = '\0';
    survey->is_no_cluster = false;
    if (survey->connection)
        map = ask_node(survey, &fallback, error, error_size);
    for (size_t asked = 0; !map && asked < nodes && asked < CLUSTER_NODES_ASKED && clock_now_ms() < until_ms; asked++) {
        if (node_place(survey, known, survey->next++ % nodes, &survey->place))
            map = ask_node(survey, &fallback, error, error_size);
        else
            snprintf(error, error_size, "out of memory");
    }
    if (map) {
        cluster_map_free(fallback);
        return map;
    }
    survey->state = CLUSTER_FAIL;
    return fallback;
}
