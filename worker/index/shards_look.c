/* A look at the cluster: its map, the scripts for nodes that lack them, and a beat of all masters. */
#include <string.h>

#include "common/clock.h"
#include "worker/index/shards_internal.h"

void shards_forget_scripts(struct shards *shards, uint64_t connection)
{
    for (size_t i = 0; i < shards->loaded_count; i++)
        if (shards->loaded[i] == connection)
            shards->loaded[i--] = shards->loaded[--shards->loaded_count];
}

static bool has_scripts(const struct shards *shards, uint64_t connection)
{
    for (size_t i = 0; i < shards->loaded_count; i++)
        if (shards->loaded[i] == connection)
            return true;
    return false;
}

/* Connections that are gone make room for others. */
static void note_scripts(struct shards *shards, uint64_t connection)
{
    size_t kept = 0;
    for (size_t i = 0; i < shards->loaded_count; i++)
        for (size_t j = 0; j < redis_cluster_count(shards->cluster); j++)
            if (shards->loaded[i] == redis_cluster_node(shards->cluster, j)->number)
                shards->loaded[kept++] = shards->loaded[i];
    shards->loaded_count = kept;
    if (kept < CLUSTER_MASTERS_MOST)
        shards->loaded[shards->loaded_count++] = connection;
}

static bool lacks_scripts(const struct shards *shards, size_t node)
{
    const struct cluster_node *there = redis_cluster_node(shards->cluster, node);
    return cluster_node_is_there(there) && !has_scripts(shards, there->number);
}

static void write_scripts(struct redis_pipeline *pipeline)
{
    for (enum index_script script = 0; script < INDEX_SCRIPTS; script++) {
        pipeline_command(pipeline, 3);
        pipeline_parts(pipeline, SPAN("SCRIPT"));
        pipeline_parts(pipeline, SPAN("LOAD"));
        pipeline_parts(pipeline, index_script_text(script));
    }
}

static void take_scripts(struct shards *shards, struct cluster_pipelines *pipelines, size_t node)
{
    const struct cluster_node *there = redis_cluster_node(shards->cluster, node);
    bool ok = true;
    for (enum index_script script = 0; script < INDEX_SCRIPTS; script++) {
        redisReply *reply;
        ok &= cluster_pipelines_answer(pipelines, node, there->master.lowest, &reply, shards->error,
                                       sizeof(shards->error)) == CLUSTER_ANSWERED;
        freeReplyObject(reply);
    }
    if (ok)
        note_scripts(shards, there->number);
}

bool shards_is_calm(const struct shards *shards, const struct cluster_beat *beats, size_t count)
{
    return cluster_calm_is(&shards->calm, beats, count, redis_cluster_map_ms(shards->cluster) - CLUSTER_CALM_MS);
}

/* The beat of a node's present connection; connection 0 if there is none. */
static struct cluster_beat beat_of(const struct shards *shards, const struct cluster_node *node)
{
    for (size_t i = 0; i < CLUSTER_MASTERS_MOST && node->connection; i++)
        if (shards->beats[i].connection == node->number)
            return shards->beats[i];
    return (struct cluster_beat){.connection = 0};
}

/* Masters whose replicas do not say that they are replicas could not be confirmed: their slots wait. */
static void find_witnesses(struct shards *shards, const struct cluster_beat *beats, size_t count)
{
    bool needed[CLUSTER_MASTERS_MOST], vouched[CLUSTER_MASTERS_MOST];
    const bool is_calm = shards_is_calm(shards, beats, count);
    memset(needed, true, sizeof(needed));
    if (!is_calm)
        (void)!redis_cluster_witness(shards->cluster, needed, vouched, shards->error, sizeof(shards->error));
    for (size_t i = 0; i < count; i++)
        redis_cluster_node(shards->cluster, i)->is_doubtful = !is_calm && !vouched[i];
}

/* Scripts for nodes that lack them, a beat of all, and their witnesses. */
static void greet(struct shards *shards, struct arena *scratch)
{
    const size_t count = redis_cluster_count(shards->cluster);
    struct cluster_beat beats[CLUSTER_MASTERS_MOST] = {{0}};
    bool lack[CLUSTER_MASTERS_MOST], asked[CLUSTER_MASTERS_MOST];
    struct cluster_pipelines pipelines;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, scratch))
        return;
    for (size_t i = 0; i < count; i++) {
        asked[i] = cluster_node_is_there(redis_cluster_node(shards->cluster, i));
        lack[i] = asked[i] && lacks_scripts(shards, i);
        if (lack[i])
            write_scripts(cluster_pipelines_to(&pipelines, i));
    }
    cluster_pulse_write(&pipelines);
    cluster_pipelines_send(&pipelines);
    for (size_t i = 0; i < count; i++) {
        beats[i] = beat_of(shards, redis_cluster_node(shards->cluster, i)); /* of one that rests */
        if (lack[i])
            take_scripts(shards, &pipelines, i);
        if (asked[i] && !cluster_pulse_take(&pipelines, i, &beats[i]))
            beats[i].connection = 0;
    }
    cluster_pipelines_close(&pipelines);
    memcpy(shards->beats, beats, sizeof(beats));
    cluster_calm_note(&shards->calm, beats, count, clock_now_ms());
    find_witnesses(shards, beats, count);
}

/* The masters, as the book wants them. True if all that are there have a beat and the scripts. */
static bool find_masters(const struct shards *shards, struct slot_master *masters)
{
    bool greeted = true;
    for (size_t i = 0; i < redis_cluster_count(shards->cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(shards->cluster, i);
        const struct cluster_beat beat = beat_of(shards, node);
        masters[i] = (struct slot_master){beat.connection, beat.config_epoch};
        greeted &= !cluster_node_is_there(node) || (beat.connection != 0 && has_scripts(shards, node->number));
    }
    return greeted;
}

bool shards_look(struct shards *shards, struct arena *scratch, char *error, size_t error_size)
{
    struct slot_master masters[CLUSTER_MASTERS_MOST];
    const int64_t now_ms = clock_now_ms();
    const bool is_due = shards->looked_ms == 0 || now_ms - shards->looked_ms >= SHARDS_LOOK_MS;
    if (is_due) {
        redis_cluster_renew(shards->cluster);
        shards->looked_ms = now_ms;
    }
    if (!redis_cluster_look(shards->cluster, error, error_size))
        return shards_fail(shards, error);
    if (!find_masters(shards, masters) || is_due) {
        greet(shards, scratch);
        (void)find_masters(shards, masters);
    }
    slot_book_follow(shards->book, redis_cluster_map(shards->cluster), masters);
    return true;
}
