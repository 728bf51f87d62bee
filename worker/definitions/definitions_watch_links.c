#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/definitions/definitions_watch_internal.h"
#include "worker/redis/redis_keys.h"

#define CHANNEL "__redis__:invalidate"

/* ---- links come and go ---- */

static bool watch_ask(redisContext *connection, char *error, const char *format, long long argument, long long *answer)
{
    redisReply *reply = redisCommand(connection, format, argument);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ok)
        snprintf(error, ERROR_TEXT_BYTES, "%s", reply ? reply->str : connection->errstr);
    else if (answer)
        *answer = reply->integer;
    freeReplyObject(reply);
    return ok;
}

/* False when out of memory. */
static bool make_room(struct definitions_watch *watch)
{
    const size_t count = watch->link_count + 1;
    struct pollfd *files = realloc(watch->files, (count + 1) * sizeof(*files));
    if (files)
        watch->files = files;
    pthread_mutex_lock(&watch->lock);
    struct watch_link *links = files ? realloc(watch->links, count * sizeof(*links)) : NULL;
    if (links)
        watch->links = links;
    pthread_mutex_unlock(&watch->lock);
    return links != NULL;
}

/* Redis announces no change before it has confirmed the subscription, so there is a link only then. */
bool watch_link_add(struct definitions_watch *watch, redisContext *connection, uint64_t number, char *error)
{
    long long id = 0;
    if (!watch_ask(connection, error, "CLIENT ID", 0, &id) ||
        !watch_ask(connection, error, "CLIENT TRACKING ON REDIRECT %lld BCAST PREFIX " DEFINITIONS_KEY_BEFORE, id,
                   NULL) ||
        !watch_ask(connection, error, "SUBSCRIBE " CHANNEL, 0, NULL))
        return false;
    if (!make_room(watch)) {
        snprintf(error, ERROR_TEXT_BYTES, "out of memory");
        return false;
    }
    struct watch_link link = {.connection = connection, .number = number, .heard_ms = clock_now_ms()};
    redis_address(connection, link.server);
    definitions_versions_grow(&watch->stamps);
    pthread_mutex_lock(&watch->lock);
    watch->links[watch->link_count++] = link;
    pthread_mutex_unlock(&watch->lock);
    return true;
}

void watch_link_remove(struct definitions_watch *watch, size_t at)
{
    definitions_versions_grow(&watch->stamps);
    pthread_mutex_lock(&watch->lock);
    watch->links[at] = watch->links[--watch->link_count];
    watch->is_whole = false;
    watch->losses++;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

/* ---- pings ---- */

static bool send_ping(struct watch_link *link, uint64_t number, char *error)
{
    int done = 0;
    bool ok = redisAppendCommand(link->connection, "PING %llu", (unsigned long long)number) == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(link->connection, &done) == REDIS_OK;
    if (!ok) {
        snprintf(error, ERROR_TEXT_BYTES, "%s", link->connection->errstr);
        return false;
    }
    link->sent = number;
    if (link->pinged_ms == 0) {
        link->pinged_ms = clock_now_ms();
        link->pinged = number;
    }
    return true;
}

/* A caller that comes after the number was taken waits for the next ping, even though this one may not be written yet.
 */
void watch_ping(struct definitions_watch *watch)
{
    char error[ERROR_TEXT_BYTES];
    bool silent = false;
    uint64_t number = 0;
    for (size_t i = 0; i < watch->link_count; i++)
        silent =
            silent || (watch->links[i].pinged_ms == 0 && clock_now_ms() - watch->links[i].heard_ms >= IDLE_PING_MS);
    pthread_mutex_lock(&watch->lock);
    if (silent || watch->wanted > watch->sent)
        number = ++watch->sent;
    pthread_mutex_unlock(&watch->lock);
    for (size_t i = watch->link_count; number > 0 && i-- > 0;)
        if (!send_ping(&watch->links[i], number, error))
            watch_close(watch, i, error);
}

static void take_pong(struct definitions_watch *watch, struct watch_link *link, uint64_t number)
{
    /* If a later ping is in progress, its time limit begins again, since Redis is alive. */
    link->pinged_ms = number < link->sent ? clock_now_ms() : 0;
    link->pinged = number + 1;
    pthread_mutex_lock(&watch->lock);
    link->answered = number;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

/* ---- what Redis says ---- */

static bool is_text(const redisReply *reply, const char *text)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) && strcmp(reply->str, text) == 0;
}

/* A key that is not custom-fields:{WORKSPACE} belongs to no workspace. */
static void take_key(struct definitions_watch *watch, struct span key)
{
    struct span workspace = definitions_key_workspace(key);
    if (workspace.at)
        definitions_version_grow(&watch->stamps, workspace);
}

/* A Redis that cannot write to its disk replies to a ping with this error, in order, and announces changes as
 * before. */
static bool is_misconf(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MISCONF", 7) == 0;
}

/* ["pong", number], or ["message", channel, keys], with nil for keys when a database was flushed. */
static bool take(struct definitions_watch *watch, struct watch_link *link, const redisReply *reply)
{
    if (link->pinged_ms && is_misconf(reply)) {
        take_pong(watch, link, link->pinged);
        return true;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        return false;
    if (reply->elements == 2 && is_text(reply->element[0], "pong") && reply->element[1]->type == REDIS_REPLY_STRING) {
        take_pong(watch, link, strtoull(reply->element[1]->str, NULL, 10));
        return true;
    }
    if (reply->elements != 3 || !is_text(reply->element[0], "message") || !is_text(reply->element[1], CHANNEL))
        return false;
    const redisReply *keys = reply->element[2];
    if (keys->type != REDIS_REPLY_ARRAY) {
        definitions_versions_grow(&watch->stamps);
        return true;
    }
    for (size_t i = 0; i < keys->elements; i++)
        if (keys->element[i]->type == REDIS_REPLY_STRING)
            take_key(watch, span_of(keys->element[i]->str, (size_t)keys->element[i]->len));
    return true;
}

bool watch_read(struct definitions_watch *watch, struct watch_link *link, char *error)
{
    void *reply = NULL;
    bool ok = redisBufferRead(link->connection) == REDIS_OK;
    error[0] = '\0';
    while (ok && (ok = redisGetReplyFromReader(link->connection, &reply) == REDIS_OK) && reply) {
        ok = take(watch, link, reply);
        if (!ok)
            snprintf(error, ERROR_TEXT_BYTES, "an unexpected message");
        freeReplyObject(reply);
    }
    if (!ok && error[0] == '\0')
        snprintf(error, ERROR_TEXT_BYTES, "%s", link->connection->errstr);
    link->heard_ms = clock_now_ms();
    return ok;
}
