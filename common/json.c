#include "common/json.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistr.h>

#include "common/ascii.h"
#include "common/json_familiar.h"
#include "common/json_names.h"
#include "common/json_string.h"

/* The byte behind the text while it is read. It ends strings, numbers and white space and is part of no text, so no
 * check for the end of the text is needed. */
#define BEHIND_TEXT '\0'

/* So many containers are open at once without further memory. The program allows no more. */
#define FEW_FRAMES 64

/* Never stands where a container may end, since white space is skipped there. */
#define NO_CLOSER ' '

struct json_parser {
    size_t capacity;
    uint64_t seed; /* of the hash of names: random, so that no sender can prepare names that collide */
    struct familiar_names familiar;
};

/* An array or object that is still open. */
struct frame {
    struct name_set seen;
    struct json_node *node;
    char closer;   /* ']' or '}' */
    bool doubtful; /* two names have the same mark in `seen`: they may be equal */
};

struct walk {
    char *text;
    const char *end;
    struct json_node *nodes;
    const struct json_node *nodes_end; /* the arena has room for no more */
    struct frame *frames;              /* [0] is the frame around the root */
    uint32_t depth_limit;
    uint64_t seed;
    struct familiar_names *familiar;
    struct arena *arena; /* ends where the nodes begin */
    struct json_fault *fault;
};

struct json_parser *json_parser_new(size_t capacity)
{
    struct json_parser *parser = capacity < UINT32_MAX ? calloc(1, sizeof(*parser)) : NULL;
    if (!parser)
        return NULL;
    parser->capacity = capacity;
    familiar_open(&parser->familiar, NULL);
    if (getentropy(&parser->seed, sizeof(parser->seed)) != 0) {
        json_parser_free(parser);
        return NULL;
    }
    return parser;
}

void json_parser_free(struct json_parser *parser)
{
    free(parser);
}

void json_parser_know(struct json_parser *parser, json_name_kind *kind_of)
{
    familiar_open(&parser->familiar, kind_of);
}

/* ---- Faults. What finds one returns NULL. ---- */

/* A fault at `at`, unless the text is not UTF-8, which comes first. That is known of the text before `unread` only. */
static char *walk_fail_unread(const struct walk *walk, enum json_fault_code code, const char *at, const char *unread)
{
    *walk->fault = (struct json_fault){code, (uint32_t)(at - walk->text)};
    if (u8_check((const uint8_t *)unread, (size_t)(walk->end - unread)))
        *walk->fault = (struct json_fault){JSON_UTF8, 0};
    return NULL;
}

static char *walk_fail(const struct walk *walk, enum json_fault_code code, const char *at)
{
    return walk_fail_unread(walk, code, at, at);
}

/* A fault at `at`, unless the string around it, from `content` on, is broken, which comes first. */
static char *walk_fail_in_string(const struct walk *walk, enum json_fault_code code, const char *at,
                                 const char *content)
{
    const char *const end = json_string_end(content, walk->end);
    if (*end != '"')
        return walk_fail_unread(walk, JSON_SYNTAX, end, at);
    return walk_fail(walk, code, at);
}

/* The grammar has no place for the byte at `at`. */
static char *walk_unexpected(const struct walk *walk, const char *at)
{
    return *at == '"' ? walk_fail_in_string(walk, JSON_SYNTAX, at, at + 1) : walk_fail(walk, JSON_SYNTAX, at);
}

/* Mostly there is none, or one space. */
static inline char *skip_white_space(char *at)
{
    if ((unsigned char)at[0] > ' ')
        return at;
    if (at[0] == ' ' && (unsigned char)at[1] > ' ')
        return at + 1;
    return at + json_string_white_space(at);
}

/* ---- Scalars. Each function returns the byte behind the scalar. ---- */

/* A string with an escape, or with more than printable ASCII; `special` is the first such byte. `escapes` as in
 * json_node. */
static char *walk_special_string(const struct walk *walk, char *begin, char *special, uint32_t *length, uint8_t *flags,
                                 uint8_t *escapes)
{
    char *from = special, *to = special;
    *flags = JSON_STRING_FLAGS;
    const enum json_fault_code code = json_string_decode(&from, &to, flags);
    if (code == JSON_UTF8)
        return walk_fail(walk, JSON_UTF8, walk->text);
    if (code != JSON_OK)
        return walk_fail_in_string(walk, code, from, from);
    *length = (uint32_t)(to - begin);
    *escapes = (uint8_t)(from - to);
    if (from - to > UINT8_MAX)
        *flags &= ~JSON_SHORTEST;
    return from + 1;
}

/* The string whose content begins at `begin`. */
static inline char *walk_string(const struct walk *walk, char *begin, struct json_node *node)
{
    char *const end = begin + json_string_plain(begin);
    node->at = (uint32_t)(begin - walk->text);
    node->type = NODE_STRING;
    node->flags = JSON_STRING_FLAGS;
    if (*end != '"')
        return walk_special_string(walk, begin, end, &node->length, &node->flags, &node->escapes);
    node->length = (uint32_t)(end - begin);
    return end + 1;
}

static char *walk_literal(const struct walk *walk, char *at, const char *literal)
{
    for (; *literal; at++, literal++)
        if (*at != *literal)
            return walk_unexpected(walk, at);
    return at;
}

/* At least one digit. */
static inline char *walk_digits(const struct walk *walk, char *at)
{
    if (!ascii_is_digit(*at))
        return walk_unexpected(walk, at);
    do
        at++;
    while (ascii_is_digit(*at));
    return at;
}

/* RFC 8259, section 6. */
static char *walk_number(const struct walk *walk, char *at)
{
    if (*at == '-')
        at++;
    at = *at == '0' ? at + 1 : walk_digits(walk, at);
    if (at && *at == '.')
        at = walk_digits(walk, at + 1);
    if (at && (*at == 'e' || *at == 'E'))
        at = walk_digits(walk, at + (at[1] == '+' || at[1] == '-' ? 2 : 1));
    return at;
}

/* A number or a literal. */
static char *walk_scalar(const struct walk *walk, char *begin, struct json_node *node)
{
    char *end;
    switch (*begin) {
    case 't':
        node->type = NODE_TRUE;
        end = walk_literal(walk, begin, "true");
        break;
    case 'f':
        node->type = NODE_FALSE;
        end = walk_literal(walk, begin, "false");
        break;
    case 'n':
        node->type = NODE_NULL;
        end = walk_literal(walk, begin, "null");
        break;
    default:
        node->type = NODE_NUMBER;
        end = walk_number(walk, begin);
    }
    if (!end)
        return NULL;
    node->at = (uint32_t)(begin - walk->text);
    node->length = (uint32_t)(end - begin);
    node->flags = 0;
    return end;
}

/* ---- Members ---- */

/* The colon that stands at `at`, with the white space around it. Returns what follows. */
static inline char *walk_colon(const struct walk *walk, char *at)
{
    at = skip_white_space(at);
    return *at == ':' ? skip_white_space(at + 1) : walk_unexpected(walk, at);
}

/* The member's name that stands at `at`, with its colon: `name`. Returns its value. */
static inline char *walk_familiar_name(const struct walk *walk, char *at, struct frame *frame, struct json_node *node,
                                       struct familiar_name **last, struct familiar_name *name)
{
    *last = name;
    node->name_at = (uint32_t)(at + 1 - walk->text);
    node->name_length = name->length;
    node->name_kind = name->kind;
    if (name_set_add(&frame->seen, name->mark))
        frame->doubtful = true;
    return skip_white_space(at + name->width);
}

/* The same for a name that came behind `*last` before, or any other one. */
static char *walk_new_name(const struct walk *walk, char *at, struct frame *frame, struct json_node *node,
                           struct familiar_name **last)
{
    if (familiar_is_at((*last)->other, at))
        return walk_familiar_name(walk, at, frame, node, last, (*last)->other);
    if (*at != '"')
        return walk_unexpected(walk, at);
    char *const begin = at + 1, *end = begin + json_string_plain(begin);
    const bool is_plain = *end == '"';
    node->name_at = (uint32_t)(begin - walk->text);
    node->name_length = (uint32_t)(end - begin);
    node->name_kind = 0;
    if (is_plain) {
        end++;
    } else {
        uint8_t flags;
        uint8_t escapes;
        end = walk_special_string(walk, begin, end, &node->name_length, &flags, &escapes);
        if (!end)
            return NULL;
    }
    const uint8_t mix = familiar_mix(begin, node->name_length);
    frame->doubtful |= name_set_add(&frame->seen, name_mark_of(mix));
    char *const value = walk_colon(walk, end);
    if (!value || !is_plain)
        return value;
    struct familiar_name *const name =
        familiar_remember(walk->familiar, *last, span_of(at, (size_t)(value - at)), node->name_length, mix);
    if (name) {
        node->name_kind = name->kind;
        *last = name;
    }
    return value;
}

/* The same, mostly for a name that is expected behind `*last`. */
static inline char *walk_name(const struct walk *walk, char *at, struct frame *frame, struct json_node *node,
                              struct familiar_name **last)
{
    struct familiar_name *const expected = (*last)->next;
    if (familiar_is_at(expected, at))
        return walk_familiar_name(walk, at, frame, node, last, expected);
    return walk_new_name(walk, at, frame, node, last);
}

/* Names are compared when their object closes, at `at`. Then a text that is not JSON at all is reported as such before
 * it is reported as ambiguous. `behind` is the end of the nodes. */
static bool walk_names_differ(const struct walk *walk, const struct frame *frame, const struct json_node *behind,
                              const char *at)
{
    struct arena *const arena = walk->arena;
    const size_t mark = arena->used;
    arena->used = (size_t)((const char *)behind - arena->base);
    const uint32_t object = (uint32_t)(frame->node - walk->nodes);
    const uint32_t duplicate = json_names_duplicate(walk->text, walk->nodes, object, walk->seed, arena);
    arena->used = mark;
    if (!duplicate)
        return true;
    walk_fail_unread(walk, JSON_DUPLICATE, walk->text + walk->nodes[duplicate].name_at - 1, at);
    return false;
}

/* ---- The walk ---- */

/* Lays out the nodes of the text. */
static bool walk_text(const struct walk *walk, struct json_document *document)
{
    char *const text = walk->text;
    struct json_node *node = walk->nodes;
    const struct json_node *const nodes_end = walk->nodes_end;
    struct frame *frame = walk->frames;
    const struct frame *const innermost = frame + walk->depth_limit;
    const struct frame *deepest = frame;
    char *at = skip_white_space(text);
    struct familiar_name *last_name = walk->familiar->last;
    uint32_t count = 0;

    if (at == walk->end)
        return walk_fail(walk, JSON_EMPTY, at);
    for (;; node++) {
        if (node == nodes_end)
            arena_fail(walk->arena, sizeof(*node));
        node->next = ++count;
        if (frame->closer == '}') {
            at = walk_name(walk, at, frame, node, &last_name);
            if (!at)
                return false;
        } else {
            node->name_at = node->name_length = 0;
            node->name_kind = 0;
        }

        char *const begin = at;
        if (*begin == '"') {
            at = walk_string(walk, begin + 1, node);
        } else if (*begin == '{' || *begin == '[') {
            if (frame == innermost)
                return walk_fail(walk, JSON_DEPTH, begin);
            node->type = *begin == '{' ? NODE_OBJECT : NODE_ARRAY;
            node->at = (uint32_t)(begin - text);
            node->flags = 0;
            frame++;
            /* In ASCII a closing bracket is two after its opening one. */
            *frame = (struct frame){.node = node, .closer = (char)(*begin + 2)};
            if (deepest < frame)
                deepest = frame;
            at = skip_white_space(begin + 1);
            if (*at != frame->closer)
                continue;
        } else {
            at = walk_scalar(walk, begin, node);
        }
        if (!at)
            return false;

        /* A value has ended, and possibly the containers around it. */
        if (*at != ',' || frame == walk->frames) {
            at = skip_white_space(at);
            for (; *at == frame->closer; frame--) {
                frame->node->length = (uint32_t)(at + 1 - text) - frame->node->at;
                frame->node->next = count;
                if (frame->doubtful && !walk_names_differ(walk, frame, node + 1, at))
                    return false;
                at = skip_white_space(at + 1);
            }
            if (frame == walk->frames)
                break;
            if (*at != ',')
                return walk_unexpected(walk, at);
        }
        at = skip_white_space(at + 1);
    }
    if (at != walk->end)
        return walk_fail(walk, JSON_SYNTAX, at);
    walk->familiar->last = last_name;
    *document = (struct json_document){
        .text = text, .nodes = walk->nodes, .count = count, .depth = (uint32_t)(deepest - walk->frames)};
    return true;
}

bool json_parse(struct json_parser *parser, char *text, size_t length, uint32_t depth_limit, struct arena *arena,
                struct json_document *document, struct json_fault *fault)
{
    assert(length <= parser->capacity);
    const size_t mark = arena->used;
    struct frame few[FEW_FRAMES + 1], *frames = few;
    const uint32_t depth = depth_limit < length ? depth_limit : (uint32_t)length;
    if (depth > FEW_FRAMES)
        frames = arena_alloc(arena, ((size_t)depth + 1) * sizeof(*frames));
    frames[0] = (struct frame){.closer = NO_CLOSER};
    memset(text + length, BEHIND_TEXT, JSON_PADDING);
    struct json_node *const nodes = arena_alloc(arena, 0);
    const struct walk walk = {.text = text,
                              .end = text + length,
                              .nodes = nodes,
                              .nodes_end = nodes + (arena->capacity - arena->used) / sizeof(*nodes),
                              .frames = frames,
                              .depth_limit = depth,
                              .seed = parser->seed,
                              .familiar = &parser->familiar,
                              .arena = arena,
                              .fault = fault};
    const bool ok = walk_text(&walk, document);
    /* The arena learns which pages a refused text may have taken: at most one node for each byte, and the first. */
    const size_t count = ok ? document->count : length + 1, most = (size_t)(walk.nodes_end - nodes);
    arena->used += (count < most ? count : most) * sizeof(*nodes);
    if (!ok)
        arena_reset(arena, mark);
    return ok;
}

const char *json_fault_text(enum json_fault_code code)
{
    static const char *const texts[] = {
        [JSON_OK] = "nothing is wrong",
        [JSON_EMPTY] = "there is nothing but white space",
        [JSON_SYNTAX] = "the text is not JSON",
        [JSON_UTF8] = "the text is not UTF-8",
        [JSON_SURROGATE] = "an escape stands for half a surrogate pair",
        [JSON_DUPLICATE] = "a member stands twice in one object",
        [JSON_DEPTH] = "arrays and objects are nested too deep",
    };
    assert(code < sizeof(texts) / sizeof(texts[0]));
    return texts[code];
}

uint32_t json_member(const struct json_document *document, uint32_t object, struct span name)
{
    const struct json_node *const nodes = document->nodes;
    if (nodes[object].type != NODE_OBJECT)
        return 0;
    for (uint32_t member = object + 1; member < nodes[object].next; member = nodes[member].next) {
        if (span_equal(json_name(document, member), name))
            return member;
    }
    return 0;
}
