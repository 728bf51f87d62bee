#include "worker/redis/cluster_witnesses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/redis/cluster_node.h"
#include "worker/redis/cluster_survey.h"
#include "worker/redis/redis_dial.h"

#define CALLS_MS 500 /* after this time of a question no further replica is called */

static void hang_up(struct cluster_witness *witness)
{
    if (witness->connection)
        redisFree(witness->connection);
    witness->connection = NULL;
}

void cluster_witnesses_close(struct cluster_witnesses *witnesses)
{
    for (size_t i = 0; i < witnesses->count; i++)
        hang_up(&witnesses->all[i]);
    free(witnesses->all);
    *witnesses = (struct cluster_witnesses){.count = 0};
}

static void keep(struct cluster_witnesses *witnesses, struct cluster_witness *witness)
{
    for (size_t i = 0; i < witnesses->count; i++) {
        struct cluster_witness *before = &witnesses->all[i];
        if (strcmp(before->replica.id, witness->replica.id) != 0 ||
            !redis_place_is(&before->replica.place, &witness->replica.place))
            continue;
        witness->connection = before->connection;
        witness->call_at_ms = before->call_at_ms;
        before->connection = NULL;
        return;
    }
}

bool cluster_witnesses_follow(struct cluster_witnesses *witnesses, const struct cluster_map *map)
{
    struct cluster_witness *all = calloc(map->replica_count > 0 ? map->replica_count : 1, sizeof(*all));
    if (!all)
        return false;
    for (size_t i = 0; i < map->replica_count; i++) {
        all[i] = (struct cluster_witness){.replica = map->replicas[i]};
        keep(witnesses, &all[i]);
    }
    cluster_witnesses_close(witnesses);
    *witnesses = (struct cluster_witnesses){all, map->replica_count};
    return true;
}

/* ---- a question ---- */

static void call(struct cluster_witness *witness, const struct config *config, char *error, size_t error_size)
{
    const int64_t began_ms = clock_now_ms();
    const struct redis_call call = {.host = witness->replica.place.host,
                                    .port = witness->replica.place.port,
                                    .username = config->redis.username,
                                    .password = config->redis.password,
                                    .timeout_ms = cluster_wait_ms(config)};
    witness->connection = redis_dial(&call, config, error, error_size);
    const int64_t now_ms = clock_now_ms();
    if (!witness->connection)
        witness->call_at_ms = now_ms + CLUSTER_PAUSE_MS + CLUSTER_PAUSE_OF_CALL * (now_ms - began_ms);
}

static bool ask(redisContext *connection)
{
    int done = 0;
    bool ok = redisAppendCommand(connection, "CLUSTER MYID") == REDIS_OK &&
              redisAppendCommand(connection, "ROLE") == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(connection, &done) == REDIS_OK;
    return ok;
}

/* Whether these answers are those of the replica, and it is one. */
static bool is_replica(const struct cluster_witness *witness, const redisReply *id, const redisReply *role, char *error,
                       size_t error_size)
{
    const redisReply *first = role->type == REDIS_REPLY_ARRAY && role->elements > 0 ? role->element[0] : NULL;
    if (id->type != REDIS_REPLY_STRING || strcmp(id->str, witness->replica.id) != 0)
        snprintf(error, error_size, "another node is at the address of this replica");
    else if (!first || first->type != REDIS_REPLY_STRING || strcmp(first->str, "slave") != 0)
        snprintf(error, error_size, "it is no replica any more");
    else
        return true;
    return false;
}

static bool take(struct cluster_witness *witness, int64_t until_ms, char *error, size_t error_size)
{
    redisReply *id = cluster_take_reply(witness->connection, until_ms, error, error_size);
    redisReply *role = id ? cluster_take_reply(witness->connection, until_ms, error, error_size) : NULL;
    const bool answered = id && role, is = answered && is_replica(witness, id, role, error, error_size);
    freeReplyObject(id);
    freeReplyObject(role);
    if (!answered) {
        hang_up(witness);
        witness->call_at_ms = clock_now_ms() + CLUSTER_PAUSE_MS + CLUSTER_PAUSE_OF_CALL * CLUSTER_WAIT_MS;
    }
    return is;
}

static void tell(const struct cluster_witness *witness, const char *reason, char *error, size_t error_size)
{
    char place[REDIS_PLACE_BYTES];
    redis_place_text(&witness->replica.place, place);
    snprintf(error, error_size, "replica %s: %s", place, reason);
}

static void ask_all(struct cluster_witnesses *witnesses, const struct config *config, const bool *needed, bool *vouched,
                    char *error, size_t error_size)
{
    const int64_t until_ms = clock_now_ms() + CALLS_MS;
    for (size_t i = 0; i < witnesses->count; i++) {
        struct cluster_witness *witness = &witnesses->all[i];
        char reason[256] = "it did not answer before, or there was no time to call it";
        witness->is_asked = false;
        if (!needed[witness->replica.master])
            continue;
        if (!witness->connection && witness->replica.place.port != 0 && clock_now_ms() < until_ms &&
            clock_now_ms() >= witness->call_at_ms)
            call(witness, config, reason, sizeof(reason));
        witness->is_asked = witness->connection && ask(witness->connection);
        if (witness->is_asked)
            continue;
        if (witness->connection)
            snprintf(reason, sizeof(reason), "%s", witness->connection->errstr);
        hang_up(witness);
        vouched[witness->replica.master] = false;
        tell(witness, reason, error, error_size);
    }
}

void cluster_witnesses_ask(struct cluster_witnesses *witnesses, const struct config *config, size_t masters,
                           const bool *needed, bool *vouched, char *error, size_t error_size)
{
    for (size_t i = 0; i < masters; i++)
        if (needed[i])
            vouched[i] = true;
    ask_all(witnesses, config, needed, vouched, error, error_size);
    const int64_t until_ms = clock_now_ms() + cluster_wait_ms(config);
    for (size_t i = 0; i < witnesses->count; i++) {
        struct cluster_witness *witness = &witnesses->all[i];
        char reason[256];
        if (!witness->is_asked || take(witness, until_ms, reason, sizeof(reason)))
            continue;
        vouched[witness->replica.master] = false;
        tell(witness, reason, error, error_size);
    }
}
