/* report: the oracle's checks, one row per sentence, and the violations that it found. */
#ifndef TESTS_LIVE_REPORT_H
#define TESTS_LIVE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/* ROW(name, the word for a command that violates it, the sentence) */
#define CHECK_TABLE(ROW)                                                                                               \
    ROW(SENT, "not-sent", "every command that was sent is in its topic")                                               \
    ROW(SETTLED, "open", "no transaction is left open")                                                                \
    ROW(REPLY_FORM, "reply-form", "every reply is JSON of the contract's form")                                        \
    ROW(REPLY_EACH, "missing", "every command has a reply")                                                            \
    ROW(REPLY_LOST, "lost", "every command that the group has passed has a reply")                                     \
    ROW(REPLY_ONCE, "doubled", "no command has two replies")                                                           \
    ROW(REPLY_KNOWN, "unknown", "every reply answers a command")                                                       \
    ROW(REPLY_ORDER, "out-of-order", "replies of a partition come in the order of its commands")                       \
    ROW(COMMITTED, "uncommitted", "nothing is seen of a command that the group has not passed")                        \
    ROW(REPLY_ID, "same-id", "ce_id is unique")                                                                        \
    ROW(REPLY_HEADERS, "reply-headers", "the headers of a reply agree with its value")                                 \
    ROW(REPLY_ECHO, "echo", "correlation and trace headers come back byte for byte, and only where they were sent")    \
    ROW(REPLY_PLACE, "reply-place", "replies have the key, topic and partition that the command asks for")             \
    ROW(OUTCOME, "wrong-outcome", "outcomes are those that the sender expects")                                        \
    ROW(VALIDATED, "not-as-validated", "outcomes are those of `client-intake validate`")                               \
    ROW(CREATED, "no-record", "every created client has a record from its command")                                    \
    ROW(CREATED_BYTES, "not-the-record", "replies hold the record byte for byte")                                      \
    ROW(CREATED_AT, "wrong-time", "clients are created at the time of their command")                                  \
    ROW(DUPLICATE, "no-duplicate", "every duplicate is answered with the client of a command with the same value")     \
    ROW(EMAIL_TAKEN, "email-not-taken", "every taken email belongs to the other client that the reply names")          \
    ROW(CONFLICT, "no-conflict", "every conflict has a client that another body created before")                       \
    ROW(RECORD_FORM, "record-form", "every record has the key, the email and the headers of its client")               \
    ROW(RECORD_REPLY, "record-without-reply", "every record was announced by the reply to its source")                 \
    ROW(RECORD_ONCE, "record-doubled", "no client has two records")                                                    \
    ROW(EMAIL_ONCE, "email-doubled", "no email has two clients in a workspace")                                        \
    ROW(DEAD_LETTER_EACH, "no-dead-letter", "every malformed or too large command is a dead letter")                   \
    ROW(DEAD_LETTER_ONCE, "dead-letter-doubled", "no command is two dead letters")                                     \
    ROW(DEAD_LETTER_BYTES, "dead-letter-altered", "dead letters are their commands byte for byte")                     \
    ROW(DEAD_LETTER_KNOWN, "dead-letter-unknown", "every dead letter is such a command")                               \
    ROW(REDIS_RECORD, "not-in-redis", "Redis holds every record")                                                      \
    ROW(REDIS_BYTES, "redis-differs", "records in Redis are those of the topic byte for byte, with source and hash")   \
    ROW(REDIS_EMAIL, "redis-email", "Redis holds every email, for its client")                                         \
    ROW(REDIS_OTHER, "redis-other", "Redis holds no other client or email")

enum check {
#define CHECK_ROW(name, word, sentence) CHECK_##name,
    CHECK_TABLE(CHECK_ROW)
#undef CHECK_ROW
        CHECK_COUNT
};

#define NO_COMMAND (-1L)

/* To be called with the number of commands before the first violation of a command. */
void report_begin(size_t commands);

/* A check for which an input is missing: it is listed, but does not count. */
void report_leave_out(enum check check);
bool report_leaves_out(enum check check);

/* By default the first violations of each check are printed as they are found; not after this call. */
void report_be_quiet(void);

/* Records one violation of a check by a command, given by its index. */
void violation(enum check check, long command, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints one line per check, then "N passed, N failed". Returns how many failed. */
int report_print(void);

/* The words of all checks that a command violates, separated by commas; "ok" if there is none. NO_COMMAND: of the
 * violations that concern no command. Valid until the next call. */
const char *report_words(long command);
bool report_is_ok(long command);

/* The words of all checks, one per line. */
void report_print_words(void);

#endif
