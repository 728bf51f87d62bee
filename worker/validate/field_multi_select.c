/* The type multiSelect: an array of keys of the field's options. */
#include <assert.h>
#include <strings.h>

#include "common/json_writer.h"
#include "common/text.h"
#include "worker/validate/field.h"
#include "worker/validate/suggest.h"

/* The options that a command is compared with for this, at most: a fraction of a millisecond. It is enough for a
 * hundred wrong elements where a field has 655 options. */
#define CASE_WORK ((size_t)1 << 16)

/* The option that differs from `key` only in the case of ASCII letters, or NULL. */
static const struct span *option_in_other_case(struct check *check, const struct field *field, struct span key)
{
    for (uint32_t i = 0; i < field->option_count && check->cased < CASE_WORK; i++, check->cased++)
        if (field->options[i].length == key.length && strncasecmp(field->options[i].at, key.at, key.length) == 0)
            return &field->options[i];
    return NULL;
}

/* The option that is the same text in another Unicode form, which looks the same, or NULL. */
static const struct span *option_in_other_form(struct check *check, const struct field *field, struct span key)
{
    const size_t mark = check->arena->used;
    const struct span *found = NULL;
    if (text_is_printable_ascii(key) || key.length > FIELD_KEY_BYTES)
        return NULL;
    const struct span composed = text_compose(key, check->arena);
    const size_t behind = check->arena->used;
    for (uint32_t i = 0; !found && i < field->option_count && check->compared < CHOICES_WORK; i++) {
        const struct span option = field->options[i];
        check->compared += option.length;
        if (!text_is_printable_ascii(option) && span_equal(text_compose(option, check->arena), composed))
            found = &field->options[i];
        arena_reset(check->arena, behind);
    }
    arena_reset(check->arena, mark);
    return found;
}

static bool written_fail(struct check *check, const struct field *field, struct span key, struct span option)
{
    return check_fail(check, ERROR_OPTION_UNKNOWN, "%s is not an option of %s, must be written %s%s",
                      quote_of(check, key), name_of(check, field->key), name_of(check, option),
                      suggest_difference(check, key, option));
}

static bool option_fail(struct check *check, const struct field *field, struct span key)
{
    /* A violation that is not listed needs no message, and an array may hold a hundred thousand of them. */
    if (check->item->violations_full)
        return check_fail(check, ERROR_OPTION_UNKNOWN, "is not an option of the field");

    const char *quoted = quote_of(check, key), *of = name_of(check, field->key);
    if (field->option_count == 0)
        return check_fail(check, ERROR_OPTION_UNKNOWN, "%s is not an option of %s, which has none: it must be left out",
                          quoted, of);
    const struct span *other = option_in_other_case(check, field, key);
    if (!other)
        other = option_in_other_form(check, field, key);
    if (other)
        return written_fail(check, field, key, *other);
    struct choices choices;
    char names[CHOICES_SIZE];
    choices_open(&choices, key, &check->compared);
    uint32_t offered = 0;
    for (; offered < field->option_count && !choices_are_settled(&choices); offered++)
        choices_offer(&choices, field->options[offered], SPAN_NONE);
    choices_leave(&choices, field->option_count - offered);
    if (choices_meant(&choices) == 1 && suggest_difference(check, key, choices.nearest[0].name)[0] != '\0')
        return written_fail(check, field, key, choices.nearest[0].name);
    choices_write(&choices, CHOICES_LISTED, ", ", true, names);
    return check_fail(check, ERROR_OPTION_UNKNOWN, "%s is not an option of %s, must be one of %s", quoted, of, names);
}

/* The option that the element at `node` names, or -1. */
static int element_option(const struct field *field, const struct json_document *document, uint32_t node)
{
    return document->nodes[node].type == NODE_STRING ? field_option(field, json_text(document, node)) : -1;
}

/* Adds a violation for every element that names no option. Always returns false. */
static bool elements_fail(struct check *check, const struct field *field, const struct json_document *document,
                          uint32_t array)
{
    uint32_t index = 0;
    const struct json_node *nodes = document->nodes;
    for (uint32_t node = array + 1; node < nodes[array].next; node = nodes[node].next) {
        check_enter_index(check, index++);
        if (nodes[node].type != NODE_STRING)
            check_fail_type(check, "a string, the key of an option", nodes[node].type);
        else if (element_option(field, document, node) < 0)
            option_fail(check, field, json_text(document, node));
        check_leave(check);
    }
    return false;
}

/* Checks minSelected and maxSelected. */
static bool count_holds(struct check *check, const struct rules *rules, uint32_t count)
{
    if (rules->has_min_selected && count < rules->min_selected)
        return check_fail(check, ERROR_TOO_FEW, "must select at least %u option%s, not %u", rules->min_selected,
                          rules->min_selected == 1 ? "" : "s", count);
    if (rules->has_max_selected && count > rules->max_selected)
        return check_fail(check, ERROR_TOO_MANY, "must select at most %u option%s, not %u", rules->max_selected,
                          rules->max_selected == 1 ? "" : "s", count);
    return true;
}

/* The options that an array has named. */
struct option_set {
    uint64_t few;  /* one bit for each, of a field with up to 64 */
    bool *further; /* of any other field; NULL */
};

/* Adds an option. Returns false if the set had it. */
static inline bool option_set_add(struct option_set *set, int option)
{
    bool is_new;
    if (set->further) {
        is_new = !set->further[option];
        set->further[option] = true;
    } else {
        const uint64_t bit = UINT64_C(1) << option;
        is_new = !(set->few & bit);
        set->few |= bit;
    }
    return is_new;
}

/* The first of each option stays, in order. Behind the text that becomes of them there is room for the set, so that it
 * is free again in the end. It takes memory in proportion to the field's options, not to the value. */
bool field_multi_select_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                                 uint32_t node, struct span *normal)
{
    const struct json_node *nodes = document->nodes;
    if (nodes[node].type != NODE_ARRAY)
        return check_fail_type(check, "an array of option keys", nodes[node].type);

    const size_t room = JSON_STRING_BYTES((size_t)nodes[node].length); /* the array has quotes and a comma, too */
    char *const begin = arena_room(check->arena, room + field->option_count), *to = begin;
    struct option_set set = {0, NULL};
    if (field->option_count > 64)
        set.further = memset(begin + room, 0, field->option_count);
    uint32_t count = 0;
    *to++ = '[';
    for (uint32_t element = node + 1; element < nodes[node].next; element = nodes[element].next) {
        const int option = element_option(field, document, element);
        if (option < 0)
            return elements_fail(check, field, document, node);
        if (!option_set_add(&set, option))
            continue;
        if (count++ > 0)
            *to++ = ',';
        to = span_copy(to, field->option_tokens[option]);
    }
    if (!count_holds(check, &field->rules, count))
        return false;
    *to++ = ']';
    assert((size_t)(to - begin) <= room);
    check->arena->used += (size_t)(to - begin);
    *normal = span_of(begin, (size_t)(to - begin));
    return true;
}
