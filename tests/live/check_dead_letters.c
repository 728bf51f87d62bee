/* Checks that exactly the commands that cannot be parsed are dead letters, and that their bytes are unchanged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/observations.h"
#include "tests/live/report.h"

static bool is_dead(const struct answer *answer)
{
    return answer->is_given &&
           (strcmp(answer->outcome, "malformed_json") == 0 || strcmp(answer->outcome, "too_large") == 0);
}

static long long header_number(const struct message *message, const char *name)
{
    struct bytes value = message_header(message, name);
    char digits[32];
    snprintf(digits, sizeof(digits), "%.*s", (int)value.length, value.at ? value.at : "");
    char *end;
    long long number = strtoll(digits, &end, 10);
    return digits[0] && !*end ? number : -1;
}

/* Index of the command whose position the dlq- headers give, or NO_COMMAND. */
static long dead_letter_source(const struct history *commands, const struct message *letter)
{
    if (!bytes_are(message_header(letter, "dlq-topic"), commands->topic))
        return NO_COMMAND;
    return history_find(commands, header_number(letter, "dlq-partition"), header_number(letter, "dlq-offset"));
}

/* The headers of the command come first, unchanged, and then the six that begin with dlq-. */
static bool same_headers(const struct message *command, const struct message *letter)
{
    size_t length = command->headers.length;
    return letter->header_count == command->header_count + 6 && letter->headers.length >= length &&
           (length == 0 || memcmp(letter->headers.at, command->headers.at, length) == 0);
}

static void check_letter(const struct message *command, long index, const struct answer *answer,
                         const struct message *letter)
{
    if (!bytes_equal(command->key, letter->key) || !bytes_equal(command->value, letter->value) ||
        !same_headers(command, letter))
        violation(CHECK_DEAD_LETTER_BYTES, index, "%s is not %s byte for byte", place(letter), place(command));
    if (!bytes_are(message_header(letter, "dlq-code"), answer->outcome) ||
        header_number(letter, "dlq-timestamp") != command->timestamp || !message_header(letter, "dlq-message").length)
        violation(CHECK_DEAD_LETTER_BYTES, index, "%s: dlq-code, dlq-timestamp or dlq-message", place(letter));
}

void check_dead_letters(const struct observations *observations)
{
    const struct history *commands = &observations->commands, *letters = &observations->dead_letters;
    unsigned char *seen = calloc(commands->count + 1, 1);
    for (size_t i = 0; i < letters->count; i++) {
        const struct message *letter = letters->messages[i];
        long index = dead_letter_source(commands, letter);
        if (index < 0 || !is_dead(&observations->answers[index])) {
            violation(CHECK_DEAD_LETTER_KNOWN, index, "%s", place(letter));
            continue;
        }
        if (seen[index])
            violation(CHECK_DEAD_LETTER_ONCE, index, "%s is one twice", place(commands->messages[index]));
        seen[index] = 1;
        check_letter(commands->messages[index], index, &observations->answers[index], letter);
        check_committed(observations, index, letter);
    }
    for (size_t i = 0; i < commands->count; i++)
        if (is_dead(&observations->answers[i]) && !seen[i])
            violation(CHECK_DEAD_LETTER_EACH, (long)i, "%s is none", place(commands->messages[i]));
    free(seen);
}
