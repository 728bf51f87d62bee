#include "worker/index/checkpoint.h"

#include <stdio.h>
#include <string.h>

/* Parses the part before the space. Returns its length with the space, or 0 if it is not the head of a checkpoint. */
static size_t parse_head(struct span text, struct checkpoint *checkpoint)
{
    size_t most = text.length < CHECKPOINT_HEAD_BYTES ? text.length : CHECKPOINT_HEAD_BYTES;
    const char *space = text.at ? memchr(text.at, ' ', most) : NULL;
    struct offsets numbers;
    if (!space || !offsets_parse(span_of(text.at, (size_t)(space - text.at)), &numbers))
        return 0;
    *checkpoint = (struct checkpoint){offsets_get(&numbers, 0), offsets_get(&numbers, 1), offsets_get(&numbers, 2),
                                      offsets_get(&numbers, 3)};
    bool ok = (numbers.count == 2 || (numbers.count == 3 && checkpoint->nonce > 0) ||
               (numbers.count == 4 && checkpoint->nonce > 0 && checkpoint->time_ms > 0)) &&
              checkpoint->next != OFFSET_NONE && checkpoint->highest >= checkpoint->next;
    offsets_free(&numbers);
    return ok ? (size_t)(space - text.at) + 1 : 0;
}

bool checkpoint_parse(struct span text, struct checkpoint *checkpoint, struct offsets *record_ends)
{
    *record_ends = (struct offsets){0};
    size_t head = parse_head(text, checkpoint);
    return head > 0 && offsets_parse(span_from(text, head), record_ends);
}

struct checkpoint checkpoint_head(struct span text)
{
    struct checkpoint checkpoint;
    return parse_head(text, &checkpoint) > 0 ? checkpoint : CHECKPOINT_NONE;
}

struct span checkpoint_write_head(const struct checkpoint *checkpoint, char head[CHECKPOINT_HEAD_BYTES])
{
    int length =
        snprintf(head, CHECKPOINT_HEAD_BYTES, "%lld,%lld", (long long)checkpoint->next, (long long)checkpoint->highest);
    if (checkpoint->nonce > 0)
        length +=
            snprintf(head + length, CHECKPOINT_HEAD_BYTES - (size_t)length, ",%lld", (long long)checkpoint->nonce);
    if (checkpoint->nonce > 0 && checkpoint->time_ms > 0)
        length +=
            snprintf(head + length, CHECKPOINT_HEAD_BYTES - (size_t)length, ",%lld", (long long)checkpoint->time_ms);
    length += snprintf(head + length, CHECKPOINT_HEAD_BYTES - (size_t)length, " ");
    return span_of(head, (size_t)length);
}

/* At the first answer any checkpoint beyond it is ahead. At the second one, only if one was ahead before that is beyond
 * this answer, too. */
static bool is_ahead(const struct checkpoint *checkpoint, const struct group_progress *group)
{
    return checkpoint->next > 0 && checkpoint->next > group->committed &&
           (!group->is_repeated || group->ahead_before > group->committed);
}

struct checkpoint_finding checkpoint_compare(const struct checkpoint *checkpoint, const struct group_progress *group)
{
    const int64_t committed = group->committed;
    const bool of_another_commit = checkpoint->next == committed && checkpoint->nonce != group->nonce;
    struct checkpoint_finding finding = {.is_ahead = is_ahead(checkpoint, group)};
    finding.is_behind = finding.is_ahead || (committed > 0 && (checkpoint->next < committed || of_another_commit));
    finding.offset_is_gone = finding.is_ahead && committed < 0;
    finding.offset_is_set = committed > 0 && committed > checkpoint->next && group->nonce == OFFSET_NONE;
    return finding;
}
