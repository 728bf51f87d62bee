#include "common/json.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "common/json_index.h"

/* Up to so many names are compared pair by pair, which is quicker than filling a hash table. */
#define PAIRWISE_MEMBERS 16
/* What stands behind the text while it is parsed. It ends every scalar and is no structural character, so nothing has
 * to ask whether the text goes on. */
#define BEHIND_TEXT  ' '
#define NO_CODE_UNIT UINT32_MAX

struct json_parser {
    struct json_index *index;
    size_t capacity;
    uint64_t seed; /* of the hash of names: random, so that no sender can prepare names that collide */
};

/* An array or object that is still open. */
struct frame {
    uint64_t seen[4]; /* one bit for each name, by a weak hash; two names on one bit may be equal */
    struct json_node *node;
    uint32_t members;
    char closer;   /* ']' or '}' */
    bool doubtful; /* two names met on one bit of `seen` */
};

struct walk {
    char *text;
    uint32_t length;
    uint32_t special; /* the first byte from here on that is a backslash or no printable ASCII */
    struct json_node *nodes;
    struct frame *frames; /* [0] is what is around the root */
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

/* ---- Strings ---- */

static bool is_special(char character)
{
    return character == '\\' || (unsigned char)character >= 0x7f;
}

typedef unsigned char block __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* All bits set in the bytes that are special. */
static inline halves special_marks(const char *at)
{
    block bytes;
    memcpy(&bytes, at, sizeof(bytes));
    return (halves)((bytes == '\\') | (bytes >= 0x7f));
}

static inline bool any_marked(halves marks)
{
    return (marks[0] | marks[1]) != 0;
}

/* The first special byte in text[from..length), or UINT32_MAX. Most commands have few or none, so one fast look ahead
 * spares a look into each string. Reads up to four blocks beyond `length`, where nothing special stands. */
static uint32_t special_find(const char *text, uint32_t from, uint32_t length)
{
    const size_t size = sizeof(block);
    for (; from < length; from += 4 * size) {
        const char *const at = text + from;
        if (any_marked(special_marks(at) | special_marks(at + size) | special_marks(at + 2 * size) |
                       special_marks(at + 3 * size)))
            break;
    }
    while (from < length && !any_marked(special_marks(text + from)))
        from += size;
    while (from < length && !is_special(text[from]))
        from++;
    return from < length ? from : UINT32_MAX;
}

static bool is_control(char character)
{
    return (unsigned char)character < 0x20;
}

static bool is_printable_ascii(const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (at[i] < 0x20 || at[i] > 0x7e)
            return false;
    }
    return true;
}

/* The UTF-16 code unit of four hexadecimal digits, or NO_CODE_UNIT. A quote is no digit, so a string that ends early
 * is noticed. */
static uint32_t code_unit_read(const char *at)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const char digit = at[i];
        unit <<= 4;
        if (digit >= '0' && digit <= '9')
            unit |= (uint32_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            unit |= (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return NO_CODE_UNIT;
    }
    return unit;
}

/* Writes UTF-8 (RFC 3629); returns its end. Never longer than the escape it comes from. */
static char *code_point_write(char *to, uint32_t code_point)
{
    if (code_point < 0x80) {
        *to++ = (char)code_point;
    } else if (code_point < 0x800) {
        *to++ = (char)(0xc0 | code_point >> 6);
        *to++ = (char)(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        *to++ = (char)(0xe0 | code_point >> 12);
        *to++ = (char)(0x80 | (code_point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code_point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code_point >> 18);
        *to++ = (char)(0x80 | (code_point >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code_point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code_point & 0x3f));
    }
    return to;
}

/* Decodes "\uXXXX", or the two of a surrogate pair, at *from; moves *from and *to behind what was read and written. */
static bool walk_unicode_escape(struct walk *walk, const char **from, char **to)
{
    const char *const escape = *from;
    uint32_t code_point = code_unit_read(escape + 2);
    if (code_point == NO_CODE_UNIT)
        return walk_fail(walk, JSON_SYNTAX, escape);
    *from += 6;
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
        const char *const second = escape + 6;
        if (code_point >= 0xdc00 || second[0] != '\\' || second[1] != 'u')
            return walk_fail(walk, JSON_SURROGATE, escape);
        const uint32_t low = code_unit_read(second + 2);
        if (low == NO_CODE_UNIT)
            return walk_fail(walk, JSON_SYNTAX, second);
        if (low < 0xdc00 || low > 0xdfff)
            return walk_fail(walk, JSON_SURROGATE, escape);
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
        *from += 6;
    }
    *to = code_point_write(*to, code_point);
    return true;
}

/* Decodes the escapes of [begin, end) in place, from the first one on, and sets *length to what remains. */
static bool walk_unescape(struct walk *walk, char *begin, char *first, const char *end, uint32_t *length)
{
    static const char meaning[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const char *from = first;
    char *to = first;
    while (from < end) {
        const unsigned char letter = (unsigned char)from[1];
        if (meaning[letter]) {
            *to++ = meaning[letter];
            from += 2;
        } else if (letter != 'u') {
            return walk_fail(walk, JSON_SYNTAX, from);
        } else if (!walk_unicode_escape(walk, &from, &to)) {
            return false;
        }
        const char *next = memchr(from, '\\', (size_t)(end - from));
        const size_t run = (size_t)((next ? next : end) - from);
        memmove(to, from, run);
        from += run;
        to += run;
    }
    *length = (uint32_t)(to - begin);
    return true;
}

/* A string with an escape, or with more than printable ASCII. */
static bool walk_special_string(struct walk *walk, char *begin, const char *end, uint32_t *length, uint8_t *flags)
{
    char *escape = memchr(begin, '\\', (size_t)(end - begin));
    *length = (uint32_t)(end - begin);
    if (escape && !walk_unescape(walk, begin, escape, end, length))
        return false;
    *flags = (escape ? 0 : JSON_PLAIN) | (is_printable_ascii(begin, *length) ? JSON_ASCII : 0);
    walk->special = special_find(walk->text, (uint32_t)(end - walk->text), walk->length);
    return true;
}

/* The string whose content begins at `begin`; `next` is the structural character behind it, with only the closing quote
 * and white space between. */
static inline bool walk_string(struct walk *walk, uint32_t begin, uint32_t next, uint32_t *length, uint8_t *flags)
{
    const char *const text = walk->text;
    uint32_t end = next - 1;
    while (text[end] != '"')
        end--;
    assert(end >= begin);
    if (walk->special < end)
        return walk_special_string(walk, walk->text + begin, text + end, length, flags);
    *length = end - begin;
    *flags = JSON_PLAIN | JSON_ASCII;
    return true;
}

/* ---- Other scalars ---- */

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* True for what may stand behind a number or a literal. */
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
    if (!is_digit(**from))
        return walk_fail(walk, JSON_SYNTAX, *from);
    do
        ++*from;
    while (is_digit(**from));
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

/* Notes a name and whether it could be one that the object had before. */
static inline void frame_note(struct frame *frame, const char *name, uint32_t length)
{
    const uint64_t mixed = name_mix(name, length);
    uint64_t *const seen = &frame->seen[mixed >> 62];
    const uint64_t bit = 1ull << (mixed >> 56 & 63);
    frame->doubtful |= (*seen & bit) != 0;
    *seen |= bit;
    frame->members++;
}

static struct span walk_name(const struct walk *walk, uint32_t member)
{
    return span_of(walk->text + walk->nodes[member].name_at, walk->nodes[member].name_length);
}

/* The first member whose name stands before it in the same object, or 0. */
static uint32_t walk_duplicate_by_pair(const struct walk *walk, uint32_t object)
{
    const struct json_node *const nodes = walk->nodes;
    for (uint32_t member = nodes[object + 1].next; member < nodes[object].next; member = nodes[member].next) {
        for (uint32_t before = object + 1; before < member; before = nodes[before].next) {
            if (span_equal(walk_name(walk, before), walk_name(walk, member)))
                return member;
        }
    }
    return 0;
}

/* The same with a hash table, for large objects. */
static uint32_t walk_duplicate_by_hash(const struct walk *walk, uint32_t object, uint32_t members)
{
    struct slot {
        uint32_t member; /* 0: free */
        uint32_t hash;
    };
    const size_t mark = walk->arena->used;
    size_t size = 1;
    while (size < 2 * (size_t)members)
        size *= 2;
    struct slot *const slots = arena_alloc(walk->arena, size * sizeof(*slots));
    memset(slots, 0, size * sizeof(*slots));

    uint32_t duplicate = 0;
    const struct json_node *const nodes = walk->nodes;
    for (uint32_t member = object + 1; member < nodes[object].next && !duplicate; member = nodes[member].next) {
        const struct span name = walk_name(walk, member);
        const uint64_t hash = XXH3_64bits_withSeed(name.at, name.length, walk->seed);
        const uint32_t kept = (uint32_t)(hash >> 32);
        size_t place = hash & (size - 1);
        while (slots[place].member && !duplicate) {
            if (slots[place].hash == kept && span_equal(walk_name(walk, slots[place].member), name))
                duplicate = member;
            place = (place + 1) & (size - 1);
        }
        slots[place] = (struct slot){member, kept};
    }
    arena_reset(walk->arena, mark);
    return duplicate;
}

/* Names are compared when their object closes: then their number is known, and a text that is no JSON at all is called
 * so before it is called ambiguous. */
static bool walk_names_differ(struct walk *walk, const struct frame *frame)
{
    const uint32_t object = (uint32_t)(frame->node - walk->nodes);
    const uint32_t duplicate = frame->members <= PAIRWISE_MEMBERS
                                   ? walk_duplicate_by_pair(walk, object)
                                   : walk_duplicate_by_hash(walk, object, frame->members);
    return !duplicate || walk_fail(walk, JSON_DUPLICATE, walk->text + walk->nodes[duplicate].name_at - 1);
}

/* ---- The walk ---- */

/* Lays out the nodes of one value and all below it. `next` points at the position of the structural character that is
 * to be read; at the end of the text it points at the position behind the text, where BEHIND_TEXT fits nowhere. */
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
        bool fine = true;
        switch (text[at]) {
        case '"':
            node->type = NODE_STRING;
            node->at = at + 1;
            fine = walk_string(walk, node->at, *next, &node->length, &node->flags);
            break;
        case '{':
        case '[':
            if (frame == innermost)
                return walk_fail(walk, JSON_DEPTH, text + at);
            node->type = text[at] == '{' ? NODE_OBJECT : NODE_ARRAY;
            frame++;
            /* In ASCII a closer is two behind its opener. */
            *frame = (struct frame){.node = node, .closer = (char)(text[at] + 2)};
            if (deepest < frame)
                deepest = frame;
            if (text[*next] != frame->closer)
                continue;
            break;
        case 't':
            node->type = NODE_TRUE;
            fine = walk_literal(walk, at, "true", &node->length);
            break;
        case 'f':
            node->type = NODE_FALSE;
            fine = walk_literal(walk, at, "false", &node->length);
            break;
        case 'n':
            node->type = NODE_NULL;
            fine = walk_literal(walk, at, "null", &node->length);
            break;
        default:
            node->type = NODE_NUMBER;
            fine = walk_number(walk, at, &node->length);
        }
        if (!fine)
            return false;

        /* A value has ended; so may what is around it. */
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
    /* Each node begins at a position of its own, but for the one that is missing if the text breaks off. */
    const uint32_t depth = depth_limit < count ? depth_limit : (uint32_t)count;
    struct json_node *nodes = arena_alloc(arena, (count + 1) * sizeof(*nodes));
    struct frame *frames = arena_alloc(arena, ((size_t)depth + 1) * sizeof(*frames));
    frames[0] = (struct frame){0};
    memset(text + length, BEHIND_TEXT, JSON_PADDING);
    struct walk walk = {.text = text,
                        .length = (uint32_t)length,
                        .special = special_find(text, 0, (uint32_t)length),
                        .nodes = nodes,
                        .frames = frames,
                        .depth_limit = depth,
                        .seed = parser->seed,
                        .arena = arena,
                        .fault = fault};
    const bool fine = walk_value(&walk, positions, document);
    arena_reset(arena, fine ? (size_t)((char *)(nodes + document->count) - arena->base) : mark);
    return fine;
}

/* ---- The whole ---- */

/* Where the first string that cannot be read has its fault: a raw control character, a backslash before something that
 * is no printable ASCII, or the end of the text. Sets *opening to its opening quote. */
static size_t broken_string_find(const char *text, size_t length, size_t *opening)
{
    bool inside = false;
    *opening = length;
    for (size_t at = 0; at < length; at++) {
        if (inside && is_control(text[at]))
            return at;
        if (text[at] == '\\' && at + 1 < length) {
            if (inside && !is_printable_ascii(text + at + 1, 1))
                return at;
            at++;
        } else if (text[at] == '"') {
            inside = !inside;
            *opening = at;
        }
    }
    return length;
}

/* The first pass does not say where a string is broken, nor whether something before it was wrong already: a stray
 * quote early in the text often shows as an open string at its end. So the part before that string is walked. */
static struct json_fault json_string_fault(struct json_parser *parser, char *text, size_t length, uint32_t depth_limit,
                                           struct arena *arena)
{
    size_t opening;
    const struct json_fault broken = {JSON_SYNTAX, (uint32_t)broken_string_find(text, length, &opening)};
    const uint32_t *positions;
    size_t count;
    if (json_index_find(parser->index, text, opening, &positions, &count) != JSON_INDEX_FINE)
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
    case JSON_INDEX_FINE:
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
        [JSON_FINE] = "nothing is wrong",
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
