#include "worker/replay/comparison.h"

#include <string.h>

#include "common/json_writer.h"

#define PAIRS_DEPTH 2

_Static_assert(ERROR_COMMAND_ID_CONFLICT + 1 == ERROR_REQUIRED, "errors of commands come before those of values");

const char *replay_class_text(enum replay_class class)
{
    static const char *const texts[] = {
#define CLASS_ROW(name, text, meaning) text,
        CLASS_TABLE(CLASS_ROW)
#undef CLASS_ROW
    };
    return texts[class];
}

const char *replay_class_meaning(enum replay_class class)
{
    static const char *const meanings[] = {
#define CLASS_ROW(name, text, meaning) meaning,
        CLASS_TABLE(CLASS_ROW)
#undef CLASS_ROW
    };
    return meanings[class];
}

/* ---- Verdicts ---- */

const char *verdict_text(uint32_t verdict)
{
    switch (verdict) {
    case VERDICT_NONE:
        return "";
    case VERDICT_CREATED:
        return "created";
    case VERDICT_DUPLICATE:
        return "duplicate";
    default:
        return verdict == VERDICT_REJECTED ? "" : error_row((enum error)(verdict - VERDICT_REJECTED))->code;
    }
}

uint32_t verdict_of_reply(const struct recorded_reply *reply)
{
    if (!reply)
        return VERDICT_NONE;
    if (reply->kind == RECORDED_REJECTED)
        return VERDICT_REJECTED + reply->error;
    return reply->kind == RECORDED_DUPLICATE ? VERDICT_DUPLICATE : VERDICT_CREATED;
}

uint32_t verdict_of_item(const struct item *item)
{
    return item->outcome == OUTCOME_REJECTED ? VERDICT_REJECTED + item->error : VERDICT_CREATED;
}

/* ---- Changes of errors ---- */

/* A list of pairs of path and code. */
struct pairs {
    struct json_document document;
    uint32_t next; /* node of the next pair */
    bool *matched; /* by node: the other side has it */
};

static bool pairs_open(struct pairs *pairs, struct span text, struct json_parser *parser, struct arena *arena)
{
    struct json_fault fault;
    char *copy = arena_alloc(arena, text.length + JSON_PADDING);
    memcpy(copy, text.at, text.length);
    if (!json_parse(parser, copy, text.length, PAIRS_DEPTH, arena, &pairs->document, &fault))
        return false;
    pairs->matched = memset(arena_alloc(arena, pairs->document.count), 0, pairs->document.count);
    pairs->next = 1;
    return true;
}

static struct span pair_path(const struct pairs *pairs, uint32_t pair)
{
    return json_text(&pairs->document, pair + 1);
}

static struct span pair_code(const struct pairs *pairs, uint32_t pair)
{
    return json_text(&pairs->document, pair + 2);
}

/* The next pair that is not matched, or 0. */
static uint32_t pairs_unmatched(struct pairs *pairs)
{
    const struct json_node *nodes = pairs->document.nodes;
    while (pairs->next < nodes[0].next) {
        const uint32_t pair = pairs->next;
        pairs->next = nodes[pair].next;
        if (!pairs->matched[pair])
            return pair;
    }
    return 0;
}

/* The first unmatched pair with this path, and with this code if that is not null; or 0. */
static uint32_t pairs_find(const struct pairs *pairs, struct span path, struct span code)
{
    const struct json_node *nodes = pairs->document.nodes;
    for (uint32_t pair = 1; pair < nodes[0].next; pair = nodes[pair].next)
        if (!pairs->matched[pair] && span_equal(pair_path(pairs, pair), path) &&
            (!code.at || span_equal(pair_code(pairs, pair), code)))
            return pair;
    return 0;
}

static void add_change(struct json_difference ***end, struct span path, struct span then, struct span now,
                       struct arena *arena)
{
    struct json_difference *change = arena_alloc(arena, sizeof(*change));
    *change = (struct json_difference){.path = path,
                                       .then = then.at ? json_string_of(arena, then) : SPAN_NONE,
                                       .now = now.at ? json_string_of(arena, now) : SPAN_NONE};
    **end = change;
    *end = &change->next;
}

/* Pairs that both sides have are no change. */
static void match_equal_pairs(struct pairs *then, struct pairs *now)
{
    const struct json_node *nodes = then->document.nodes;
    for (uint32_t pair = 1; pair < nodes[0].next; pair = nodes[pair].next) {
        const uint32_t other = pairs_find(now, pair_path(then, pair), pair_code(then, pair));
        if (other == 0)
            continue;
        then->matched[pair] = true;
        now->matched[other] = true;
    }
}

bool error_changes(struct span then, struct span now, struct json_parser *parser, struct arena *arena,
                   struct json_difference **changes)
{
    struct pairs left, right;
    struct json_difference **end = changes;
    *changes = NULL;
    if (!pairs_open(&left, then, parser, arena) || !pairs_open(&right, now, parser, arena))
        return false;
    match_equal_pairs(&left, &right);
    for (uint32_t pair; (pair = pairs_unmatched(&left)) != 0;) {
        const struct span path = pair_path(&left, pair);
        const uint32_t other = pairs_find(&right, path, SPAN_NONE);
        if (other != 0)
            right.matched[other] = true;
        add_change(&end, path, pair_code(&left, pair), other != 0 ? pair_code(&right, other) : SPAN_NONE, arena);
    }
    for (uint32_t pair; (pair = pairs_unmatched(&right)) != 0;)
        add_change(&end, pair_path(&right, pair), SPAN_NONE, pair_code(&right, pair), arena);
    return true;
}

/* ---- The comparison ---- */

struct comparing {
    const struct recorded_reply *reply;
    struct spill *spill;
    const struct item *item;
    struct json_parser *parser;
    struct arena *arena;
};

/* The reply's content in the arena; at == NULL if it cannot be read. */
static struct span recorded_content(const struct comparing *comparing)
{
    const struct recorded_reply *reply = comparing->reply;
    char *to = arena_alloc(comparing->arena, reply->length);
    return spill_read(comparing->spill, reply->at, to, reply->length) ? span_of(to, reply->length) : SPAN_NONE;
}

static bool is_recorded(const struct recorded_reply *reply, struct span content)
{
    const struct outcome_digest digest = outcome_digest_of(content);
    return memcmp(&digest, &reply->digest, sizeof(digest)) == 0;
}

bool comparison_is_same_client(const struct recorded_reply *reply, const struct item *item)
{
    return is_recorded(reply, item->record);
}

static bool compare_clients(const struct comparing *comparing, struct comparison *comparison)
{
    comparison->class = CLASS_SAME;
    if (is_recorded(comparing->reply, comparing->item->record))
        return true;
    const struct span recorded = recorded_content(comparing);
    if (!recorded.at || !json_difference_find(recorded, comparing->item->record, comparing->parser, comparing->arena,
                                              &comparison->changes))
        return false;
    if (comparison->changes)
        comparison->class = CLASS_VALUE_CHANGED;
    return true;
}

static bool compare_errors(const struct comparing *comparing, struct comparison *comparison)
{
    const struct span errors = error_pairs_write(comparing->item, comparing->arena);
    const struct recorded_reply *reply = comparing->reply;
    const bool is_same = reply->error == comparing->item->error && (!reply->is_whole || is_recorded(reply, errors));
    comparison->class = is_same ? CLASS_SAME : CLASS_ERRORS_CHANGED;
    if (is_same)
        return true;
    const struct span recorded = recorded_content(comparing);
    return recorded.at && error_changes(recorded, errors, comparing->parser, comparing->arena, &comparison->changes);
}

bool comparison_make(const struct recorded_reply *reply, struct spill *spill, const struct item *item,
                     struct json_parser *parser, struct arena *arena, struct comparison *comparison)
{
    const struct comparing comparing = {reply, spill, item, parser, arena};
    const bool was_rejected = reply->kind == RECORDED_REJECTED, is_rejected = item->outcome == OUTCOME_REJECTED;
    *comparison = (struct comparison){.then = verdict_of_reply(reply), .now = verdict_of_item(item)};
    if (was_rejected && is_rejected)
        return compare_errors(&comparing, comparison);
    if (!was_rejected && !is_rejected)
        return compare_clients(&comparing, comparison);
    const struct span none = SPAN("[]");
    if (is_rejected) {
        comparison->class = CLASS_NOW_REJECTED;
        return error_changes(none, error_pairs_write(item, arena), parser, arena, &comparison->changes);
    }
    comparison->class = CLASS_NOW_VALID;
    const struct span recorded = recorded_content(&comparing);
    return recorded.at && error_changes(recorded, none, parser, arena, &comparison->changes);
}
