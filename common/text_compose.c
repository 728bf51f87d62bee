/* Normalization form C, by the algorithm of Unicode's chapter 3.11: decompose, order the marks, compose.
 *
 * libunistring supplies the character data (decompositions, combining classes, compositions). Its u8_normalize is
 * not used: it allocates heap memory for long runs of marks, and a value may be nothing but marks. */
#include <assert.h>
#include <unictype.h>
#include <uninorm.h>

#include "common/text.h"

/* A decomposed character: its combining class in the upper eight bits, its code point in the others. */
#define POINT(class, code_point) ((uint32_t)(class) << 24 | (code_point))
#define POINT_CLASS(point)       ((point) >> 24)
#define POINT_CODE(point)        ((point)&0xFFFFFFu)

/* No character decomposes to more code points than this per byte of UTF-8; U+0390 and its like do, 2 bytes to 3. */
#define POINTS_OF_BYTES(bytes) ((bytes) + (bytes) / 2)
/* UAX #15: form C is at most three times as long in UTF-8; U+1D160 reaches that, 4 bytes to 12. */
#define COMPOSED_BYTES(bytes) (3 * (bytes))

/* Characters that no normalization changes in any position: combining class 0, and NFC_Quick_Check is Yes. The list
 * is far from complete. It holds the characters of most texts, so that these need no decomposition to be recognized
 * as normal. */
static bool is_inert(uint32_t code_point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0388, 0x0482},   /* Greek and Cyrillic */
        {0x048A, 0x052F},   /* more Cyrillic */
        {0x0531, 0x058A},   /* Armenian */
        {0x05D0, 0x05EA},   /* Hebrew letters */
        {0x0621, 0x064A},   /* Arabic letters */
        {0x0E01, 0x0E37},   /* Thai */
        {0x1E00, 0x1EFF},   /* Latin with marks, as in Vietnamese */
        {0x200B, 0x2027},   /* punctuation */
        {0x202F, 0x205E},   /* more punctuation */
        {0x20A0, 0x20C0},   /* currency signs */
        {0x3001, 0x3029},   /* punctuation of East Asia */
        {0x3041, 0x3096},   /* Hiragana */
        {0x30A1, 0x30FF},   /* Katakana */
        {0x3400, 0x4DBF},   /* Chinese characters */
        {0x4E00, 0x9FFF},   /* more of them */
        {0xAC00, 0xD7A3},   /* Hangul syllables */
        {0xFE00, 0xFE0F},   /* variation selectors, as emoji have */
        {0xFF01, 0xFF9D},   /* full-width and half-width forms */
        {0x1F300, 0x1FAFF}, /* emoji */
    };
    if (code_point < 0x300)
        return true;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && code_point >= ranges[i].first; i++)
        if (code_point <= ranges[i].last)
            return true;
    return false;
}

/* Length of the beginning that is final whatever follows: all of `text` if a quick check shows that it is in form C.
 * Otherwise it ends before the last inert character that precedes the first other one, since that character may
 * combine with what follows. */
static size_t settled_length(struct span text)
{
    size_t last = 0;
    for (size_t i = 0, size; i < text.length; i += size) {
        if ((unsigned char)text.at[i] < 0xCC) { /* below U+0300 */
            size = (unsigned char)text.at[i] < 0xC0 ? 1 : 2;
        } else if (!is_inert(text_code_point(text, i, &size))) {
            return last;
        }
        last = i;
    }
    return text.length;
}

/* Writes the full canonical decomposition of `code_point` and returns its length. */
static size_t decompose(uint32_t code_point, uint32_t *points)
{
    if (code_point < 0xC0) {
        *points = POINT(0, code_point);
        return 1;
    }
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    int part_count = uc_canonical_decomposition(code_point, parts);
    if (part_count < 0) {
        *points = POINT(uc_combining_class(code_point), code_point);
        return 1;
    }
    size_t count = 0;
    for (int i = 0; i < part_count; i++)
        count += decompose(parts[i], points + count);
    return count;
}

/* Sorts a run of marks by combining class, stably. Linear, since a run may be as long as a value. */
static void order_run(uint32_t *points, size_t count, struct arena *arena)
{
    size_t mark = arena->used;
    uint32_t *given = arena_alloc(arena, count * sizeof(*given));
    memcpy(given, points, count * sizeof(*given));
    uint32_t places[257] = {0};
    for (size_t i = 0; i < count; i++)
        places[POINT_CLASS(given[i]) + 1]++;
    for (size_t i = 1; i < 257; i++)
        places[i] += places[i - 1];
    for (size_t i = 0; i < count; i++)
        points[places[POINT_CLASS(given[i])]++] = given[i];
    arena_reset(arena, mark);
}

static void order_marks(uint32_t *points, size_t count, struct arena *arena)
{
    for (size_t begin = 0; begin < count; begin++) {
        size_t end = begin;
        while (end < count && POINT_CLASS(points[end]) != 0)
            end++;
        if (end - begin > 1)
            order_run(points + begin, end - begin, arena);
        begin = end;
    }
}

/* Joins each mark with the starter before it, where the two have a composition and nothing between blocks it.
 * Returns the number of points left. */
static size_t compose(uint32_t *points, size_t count)
{
    uint32_t *starter = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t point = points[i];
        bool adjacent = kept > 0 && starter == &points[kept - 1];
        if (starter && (adjacent || POINT_CLASS(points[kept - 1]) < POINT_CLASS(point))) {
            uint32_t composite = uc_composition(*starter, POINT_CODE(point));
            if (composite != 0) {
                *starter = POINT(0, composite);
                continue;
            }
        }
        points[kept++] = point;
        if (POINT_CLASS(point) == 0)
            starter = &points[kept - 1];
    }
    return kept;
}

/* Writes `code_point` as UTF-8 and returns its bytes. */
static size_t encode(uint32_t code_point, char *to)
{
    if (code_point < 0x80) {
        to[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        to[0] = (char)(0xC0 | code_point >> 6);
        to[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        to[0] = (char)(0xE0 | code_point >> 12);
        to[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code_point >> 18);
    to[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

struct span text_compose(struct span text, struct arena *arena)
{
    size_t settled = settled_length(text);
    if (settled == text.length)
        return text;
    struct span rest = span_from(text, settled);

    size_t mark = arena->used;
    size_t capacity = settled + COMPOSED_BYTES(rest.length);
    char *composed = arena_alloc(arena, capacity);
    size_t point_capacity = POINTS_OF_BYTES(rest.length) + 4;
    uint32_t *points = arena_alloc(arena, point_capacity * sizeof(*points));

    size_t count = 0;
    for (size_t i = 0, size; i < rest.length; i += size) {
        assert(count + 4 <= point_capacity);
        count += decompose(text_code_point(rest, i, &size), points + count);
    }
    order_marks(points, count, arena);
    count = compose(points, count);

    memcpy(composed, text.at, settled);
    size_t length = settled;
    for (size_t i = 0; i < count; i++) {
        char encoded[4];
        size_t size = encode(POINT_CODE(points[i]), encoded);
        assert(length + size <= capacity);
        memcpy(composed + length, encoded, size);
        length += size;
    }
    if (span_equal(span_of(composed, length), text)) {
        arena_reset(arena, mark);
        return text;
    }
    arena_reset(arena, (size_t)(composed + length - arena->base));
    return span_of(composed, length);
}
