/* redis_keys: the name of every key in Redis that the program reads or writes. No other file spells one
 * (tests/check_rooms.sh). The braces keep a workspace on one slot of a cluster.
 *
 * Another program may have written something else to a key: another type, or a string of another form or size. No read
 * fails because of that, and no read takes more bytes than the table says.
 *
 *   key                               its value                           if it is not ours
 *   client:{WORKSPACE}:ID             "SOURCE HASH\n" and the record      the index is damaged: it is rebuilt
 *   client-email:{WORKSPACE}:EMAIL    the client's id                     the index is damaged: it is rebuilt
 *   custom-fields:{WORKSPACE}         a set of definitions                another type: as if missing; else broken
 *   client-intake:epoch               32 hexadecimal digits               as if missing: Redis is rebuilt
 *   client-intake:owner:TOPIC/P       a worker's name, 32 digits          another owner: audit, then overwritten
 *   client-intake:records             the name of the record topic        as if missing: written. The name of another
 *                                                                         topic: nothing is claimed or rebuilt
 *   client-intake:checkpoint:TOPIC/P  "NEXT,HIGHEST[,NONCE[,TIME]] OFFSETS"
 *                                                                         as if missing: audit, records are read again
 *   client-intake:claimed:TOPIC/P     an offset                           as if missing: no earlier claim is known
 *   client-intake:definitions         OFFSETS                             as if missing: definitions are read again
 *   client-intake:{TAG}:definitions   32 hexadecimal digits               as if missing; overwritten. Only on a cluster
 *                                                                         (definitions_cluster.h)
 *   client-intake:rebuild             the name of the rebuilding worker   not a lock: removed
 *   client-intake:shared-emails       "1", only its existence counts      as if it were set
 *   client-intake:replay-lock:TOPIC   a replay's token, 32 digits         not a lock: as if another replay ran
 *   client-intake:replay-mark:NAME:TOPIC/P
 *                                     "NEXT,HIGHEST,NONCE[,TIME] OFFSETS" as if missing: audit, records are read again
 *   client-intake:nothing             is never there                      removed
 */
#ifndef WORKER_REDIS_REDIS_KEYS_H
#define WORKER_REDIS_REDIS_KEYS_H

#include <stdbool.h>

#include "common/span.h"

/* ---- whole names ---- */

#define EPOCH_KEY            "client-intake:epoch"
#define RECORD_TOPIC_KEY     "client-intake:records"
#define DEFINITIONS_READ_KEY "client-intake:definitions"
#define REBUILD_LOCK_KEY     "client-intake:rebuild"
#define SHARED_EMAILS_KEY    "client-intake:shared-emails"
#define NOTHING_KEY          "client-intake:nothing"

/* ---- names with parts: lists of spans, for pipeline_parts ---- */

/* `place`: "TOPIC/PARTITION" of the command topic. */
#define CHECKPOINT_KEY_BEFORE "client-intake:checkpoint:"
#define CHECKPOINT_KEY(place) SPAN(CHECKPOINT_KEY_BEFORE), (place)
#define CLAIMED_KEY_BEFORE    "client-intake:claimed:"
#define CLAIMED_KEY(place)    SPAN(CLAIMED_KEY_BEFORE), (place)
#define OWNER_KEY_BEFORE      "client-intake:owner:"
#define OWNER_KEY(place)      SPAN(OWNER_KEY_BEFORE), (place)

/* `topic`: the command topic. */
#define REPLAY_LOCK_KEY_BEFORE       "client-intake:replay-lock:"
#define REPLAY_MARK_KEY_BEFORE       "client-intake:replay-mark:"
#define REPLAY_MARK_KEY(name, place) SPAN(REPLAY_MARK_KEY_BEFORE), (name), SPAN(":"), (place)

#define CLIENT_KEY_BEFORE           "client:{"
#define EMAIL_KEY_BEFORE            "client-email:{"
#define CLIENT_KEY(workspace, id)   SPAN(CLIENT_KEY_BEFORE), (workspace), SPAN("}:"), (id)
#define EMAIL_KEY(workspace, email) SPAN(EMAIL_KEY_BEFORE), (workspace), SPAN("}:"), (email)

#define DEFINITIONS_KEY_BEFORE     "custom-fields:{"
#define DEFINITIONS_KEY_BEHIND     "}"
#define DEFINITIONS_KEY(workspace) SPAN(DEFINITIONS_KEY_BEFORE), (workspace), SPAN(DEFINITIONS_KEY_BEHIND)

/* `tag`: of a slot of a cluster (redis_slot.h). */
#define DEFINITIONS_STAMP_KEY(tag) SPAN("client-intake:{"), (tag), SPAN("}:definitions")

/* Patterns for SCAN. They match few other keys. */
#define INDEX_KEYS_PATTERN       "client*"
#define DEFINITIONS_KEYS_PATTERN DEFINITIONS_KEY_BEFORE "*" DEFINITIONS_KEY_BEHIND

/* ---- parsed names; the spans point into the key ---- */

struct index_key {
    struct span key, workspace;
    struct span id;    /* at == NULL: this is the key of an email */
    struct span email; /* at == NULL: this is the key of a client */
};

/* False if `key` is not the key of a client or an email. */
bool index_key_parse(struct span key, struct index_key *parsed);

/* The workspace of a definitions key. at == NULL if `key` is not one. */
struct span definitions_key_workspace(struct span key);

/* Room for the definitions key of any workspace, with a NUL. */
#define DEFINITIONS_KEY_SIZE 96

/* Writes the workspace's definitions key, with a NUL. Returns its length. */
size_t definitions_key_text(struct span workspace, char key[DEFINITIONS_KEY_SIZE]);

#endif
