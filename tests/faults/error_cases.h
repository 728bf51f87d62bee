/* error_cases: which error code is answered to which request of the worker. A lane is a request in a situation; a case
 * is a lane with a code. All of Kafka's codes are gone through, those of brokers newer than this librdkafka too; the
 * short selection has those that a broker can really answer. */
#ifndef TESTS_ERROR_CASES_H
#define TESTS_ERROR_CASES_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ApiKeys of the Kafka protocol. */
enum api {
    API_PRODUCE = 0,
    API_FETCH = 1,
    API_LIST_OFFSETS = 2,
    API_METADATA = 3,
    API_OFFSET_COMMIT = 8,
    API_OFFSET_FETCH = 9,
    API_FIND_COORDINATOR = 10,
    API_JOIN_GROUP = 11,
    API_HEARTBEAT = 12,
    API_LEAVE_GROUP = 13,
    API_SYNC_GROUP = 14,
    API_VERSIONS = 18,
    API_INIT_PRODUCER_ID = 22,
    API_ADD_PARTITIONS = 24,
    API_ADD_OFFSETS = 25,
    API_END_TRANSACTION = 26,
    API_TRANSACTION_OFFSETS = 28
};

/* What becomes of the transaction that meets the error. */
enum outcome_class {
    CLASS_ANY,
    CLASS_RETRIED, /* the same call again, in librdkafka or by the worker: the transaction goes on */
    CLASS_ABORTED, /* aborted and run again */
    CLASS_BROKEN,  /* a new producer */
    CLASSES
};

/* The codes that a broker can answer to a request, by what they come to; each list ended by 0. */
struct answers {
    const int16_t *codes[CLASSES];
};

/* When the worker meets the error. */
enum moment {
    MOMENT_WORK,
    MOMENT_START, /* a case has a fixture of its own then */
    MOMENT_END    /* here, too */
};

struct lane {
    const char *name;
    enum api api;
    bool exactly_once;
    enum moment moment;
    bool quick_group;   /* short session, so that joining again is quick */
    bool is_static;     /* a member with a group.instance.id */
    bool apart;         /* the worker's requests go to a broker that the test's own do not ask */
    bool repeats;       /* the same code five times in a row must do no harm either */
    enum api needs_api; /* this error makes the worker send the request; without a code it does so by itself */
    int16_t needs_code;
    const struct answers *answers;
};

extern const struct lane lanes[];
extern const size_t lane_count;

struct error_case {
    const struct lane *lane;
    int16_t code; /* 0: none, the answer is only late; RD_KAFKA_RESP_ERR__TRANSPORT: none, the connection ends */
    int times;    /* in a row */
    int delay_ms;
    enum outcome_class outcome;
};

/* "EndTxn: 51 CONCURRENT_TRANSACTIONS, 5 times" */
void error_case_name(const struct error_case *row, char *text, size_t size);

/* True if this librdkafka itself ends the process, whatever the worker does. */
bool error_case_is_deadly(const struct error_case *row);

/* The cases of a lane: those that a broker can really answer, or all. New; to be freed. */
struct error_case *error_cases_of(const struct lane *lane, bool all, size_t *count);

#endif
