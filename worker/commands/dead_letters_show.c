/* dead-letters show: one letter, for people, or its value byte for byte. */
#include <stdio.h>

#include "common/timestamp.h"
#include "worker/commands/command_dead_letters.h"
#include "worker/definitions/json_line.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/message_headers.h"
#include "worker/letters/letter_log.h"
#include "worker/letters/letter_text.h"

struct showing {
    const struct dead_letters_request *request;
    bool is_found;
};

typedef void take_header(void *listener, struct span name, struct span value);

static void each_header(rd_kafka_message_t *message, take_header *take, void *listener)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        take(listener, message_header_name(name, value), span_of(value, value ? size : 0));
}

/* ---- Text ---- */

static void print_value_of(struct span value)
{
    if (value.at)
        letter_text_print(value, SIZE_MAX, stdout);
    else
        printf("(null)");
    putchar('\n');
}

static void print_header(void *listener, struct span name, struct span value)
{
    (void)listener;
    printf("  ");
    letter_text_print(name, SIZE_MAX, stdout);
    printf(": ");
    print_value_of(value);
}

static void print_text(const struct letter *letter, rd_kafka_message_t *message)
{
    char time[TIME_LENGTH];
    time_text(letter->time_ms, time);
    printf("letter:  %d/%lld\ntime:    %.*s\nkey:     ", (int)letter->place.partition, (long long)letter->place.offset,
           TIME_LENGTH, time);
    print_value_of(letter->key);
    printf("headers:%s\n", letter->headers_are_read ? "" : " they cannot be read");
    each_header(message, print_header, NULL);
    if (!letter->value.at) {
        printf("value:   (null)\n");
        return;
    }
    printf("value, %zu bytes:\n", letter->value.length);
    letter_text_print_lines(letter->value, "  ", stdout);
}

/* ---- JSON ---- */

static void add_header_json(void *listener, struct span name, struct span value)
{
    json_t *headers = listener, *header = json_line_pack("{}");
    letter_text_json_bytes(header, "name", name);
    letter_text_json_bytes(header, "value", value);
    if (json_array_append_new(headers, header) != 0)
        abort();
}

static void print_json(const struct letter *letter, rd_kafka_message_t *message)
{
    char time[TIME_LENGTH];
    time_text(letter->time_ms, time);
    json_t *headers = json_line_pack("[]");
    json_t *row = json_line_pack("{s:i, s:I, s:s%}", "partition", (int)letter->place.partition, "offset",
                                 (json_int_t)letter->place.offset, "time", time, (size_t)TIME_LENGTH);
    letter_text_json_bytes(row, "key", letter->key);
    each_header(message, add_header_json, headers);
    if (json_object_set_new(row, "headers", headers) != 0)
        abort();
    letter_text_json_bytes(row, "value", letter->value);
    json_line_print(row);
}

/* ---- The whole ---- */

static bool take(void *listener, struct letter *letter, rd_kafka_message_t *message)
{
    struct showing *showing = listener;
    const struct dead_letters_request *request = showing->request;
    if (letter->kind == LETTER_NOTE)
        return true;
    showing->is_found = true;
    if (request->raw)
        fwrite(letter->value.at, 1, letter->value.length, stdout);
    else if (request->hex)
        letter_text_print_hex(letter->value, stdout);
    else if (request->json)
        print_json(letter, message);
    else
        print_text(letter, message);
    return true;
}

int dead_letters_show(const struct dead_letters_request *request, const struct config *config)
{
    char error[1024];
    struct showing showing = {.request = request};
    const struct letter_place place = request->places[0];
    struct letter_log *log = letter_log_open(config, KAFKA_CLIENT_WAIT_MS, error, sizeof(error));
    int result = COMMAND_OK;
    if (!log || !letter_log_read(log, place.partition, place.offset, letter_offset_behind(place), take, &showing, error,
                                 sizeof(error)))
        result = dead_letters_complain(error);
    else if (!showing.is_found && letter_log_has_holes(log))
        result = COMMAND_INCOMPLETE;
    else if (!showing.is_found) {
        fprintf(stderr, "client-intake dead-letters: there is no letter at %d/%lld of %s\n", (int)place.partition,
                (long long)place.offset, config->dead_letters.topic);
        result = COMMAND_NEGATIVE;
    }
    letter_log_close(log);
    return result;
}
