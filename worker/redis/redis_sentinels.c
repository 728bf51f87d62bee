#include "worker/redis/redis_sentinels.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/config/config_table.h"
#include "worker/redis/redis_dial.h"

#define TEXT_BYTES 512

struct redis_sentinels {
    const struct config *config;
    redisContext *connections[REDIS_SENTINELS_MOST]; /* NULL: none */
    struct sentinel_votes votes;
    struct log_fault dissent;
};

/* By the place in redis.address: until when a Sentinel is asked last. For all threads. */
static _Atomic int64_t away_until_ms[REDIS_SENTINELS_MOST];

struct redis_sentinels *redis_sentinels_open(const struct config *config)
{
    struct redis_sentinels *sentinels = calloc(1, sizeof(*sentinels));
    if (!sentinels)
        return NULL;
    sentinels->config = config;
    sentinels->dissent = (struct log_fault){"Sentinels name another master, or do not answer; the others are enough",
                                            "the Sentinels name the same master again", .told = NULL};
    for (size_t i = 0; i < REDIS_SENTINELS_MOST; i++)
        sentinel_answer_read(&sentinels->votes.answers[i], NULL, "it did not answer");
    return sentinels;
}

static void hang_up(struct redis_sentinels *sentinels, size_t number)
{
    if (sentinels->connections[number])
        redisFree(sentinels->connections[number]);
    sentinels->connections[number] = NULL;
}

void redis_sentinels_close(struct redis_sentinels *sentinels)
{
    if (!sentinels)
        return;
    for (size_t i = 0; i < sentinels->config->redis.address.count; i++)
        hang_up(sentinels, i);
    free(sentinels);
}

/* ---- one Sentinel ---- */

static int64_t wait_ms(const struct config *config)
{
    return config->redis.timeout_ms < SENTINEL_WAIT_MS ? config->redis.timeout_ms : SENTINEL_WAIT_MS;
}

static bool call(struct redis_sentinels *sentinels, size_t number)
{
    const struct config *config = sentinels->config;
    char error[256] = "out of memory", *host = NULL;
    int port = 0;
    if (sentinels->connections[number])
        return true;
    if (config_split_address(config->redis.address.items[number], &host, &port)) {
        const struct redis_call to = {.host = host,
                                      .port = port,
                                      .username = config->redis.sentinel_username,
                                      .password = config->redis.sentinel_password,
                                      .timeout_ms = wait_ms(config)};
        sentinels->connections[number] = redis_dial(&to, config, error, sizeof(error));
    }
    free(host);
    if (!sentinels->connections[number])
        sentinel_answer_read(&sentinels->votes.answers[number], NULL, error);
    return sentinels->connections[number] != NULL;
}

/* Sends the question. False if the connection failed. */
static bool put_question(struct redis_sentinels *sentinels, size_t number)
{
    redisContext *connection = sentinels->connections[number];
    int done = 0;
    bool ok = redisAppendCommand(connection, "SENTINEL get-master-addr-by-name %s", sentinels->config->redis.master) ==
              REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(connection, &done) == REDIS_OK;
    return ok;
}

/* The time of a Sentinel is over even if it goes on sending, byte by byte. */
static bool take_answer(struct redis_sentinels *sentinels, size_t number)
{
    redisContext *connection = sentinels->connections[number];
    const int64_t until_ms = clock_now_ms() + wait_ms(sentinels->config);
    void *reply = NULL;
    while (!reply)
        if (redisGetReplyFromReader(connection, &reply) != REDIS_OK ||
            (!reply && (clock_now_ms() > until_ms || redisBufferRead(connection) != REDIS_OK)))
            return false;
    sentinel_answer_read(&sentinels->votes.answers[number], reply, "");
    freeReplyObject(reply);
    return true;
}

/* A connection that was open may have been closed by a restart since: then a new one is tried, once. One that is silent
 * is not. */
static bool was_closed(const redisContext *connection)
{
    return connection->err == REDIS_ERR_EOF || (connection->err == REDIS_ERR_IO && errno != EAGAIN);
}

static bool is_away(size_t number)
{
    return atomic_load(&away_until_ms[number]) > clock_now_ms();
}

/* ---- all of them ---- */

enum progress { NOT_ASKED, ASKED, ASKED_ON_OLD, ANSWERED };

/* Sends the question to the Sentinels that are chosen, then reads their answers. */
static void ask(struct redis_sentinels *sentinels, const bool *chosen)
{
    const size_t count = sentinels->config->redis.address.count;
    enum progress progress[REDIS_SENTINELS_MOST] = {NOT_ASKED};
    for (size_t i = 0; i < count; i++) {
        if (!chosen[i])
            continue;
        /* Before it has answered, so that other threads ask it last meanwhile. */
        if (!sentinels->connections[i])
            atomic_store(&away_until_ms[i], clock_now_ms() + SENTINEL_AWAY_MS);
        const bool is_old = sentinels->connections[i] != NULL;
        if (call(sentinels, i))
            progress[i] = is_old ? ASKED_ON_OLD : ASKED;
        if (progress[i] != NOT_ASKED && !put_question(sentinels, i) && is_old) {
            hang_up(sentinels, i);
            progress[i] = call(sentinels, i) && put_question(sentinels, i) ? ASKED : NOT_ASKED;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (progress[i] == NOT_ASKED)
            continue;
        bool ok = take_answer(sentinels, i);
        if (!ok && progress[i] == ASKED_ON_OLD && was_closed(sentinels->connections[i])) {
            hang_up(sentinels, i);
            ok = call(sentinels, i) && put_question(sentinels, i) && take_answer(sentinels, i);
        }
        if (ok)
            progress[i] = ANSWERED;
        else if (sentinels->connections[i])
            sentinel_answer_read(&sentinels->votes.answers[i], NULL,
                                 was_closed(sentinels->connections[i]) ? sentinels->connections[i]->errstr
                                                                       : "no answer in time");
    }
    for (size_t i = 0; i < count; i++) {
        if (!chosen[i])
            continue;
        atomic_store(&away_until_ms[i], progress[i] == ANSWERED ? 0 : clock_now_ms() + SENTINEL_AWAY_MS);
        if (progress[i] != ANSWERED)
            hang_up(sentinels, i);
    }
}

/* The answers of the question before do not count; what was wrong with a Sentinel stays. */
static void begin(struct redis_sentinels *sentinels)
{
    for (size_t i = 0; i < REDIS_SENTINELS_MOST; i++) {
        if (sentinels->votes.answers[i].vote != VOTE_NONE)
            sentinel_answer_read(&sentinels->votes.answers[i], NULL, "it did not answer");
    }
}

bool redis_sentinels_find(struct redis_sentinels *sentinels, struct redis_place *master, char *error, size_t error_size)
{
    const struct config *config = sentinels->config;
    bool first[REDIS_SENTINELS_MOST] = {false}, last[REDIS_SENTINELS_MOST] = {false};
    begin(sentinels);
    for (size_t i = 0; i < config->redis.address.count; i++) {
        last[i] = is_away(i) && !sentinels->connections[i];
        first[i] = !last[i];
    }
    ask(sentinels, first);
    if (sentinel_votes_count(&sentinels->votes, config, master, error, error_size) == SENTINELS_AGREE)
        return true;
    ask(sentinels, last);
    return sentinel_votes_count(&sentinels->votes, config, master, error, error_size) == SENTINELS_AGREE;
}

const struct sentinel_votes *redis_sentinels_ask_all(struct redis_sentinels *sentinels)
{
    bool all[REDIS_SENTINELS_MOST];
    for (size_t i = 0; i < REDIS_SENTINELS_MOST; i++)
        all[i] = i < sentinels->config->redis.address.count;
    begin(sentinels);
    ask(sentinels, all);
    return &sentinels->votes;
}

static void note_dissent(struct redis_sentinels *sentinels, const struct redis_place *master)
{
    char others[TEXT_BYTES], place[REDIS_PLACE_BYTES];
    if (sentinel_votes_for(&sentinels->votes, sentinels->config, master) == sentinels->config->redis.address.count) {
        log_fault_end(&sentinels->dissent);
        return;
    }
    sentinel_votes_text(&sentinels->votes, sentinels->config, master, others, sizeof(others));
    redis_place_text(master, place);
    log_fault_begin(&sentinels->dissent, LOG_LIST(LOG_TEXT("master", place), LOG_TEXT("others", others)));
}

bool redis_sentinels_confirm(struct redis_sentinels *sentinels, const redisContext *connection, char *error,
                             size_t error_size)
{
    struct redis_place master, ours = {.port = connection->tcp.port};
    char now[REDIS_PLACE_BYTES], before[REDIS_PLACE_BYTES];
    if (!redis_sentinels_find(sentinels, &master, error, error_size))
        return false;
    snprintf(ours.host, sizeof(ours.host), "%s", connection->tcp.host);
    if (redis_place_is(&master, &ours)) {
        note_dissent(sentinels, &master);
        return true;
    }
    redis_place_text(&master, now);
    redis_place_text(&ours, before);
    snprintf(error, error_size, "the Sentinels name %s as the master, no longer %s", now, before);
    return false;
}
