#include "worker/replay/replay_lock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "common/stop.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_keys.h"

#define RENEW_MS 2000
#define LOOK_MS  100

struct replay_lock {
    const struct config *config;
    pthread_mutex_t mutex;    /* for the connection */
    redisContext *connection; /* NULL: to be opened */
    char key[512];
    char token[EPOCH_LENGTH]; /* under the mutex */
    pthread_t thread;
    atomic_bool ends;
    _Atomic enum replay_lock_state state;
};

/* New; or NULL if there is no answer, or an error, which closes the connection. */
static redisReply *ask(struct replay_lock *lock, const char *format, ...)
{
    char error[256];
    if (!lock->connection)
        lock->connection = redis_connect(lock->config, error, sizeof(error));
    if (!lock->connection)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(lock->connection, format, arguments);
    va_end(arguments);
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    freeReplyObject(reply);
    redisFree(lock->connection);
    lock->connection = NULL;
    return NULL;
}

/* After a failover the lock is another one. The old master would keep ours for as long as it lives. */
static void leave_old_master(struct replay_lock *lock)
{
    char error[256];
    if (!lock->connection || redis_is_still_chosen(lock->config, lock->connection, error, sizeof(error)))
        return;
    redisFree(lock->connection);
    lock->connection = NULL;
}

/* ---- the steps ---- */

enum step { STEP_OURS, STEP_OTHERS, STEP_FREE, STEP_FAILED };

static enum step set_if_free(struct replay_lock *lock)
{
    redisReply *reply =
        ask(lock, "SET %s %b NX PX %d", lock->key, lock->token, sizeof(lock->token), REPLAY_LOCK_LIFE_MS);
    const enum step step = !reply ? STEP_FAILED : reply->type == REDIS_REPLY_STATUS ? STEP_OURS : STEP_OTHERS;
    freeReplyObject(reply);
    return step;
}

static enum step whose(struct replay_lock *lock)
{
    redisReply *reply = ask(lock, "GETRANGE %s 0 %d", lock->key, EPOCH_LENGTH);
    enum step step = STEP_OTHERS;
    if (!reply)
        step = STEP_FAILED;
    else if (reply->type == REDIS_REPLY_STRING && reply->len == 0)
        step = STEP_FREE;
    else if (reply->type == REDIS_REPLY_STRING && reply->len == sizeof(lock->token) &&
             memcmp(reply->str, lock->token, sizeof(lock->token)) == 0)
        step = STEP_OURS;
    freeReplyObject(reply);
    return step;
}

#define LEFT_ENDLESS (-1) /* as PTTL returns it: the key does not expire */
#define LEFT_UNKNOWN (-3)

/* The time until the lock expires. */
static int64_t left_ms(struct replay_lock *lock)
{
    redisReply *reply = ask(lock, "PTTL %s", lock->key);
    const int64_t left = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : LEFT_UNKNOWN;
    freeReplyObject(reply);
    return left;
}

static enum replay_lock_state settle(struct replay_lock *lock, enum step step)
{
    static const enum replay_lock_state states[] = {[STEP_OURS] = REPLAY_LOCK_OURS,
                                                    [STEP_OTHERS] = REPLAY_LOCK_LOST,
                                                    [STEP_FREE] = REPLAY_LOCK_MISSING,
                                                    [STEP_FAILED] = REPLAY_LOCK_UNKNOWN};
    if (step != STEP_FAILED && atomic_load(&lock->state) != REPLAY_LOCK_LOST)
        atomic_store(&lock->state, states[step]);
    return step == STEP_FAILED ? REPLAY_LOCK_UNKNOWN : atomic_load(&lock->state);
}

enum replay_lock_state replay_lock_ask(struct replay_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    leave_old_master(lock);
    const enum step step = whose(lock);
    if (step == STEP_OURS)
        freeReplyObject(ask(lock, "PEXPIRE %s %d", lock->key, REPLAY_LOCK_LIFE_MS));
    const enum replay_lock_state state = settle(lock, step);
    pthread_mutex_unlock(&lock->mutex);
    return state;
}

enum replay_lock_state replay_lock_retake(struct replay_lock *lock)
{
    char token[EPOCH_LENGTH];
    if (!redis_epoch_random(token))
        return REPLAY_LOCK_UNKNOWN;
    pthread_mutex_lock(&lock->mutex);
    memcpy(lock->token, token, sizeof(lock->token));
    const enum replay_lock_state state = settle(lock, set_if_free(lock));
    pthread_mutex_unlock(&lock->mutex);
    return state;
}

void replay_lock_token(struct replay_lock *lock, char token[EPOCH_LENGTH])
{
    pthread_mutex_lock(&lock->mutex);
    memcpy(token, lock->token, sizeof(lock->token));
    pthread_mutex_unlock(&lock->mutex);
}

enum replay_lock_state replay_lock_state(const struct replay_lock *lock)
{
    return atomic_load(&lock->state);
}

static void *run(void *argument)
{
    struct replay_lock *lock = argument;
    for (int64_t renewed_ms = clock_now_ms(); !atomic_load(&lock->ends);) {
        clock_sleep(LOOK_MS);
        if (clock_now_ms() - renewed_ms < RENEW_MS)
            continue;
        renewed_ms = clock_now_ms();
        replay_lock_ask(lock);
    }
    return NULL;
}

/* Waits while another process has the lock. */
static enum replay_lock_result await(struct replay_lock *lock)
{
    int64_t before = -1;
    for (;;) {
        switch (set_if_free(lock)) {
        case STEP_OURS:
            return REPLAY_LOCK_TAKEN;
        case STEP_FAILED:
        case STEP_FREE:
            return REPLAY_LOCK_FAILED;
        case STEP_OTHERS:
            break;
        }
        const int64_t left = left_ms(lock);
        if (left == LEFT_UNKNOWN)
            return REPLAY_LOCK_FAILED;
        /* A key that does not expire is not ours, and nothing tells whether it will go. */
        if (left == LEFT_ENDLESS || (before >= 0 && left > before) || stop_is_requested())
            return REPLAY_LOCK_IN_USE;
        before = left;
        clock_sleep(LOOK_MS);
    }
}

static void close_lock(struct replay_lock *lock)
{
    if (lock->connection)
        redisFree(lock->connection);
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

enum replay_lock_result replay_lock_take(struct replay_lock **lock, const struct config *config,
                                         const char token[EPOCH_LENGTH], char *error, size_t error_size)
{
    struct replay_lock *taken = calloc(1, sizeof(*taken));
    enum replay_lock_result result = REPLAY_LOCK_FAILED;
    snprintf(error, error_size, "out of memory");
    if (!taken)
        return result;
    taken->config = config;
    atomic_store(&taken->state, REPLAY_LOCK_OURS);
    pthread_mutex_init(&taken->mutex, NULL);
    memcpy(taken->token, token, sizeof(taken->token));
    snprintf(taken->key, sizeof(taken->key), REPLAY_LOCK_KEY_BEFORE "%s", config->commands.topic);
    taken->connection = redis_connect(config, error, error_size);
    if (taken->connection) {
        snprintf(error, error_size, "Redis does not answer, or refuses the lock %s", taken->key);
        result = await(taken);
    }
    if (result == REPLAY_LOCK_TAKEN && quiet_thread_start(&taken->thread, run, taken) != 0) {
        snprintf(error, error_size, "no thread");
        result = REPLAY_LOCK_FAILED;
    }
    if (result == REPLAY_LOCK_TAKEN)
        *lock = taken;
    else
        close_lock(taken);
    return result;
}

void replay_lock_give_back(struct replay_lock *lock)
{
    if (!lock)
        return;
    atomic_store(&lock->ends, true);
    pthread_join(lock->thread, NULL);
    if (whose(lock) == STEP_OURS)
        freeReplyObject(ask(lock, "DEL %s", lock->key));
    close_lock(lock);
}
