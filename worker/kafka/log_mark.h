/* log_mark: the metadata of the group's committed offset of a partition. It records how far the commands are
 * answered, and one command of the log by which a later reader recognizes that log. A topic that is deleted and
 * created again has the same name and offsets, but other commands. While a log has had no command that could be read
 * in its place, the mark tells what the log returns instead.
 *
 * As text: "client-intake <answered> <offset> <timestamp> <hash> <nonce>", numbers in decimal, the hash in hexadecimal,
 * "-" for what is not known. Without a nonce it ends with the hash, as the marks of earlier versions do.
 *
 * A mark without a command has "-" as offset and as hash. Its third word is a number of fixed width, whose first digit
 * tells the kind; 19 digits of the offset follow. LOG_MARK_UNREADABLE: 1, offset, and 10 digits each of the offsets
 * from `base` to there, of `bytes` and of `limit`. LOG_MARK_NEXT: 2, offset, and 20 digits of the hash.
 * LOG_MARK_NOTHING: 3, offset, and 19 digits of `end`.
 *
 * An earlier version takes the third word for a timestamp, which it does not use where there is no offset: it reads
 * `answered` and the nonce, and finds no mark, as in what it writes itself for such a log. So does this version where
 * it does not know the kind. */
#ifndef WORKER_KAFKA_LOG_MARK_H
#define WORKER_KAFKA_LOG_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/must_check.h"

#define LOG_MARK_BYTES 128 /* room for the text */

enum log_mark_kind {
    LOG_MARK_COMMAND,    /* of a command */
    LOG_MARK_UNREADABLE, /* of a batch of the log that cannot be decompressed */
    LOG_MARK_NEXT,       /* of the first command that the log returns for the offset, which is not its own */
    LOG_MARK_NOTHING     /* the log has returned nothing for the offset, and did not end there */
};

struct log_mark {
    int64_t answered;     /* the offset after the last command that was answered, or -1. The committed offset may be
                           * higher: transaction markers lie between */
    int64_t offset;       /* where the log is read to recognize it: of a command that is known to be in the log, or of
                           * what the kind says; -1: there is no mark */
    int64_t timestamp_ms; /* Kafka's, of that command; -1: it has none. Other kinds: -1 */
    uint64_t hash;        /* XXH3-64 of its value's bytes. LOG_MARK_NEXT: of that command's offset, timestamp and
                           * hash. Other kinds: 0 */
    int64_t nonce;        /* a random number above 0, of the commit that answered the last command; -1: not known */
    enum log_mark_kind kind;
    /* LOG_MARK_UNREADABLE only, otherwise 0: */
    int64_t base;  /* where the batch begins, at `offset` or before */
    int64_t bytes; /* its compressed size; 0: not known */
    int64_t limit; /* the receive.message.max.bytes that it does not fit into */
    /* LOG_MARK_NOTHING only, otherwise 0: */
    int64_t end; /* the log's then */
};

#define LOG_MARK_NONE ((struct log_mark){-1, -1, -1, 0, -1, LOG_MARK_COMMAND, 0, 0, 0, 0})

/* Whether both are of the same command, or of the same batch. Only what tells these from each other is compared; a
 * size that is not known equals each. */
MUST_CHECK bool log_mark_is_same(const struct log_mark *mark, const struct log_mark *other);

/* A new nonce; -1 if the system returns no random number. */
int64_t log_mark_nonce(void);

/* Returns the text's length. */
size_t log_mark_write(const struct log_mark *mark, char text[LOG_MARK_BYTES]);

/* False if the text has another format; then *mark is LOG_MARK_NONE. The text need not be NUL-terminated. */
MUST_CHECK bool log_mark_read(const char *text, size_t length, struct log_mark *mark);

#endif
