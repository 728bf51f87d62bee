/* acl: grants and revokes rights at a Kafka broker. See `usage`.
 *
 * It speaks Kafka's protocol itself: before 2.3 librdkafka cannot name a transactional id, and the broker's own tool is
 * not among the jars that the tests bring. */
#include <arpa/inet.h>
#include <endian.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "acl HOST:PORT grant|revoke PRINCIPAL RESOURCE:NAME:OPERATION ...\n"
    "\n"
    "  RESOURCE   topic, group, cluster or transactional-id\n"
    "  NAME       with * at its end: all that begin so\n"
    "  OPERATION  read, write, create, describe or describe-configs\n"
    "One right after the other, each once the broker goes by the one before; ends with 1 and the\n"
    "reason at the first that is refused, and at one that is to be revoked and was not there.\n";

/* Kafka's protocol: keys of requests, and what the numbers of org.apache.kafka.common.resource and .acl mean. */
enum { DESCRIBE_ACLS = 29, CREATE_ACLS = 30, DELETE_ACLS = 31, VERSION = 1, LITERAL = 3, PREFIXED = 4, ALLOW = 3 };

#define AWAIT_SECONDS 30

struct word {
    const char *text;
    int8_t number;
};
static const struct word resources[] = {{"topic", 2}, {"group", 3}, {"cluster", 4}, {"transactional-id", 5}, {NULL, 0}};
static const struct word operations[] = {
    {"read", 3}, {"write", 4}, {"create", 5}, {"describe", 8}, {"describe-configs", 10}, {NULL, 0}};

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "acl: %s: %s\n", what, detail);
    exit(1);
}

static int8_t number_of(const struct word *words, const char *text)
{
    for (; words->text; words++)
        if (text && strcmp(words->text, text) == 0)
            return words->number;
    fputs(usage, stderr);
    exit(64);
}

/* ---- bytes ---- */

struct bytes {
    unsigned char at[4096];
    size_t size, read;
};

static void put(struct bytes *bytes, const void *from, size_t size)
{
    if (bytes->size + size > sizeof(bytes->at))
        fail("request", "too long");
    memcpy(bytes->at + bytes->size, from, size);
    bytes->size += size;
}

static void put_byte(struct bytes *bytes, int8_t value)
{
    put(bytes, &value, 1);
}

static void put_short(struct bytes *bytes, uint16_t value)
{
    put(bytes, &(uint16_t){htobe16(value)}, 2);
}

static void put_int(struct bytes *bytes, uint32_t value)
{
    put(bytes, &(uint32_t){htobe32(value)}, 4);
}

static void put_text(struct bytes *bytes, const char *text)
{
    put_short(bytes, (uint16_t)strlen(text));
    put(bytes, text, strlen(text));
}

static uint32_t take(struct bytes *bytes, size_t size)
{
    uint32_t value = 0;
    if (bytes->read + size > bytes->size)
        fail("response", "cut off");
    for (; size > 0; size--)
        value = value << 8 | bytes->at[bytes->read++];
    return value;
}

/* ---- the broker ---- */

static int broker_connect(char *address)
{
    char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (!colon)
        fail(address, "is not HOST:PORT");
    *colon = '\0';
    if (getaddrinfo(address, colon + 1, &hints, &found) != 0)
        fail(address, "is not known");
    int broker = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
    if (broker < 0 || connect(broker, found->ai_addr, found->ai_addrlen) != 0)
        fail(address, "cannot be reached");
    freeaddrinfo(found);
    return broker;
}

static void broker_ask(int broker, struct bytes *request, struct bytes *response)
{
    uint32_t size = htobe32((uint32_t)request->size), got = 0;
    if (write(broker, &size, 4) != 4 || write(broker, request->at, request->size) != (ssize_t)request->size)
        fail("request", "not sent");
    if (recv(broker, &got, 4, MSG_WAITALL) != 4 || be32toh(got) > sizeof(response->at))
        fail("response", "none, or too long");
    response->size = be32toh(got);
    response->read = 0;
    if (recv(broker, response->at, response->size, MSG_WAITALL) != (ssize_t)response->size)
        fail("response", "cut off");
}

/* ---- rights ---- */

/* A right and a filter that finds it have the same form. */
static void put_right(struct bytes *request, const char *principal, const char *right)
{
    char *copy = strdup(right), *rest = copy;
    const char *resource = strsep(&rest, ":"), *name = strsep(&rest, ":"), *operation = strsep(&rest, ":");
    size_t length = name ? strlen(name) : 0;
    bool prefixed = length > 1 && name[length - 1] == '*';
    put_byte(request, number_of(resources, resource));
    put_short(request, (uint16_t)(length - prefixed));
    put(request, name ? name : "", length - prefixed);
    put_byte(request, prefixed ? PREFIXED : LITERAL);
    put_text(request, principal);
    put_text(request, "*"); /* from any host */
    put_byte(request, number_of(operations, operation));
    put_byte(request, ALLOW);
    free(copy);
}

static void put_header(struct bytes *request, int key)
{
    put_short(request, (uint16_t)key);
    put_short(request, VERSION);
    put_int(request, 1); /* correlation */
    put_text(request, "acl");
}

static void pass_over_text(struct bytes *response)
{
    for (int16_t left = (int16_t)take(response, 2); left > 0; left--) /* -1: there is none */
        take(response, 1);
}

/* Whether the broker goes by the right: it answers with what it asks itself. */
static bool is_in_force(int broker, const char *principal, const char *right)
{
    struct bytes request = {0}, response;
    put_header(&request, DESCRIBE_ACLS);
    put_right(&request, principal, right);
    broker_ask(broker, &request, &response);
    take(&response, 4); /* correlation */
    take(&response, 4); /* throttle time */
    if (take(&response, 2) != 0)
        fail(right, "cannot be asked for");
    pass_over_text(&response);
    return take(&response, 4) > 0;
}

static void await_in_force(int broker, bool wanted, const char *principal, const char *right)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (time_t deadline = time(NULL) + AWAIT_SECONDS; is_in_force(broker, principal, right) != wanted;
         nanosleep(&pause, NULL))
        if (time(NULL) > deadline)
            fail(right, "the broker does not go by it");
}

static void change(int broker, bool grant, const char *principal, const char *right)
{
    struct bytes request = {0}, response;
    put_header(&request, grant ? CREATE_ACLS : DELETE_ACLS);
    put_int(&request, 1);
    put_right(&request, principal, right);
    broker_ask(broker, &request, &response);
    take(&response, 4); /* correlation */
    take(&response, 4); /* throttle time */
    uint32_t results = take(&response, 4), code = take(&response, 2);
    if (results != 1 || code != 0) {
        char text[48];
        snprintf(text, sizeof(text), "refused with error %d", (int16_t)code);
        fail(right, text);
    }
    if (grant)
        return;
    pass_over_text(&response);
    if (take(&response, 4) == 0)
        fail(right, "was not granted");
}

int main(int count, char **arguments)
{
    bool grant = count > 2 && strcmp(arguments[2], "grant") == 0;
    if (count < 5 || (!grant && strcmp(arguments[2], "revoke") != 0)) {
        fputs(usage, stderr);
        return 64;
    }
    int broker = broker_connect(arguments[1]);
    for (int i = 4; i < count; i++) {
        change(broker, grant, arguments[3], arguments[i]);
        await_in_force(broker, grant, arguments[3], arguments[i]);
    }
    close(broker);
    return 0;
}
