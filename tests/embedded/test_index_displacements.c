/* Displacements: an uncommitted claim of a later command gives way to an earlier command, once, quickly, and on data
 * that are all there. */
#include <unistd.h>

#include "tests/embedded/marks_stage.h"

START_TEST(nothing_is_displaced_after_a_loss)
{
    ck_assert(claims(5, "x")); /* this worker's own future */
    interfere_at(FAILPOINT_IN_DISPLACEMENT, "FLUSHALL");
    ck_assert(!claims(1, "x"));
    expect_nothing_claimed();
}
END_TEST

#define LOG_EVENT "an uncommitted later claim was displaced"

/* How often a displacement is logged while the batch is claimed. */
static unsigned displacements_logged(void)
{
    char line[1024];
    unsigned found = 0;
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    ck_assert(file && kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    log_set_level(LOG_LEVEL_INFO);
    bool claimed = index_claim(the_index, &batch);
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    rewind(file);
    while (fgets(line, sizeof(line), file))
        found += strstr(line, LOG_EVENT) != NULL;
    fclose(file);
    ck_assert(claimed);
    return found;
}

/* Both of the first two want what the last one, their future, has, and the first gets it; or Redis refuses the only
 * one's first try. */
START_TEST(a_displacement_is_logged_once_it_has_happened)
{
    batch_reset(&batch);
    put_valid(5, "z", "x@example.com");
    ck_assert(index_claim(the_index, &batch));
    batch_reset(&batch);
    put_valid(3, "x", "x@example.com");
    if (_i == 0)
        put_valid(4, "y", "x@example.com");
    put_valid(5, "z", "x@example.com");
    if (_i == 1)
        interfere_at(FAILPOINT_IN_DISPLACEMENT, "PEXPIRE client-email:{acme}:x@example.com 100000");
    ck_assert_uint_eq(displacements_logged(), 1);
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
    for (uint32_t i = 1; i < batch.count; i++)
        ck_assert_int_eq(batch.items[i].error, ERROR_EMAIL_TAKEN);
}
END_TEST

#define MANY          5000
#define DISPLACEMENTS 2000

/* The commands of even offset were refused in an earlier run, those of odd offset were claimed then. */
static void put_many(bool again)
{
    static struct span ids[MANY], emails[MANY];
    batch_reset(&batch);
    for (int i = 0; i < MANY; i++) {
        int pair = i < 2 * DISPLACEMENTS ? i / 2 : i;
        ids[i] = arena_format(&batch.arena, "c%d-%c", i, '\0');
        emails[i] = arena_format(&batch.arena, "e%d@example.com%c", pair, '\0');
        bool valid = again || i % 2 == 1;
        put(&(struct command){0, i, ids[i].at, "a", valid ? emails[i].at : NULL});
    }
}

#define TURN_MS 500 /* the worker turns more often */
static unsigned patience_calls;
static bool keeps_going(void *patient)
{
    patience_calls++;
    return *(bool *)patient;
}

START_TEST(many_displacements_take_few_runs_and_let_the_worker_turn)
{
    bool patient = true;
    batch_close(&batch);
    ck_assert_int_eq(batch_open(&batch, MANY, 16 << 20, 1 << 16), 0);
    put_many(false);
    ck_assert(index_claim(the_index, &batch));
    index_set_keep_going(the_index, keeps_going, &patient);
    put_many(true);
    claim_runs = 0;
    const int64_t began = clock_now_ms();
    ck_assert(index_claim(the_index, &batch));
    ck_assert_uint_le(claim_runs, 3);
    ck_assert_uint_ge(patience_calls, clock_now_ms() - began < 2 * TURN_MS ? 1 : 2);
    for (int i = 0; i < 2 * DISPLACEMENTS; i += 2) {
        ck_assert_int_eq(batch.items[i].outcome, OUTCOME_CREATED);
        ck_assert_int_eq(batch.items[i + 1].error, ERROR_EMAIL_TAKEN);
    }
}
END_TEST

START_TEST(displacements_end_when_the_worker_is_to_end)
{
    bool patient = false;
    ck_assert(claims(5, "x"));
    index_set_keep_going(the_index, keeps_going, &patient);
    batch_reset(&batch);
    put_valid(3, "y", "x@example.com");
    ck_assert(!index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    ck_assert(index_is_verified(the_index));
    patient = true;
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_displacements");
    TCase *displacements = add_case(suite, "displacements");
    tcase_add_test(displacements, nothing_is_displaced_after_a_loss);
    tcase_add_loop_test(displacements, a_displacement_is_logged_once_it_has_happened, 0, 2);
    tcase_add_test(displacements, many_displacements_take_few_runs_and_let_the_worker_turn);
    tcase_add_test(displacements, displacements_end_when_the_worker_is_to_end);
    return side_by_side(suite, (const char *const[]){"displacements", NULL});
}
