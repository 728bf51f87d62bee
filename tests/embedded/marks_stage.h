/* marks_stage: an index_stage with somebody who meddles with Redis at a chosen moment, and looks at what it holds, for
 * the tests of the index's marks. Each of them includes it once. */
#ifndef TESTS_MARKS_STAGE_H
#define TESTS_MARKS_STAGE_H

#include "common/clock.h"
#include "common/failpoint.h"
#include "tests/embedded/index_stage.h"
#include "tests/embedded/side_by_side.h"

#define CLAIMED_0    "client-intake:claimed:clients.commands/0"
#define CHECKPOINT_0 "client-intake:checkpoint:clients.commands/0"
#define RAISE_0      "SETRANGE " CHECKPOINT_0 " 2 9" /* its highest offset */

/* ---- meddling ---- */

/* The command that is run on the second connection when the index's work comes to `when`; NULL: none. */
static enum failpoint when;
static const char *what;
static unsigned claim_runs; /* how often the index was about to claim */

void failpoint(enum failpoint point)
{
    claim_runs += point == FAILPOINT_BEFORE_CLAIM;
    if (!what || point != when)
        return;
    freeReplyObject(redisCommand(aside, what));
    what = NULL;
}

/* Runs the command on the second connection, now. */
__attribute__((unused)) static void interfere(const char *command)
{
    redisReply *reply = redisCommand(aside, command);
    ck_assert_msg(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", command, reply ? reply->str : aside->errstr);
    freeReplyObject(reply);
}

/* Runs the command when the index comes to this point for the next time. `command` stays the caller's. */
__attribute__((unused)) static void interfere_at(enum failpoint point, const char *command)
{
    when = point;
    what = command;
}

/* ---- commands ---- */

/* Adds a command of partition 0 that its check has accepted; its id names the client, too. */
__attribute__((unused)) static void put_valid(int64_t offset, const char *id, const char *email)
{
    put(&(struct command){0, offset, id, id, email});
}

/* Claims for one valid command, in a batch of its own. Returns what index_claim does. */
__attribute__((unused)) static bool claims(int64_t offset, const char *id)
{
    char email[64];
    snprintf(email, sizeof(email), "%s@example.com", id);
    batch_reset(&batch);
    put_valid(offset, id, arena_format(&batch.arena, "%s%c", email, '\0').at);
    return index_claim(the_index, &batch);
}

/* Claims and commits one command of a partition. */
__attribute__((unused)) static void answer(int32_t partition, int64_t offset, const char *id)
{
    struct offsets record_ends = {0};
    batch_reset(&batch);
    put(&(struct command){partition, offset, id, id, arena_format(&batch.arena, "%s@example.com%c", id, '\0').at});
    ck_assert(index_claim(the_index, &batch) && index_confirm(the_index, &batch));
    index_checkpoint(the_index, &batch, &record_ends, 77 + offset);
    ck_assert(index_is_verified(the_index));
}

/* ---- what is in Redis ---- */

/* True if Redis has a key of this pattern. */
__attribute__((unused)) static bool exists(const char *pattern)
{
    redisReply *keys = redisCommand(aside, "KEYS %s", pattern);
    bool some = keys->elements > 0;
    freeReplyObject(keys);
    return some;
}

/* True if the key has this value. */
__attribute__((unused)) static bool holds(const char *key, const char *value)
{
    redisReply *reply = redisCommand(aside, "GET %s", key);
    bool same = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, value) == 0;
    freeReplyObject(reply);
    return same;
}

/* True if the partition has a checkpoint of this head and these ends of the record topic, and of the present time. */
__attribute__((unused)) static bool has_checkpoint(int32_t partition, const char *head, const char *record_ends)
{
    redisReply *reply = redisCommand(aside, "GET client-intake:checkpoint:clients.commands/%d", (int)partition);
    size_t length = strlen(head);
    bool same =
        reply->type == REDIS_REPLY_STRING && strncmp(reply->str, head, length) == 0 && reply->str[length] == ',';
    char *end = NULL;
    same = same && llabs(strtoll(reply->str + length + 1, &end, 10) - clock_wall_ms()) < 60000;
    same = same && *end == ' ' && strcmp(end + 1, record_ends) == 0;
    freeReplyObject(reply);
    return same;
}

/* Expects that the index distrusts Redis, and that nothing is claimed there, nor the first command decided. */
__attribute__((unused)) static void expect_nothing_claimed(void)
{
    ck_assert(!index_is_verified(the_index));
    ck_assert(!exists("client:*") && !exists("client-email:*"));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
}

/* A new test case of the suite. Each of its tests has a trusted index on a Redis of its own. */
static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, redis_open, redis_close);
    suite_add_tcase(suite, tcase);
    return tcase;
}

#endif
