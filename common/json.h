/* json: a JSON text as a flat tree of nodes, strict where RFC 8259 leaves a choice.
 *
 * One pass checks grammar, UTF-8, strings and numbers, and lays the nodes out in document order in an arena. It reads
 * strings and white space 16 bytes at a time (json_block.h). Nothing is copied: strings are decoded in place in the
 * caller's buffer, and numbers stay text. The path of a command needs that: no heap, faults with byte positions,
 * unchanged numbers. Output for people uses jansson (json_line.h). */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdint.h>

#include "common/arena.h"
#include "common/must_check.h"
#include "common/span.h"

/* Bytes that must be readable and writable after the text, since it is read in whole blocks. */
#define JSON_PADDING 64

enum json_type { NODE_NULL, NODE_FALSE, NODE_TRUE, NODE_NUMBER, NODE_STRING, NODE_ARRAY, NODE_OBJECT };

/* A string whose raw token has no escape: the bytes before and after it in the text are its quotes. */
#define JSON_PLAIN 1
/* A string of printable ASCII only (0x20 to 0x7e). */
#define JSON_ASCII 2
/* A string of printable ASCII, TAB and LF only: no control to refuse, nothing to compose, no line end to change. */
#define JSON_LINES 4
/* A string whose raw token is what json_writer writes for its content: with escapes of two bytes only, at most 255, and
 * none for a slash. */
#define JSON_SHORTEST 8

/* Node 0 is the root. The first child of node i is i + 1 (if nodes[i].next > i + 1); the sibling after a child c is
 * nodes[c].next; children end at their parent's `next`. */
struct json_node {
    uint32_t name_at, name_length; /* the member's name, decoded, as offset in text; 0, 0 in an array and at the root */
    uint32_t at, length;           /* string: decoded content; number: its token; array, object: brackets included */
    uint32_t next;                 /* index of the first node after this one's subtree */
    uint8_t type;                  /* enum json_type */
    uint8_t flags;                 /* of a string: JSON_PLAIN and so on; otherwise 0 */
    uint8_t escapes;               /* of a string that is JSON_SHORTEST and not JSON_PLAIN */
    uint8_t name_kind;             /* of the member's name, if the parser knows it (json_parser_know); otherwise 0 */
};

struct json_document {
    char *text;           /* the caller's buffer */
    const char *original; /* the same text before it was parsed; NULL, unless the caller still has it and says so */
    struct json_node *nodes;
    uint32_t count;
    uint32_t depth; /* most containers open at once; 0 for a scalar */
};

enum json_fault_code {
    JSON_OK,
    JSON_EMPTY,     /* nothing but white space */
    JSON_SYNTAX,    /* not RFC 8259's grammar, a byte-order mark, or more than one value */
    JSON_UTF8,      /* not UTF-8 */
    JSON_SURROGATE, /* an escape of half a surrogate pair */
    JSON_DUPLICATE, /* a name twice in one object, compared after decoding */
    JSON_DEPTH      /* more containers open than allowed */
};

struct json_fault {
    enum json_fault_code code;
    uint32_t at; /* byte offset of the fault in the original text; 0 if unknown (JSON_UTF8) */
};

/* What all texts of a thread share. */
struct json_parser;

/* New. Takes texts of up to `capacity` bytes. NULL when out of memory, or where 32 bits do not hold their positions. */
MUST_CHECK struct json_parser *json_parser_new(size_t capacity);
void json_parser_free(struct json_parser *parser);

/* A number for a name, as its reader defines it; 0: none. */
typedef uint8_t json_name_kind(struct span name);

/* From now on nodes have the kind of their name. It is 0 for a name with escapes or beyond printable ASCII, and for one
 * that takes more than 16 bytes up to its value: then the reader compares the name itself. The parser asks `kind_of`
 * when it remembers a name, so a name that comes again and again is compared once. */
void json_parser_know(struct json_parser *parser, json_name_kind *kind_of);

/* Parses text[0..length), which must be followed by JSON_PADDING bytes that may be overwritten. The text is changed:
 * strings are decoded in place. Nodes come from the arena. Returns true and fills *document, or false and fills
 * *fault; then the text's bytes are unspecified and the arena is as before. No heap allocation. `length` must not
 * exceed the parser's capacity. */
MUST_CHECK bool json_parse(struct json_parser *parser, char *text, size_t length, uint32_t depth_limit,
                           struct arena *arena, struct json_document *document, struct json_fault *fault);

/* Such as "a member stands twice in one object"; for messages. Static. */
const char *json_fault_text(enum json_fault_code code);

static inline struct span json_text(const struct json_document *document, uint32_t node)
{
    return span_of(document->text + document->nodes[node].at, document->nodes[node].length);
}

static inline struct span json_name(const struct json_document *document, uint32_t node)
{
    return span_of(document->text + document->nodes[node].name_at, document->nodes[node].name_length);
}

/* The raw token of a string, quotes included, if it is what json_writer writes for the content; at == NULL if it is
 * not, or is gone. */
static inline struct span json_token(const struct json_document *document, uint32_t node)
{
    const struct json_node *const string = &document->nodes[node];
    if (string->flags & JSON_PLAIN)
        return span_of(document->text + string->at - 1, (size_t)string->length + 2);
    if (string->flags & JSON_SHORTEST && document->original)
        return span_of(document->original + string->at - 1, (size_t)string->length + string->escapes + 2);
    return SPAN_NONE;
}

/* The member of `object` called `name`; 0 (the root, never a member) if there is none. Linear. */
uint32_t json_member(const struct json_document *document, uint32_t object, struct span name);

#endif
