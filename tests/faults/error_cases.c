#include "tests/faults/error_cases.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/kafka/kafka_refusal.h"

#define LAST_CODE  120 /* TRANSACTION_ABORTABLE, of Kafka 3.9; codes without a name are those of later brokers */
#define TIMES      5
#define LATE_MS    1500 /* longer than the worker waits at once */
#define MOST_CASES (2 * (LAST_CODE + 4))
#define DISCONNECT RD_KAFKA_RESP_ERR__TRANSPORT
#define UNKNOWN    (-1)
#define CODES(...) ((const int16_t[]){__VA_ARGS__, 0})

/* Sources: the error lists of the requests in Apache Kafka's client (the "Possible error codes" of its response
 * classes) and what its KafkaApis answers; the outcome is librdkafka's (rdkafka_txnmgr.c, rdkafka_request.c). */

static const struct answers produce = {{[CLASS_ANY] = CODES(2, 31, 45, 46, 47, 48, 49, 53, 59, 90, 120, UNKNOWN),
                                        [CLASS_RETRIED] = CODES(3, 6, 7, 19, 20, 56),
                                        [CLASS_ABORTED] = CODES(10, 17, 18, 21, 29, 32, 43, 87)}};
static const struct answers fetch = {
    {[CLASS_ANY] = CODES(1, 2, 3, 5, 6, 9, 29, 56, 70, 71, 74, 75, 76, 78, 100, 103, 109, UNKNOWN)}};
static const struct answers list_offsets = {{[CLASS_ANY] = CODES(3, 5, 6, 9, 29, 42, 43, 56, 74, 75, 78, UNKNOWN)}};
static const struct answers metadata = {{[CLASS_ANY] = CODES(3, 5, 17, 29, UNKNOWN)}};
static const struct answers offset_commit = {{[CLASS_ANY] = CODES(3, 12, 14, 15, 16, 22, 25, 27, 28, 29, 30, UNKNOWN)}};
static const struct answers offset_fetch = {{[CLASS_ANY] = CODES(3, 14, 15, 16, 22, 25, 29, 30, 88, UNKNOWN)}};
static const struct answers find_coordinator = {{[CLASS_ANY] = CODES(14, 15, 24, 30, 31, 42, 53, UNKNOWN)}};
static const struct answers join_group = {
    {[CLASS_ANY] = CODES(14, 15, 16, 22, 23, 24, 25, 26, 27, 30, 79, 81, UNKNOWN)}};
static const struct answers heartbeat = {{[CLASS_ANY] = CODES(14, 15, 16, 22, 25, 27, 30, UNKNOWN)}};
static const struct answers leave_group = {{[CLASS_ANY] = CODES(14, 15, 16, 25, 30, 82, UNKNOWN)}};
static const struct answers sync_group = {{[CLASS_ANY] = CODES(14, 15, 16, 22, 23, 25, 27, 30, UNKNOWN)}};
static const struct answers static_member = {{[CLASS_ANY] = CODES(25, 82)}};
static const struct answers versions = {{[CLASS_ANY] = CODES(34, 35, 42, UNKNOWN)}};
static const struct answers init_producer_id = {{[CLASS_ANY] = CODES(UNKNOWN),
                                                 [CLASS_RETRIED] = CODES(14, 15, 16, 51),
                                                 [CLASS_BROKEN] = CODES(31, 47, 50, 53, 90)}};
static const struct answers add_partitions = {{[CLASS_RETRIED] = CODES(3, 14, 15, 16, 51),
                                               [CLASS_ABORTED] = CODES(29, 49, 55, 59, 120, UNKNOWN),
                                               [CLASS_BROKEN] = CODES(31, 47, 48, 53, 90)}};
static const struct answers add_offsets = {{[CLASS_RETRIED] = CODES(14, 15, 16, 51),
                                            [CLASS_ABORTED] = CODES(30, 49, 120, UNKNOWN),
                                            [CLASS_BROKEN] = CODES(31, 47, 48, 53)}};
static const struct answers end_transaction = {{[CLASS_RETRIED] = CODES(14, 15, 16, 51),
                                                [CLASS_ABORTED] = CODES(49, 59, 120, UNKNOWN),
                                                [CLASS_BROKEN] = CODES(31, 47, 48, 53, 90)}};
static const struct answers transaction_offsets = {
    {[CLASS_RETRIED] = CODES(3, 7, 14, 15, 16),
     [CLASS_ABORTED] = CODES(12, 22, 25, 27, 28, 29, 30, 82, 120, UNKNOWN),
     [CLASS_BROKEN] = CODES(31, 43, 47, 48, 49, 53)}};

const struct lane lanes[] = {
    {.name = "Produce", .api = API_PRODUCE, .exactly_once = true, .apart = true, .repeats = true, .answers = &produce},
    {.name = "Produce, at-least-once", .api = API_PRODUCE, .apart = true, .repeats = true, .answers = &produce},
    {.name = "Fetch", .api = API_FETCH, .exactly_once = true, .apart = true, .answers = &fetch},
    /* A consumer asks once, and remembers. */
    {.name = "ListOffsets",
     .api = API_LIST_OFFSETS,
     .exactly_once = true,
     .moment = MOMENT_START,
     .answers = &list_offsets},
    {.name = "Metadata", .api = API_METADATA, .exactly_once = true, .quick_group = true, .answers = &metadata},
    {.name = "OffsetCommit", .api = API_OFFSET_COMMIT, .quick_group = true, .answers = &offset_commit},
    {.name = "OffsetFetch on assignment",
     .api = API_OFFSET_FETCH,
     .quick_group = true,
     .repeats = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .answers = &offset_fetch},
    {.name = "OffsetFetch after a lost producer",
     .api = API_OFFSET_FETCH,
     .exactly_once = true,
     .repeats = true,
     .needs_api = API_END_TRANSACTION,
     .needs_code = RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
     .answers = &offset_fetch},
    {.name = "FindCoordinator of the group",
     .api = API_FIND_COORDINATOR,
     .exactly_once = true,
     .quick_group = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
     .answers = &find_coordinator},
    {.name = "FindCoordinator of the transaction",
     .api = API_FIND_COORDINATOR,
     .exactly_once = true,
     .needs_api = API_ADD_OFFSETS,
     .needs_code = RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
     .answers = &find_coordinator},
    {.name = "JoinGroup",
     .api = API_JOIN_GROUP,
     .quick_group = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .answers = &join_group},
    {.name = "Heartbeat", .api = API_HEARTBEAT, .quick_group = true, .answers = &heartbeat},
    {.name = "LeaveGroup", .api = API_LEAVE_GROUP, .moment = MOMENT_END, .answers = &leave_group},
    {.name = "SyncGroup",
     .api = API_SYNC_GROUP,
     .quick_group = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .answers = &sync_group},
    {.name = "Heartbeat of a static member",
     .api = API_HEARTBEAT,
     .quick_group = true,
     .is_static = true,
     .answers = &static_member},
    {.name = "OffsetCommit of a static member",
     .api = API_OFFSET_COMMIT,
     .quick_group = true,
     .is_static = true,
     .answers = &static_member},
    {.name = "JoinGroup of a static member",
     .api = API_JOIN_GROUP,
     .quick_group = true,
     .is_static = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .answers = &static_member},
    {.name = "SyncGroup of a static member",
     .api = API_SYNC_GROUP,
     .quick_group = true,
     .is_static = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .answers = &static_member},
    {.name = "ApiVersions",
     .api = API_VERSIONS,
     .exactly_once = true,
     .needs_api = API_ADD_OFFSETS,
     .needs_code = DISCONNECT,
     .answers = &versions},
    {.name = "InitProducerId",
     .api = API_INIT_PRODUCER_ID,
     .exactly_once = true,
     .repeats = true,
     .needs_api = API_END_TRANSACTION,
     .needs_code = RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
     .answers = &init_producer_id},
    {.name = "AddPartitionsToTxn", .api = API_ADD_PARTITIONS, .exactly_once = true, .answers = &add_partitions},
    {.name = "AddOffsetsToTxn", .api = API_ADD_OFFSETS, .exactly_once = true, .repeats = true, .answers = &add_offsets},
    {.name = "EndTxn", .api = API_END_TRANSACTION, .exactly_once = true, .repeats = true, .answers = &end_transaction},
    {.name = "EndTxn of an abort",
     .api = API_END_TRANSACTION,
     .exactly_once = true,
     .needs_api = API_TRANSACTION_OFFSETS,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .answers = &end_transaction},
    {.name = "TxnOffsetCommit",
     .api = API_TRANSACTION_OFFSETS,
     .exactly_once = true,
     .repeats = true,
     .answers = &transaction_offsets},
};
const size_t lane_count = sizeof(lanes) / sizeof(lanes[0]);

void error_case_name(const struct error_case *row, char *text, size_t size)
{
    char what[96], times[32] = "";
    if (row->code == DISCONNECT)
        snprintf(what, sizeof(what), "disconnect");
    else if (row->code == 0)
        snprintf(what, sizeof(what), "an answer %d ms late", row->delay_ms);
    else
        snprintf(what, sizeof(what), "%d %s", row->code, rd_kafka_err2name(row->code));
    if (row->times > 1)
        snprintf(times, sizeof(times), ", %d times", row->times);
    snprintf(text, size, "%s: %s%s", row->lane->name, what, times);
}

/* False if a broker never answers so. */
static bool is_real(const struct lane *lane, int code, enum outcome_class *outcome)
{
    for (int class = 0; class < CLASSES; class ++)
        for (const int16_t *real = lane->answers->codes[class]; real && *real; real++)
            if (*real == code) {
                *outcome = (enum outcome_class) class;
                return true;
            }
    return false;
}

/* A broker answers FENCED_INSTANCE_ID to static members only, and librdkafka trusts in that: a consumer of another kind
 * that hears it can neither go on nor be destroyed. */
static bool is_impossible(const struct lane *lane, int code)
{
    bool is_of_member = lane->api == API_JOIN_GROUP || lane->api == API_SYNC_GROUP || lane->api == API_HEARTBEAT ||
                        lane->api == API_OFFSET_COMMIT;
    return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && is_of_member && !lane->is_static;
}

/* Unlike Apache Kafka, the mock cluster lists the partitions of a topic that has an error, but for that of an unknown
 * topic. A client that does not know them, since it is new or has just dropped them, dies of the list by signal 11 in
 * librdkafka 2.3.0 to 2.8.0; 2.10.0 has the fix, and there was no 2.9 (its issue 4907). */
bool error_case_is_deadly(const struct error_case *row)
{
    int version = rd_kafka_version() >> 8; /* without the number of a release candidate */
    return row->lane->api == API_METADATA && row->code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
           version >= 0x020300 && version <= 0x020800;
}

/* How often the code comes in a row. The worker refuses the client, the dead letter and each form of the reply that a
 * broker calls too large: so with one time more than here one command would have no reply. At-least-once sends again
 * only what was refused, so it takes one time less. RECORD_LIST_TOO_LARGE comes after MSG_SIZE_TOO_LARGE, and the
 * worker remembers which sizes were refused: its replies may have no smaller form left. */
static int times_of(const struct lane *lane, int code)
{
    if (lane->api != API_PRODUCE || !kafka_is_too_large(code))
        return TIMES;
    if (code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE)
        return 1;
    return lane->exactly_once ? TIMES : TIMES - 1;
}

struct error_case *error_cases_of(const struct lane *lane, bool all, size_t *count)
{
    /* Only the request that met the error shows the outcome of the transaction. */
    bool tells = lane->exactly_once && (!lane->needs_code || lane->api == API_INIT_PRODUCER_ID);
    struct error_case *cases = calloc(MOST_CASES, sizeof(*cases));
    if (!cases)
        abort();
    *count = 0;
    for (int code = UNKNOWN; code <= LAST_CODE; code++) {
        enum outcome_class outcome = CLASS_ANY;
        if (code == 0 || is_impossible(lane, code) || (!is_real(lane, code, &outcome) && !all))
            continue;
        cases[(*count)++] = (struct error_case){lane, (int16_t)code, 1, 0, tells ? outcome : CLASS_ANY};
        if (lane->repeats && times_of(lane, code) > 1)
            cases[(*count)++] = (struct error_case){lane, (int16_t)code, times_of(lane, code), 0, CLASS_ANY};
    }
    /* The mock cluster takes errors of Metadata by topic only: no disconnect, no delay. */
    if (lane->api == API_METADATA)
        return cases;
    cases[(*count)++] = (struct error_case){lane, DISCONNECT, 1, 0, CLASS_ANY};
    cases[(*count)++] = (struct error_case){lane, 0, 1, LATE_MS, CLASS_ANY};
    return cases;
}
