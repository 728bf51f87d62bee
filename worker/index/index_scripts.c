#include "worker/index/index_scripts.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#include "common/decimal.h"
#include "worker/redis/redis_redirect.h"

/* The assembler copies the files into the program; their paths are relative to the folder in which make runs. */
#define TEXT_OF(name) ".incbin \"worker/index/" name "\"\n"
// clang-format off
__asm__(".pushsection .rodata\n"
        "script_decision:\n" TEXT_OF("fence.lua") TEXT_OF("decision_script.lua")
        "script_confirm:\n" TEXT_OF("fence.lua") TEXT_OF("confirm_script.lua")
        "script_checkpoint:\n" TEXT_OF("fence.lua") TEXT_OF("checkpoint_script.lua")
        "script_settle:\n" TEXT_OF("fence.lua") TEXT_OF("settle_script.lua")
        "script_release:\n" TEXT_OF("fence.lua") TEXT_OF("release_script.lua")
        "script_claimed:\n" TEXT_OF("claimed_script.lua")
        "script_term:\n" TEXT_OF("term_script.lua")
        "script_restore_begin:\n" TEXT_OF("restore_begin_script.lua")
        "script_restore_write:\n" TEXT_OF("restore_write_script.lua")
        "script_restore_end:\n" TEXT_OF("restore_end_script.lua")
        "script_end:\n"
        ".popsection\n");
// clang-format on

extern const char script_decision[], script_confirm[], script_checkpoint[], script_settle[], script_release[],
    script_claimed[], script_term[], script_restore_begin[], script_restore_write[], script_restore_end[], script_end[];

struct span index_script_text(enum index_script script)
{
    const char *const begins[INDEX_SCRIPTS + 1] = {
        script_decision, script_confirm,       script_checkpoint,    script_settle,      script_release, script_claimed,
        script_term,     script_restore_begin, script_restore_write, script_restore_end, script_end};
    // cppcheck-suppress comparePointers // the assembler puts one right before the other
    return span_of(begins[script], (size_t)(begins[script + 1] - begins[script]));
}

#define SCRIPT_ERROR_BYTES 256

#define NAME_DIGITS ((size_t)2 * SHA_DIGEST_LENGTH)

static char names[INDEX_SCRIPTS][NAME_DIGITS];
static pthread_once_t named = PTHREAD_ONCE_INIT;

static void make_names(void)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    for (enum index_script script = 0; script < INDEX_SCRIPTS; script++) {
        const struct span text = index_script_text(script);
        SHA1((const unsigned char *)text.at, text.length, digest);
        for (size_t i = 0; i < sizeof(digest); i++) {
            names[script][2 * i] = "0123456789abcdef"[digest[i] >> 4];
            names[script][2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
        }
    }
}

struct span index_script_name(enum index_script script)
{
    pthread_once(&named, make_names);
    return span_of(names[script], NAME_DIGITS);
}

void index_script_begin(struct redis_pipeline *pipeline, enum index_script script, enum script_call how, uint32_t keys,
                        uint32_t arguments)
{
    char digits[DECIMAL_BYTES], *end = digits + sizeof(digits);
    const char *begin = decimal_before(end, keys);
    pipeline_command(pipeline, 3 + keys + arguments);
    pipeline_parts(pipeline, how == SCRIPT_BY_NAME ? SPAN("EVALSHA") : SPAN("EVAL"));
    pipeline_parts(pipeline, how == SCRIPT_BY_NAME ? index_script_name(script) : index_script_text(script));
    pipeline_parts(pipeline, span_of(begin, (size_t)(end - begin)));
}

enum script_end index_script_end_of(const redisReply *error)
{
    static const char *const in_script[] = {"non local key", "undeclared keys", "slot not served", "cluster is down"};
    const enum redis_redirect redirect = redis_redirect_of(error);
    if (strncmp(error->str, "NOSCRIPT", strlen("NOSCRIPT")) == 0)
        return SCRIPT_UNLOADED;
    if (redirect == REDIRECT_MOVED || redirect == REDIRECT_ASK || redirect == REDIRECT_TRYAGAIN ||
        redirect == REDIRECT_SLOT_DOWN || redirect == REDIRECT_DOWN)
        return SCRIPT_MOVED;
    for (size_t i = 0; i < sizeof(in_script) / sizeof(in_script[0]); i++)
        if (strstr(error->str, in_script[i]))
            return SCRIPT_MOVED;
    return SCRIPT_FAILED;
}

enum script_end script_fail(struct arena *arena, struct script_failure *failure, enum script_end end, struct span what,
                            struct span text)
{
    failure->what = arena_copy(arena, what);
    failure->text = arena_copy(arena, text);
    return end;
}

struct span index_script_text_at(const redisReply *answer, size_t index)
{
    const redisReply *element = index < answer->elements ? answer->element[index] : NULL;
    return element && element->type == REDIS_REPLY_STRING ? span_of(element->str, element->len) : SPAN_NONE;
}

enum script_end index_script_look(struct arena *arena, const redisReply *answer, struct script_failure *failure)
{
    if (answer->type == REDIS_REPLY_ERROR)
        return script_fail(arena, failure, index_script_end_of(answer), span_of(answer->str, answer->len), SPAN(""));
    if (answer->type == REDIS_REPLY_STRING)
        return SCRIPT_DONE;
    const struct span first = answer->type == REDIS_REPLY_ARRAY ? index_script_text_at(answer, 0) : SPAN_NONE;
    if (!first.at)
        return script_fail(arena, failure, SCRIPT_FAILED, SPAN("an unexpected type of answer"), SPAN(""));
    if (span_equal(first, SPAN("STALE")))
        return script_fail(arena, failure, SCRIPT_STALE, index_script_text_at(answer, 1),
                           index_script_text_at(answer, 2));
    return SCRIPT_DONE;
}

redisReply *index_script_answer(struct redis_pipeline *pipeline, enum script_end *end, struct script_failure *failure)
{
    char error[SCRIPT_ERROR_BYTES];
    redisReply *answer = pipeline_reply(pipeline, error, sizeof(error));
    if (!answer) {
        *end = script_fail(pipeline->arena, failure, SCRIPT_FAILED, span_of_text(error), SPAN(""));
        return NULL;
    }
    *end = index_script_look(pipeline->arena, answer, failure);
    if (*end == SCRIPT_DONE)
        return answer;
    freeReplyObject(answer);
    return NULL;
}
