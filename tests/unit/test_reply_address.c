/* reply_address: the topics and partitions that a command may request for its reply. */
#include "tests/unit/evaluating.h"

#include "worker/validate/reply_address.h"

#define MOST_HEADERS 4

#define H(name, value)                                                                                                 \
    {                                                                                                                  \
        {name, sizeof(name) - 1},                                                                                      \
        {                                                                                                              \
            value, sizeof(value) - 1                                                                                   \
        }                                                                                                              \
    }
#define NULL_HEADER(name)                                                                                              \
    {                                                                                                                  \
        {name, sizeof(name) - 1},                                                                                      \
        {                                                                                                              \
            NULL, 0                                                                                                    \
        }                                                                                                              \
    }
#define SPRING(value)           H("kafka_replyTopic", value)
#define OURS(value)             H("reply-topic", value)
#define SMALLRYE(value)         H("REPLY_TOPIC", value)
#define SPRING_PARTITION(value) H("kafka_replyPartition", value)

#define TEN         "0123456789"
#define HUNDRED     TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define NAME_OF_249 "p." HUNDRED HUNDRED TEN TEN TEN TEN "0123.my"

static struct evaluating evaluating;

static void open_evaluating(void)
{
    static const char *const settings[] = {"replies.allowed=team-a.replies, *.reply, p.*.my, *_consumer_*", NULL};
    evaluating_open(&evaluating, NULL, settings);
}

static void close_evaluating(void)
{
    evaluating_close(&evaluating);
}

static struct item *asking(const struct header *headers)
{
    struct item *item = evaluating_item(&evaluating, "{}");
    item->headers = headers;
    while (item->header_count < MOST_HEADERS && headers[item->header_count].name.at)
        item->header_count++;
    return item;
}

/* ---- topics ---- */

static const struct {
    struct header headers[MOST_HEADERS];
    const char *topic; /* NULL: the default one */
    enum reply_absence absence;
} topics[] = {
    {{H("other", "")}, NULL, REPLY_ASKED_NOTHING},
    {{SPRING("team-a.replies")}, "team-a.replies", REPLY_AS_ASKED},
    {{OURS("team-a.replies")}, "team-a.replies", REPLY_AS_ASKED},
    {{SMALLRYE("team-a.replies")}, "team-a.replies", REPLY_AS_ASKED},
    /* The default topic is always allowed. */
    {{OURS("clients.replies")}, "clients.replies", REPLY_AS_ASKED},
    /* The first one with a value counts, in any order of the headers, even if it cannot be used. */
    {{SMALLRYE("a.reply"), OURS("b.reply"), SPRING("c.reply")}, "c.reply", REPLY_AS_ASKED},
    {{SMALLRYE("a.reply"), OURS("b.reply")}, "b.reply", REPLY_AS_ASKED},
    {{SPRING("secrets"), OURS("a.reply")}, NULL, REPLY_NOT_ALLOWED},
    {{SPRING("se crets"), OURS("a.reply")}, NULL, REPLY_ILLEGAL_NAME},
    {{SPRING(""), OURS("a.reply")}, "a.reply", REPLY_AS_ASKED},
    {{NULL_HEADER("kafka_replyTopic"), OURS("a.reply")}, "a.reply", REPLY_AS_ASKED},
    {{SPRING("")}, NULL, REPLY_ASKED_NOTHING},
    {{NULL_HEADER("REPLY_TOPIC")}, NULL, REPLY_ASKED_NOTHING},
    /* Of a header that comes twice the last one counts. */
    {{OURS("a.reply"), OURS("b.reply")}, "b.reply", REPLY_AS_ASKED},
    {{OURS("a.reply"), OURS("secrets")}, NULL, REPLY_NOT_ALLOWED},
    /* A pattern matches the whole name. */
    {{OURS(".reply")}, ".reply", REPLY_AS_ASKED},
    {{OURS("clients.commands.reply")}, "clients.commands.reply", REPLY_AS_ASKED},
    {{OURS("a.reply.reply")}, "a.reply.reply", REPLY_AS_ASKED},
    {{OURS("a.reply2")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("a.repl")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("a.Reply")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("p.your.my")}, "p.your.my", REPLY_AS_ASKED},
    {{OURS("p.my")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("p..my")}, "p..my", REPLY_AS_ASKED},
    {{OURS("p.my.my.not")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("team-a.replie")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("team-a.repliesX")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("an_consumer_x")}, "an_consumer_x", REPLY_AS_ASKED},
    /* Never matched by any pattern. */
    {{OURS("__consumer_offsets")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("__x.reply")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("clients.commands")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("clients.records")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("clients.definitions")}, NULL, REPLY_NOT_ALLOWED},
    {{OURS("clients.dead-letters")}, NULL, REPLY_NOT_ALLOWED},
    /* Names that no topic can have. */
    {{OURS(NAME_OF_249)}, NAME_OF_249, REPLY_AS_ASKED},
    {{OURS("p.x" HUNDRED HUNDRED TEN TEN TEN TEN "0123.my")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS(".")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("..")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("a b.reply")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("a/b.reply")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("\xc3\xa9.reply")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("a.reply\0")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("\"a.reply\"")}, NULL, REPLY_ILLEGAL_NAME},
    {{OURS("*.reply")}, NULL, REPLY_ILLEGAL_NAME},
};

START_TEST(topic_is_the_first_that_is_named)
{
    ck_assert_uint_eq(strlen(NAME_OF_249), 249);
    struct reply_address address = reply_address(asking(topics[_i].headers), evaluating.config);
    ck_assert_int_eq(address.absence, topics[_i].absence);
    if (topics[_i].topic)
        expect_span(address.topic, topics[_i].topic);
    else
        ck_assert_ptr_null(address.topic.at);
}
END_TEST

START_TEST(any_topic_is_matched_by_a_lone_star_but_those_of_another_role)
{
    static const char *const settings[] = {"replies.allowed=*", NULL};
    struct evaluating other;
    evaluating_open(&other, NULL, settings);
    ck_assert(reply_topic_is_allowed(other.config, SPAN("a")));
    ck_assert(reply_topic_is_allowed(other.config, SPAN("clients.replies")));
    ck_assert(reply_topic_is_allowed(other.config, SPAN("_schemas")));
    ck_assert(!reply_topic_is_allowed(other.config, SPAN("__transaction_state")));
    ck_assert(!reply_topic_is_allowed(other.config, SPAN("clients.commands")));
    evaluating_close(&other);
}
END_TEST

/* This takes long with a matcher that tries every way. */
START_TEST(pattern_of_many_stars_takes_no_time)
{
    static const char *const settings[] = {"replies.allowed=*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", NULL};
    char name[250];
    struct evaluating other;
    memset(name, 'a', sizeof(name));
    evaluating_open(&other, NULL, settings);
    for (int i = 0; i < 10000; i++)
        ck_assert(!reply_topic_is_allowed(other.config, span_of(name, 249)));
    evaluating_close(&other);
}
END_TEST

/* ---- partitions ---- */

#define TOPIC SPRING("team-a.replies")

static const struct {
    struct header headers[MOST_HEADERS];
    int32_t partitions, partition;
    bool named;
} partitions[] = {
    {{TOPIC}, 6, -1, false},
    /* Four bytes, big-endian. */
    {{TOPIC, SPRING_PARTITION("\0\0\0\0")}, 6, 0, true},
    {{TOPIC, SPRING_PARTITION("\0\0\0\5")}, 6, 5, true},
    {{TOPIC, SPRING_PARTITION("\0\0\0\6")}, 6, -1, true},
    {{TOPIC, SPRING_PARTITION("\0\1\2\3")}, 66052, 66051, true},
    {{TOPIC, SPRING_PARTITION("\xff\xff\xff\xff")}, INT32_MAX, -1, true},
    /* One to ten decimal digits. */
    {{TOPIC, SPRING_PARTITION("0")}, 6, 0, true},
    {{TOPIC, SPRING_PARTITION("5")}, 6, 5, true},
    {{TOPIC, SPRING_PARTITION("6")}, 6, -1, true},
    {{TOPIC, SPRING_PARTITION("12")}, 13, 12, true},
    {{TOPIC, SPRING_PARTITION("0000000005")}, 6, 5, true},
    {{TOPIC, SPRING_PARTITION("2147483647")}, INT32_MAX, -1, true},
    {{TOPIC, SPRING_PARTITION("9999999999")}, INT32_MAX, -1, true},
    {{TOPIC, SPRING_PARTITION("00000000005")}, 6, -1, false},
    /* Four digits are both: the existing partition decides. */
    {{TOPIC, SPRING_PARTITION("0012")}, 13, 12, true},
    {{TOPIC, SPRING_PARTITION("0012")}, 12, -1, true},
    {{TOPIC, SPRING_PARTITION("0012")}, INT32_MAX, 0x30303132, true},
    /* Neither. */
    {{TOPIC, SPRING_PARTITION("-1")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION("+1")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION(" 1")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION("1.0")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION("\1")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION("\0\0\0\0\0\0\0\1")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION("")}, 6, -1, false},
    /* The first of three names with a value counts. */
    {{TOPIC, H("reply-partition", "2"), H("REPLY_PARTITION", "\0\0\0\3")}, 6, 2, true},
    {{TOPIC, H("REPLY_PARTITION", "\0\0\0\3"), SPRING_PARTITION("1")}, 6, 1, true},
    {{TOPIC, H("REPLY_PARTITION", "\0\0\0\3")}, 6, 3, true},
    {{TOPIC, H("REPLY_PARTITION", "\0\0\0\3"), SPRING_PARTITION("")}, 6, 3, true},
    {{TOPIC, H("REPLY_PARTITION", "\0\0\0\3"), NULL_HEADER("kafka_replyPartition")}, 6, 3, true},
    {{TOPIC, H("REPLY_PARTITION", "\0\0\0\3"), SPRING_PARTITION("x")}, 6, -1, false},
    {{TOPIC, SPRING_PARTITION("1"), SPRING_PARTITION("2")}, 6, 2, true},
    /* Only with a topic that is named and allowed; the default one may be named, too. */
    {{OURS("clients.replies"), SPRING_PARTITION("1")}, 6, 1, true},
    {{SPRING_PARTITION("1")}, 6, -1, false},
    {{OURS("secrets"), SPRING_PARTITION("1")}, 6, -1, false},
    {{OURS("a b"), SPRING_PARTITION("1")}, 6, -1, false},
    /* A topic without known partitions. */
    {{TOPIC, SPRING_PARTITION("0")}, 0, -1, true},
};

START_TEST(partition_is_one_that_the_topic_has)
{
    struct reply_address address = reply_address(asking(partitions[_i].headers), evaluating.config);
    ck_assert_int_eq(reply_address_partition(&address, partitions[_i].partitions), partitions[_i].partition);
    ck_assert_int_eq(reply_address_names_partition(&address), partitions[_i].named);
}
END_TEST

/* ---- the config ---- */

static const struct {
    const char *setting;
    bool holds;
} configs[] = {
    {"replies.allowed=", true},
    {"replies.allowed=*", true},
    {"replies.allowed=a, *.reply, b-*_c.*", true},
    {"replies.allowed=clients.replies", true},
    {"replies.allowed=a b", false},
    {"replies.allowed=a?", false},
    {"replies.allowed=..", false},
    {"replies.allowed=__consumer_offsets", false},
    {"replies.allowed=clients.commands", false},
    {"replies.allowed=clients.dead-letters", false},
};

static void count_fault(void *listener, const char *place, const char *message)
{
    int *count = listener;
    ck_assert_str_eq(place, "--set");
    ck_assert(strncmp(message, "replies.allowed", 15) == 0);
    (*count)++;
}

START_TEST(config_takes_names_and_patterns)
{
    const char *const settings[] = {configs[_i].setting, NULL};
    int faults = 0;
    struct config *config =
        config_read(&(struct config_sources){.settings = settings, .take_fault = count_fault, .listener = &faults});
    ck_assert_msg((config != NULL) == configs[_i].holds, "%s", configs[_i].setting);
    ck_assert_int_eq(faults, configs[_i].holds ? 0 : 1);
    config_free(config);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("reply_address");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_evaluating, close_evaluating);
    tcase_add_loop_test(tests, topic_is_the_first_that_is_named, 0, ROWS(topics));
    tcase_add_test(tests, any_topic_is_matched_by_a_lone_star_but_those_of_another_role);
    tcase_add_test(tests, pattern_of_many_stars_takes_no_time);
    tcase_add_loop_test(tests, partition_is_one_that_the_topic_has, 0, ROWS(partitions));
    tcase_add_loop_test(tests, config_takes_names_and_patterns, 0, ROWS(configs));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
