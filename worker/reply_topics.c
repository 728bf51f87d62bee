#include "worker/reply_topics.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "worker/kafka_log.h"
#include "worker/kafka_settings.h"
#include "worker/reply_address.h"

#define AGAIN_MS    1000  /* at most so often while something is missed */
#define REFRESH_MS  10000 /* a topic that has grown is used as such after so long */
#define ANSWER_MS   5000  /* how long the cluster may take to answer */
#define NEVER_ASKED 0

struct entry {
    char *name;
    int32_t partitions;
    int64_t shunned_until_ms; /* 0: not shunned */
};

struct table {
    struct entry *entries; /* sorted by name */
    size_t count;
};

struct reply_topics {
    const struct config *config;
    pthread_t thread;
    bool ended;             /* joined; only for the thread that ends it */
    rd_kafka_t *handle;     /* the thread's own */
    rd_kafka_topic_t *only; /* replies.topic, where no other is allowed: nothing else is asked for */
    struct log_fault silent;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    bool ending, missed;
    int64_t began_ms; /* when the last question was put, answered or not */
    int64_t asked_ms; /* when the last answered one was */
    struct table table;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timespec time_of(int64_t at_ms)
{
    return (struct timespec){(time_t)(at_ms / 1000), at_ms % 1000 * 1000000};
}

/* ---- the table ---- */

static int compare_entries(const void *one, const void *other)
{
    return strcmp(((const struct entry *)one)->name, ((const struct entry *)other)->name);
}

static struct entry *table_find(const struct table *table, struct span name)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct span found = span_of_text(table->entries[middle].name);
        size_t shorter = found.length < name.length ? found.length : name.length;
        int order = memcmp(name.at, found.at, shorter);
        if (order == 0 && found.length == name.length)
            return &table->entries[middle];
        if (order < 0 || (order == 0 && name.length < found.length))
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->entries[i].name);
    free(table->entries);
    *table = (struct table){0};
}

/* A partition without a leader takes nothing until it has one, and would hold up the whole batch: its topic counts as
 * absent meanwhile. */
static bool is_usable(const struct rd_kafka_metadata_topic *topic)
{
    bool usable = topic->err == RD_KAFKA_RESP_ERR_NO_ERROR && topic->partition_cnt > 0;
    for (int i = 0; usable && i < topic->partition_cnt; i++)
        usable = topic->partitions[i].leader >= 0;
    return usable;
}

/* False when out of memory. */
static bool table_fill(struct table *table, const struct config *config, const struct rd_kafka_metadata *metadata)
{
    *table = (struct table){.entries = calloc((size_t)metadata->topic_cnt + 1, sizeof(*table->entries))};
    if (!table->entries)
        return false;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (!is_usable(topic) || !reply_topic_is_allowed(config, span_of_text(topic->topic)))
            continue;
        struct entry *entry = &table->entries[table->count];
        *entry = (struct entry){.name = strdup(topic->topic), .partitions = topic->partition_cnt};
        if (!entry->name) {
            table_free(table);
            return false;
        }
        table->count++;
    }
    qsort(table->entries, table->count, sizeof(*table->entries), compare_entries);
    return true;
}

static void table_keep_shunned(struct table *fresh, const struct table *old)
{
    for (size_t i = 0; i < old->count; i++) {
        struct entry *entry =
            old->entries[i].shunned_until_ms ? table_find(fresh, span_of_text(old->entries[i].name)) : NULL;
        if (entry)
            entry->shunned_until_ms = old->entries[i].shunned_until_ms;
    }
}

/* ---- the thread ---- */

/* Every topic of the cluster, so that no name has to be told; or replies.topic alone. */
static void ask(struct reply_topics *topics)
{
    const struct rd_kafka_metadata *metadata = NULL;
    struct table fresh = {0};
    int64_t began_ms = now_ms();
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(topics->handle, topics->only == NULL, topics->only, &metadata, ANSWER_MS);
    rd_kafka_poll(topics->handle, 0);
    bool fine = code == RD_KAFKA_RESP_ERR_NO_ERROR && table_fill(&fresh, topics->config, metadata);
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (fine)
        log_fault_end(&topics->silent);
    else
        log_fault_begin(&topics->silent, LOG_LIST(LOG_TEXT("error", code ? rd_kafka_err2str(code) : "out of memory")));

    pthread_mutex_lock(&topics->lock);
    if (fine) {
        table_keep_shunned(&fresh, &topics->table);
        table_free(&topics->table);
        topics->table = fresh;
        topics->asked_ms = began_ms;
    }
    pthread_cond_broadcast(&topics->changed);
    pthread_mutex_unlock(&topics->lock);
}

/* When the next question is due. With the lock. */
static int64_t due_ms(const struct reply_topics *topics)
{
    bool soon = topics->missed || topics->asked_ms == NEVER_ASKED;
    return topics->began_ms == NEVER_ASKED ? 0 : topics->began_ms + (soon ? AGAIN_MS : REFRESH_MS);
}

static void *topics_main(void *argument)
{
    struct reply_topics *topics = argument;
    pthread_mutex_lock(&topics->lock);
    while (!topics->ending) {
        int64_t due = due_ms(topics);
        if (now_ms() < due) {
            struct timespec deadline = time_of(due);
            pthread_cond_timedwait(&topics->changed, &topics->lock, &deadline);
            continue;
        }
        topics->missed = false;
        topics->began_ms = now_ms();
        pthread_mutex_unlock(&topics->lock);
        ask(topics);
        pthread_mutex_lock(&topics->lock);
    }
    pthread_mutex_unlock(&topics->lock);
    return NULL;
}

/* A client of its own: a producer, since that is what the config has rights and settings for. False with the reason in
 * `why`. */
static bool open_handle(struct reply_topics *topics, char *why, size_t why_size)
{
    const struct config *config = topics->config;
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_producer, why, why_size);
    if (!conf)
        return false;
    if (kafka_conf_set(conf, "allow.auto.create.topics", "false", why, why_size))
        topics->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size);
    if (!topics->handle) {
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes it only when it succeeds */
        return false;
    }
    if (config->replies.allowed.count > 0)
        return true;
    topics->only = rd_kafka_topic_new(topics->handle, config->replies.topic, NULL);
    if (!topics->only)
        snprintf(why, why_size, "%s", rd_kafka_err2str(rd_kafka_last_error()));
    return topics->only != NULL;
}

static bool start_thread(struct reply_topics *topics, char *why, size_t why_size)
{
    /* Signals go to the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&topics->thread, NULL, topics_main, topics);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        snprintf(why, why_size, "%s", strerror(error));
    return error == 0;
}

struct reply_topics *reply_topics_open(const struct config *config)
{
    char why[512] = "out of memory";
    struct reply_topics *topics = calloc(1, sizeof(*topics));
    if (!topics) {
        log_error("reply topics cannot be looked up", LOG_TEXT("error", why));
        return NULL;
    }
    topics->config = config;
    topics->silent = (struct log_fault){"Kafka does not tell the reply topics; what was known of them counts",
                                        "Kafka tells the reply topics again", 0};
    pthread_condattr_t attributes;
    pthread_mutex_init(&topics->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&topics->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (open_handle(topics, why, sizeof(why)) && start_thread(topics, why, sizeof(why)))
        return topics;
    log_error("reply topics cannot be looked up", LOG_TEXT("error", why));
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
    topics->ended = pthread_timedjoin_np(topics->thread, NULL, deadline) == 0;
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
    table_free(&topics->table);
    pthread_cond_destroy(&topics->changed);
    pthread_mutex_destroy(&topics->lock);
    free(topics);
}

/* ---- the callers ---- */

bool reply_topics_are_known(struct reply_topics *topics)
{
    return reply_topics_asked_ms(topics) != NEVER_ASKED;
}

struct reply_topic reply_topics_find(struct reply_topics *topics, struct span name)
{
    struct reply_topic found = {.state = REPLY_TOPIC_ABSENT};
    pthread_mutex_lock(&topics->lock);
    const struct entry *entry = table_find(&topics->table, name);
    if (entry) {
        found.state = entry->shunned_until_ms > now_ms() ? REPLY_TOPIC_SHUNNED : REPLY_TOPIC_THERE;
        found.partitions = entry->partitions;
    }
    pthread_mutex_unlock(&topics->lock);
    return found;
}

bool reply_topics_look_again(struct reply_topics *topics, int wait_ms)
{
    struct timespec deadline = time_of(now_ms() + wait_ms);
    pthread_mutex_lock(&topics->lock);
    int64_t known_ms = topics->asked_ms;
    topics->missed = true;
    bool waits = wait_ms > 0 && now_ms() >= due_ms(topics);
    pthread_cond_broadcast(&topics->changed);
    while (waits && topics->asked_ms == known_ms)
        waits = pthread_cond_timedwait(&topics->changed, &topics->lock, &deadline) == 0;
    bool news = topics->asked_ms != known_ms;
    pthread_mutex_unlock(&topics->lock);
    return news;
}

int64_t reply_topics_asked_ms(struct reply_topics *topics)
{
    pthread_mutex_lock(&topics->lock);
    int64_t asked_ms = topics->asked_ms;
    pthread_mutex_unlock(&topics->lock);
    return asked_ms;
}

void reply_topics_shun(struct reply_topics *topics, struct span name, const char *reason, int64_t for_ms)
{
    bool shunned = false;
    if (span_equal(name, span_of_text(topics->config->replies.topic)))
        return;
    pthread_mutex_lock(&topics->lock);
    struct entry *entry = table_find(&topics->table, name);
    if (entry) {
        shunned = entry->shunned_until_ms <= now_ms();
        entry->shunned_until_ms = now_ms() + for_ms;
    }
    topics->missed = true;
    pthread_cond_broadcast(&topics->changed);
    pthread_mutex_unlock(&topics->lock);
    int64_t left_out;
    if (shunned && kafka_log_is_news("reply topic", reason, &left_out))
        log_warning("a reply topic takes nothing; replies for it go to replies.topic for a while",
                    LOG_SPAN("topic", name), LOG_TEXT("error", reason), LOG_INTEGER("repeated", left_out));
}
