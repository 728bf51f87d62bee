/* Whether the settings of topics let transactions end. */
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_log.h"
#include "worker/sink/reply_topics_internal.h"
#include "worker/sink/settings_reading.h"

#define SETTINGS_WAIT_MS 2000 /* how long the cluster may take to tell settings */

/* ---- which topics ---- */

static bool is_default(const struct reply_topics *topics, const struct topic_entry *entry)
{
    return strcmp(entry->name, topics->config->replies.topic) == 0;
}

static bool is_older(const struct topic_entry *entry, int64_t age_ms, int64_t now_ms)
{
    return entry->settings.asked_ms == NEVER_ASKED || now_ms - entry->settings.asked_ms >= age_ms;
}

bool reply_topics_are_unread(const struct reply_topics *topics, const struct topic_entry *entry, int64_t now_ms)
{
    return topics->reads_settings && is_older(entry, SETTINGS_OLD_MS, now_ms);
}

/* With the lock. Lists topics from *next on whose settings are due. Their names stay, since only this thread changes
 * the table's size. */
static size_t readings_due(const struct reply_topics *topics, size_t *next, struct settings_reading *readings)
{
    const int64_t now_ms = clock_now_ms();
    size_t count = 0;
    for (; *next < topics->table.count && count < SETTINGS_AT_ONCE; (*next)++) {
        const struct topic_entry *entry = &topics->table.entries[*next];
        if (entry->partitions > 0 && entry->settings.is_wanted && is_older(entry, SETTINGS_FRESH_MS, now_ms) &&
            !is_default(topics, entry))
            readings[count++] = (struct settings_reading){.topic = entry->name};
    }
    return count;
}

/* ---- what they tell ---- */

/* Of each setting one line is written a minute. */
static void tell_named(const char *topic, const struct marker_limit *limit)
{
    int64_t left_out;
    if (kafka_log_is_news("reply topic", limit->setting, &left_out))
        log_warning("reply topic may refuse the end of a transaction; its replies go to replies.topic",
                    LOG_TEXT("topic", topic), LOG_TEXT("setting", limit->setting), LOG_INTEGER("value", limit->value),
                    LOG_INTEGER("least", limit->least), LOG_INTEGER("repeated", left_out));
}

/* One line a minute, too, if the cluster tells the settings of another one late. */
static void tell_own(const char *topic, const struct marker_limit *limit)
{
    int64_t left_out;
    if (kafka_log_is_news(topic, limit->setting, &left_out))
        log_warning("topic may refuse the end of a transaction, which stops a thread", LOG_TEXT("topic", topic),
                    LOG_TEXT("setting", limit->setting), LOG_INTEGER("value", limit->value),
                    LOG_INTEGER("least", limit->least));
}

static void tell_denial(struct reply_topics *topics, const char *topic)
{
    if (!topics->denial_is_told)
        log_warning("settings of topics cannot be read; one that refuses the end of a transaction stops a thread",
                    LOG_TEXT("topic", topic), LOG_TEXT("right", "DescribeConfigs"));
    topics->denial_is_told = true;
}

/* With the lock. True if the topic is not used from now on. An answer that does not tell settings changes nothing. */
static bool entry_take(struct topic_entry *entry, const struct settings_reading *reading, int64_t asked_ms)
{
    const bool was_fit = !entry->settings.limit.setting;
    entry->settings.asked_ms = asked_ms;
    entry->settings.is_wanted = false;
    if (reading->result == SETTINGS_READ)
        entry->settings.limit = reading->limit;
    return was_fit && entry->settings.limit.setting;
}

/* With the lock, which is released meanwhile. */
static void read_some(struct reply_topics *topics, struct settings_reading *readings, size_t count)
{
    bool is_news[SETTINGS_AT_ONCE] = {false};
    const int64_t asked_ms = clock_now_ms();
    pthread_mutex_unlock(&topics->lock);
    settings_read(topics->handle, topics->broker, readings, count, SETTINGS_WAIT_MS);
    pthread_mutex_lock(&topics->lock);
    for (size_t i = 0; i < count; i++) {
        struct topic_entry *entry = topic_table_find(&topics->table, span_of_text(readings[i].topic));
        is_news[i] = entry && entry_take(entry, &readings[i], asked_ms);
        topics->reads_settings = topics->reads_settings && readings[i].result != SETTINGS_UNSUPPORTED;
    }
    pthread_mutex_unlock(&topics->lock);
    for (size_t i = 0; i < count; i++) {
        if (is_news[i])
            tell_named(readings[i].topic, &readings[i].limit);
        if (readings[i].result == SETTINGS_DENIED)
            tell_denial(topics, readings[i].topic);
    }
    pthread_mutex_lock(&topics->lock);
}

/* Our own topics are used whatever their settings are, since there is no other place for their messages. False if Kafka
 * tells no settings at all. */
static bool read_own(struct reply_topics *topics)
{
    bool is_told = true;
    const struct config *config = topics->config;
    struct settings_reading own[] = {
        {.topic = config->replies.topic}, {.topic = config->records.topic}, {.topic = config->dead_letters.topic}};
    const size_t count = sizeof(own) / sizeof(own[0]);
    settings_read(topics->handle, topics->broker, own, count, SETTINGS_WAIT_MS);
    topics->own_are_read = true;
    for (size_t i = 0; i < count; i++) {
        topics->own_are_read = topics->own_are_read && own[i].result != SETTINGS_SILENT;
        is_told = is_told && own[i].result != SETTINGS_UNSUPPORTED;
        if (own[i].limit.setting)
            tell_own(own[i].topic, &own[i].limit);
        if (own[i].result == SETTINGS_DENIED)
            tell_denial(topics, own[i].topic);
    }
    return is_told;
}

void reply_topics_read_settings(struct reply_topics *topics)
{
    struct settings_reading readings[SETTINGS_AT_ONCE];
    size_t next = 0, count;
    topics->unread = false;
    topics->reading = true;
    while (topics->reads_settings && !topics->ending && (count = readings_due(topics, &next, readings)) > 0)
        read_some(topics, readings, count);
    topics->reading = false;
    pthread_cond_broadcast(&topics->changed);
    if (topics->asked_ms == NEVER_ASKED || !topics->reads_settings || topics->own_are_read || topics->ending)
        return;
    pthread_mutex_unlock(&topics->lock);
    const bool is_told = read_own(topics);
    pthread_mutex_lock(&topics->lock);
    topics->reads_settings = topics->reads_settings && is_told;
}
