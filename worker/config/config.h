/* config: the program's settings. One table (config_table.c) describes every key: section, name, type, range,
 * default. Another (config_kafka.c) holds our defaults for librdkafka. The config is read once and then passed
 * around as const. It owns its texts.
 *
 * The folder worker/config may use worker/model and common. It asks librdkafka to check its settings. */
#ifndef WORKER_CONFIG_CONFIG_H
#define WORKER_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/log.h"
#include "common/must_check.h"

enum delivery_mode { DELIVERY_EXACTLY_ONCE, DELIVERY_AT_LEAST_ONCE };
enum unknown_attributes { UNKNOWN_ATTRIBUTES_REJECT, UNKNOWN_ATTRIBUTES_IGNORE };
enum redis_kind { REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER };
enum redis_tls { REDIS_TLS_OFF, REDIS_TLS_ON };
enum topic_compression { COMPRESSION_NONE, COMPRESSION_PRODUCER };
enum nest_headers { NEST_OFF, NEST_RESULTS, NEST_ERRORS };
enum on_missing { ON_MISSING_REJECT, ON_MISSING_WAIT };

/* The most addresses of redis.address: of Sentinels, or of nodes of a cluster. */
#define REDIS_SENTINELS_MOST     15
#define REDIS_CLUSTER_NODES_MOST 15

/* A setting that goes to librdkafka unchanged. */
struct kafka_setting {
    char *name, *value;
    struct kafka_setting *next;
};

struct text_list {
    char **items;
    size_t count;
};

/* `place`: "FILE:LINE", an environment variable, "--set", or the file's name. */
typedef void config_take_fault(void *listener, const char *place, const char *message);

/* Every source of settings: the file (NULL: none), then the environment, then --set. A later source overrides an
 * earlier one. */
struct config_sources {
    const char *path;
    const char *const *settings;   /* "section.key=value", ended by NULL; or NULL */
    config_take_fault *take_fault; /* gets each error; NULL: it is printed on standard error, "PLACE: message" */
    void *listener;                /* of take_fault */
};

struct config {
    struct {
        char *topic;     /* commands.topic */
        char *workspace; /* for commands that name none; "" for none */
    } commands;
    struct {
        char *topic;
        struct text_list allowed; /* reply topics that a command may name, or patterns with `*` */
        enum nest_headers nest;   /* the headers of NestJS that replies to a topic which the command names have */
        char *source;             /* ce_source */
    } replies;
    struct {
        char *topic;
    } records;
    struct {
        char *topic;
        int64_t retries; /* how often `dead-letters retry` sends one command again, at most */
    } dead_letters;
    struct {
        char *topic;
        enum on_missing on_missing;
        int64_t wait_ms;                       /* longest wait for missing definitions */
        int64_t cache_workspaces, cache_bytes; /* of each thread */
    } definitions;
    struct {
        int64_t partitions, replication;    /* replication -1: the broker's default */
        enum topic_compression compression; /* of the command topic */
    } topics;
    struct {
        int64_t command_bytes;
        int64_t memory_bytes; /* of the commands that all threads hold at once: fetched, in a batch, or postponed */
    } limits;
    struct {
        int64_t commands; /* most commands in a transaction */
        int64_t bytes;    /* most bytes of values in one */
    } batch;
    struct {
        int phone; /* enum phone_level */
        enum unknown_attributes unknown_attributes;
    } validation;
    struct {
        enum delivery_mode mode;
    } delivery;
    struct {
        enum redis_kind kind;
        struct text_list address; /* of the server, one; of the Sentinels, or of some nodes of the cluster, several */
        char *username, *password;
        char *master; /* its name at the Sentinels */
        char *sentinel_username, *sentinel_password;
        int64_t database;
        int64_t timeout_ms;                       /* of connecting and of one round trip */
        enum redis_tls tls;                       /* to the servers and to the Sentinels */
        char *tls_ca, *tls_certificate, *tls_key; /* files; "": the system's authorities, and no client certificate */
        char *tls_name;                           /* "": the address's host */
    } redis;
    struct {
        int64_t threads;
    } worker;
    struct {
        int64_t timeout_ms;
    } shutdown;
    struct {
        char *listen; /* "" turns it off */
    } http;
    struct {
        char *endpoint; /* "" turns traces off */
        char *service;
        struct text_list headers; /* NAME=VALUE */
        char *tls_ca;             /* a file; "": the system's authorities */
        int64_t timeout_ms;       /* of one request */
        int64_t queue;            /* spans */
        int64_t links;            /* of one span, at most */
    } tracing;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
    struct kafka_setting *kafka, *kafka_consumer, *kafka_producer; /* in the order of the file; a later one overrides an
                                                                    * earlier one */
    struct config_sources from; /* where it was read from; the caller owns what it points to */
};

/* New, or NULL after every error was told, with its position. Secrets are never told. */
MUST_CHECK struct config *config_read(const struct config_sources *sources);
void config_free(struct config *config);

/* True if the limits fit the other keys. Otherwise false after the error was told, with the position in `sources`: the
 * values of `config` need not be those there. */
MUST_CHECK bool config_limits_fit(const struct config *config, const struct config_sources *sources);

/* What is left of limits.memory_bytes for postponed commands, in each thread. */
size_t config_held_bytes(const struct config *config);

/* The last value of a librdkafka setting in `specific` (which may be NULL), otherwise in config->kafka, otherwise
 * NULL. */
MUST_CHECK const char *config_kafka(const struct config *config, const struct kafka_setting *specific,
                                    const char *name);

#endif
