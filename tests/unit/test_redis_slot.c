/* The slots of a Redis Cluster: the vectors of its specification, and a tag for each slot. tests/live/redis_cluster.sh
 * compares with a real server. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_check.h"
#include "worker/redis/redis_slot.h"

/* CRC16 as the specification writes it down, bit by bit. */
static uint16_t slow_crc16(struct span bytes)
{
    unsigned crc = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        crc ^= (unsigned)(unsigned char)bytes.at[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
    }
    return (uint16_t)crc;
}

START_TEST(crc_is_that_of_the_specification)
{
    ck_assert_uint_eq(redis_crc16(SPAN("123456789")), 0x31c3);
    ck_assert_uint_eq(redis_crc16(SPAN("")), 0);
    ck_assert_uint_eq(redis_slot_of(SPAN("123456789")), 12739);
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            const char bytes[] = {(char)first, (char)second, '\xff', '\0', (char)first};
            ck_assert_uint_eq(redis_crc16(span_of(bytes, sizeof(bytes))), slow_crc16(span_of(bytes, sizeof(bytes))));
        }
    }
}
END_TEST

/* Keys, and what of them is hashed. */
static const struct {
    const char *key, *hashed;
} keys[] = {
    {"{user1000}.following", "user1000"},
    {"{user1000}.followers", "user1000"},
    {"foo{}{bar}", "foo{}{bar}"},
    {"foo{{bar}}zap", "{bar"},
    {"foo{bar}{zap}", "bar"},
    {"{}", "{}"},
    {"{", "{"},
    {"}", "}"},
    {"}a{", "}a{"},
    {"}{a}", "a"},
    {"a{b", "a{b"},
    {"a{b}", "b"},
    {"", ""},
    {"client:{acme}:0d1f", "acme"},
    {"client-email:{acme}:a{b}@example.com", "acme"},
    {"custom-fields:{acme}", "acme"},
    {"client-intake:epoch", "client-intake:epoch"},
};

START_TEST(only_the_tag_is_hashed)
{
    const struct span key = span_of_text(keys[_i].key), hashed = span_of_text(keys[_i].hashed);
    ck_assert_uint_eq(redis_slot_of(key), slow_crc16(hashed) % REDIS_SLOTS);
}
END_TEST

START_TEST(key_may_be_nothing_or_have_any_bytes)
{
    ck_assert_uint_eq(redis_slot_of(SPAN_NONE), 0);
    const char bytes[] = {'{', '\0', '}', '\0'};
    ck_assert_uint_eq(redis_slot_of(span_of(bytes, sizeof(bytes))), redis_crc16(span_of(bytes + 1, 1)) % REDIS_SLOTS);
}
END_TEST

START_TEST(each_tag_is_in_its_slot)
{
    size_t longest = 0;
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++) {
        const struct span tag = redis_slot_tag(slot);
        char key[64] = "client-intake:{";
        ck_assert(tag.length > 0 && tag.length <= REDIS_SLOT_TAG_LENGTH && strlen(tag.at) == tag.length);
        ck_assert_uint_eq(strspn(tag.at, "0123456789"), tag.length);
        ck_assert_uint_eq(redis_slot_of(tag), slot);
        strcat(strcat(key, tag.at), "}:fence");
        ck_assert_uint_eq(redis_slot_of(span_of_text(key)), slot);
        longest = tag.length > longest ? tag.length : longest;
    }
    ck_assert_uint_eq(longest, REDIS_SLOT_TAG_LENGTH);
}
END_TEST

/* Names of keys are made of them, so they must never change. */
START_TEST(tags_stay_as_they_are)
{
    static const struct {
        unsigned slot;
        const char *tag;
    } known[] = {{0, "3560"}, {1, "22179"}, {8191, "42163"}, {16383, "39296"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        ck_assert_str_eq(redis_slot_tag(known[i].slot).at, known[i].tag);
    for (long counter = 0; counter < 110000; counter++) {
        char text[24];
        snprintf(text, sizeof(text), "%ld", counter);
        const struct span tag = redis_slot_tag(redis_slot_of(span_of_text(text)));
        ck_assert_int_le(strtol(tag.at, NULL, 10), counter);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis_slot");
    TCase *all = tcase_create("all");
    tcase_add_test(all, crc_is_that_of_the_specification);
    tcase_add_loop_test(all, only_the_tag_is_hashed, 0, (int)(sizeof(keys) / sizeof(keys[0])));
    tcase_add_test(all, key_may_be_nothing_or_have_any_bytes);
    tcase_add_test(all, each_tag_is_in_its_slot);
    tcase_add_test(all, tags_stay_as_they_are);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
