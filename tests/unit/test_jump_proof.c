/* Whether a jump hides commands, in logs that are made up: an honest one is never called wrong, and where the proof is
 * complete, nothing is hidden however the stranger's batches claim their offsets. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "worker/source/jump_proof.h"

#define MOST_BATCHES  64
#define MOST_RECORDS  64
#define MOST_READINGS 200

/* A batch of the log: it takes the offsets from `base` to `base + count - 1`, and its records claim what they claim. */
struct batch_of_log {
    int64_t base, count, claims[MOST_RECORDS];
    uint64_t values[MOST_RECORDS];
    enum { HONEST, STRANGE, ABORTED, MARKER } kind;
};

static struct batch_of_log batches[MOST_BATCHES];
static int batch_count, readings, wide_readings;
static int64_t log_end;

static void log_clear(void)
{
    batch_count = readings = wide_readings = 0;
    log_end = 0;
}

static struct batch_of_log *add(int kind, int64_t count)
{
    struct batch_of_log *batch = &batches[batch_count++];
    ck_assert(batch_count <= MOST_BATCHES && count <= MOST_RECORDS);
    *batch = (struct batch_of_log){.base = log_end, .count = count};
    batch->kind = kind;
    for (int64_t i = 0; i < count; i++) {
        batch->claims[i] = log_end + i;
        batch->values[i] = 1000 + (uint64_t)(log_end + i);
    }
    log_end += count;
    return batch;
}

/* The stranger's, with records that all have the same value. */
static void add_strange(int64_t count, const int64_t *places)
{
    struct batch_of_log *batch = add(STRANGE, count);
    for (int64_t i = 0; i < count; i++) {
        batch->claims[i] = batch->base + places[i];
        batch->values[i] = 7;
    }
}

static struct log_mark mark_of(const struct batch_of_log *batch, int64_t i)
{
    struct log_mark mark = LOG_MARK_NONE;
    mark.offset = batch->claims[i];
    mark.timestamp_ms = 5;
    mark.hash = batch->values[i];
    return mark;
}

static bool note(struct batch_reading *reading, const struct batch_of_log *batch, struct jump_question *question)
{
    bool has_any = false;
    for (int64_t i = 0; i < batch->count; i++) {
        if (batch->claims[i] < question->offset)
            continue;
        const struct log_mark mark = mark_of(batch, i);
        if (reading->count == 0)
            reading->first = mark;
        if (reading->count == 0 || mark.offset >= reading->last.offset)
            reading->last = mark;
        reading->count++;
        if (mark.offset >= question->before)
            question->before = question->after;
        else if (mark.offset > question->after)
            reading->between++;
        has_any = true;
    }
    return has_any;
}

/* As the broker and librdkafka do: from the batch whose range has the offset, or the next one. False behind the last
 * one. A wide response has `wide` batches. */
static bool read_log(struct jump_question question, int wide, struct batch_reading *reading)
{
    *reading = (struct batch_reading){.error = RD_KAFKA_RESP_ERR_NO_ERROR};
    int left = question.is_wide ? wide : 1;
    for (int i = 0; i < batch_count && left > 0; i++) {
        const struct batch_of_log *batch = &batches[i];
        if (batch->base + batch->count <= question.offset || batch->kind == MARKER ||
            (batch->kind == ABORTED && !question.is_wide))
            continue;
        if (note(reading, batch, &question) || reading->count > 0)
            left--;
    }
    return reading->count > 0;
}

/* What the proof says of a jump from `from` to the command that a consumer gets next: *to. False if none comes. */
static bool prove(int64_t from, int wide, uint64_t chance, struct log_mark *to, enum jump_answer *answer)
{
    struct batch_reading reading;
    if (!read_log((struct jump_question){.offset = from}, 1, &reading) || reading.first.offset == from)
        return false;
    *to = reading.first;
    struct jump_proof proof = {.to = *to, .hint = -1};
    jump_proof_begin(&proof, from, to, chance);
    readings = wide_readings = 0;
    do {
        struct jump_question question = jump_proof_question(&proof);
        readings++;
        wide_readings += question.is_wide;
        ck_assert_int_le(readings, MOST_READINGS);
        *answer = read_log(question, wide, &reading) ? jump_proof_answer(&proof, &reading) : JUMP_WRONG;
    } while (*answer == JUMP_GOES_ON);
    return true;
}

static void expect(int64_t from, enum jump_answer expected, int expected_readings, int expected_wide)
{
    struct log_mark to;
    enum jump_answer answer;
    ck_assert(prove(from, MOST_BATCHES, 1, &to, &answer));
    ck_assert_int_eq(answer, expected);
    if (expected_readings >= 0) {
        ck_assert_int_eq(readings, expected_readings);
        ck_assert_int_eq(wide_readings, expected_wide);
    }
}

START_TEST(ordinary_gaps_cost_few_readings)
{
    log_clear();
    add(MARKER, 1);
    add(HONEST, 1);
    expect(0, JUMP_RIGHT, 1, 0);
    log_clear();
    add(MARKER, 1);
    add(HONEST, 10);
    expect(0, JUMP_RIGHT, 2, 0);
    log_clear();
    add(MARKER, 1);
    add(MARKER, 1);
    add(HONEST, 1);
    expect(0, JUMP_RIGHT, 2, 0);
    log_clear();
    add(MARKER, 1);
    add(MARKER, 1);
    add(HONEST, 10);
    expect(0, JUMP_RIGHT, 4, 0);
    log_clear();
    for (int i = 0; i < 20; i++)
        add(ABORTED, 50);
    add(MARKER, 1);
    add(HONEST, 10);
    expect(0, JUMP_RIGHT, 3, 1);
    /* What compaction leaves. */
    log_clear();
    log_end = 1000;
    add(HONEST, 10);
    expect(0, JUMP_RIGHT, 2 + 1 + 2 * JUMP_PROBES, 1);
}
END_TEST

START_TEST(an_aborted_transaction_of_many_responses_is_read_once)
{
    struct log_mark to;
    enum jump_answer answer;
    log_clear();
    for (int i = 0; i < 40; i++)
        add(ABORTED, 50);
    add(MARKER, 1);
    add(HONEST, 1);
    ck_assert(prove(0, 4, 1, &to, &answer));
    ck_assert_int_eq(answer, JUMP_RIGHT);
    ck_assert_int_eq(wide_readings, 10);
    ck_assert_int_eq(readings, 1 + 10);
}
END_TEST

START_TEST(what_is_hidden_is_found)
{
    /* The twin at the wrong offset. */
    log_clear();
    add_strange(2, (int64_t[]){0, 30});
    for (int i = 0; i < 3; i++)
        add(HONEST, 5);
    add(STRANGE, 40);
    for (int i = 0; i < 40; i++)
        batches[batch_count - 1].values[i] = 7;
    expect(1, JUMP_WRONG, -1, 0);
    /* Something aborted between, of the stranger's. */
    for (int before = 0; before < 12; before++) {
        log_clear();
        add_strange(2, (int64_t[]){0, 30});
        if (before > 0)
            add(ABORTED, before);
        add(HONEST, 1);
        add(ABORTED, 26 - before);
        add(MARKER, 1);
        add_strange(1, (int64_t[]){0});
        expect(1, JUMP_WRONG, -1, 0);
    }
    /* The aborted one in front claims more than its places. */
    log_clear();
    add_strange(3, (int64_t[]){1, 2, 3});
    batches[0].kind = ABORTED;
    add_strange(1, (int64_t[]){17});
    add(HONEST, 16);
    add_strange(1, (int64_t[]){0});
    expect(0, JUMP_WRONG, -1, 0);
    /* In the place of the batch's last commands. */
    log_clear();
    add_strange(5, (int64_t[]){2, 3, 4, 5, 6});
    add(HONEST, 1);
    add_strange(1, (int64_t[]){0});
    expect(0, JUMP_WRONG, -1, 0);
    /* The batch at `to` is another one. */
    log_clear();
    add_strange(2, (int64_t[]){4, 5});
    add(ABORTED, 2);
    add_strange(1, (int64_t[]){0});
    add(HONEST, 1);
    expect(0, JUMP_WRONG, -1, 0);
}
END_TEST

START_TEST(a_command_that_came_late_is_looked_for)
{
    static int64_t places[MOST_RECORDS];
    struct log_mark to;
    struct batch_reading reading;
    enum jump_answer answer;
    log_clear();
    for (int i = 0; i < MOST_RECORDS; i++)
        places[i] = 2 * MOST_RECORDS;
    add_strange(MOST_RECORDS, places);
    add(HONEST, 1);
    for (int i = 0; i < MOST_RECORDS; i++)
        places[i] = MOST_RECORDS - 1;
    add_strange(MOST_RECORDS, places);
    ck_assert(read_log((struct jump_question){.offset = 0}, 1, &reading));
    to = reading.first;
    /* Without the hint it is met by chance only. */
    struct jump_proof proof = {.to = to, .hint = -1};
    jump_proof_begin(&proof, 0, &to, 1);
    jump_proof_hint(&proof, MOST_RECORDS);
    do {
        struct jump_question question = jump_proof_question(&proof);
        if (proof.step == PROOF_BETWEEN && question.offset == MOST_RECORDS)
            question.offset++;
        ck_assert(read_log(question, MOST_BATCHES, &reading));
        answer = jump_proof_answer(&proof, &reading);
    } while (answer == JUMP_GOES_ON);
    ck_assert_int_eq(answer, JUMP_WRONG);
    ck_assert_int_eq(proof.step, PROOF_HINT);
    /* What is outside the jump is no hint. */
    proof.hint = -1;
    jump_proof_hint(&proof, to.offset);
    ck_assert_int_eq(proof.hint, -1);
}
END_TEST

/* Whether what the jump passes has an honest command that a consumer does not get: one in front of `to`, or in the
 * place of another one of the batch that came. */
static bool hides(int64_t from, const struct log_mark *to)
{
    const struct batch_of_log *came = NULL;
    for (int i = 0; i < batch_count && !came; i++)
        for (int64_t k = 0; k < batches[i].count && !came; k++)
            if (batches[i].base + batches[i].count > from &&
                (batches[i].kind == STRANGE || batches[i].kind == HONEST) && batches[i].claims[k] == to->offset &&
                batches[i].values[k] == to->hash)
                came = &batches[i];
    int64_t last = to->offset;
    for (int64_t k = 0; came && came->kind == STRANGE && k < came->count; k++)
        last = came->claims[k] > last ? came->claims[k] : last;
    for (int i = 0; i < batch_count; i++)
        if (batches[i].kind == HONEST && batches[i].base + batches[i].count > from && batches[i].base <= last &&
            &batches[i] != came)
            return true;
    return false;
}

static uint64_t number_state;
static int64_t number(int64_t below)
{
    number_state = number_state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((number_state >> 33) % (uint64_t)below);
}

/* Logs of a few offsets, in which the stranger's batches claim anything. */
static void add_anything(int64_t reach)
{
    const int64_t count = 1 + number(4);
    const int kind = (int)number(8);
    if (kind < 3) {
        int64_t places[4];
        int64_t place = number(3);
        for (int64_t i = 0; i < count; i++, place += 1 + (number(3) == 0 ? number(reach) : 0))
            places[i] = number(6) == 0 ? -number(5) - 1 : place;
        add_strange(count, places);
        if (number(4) == 0)
            batches[batch_count - 1].kind = ABORTED;
    } else if (kind == 3) {
        add(ABORTED, count);
    } else if (kind == 4) {
        add(MARKER, 1);
    } else if (kind < 7) {
        add_strange(1, (int64_t[]){0});
    } else {
        add(HONEST, count);
    }
}

START_TEST(nothing_is_hidden_in_short_jumps)
{
    int wrong = 0, right = 0;
    for (uint64_t seed = 1; seed <= 300000; seed++) {
        struct log_mark to;
        enum jump_answer answer;
        number_state = seed * 77;
        log_clear();
        const int many = 3 + (int)number(8);
        for (int i = 0; i < many; i++)
            add_anything(7);
        add(HONEST, 1);
        if (!prove(0, 1 + (int)number(4), seed, &to, &answer) || to.offset > JUMP_PROBES + 1)
            continue;
        wrong += answer == JUMP_WRONG;
        right += answer == JUMP_RIGHT;
        ck_assert_msg(answer == JUMP_WRONG || !hides(0, &to), "seed %llu", (unsigned long long)seed);
    }
    ck_assert_int_gt(wrong, 1000);
    ck_assert_int_gt(right, 1000);
}
END_TEST

START_TEST(an_honest_log_is_never_wrong)
{
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct log_mark to;
        enum jump_answer answer;
        number_state = seed * 99;
        log_clear();
        for (int i = 0; i < 20; i++) {
            if (number(3) == 0)
                add(MARKER, 1);
            else
                add(ABORTED, 1 + number(30));
            log_end += number(10) == 0 ? number(300) : 0; /* compaction */
        }
        add(HONEST, 1 + number(30));
        ck_assert(prove(0, 1 + (int)number(6), seed, &to, &answer));
        ck_assert_msg(answer == JUMP_RIGHT, "seed %llu", (unsigned long long)seed);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jump_proof");
    TCase *tcase = tcase_create("jump_proof");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ordinary_gaps_cost_few_readings);
    tcase_add_test(tcase, an_aborted_transaction_of_many_responses_is_read_once);
    tcase_add_test(tcase, what_is_hidden_is_found);
    tcase_add_test(tcase, a_command_that_came_late_is_looked_for);
    tcase_add_test(tcase, nothing_is_hidden_in_short_jumps);
    tcase_add_test(tcase, an_honest_log_is_never_wrong);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
