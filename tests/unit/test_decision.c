/* decision and comparison: a command is decided under one set of definitions, then again under another one, and the
 * class and the changes tell what that changed. */
#include "tests/unit/evaluating.h"

#include "common/folder.h"
#include "common/log.h"
#include "tests/unit/recording.h"
#include "worker/model/identity.h"
#include "worker/replay/decision.h"
#include "worker/validate/check.h"
#include "worker/validate/reply.h"

#define CACHE_BYTES ((size_t)16 << 20)
#define COMMAND(fields)                                                                                                \
    "{\"commandId\":\"c\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","                          \
    "\"email\":\"a@b.example\",\"customFields\":{" fields "}}"

#define TEXTS   "[{\"key\":\"a\",\"type\":\"text\"},{\"key\":\"b\",\"type\":\"text\"}]"
#define SWAPPED "[{\"key\":\"b\",\"type\":\"text\"},{\"key\":\"a\",\"type\":\"text\"}]"
#define URL     "[{\"key\":\"a\",\"type\":\"url\"},{\"key\":\"b\",\"type\":\"text\"}]"
#define NUMBER  "[{\"key\":\"a\",\"type\":\"number\"},{\"key\":\"b\",\"type\":\"text\"}]"
#define SHORT   "[{\"key\":\"a\",\"type\":\"text\",\"rules\":{\"maxLength\":1}},{\"key\":\"b\",\"type\":\"text\"}]"
#define SHORTS                                                                                                         \
    "[{\"key\":\"a\",\"type\":\"text\",\"rules\":{\"maxLength\":1}},"                                                  \
    "{\"key\":\"b\",\"type\":\"text\",\"rules\":{\"maxLength\":1}}]"
#define REQUIRED "[{\"key\":\"a\",\"type\":\"text\"},{\"key\":\"b\",\"type\":\"text\",\"rules\":{\"required\":true}}]"
#define BROKEN   "[{\"key\":\"a\",\"type\":\"no type\"}]"

static char folder[512];
static struct evaluating evaluating; /* the config, and the item under test */
static struct spill *spill;
static struct arena arena;
static struct decider decider;
static char error[256];

static void open_all(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    evaluating_open(&evaluating, NULL, NULL);
    ck_assert(folder_make_temporary("client-intake-decision", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
    ck_assert_int_eq(arena_open(&arena, (size_t)256 << 20), 0);
    decider = (struct decider){.config = evaluating.config,
                               .spill = spill,
                               .parser = json_parser_new(decision_parser_bytes(evaluating.config))};
    ck_assert_ptr_nonnull(decider.parser);
}

static void close_all(void)
{
    replay_definitions_free(decider.definitions);
    json_parser_free(decider.parser);
    arena_close(&arena);
    spill_close(spill);
    folder_remove(folder);
    evaluating_close(&evaluating);
}

static struct definitions_library *library_of(const char *json, int64_t timestamp_ms)
{
    struct definitions_library *library = definitions_library_new(spill, CACHE_BYTES);
    ck_assert_ptr_nonnull(library);
    if (json)
        ck_assert(definitions_library_add(library, SPAN("acme"), span_of_text(json), 0, 0, timestamp_ms));
    return library;
}

static void use(struct definitions_library *topic, struct definitions_library *redis,
                const struct replay_override *overrides, size_t override_count)
{
    const struct replay_definitions_request request = {redis ? LIBRARY_CURRENT : LIBRARY_RECORDED, overrides,
                                                       override_count};
    definitions_library_seal(topic);
    if (redis)
        definitions_library_seal(redis);
    decider.definitions = replay_definitions_of(topic, redis, &request, spill, CACHE_BYTES, error, sizeof(error));
    ck_assert_msg(decider.definitions != NULL, "%s", error);
}

/* The topic has `then`, from the beginning of time; Redis has `now`. Each may be NULL. */
static void use_current(const char *then, const char *now)
{
    use(library_of(then, 0), library_of(now, 0), NULL, 0);
}

/* What the daemon replied under `definitions` (NULL: none), as `outcome` or `code` if that is not what they give. */
struct reply_plan {
    enum outcome outcome;
    enum error error;
    enum form form;
};

static struct recorded_reply replied(const char *command, const char *definitions, struct reply_plan plan)
{
    struct evaluating then;
    evaluating_open(&then, NULL, NULL);
    then.definitions = definitions ? definitions_compile(span_of_text(definitions), NULL) : NULL;
    then.evaluate.definitions = then.definitions;
    then.evaluate.definitions_broken = definitions && !then.definitions;
    struct item *item = evaluating_item(&then, command);
    evaluate_item(&then.evaluate, item, &then.batch.arena);
    if (plan.outcome != OUTCOME_UNDECIDED)
        item->outcome = plan.outcome;
    if (plan.error != ERROR_NONE) {
        item->outcome = OUTCOME_UNDECIDED;
        item_reject(item, plan.error, SPAN("because"));
    }
    item->reply_form = plan.form;
    reply_compose(item, &then.batch.arena);
    const struct recorded_reply reply =
        recorded_of(item->reply, plan.outcome == OUTCOME_DUPLICATE, spill, decider.parser, &then.batch.arena);
    evaluating_close(&then);
    return reply;
}

static const char *decided_as(const char *command, const struct recorded_reply *reply)
{
    static char text[DIFFERENCES_BYTES + 128];
    struct comparison comparison;
    struct item *item = evaluating_item(&evaluating, command);
    const enum decision_result result = decision_make(&decider, item, reply, &arena, &comparison);
    if (result != DECISION_MADE)
        return result == DECISION_PASSED ? "passed" : "failed";
    ck_assert_ptr_null(item->definitions);
    ck_assert(comparison.class != CLASS_SAME || (!comparison.changes && comparison.then == comparison.now));
    snprintf(text, sizeof(text), "%s%s %s>%s %s", replay_class_text(comparison.class),
             comparison.is_lacking ? "(lacking)" : "", verdict_text(comparison.then), verdict_text(comparison.now),
             differences_text(comparison.changes));
    return text;
}

/* "CLASS THEN NOW PATH THEN NOW|...", the same if a reply that could be presumed is presumed. */
static const char *decided(const char *command, const struct recorded_reply *reply)
{
    static char text[DIFFERENCES_BYTES + 128];
    strcpy(text, decided_as(command, reply));
    if (reply && !reply->is_presumed && reply->kind != RECORDED_REJECTED && reply->names_version) {
        struct recorded_reply presumed = *reply;
        presumed.is_presumed = true;
        ck_assert_str_eq(decided_as(command, &presumed), text);
    }
    return text;
}

/* ---- Every class, there and back ---- */

#define BOTH  COMMAND("\"a\":\"x\",\"b\":\"y\"")
#define LINK  COMMAND("\"a\":\"HTTP://b.EXAMPLE\"")
#define LONGS COMMAND("\"a\":\"xx\",\"b\":\"yy\"")

struct row {
    const char *command, *then, *now, *decision, *back;
};

static const struct row rows[] = {
    {BOTH, TEXTS, TEXTS, "same created>created ", "same created>created "},
    {BOTH, TEXTS, SWAPPED, "same created>created ", "same created>created "},
    {LINK, TEXTS, URL, "value_changed created>created /customFields/a \"HTTP://b.EXAMPLE\" \"http://b.example/\"",
     "value_changed created>created /customFields/a \"http://b.example/\" \"HTTP://b.EXAMPLE\""},
    {BOTH, TEXTS, NUMBER, "now_rejected created>validation_failed /customFields/a - \"number_syntax\"",
     "now_valid validation_failed>created /customFields/a \"number_syntax\" -"},
    {COMMAND("\"a\":\"x\""), TEXTS, REQUIRED, "now_rejected created>validation_failed /customFields/b - \"required\"",
     "now_valid validation_failed>created /customFields/b \"required\" -"},
    {BOTH, TEXTS, NULL, "now_rejected created>definitions_missing ", "now_valid definitions_missing>created "},
    {BOTH, TEXTS, BROKEN, "now_rejected created>definitions_missing ", "now_valid definitions_missing>created "},
    {BOTH, NULL, BROKEN, "same definitions_missing>definitions_missing ",
     "same definitions_missing>definitions_missing "},
    {LONGS, SHORT, SHORT, "same validation_failed>validation_failed ", "same validation_failed>validation_failed "},
    {LONGS, SHORT, SHORTS, "errors_changed validation_failed>validation_failed /customFields/b - \"too_long\"",
     "errors_changed validation_failed>validation_failed /customFields/b \"too_long\" -"},
    {LONGS, SHORT, NUMBER,
     "errors_changed validation_failed>validation_failed /customFields/a \"too_long\" \"number_syntax\"",
     "errors_changed validation_failed>validation_failed /customFields/a \"number_syntax\" \"too_long\""},
    {LONGS, SHORT, NULL, "errors_changed validation_failed>definitions_missing /customFields/a \"too_long\" -",
     "errors_changed definitions_missing>validation_failed /customFields/a - \"too_long\""},
    /* decided without definitions */
    {"{", TEXTS, NULL, "same malformed_json>malformed_json ", "same malformed_json>malformed_json "},
    {"{\"type\":\"x\",\"workspaceId\":\"acme\"}", NULL, BROKEN, "same unsupported_type>unsupported_type ",
     "same unsupported_type>unsupported_type "},
};

START_TEST(each_class_is_told)
{
    const struct row *row = &rows[_i];
    use_current(row->then, row->now);
    const struct recorded_reply reply = replied(row->command, row->then, (struct reply_plan){0});
    ck_assert_str_eq(decided(row->command, &reply), row->decision);
}
END_TEST

START_TEST(each_class_is_told_from_the_other_side)
{
    const struct row *row = &rows[_i];
    use_current(row->now, row->then);
    const struct recorded_reply reply = replied(row->command, row->now, (struct reply_plan){0});
    ck_assert_str_eq(decided(row->command, &reply), row->back);
}
END_TEST

START_TEST(the_rows_reach_every_class)
{
    bool reached[CLASSES] = {[CLASS_UNKNOWN] = true}; /* without_a_reply_it_is_unknown */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int class = 0; class < CLASSES; class ++) {
            const struct span text = span_of_text(replay_class_text((enum replay_class) class));
            reached[class] |= span_begins_with(span_of_text(rows[i].decision), text) ||
                              span_begins_with(span_of_text(rows[i].back), text);
            ck_assert_str_ne(replay_class_meaning((enum replay_class) class), "");
        }
    for (int class = 0; class < CLASSES; class ++)
        ck_assert_msg(reached[class], "%s", replay_class_text((enum replay_class) class));
}
END_TEST

/* A command that is too large now was valid then, under a larger limit. */
START_TEST(a_limit_of_the_config_counts)
{
    static const char *const settings[] = {"limits.command_bytes=1024", NULL};
    static char command[2048];
    struct config *config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    snprintf(command, sizeof(command), "%s%1024s", BOTH, "");
    use_current(TEXTS, TEXTS);
    const struct recorded_reply reply = replied(command, TEXTS, (struct reply_plan){0});
    ck_assert_str_eq(decided(command, &reply), "same created>created ");
    decider.config = config;
    const char *const decision = decided(command, &reply);
    decider.config = evaluating.config;
    config_free(config);
    /* Only headers would tell its workspace. */
    ck_assert_str_eq(decision, "now_rejected created>too_large ");
}
END_TEST

START_TEST(a_minimal_reply_is_compared_by_its_code)
{
    use_current(SHORT, SHORTS);
    const struct recorded_reply reply = replied(LONGS, SHORT, (struct reply_plan){.form = FORM_MINIMAL});
    ck_assert_str_eq(decided(LONGS, &reply), "same validation_failed>validation_failed ");
    ck_assert_str_eq(decided(COMMAND("\"a\":\"x\""), &reply), "now_valid validation_failed>created ");
    replay_definitions_free(decider.definitions);
    use_current(SHORT, NULL);
    ck_assert_str_eq(decided(LONGS, &reply), "errors_changed validation_failed>definitions_missing ");
}
END_TEST

/* The same errors in another order. */
START_TEST(the_order_of_errors_counts)
{
    struct comparison comparison;
    use_current(SHORTS, SHORTS);
    const struct span pairs = SPAN("[[\"/customFields/b\",\"too_long\"],[\"/customFields/a\",\"too_long\"]]");
    struct recorded_reply reply = replied(LONGS, SHORTS, (struct reply_plan){0});
    reply.digest = outcome_digest_of(pairs);
    reply.length = (uint32_t)pairs.length;
    ck_assert(spill_append(spill, pairs, &reply.at));
    ck_assert_int_eq(decision_make(&decider, evaluating_item(&evaluating, LONGS), &reply, &arena, &comparison),
                     DECISION_MADE);
    ck_assert_int_eq(comparison.class, CLASS_ERRORS_CHANGED);
    ck_assert_ptr_null(comparison.changes);
}
END_TEST

/* ---- What depends on other commands ---- */

#define DUPLICATE ((struct reply_plan){.outcome = OUTCOME_DUPLICATE})
#define TAKEN     ((struct reply_plan){.error = ERROR_EMAIL_TAKEN})
#define CONFLICT  ((struct reply_plan){.error = ERROR_COMMAND_ID_CONFLICT})

START_TEST(a_conflict_of_ids_is_always_the_same)
{
    use_current(TEXTS, NUMBER);
    const struct recorded_reply reply = replied(BOTH, TEXTS, CONFLICT);
    const char *const same = "same command_id_conflict>command_id_conflict ";
    ck_assert_str_eq(decided(BOTH, &reply), same);
    ck_assert_str_eq(decided("{\"workspaceId\":", &reply), same);
    ck_assert_str_eq(decided(COMMAND("\"a\":\"1\""), &reply), same);
}
END_TEST

struct dependent {
    const char *then, *now, *decision;
};

static const struct dependent duplicates[] = {
    {TEXTS, TEXTS, "same duplicate>duplicate "},
    {TEXTS, URL, "now_rejected duplicate>validation_failed /customFields/a - \"url_syntax\""},
    {TEXTS, NUMBER, "now_rejected duplicate>validation_failed /customFields/a - \"number_syntax\""},
    {TEXTS, BROKEN, "now_rejected duplicate>definitions_missing "},
    {NUMBER, URL, "same duplicate>duplicate "}, /* valid under neither */
    {NUMBER, TEXTS, "same duplicate>duplicate "},
    {NULL, NUMBER, "same duplicate>duplicate "},
    {BROKEN, NUMBER, "same duplicate>duplicate "},
};

/* It was created before, under definitions that are not asked for. */
START_TEST(a_duplicate_is_rejected_now_if_it_was_valid)
{
    const struct dependent *row = &duplicates[_i];
    use_current(row->then, row->now);
    struct recorded_reply reply = replied(BOTH, TEXTS, DUPLICATE);
    reply.names_version = false;
    if (row->then && strcmp(row->then, BROKEN) != 0) {
        reply.names_version = true;
        hash_text(span_of_text(row->then), reply.version);
    }
    ck_assert_str_eq(decided(BOTH, &reply), row->decision);
}
END_TEST

/* Valid now: it is the same. Not valid now: whether it was valid is not known. */
START_TEST(a_duplicate_whose_version_is_lacking)
{
    use_current(TEXTS, TEXTS);
    struct recorded_reply reply = replied(BOTH, TEXTS, DUPLICATE);
    hash_text(SPAN("lacking"), reply.version);
    ck_assert_str_eq(decided(BOTH, &reply), "same duplicate>duplicate ");
    replay_definitions_free(decider.definitions);
    use_current(TEXTS, NUMBER);
    ck_assert_str_eq(decided(BOTH, &reply), "unknown(lacking) duplicate> ");
    replay_definitions_free(decider.definitions);
    use(library_of(TEXTS, 0), NULL, NULL, 0);
    ck_assert_str_eq(decided(BOTH, &reply), "unknown(lacking) duplicate> ");
}
END_TEST

START_TEST(a_taken_email_is_the_same_if_the_command_is_valid)
{
    use_current(TEXTS, NUMBER);
    const struct recorded_reply reply = replied(BOTH, TEXTS, TAKEN);
    ck_assert_str_eq(decided(COMMAND("\"a\":1"), &reply), "same email_taken>email_taken ");
    ck_assert_str_eq(decided(BOTH, &reply),
                     "errors_changed email_taken>validation_failed /customFields/a - \"number_syntax\"");
}
END_TEST

/* Its topic refused the client for its size, which is not asked again. */
START_TEST(a_refused_client_is_the_same_if_the_command_is_valid)
{
    use_current(TEXTS, NUMBER);
    struct recorded_reply reply = replied(BOTH, TEXTS, (struct reply_plan){.error = ERROR_TOO_LARGE});
    ck_assert_str_eq(decided(COMMAND("\"a\":1"), &reply), "now_valid too_large>created ");
    reply.is_refused_client = true;
    ck_assert_str_eq(decided(COMMAND("\"a\":1"), &reply), "same too_large>too_large ");
    ck_assert_str_eq(decided(BOTH, &reply),
                     "errors_changed too_large>validation_failed /customFields/a - \"number_syntax\"");
}
END_TEST

START_TEST(without_a_reply_it_is_unknown)
{
    use_current(TEXTS, NUMBER);
    ck_assert_str_eq(decided(BOTH, NULL), "unknown >validation_failed ");
    ck_assert_str_eq(decided(COMMAND("\"a\":1"), NULL), "unknown >created ");
    ck_assert_str_eq(decided("[", NULL), "unknown >malformed_json ");
}
END_TEST

/* What begins as a reply, but is none, counts as no reply. Its version counts no more than the reply itself. */
START_TEST(a_presumption_that_is_wrong_is_no_reply)
{
    static const char *const contents[] = {"{\"a\":}", "{}}", "{},\"type\":{}"};
    struct recorded_reply reply = {.kind = RECORDED_CREATED, .is_whole = true, .names_version = true};
    reply.is_presumed = true;
    struct definitions_library *topic = library_of(NUMBER, 0);
    ck_assert(definitions_library_add(topic, SPAN("acme"), SPAN(TEXTS), 0, 1, INT64_MAX));
    use(topic, NULL, NULL, 0);
    hash_text(SPAN(TEXTS), reply.version);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        const struct span content = span_of_text(contents[i]);
        ck_assert(spill_append(spill, content, &reply.at));
        reply.length = (uint32_t)content.length;
        reply.digest = outcome_digest_of(content);
        reply.kind = RECORDED_CREATED;
        ck_assert_str_eq(decided(BOTH, &reply), "unknown >validation_failed ");
        reply.kind = RECORDED_DUPLICATE;
        ck_assert_str_eq(decided(BOTH, &reply), "unknown >validation_failed ");
        memset(reply.version, 'f', HASH_LENGTH);
        ck_assert_str_eq(decided(BOTH, &reply), "unknown >validation_failed ");
        hash_text(SPAN(TEXTS), reply.version);
    }
}
END_TEST

/* ---- Which definitions ---- */

START_TEST(a_named_version_is_used_whatever_its_time)
{
    struct definitions_library *topic = library_of(TEXTS, INT64_MAX);
    ck_assert(definitions_library_add(topic, SPAN("acme"), SPAN(NUMBER), 0, 1, 0));
    use(topic, NULL, NULL, 0);
    const struct recorded_reply reply = replied(BOTH, TEXTS, (struct reply_plan){0});
    ck_assert(reply.names_version);
    ck_assert_str_eq(decided(BOTH, &reply), "same created>created ");
}
END_TEST

START_TEST(a_lacking_version_is_unknown)
{
    use(library_of(NUMBER, 0), NULL, NULL, 0);
    const struct recorded_reply reply = replied(BOTH, TEXTS, (struct reply_plan){0});
    ck_assert_str_eq(decided(BOTH, &reply), "unknown(lacking) created> ");
}
END_TEST

/* The reply names none, so the last version that is not later than the command counts. */
START_TEST(without_a_named_version_the_time_of_the_command_counts)
{
    struct definitions_library *topic = library_of(TEXTS, EVALUATING_TIME);
    ck_assert(definitions_library_add(topic, SPAN("acme"), SPAN(NUMBER), 0, 1, EVALUATING_TIME + 1));
    use(topic, NULL, NULL, 0);
    const struct recorded_reply reply = replied(BOTH, NULL, (struct reply_plan){0});
    ck_assert(!reply.names_version);
    ck_assert_str_eq(decided(BOTH, &reply), "now_valid definitions_missing>created ");
}
END_TEST

/* An override is for its own workspace, and goes before Redis. */
START_TEST(an_override_replaces_those_of_its_workspace)
{
    const struct replay_override overrides[] = {{SPAN("other"), SPAN(SHORTS)}, {SPAN("acme"), SPAN(NUMBER)}};
    const struct recorded_reply reply = replied(BOTH, TEXTS, (struct reply_plan){0});
    const char *const rejected = "now_rejected created>validation_failed /customFields/a - \"number_syntax\"";
    use(library_of(TEXTS, 0), NULL, overrides, 2);
    ck_assert_str_eq(decided(BOTH, &reply), rejected);
    replay_definitions_free(decider.definitions);
    use(library_of(TEXTS, 0), library_of(TEXTS, 0), overrides, 2);
    ck_assert_str_eq(decided(BOTH, &reply), rejected);
    replay_definitions_free(decider.definitions);
    use(library_of(TEXTS, 0), NULL, overrides, 1);
    ck_assert_str_eq(decided(BOTH, &reply), "same created>created ");
}
END_TEST

START_TEST(other_workspaces_are_passed_over)
{
    const struct span workspaces[] = {SPAN("other"), SPAN("acme")};
    use_current(TEXTS, TEXTS);
    const struct recorded_reply reply = replied(BOTH, TEXTS, (struct reply_plan){0});
    decider.workspaces = workspaces;
    decider.workspace_count = 2;
    ck_assert_str_eq(decided(BOTH, &reply), "same created>created ");
    ck_assert_str_eq(decided("{", &reply), "passed");
    ck_assert_str_eq(decided("{\"workspaceId\":\"a\"}", &reply), "passed");
    decider.workspace_count = 1;
    ck_assert_str_eq(decided(BOTH, &reply), "passed");
    ck_assert_str_eq(decided(BOTH, NULL), "passed");
}
END_TEST

/* What a reply's content should be cannot be read. */
START_TEST(a_spill_that_cannot_be_read_is_a_failure)
{
    use_current(TEXTS, URL);
    struct recorded_reply reply = replied(LINK, TEXTS, (struct reply_plan){0});
    reply.at = spill_bytes(spill);
    ck_assert_str_eq(decided(LINK, &reply), "failed");
}
END_TEST

/* ---- Changes of errors ---- */

static const struct dependent changes[] = {
    {"[]", "[]", ""},
    {"[[\"/a\",\"x\"]]", "[[\"/a\",\"x\"]]", ""},
    {"[[\"/a\",\"x\"],[\"/b\",\"y\"]]", "[[\"/b\",\"y\"],[\"/a\",\"x\"]]", ""},
    {"[[\"/a\",\"x\"]]", "[[\"/a\",\"y\"]]", "/a \"x\" \"y\""},
    {"[[\"/a\",\"x\"]]", "[[\"/b\",\"x\"]]", "/a \"x\" -|/b - \"x\""},
    {"[[\"/a\",\"x\"],[\"/a\",\"y\"]]", "[[\"/a\",\"y\"],[\"/a\",\"z\"]]", "/a \"x\" \"z\""},
    {"[[\"/a\",\"x\"],[\"/a\",\"x\"]]", "[[\"/a\",\"x\"]]", "/a \"x\" -"},
    {"[[\"/a\",\"x\"]]", "[[\"/a\",\"x\"],[\"/a\",\"x\"]]", "/a - \"x\""},
    {"[]", "[[\"\",\"x\"],[\"/a\\\"\",\"\\u0001\"]]", " - \"x\"|/a\" - \"\\u0001\""},
    {"[[\"/a\",\"x\"],[\"/b\",\"x\"],[\"/c\",\"x\"]]", "[[\"/c\",\"y\"],[\"/d\",\"x\"],[\"/b\",\"x\"]]",
     "/a \"x\" -|/c \"x\" \"y\"|/d - \"x\""},
};

START_TEST(errors_that_changed_are_listed)
{
    struct json_difference *first;
    ck_assert(
        error_changes(span_of_text(changes[_i].then), span_of_text(changes[_i].now), decider.parser, &arena, &first));
    ck_assert_str_eq(differences_text(first), changes[_i].decision);
}
END_TEST

START_TEST(what_is_no_list_of_errors_is_refused)
{
    struct json_difference *first;
    ck_assert(!error_changes(SPAN("[[["), SPAN("[]"), decider.parser, &arena, &first));
    ck_assert(!error_changes(SPAN("[]"), SPAN("[[[]]]"), decider.parser, &arena, &first));
    ck_assert(!error_changes(SPAN(""), SPAN("[]"), decider.parser, &arena, &first));
}
END_TEST

/* ---- Verdicts ---- */

START_TEST(every_verdict_has_a_text)
{
    ck_assert_str_eq(verdict_text(VERDICT_NONE), "");
    ck_assert_str_eq(verdict_text(VERDICT_CREATED), "created");
    ck_assert_str_eq(verdict_text(VERDICT_DUPLICATE), "duplicate");
    for (int code = ERROR_NONE + 1; code <= ERROR_COMMAND_ID_CONFLICT; code++) {
        const struct recorded_reply reply = {.kind = RECORDED_REJECTED, .error = (uint8_t)code};
        const struct item item = {.outcome = OUTCOME_REJECTED, .error = (enum error)code};
        ck_assert_uint_lt(verdict_of_reply(&reply), VERDICTS);
        ck_assert_uint_eq(verdict_of_reply(&reply), verdict_of_item(&item));
        ck_assert_str_eq(verdict_text(verdict_of_reply(&reply)), error_row((enum error)code)->code);
    }
    ck_assert_uint_eq(verdict_of_reply(NULL), VERDICT_NONE);
    ck_assert_uint_eq(verdict_of_reply(&(struct recorded_reply){.kind = RECORDED_DUPLICATE}), VERDICT_DUPLICATE);
    ck_assert_uint_eq(verdict_of_reply(&(struct recorded_reply){.kind = RECORDED_CREATED}), VERDICT_CREATED);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("decision");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_loop_test(tests, each_class_is_told, 0, COUNT(rows));
    tcase_add_loop_test(tests, each_class_is_told_from_the_other_side, 0, COUNT(rows));
    tcase_add_test(tests, the_rows_reach_every_class);
    tcase_add_test(tests, a_limit_of_the_config_counts);
    tcase_add_test(tests, a_minimal_reply_is_compared_by_its_code);
    tcase_add_test(tests, the_order_of_errors_counts);
    tcase_add_test(tests, a_conflict_of_ids_is_always_the_same);
    tcase_add_loop_test(tests, a_duplicate_is_rejected_now_if_it_was_valid, 0, COUNT(duplicates));
    tcase_add_test(tests, a_duplicate_whose_version_is_lacking);
    tcase_add_test(tests, a_taken_email_is_the_same_if_the_command_is_valid);
    tcase_add_test(tests, a_refused_client_is_the_same_if_the_command_is_valid);
    tcase_add_test(tests, without_a_reply_it_is_unknown);
    tcase_add_test(tests, a_presumption_that_is_wrong_is_no_reply);
    tcase_add_test(tests, a_named_version_is_used_whatever_its_time);
    tcase_add_test(tests, a_lacking_version_is_unknown);
    tcase_add_test(tests, without_a_named_version_the_time_of_the_command_counts);
    tcase_add_test(tests, an_override_replaces_those_of_its_workspace);
    tcase_add_test(tests, other_workspaces_are_passed_over);
    tcase_add_test(tests, a_spill_that_cannot_be_read_is_a_failure);
    tcase_add_loop_test(tests, errors_that_changed_are_listed, 0, COUNT(changes));
    tcase_add_test(tests, what_is_no_list_of_errors_is_refused);
    tcase_add_test(tests, every_verdict_has_a_text);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
