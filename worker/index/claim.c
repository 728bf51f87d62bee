#include "worker/index/claim.h"

#include <assert.h>

#include "common/decimal.h"
#include "common/timestamp.h"

bool stored_client_parse(struct span value, struct stored_client *stored)
{
    const char *line_end = memchr(value.at, '\n', value.length);
    if (!line_end)
        return false;
    struct span line = span_of(value.at, (size_t)(line_end - value.at));
    const char *space = memrchr(line.at, ' ', line.length);
    if (!space)
        return false;
    stored->source = span_of(line.at, (size_t)(space - line.at));
    stored->hash = span_from(line, stored->source.length + 1);
    stored->record = span_from(value, line.length + 1);
    return stored->hash.length == HASH_LENGTH;
}

bool stored_client_can_be(struct span source, struct span hash)
{
    return source.length <= STORED_SOURCE_BYTES && hash.length == HASH_LENGTH && !memchr(hash.at, ' ', hash.length) &&
           !memchr(hash.at, '\n', hash.length) && (source.length == 0 || !memchr(source.at, '\n', source.length));
}

bool stored_client_is_sound(struct span value)
{
    struct stored_client stored;
    return value.length > 0 && stored_client_parse(value, &stored) && stored.source.length <= STORED_SOURCE_BYTES;
}

/* Removes a slash and a decimal number from the end of *text, and returns the number. -1 if there is none. */
static int64_t take_number(struct span *text)
{
    const char *slash = memrchr(text->at, '/', text->length);
    if (!slash)
        return -1;
    struct span digits = span_from(*text, (size_t)(slash - text->at) + 1);
    if (digits.length == 0 || digits.length > DECIMAL_BYTES - 1)
        return -1;
    int64_t number = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digits.at[i] - '0', &number))
            return -1;
    }
    text->length = (size_t)(slash - text->at);
    return number;
}

bool source_parse(struct span source, struct span topic, int64_t *partition, int64_t *offset)
{
    *offset = take_number(&source);
    *partition = take_number(&source);
    return *offset >= 0 && *partition >= 0 && span_equal(source, topic);
}

/* True if `source` is in the item's partition; then *offset is its offset. */
static bool source_offset(const struct item *item, struct span source, int64_t *offset)
{
    int64_t partition;
    return source_parse(source, span_of_text(item->from.topic), &partition, offset) &&
           partition == item->from.partition;
}

bool claim_is_later(const struct item *item, struct span source, int64_t *offset)
{
    return source_offset(item, source, offset) && *offset > item->from.offset;
}

/* The relation of a stored client to a command with the same id. */
enum relation {
    RELATION_OWN,         /* the same command made it in a run that did not commit */
    RELATION_UNCOMMITTED, /* a run that did not commit made it, for a later command of the same partition; in a replay,
                             for any other command */
    RELATION_SAME,        /* an earlier command with the same bytes made it */
    RELATION_DIFFERENT    /* an earlier command with other bytes made it */
};

/* True if the record was made at the item's time. Otherwise it comes from an earlier topic of the same name. A record
 * begins with id, object and createdAt, all of fixed length (record.c). */
static bool is_of_this_log(const struct item *item, const struct stored_client *stored)
{
    static const char before[] = "{\"id\":\"", behind[] = "\",\"object\":\"client\",\"createdAt\":\"";
    const size_t head = sizeof(before) - 1 + CLIENT_ID_LENGTH + sizeof(behind) - 1;
    char created[TIME_LENGTH];
    if (stored->record.length < head + TIME_LENGTH)
        return true;
    time_text(item->from.timestamp_ms, created);
    return memcmp(stored->record.at + head, created, TIME_LENGTH) == 0;
}

static enum relation relation(const struct item *item, const struct stored_client *stored, int64_t committed,
                              enum claim_standing standing)
{
    int64_t offset;
    bool same_partition = source_offset(item, stored->source, &offset);
    bool same_bytes = span_equal(stored->hash, span_of(item->hash, HASH_LENGTH));
    /* A rejected command displaces no client. So a client of a later offset never decides on it, committed or not. */
    bool counts = offset < committed && item->outcome != OUTCOME_REJECTED;
    if (standing == CLAIM_BY_OFFSET && same_partition && offset > item->from.offset && !counts)
        return RELATION_UNCOMMITTED;
    if (standing != CLAIM_RECORDED && same_partition && offset == item->from.offset && same_bytes &&
        is_of_this_log(item, stored))
        return RELATION_OWN;
    if (standing != CLAIM_RECORDED && standing != CLAIM_BY_OFFSET)
        return RELATION_UNCOMMITTED;
    return same_bytes ? RELATION_SAME : RELATION_DIFFERENT;
}

bool claim_is_own(const struct item *item, const struct stored_client *stored)
{
    return relation(item, stored, 0, CLAIM_BY_OFFSET) == RELATION_OWN;
}

/* True if the finding has a client of the item's id that counts. */
static bool finding_decides(const struct item *item, const struct claim_finding *finding, struct stored_client *stored)
{
    return finding->stored.at && stored_client_parse(finding->stored, stored) &&
           relation(item, stored, finding->stored_is_uncommitted ? 0 : finding->committed, finding->stored_standing) !=
               RELATION_UNCOMMITTED;
}

static bool owner_is_future(const struct item *item, const struct claim_finding *finding)
{
    struct stored_client owner;
    return finding->owner_line.at && stored_client_parse(finding->owner_line, &owner) &&
           relation(item, &owner, finding->owner_is_uncommitted ? 0 : finding->committed, finding->owner_standing) ==
               RELATION_UNCOMMITTED;
}

bool claim_is_blocked(const struct item *item, const struct claim_finding *finding)
{
    struct stored_client stored;
    if (finding_decides(item, finding, &stored))
        return true;
    return finding->owner.at && !span_equal(finding->owner, span_of(item->client_id, CLIENT_ID_LENGTH)) &&
           !owner_is_future(item, finding);
}

static void apply_stored(struct item *item, const struct stored_client *stored, const struct claim_finding *finding)
{
    enum relation how = relation(item, stored, finding->committed, finding->stored_standing);
    if (how == RELATION_DIFFERENT || finding->stored_is_too_long) {
        item->outcome = OUTCOME_REJECTED;
        item->error = ERROR_COMMAND_ID_CONFLICT;
        item->error_message =
            SPAN("this command id already created a client from a different body, must be a new id for a new client");
        return;
    }
    item->outcome = how == RELATION_OWN ? OUTCOME_CREATED : OUTCOME_DUPLICATE;
    item->error = ERROR_NONE;
    item->record = stored->record;
}

void claim_apply(struct item *item, const struct claim_finding *finding)
{
    struct stored_client stored;
    if (finding_decides(item, finding, &stored)) {
        apply_stored(item, &stored, finding);
    } else if (item->outcome == OUTCOME_UNDECIDED) {
        assert(claim_is_blocked(item, finding));
        item_reject(item, ERROR_EMAIL_TAKEN,
                    SPAN("another client of the workspace has this email, must be one that no client has"));
        item->existing_client_id = finding->owner;
    }
}
