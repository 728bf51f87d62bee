/* The answers of Sentinels, and which master they make. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/redis/sentinel_votes.h"

static redisReply text(const char *value)
{
    return (redisReply){.type = REDIS_REPLY_STRING, .str = (char *)value, .len = strlen(value)};
}

/* What a Sentinel answers with these two texts. */
static struct sentinel_answer address(const char *host, const char *port)
{
    redisReply parts[2] = {text(host), text(port)}, *elements[] = {&parts[0], &parts[1]};
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = elements};
    struct sentinel_answer answer;
    sentinel_answer_read(&answer, &reply, "");
    return answer;
}

static struct sentinel_answer other(redisReply reply)
{
    struct sentinel_answer answer;
    sentinel_answer_read(&answer, &reply, "");
    return answer;
}

static const struct {
    const char *host, *port, *place;
} places[] = {
    {"10.0.0.1", "6379", "10.0.0.1:6379"},
    {"fe80::1", "6379", "[fe80::1]:6379"},
    {"redis-0.redis.svc.cluster.local", "1", "redis-0.redis.svc.cluster.local:1"},
    {"h", "65535", "h:65535"},
};

START_TEST(address_is_read)
{
    const struct sentinel_answer answer = address(places[_i].host, places[_i].port);
    char place[REDIS_PLACE_BYTES];
    ck_assert_int_eq(answer.vote, VOTE_NAMED);
    redis_place_text(&answer.place, place);
    ck_assert_str_eq(place, places[_i].place);
}
END_TEST

static const struct {
    const char *host, *port;
} no_places[] = {
    {"", "6379"},          {"10.0.0.1", ""},      {"10.0.0.1", "0"},      {"10.0.0.1", "65536"},
    {"10.0.0.1", "-1"},    {"10.0.0.1", "6379 "}, {"10.0.0.1", "123456"}, {"10.0.0.1", "0x1"},
    {"two words", "6379"}, {"h\n", "6379"},       {"h\xc3\xa4", "6379"},
};

START_TEST(garbage_is_no_address)
{
    const struct sentinel_answer answer = address(no_places[_i].host, no_places[_i].port);
    ck_assert_int_eq(answer.vote, VOTE_NONE);
    ck_assert_str_eq(answer.error, "its answer is no address");
}
END_TEST

START_TEST(other_answers_are_no_address)
{
    char longest[REDIS_HOST_BYTES + 1] = "";
    memset(longest, 'h', sizeof(longest) - 1);
    ck_assert_int_eq(address(longest, "1").vote, VOTE_NONE);
    longest[REDIS_HOST_BYTES - 1] = '\0';
    ck_assert_int_eq(address(longest, "1").vote, VOTE_NAMED);
    ck_assert_int_eq(other((redisReply){.type = REDIS_REPLY_NIL}).vote, VOTE_UNKNOWN);
    ck_assert_int_eq(other(text("10.0.0.1")).vote, VOTE_NONE);
    ck_assert_int_eq(other((redisReply){.type = REDIS_REPLY_ARRAY}).vote, VOTE_NONE);
    ck_assert_int_eq(other((redisReply){.type = REDIS_REPLY_INTEGER}).vote, VOTE_NONE);
    redisReply error = text("ERR unknown command 'SENTINEL', with args beginning with: ");
    error.type = REDIS_REPLY_ERROR;
    ck_assert_str_eq(other(error).error, "it is no Sentinel");
    error = text("NOAUTH Authentication required.");
    error.type = REDIS_REPLY_ERROR;
    ck_assert_str_eq(other(error).error, "NOAUTH Authentication required.");
    ck_assert_int_eq(other(error).vote, VOTE_NONE);
}
END_TEST

START_TEST(more_than_half_is_needed)
{
    static const size_t needed[] = {0, 1, 2, 2, 3, 3, 4, 4};
    for (size_t count = 1; count < sizeof(needed) / sizeof(needed[0]); count++)
        ck_assert_uint_eq(sentinel_votes_needed(count), needed[count]);
}
END_TEST

/* Each word of `says` is a Sentinel: a name and port that it names, `-` for silence, `?` for a name that it does not
 * know. */
static const struct {
    const char *says;
    enum sentinel_verdict verdict;
    const char *text; /* the master, or the error */
} elections[] = {
    {"a:1", SENTINELS_AGREE, "a:1"},
    {"a:1 A:1 -", SENTINELS_AGREE, "a:1"},
    {"b:1 a:1 a:1", SENTINELS_AGREE, "a:1"},
    {"? a:1 a:1", SENTINELS_AGREE, "a:1"},
    {"a:1 a:1 a:1 b:1 -", SENTINELS_AGREE, "a:1"},
    {"a:1 a:2 -", SENTINELS_DISAGREE,
     "the Sentinels do not agree on the master, where 2 of 3 must: s1:1 names a:1; s2:1 names a:2; s3:1: silent"},
    {"a:1 b:1", SENTINELS_DISAGREE,
     "the Sentinels do not agree on the master, where 2 of 2 must: s1:1 names a:1; s2:1 names b:1"},
    {"a:1 ? ?", SENTINELS_DISAGREE,
     "the Sentinels do not agree on the master, where 2 of 3 must: s1:1 names a:1; s2:1 does not know clients; s3:1 "
     "does not know clients"},
    {"a:1 - -", SENTINELS_SILENT,
     "too few Sentinels answer, 1 of 3, where 2 must: s1:1 names a:1; s2:1: silent; s3:1: silent"},
    {"a:1 a:1 - -", SENTINELS_SILENT,
     "too few Sentinels answer, 2 of 4, where 3 must: s1:1 names a:1; s2:1 names a:1; s3:1: silent; s4:1: silent"},
    {"- - -", SENTINELS_SILENT, "no Sentinel answers: s1:1: silent; s2:1: silent; s3:1: silent"},
    {"? - ?", SENTINELS_NO_SUCH_MASTER,
     "no Sentinel that answers knows a master named clients (redis.master): s1:1 does not know clients; s2:1: silent; "
     "s3:1 does not know clients"},
    {"? - -", SENTINELS_NO_SUCH_MASTER,
     "no Sentinel that answers knows a master named clients (redis.master): s1:1 does not know clients; s2:1: silent; "
     "s3:1: silent"},
};

START_TEST(majority_makes_the_master)
{
    char says[64], error[512], place[REDIS_PLACE_BYTES], names[REDIS_SENTINELS_MOST][8], *items[REDIS_SENTINELS_MOST],
        *rest = says;
    struct config config = {.redis = {.address = {.items = items}, .master = "clients"}};
    struct sentinel_votes votes;
    struct redis_place master;
    snprintf(says, sizeof(says), "%s", elections[_i].says);
    for (char *word; (word = strsep(&rest, " "));) {
        const size_t number = config.redis.address.count++;
        snprintf(names[number], sizeof(names[number]), "s%zu:1", number + 1);
        items[number] = names[number];
        char *colon = strchr(word, ':');
        if (colon)
            *colon = '\0';
        if (word[0] == '-')
            sentinel_answer_read(&votes.answers[number], NULL, "silent");
        else
            votes.answers[number] = colon ? address(word, colon + 1) : other((redisReply){.type = REDIS_REPLY_NIL});
    }
    ck_assert_int_eq(sentinel_votes_count(&votes, &config, &master, error, sizeof(error)), elections[_i].verdict);
    if (elections[_i].verdict == SENTINELS_AGREE)
        redis_place_text(&master, place);
    ck_assert_str_eq(elections[_i].verdict == SENTINELS_AGREE ? place : error, elections[_i].text);
}
END_TEST

START_TEST(long_texts_are_cut)
{
    char *items[REDIS_SENTINELS_MOST], error[32], name[REDIS_HOST_BYTES] = "";
    memset(name, 'n', sizeof(name) - 1);
    struct config config = {.redis = {.address = {.items = items, .count = REDIS_SENTINELS_MOST}, .master = name}};
    struct sentinel_votes votes;
    struct redis_place master;
    for (size_t i = 0; i < REDIS_SENTINELS_MOST; i++) {
        items[i] = name;
        sentinel_answer_read(&votes.answers[i], NULL, name);
    }
    ck_assert_int_eq(sentinel_votes_count(&votes, &config, &master, error, sizeof(error)), SENTINELS_SILENT);
    ck_assert_uint_eq(strlen(error), sizeof(error) - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sentinel_votes");
    TCase *tcase = tcase_create("sentinel_votes");
    tcase_add_loop_test(tcase, address_is_read, 0, sizeof(places) / sizeof(places[0]));
    tcase_add_loop_test(tcase, garbage_is_no_address, 0, sizeof(no_places) / sizeof(no_places[0]));
    tcase_add_test(tcase, other_answers_are_no_address);
    tcase_add_test(tcase, more_than_half_is_needed);
    tcase_add_loop_test(tcase, majority_makes_the_master, 0, sizeof(elections) / sizeof(elections[0]));
    tcase_add_test(tcase, long_texts_are_cut);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
