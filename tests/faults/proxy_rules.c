#include "tests/faults/proxy_rules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 6

/* A word as a number; `otherwise` if there is no such word. False if it is something else. */
static bool number_of(const char *word, long otherwise, long *number)
{
    char *end = NULL;
    *number = word ? strtol(word, &end, 10) : otherwise;
    return !word || (end != word && *end == '\0' && *number >= 0);
}

static bool take_hang(struct rules *rules, const char *which)
{
    bool to_server = !which || strcmp(which, "to-server") == 0, to_client = !which || strcmp(which, "to-client") == 0;
    rules->hang[TO_SERVER] = to_server;
    rules->hang[TO_CLIENT] = to_client;
    return to_server || to_client;
}

static bool take_slice(struct rules *rules, char **words)
{
    long bytes, pause_ms;
    if (!number_of(words[1], 1, &bytes) || !number_of(words[2], 0, &pause_ms) || bytes == 0)
        return false;
    rules->slice_bytes = (size_t)bytes;
    rules->slice_pause_ms = (int)pause_ms;
    return true;
}

/* request|answer KEY drop|reset [COUNT], request|answer KEY delay MS [COUNT] */
static bool take_frames(struct frame_rule *rules, char **words)
{
    long key, delay_ms = 0, count;
    bool delayed = words[1] && words[2] && strcmp(words[2], "delay") == 0;
    if (!words[1] || !words[2] || !number_of(words[1], 0, &key) ||
        (delayed && (!words[3] || !number_of(words[3], 0, &delay_ms))) ||
        !number_of(words[delayed ? 4 : 3], LONG_MAX, &count))
        return false;
    enum frame_action action = delayed                          ? FRAME_DELAY
                               : strcmp(words[2], "drop") == 0  ? FRAME_DROP
                               : strcmp(words[2], "reset") == 0 ? FRAME_RESET
                                                                : FRAME_PASS;
    for (size_t i = 0; i < FRAME_RULES && action != FRAME_PASS; i++)
        if (rules[i].left == 0) {
            rules[i] = (struct frame_rule){action, (int)key, (int)delay_ms, count};
            return true;
        }
    return false;
}

enum command rules_take(struct rules *rules, char *line, long *number)
{
    char *words[WORDS] = {0}, *rest = line;
    for (size_t i = 0; i + 1 < WORDS && (words[i] = strtok_r(rest, " \n", &rest)); i++)
        continue;
    const char *verb = words[0] ? words[0] : "";
    if (strcmp(verb, "status") == 0)
        return COMMAND_STATUS;
    if (strcmp(verb, "reset") == 0)
        return COMMAND_RESET;
    if (strcmp(verb, "pass") == 0) {
        unsigned long matched = rules->matched;
        *rules = (struct rules){.matched = matched};
        return COMMAND_RULES;
    }
    if (strcmp(verb, "cut") == 0 && words[1] && number_of(words[1], 0, number))
        return COMMAND_CUT;
    bool taken = false;
    if (strcmp(verb, "refuse") == 0)
        taken = rules->refuse = true;
    else if (strcmp(verb, "hang") == 0)
        taken = take_hang(rules, words[1]);
    else if (strcmp(verb, "slice") == 0)
        taken = take_slice(rules, words);
    else if (strcmp(verb, "request") == 0)
        taken = take_frames(rules->frames[TO_SERVER], words);
    else if (strcmp(verb, "answer") == 0)
        taken = take_frames(rules->frames[TO_CLIENT], words);
    else if (strcmp(verb, "delay") == 0 && (taken = words[1] && number_of(words[1], 0, number)))
        rules->delay_ms = (int)*number;
    else if (strcmp(verb, "rate") == 0 && (taken = words[1] && number_of(words[1], 0, number)))
        rules->rate = (size_t)*number;
    return taken ? COMMAND_RULES : COMMAND_WRONG;
}

const struct frame_rule *rules_meet(struct rules *rules, enum direction direction, int api_key)
{
    for (size_t i = 0; i < FRAME_RULES; i++) {
        struct frame_rule *rule = &rules->frames[direction][i];
        if (rule->left == 0 || rule->api_key != api_key)
            continue;
        rule->left--;
        rules->matched++;
        return rule;
    }
    return NULL;
}
