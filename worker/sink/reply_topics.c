#include "worker/sink/reply_topics_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_log.h"
#include "worker/validate/reply_address.h"

#define AGAIN_MS   1000  /* between requests while a worker misses something */
#define REFRESH_MS 10000 /* between requests otherwise; new partitions are noticed after this time */
#define ANSWER_MS  5000  /* how long the cluster may take to answer */

/* ---- the thread ---- */

/* The number of partitions if all of them have a leader, else 0. */
static int32_t usable_partitions(const struct rd_kafka_metadata_topic *topic)
{
    bool usable = topic->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; usable && i < topic->partition_cnt; i++)
        usable = topic->partitions[i].leader >= 0;
    return usable ? topic->partition_cnt : 0;
}

/* False if the topic does not exist or must not be seen. */
static bool is_visible(const struct rd_kafka_metadata_topic *topic)
{
    return topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
           topic->err != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/* False when out of memory. */
static bool table_fill(struct topic_table *table, const struct config *config, const struct rd_kafka_metadata *metadata)
{
    bool ok = true;
    for (int i = 0; ok && i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (is_visible(topic) && reply_topic_is_allowed(config, span_of_text(topic->topic)))
            ok = topic_table_add(table, topic->topic, usable_partitions(topic));
    }
    return ok;
}

/* Opens a client of its own. It is a producer, since the config has the settings and rights of one. False with the
 * reason in `error`. */
static bool open_handle(struct reply_topics *topics, char *error, size_t error_size)
{
    static const struct kafka_owned owned[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
    const struct config *config = topics->config;
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_producer, owned, error, error_size);
    topics->handle = conf ? kafka_conf_open(conf, RD_KAFKA_PRODUCER, error, error_size) : NULL;
    if (!topics->handle)
        return false;
    if (config->replies.allowed.count > 0)
        return true;
    topics->only = rd_kafka_topic_new(topics->handle, config->replies.topic, NULL);
    if (topics->only)
        return true;
    snprintf(error, error_size, "%s", rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_destroy(topics->handle);
    topics->handle = NULL;
    return false;
}

/* A file that the settings name may appear late. The sink, which has the same settings, logs what is missing. */
static bool has_handle(struct reply_topics *topics)
{
    char error[512];
    if (topics->handle || open_handle(topics, error, sizeof(error)))
        return true;
    log_debug("reply topics cannot be looked up", LOG_TEXT("error", error));
    return false;
}

/* The broker that has answered; its id is not known while only its address is. */
static void choose_broker(struct reply_topics *topics, const struct rd_kafka_metadata *metadata)
{
    topics->broker = metadata->orig_broker_id;
    if (topics->broker < 0 && metadata->broker_cnt > 0)
        topics->broker = metadata->brokers[clock_now_ms() % metadata->broker_cnt].id;
}

/* Requests all topics of the cluster, which needs no name, or replies.topic alone. */
static void ask(struct reply_topics *topics)
{
    const struct rd_kafka_metadata *metadata = NULL;
    struct topic_table fresh = {0};
    int64_t began_ms = clock_now_ms();
    if (!has_handle(topics))
        return;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(topics->handle, topics->only == NULL, topics->only, &metadata, ANSWER_MS);
    rd_kafka_poll(topics->handle, 0);
    /* Only this thread changes the table's size. */
    bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR &&
              topic_table_open(&fresh, (size_t)metadata->topic_cnt, &topics->table) &&
              table_fill(&fresh, topics->config, metadata);
    if (metadata) {
        choose_broker(topics, metadata);
        rd_kafka_metadata_destroy(metadata);
    }
    if (ok)
        log_fault_end(&topics->silent);
    else
        log_fault_begin(&topics->silent, LOG_LIST(LOG_TEXT("error", code ? rd_kafka_err2str(code) : "out of memory")));

    pthread_mutex_lock(&topics->lock);
    if (ok) {
        topics->missed = topic_table_settle(&fresh, &topics->table, clock_now_ms()) || topics->missed;
        topics->table = fresh;
        topics->asked_ms = began_ms;
    } else {
        topic_table_close(&fresh);
    }
    pthread_cond_broadcast(&topics->changed);
    pthread_mutex_unlock(&topics->lock);
}

int64_t reply_topics_due_ms(const struct reply_topics *topics)
{
    bool soon = topics->missed || topics->asked_ms == NEVER_ASKED;
    return topics->began_ms == NEVER_ASKED ? 0 : topics->began_ms + (soon ? AGAIN_MS : REFRESH_MS);
}

static void *topics_main(void *argument)
{
    struct reply_topics *topics = argument;
    pthread_mutex_lock(&topics->lock);
    while (!topics->ending) {
        int64_t due = reply_topics_due_ms(topics);
        const bool asks = clock_now_ms() >= due;
        if (!asks && !topics->unread) {
            struct timespec deadline = clock_time(due);
            pthread_cond_timedwait(&topics->changed, &topics->lock, &deadline);
            continue;
        }
        if (asks) {
            topics->missed = false;
            topics->began_ms = clock_now_ms();
            pthread_mutex_unlock(&topics->lock);
            ask(topics);
            pthread_mutex_lock(&topics->lock);
        }
        reply_topics_read_settings(topics);
    }
    pthread_mutex_unlock(&topics->lock);
    return NULL;
}

static bool start_thread(struct reply_topics *topics, char *error, size_t error_size)
{
    int code = quiet_thread_start(&topics->thread, topics_main, topics);
    if (code != 0)
        snprintf(error, error_size, "%s", strerror(code));
    return code == 0;
}

struct reply_topics *reply_topics_open(const struct config *config)
{
    char error[512] = "out of memory";
    struct reply_topics *topics = calloc(1, sizeof(*topics));
    if (!topics) {
        log_error("reply topics cannot be looked up", LOG_TEXT("error", error));
        return NULL;
    }
    topics->config = config;
    topics->reads_settings = config->delivery.mode == DELIVERY_EXACTLY_ONCE;
    topics->silent = (struct log_fault){"reading reply topics failing; the last answer is used",
                                        "reply topics read again", .told = NULL};
    pthread_condattr_t attributes;
    pthread_mutex_init(&topics->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&topics->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (start_thread(topics, error, sizeof(error)))
        return topics;
    log_error("reply topics cannot be looked up", LOG_TEXT("error", error));
    reply_topics_free(topics);
    return NULL;
}

bool reply_topics_end(struct reply_topics *topics, const struct timespec *deadline)
{
    if (!topics || topics->ended)
        return true;
    pthread_mutex_lock(&topics->lock);
    topics->ending = true;
    pthread_cond_broadcast(&topics->changed);
    pthread_mutex_unlock(&topics->lock);
    topics->ended = thread_join_until(topics->thread, deadline);
    return topics->ended;
}

void reply_topics_free(struct reply_topics *topics)
{
    if (!topics)
        return;
    if (topics->only)
        rd_kafka_topic_destroy(topics->only);
    if (topics->handle)
        rd_kafka_destroy(topics->handle);
    topic_table_close(&topics->table);
    pthread_cond_destroy(&topics->changed);
    pthread_mutex_destroy(&topics->lock);
    free(topics);
}
