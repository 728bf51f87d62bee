/* wrong_offsets: sends one batch of commands as no client library does: each has an offset in the batch, and lengths,
 * of its own choice, and the batch may be compressed by gzip in two members. See `usage`. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES 900000 /* most of a request */

static const char usage[] =
    "wrong_offsets [--members BYTES] HOST PORT TOPIC PARTITION OFFSET[:key|:value|:header]=VALUE ...\n"
    "OFFSET is a record's place in its batch, from 0 on if it is right. Of what follows the colon, the length is -2, "
    "which\n"
    "the broker takes for null, as it does any length below 0. --members: the records are compressed by gzip in two\n"
    "members, the first of which ends so many bytes behind the beginning of the last record, or before it if below 0.\n"
    "The batch has the time of the environment's TIMESTAMP_MS, or the present one.\n"
    "Prints where the batch begins. Exit status: 0; 64 usage; 69 if Kafka refuses or is away.\n";

static void give_up(const char *what)
{
    fprintf(stderr, "wrong_offsets: %s\n", what);
    exit(69);
}

struct text {
    unsigned char at[BYTES];
    size_t length;
};

static void put(struct text *text, const void *at, size_t length)
{
    if (text->length + length > BYTES)
        give_up("too long");
    memcpy(text->at + text->length, at, length);
    text->length += length;
}

static void put_number(struct text *text, int bytes, int64_t number)
{
    unsigned char digits[8];
    for (int i = 0; i < bytes; i++)
        digits[i] = (unsigned char)((uint64_t)number >> (8 * (bytes - 1 - i)));
    put(text, digits, (size_t)bytes);
}

static void put_varint(struct text *text, int64_t number)
{
    uint64_t left = number < 0 ? ~((uint64_t)number << 1) : (uint64_t)number << 1;
    for (; left >= 128; left >>= 7)
        put_number(text, 1, (int64_t)(left & 127) | 128);
    put_number(text, 1, (int64_t)left);
}

static void put_string(struct text *text, const char *string)
{
    put_number(text, 2, (int64_t)strlen(string));
    put(text, string, strlen(string));
}

static bool is_word(const char *word, size_t length, const char *other)
{
    return strlen(other) == length && memcmp(word, other, length) == 0;
}

/* *argument: OFFSET[:WORD]=VALUE. */
static void put_record(struct text *text, const char *argument)
{
    static struct text record;
    char *word;
    record.length = 0;
    int64_t offset = strtoll(argument, &word, 10);
    const char *equals = strchr(word, '=');
    if (word == argument || !equals || (*word != ':' && word != equals))
        give_up("a record is not OFFSET[:WORD]=VALUE");
    const char *value = equals + 1;
    word += *word == ':';
    const size_t length = (size_t)(equals - word);
    put_number(&record, 1, 0);
    put_varint(&record, 0); /* the timestamp's */
    put_varint(&record, offset);
    put_varint(&record, is_word(word, length, "key") ? -2 : -1); /* no key */
    if (is_word(word, length, "value")) {
        put_varint(&record, -2);
    } else {
        put_varint(&record, (int64_t)strlen(value));
        put(&record, value, strlen(value));
    }
    if (is_word(word, length, "header")) {
        put_varint(&record, 1);
        put_varint(&record, 1);
        put(&record, "h", 1);
        put_varint(&record, -2);
    } else {
        put_varint(&record, 0);
    }
    put_varint(text, (int64_t)record.length);
    put(text, record.at, record.length);
}

#define CRC32C 0x82f63b78 /* of batches */
#define CRC32  0xedb88320 /* of gzip */

static uint32_t checksum(const unsigned char *at, size_t length, uint32_t polynomial)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ polynomial : crc >> 1;
    }
    return ~crc;
}

static void put_reversed(struct text *text, int bytes, uint32_t number)
{
    for (int i = 0; i < bytes; i++)
        put_number(text, 1, number >> (8 * i) & 255);
}

/* A member of a gzip stream (RFC 1952) in stored blocks (RFC 1951). */
static void put_member(struct text *text, const unsigned char *at, size_t length)
{
    static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    put(text, header, sizeof(header));
    for (size_t from = 0; from == 0 || from < length; from += 65535) {
        const size_t left = length - from, part = left < 65535 ? left : 65535;
        put_number(text, 1, part == left);
        put_reversed(text, 2, (uint32_t)part);
        put_reversed(text, 2, ~(uint32_t)part & 65535);
        put(text, at + from, part);
    }
    put_reversed(text, 4, checksum(at, length, CRC32));
    put_reversed(text, 4, (uint32_t)length);
}

/* members: NULL, or where the first one ends, from the beginning of the last record on. */
static void put_batch(struct text *text, char **records, int count, const char *members)
{
    static struct text body, plain;
    struct timespec now;
    const char *given = getenv("TIMESTAMP_MS");
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = given ? strtoll(given, NULL, 10) : (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    put_number(&body, 2, members ? 1 : 0); /* attributes */
    put_number(&body, 4, count - 1);       /* the last offset */
    put_number(&body, 8, now_ms);
    put_number(&body, 8, now_ms);
    put_number(&body, 8, -1); /* no producer id */
    put_number(&body, 2, -1);
    put_number(&body, 4, -1);
    put_number(&body, 4, count);
    size_t last = 0;
    for (int i = 0; i < count; i++) {
        last = plain.length;
        put_record(&plain, records[i]);
    }
    const size_t cut = members ? last + (size_t)atoll(members) : 0; /* it may be below 0 */
    if (cut > plain.length)
        give_up("a member would end outside of the records");
    if (members) {
        put_member(&body, plain.at, cut);
        put_member(&body, plain.at + cut, plain.length - cut);
    } else {
        put(&body, plain.at, plain.length);
    }
    put_number(text, 8, 0);
    put_number(text, 4, (int64_t)body.length + 9);
    put_number(text, 4, 0);
    put_number(text, 1, 2);
    put_number(text, 4, checksum(body.at, body.length, CRC32C));
    put(text, body.at, body.length);
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        give_up("no such address");
    int connection = socket(found->ai_family, found->ai_socktype, 0);
    if (connection < 0 || connect(connection, found->ai_addr, found->ai_addrlen) != 0)
        give_up("no connection");
    freeaddrinfo(found);
    return connection;
}

static void receive(int connection, unsigned char *at, size_t length)
{
    for (ssize_t got; length > 0; at += got, length -= (size_t)got)
        if ((got = recv(connection, at, length, 0)) <= 0)
            give_up("no answer");
}

int main(int count, char **arguments)
{
    static struct text request, batch, whole;
    static unsigned char answer[BYTES];
    const char *members = NULL;
    if (count > 2 && strcmp(arguments[1], "--members") == 0) {
        members = arguments[2];
        arguments += 2;
        count -= 2;
    }
    if (count < 6) {
        fputs(usage, stderr);
        return 64;
    }
    const char *topic = arguments[3];
    put_batch(&batch, arguments + 5, count - 5, members);
    put_number(&request, 2, 0); /* Produce, version 3 */
    put_number(&request, 2, 3);
    put_number(&request, 4, 1);
    put_string(&request, "wrong_offsets");
    put_number(&request, 2, -1); /* no transaction */
    put_number(&request, 2, -1); /* acks of all */
    put_number(&request, 4, 10000);
    put_number(&request, 4, 1);
    put_string(&request, topic);
    put_number(&request, 4, 1);
    put_number(&request, 4, atoi(arguments[4]));
    put_number(&request, 4, (int64_t)batch.length);
    put(&request, batch.at, batch.length);
    put_number(&whole, 4, (int64_t)request.length);
    put(&whole, request.at, request.length);
    int connection = connect_to(arguments[1], arguments[2]);
    if (send(connection, whole.at, whole.length, 0) != (ssize_t)whole.length)
        give_up("sending failed");
    receive(connection, answer, 4);
    size_t length = (size_t)answer[2] << 8 | answer[3], at = 4 + 4 + 2 + strlen(topic) + 4 + 4;
    if (answer[0] || answer[1] || length < at + 10)
        give_up("an answer that is none");
    receive(connection, answer, length);
    close(connection);
    if (answer[at] || answer[at + 1])
        give_up("refused");
    uint64_t begin = 0;
    for (int i = 0; i < 8; i++)
        begin = begin << 8 | answer[at + 2 + (size_t)i];
    printf("%llu\n", (unsigned long long)begin);
    return 0;
}
