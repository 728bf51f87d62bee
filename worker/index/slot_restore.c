#include "worker/index/slot_restore.h"

#include <string.h>

#include "common/decimal.h"

static void write_number(struct redis_pipeline *pipeline, int64_t number)
{
    char text[DECIMAL_BYTES], *end = text + sizeof(text);
    const char *begin = decimal_before(end, number);
    pipeline_parts(pipeline, span_of(begin, (size_t)(end - begin)));
}

/* ---- the beginning ---- */

void slot_restore_send_begin(struct redis_pipeline *pipeline, const struct slot_restore *restore, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_RESTORE_BEGIN, how, 2, 4);
    pipeline_parts(pipeline, restore->key);
    pipeline_parts(pipeline, restore->key, SPAN(":none"));
    pipeline_parts(pipeline, restore->before);
    pipeline_parts(pipeline, restore->token);
    write_number(pipeline, SLOT_RESTORE_LIFE_MS);
    pipeline_parts(pipeline, restore->topic);
}

static enum script_end fail_unexpected(struct arena *arena, struct script_failure *failure)
{
    return script_fail(arena, failure, SCRIPT_FAILED, SPAN("an unexpected type of answer"), SPAN(""));
}

/* The first element of a list, at == NULL if the answer is none; the failure is filled then. */
static struct span word_of(struct arena *arena, const redisReply *answer, enum script_end *end,
                           struct script_failure *failure)
{
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    *end = index_script_look(arena, answer, failure);
    if (*end != SCRIPT_DONE)
        return SPAN_NONE;
    const struct span word = answer->type == REDIS_REPLY_ARRAY ? index_script_text_at(answer, 0) : SPAN_NONE;
    if (!word.at)
        *end = fail_unexpected(arena, failure);
    return word;
}

enum script_end slot_restore_take_begun(struct arena *arena, const redisReply *answer, enum slot_begun *begun,
                                        struct script_failure *failure)
{
    static const char *const words[] = {
        [SLOT_BEGUN] = "BEGUN", [SLOT_BUSY] = "BUSY", [SLOT_CHANGED] = "CHANGED", [SLOT_FOREIGN] = "FOREIGN"};
    enum script_end end;
    const struct span word = word_of(arena, answer, &end, failure);
    if (end != SCRIPT_DONE)
        return end;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!span_equal(word, span_of_text(words[i])))
            continue;
        *begun = (enum slot_begun)i;
        return SCRIPT_DONE;
    }
    return fail_unexpected(arena, failure);
}

/* ---- clients and keys ---- */

void slot_restore_send_write(struct redis_pipeline *pipeline, const struct slot_restore *restore,
                             const struct slot_client *clients, uint32_t client_count,
                             const struct slot_change *changes, uint32_t change_count, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_RESTORE_WRITE, how, 1 + 2 * client_count + change_count,
                       3 + client_count + change_count);
    pipeline_parts(pipeline, restore->key);
    for (uint32_t i = 0; i < client_count; i++) {
        pipeline_parts(pipeline, clients[i].key);
        pipeline_parts(pipeline, clients[i].email_key);
    }
    for (uint32_t i = 0; i < change_count; i++)
        pipeline_parts(pipeline, changes[i].key);
    pipeline_parts(pipeline, restore->token);
    write_number(pipeline, SLOT_RESTORE_LIFE_MS);
    write_number(pipeline, client_count);
    for (uint32_t i = 0; i < client_count; i++)
        pipeline_argument(pipeline, clients[i].value, clients[i].value_parts);
    for (uint32_t i = 0; i < change_count; i++)
        pipeline_parts(pipeline, changes[i].value);
}

enum script_end slot_restore_take_written(struct arena *arena, const redisReply *answer, bool *was_there,
                                          uint32_t client_count, struct script_failure *failure)
{
    enum script_end end;
    const struct span word = word_of(arena, answer, &end, failure);
    memset(was_there, 0, client_count * sizeof(*was_there));
    if (end != SCRIPT_DONE)
        return end;
    bool ok = span_equal(word, SPAN("WRITTEN"));
    for (size_t i = 1; i < answer->elements && ok; i++) {
        const redisReply *number = answer->element[i];
        ok = number->type == REDIS_REPLY_INTEGER && number->integer >= 1 && number->integer <= client_count;
        if (ok)
            was_there[number->integer - 1] = true;
    }
    return ok ? SCRIPT_DONE : fail_unexpected(arena, failure);
}

/* ---- the end ---- */

void slot_restore_send_end(struct redis_pipeline *pipeline, const struct slot_restore *restore, struct span epoch,
                           struct span shard, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_RESTORE_END, how, 1, 4);
    pipeline_parts(pipeline, restore->key);
    pipeline_parts(pipeline, restore->token);
    pipeline_parts(pipeline, epoch);
    pipeline_parts(pipeline, shard);
    pipeline_parts(pipeline, restore->topic);
}

enum script_end slot_restore_take_ended(struct arena *arena, const redisReply *answer, struct script_failure *failure)
{
    enum script_end end;
    const struct span word = word_of(arena, answer, &end, failure);
    return end != SCRIPT_DONE || span_equal(word, SPAN("ENDED")) ? end : fail_unexpected(arena, failure);
}
