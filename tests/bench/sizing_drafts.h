/* sizing_drafts: the commands of a crowd as the worker has them when it comes to the index: decoded, checked and
 * composed by the program's own code, so what they take in Redis is what clients take there. */
#ifndef TESTS_BENCH_SIZING_DRAFTS_H
#define TESTS_BENCH_SIZING_DRAFTS_H

#include "tests/bench/sizing_crowd.h"
#include "worker/config/config.h"
#include "worker/model/batch.h"

struct json_parser;

struct sizing_drafts {
    const struct config *config;
    const struct sizing_crowd *crowd;
    int32_t partitions; /* of the command topic; a workspace has one */
    struct definitions *definitions;
    struct json_parser *parser;
    char *messages; /* what librdkafka would hold */
    struct batch batch;
};

/* For batches of up to `most` commands. `config` and `crowd` must outlive it. Ends the program if it fails. */
void sizing_drafts_open(struct sizing_drafts *drafts, const struct config *config, const struct sizing_crowd *crowd,
                        int32_t partitions, uint32_t most);
void sizing_drafts_close(struct sizing_drafts *drafts);

/* Fills drafts->batch with the commands that create the clients from `first` on. All are valid and undecided. */
void sizing_drafts_fill(struct sizing_drafts *drafts, int64_t first, uint32_t count);

/* The lengths of the two keys that the index writes for a draft, and of their values. */
struct sizing_lengths {
    size_t client_key, client, email_key, email;
};
struct sizing_lengths sizing_drafts_lengths(const struct item *item);

#endif
