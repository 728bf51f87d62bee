#include "worker/redis/cluster_survey.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What has come while others were waited for still counts. */
static bool has_come(const redisContext *connection)
{
    struct pollfd file = {.fd = connection->fd, .events = POLLIN};
    return poll(&file, 1, 0) == 1;
}

redisReply *cluster_take_reply(redisContext *connection, int64_t until_ms, char *error, size_t error_size)
{
    void *reply = NULL;
    const char *reason = NULL;
    for (size_t reads = 0; !reply && !reason; reads++) {
        if (redisGetReplyFromReader(connection, &reply) != REDIS_OK)
            reason = connection->errstr;
        else if (!reply && clock_now_ms() > until_ms && !has_come(connection))
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

/* What a node says. */
struct view {
    struct cluster_map *map;
    enum cluster_state state;
    uint64_t epoch;
    struct redis_place place;
};

bool cluster_epoch_of(const redisReply *info, uint64_t *epoch)
{
    static const char name[] = "cluster_current_epoch:";
    const char *found = info->type == REDIS_REPLY_STRING ? strstr(info->str, name) : NULL;
    if (found)
        *epoch = strtoull(found + strlen(name), NULL, 10);
    return found != NULL;
}

/* A user may lack the right to ask for the state: then it counts as ok, and as new enough. */
static void read_state(const struct cluster_survey *survey, const redisReply *info, struct view *view)
{
    const char *text = info->type == REDIS_REPLY_STRING ? info->str : "";
    view->state = strstr(text, "cluster_state:fail") ? CLUSTER_FAIL : CLUSTER_OK;
    if (!cluster_epoch_of(info, &view->epoch))
        view->epoch = survey->epoch;
}

/* Asks the node of the connection. False with the reason in `error`. */
static bool question(struct cluster_survey *survey, struct view *view, char *error, size_t error_size)
{
    redisContext *connection = survey->connection;
    const int64_t until_ms = clock_now_ms() + cluster_wait_ms(survey->config);
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
        read_state(survey, info, view);
        survey->is_no_cluster = slots->type == REDIS_REPLY_ERROR && strstr(slots->str, "cluster support disabled");
        view->place = survey->place;
        view->map = cluster_map_read(slots, &survey->place, error, error_size);
    }
    freeReplyObject(info);
    freeReplyObject(slots);
    return view->map != NULL;
}

/* False with the reason in `error` for a view from before the map that is known. */
static bool is_believed(struct cluster_survey *survey, const struct view *view, char *error, size_t error_size)
{
    const int64_t now_ms = clock_now_ms();
    if (view->epoch >= survey->epoch)
        return true;
    if (survey->older_since_ms == 0)
        survey->older_since_ms = now_ms;
    snprintf(error, error_size, "its map is older (epoch %llu, not %llu)", (unsigned long long)view->epoch,
             (unsigned long long)survey->epoch);
    return now_ms - survey->older_since_ms >= CLUSTER_FORGET_MS;
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

/* Of two nodes that say cluster_state:fail the one counts that knows of more slots; the other's map is freed. */
static void keep_better(struct view *fallback, struct view *view)
{
    const bool is_better = !fallback->map || view->map->unserved < fallback->map->unserved;
    cluster_map_free(is_better ? fallback->map : view->map);
    if (is_better)
        *fallback = *view;
    view->map = NULL;
}

/* Asks the node on the open connection, or at survey->place. view->map: a map that can be used; NULL: none. What goes
 * to *fallback counts if nobody knows better. */
static void ask_node(struct cluster_survey *survey, struct view *view, struct view *fallback, char *error,
                     size_t error_size)
{
    char reason[256];
    const bool ok = (survey->connection || dial(survey, reason, sizeof(reason))) &&
                    question(survey, view, reason, sizeof(reason)) && is_believed(survey, view, reason, sizeof(reason));
    if (ok && view->state == CLUSTER_OK)
        return;
    if (ok) {
        keep_better(fallback, view);
    } else {
        cluster_map_free(view->map);
        view->map = NULL;
        add_reason(&survey->place, reason, error, error_size);
    }
    hang_up(survey);
}

static struct cluster_map *use(struct cluster_survey *survey, const struct view *view)
{
    survey->state = view->map ? view->state : CLUSTER_FAIL;
    if (!view->map)
        return NULL;
    survey->answered = view->place;
    survey->epoch = view->epoch;
    survey->older_since_ms = 0;
    return view->map;
}

struct cluster_map *cluster_survey_ask(struct cluster_survey *survey, const struct cluster_map *known, char *error,
                                       size_t error_size)
{
    const int64_t until_ms = clock_now_ms() + CLUSTER_SURVEY_MS;
    const size_t nodes = survey->config->redis.address.count + (known ? known->count : 0);
    struct view fallback = {NULL}, view = {NULL};
    error[0] = '\0';
    survey->is_no_cluster = false;
    if (survey->connection)
        ask_node(survey, &view, &fallback, error, error_size);
    for (size_t asked = 0; !view.map && asked < nodes && asked < CLUSTER_NODES_ASKED && clock_now_ms() < until_ms;
         asked++) {
        if (node_place(survey, known, survey->next++ % nodes, &survey->place))
            ask_node(survey, &view, &fallback, error, error_size);
        else
            snprintf(error, error_size, "out of memory");
    }
    if (!view.map)
        return use(survey, &fallback);
    cluster_map_free(fallback.map);
    return use(survey, &view);
}
