/* verdict: says in words whether all is well, and if not, what is wrong and what to do. */
#ifndef WORKER_HTTP_VERDICT_H
#define WORKER_HTTP_VERDICT_H

#include "worker/http/status.h"

/* How bad a finding is. */
enum finding_level {
    FINDING_NOTE,    /* it may interest somebody: commands are answered in time */
    FINDING_WARNING, /* some commands are late, or one sender is at fault */
    FINDING_BAD      /* commands wait */
};

/* ROW(name, text in JSON, level, section in docs/operations.md that tells what to do). The most urgent first: a finding
 * may be the cause of those below it. */
#define FINDINGS(ROW)                                                                                                  \
    ROW(DRAINING, "draining", NOTE, "Signals")                                                                         \
    ROW(THREAD_HANGS, "thread_hangs", BAD, "A thread hangs")                                                           \
    ROW(REDIS_FULL, "redis_full", BAD, "Redis is full")                                                                \
    ROW(REDIS_AWAY, "redis_away", BAD, "Redis is away")                                                                \
    ROW(KAFKA_AWAY, "kafka_away", BAD, "Kafka is away")                                                                \
    ROW(KAFKA_SLOW, "kafka_slow", WARNING, "Kafka is slow")                                                            \
    ROW(REBUILDING, "rebuilding", BAD, "Redis is rebuilt")                                                             \
    ROW(STARTING, "starting", NOTE, "The worker starts")                                                               \
    ROW(REDIS_SLOW, "redis_slow", WARNING, "Redis is slow")                                                            \
    ROW(DEFINITIONS_AWAITED, "definitions_awaited", WARNING, "A partition waits for definitions")                      \
    ROW(NOISY_WORKSPACE, "noisy_workspace", WARNING, "A noisy workspace")                                              \
    ROW(GARBAGE, "garbage", WARNING, "A producer sends garbage")                                                       \
    ROW(REJECTIONS, "rejections", NOTE, "Most commands are rejected")                                                  \
    ROW(REPLIES_LATE, "replies_late", WARNING, "Replies come late")                                                    \
    ROW(COMMANDS_LATE, "commands_late", WARNING, "Commands come late")                                                 \
    ROW(SPANS_LOST, "spans_lost", NOTE, "Spans are lost")

enum finding_kind {
#define FINDING_ROW(name, text, level, section) FINDING_##name,
    FINDINGS(FINDING_ROW)
#undef FINDING_ROW
        FINDING_COUNT
};

#define FINDING_BYTES 1024

struct finding {
    enum finding_kind kind;
    int64_t since_ms; /* since 1970, UTC; 0: not known */
    bool or_earlier;  /* it may have begun before, which is not known any more */
    char text[FINDING_BYTES], advice[FINDING_BYTES];
};

struct verdict {
    size_t count; /* 0: all is well */
    struct finding findings[FINDING_COUNT];
};

/* Its findings, the most urgent first, each kind once. */
void verdict_find(struct verdict *verdict, const struct status *status);

const char *finding_name(enum finding_kind kind);
enum finding_level finding_level(enum finding_kind kind);
const char *finding_section(enum finding_kind kind);

#endif
