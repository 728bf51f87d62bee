#include "worker/index/term.h"

#include "worker/redis/redis_fence_keys.h"

/* The digits of a term's number; "0" if the text is no term. Another program may have written more of them than a
 * number has. */
static struct span number_of(struct span term)
{
    size_t digits = 0;
    while (digits < term.length && term.at[digits] >= '0' && term.at[digits] <= '9')
        digits++;
    return digits > 0 && digits <= 19 ? span_of(term.at, digits) : SPAN("0");
}

void term_send_take(struct redis_pipeline *pipeline, struct span place, struct span refused,
                    const char nonce[EPOCH_LENGTH], enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_TERM, how, 1, 2);
    pipeline_parts(pipeline, TERM_KEY(place));
    pipeline_parts(pipeline, number_of(refused));
    pipeline_parts(pipeline, span_of(nonce, EPOCH_LENGTH));
}

enum script_end term_take(struct arena *arena, const redisReply *answer, struct term *term,
                          struct script_failure *failure)
{
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    const enum script_end end = index_script_look(arena, answer, failure);
    if (end != SCRIPT_DONE)
        return end;
    if (answer->type != REDIS_REPLY_STRING || answer->len >= sizeof(term->text))
        return script_fail(arena, failure, SCRIPT_FAILED, SPAN("an unexpected type of answer"), SPAN(""));
    memcpy(term->text, answer->str, answer->len + 1);
    return SCRIPT_DONE;
}

/* The next answer. New; NULL with *failure filled if the connection failed. */
static redisReply *next_answer(struct redis_pipeline *pipeline, struct script_failure *failure)
{
    char error[256];
    redisReply *answer = pipeline_reply(pipeline, error, sizeof(error));
    if (!answer)
        (void)script_fail(pipeline->arena, failure, SCRIPT_FAILED, span_of_text(error), SPAN(""));
    return answer;
}

enum script_end term_receive(struct redis_pipeline *pipeline, struct term *term, struct script_failure *failure)
{
    redisReply *answer = next_answer(pipeline, failure);
    const enum script_end end = answer ? term_take(pipeline->arena, answer, term, failure) : SCRIPT_FAILED;
    freeReplyObject(answer);
    return end;
}

void term_send_ask(struct redis_pipeline *pipeline, struct span place)
{
    pipeline_read_parts(pipeline, TERM_BYTES, TERM_KEY(place));
}

enum script_end term_take_same(struct arena *arena, const redisReply *answer, const struct term *term,
                               struct script_failure *failure)
{
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    const enum script_end end = index_script_look(arena, answer, failure);
    /* Another program has made something else of the key. */
    if (redis_is_wrong_type(answer))
        return SCRIPT_STALE;
    if (end != SCRIPT_DONE)
        return end;
    if (answer->type != REDIS_REPLY_STRING || !span_equal(span_of(answer->str, answer->len), span_of_text(term->text)))
        return script_fail(arena, failure, SCRIPT_STALE, SPAN("term"), span_of(answer->str, answer->len));
    return SCRIPT_DONE;
}

enum script_end term_receive_same(struct redis_pipeline *pipeline, const struct term *term,
                                  struct script_failure *failure)
{
    redisReply *answer = next_answer(pipeline, failure);
    const enum script_end end = answer ? term_take_same(pipeline->arena, answer, term, failure) : SCRIPT_FAILED;
    freeReplyObject(answer);
    return end;
}
