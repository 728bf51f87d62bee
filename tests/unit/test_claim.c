/* claim: which clients in the index count against a command: for the daemon by their offsets, for a replay by whether
 * they have a record. And the names that a replay may have. */
#include "tests/unit/evaluating.h"

#include <string.h>

#include "worker/index/claim.h"
#include "worker/replay/replay_apply.h"

#define TOPIC "clients.commands"
#define HASH  "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"

static const char id[] = "29a80abc-8d1c-5000-8000-000000000001";
static const char stranger[] = "29a80abc-8d1c-5000-8000-000000000002";

/* A valid command at offset 10 of partition 0. */
static struct item item_new(void)
{
    struct item item = {.from = {TOPIC, 0, 10, 0}, .has_identity = true, .outcome = OUTCOME_UNDECIDED};
    memcpy(item.hash, HASH, HASH_LENGTH);
    memcpy(item.client_id, id, CLIENT_ID_LENGTH);
    return item;
}

#define LINE(place, hash) SPAN(TOPIC place " " hash "\n{}")

static struct claim_finding stored(struct span value, enum claim_standing standing)
{
    return (struct claim_finding){.stored = value, .committed = 100, .stored_standing = standing};
}

static struct claim_finding owned(struct span line, enum claim_standing standing)
{
    return (struct claim_finding){
        .owner = span_of(stranger, CLIENT_ID_LENGTH), .owner_line = line, .committed = 100, .owner_standing = standing};
}

static const enum claim_standing not_counted[] = {CLAIM_UNRECORDED, CLAIM_FENCED};

START_TEST(claim_without_a_record_does_not_count_wherever_it_comes_from)
{
    const struct span lines[] = {LINE("/0/3", HASH), LINE("/0/3", OTHER), LINE("/0/10", OTHER), LINE("/0/99", HASH),
                                 LINE("/1/3", HASH)};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        for (size_t j = 0; j < 2; j++) {
            const struct item item = item_new();
            const struct claim_finding by_id = stored(lines[i], not_counted[j]);
            const struct claim_finding by_email = owned(lines[i], not_counted[j]);
            ck_assert(!claim_is_blocked(&item, &by_id));
            ck_assert(!claim_is_blocked(&item, &by_email));
        }
}
END_TEST

START_TEST(own_claim_without_a_record_makes_the_client)
{
    struct item item = item_new();
    const struct claim_finding finding = stored(LINE("/0/10", HASH), CLAIM_UNRECORDED);
    ck_assert(claim_is_blocked(&item, &finding));
    claim_apply(&item, &finding);
    ck_assert_int_eq(item.outcome, OUTCOME_CREATED);
    ck_assert_int_eq(item.record.length, 2);
}
END_TEST

START_TEST(record_counts_also_of_a_later_offset_and_of_the_command_itself)
{
    const struct span lines[] = {LINE("/0/99", HASH), LINE("/0/10", HASH), LINE("/0/3", HASH)};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct item item = item_new();
        struct claim_finding finding = stored(lines[i], CLAIM_RECORDED);
        finding.committed = 0;
        ck_assert(claim_is_blocked(&item, &finding));
        claim_apply(&item, &finding);
        ck_assert_int_eq(item.outcome, OUTCOME_DUPLICATE);
    }
    struct item item = item_new();
    struct claim_finding finding = owned(LINE("/0/99", OTHER), CLAIM_RECORDED);
    finding.committed = 0;
    ck_assert(claim_is_blocked(&item, &finding));
    claim_apply(&item, &finding);
    ck_assert_int_eq(item.error, ERROR_EMAIL_TAKEN);
}
END_TEST

START_TEST(rejected_command_stays_rejected_beside_a_claim_without_a_record)
{
    struct item item = item_new();
    item.outcome = OUTCOME_REJECTED;
    item.error = ERROR_VALIDATION_FAILED;
    const struct claim_finding finding = stored(LINE("/0/3", HASH), CLAIM_UNRECORDED);
    claim_apply(&item, &finding);
    ck_assert_int_eq(item.outcome, OUTCOME_REJECTED);
    ck_assert_int_eq(item.error, ERROR_VALIDATION_FAILED);
}
END_TEST

START_TEST(the_daemon_goes_by_offsets)
{
    const struct item item = item_new();
    struct claim_finding later = stored(LINE("/0/99", HASH), CLAIM_BY_OFFSET);
    ck_assert(claim_is_blocked(&item, &later)); /* it was committed: before 100 */
    later.committed = 99;
    ck_assert(!claim_is_blocked(&item, &later));
    const struct claim_finding elsewhere = owned(LINE("/1/99", OTHER), CLAIM_BY_OFFSET);
    ck_assert(claim_is_blocked(&item, &elsewhere));
}
END_TEST

START_TEST(source_has_every_offset_that_kafka_has)
{
    static const struct {
        const char *source;
        int64_t offset; /* -1: it is no source */
    } cases[] = {{TOPIC "/0/0", 0},
                 {TOPIC "/0/999999999999999999", INT64_C(999999999999999999)},
                 {TOPIC "/0/1000000000000000000", INT64_C(1000000000000000000)},
                 {TOPIC "/0/9223372036854775807", INT64_MAX},
                 {TOPIC "/0/9223372036854775808", -1},
                 {TOPIC "/0/9999999999999999999", -1},
                 {TOPIC "/0/09223372036854775807", -1},
                 {TOPIC "/0/", -1},
                 {TOPIC "/0/1x", -1},
                 {"other/0/1", -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t partition, offset;
        const bool ok = source_parse(span_of_text(cases[i].source), SPAN(TOPIC), &partition, &offset);
        ck_assert_msg(ok == (cases[i].offset >= 0), "%s", cases[i].source);
        ck_assert_msg(!ok || offset == cases[i].offset, "%s", cases[i].source);
    }
}
END_TEST

START_TEST(names_of_replays)
{
    const char *const legal[] = {"a", "2026-11-26", "A.b_c-9",
                                 "0123456789012345678901234567890123456789012345678901234567890123"};
    const char *const illegal[] = {
        "", "a b", "a/b", "a:b", "\xc3\xa4", "01234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof(legal) / sizeof(legal[0]); i++)
        ck_assert_msg(replay_name_is_legal(legal[i]), "%s", legal[i]);
    for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
        ck_assert_msg(!replay_name_is_legal(illegal[i]), "%s", illegal[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claim");
    TCase *tests = tcase_create("claim");
    tcase_add_test(tests, claim_without_a_record_does_not_count_wherever_it_comes_from);
    tcase_add_test(tests, own_claim_without_a_record_makes_the_client);
    tcase_add_test(tests, record_counts_also_of_a_later_offset_and_of_the_command_itself);
    tcase_add_test(tests, rejected_command_stays_rejected_beside_a_claim_without_a_record);
    tcase_add_test(tests, the_daemon_goes_by_offsets);
    tcase_add_test(tests, source_has_every_offset_that_kafka_has);
    tcase_add_test(tests, names_of_replays);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
