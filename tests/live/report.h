/* report: what the oracle checks, one row per sentence, and the breaches that it found. */
#ifndef TESTS_LIVE_REPORT_H
#define TESTS_LIVE_REPORT_H

#define CHECK_TABLE(ROW)                                                                                               \
    ROW(SENT, "every command that was sent is in its topic")                                                           \
    ROW(SETTLED, "no transaction is left open")                                                                        \
    ROW(REPLY_FORM, "every reply is JSON of the contract's form")                                                      \
    ROW(REPLY_EACH, "every command has a reply")                                                                       \
    ROW(REPLY_ONCE, "no command has two replies")                                                                      \
    ROW(REPLY_KNOWN, "every reply answers a command")                                                                  \
    ROW(REPLY_ORDER, "replies of a partition come in the order of its commands")                                       \
    ROW(REPLY_ID, "ce_id is unique")                                                                                   \
    ROW(REPLY_HEADERS, "the headers of a reply agree with its value")                                                  \
    ROW(REPLY_ECHO, "correlation and trace headers come back byte for byte, and only where they were sent")            \
    ROW(REPLY_PLACE, "replies have the key, topic and partition that the command asks for")                            \
    ROW(OUTCOME, "outcomes are those that the sender expects")                                                         \
    ROW(CREATED, "every created client has a record of its command, with the bytes of the reply")                      \
    ROW(DUPLICATE, "every duplicate is answered with the client of a command with the same value")                     \
    ROW(EMAIL_TAKEN, "every taken email belongs to the other client that the reply names")                             \
    ROW(CONFLICT, "every conflict has a client that another body created before")                                      \
    ROW(RECORD_ONCE, "no client has two records")                                                                      \
    ROW(RECORD_REPLY, "every record was announced by the reply to its source")                                         \
    ROW(EMAIL_ONCE, "no email has two clients in a workspace")                                                         \
    ROW(DEAD_LETTER_EACH, "every malformed or too large command is one dead letter, byte for byte")                    \
    ROW(DEAD_LETTER_KNOWN, "every dead letter is such a command")                                                      \
    ROW(REDIS_RECORD, "Redis holds every record, byte for byte, with its source and hash")                             \
    ROW(REDIS_EMAIL, "Redis holds every email")                                                                        \
    ROW(REDIS_OTHER, "Redis holds no other client or email")

enum check {
#define CHECK_ROW(name, sentence) CHECK_##name,
    CHECK_TABLE(CHECK_ROW)
#undef CHECK_ROW
        CHECK_COUNT
};

/* Notes one breach of a check; the first ones are printed. */
void breach(enum check check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints one line per check, then "N passed, N failed". Returns how many failed. */
int report_print(void);

#endif
