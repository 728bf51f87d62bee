/* log_mark: the metadata of the group's committed offset of a partition. It records how far the commands are
 * answered, and one command of the log by which a later reader recognizes that log. A topic that is deleted and
 * created again has the same name and offsets, but other commands.
 *
 * As text: "client-intake <answered> <offset> <timestamp> <hash> <nonce>", numbers in decimal, the hash in hexadecimal,
 * "-" for what is not known. Without a nonce it ends with the hash, as the marks of earlier versions do. */
#ifndef WORKER_KAFKA_LOG_MARK_H
#define WORKER_KAFKA_LOG_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/must_check.h"

#define LOG_MARK_BYTES 128 /* room for the text */

struct log_mark {
    int64_t answered;     /* the offset after the last command that was answered, or -1. The committed offset may be
                           * higher: transaction markers lie between */
    int64_t offset;       /* of a command that is known to be in the log, or -1 */
    int64_t timestamp_ms; /* Kafka's, of that command; -1: it has none */
    uint64_t hash;        /* XXH3-64 of its value's bytes */
    int64_t nonce;        /* a random number above 0, of the commit that answered the last command; -1: not known */
};

#define LOG_MARK_NONE ((struct log_mark){-1, -1, -1, 0, -1})

/* Whether both are of the same command. Only what tells commands from each other is compared. */
MUST_CHECK bool log_mark_is_same(const struct log_mark *mark, const struct log_mark *other);

/* A new nonce; -1 if the system returns no random number. */
int64_t log_mark_nonce(void);

/* Returns the text's length. */
size_t log_mark_write(const struct log_mark *mark, char text[LOG_MARK_BYTES]);

/* False if the text has another format; then *mark is LOG_MARK_NONE. The text need not be NUL-terminated. */
MUST_CHECK bool log_mark_read(const char *text, size_t length, struct log_mark *mark);

#endif
