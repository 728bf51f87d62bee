/* index_stage: an index on a private Redis, and commands as check leaves them, for the tests of the index. Each of them
 * includes it once. */
#ifndef TESTS_INDEX_STAGE_H
#define TESTS_INDEX_STAGE_H

#include <check.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/folder.h"
#include "common/stop.h"
#include "worker/commands/private_redis.h"
#include "worker/index/index.h"

#define TOPIC "clients.commands"

static char folder[512];
static struct private_redis redis;
static struct config *config;
static struct index *the_index;
static struct batch batch;
static redisContext *aside; /* a second connection, for looking and meddling */

static void redis_open(void)
{
    char why[256], address[640];
    stop_on_signals();
    ck_assert(folder_make_temporary("client-intake-index", folder, sizeof(folder)));
    ck_assert_msg(private_redis_start(&redis, folder, why, sizeof(why)), "%s", why);
    snprintf(address, sizeof(address), "redis.address=%s", redis.address);
    const char *settings[] = {address, "log.level=error", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    the_index = index_open(config);
    ck_assert(index_connect(the_index) && index_trust(the_index, 8));
    ck_assert_int_eq(batch_open(&batch, 100, 1 << 20, 1 << 16), 0);
    aside = redisConnectUnix(redis.address + strlen("unix:"));
    ck_assert_int_eq(aside->err, 0);
}

static void redis_close(void)
{
    redisFree(aside);
    batch_close(&batch);
    index_close(the_index);
    config_free(config);
    private_redis_stop(&redis);
    folder_remove(folder);
}

/* A command as check leaves it: `id` names the client, `body` stands for its bytes. */
struct command {
    int32_t partition;
    int64_t offset;
    const char *id;
    const char *body;
    const char *email; /* NULL: refused by its check */
};

static __attribute__((unused)) void put(const struct command *command)
{
    struct item *item = &batch.items[batch.count++];
    *item = (struct item){.from = {TOPIC, command->partition, command->offset, 0},
                          .workspace = SPAN("acme"),
                          .command_id = span_of_text(command->id),
                          .has_identity = true};
    item->position = position_text(&item->from, &batch.arena);
    memset(item->client_id, '0', CLIENT_ID_LENGTH);
    memcpy(item->client_id, command->id, strlen(command->id));
    memset(item->hash, '0', HASH_LENGTH);
    memcpy(item->hash, command->body, strlen(command->body));
    if (!command->email) {
        item_reject(item, ERROR_VALIDATION_FAILED, SPAN("1 value is not valid"));
        return;
    }
    item->email_key = span_of_text(command->email);
    item->record = arena_format(&batch.arena, "{\"id\":\"%s\",\"body\":\"%s\",\"source\":%d,\"email\":\"%s\"}",
                                command->id, command->body, (int)command->offset, command->email);
}

#endif
