/* fixture: everything that a test on the embedded broker needs around the worker. Each test runs in a process of its
 * own (Check forks), has its own broker, its own Redis in a fresh folder, and ends both, also when it fails. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include <librdkafka/rdkafka.h>

#include "common/span.h"
#include "worker/commands/embedded_broker.h"
#include "worker/commands/private_redis.h"
#include "worker/config/config.h"
#include "worker/daemon/worker.h"
#include "worker/daemon/worker_feed.h"

#define FIXTURE_PARTITIONS 3

/* For what comes in a moment where nothing is wrong, however busy the machine is: it only ends a test that has failed.
 */
#define FIXTURE_PATIENCE_MS 120000

struct fixture {
    char folder[512];
    struct embedded_broker broker;
    struct private_redis redis;
    struct config *config;
    struct workers *workers;
    rd_kafka_t *producer;
};

/* The fixture: broker and topics, and Redis with the definitions of config/demo for the workspace "acme". */
extern struct fixture fixture;
void fixture_open(void);
void fixture_open_on(int brokers); /* instead of one */
void fixture_close(void);

/* Starts the worker with these further settings ("section.key=value", ended by NULL) and in the given mode. */
void fixture_start(const char *mode, const char *const *settings);
/* The same with this feed in place of the group's; it must outlive the worker. */
void fixture_start_with(const char *mode, const char *const *settings, const struct worker_feed *feed);

/* Asks for the end and waits; fails the test if it takes longer than shutdown.timeout, as the daemon has it. */
void fixture_stop(void);

/* Gives the workspace the definitions of config/demo. */
void fixture_define(const char *workspace);

/* End Redis, and start a new one at the same address. It is empty except for the definitions. */
void fixture_end_redis(void);
void fixture_begin_redis(void);

/* Sends a command. Key and value with at == NULL are null; `headers` may be NULL; this function owns it. */
void fixture_send(int32_t partition, struct span key, struct span value, rd_kafka_headers_t *headers);

/* A valid command for "acme" with this number in its id and email. */
void fixture_send_valid(int32_t partition, int number);

/* The same for partition 0, and it asks for its reply in this topic. */
void fixture_send_naming(const char *topic, int number);

/* Reads a topic from its beginning until there are `count` messages (then waits a little for one too many), or until
 * a time limit ends. Returns how many came; the first `count` are in `messages`, to be destroyed by fixture_forget. */
size_t fixture_read(const char *topic, rd_kafka_message_t **messages, size_t count);

/* Reads a topic to the end that it has now. Returns how many messages there are, at most `capacity`; as above. */
size_t fixture_read_all(const char *topic, rd_kafka_message_t **messages, size_t capacity);

/* Ends the reading and destroys what it gave. */
void fixture_forget(rd_kafka_message_t **messages, size_t count);

/* Members of a reply: its error code or "created"; where it came from. The text is valid until the next call. */
const char *reply_verdict(const rd_kafka_message_t *message);
void reply_source(const rd_kafka_message_t *message, int32_t *partition, int64_t *offset);

/* The value of a header, at == NULL if there is none or it is null. */
struct span message_header(const rd_kafka_message_t *message, const char *name);

#endif
