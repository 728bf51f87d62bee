#include "worker/redis/sentinel_votes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_host(const redisReply *reply, struct redis_place *place)
{
    return reply->type == REDIS_REPLY_STRING && redis_place_take_host(place, reply->str, reply->len);
}

static bool read_port(const redisReply *reply, struct redis_place *place)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0 || reply->len > 5 ||
        strspn(reply->str, "0123456789") != (size_t)reply->len)
        return false;
    place->port = (int)strtol(reply->str, NULL, 10);
    return place->port >= 1 && place->port <= REDIS_PORT_MOST;
}

void sentinel_answer_read(struct sentinel_answer *answer, const redisReply *reply, const char *error)
{
    *answer = (struct sentinel_answer){.vote = VOTE_NONE};
    if (!reply)
        snprintf(answer->error, sizeof(answer->error), "%s", error);
    else if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "ERR unknown command", 19) == 0)
        snprintf(answer->error, sizeof(answer->error), "it is no Sentinel");
    else if (reply->type == REDIS_REPLY_ERROR)
        snprintf(answer->error, sizeof(answer->error), "%s", reply->str);
    else if (reply->type == REDIS_REPLY_NIL)
        answer->vote = VOTE_UNKNOWN;
    else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && read_host(reply->element[0], &answer->place) &&
             read_port(reply->element[1], &answer->place))
        answer->vote = VOTE_NAMED;
    else
        snprintf(answer->error, sizeof(answer->error), "its answer is no address");
}

size_t sentinel_votes_needed(size_t count)
{
    return count / 2 + 1;
}

size_t sentinel_votes_for(const struct sentinel_votes *votes, const struct config *config,
                          const struct redis_place *place)
{
    size_t count = 0;
    for (size_t i = 0; i < config->redis.address.count; i++)
        count += votes->answers[i].vote == VOTE_NAMED && redis_place_is(&votes->answers[i].place, place);
    return count;
}

static size_t votes_of(const struct sentinel_votes *votes, const struct config *config, enum sentinel_vote vote)
{
    size_t count = 0;
    for (size_t i = 0; i < config->redis.address.count; i++)
        count += votes->answers[i].vote == vote;
    return count;
}

void sentinel_votes_text(const struct sentinel_votes *votes, const struct config *config,
                         const struct redis_place *master, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < config->redis.address.count && length < size; i++) {
        const struct sentinel_answer *answer = &votes->answers[i];
        const char *sentinel = config->redis.address.items[i], *between = length > 0 ? "; " : "";
        char place[REDIS_PLACE_BYTES];
        if (answer->vote == VOTE_NAMED && master && redis_place_is(&answer->place, master))
            continue;
        redis_place_text(&answer->place, place);
        const int written = answer->vote == VOTE_NONE
                                ? snprintf(text + length, size - length, "%s%s: %s", between, sentinel, answer->error)
                                : snprintf(text + length, size - length, "%s%s %s %s", between, sentinel,
                                           answer->vote == VOTE_NAMED ? "names" : "does not know",
                                           answer->vote == VOTE_NAMED ? place : config->redis.master);
        length += written > 0 ? (size_t)written : 0;
    }
}

static enum sentinel_verdict explain(const struct sentinel_votes *votes, const struct config *config, char *error,
                                     size_t error_size)
{
    const size_t count = config->redis.address.count, silent = votes_of(votes, config, VOTE_NONE),
                 unknown = votes_of(votes, config, VOTE_UNKNOWN), needed = sentinel_votes_needed(count);
    char all[512];
    sentinel_votes_text(votes, config, NULL, all, sizeof(all));
    if (silent + unknown == count && unknown > 0) {
        snprintf(error, error_size, "no Sentinel that answers knows a master named %s (redis.master): %s",
                 config->redis.master, all);
        return SENTINELS_NO_SUCH_MASTER;
    }
    if (silent == count)
        snprintf(error, error_size, "no Sentinel answers: %s", all);
    else if (count - silent < needed)
        snprintf(error, error_size, "too few Sentinels answer, %zu of %zu, where %zu must: %s", count - silent, count,
                 needed, all);
    if (count - silent < needed)
        return SENTINELS_SILENT;
    snprintf(error, error_size, "the Sentinels do not agree on the master, where %zu of %zu must: %s", needed, count,
             all);
    return SENTINELS_DISAGREE;
}

enum sentinel_verdict sentinel_votes_count(const struct sentinel_votes *votes, const struct config *config,
                                           struct redis_place *master, char *error, size_t error_size)
{
    const size_t needed = sentinel_votes_needed(config->redis.address.count);
    for (size_t i = 0; i < config->redis.address.count; i++) {
        const struct sentinel_answer *answer = &votes->answers[i];
        if (answer->vote != VOTE_NAMED || sentinel_votes_for(votes, config, &answer->place) < needed)
            continue;
        *master = answer->place;
        return SENTINELS_AGREE;
    }
    return explain(votes, config, error, error_size);
}
