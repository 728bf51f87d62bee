#include "worker/letters/letter_groups.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/key_table.h"

#define KEY_BYTES (LETTER_CODE_BYTES + 2 + LETTER_CAUSE_BYTES)

struct letter_groups {
    struct letter_group *items; /* room for one more, beyond the table */
    struct span *keys;          /* "code\0" with a mark for an absent code, then the cause; each owned */
    uint32_t *slots;
    uint32_t count;
    struct key_table table;
    struct letter_group beyond;
};

struct letter_groups *letter_groups_new(void)
{
    struct letter_groups *groups = calloc(1, sizeof(*groups));
    const uint32_t slots = key_table_slots(LETTER_GROUPS);
    uint64_t seed;
    if (!groups)
        return NULL;
    groups->items = calloc(LETTER_GROUPS + 1, sizeof(*groups->items));
    groups->keys = calloc(LETTER_GROUPS + 1, sizeof(*groups->keys));
    groups->slots = calloc(slots, sizeof(*groups->slots));
    if (!groups->items || !groups->keys || !groups->slots ||
        getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        letter_groups_free(groups);
        return NULL;
    }
    key_table_open(&groups->table, groups->keys, groups->slots, slots, seed);
    return groups;
}

void letter_groups_free(struct letter_groups *groups)
{
    if (!groups)
        return;
    for (uint32_t i = 0; groups->keys && i < groups->count; i++)
        free((void *)(uintptr_t)groups->keys[i].at);
    free(groups->items);
    free(groups->keys);
    free(groups->slots);
    free(groups);
}

static void count(struct letter_group *group, const struct letter *letter)
{
    if (group->count == 0) {
        group->example = letter->place;
        group->first_ms = group->last_ms = letter->time_ms;
    }
    group->count++;
    if (letter->time_ms < group->first_ms)
        group->first_ms = letter->time_ms;
    if (letter->time_ms > group->last_ms)
        group->last_ms = letter->time_ms;
}

static size_t write_key(const struct letter *letter, char key[KEY_BYTES], size_t *code_length)
{
    size_t length = letter->code.length < LETTER_CODE_BYTES ? letter->code.length : LETTER_CODE_BYTES;
    if (length > 0)
        memcpy(key, letter->code.at, length);
    *code_length = length;
    key[length++] = '\0';
    key[length++] = letter->code.at ? '+' : '-';
    return length + letter_cause_write(letter->message, key + length);
}

bool letter_groups_add(struct letter_groups *groups, const struct letter *letter)
{
    char key[KEY_BYTES];
    size_t code_length;
    const size_t length = write_key(letter, key, &code_length);
    const int found = key_table_find(&groups->table, span_of(key, length));
    if (found >= 0) {
        count(&groups->items[found], letter);
        return true;
    }
    if (groups->count == LETTER_GROUPS) {
        count(&groups->beyond, letter);
        return true;
    }
    char *copy = malloc(length);
    if (!copy)
        return false;
    memcpy(copy, key, length);
    groups->keys[groups->count] = span_of(copy, length);
    const bool is_new = key_table_add(&groups->table, groups->count);
    (void)is_new;
    struct letter_group *group = &groups->items[groups->count++];
    group->code = letter->code.at ? span_of(copy, code_length) : SPAN_NONE;
    group->cause = span_of(copy + code_length + 2, length - code_length - 2);
    count(group, letter);
    return true;
}

static int by_count(const void *a, const void *b)
{
    const struct letter_group *one = a, *other = b;
    if (one->count != other->count)
        return one->count > other->count ? -1 : 1;
    return letter_place_order(&one->example, &other->example);
}

const struct letter_group *letter_groups_sorted(struct letter_groups *groups, size_t *group_count)
{
    qsort(groups->items, groups->count, sizeof(*groups->items), by_count);
    *group_count = groups->count;
    if (groups->beyond.count > 0)
        groups->items[(*group_count)++] = groups->beyond;
    return groups->items;
}
