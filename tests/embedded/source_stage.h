/* source_stage: a source on the embedded broker, used directly as the worker uses it, for tests of the source. Each of
 * them includes it once. */
#ifndef TESTS_SOURCE_STAGE_H
#define TESTS_SOURCE_STAGE_H

#include <check.h>
#include <stdio.h>

#include "common/clock.h"
#include "tests/embedded/fixture.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"
#include "worker/source/source.h"

#define STAGE_BATCH_BYTES   (1 << 20)
#define STAGE_COMMAND_BYTES 1024

static struct batch batch;
static struct metrics *metrics;
static struct source *source;

/* And the config, with this further setting, or NULL. */
static void open_broker_with(const char *setting)
{
    char servers[256];
    fixture_open();
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", fixture.broker.address);
    fixture.config = config_read(
        &(struct config_sources){.settings = (const char *const[]){servers, "log.level=warning", setting, NULL}});
    ck_assert_ptr_nonnull(fixture.config);
}

__attribute__((unused)) static void open_broker(void)
{
    open_broker_with(NULL);
}

/* The broker and the config are there. A batch takes `room` commands. */
static void begin_source(uint32_t room)
{
    ck_assert_int_eq(batch_open(&batch, room, STAGE_BATCH_BYTES, STAGE_COMMAND_BYTES), 0);
    metrics = metrics_new();
    ck_assert_ptr_nonnull(metrics);
    source = source_open(fixture.config, 0, &batch, metrics);
    ck_assert_ptr_nonnull(source);
}

/* Also the broker. */
__attribute__((unused)) static void open_source_of(uint32_t room)
{
    open_broker();
    begin_source(room);
}

static void close_source(void)
{
    source_close(source);
    metrics_free(metrics);
    batch_close(&batch);
    fixture_close();
}

/* Fills batches of at most `most` commands until one has some. */
static void fill_batch(uint32_t most)
{
    for (int64_t began = clock_now_ms(); batch.count == 0;) {
        ck_assert_int_eq(source_fill(source, most, 10), 0);
        ck_assert_int_lt(clock_now_ms() - began, FIXTURE_PATIENCE_MS);
    }
}

#endif
