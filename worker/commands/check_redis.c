#include "worker/commands/check_redis.h"

#include <stdio.h>
#include <string.h>

#include "worker/commands/check_cluster.h"
#include "worker/commands/check_info.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_info.h"
#include "worker/redis/redis_pipeline.h"
#include "worker/redis/redis_record_topic.h"
#include "worker/redis/redis_sentinels.h"

/* The fewest Sentinels of which one may be away. */
#define SENTINELS_ENOUGH 3

/* ---- the Sentinels ---- */

/* Tells what the Sentinels say. True if they name a master; `agree` becomes how many of them do, in words. */
static bool check_votes(struct check_report *report, const struct config *config, const struct sentinel_votes *votes,
                        char *agree, size_t agree_size)
{
    const char *name = config->redis.master;
    const size_t count = config->redis.address.count;
    struct redis_place master;
    char text[640], place[REDIS_PLACE_BYTES];
    switch (sentinel_votes_count(votes, config, &master, text, sizeof(text))) {
    case SENTINELS_SILENT:
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", name, "%s", text);
        return false;
    case SENTINELS_NO_SUCH_MASTER:
        check_tell(report, "redis", CHECK_FAULT, "master_unknown", name, "%s", text);
        return false;
    case SENTINELS_DISAGREE:
        check_tell(report, "redis", CHECK_UNAVAILABLE, "sentinels_disagree", name, "%s", text);
        return false;
    case SENTINELS_AGREE:
        break;
    }
    const size_t votes_for = sentinel_votes_for(votes, config, &master);
    snprintf(agree, agree_size, "sentinel, the master %s by %zu of %zu Sentinels", name, votes_for, count);
    sentinel_votes_text(votes, config, &master, text, sizeof(text));
    redis_place_text(&master, place);
    if (votes_for < count)
        check_tell(report, "redis", CHECK_WARNING, "sentinels_disagree", name,
                   "%zu of %zu Sentinels name %s as the master, which is enough; the others: %s", votes_for, count,
                   place, text);
    if (count < SENTINELS_ENOUGH)
        check_tell(report, "redis", CHECK_WARNING, "few_sentinels", name,
                   "redis.address lists %zu; none of them may be away, since more than half must answer: it should "
                   "list all, and three or more",
                   count);
    return true;
}

static bool check_sentinels(struct check_report *report, const struct config *config, char *agree, size_t agree_size)
{
    struct redis_sentinels *sentinels = redis_sentinels_open(config);
    if (!sentinels)
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", config->redis.master, "out of memory");
    bool named = sentinels && check_votes(report, config, redis_sentinels_ask_all(sentinels), agree, agree_size);
    redis_sentinels_close(sentinels);
    return named;
}

/* ---- the server ---- */

/* Whether the clients there come from our record topic. */
static void check_record_topic(struct check_report *report, const struct config *config, redisContext *connection,
                               const char *address)
{
    char text[RECORD_TOPIC_TEXT_BYTES];
    redisReply *reply = redisCommand(connection, RECORD_TOPIC_READ);
    if (!reply || (reply->type == REDIS_REPLY_ERROR && !redis_is_wrong_type(reply)))
        check_tell(report, "redis", CHECK_UNKNOWN, "record_topic_unknown", RECORD_TOPIC_KEY, "%s",
                   reply ? reply->str : connection->errstr);
    else if (redis_record_topic_compare(reply, config->records.topic, text) == RECORD_TOPIC_OTHER)
        check_tell(report, "redis", CHECK_FAULT, "other_record_topic", address, "%s", text);
    freeReplyObject(reply);
}

/* The role of a server that a config with redis.kind = single names. */
static void check_role(struct check_report *report, const char *info, const char *address)
{
    char role[16];
    redis_info_value(info, "\nrole:", role, sizeof(role));
    if (strcmp(role, "slave") == 0)
        check_tell(report, "redis", CHECK_FAULT, "is_replica", address,
                   "it is a replica, which takes no writes; redis.address must name its master, or redis.kind must be "
                   "sentinel");
}

/* Redis replies. Its INFO and the name of its record topic say the rest. `kind`: what reached it. */
static void check_reached_redis(struct check_report *report, const struct config *config, redisContext *connection,
                                const char *kind)
{
    char version[64] = "", cluster[8] = "", address[REDIS_ADDRESS_BYTES];
    redis_address(connection, address);
    redisReply *info = redisCommand(connection, "INFO");
    const bool is_told = info && info->type == REDIS_REPLY_STRING;
    if (is_told) {
        redis_info_value(info->str, "\nredis_version:", version, sizeof(version));
        redis_info_value(info->str, "\ncluster_enabled:", cluster, sizeof(cluster));
    }
    if (cluster[0] == '1')
        check_tell(report, "redis", CHECK_FAULT, "cluster_enabled", address, "%s", REDIS_IS_CLUSTER_NODE);
    else
        check_tell(report, "redis", CHECK_OK, "reached", address, "%s%s%s%s", version[0] ? "version " : "", version,
                   version[0] ? ", " : "", kind);
    if (!is_told)
        check_tell(report, "redis", CHECK_UNKNOWN, "settings_unknown", address, "INFO: %s; it needs the right +info",
                   info ? info->str : connection->errstr);
    if (is_told && config->redis.kind == REDIS_SINGLE)
        check_role(report, info->str, address);
    if (is_told && config->redis.kind == REDIS_SENTINEL)
        check_info_replicas(report, info->str, address);
    if (is_told)
        check_info_eviction(report, info->str, address);
    freeReplyObject(info);
    if (cluster[0] != '1')
        check_record_topic(report, config, connection, address);
}

void check_redis(struct check_report *report, const struct config *config)
{
    const bool has_sentinels = config->redis.kind == REDIS_SENTINEL;
    const char *subject = has_sentinels ? config->redis.master : config->redis.address.items[0];
    char error[512], kind[384] = "single";
    if (config->redis.kind == REDIS_CLUSTER) {
        check_cluster(report, config);
        return;
    }
    if (has_sentinels && !check_sentinels(report, config, kind, sizeof(kind)))
        return;
    redisContext *connection = redis_reach(config, error, sizeof(error));
    redisReply *reply = connection ? redisCommand(connection, "PING") : NULL;
    const bool ok = reply && reply->type == REDIS_REPLY_STATUS;
    if (connection && !ok)
        snprintf(error, sizeof(error), "PING: %s", reply ? reply->str : connection->errstr);
    if (ok)
        check_reached_redis(report, config, connection, kind);
    else
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", subject, "%s", error);
    freeReplyObject(reply);
    if (connection)
        redisFree(connection);
}
