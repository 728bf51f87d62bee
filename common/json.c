#include "common/json.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/ascii.h"
#include "common/json_index.h"
#include "common/json_names.h"
#include "common/json_string.h"

/* The byte after the text during parsing. It ends every scalar and is not structural, so no check for the end of the
 * text is needed. */
#define BEHIND_TEXT ' '

struct json_parser {
    struct json_index *index;
    size_t capacity;
    uint64_t seed; /* of the hash of names: random, so that no sender can prepare names that collide */
};

/* An array or object that is still open. */
struct frame {
    uint64_t seen[4]; /* one bit for each name, by a weak hash; two names with the same bit may be equal */
    struct json_node *node;
    uint32_t members;
    char closer;   /* ']' or '}' */
    bool doubtful; /* two names have the same bit of `seen` */
};

struct walk {
    char *text;
    uint32_t length;
    uint32_t special; /* the next byte that is a backslash or not printable ASCII */
    struct json_node *nodes;
    struct frame *frames; /* [0] is the frame around the root */
    uint32_t depth_limit;
    uint64_t seed;
    struct arena *arena;
    struct json_fault *fault;
};

struct json_parser *json_parser_new(size_t capacity)
{
    struct json_parser *parser = calloc(1, sizeof(*parser));
    if (!parser)
        return NULL;
    parser->capacity = capacity;
    parser->index = json_index_new(capacity);
    if (!parser->index || getentropy(&parser->seed, sizeof(parser->seed)) != 0) {
        json_parser_free(parser);
        return NULL;
    }
    return parser;
}

void json_parser_free(struct json_parser *parser)
{
    if (!parser)
        return;
    if (parser->index)
        json_index_free(parser->index);
    free(parser);
}

static bool walk_fail(struct walk *walk, enum json_fault_code code, const char *at)
{
    *walk->fault = (struct json_fault){code, (uint32_t)(at - walk->text)};
    return false;
}

/* A string with an escape, or with more than printable ASCII. */
static bool walk_special_string(struct walk *walk, char *begin, char *end, uint32_t *length, uint8_t *flags)
{
    const char *fault_at;
    const enum json_fault_code code = json_string_decode(begin, end, length, flags, &fault_at);
    if (code != JSON_OK)
        return walk_fail(walk, code, fault_at);
    walk->special = json_string_special(walk->text, (uint32_t)(end - walk->text), walk->length);
    return true;
}

/* The string whose content begins at `begin`; `next` is the structural character after it. Only the closing quote
 * and white space are between them. */
static inline bool walk_string(struct walk *walk, uint32_t begin, uint32_t next, uint32_t *length, uint8_t *flags)
{
    char *const text = walk->text;
    uint32_t end = next - 1;
    while (text[end] != '"')
        end--;
    assert(end >= begin);
    if (walk->special < end)
        return walk_special_string(walk, text + begin, text + end, length, flags);
    *length = end - begin;
    *flags = JSON_PLAIN | JSON_ASCII;
    return true;
}

/* True for a character that may follow a number or a literal. */
static bool is_boundary(char character)
{
    return character == ',' || character == '}' || character == ']' || character == ' ' || character == '\n' ||
           character == '\r' || character == '\t';
}

static inline bool walk_boundary(struct walk *walk, uint32_t at, const char *end, uint32_t *length)
{
    *length = (uint32_t)(end - walk->text) - at;
    return is_boundary(*end) || walk_fail(walk, JSON_SYNTAX, end);
}

static inline bool walk_literal(struct walk *walk, uint32_t at, const char *literal, uint32_t *length)
{
    const char *from = walk->text + at;
    while (*literal && *from == *literal) {
        from++;
        literal++;
    }
    return *literal ? walk_fail(walk, JSON_SYNTAX, from) : walk_boundary(walk, at, from, length);
}

/* At least one digit. */
static inline bool walk_digits(struct walk *walk, const char **from)
{
    if (!ascii_is_digit(**from))
        return walk_fail(walk, JSON_SYNTAX, *from);
    do
        ++*from;
    while (ascii_is_digit(**from));
    return true;
}

/* RFC 8259, section 6. */
static inline bool walk_number(struct walk *walk, uint32_t at, uint32_t *length)
{
    const char *from = walk->text + at;
    if (*from == '-')
        from++;
    if (*from == '0')
        from++;
    else if (!walk_digits(walk, &from))
        return false;
    if (*from == '.') {
        from++;
        if (!walk_digits(walk, &from))
            return false;
    }
    if (*from == 'e' || *from == 'E') {
        from++;
        if (*from == '+' || *from == '-')
            from++;
        if (!walk_digits(walk, &from))
            return false;
    }
    return walk_boundary(walk, at, from, length);
}

/* ---- Members ---- */

/* A weak hash that is quick for any length: of both ends of the name, which may overlap. */
static inline uint64_t name_mix(const char *name, uint32_t length)
{
    uint32_t ends[2] = {0, 0};
    if (length >= sizeof(ends[0])) {
        memcpy(&ends[0], name, sizeof(ends[0]));
        memcpy(&ends[1], name + length - sizeof(ends[1]), sizeof(ends[1]));
    } else if (length > 0) {
        ends[0] = (unsigned char)name[0] | (uint32_t)(unsigned char)name[length / 2] << 8;
        ends[1] = (unsigned char)name[length - 1];
    }
    return (((uint64_t)ends[0] << 32 | ends[1]) ^ length) * 0x9e3779b97f4a7c15;
}

/* Records a name, and whether the object may have had it before. */
static inline void frame_note(struct frame *frame, const char *name, uint32_t length)
{
    const uint64_t mixed = name_mix(name, length);
    uint64_t *const seen = &frame->seen[mixed >> 62];
    const uint64_t bit = 1ull << (mixed >> 56 & 63);
    frame->doubtful |= (*seen & bit) != 0;
    *seen |= bit;
    frame->members++;
}

/* Names are compared when their object closes. Then their number is known, and a text that is not JSON at all is
 * reported as such before it is reported as ambiguous. */
static bool walk_names_differ(struct walk *walk, const struct frame *frame)
{
    const uint32_t object = (uint32_t)(frame->node - walk->nodes);
    const uint32_t duplicate =
        json_names_duplicate(walk->text, walk->nodes, object, frame->members, walk->seed, walk->arena);
    return !duplicate || walk_fail(walk, JSON_DUPLICATE, walk->text + walk->nodes[duplicate].name_at - 1);
}

/* ---- The walk ---- */

/* Lays out the nodes of one value and all below it. `next` points to the position of the next structural character.
 * At the end of the text it points to the position after the text, where BEHIND_TEXT matches nothing. */
static bool walk_value(struct walk *walk, const uint32_t *next, struct json_document *document)
{
    char *const text = walk->text;
    struct json_node *node = walk->nodes;
    struct frame *frame = walk->frames;
    const struct frame *const innermost = frame + walk->depth_limit;
    const struct frame *deepest = frame;

    for (;; node++) {
        *node = (struct json_node){.next = (uint32_t)(node - walk->nodes) + 1};
        if (frame->closer == '}') {
            if (text[*next] != '"')
                return walk_fail(walk, JSON_SYNTAX, text + *next);
            uint8_t flags;
            node->name_at = *next + 1;
            next++;
            if (!walk_string(walk, node->name_at, *next, &node->name_length, &flags))
                return false;
            frame_note(frame, text + node->name_at, node->name_length);
            if (text[*next] != ':')
                return walk_fail(walk, JSON_SYNTAX, text + *next);
            next++;
        }

        const uint32_t at = *next++;
        node->at = at;
        bool ok = true;
        switch (text[at]) {
        case '"':
            node->type = NODE_STRING;
            node->at = at + 1;
            ok = walk_string(walk, node->at, *next, &node->length, &node->flags);
            break;
        case '{':
        case '[':
            if (frame == innermost)
                return walk_fail(walk, JSON_DEPTH, text + at);
            node->type = text[at] == '{' ? NODE_OBJECT : NODE_ARRAY;
            frame++;
            /* In ASCII a closing bracket is two after its opening one. */
            *frame = (struct frame){.node = node, .closer = (char)(text[at] + 2)};
            if (deepest < frame)
                deepest = frame;
            if (text[*next] != frame->closer)
                continue;
            break;
        case 't':
            node->type = NODE_TRUE;
            ok = walk_literal(walk, at, "true", &node->length);
            break;
        case 'f':
            node->type = NODE_FALSE;
            ok = walk_literal(walk, at, "false", &node->length);
            break;
        case 'n':
            node->type = NODE_NULL;
            ok = walk_literal(walk, at, "null", &node->length);
            break;
        default:
            node->type = NODE_NUMBER;
            ok = walk_number(walk, at, &node->length);
        }
        if (!ok)
            return false;

        /* A value has ended, and possibly the containers around it. */
        for (; frame > walk->frames && text[*next] == frame->closer; frame--, next++) {
            frame->node->length = *next + 1 - frame->node->at;
            frame->node->next = (uint32_t)(node - walk->nodes) + 1;
            if (frame->doubtful && !walk_names_differ(walk, frame))
                return false;
        }
        if (frame == walk->frames)
            break;
        if (text[*next] != ',')
            return walk_fail(walk, JSON_SYNTAX, text + *next);
        next++;
    }
    if (*next != walk->length)
        return walk_fail(walk, JSON_SYNTAX, text + *next);
    *document = (struct json_document){.text = text,
                                       .nodes = walk->nodes,
                                       .count = (uint32_t)(node - walk->nodes) + 1,
                                       .depth = (uint32_t)(deepest - walk->frames)};
    return true;
}

/* The second pass over text[0..length). */
static bool json_walk(const struct json_parser *parser, char *text, size_t length, const uint32_t *positions,
                      size_t count, uint32_t depth_limit, struct arena *arena, struct json_document *document,
                      struct json_fault *fault)
{
    const size_t mark = arena->used;
    /* Each node begins at a position of its own, except for the one that is missing if the text breaks off. */
    const uint32_t depth = depth_limit < count ? depth_limit : (uint32_t)count;
    struct json_node *nodes = arena_alloc(arena, (count + 1) * sizeof(*nodes));
    struct frame *frames = arena_alloc(arena, ((size_t)depth + 1) * sizeof(*frames));
    frames[0] = (struct frame){0};
    memset(text + length, BEHIND_TEXT, JSON_PADDING);
    struct walk walk = {.text = text,
                        .length = (uint32_t)length,
                        .special = json_string_special(text, 0, (uint32_t)length),
                        .nodes = nodes,
                        .frames = frames,
                        .depth_limit = depth,
                        .seed = parser->seed,
                        .arena = arena,
                        .fault = fault};
    const bool ok = walk_value(&walk, positions, document);
    arena_reset(arena, ok ? (size_t)((char *)(nodes + document->count) - arena->base) : mark);
    return ok;
}

/* ---- The whole ---- */

/* The first pass does not tell where a string is broken, nor whether something before it was wrong: a stray quote
 * early in the text often shows as an open string at its end. So this walks the part before that string. */
static struct json_fault json_string_fault(struct json_parser *parser, char *text, size_t length, uint32_t depth_limit,
                                           struct arena *arena)
{
    size_t opening;
    const struct json_fault broken = {JSON_SYNTAX, (uint32_t)json_string_broken(text, length, &opening)};
    const uint32_t *positions;
    size_t count;
    if (json_index_find(parser->index, text, opening, &positions, &count) != JSON_INDEX_OK)
        return broken;
    const size_t mark = arena->used;
    struct json_document document;
    struct json_fault before;
    if (json_walk(parser, text, opening, positions, count, depth_limit, arena, &document, &before)) {
        arena_reset(arena, mark);
        return (struct json_fault){JSON_SYNTAX, (uint32_t)opening};
    }
    return before.at < opening ? before : broken;
}

bool json_parse(struct json_parser *parser, char *text, size_t length, uint32_t depth_limit, struct arena *arena,
                struct json_document *document, struct json_fault *fault)
{
    assert(length <= parser->capacity);
    const uint32_t *positions;
    size_t count;
    switch (json_index_find(parser->index, text, length, &positions, &count)) {
    case JSON_INDEX_OK:
        return json_walk(parser, text, length, positions, count, depth_limit, arena, document, fault);
    case JSON_INDEX_EMPTY:
        *fault = (struct json_fault){JSON_EMPTY, (uint32_t)length};
        break;
    case JSON_INDEX_UTF8:
        *fault = (struct json_fault){JSON_UTF8, 0};
        break;
    case JSON_INDEX_SYNTAX:
        *fault = json_string_fault(parser, text, length, depth_limit, arena);
        break;
    }
    return false;
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
