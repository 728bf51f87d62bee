/* letter_sender: the producer of `dead-letters retry`. Commands and the notes about them are one transaction. */
#ifndef WORKER_LETTERS_LETTER_SENDER_H
#define WORKER_LETTERS_LETTER_SENDER_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/letters/letter_command.h"

struct letter_sender;

/* Opens the producer. All retries have one transactional id: from now on another one that is running fails with its
 * next transaction, and what it had not committed is gone. New, or NULL with the reason in `error`. */
MUST_CHECK struct letter_sender *letter_sender_open(const struct config *config, int wait_ms, char *error,
                                                    size_t error_size);
void letter_sender_close(struct letter_sender *sender); /* NULL is allowed */

/* From now on batches of several commands have at most `longest` bytes; 0: what the config says. May open the producer
 * again. False with the reason in `error`. */
MUST_CHECK bool letter_sender_bound(struct letter_sender *sender, int64_t longest, int wait_ms, char *error,
                                    size_t error_size);

enum letter_sending {
    LETTERS_SENT,      /* committed; each command's `to` says where it is */
    LETTERS_TOO_LARGE, /* nothing was sent: the topic or librdkafka takes no command of the size that one of these has.
                          Which one is known only if it is alone: the topic's limit fails a whole request */
    LETTERS_REPEAT,    /* nothing was sent, but another try may succeed: to be sent again. Told a few times in a row at
                          most */
    LETTERS_FAILED,    /* nothing was sent; the reason is in `error` */
    LETTERS_LOST,      /* the same; the connection was lost, and a new sender may send them */
    LETTERS_UNCERTAIN, /* it is not known whether the commit succeeded, and another retry has begun; the reason is in
                          `error` */
    LETTERS_UNANSWERED /* it is not known whether the commit succeeded, since Kafka has not answered; the reason is in
                          `error` */
};

/* Sends the commands and notes that they were retried. After LETTERS_FAILED and all below it the sender is of no more
 * use. */
MUST_CHECK enum letter_sending letter_sender_send(struct letter_sender *sender, struct letter_command *commands,
                                                  size_t count, char *error, size_t error_size);

#endif
