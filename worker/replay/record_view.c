#include "worker/replay/record_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/index/record_places.h"

#define KAFKA_WAIT_MS 3000
#define LOOK_MS       5 /* between two looks for the end of a transaction */
#define KEY_BYTES     256

struct record_view {
    const struct config *config;
    topic_keep_going *keep_going;
    void *listener;
    struct topic_reader *reader; /* NULL: everything is to be read */
    struct record_places *places;
    struct offsets ends; /* up to which it was read */
};

struct record_view *record_view_new(const struct config *config, topic_keep_going *keep_going, void *listener)
{
    struct record_view *view = calloc(1, sizeof(*view));
    if (view)
        *view = (struct record_view){.config = config, .keep_going = keep_going, .listener = listener};
    return view;
}

/* What was read may be wrong: the topic has become shorter, or a reading has not come to its end. */
static void forget(struct record_view *view)
{
    topic_reader_close(view->reader);
    record_places_free(view->places);
    offsets_free(&view->ends);
    view->reader = NULL;
    view->places = NULL;
    view->ends = (struct offsets){0};
}

void record_view_free(struct record_view *view)
{
    if (!view)
        return;
    forget(view);
    free(view);
}

static bool note(struct record_view *view, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    const struct span key = span_of(message->key, message->key ? message->key_len : 0);
    const struct record_place place = {message->partition, message->offset, rd_kafka_message_timestamp(message, &type)};
    return key.length == 0 || record_places_note(view->places, key, &place, message->payload == NULL);
}

static bool read_to_end(struct record_view *view, char *error, size_t error_size)
{
    for (;;) {
        rd_kafka_message_t *message;
        switch (topic_reader_next(view->reader, &message, error, error_size)) {
        case TOPIC_MESSAGE: {
            const bool ok = note(view, message);
            rd_kafka_message_destroy(message);
            if (!ok) {
                snprintf(error, error_size, "out of memory");
                return false;
            }
            break;
        }
        case TOPIC_PAUSE:
            break;
        case TOPIC_END:
            topic_reader_ends(view->reader, &view->ends);
            return true;
        case TOPIC_FAILED:
            return false;
        }
        if (!view->keep_going(view->listener)) {
            snprintf(error, error_size, "%s", "");
            return false;
        }
    }
}

/* Reads everything, if that was not done. */
static bool begin(struct record_view *view, char *error, size_t error_size)
{
    if (view->reader)
        return true;
    view->places = record_places_new();
    if (!view->places) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    view->reader = topic_reader_open_listening(view->config, view->config->records.topic, KAFKA_WAIT_MS,
                                               view->keep_going, view->listener, error, error_size);
    return view->reader && read_to_end(view, error, error_size);
}

static bool covers(const struct offsets *ends, const struct offsets *least)
{
    for (int32_t i = 0; least && i < least->count; i++)
        if (offsets_get(ends, i) < least->at[i])
            return false;
    return true;
}

static bool extend(struct record_view *view, const struct offsets *least, char *error, size_t error_size)
{
    for (;;) {
        bool grown;
        if (!topic_reader_extend(view->reader, &grown, error, error_size))
            return false;
        if (grown && !read_to_end(view, error, error_size))
            return false;
        if (covers(&view->ends, least))
            return true;
        clock_sleep(LOOK_MS);
        if (!view->keep_going(view->listener)) {
            snprintf(error, error_size, "%s", "");
            return false;
        }
    }
}

bool record_view_update(struct record_view *view, const struct offsets *least, char *error, size_t error_size)
{
    const bool ok = begin(view, error, error_size) && extend(view, least, error, error_size);
    if (!ok)
        forget(view);
    return ok;
}

bool record_view_await(struct record_view *view, char *error, size_t error_size)
{
    struct offsets from = {0};
    bool ok = begin(view, error, error_size);
    offsets_raise_all(&from, &view->ends);
    ok = ok && topic_reader_await_open(view->reader, &from, error, error_size) && read_to_end(view, error, error_size);
    offsets_free(&from);
    if (!ok)
        forget(view);
    return ok;
}

bool record_view_is_read(const struct record_view *view)
{
    return view->places != NULL;
}

bool record_view_has(const struct record_view *view, struct span workspace, struct span id)
{
    char key[KEY_BYTES];
    if (!view->places || workspace.length + 1 + id.length > sizeof(key))
        return false;
    memcpy(key, workspace.at, workspace.length);
    key[workspace.length] = '/';
    memcpy(key + workspace.length + 1, id.at, id.length);
    const enum record_fate fate = record_places_fate(view->places, span_of(key, workspace.length + 1 + id.length));
    return fate == FATE_PENDING || fate == FATE_WRITTEN;
}

int64_t record_view_done(const struct record_view *view, int64_t *total)
{
    *total = view->reader ? topic_reader_total(view->reader) : 0;
    return view->reader ? topic_reader_done(view->reader) : 0;
}
