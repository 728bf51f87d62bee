/* batch: the data that travels through the stages. A batch is an array of items, one per message; an item becomes
 * one reply.
 *
 * The folder worker/model holds the data that all stages share. It may use common, and mentions no Kafka or Redis type.
 * Every span in an item points into the batch's arena or, for key, value and
 * headers, into the message, which the source holds until the batch is released. */
#ifndef WORKER_MODEL_BATCH_H
#define WORKER_MODEL_BATCH_H

#include <stdint.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/must_check.h"
#include "common/span.h"
#include "common/timestamp.h"
#include "worker/model/error.h"

#define COMMAND_ID_CHARACTERS   128 /* contract: 1 to 128 */
#define COMMAND_ID_BYTES        512 /* four bytes a character; also holds the text of any position */
#define WORKSPACE_ID_CHARACTERS 64
#define CLIENT_ID_LENGTH        36 /* a UUID as text */
#define HASH_LENGTH             32 /* XXH3-128 as hexadecimal text */
#define VIOLATIONS_LISTED       100
#define VIOLATION_BYTES         65536 /* paths and messages of one reply; further violations are counted, not listed */
#define CUSTOM_FIELDS_DEPTH     16    /* containers open at once in a command, including the command itself */

/* Where a command came from. */
struct position {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* Kafka's message timestamp, since 1970, UTC */
};

/* How much of a message could be read. */
enum header_state {
    HEADERS_READ,       /* all of it; also if there are no headers */
    HEADERS_UNREADABLE, /* librdkafka cannot parse them: there are too many, or they are damaged */
    MESSAGE_UNREADABLE  /* only its position is known: it came in a batch that librdkafka cannot decompress */
};

/* Who replies to a command. Stages skip an item that no longer belongs to this batch. */
enum custody {
    CUSTODY_OURS,      /* this batch. From the fill on; only the source changes it. */
    CUSTODY_POSTPONED, /* a later batch of this worker: the source keeps the message (source_postpone, source_put_off)
                        */
    CUSTODY_REVOKED,   /* the next owner of the partition, which consumes it again. Since a rebalance revoked it. */
    CUSTODY_ANSWERED   /* it has its reply: a transaction in doubt turned out to be committed (source_reconcile), or
                        * librdkafka read in front of the committed offset */
};

/* How much of a message is sent. A message starts with FORM_FULL. Each time its topic refuses it as too large, the
 * sink selects the next smaller form. A form outlives batch_reset_for_retry, since the next try would fail in the
 * same way without it. */
enum form {
    FORM_FULL,
    FORM_MINIMAL, /* replies only: without echoes and without the list of errors */
    FORM_KEYLESS, /* replies only: minimal, and without a key; its partition follows from the source partition */
    FORM_NONE     /* not sent: its smallest form was refused */
};

/* What an item gives. */
enum message_kind { MESSAGE_REPLY, MESSAGE_RECORD, MESSAGE_DEAD_LETTER };
#define MESSAGE_KINDS 3

/* Whether a message of an item has arrived. It applies to at-least-once, where what was sent stands and only the rest
 * is sent again, and to the record of a command that was committed before (index_release.c). A transaction that is
 * undone takes all of its messages with it. */
enum arrival {
    ARRIVAL_OPEN,     /* from the start: it was not sent, is under way, was refused, or nobody knows */
    ARRIVAL_CONFIRMED /* the broker has stored it: item_confirm, by sink or index. It outlives
                          batch_reset_for_retry, and ends with the batch */
};

struct header {
    struct span name;
    struct span value; /* at == NULL for a null value */
};

/* One error in one value. */
struct violation {
    struct violation *next;
    enum error code;
    struct span path; /* JSON Pointer (RFC 6901), not yet JSON-escaped */
    struct span message;
};

/* An error that decode found in an id. check reports it in its position among the violations. */
struct id_fault {
    enum error code; /* ERROR_NONE: nothing */
    uint32_t node;   /* the member with the id; 0 if the id came from a header or the key, or is missing */
    struct span message;
};

enum outcome {
    OUTCOME_UNDECIDED, /* valid so far; the index has not decided */
    OUTCOME_CREATED,
    OUTCOME_DUPLICATE, /* replied to with the client that the same command created before */
    OUTCOME_REJECTED
};

/* What happened to a command's request for a reply topic or partition of its choice. */
enum reply_absence {
    REPLY_ASKED_NOTHING,     /* it names no topic */
    REPLY_AS_ASKED,          /* the reply goes to the requested topic */
    REPLY_ILLEGAL_NAME,      /* no topic can have that name */
    REPLY_NOT_ALLOWED,       /* replies.allowed does not list it */
    REPLY_TOPIC_MISSING,     /* the topic does not exist, or our user may not see it */
    REPLY_TOPIC_REFUSED,     /* it refused a reply a short while ago, or may refuse the end of a transaction */
    REPLY_PARTITION_MISSING, /* the topic is used, but it does not have the partition that the command names */
    REPLY_ABSENCES
};

/* Where a command asks its reply to go (reply_address.h). */
struct reply_address {
    enum reply_absence absence; /* REPLY_ASKED_NOTHING, REPLY_ILLEGAL_NAME or REPLY_NOT_ALLOWED: the default topic;
                                 * REPLY_AS_ASKED: `topic` */
    struct span topic;          /* in the message; at == NULL unless the reply goes there */
    /* The partition that the command names, as the number in each encoding; -1: none. The topic's number of
     * partitions decides between them. */
    int64_t big_endian; /* of four bytes */
    int64_t decimal;    /* of 1 to 10 digits */
};

struct definitions;

/* The members of a command that decode and check know, in the order in which missing ones are reported. */
enum member {
    MEMBER_COMMAND_ID,
    MEMBER_WORKSPACE_ID,
    MEMBER_TYPE,
    MEMBER_SEND_INVITE,
    MEMBER_GIVEN_NAME,
    MEMBER_FAMILY_NAME,
    MEMBER_EMAIL,
    MEMBER_COMPANY_ID,
    MEMBER_COMPANY_IDS,
    MEMBER_CUSTOM_FIELDS,
    MEMBER_COUNT,
    MEMBER_UNKNOWN = MEMBER_COUNT
};

struct item {
    /* Filled by the source. */
    struct position from;
    struct span key;              /* at == NULL: no key */
    struct span value;            /* at == NULL: a tombstone */
    const struct header *headers; /* those that the program knows (message_headers.h); each name once, with its last
                                   * value */
    uint32_t header_count;
    enum header_state header_state;
    size_t outer_bytes; /* of the key, and of the names and values of all headers */
    size_t header_heap; /* what librdkafka allocates for all headers while they are parsed; an estimate if it cannot
                         * parse them */
    size_t outer_held;  /* approximate size of key and headers in the fetched message */
    void *message;      /* librdkafka's message, or a copy of it, for all its headers; NULL if there is none */
    enum custody custody;

    /* Filled by decode. */
    struct span position;           /* `from` as text (position_text) */
    char time[TIME_LENGTH];         /* from.timestamp_ms as text (time_text) */
    struct json_document document;  /* of the whole value */
    uint32_t command;               /* node of the command object: 0, or a CloudEvent's data */
    bool structured;                /* the value is a CloudEvent in structured mode */
    uint32_t members[MEMBER_COUNT]; /* nodes of the command's known members; 0: missing */
    struct id_fault command_id_fault, workspace_fault;
    bool workspace_missing;           /* no source names one */
    struct span command_id;           /* never empty: the source position if there was no valid one */
    struct span workspace;            /* at == NULL: none that can be used */
    char hash[HASH_LENGTH];           /* of the value's bytes */
    char client_id[CLIENT_ID_LENGTH]; /* set if the workspace can be used */
    bool has_identity;                /* workspace and command id can both be used, so client_id is set */

    /* Filled by the definitions stage; NULL: the workspace has none, or none that can be used. */
    const struct definitions *definitions;
    bool definitions_broken;

    /* Filled by check. */
    enum outcome outcome;
    enum error error; /* of a rejected command */
    struct span error_message;
    struct violation *violations, *last_violation;
    uint32_t violation_count; /* found, listed or not */
    uint32_t violation_listed;
    bool violations_full; /* no further one is listed */
    size_t violation_bytes;
    struct span email_key; /* the email in lower case */
    struct span record;    /* the client as JSON (record.h); of a duplicate or a re-run: the stored one */
    struct span created;   /* the reply if the client is created, with the record that check composed in it */

    /* Filled by the index. */
    struct span existing_client_id; /* with ERROR_EMAIL_TAKEN */

    /* Filled by compose. */
    struct span reply;
    enum form composed;           /* the form of `reply`, its headers and its key */
    struct span reply_error;      /* the error object within `reply`; at == NULL: the reply has a client */
    struct header *reply_headers; /* in the arena: those of every reply, the echoes, and those of replies.nest */
    uint32_t reply_header_count;  /* in the form that is composed */
    uint32_t reply_echo_count;    /* of them echoes, in the full form */
    uint32_t reply_plain_count;   /* those of every reply */
    struct span reply_key;        /* at == NULL: none; its partition then follows from the source partition */
    struct reply_address address;

    /* Filled by the sink at each try; of a reply that has arrived, at the try that sent it. */
    enum reply_absence reply_absence;

    /* Both are kept by batch_reset_for_retry, `claimed` also while the command is postponed. */
    bool claimed; /* this worker made the claim, in this run or in an earlier one, and nobody else has had the fence of
                   * the partition since */
    bool settled; /* Redis was rebuilt since the client was refused, so a claim that is there is committed */

    /* Filled by the sink, and kept by batch_reset_for_retry. */
    enum form reply_form;
    enum form record_form;      /* FORM_NONE: the client does not fit, so the command is too_large */
    enum form dead_letter_form; /* FORM_NONE: the command stays in its topic only */
    enum arrival arrival[MESSAGE_KINDS];
    enum outcome told_outcome; /* what the reply that has arrived says */
    enum error told_error;
    size_t reply_bytes;       /* of the reply that was sent last, about as the broker counts them */
    size_t record_bytes;      /* of the record, in the same way */
    size_t dead_letter_bytes; /* of the dead letter, in the same way */

    /* Filled by the sink when the client is refused, for the message of the reply; kept when the batch is evaluated
     * again.
     */
    size_t client_bytes; /* of the record or reply that was refused with the client in it, about */
    size_t client_most;  /* the limit, as far as it is known: kafka.producer.message.max.bytes; 0: another limit */
};

struct batch {
    struct item *items;
    uint32_t count;
    uint32_t capacity;
    size_t bytes;         /* of its messages: values, keys, and headers in parsed form */
    size_t command_bytes; /* the longest value that the arena has room for, and the limit of a message's headers */
    int64_t nonce;        /* of the commit that is tried next (log_mark.h); 0 or below: not known */
    size_t filled;        /* arena use once the source has filled the batch; batch_reset_for_retry returns to it */
    struct arena arena;
};

/* A partition of the batch, with at least one item that is ours. */
struct batch_part {
    int32_t partition;
    int64_t next; /* the offset after the last of them */
};

/* Allocates room for `capacity` commands of `bytes` bytes in total (values, keys and headers; one may exceed it by
 * `command_bytes`). Returns 0, or -1 with errno set. */
MUST_CHECK int batch_open(struct batch *batch, uint32_t capacity, size_t bytes, size_t command_bytes);
void batch_close(struct batch *batch);
void batch_reset(struct batch *batch);

/* To be called when the source has filled the batch. */
void batch_begin(struct batch *batch);
/* Restores the state after batch_begin, so that the batch can be evaluated again. Custody stays as it is. */
void batch_reset_for_retry(struct batch *batch);

/* How many items are ours. */
uint32_t batch_count_ours(const struct batch *batch);

/* Whether any item is ours. */
bool batch_has_ours(const struct batch *batch);

/* The batch's partitions, in the arena. Returns how many. */
uint32_t batch_parts(struct batch *batch, struct batch_part **parts);

static inline bool item_is_ours(const struct item *item)
{
    return item->custody == CUSTODY_OURS;
}

/* Rejects the item as a whole; the first rejection stands. `message` must live as long as the batch. */
void item_reject(struct item *item, enum error error, struct span message);

/* The message of this kind has arrived. */
void item_confirm(struct item *item, enum message_kind kind);

/* True if the message of this kind has arrived and need not be sent again. A reply has to be sent again if the item was
 * evaluated again since, with another outcome. */
bool item_is_delivered(const struct item *item, enum message_kind kind);

/* "topic/partition/offset" in the arena. */
struct span position_text(const struct position *from, struct arena *arena);

/* The last header called `name` (as Kafka's lastHeader does), or NULL. Many commands have none. */
const struct header *item_find_header(const struct item *item, struct span name);
static inline const struct header *item_header(const struct item *item, struct span name)
{
    return item->header_count > 0 ? item_find_header(item, name) : NULL;
}

#endif
