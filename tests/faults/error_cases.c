#include "tests/faults/error_cases.h"

#include <stdio.h>
#include <stdlib.h>

#define LAST_CODE  120 /* TRANSACTION_ABORTABLE, of Kafka 3.9; codes without a name are those of later brokers */
#define TIMES      5
#define LATE_MS    1500 /* longer than the worker waits at once */
#define MOST_CASES (2 * (LAST_CODE + 4))
#define DISCONNECT RD_KAFKA_RESP_ERR__TRANSPORT
#define UNKNOWN    (-1)
#define ANY(code)                                                                                                      \
    {                                                                                                                  \
        code, CLASS_ANY                                                                                                \
    }
#define RETRY(code)                                                                                                    \
    {                                                                                                                  \
        code, CLASS_RETRIED                                                                                            \
    }
#define ABORT(code)                                                                                                    \
    {                                                                                                                  \
        code, CLASS_ABORTED                                                                                            \
    }
#define BREAK(code)                                                                                                    \
    {                                                                                                                  \
        code, CLASS_BROKEN                                                                                             \
    }

/* Sources: the error lists of the requests in Apache Kafka's client (the "Possible error codes" of its response
 * classes) and what its KafkaApis answers; the outcome is what Kafka's client makes of it, as librdkafka's
 * rdkafka_txnmgr.c does. */

static const struct real_code produce[] = {
    ANY(2),    RETRY(3),  RETRY(6),  RETRY(7),  ABORT(10), ABORT(17), ABORT(18), RETRY(19),    RETRY(20),
    ABORT(21), ABORT(29), ANY(31),   ABORT(32), ABORT(43), ANY(45),   ANY(46),   ANY(47),      ANY(48),
    ANY(49),   ANY(53),   RETRY(56), ANY(59),   ABORT(87), ANY(90),   ANY(120),  ANY(UNKNOWN), {0}};
static const struct real_code fetch[] = {ANY(1),   ANY(2),   ANY(3),   ANY(5),       ANY(6),  ANY(9),  ANY(29),
                                         ANY(56),  ANY(70),  ANY(71),  ANY(74),      ANY(75), ANY(76), ANY(78),
                                         ANY(100), ANY(103), ANY(109), ANY(UNKNOWN), {0}};
static const struct real_code list_offsets[] = {ANY(3),  ANY(5),  ANY(6),  ANY(9),  ANY(29),      ANY(42), ANY(43),
                                                ANY(56), ANY(74), ANY(75), ANY(78), ANY(UNKNOWN), {0}};
static const struct real_code metadata[] = {ANY(3), ANY(5), ANY(17), ANY(29), ANY(UNKNOWN), {0}};
static const struct real_code offset_commit[] = {ANY(3),  ANY(12), ANY(14), ANY(15), ANY(16), ANY(22),      ANY(25),
                                                 ANY(27), ANY(28), ANY(29), ANY(30), ANY(82), ANY(UNKNOWN), {0}};
static const struct real_code offset_fetch[] = {ANY(3),  ANY(14), ANY(15), ANY(16),      ANY(22), ANY(25),
                                                ANY(29), ANY(30), ANY(88), ANY(UNKNOWN), {0}};
static const struct real_code find_coordinator[] = {ANY(14), ANY(15), ANY(24),      ANY(30), ANY(31),
                                                    ANY(42), ANY(53), ANY(UNKNOWN), {0}};
static const struct real_code join_group[] = {ANY(14), ANY(15), ANY(16), ANY(22),      ANY(23),
                                              ANY(24), ANY(25), ANY(26), ANY(27),      ANY(30),
                                              ANY(79), ANY(81), ANY(82), ANY(UNKNOWN), {0}};
static const struct real_code heartbeat[] = {ANY(14), ANY(15), ANY(16), ANY(22),      ANY(25),
                                             ANY(27), ANY(30), ANY(82), ANY(UNKNOWN), {0}};
static const struct real_code leave_group[] = {ANY(14), ANY(15), ANY(16), ANY(25), ANY(30), ANY(82), ANY(UNKNOWN), {0}};
static const struct real_code sync_group[] = {ANY(14), ANY(15), ANY(16), ANY(22),      ANY(23), ANY(25),
                                              ANY(27), ANY(30), ANY(82), ANY(UNKNOWN), {0}};
static const struct real_code static_member[] = {ANY(25), ANY(82), {0}};
static const struct real_code versions[] = {ANY(34), ANY(35), ANY(42), ANY(UNKNOWN), {0}};
static const struct real_code init_producer_id[] = {RETRY(14), RETRY(15), RETRY(16), RETRY(51),    BREAK(31), BREAK(47),
                                                    BREAK(50), BREAK(53), BREAK(90), ANY(UNKNOWN), {0}};
static const struct real_code add_partitions[] = {
    RETRY(3),  RETRY(14), RETRY(15), RETRY(16), ABORT(29), BREAK(31),  BREAK(47),      BREAK(48), ABORT(49),
    RETRY(51), BREAK(53), ABORT(55), ABORT(59), BREAK(90), ABORT(120), ABORT(UNKNOWN), {0}};
static const struct real_code add_offsets[] = {RETRY(14),  RETRY(15),      RETRY(16), ABORT(30), BREAK(31),
                                               BREAK(47),  BREAK(48),      ABORT(49), RETRY(51), BREAK(53),
                                               ABORT(120), ABORT(UNKNOWN), {0}};
static const struct real_code end_transaction[] = {RETRY(14), RETRY(15),  RETRY(16),      BREAK(31), BREAK(47),
                                                   BREAK(48), ABORT(49),  RETRY(51),      BREAK(53), ABORT(59),
                                                   BREAK(90), ABORT(120), ABORT(UNKNOWN), {0}};
static const struct real_code transaction_offsets[] = {
    RETRY(3),  RETRY(7),  ABORT(12), RETRY(14),  RETRY(15),      RETRY(16), ABORT(22), ABORT(25),
    ABORT(27), ABORT(28), ABORT(29), ABORT(30),  BREAK(31),      BREAK(43), BREAK(47), BREAK(48),
    BREAK(49), BREAK(53), ABORT(82), ABORT(120), ABORT(UNKNOWN), {0}};

const struct lane lanes[] = {
    {.name = "Produce", .api = API_PRODUCE, .exactly_once = true, .apart = true, .repeats = true, .real = produce},
    {.name = "Produce, at-least-once", .api = API_PRODUCE, .apart = true, .repeats = true, .real = produce},
    {.name = "Fetch", .api = API_FETCH, .exactly_once = true, .apart = true, .real = fetch},
    /* A consumer asks once, and remembers. */
    {.name = "ListOffsets",
     .api = API_LIST_OFFSETS,
     .exactly_once = true,
     .moment = MOMENT_START,
     .real = list_offsets},
    {.name = "Metadata", .api = API_METADATA, .exactly_once = true, .quick_group = true, .real = metadata},
    {.name = "OffsetCommit", .api = API_OFFSET_COMMIT, .quick_group = true, .real = offset_commit},
    {.name = "OffsetFetch on assignment",
     .api = API_OFFSET_FETCH,
     .quick_group = true,
     .repeats = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .real = offset_fetch},
    {.name = "OffsetFetch after a lost producer",
     .api = API_OFFSET_FETCH,
     .exactly_once = true,
     .repeats = true,
     .needs_api = API_END_TRANSACTION,
     .needs_code = RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
     .real = offset_fetch},
    {.name = "FindCoordinator of the group",
     .api = API_FIND_COORDINATOR,
     .exactly_once = true,
     .quick_group = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
     .real = find_coordinator},
    {.name = "FindCoordinator of the transaction",
     .api = API_FIND_COORDINATOR,
     .exactly_once = true,
     .needs_api = API_ADD_OFFSETS,
     .needs_code = RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
     .real = find_coordinator},
    {.name = "JoinGroup",
     .api = API_JOIN_GROUP,
     .quick_group = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .real = join_group},
    {.name = "Heartbeat", .api = API_HEARTBEAT, .quick_group = true, .real = heartbeat},
    {.name = "LeaveGroup", .api = API_LEAVE_GROUP, .moment = MOMENT_END, .real = leave_group},
    {.name = "SyncGroup",
     .api = API_SYNC_GROUP,
     .quick_group = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .real = sync_group},
    {.name = "Heartbeat of a static member",
     .api = API_HEARTBEAT,
     .quick_group = true,
     .is_static = true,
     .real = static_member},
    {.name = "OffsetCommit of a static member",
     .api = API_OFFSET_COMMIT,
     .quick_group = true,
     .is_static = true,
     .real = static_member},
    {.name = "JoinGroup of a static member",
     .api = API_JOIN_GROUP,
     .quick_group = true,
     .is_static = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .real = static_member},
    {.name = "SyncGroup of a static member",
     .api = API_SYNC_GROUP,
     .quick_group = true,
     .is_static = true,
     .needs_api = API_HEARTBEAT,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .real = static_member},
    {.name = "ApiVersions",
     .api = API_VERSIONS,
     .exactly_once = true,
     .needs_api = API_ADD_OFFSETS,
     .needs_code = DISCONNECT,
     .real = versions},
    {.name = "InitProducerId",
     .api = API_INIT_PRODUCER_ID,
     .exactly_once = true,
     .repeats = true,
     .needs_api = API_END_TRANSACTION,
     .needs_code = RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
     .real = init_producer_id},
    {.name = "AddPartitionsToTxn", .api = API_ADD_PARTITIONS, .exactly_once = true, .real = add_partitions},
    {.name = "AddOffsetsToTxn", .api = API_ADD_OFFSETS, .exactly_once = true, .repeats = true, .real = add_offsets},
    {.name = "EndTxn", .api = API_END_TRANSACTION, .exactly_once = true, .repeats = true, .real = end_transaction},
    {.name = "EndTxn of an abort",
     .api = API_END_TRANSACTION,
     .exactly_once = true,
     .needs_api = API_TRANSACTION_OFFSETS,
     .needs_code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
     .real = end_transaction},
    {.name = "TxnOffsetCommit",
     .api = API_TRANSACTION_OFFSETS,
     .exactly_once = true,
     .repeats = true,
     .real = transaction_offsets},
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

static const struct real_code *real_code_find(const struct lane *lane, int code)
{
    for (const struct real_code *row = lane->real; row->code; row++)
        if (row->code == code)
            return row;
    return NULL;
}

/* A broker answers FENCED_INSTANCE_ID to static members only, and librdkafka trusts in that: a consumer of another kind
 * that hears it can neither go on nor be destroyed. */
static bool is_impossible(const struct lane *lane, int code)
{
    bool is_of_member = lane->api == API_JOIN_GROUP || lane->api == API_SYNC_GROUP || lane->api == API_HEARTBEAT ||
                        lane->api == API_OFFSET_COMMIT;
    return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && is_of_member && !lane->is_static;
}

/* What the transaction comes to is told by the request that met the error alone. */
static enum outcome_class class_of(const struct lane *lane, const struct real_code *real)
{
    bool tells = lane->exactly_once && (!lane->needs_code || lane->api == API_INIT_PRODUCER_ID);
    return real && tells ? real->outcome : CLASS_ANY;
}

struct error_case *error_cases_of(const struct lane *lane, bool all, size_t *count)
{
    struct error_case *cases = calloc(MOST_CASES, sizeof(*cases));
    if (!cases)
        abort();
    *count = 0;
    for (int code = UNKNOWN; code <= LAST_CODE; code++) {
        const struct real_code *real = real_code_find(lane, code);
        if (code == 0 || (!real && !all) || is_impossible(lane, code))
            continue;
        cases[(*count)++] = (struct error_case){lane, (int16_t)code, 1, 0, class_of(lane, real)};
        if (lane->repeats)
            cases[(*count)++] = (struct error_case){lane, (int16_t)code, TIMES, 0, CLASS_ANY};
    }
    /* The mock cluster takes errors of Metadata by topic only: no disconnect, no delay. */
    if (lane->api == API_METADATA)
        return cases;
    cases[(*count)++] = (struct error_case){lane, DISCONNECT, 1, 0, CLASS_ANY};
    cases[(*count)++] = (struct error_case){lane, 0, 1, LATE_MS, CLASS_ANY};
    return cases;
}
