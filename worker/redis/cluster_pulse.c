#include "worker/redis/cluster_pulse.h"

#include <stdlib.h>
#include <string.h>

void cluster_pulse_write(struct cluster_pipelines *pipelines)
{
    const size_t count = redis_cluster_count(pipelines->cluster);
    for (size_t i = 0; i < count; i++) {
        if (!cluster_node_is_there(redis_cluster_node(pipelines->cluster, i)))
            continue;
        struct redis_pipeline *pipeline = cluster_pipelines_to(pipelines, i);
        pipeline_command(pipeline, 2);
        pipeline_parts(pipeline, SPAN("CLUSTER"));
        pipeline_parts(pipeline, SPAN("INFO"));
    }
}

static bool read_number(const char *info, const char *name, uint64_t *number)
{
    const char *found = strstr(info, name);
    if (found)
        *number = strtoull(found + strlen(name), NULL, 10);
    return found != NULL;
}

bool cluster_beat_read(const char *info, struct cluster_beat *beat)
{
    /* Kinds of messages of which there were none are not listed. */
    beat->tells_votes = strstr(info, "cluster_stats_messages_sent:") != NULL;
    if (!read_number(info, "cluster_stats_messages_auth-ack_sent:", &beat->votes))
        beat->votes = 0;
    return read_number(info, "cluster_my_epoch:", &beat->config_epoch) &&
           read_number(info, "cluster_current_epoch:", &beat->current_epoch);
}

bool cluster_pulse_take(struct cluster_pipelines *pipelines, size_t node, struct cluster_beat *beat)
{
    char error[256];
    redisReply *reply;
    const struct cluster_node *from = redis_cluster_node(pipelines->cluster, node);
    *beat = (struct cluster_beat){.connection = 0};
    if (pipelines->pipelines[node].count == 0)
        return false;
    const bool answered = cluster_pipelines_answer(pipelines, node, from->master.lowest, &reply, error,
                                                   sizeof(error)) == CLUSTER_ANSWERED;
    if (answered && reply->type == REDIS_REPLY_STRING && cluster_beat_read(reply->str, beat))
        beat->connection = from->number;
    freeReplyObject(reply);
    return beat->connection != 0;
}

bool cluster_beats_agree(const struct cluster_beat *beats, size_t count, uint64_t epoch)
{
    size_t agree = 0;
    for (size_t i = 0; i < count; i++)
        agree += beats[i].connection != 0 && beats[i].current_epoch <= epoch;
    return 2 * agree > count;
}

static int64_t calm_since(const struct cluster_calm *calm, const struct cluster_beat *beat, int64_t otherwise_ms)
{
    for (size_t i = 0; i < calm->count && beat->connection != 0 && beat->tells_votes; i++)
        if (calm->masters[i].connection == beat->connection && calm->masters[i].votes == beat->votes)
            return calm->masters[i].since_ms;
    return otherwise_ms;
}

void cluster_calm_note(struct cluster_calm *calm, const struct cluster_beat *beats, size_t count, int64_t now_ms)
{
    struct cluster_calm noted = {.count = count};
    for (size_t i = 0; i < count; i++) {
        noted.masters[i].connection = beats[i].connection;
        noted.masters[i].votes = beats[i].votes;
        noted.masters[i].since_ms = calm_since(calm, &beats[i], now_ms);
    }
    *calm = noted;
}

bool cluster_calm_is(const struct cluster_calm *calm, const struct cluster_beat *beats, size_t count, int64_t since_ms)
{
    size_t are = 0;
    for (size_t i = 0; i < count; i++)
        are += calm_since(calm, &beats[i], INT64_MAX) <= since_ms;
    return 2 * are > count;
}
