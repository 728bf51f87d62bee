/* What workers ask and tell about the reply topics. */
#include "common/clock.h"
#include "worker/kafka/kafka_log.h"
#include "worker/sink/reply_topics_internal.h"

bool reply_topics_are_known(struct reply_topics *topics)
{
    return reply_topics_asked_ms(topics) != NEVER_ASKED;
}

struct reply_topic reply_topics_find(struct reply_topics *topics, struct span name)
{
    struct reply_topic found = {.state = REPLY_TOPIC_ABSENT};
    pthread_mutex_lock(&topics->lock);
    struct topic_entry *entry = topic_table_find(&topics->table, name);
    if (entry && entry->partitions > 0) {
        const int64_t now_ms = clock_now_ms();
        const bool is_default = span_equal(name, span_of_text(topics->config->replies.topic));
        const bool is_suspended = entry->any.until_ms > now_ms;
        const bool is_unfit = !is_default && entry->settings.limit.setting;
        found.state = is_suspended || is_unfit ? REPLY_TOPIC_SUSPENDED : REPLY_TOPIC_THERE;
        found.partitions = entry->partitions;
        found.needs_key = entry->keyless.until_ms > now_ms;
        found.is_unread = !is_default && !is_suspended && reply_topics_are_unread(topics, entry, now_ms);
        entry->settings.is_wanted = !is_default;
        if (found.is_unread && !topics->unread) {
            topics->unread = true;
            pthread_cond_broadcast(&topics->changed);
        }
        found.is_proven = is_default || entry->any.is_proven;
        found.is_proven_keyless = is_default || entry->keyless.is_proven;
    }
    pthread_mutex_unlock(&topics->lock);
    return found;
}

bool reply_topics_look_again(struct reply_topics *topics, int wait_ms)
{
    struct timespec deadline = clock_time(clock_now_ms() + wait_ms);
    pthread_mutex_lock(&topics->lock);
    int64_t known_ms = topics->asked_ms;
    topics->missed = true;
    bool waits = wait_ms > 0 && clock_now_ms() >= reply_topics_due_ms(topics);
    pthread_cond_broadcast(&topics->changed);
    while (waits && topics->asked_ms == known_ms)
        waits = pthread_cond_timedwait(&topics->changed, &topics->lock, &deadline) == 0;
    bool news = topics->asked_ms != known_ms;
    pthread_mutex_unlock(&topics->lock);
    return news;
}

void reply_topics_await_settings(struct reply_topics *topics, int wait_ms)
{
    struct timespec deadline = clock_time(clock_now_ms() + wait_ms);
    pthread_mutex_lock(&topics->lock);
    while ((topics->unread || topics->reading) &&
           pthread_cond_timedwait(&topics->changed, &topics->lock, &deadline) == 0)
        ;
    pthread_mutex_unlock(&topics->lock);
}

int64_t reply_topics_asked_ms(struct reply_topics *topics)
{
    pthread_mutex_lock(&topics->lock);
    int64_t asked_ms = topics->asked_ms;
    pthread_mutex_unlock(&topics->lock);
    return asked_ms;
}

/* True if the topic was in use until now. */
static bool topics_suspend(struct reply_topics *topics, struct span name, bool keyless_only, enum refusal refusal)
{
    bool is_new = false;
    if (span_equal(name, span_of_text(topics->config->replies.topic)))
        return false;
    pthread_mutex_lock(&topics->lock);
    struct topic_entry *entry = topic_table_find(&topics->table, name);
    if (entry)
        is_new = standing_refuse(keyless_only ? &entry->keyless : &entry->any, refusal, clock_now_ms());
    topics->missed = true;
    pthread_cond_broadcast(&topics->changed);
    pthread_mutex_unlock(&topics->lock);
    return is_new;
}

static void log_suspension(struct span name, const char *reason)
{
    int64_t left_out;
    if (kafka_log_is_news("reply topic", reason, &left_out))
        log_warning("reply topic refuses replies; they go to replies.topic for a while", LOG_SPAN("topic", name),
                    LOG_TEXT("error", reason), LOG_INTEGER("repeated", left_out));
}

void reply_topics_suspend(struct reply_topics *topics, struct span name, const char *reason, enum refusal refusal)
{
    if (topics_suspend(topics, name, false, refusal))
        log_suspension(name, reason);
}

int64_t reply_topics_doubt(struct reply_topics *topics, struct span name, const char *reason, enum own_topics own)
{
    pthread_mutex_lock(&topics->lock);
    struct topic_entry *entry = topic_table_find(&topics->table, name);
    int64_t lasted_ms = entry ? standing_doubt(&entry->any, own, clock_now_ms()) : -1;
    pthread_mutex_unlock(&topics->lock);
    if (lasted_ms >= 0)
        log_suspension(name, reason);
    return lasted_ms;
}

void reply_topics_need_key(struct reply_topics *topics, struct span name, const char *reason, enum refusal refusal)
{
    int64_t left_out;
    if (topics_suspend(topics, name, true, refusal) && kafka_log_is_news("reply topic without key", reason, &left_out))
        log_warning("reply topic refuses replies without a key; they go to replies.topic for a while",
                    LOG_SPAN("topic", name), LOG_TEXT("error", reason), LOG_INTEGER("repeated", left_out));
}

void reply_topics_prove(struct reply_topics *topics, struct span name, bool has_key)
{
    pthread_mutex_lock(&topics->lock);
    struct topic_entry *entry = topic_table_find(&topics->table, name);
    if (entry)
        standing_prove(&entry->any, clock_now_ms());
    if (entry && !has_key)
        standing_prove(&entry->keyless, clock_now_ms());
    pthread_mutex_unlock(&topics->lock);
}

bool reply_topics_may_try(struct reply_topics *topics)
{
    pthread_mutex_lock(&topics->lock);
    bool may_try = trials_are_open(&topics->trials, clock_now_ms());
    pthread_mutex_unlock(&topics->lock);
    return may_try;
}

void reply_topics_lost(struct reply_topics *topics, int64_t lost_ms)
{
    pthread_mutex_lock(&topics->lock);
    trials_fail(&topics->trials, lost_ms, clock_now_ms());
    pthread_mutex_unlock(&topics->lock);
}
