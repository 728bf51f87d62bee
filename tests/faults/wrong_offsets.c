/* wrong_offsets: sends one uncompressed batch of commands, each with an offset in the batch of its own choice, as no
 * client library does. See `usage`. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES 65536 /* most of a request */

static const char usage[] =
    "wrong_offsets HOST PORT TOPIC PARTITION OFFSET=VALUE ...\n"
    "OFFSET is a record's place in its batch, from 0 on if it is right.\n"
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

static void put_record(struct text *text, int64_t offset, const char *value)
{
    static struct text record;
    record.length = 0;
    put_number(&record, 1, 0);
    put_varint(&record, 0); /* the timestamp's */
    put_varint(&record, offset);
    put_varint(&record, -1); /* no key */
    put_varint(&record, (int64_t)strlen(value));
    put(&record, value, strlen(value));
    put_varint(&record, 0); /* headers */
    put_varint(text, (int64_t)record.length);
    put(text, record.at, record.length);
}

static uint32_t crc32c(const unsigned char *at, size_t length)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static void put_batch(struct text *text, char **records, int count)
{
    static struct text body;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    put_number(&body, 2, 0);         /* attributes */
    put_number(&body, 4, count - 1); /* the last offset */
    put_number(&body, 8, now_ms);
    put_number(&body, 8, now_ms);
    put_number(&body, 8, -1); /* no producer id */
    put_number(&body, 2, -1);
    put_number(&body, 4, -1);
    put_number(&body, 4, count);
    for (int i = 0; i < count; i++) {
        char *value;
        int64_t offset = strtoll(records[i], &value, 10);
        if (*value++ != '=')
            give_up("a record is not OFFSET=VALUE");
        put_record(&body, offset, value);
    }
    put_number(text, 8, 0);
    put_number(text, 4, (int64_t)body.length + 9);
    put_number(text, 4, 0);
    put_number(text, 1, 2);
    put_number(text, 4, crc32c(body.at, body.length));
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
    if (count < 6) {
        fputs(usage, stderr);
        return 64;
    }
    const char *topic = arguments[3];
    put_batch(&batch, arguments + 5, count - 5);
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
