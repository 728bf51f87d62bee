/* replay_sink: where a planned history goes: to the topics of a broker, or to files in the form of replay_dump. Both
 * give the same offsets. A failure ends the program with 69. */
#ifndef TESTS_LIVE_REPLAY_SINK_H
#define TESTS_LIVE_REPLAY_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_HEADERS 8

enum sink_topic { SINK_COMMANDS, SINK_REPLIES, SINK_ELSEWHERE, SINK_DEFINITIONS, SINK_TOPICS };

struct sink_header {
    const char *name, *value;
};

struct sink_message {
    enum sink_topic topic;
    int32_t partition;
    int64_t ts;
    const char *key;   /* NULL: none */
    const char *value; /* NULL: none */
    size_t length;
    struct sink_header headers[SINK_HEADERS];
    unsigned header_count;
    bool is_aborted; /* in a transaction of its own, which is aborted */
};

struct sink;

/* Creates the topics at `bootstrap`, or, without it, the files FOLDER/commands, replies, elsewhere, definitions. */
struct sink *sink_open(const char *bootstrap, const char *folder, const char *const topics[SINK_TOPICS],
                       unsigned partitions);

/* The offset that the next message gets. */
int64_t sink_next(const struct sink *sink, enum sink_topic topic, int32_t partition);

void sink_send(struct sink *sink, const struct sink_message *message);

/* Ends only when everything is where it should be. */
void sink_close(struct sink *sink);

#endif
