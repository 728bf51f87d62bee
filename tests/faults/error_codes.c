/* Each of Kafka's error codes on each request that the worker makes, injected by librdkafka's mock cluster. The worker
 * must neither end nor hang nor lose anything: every command is answered, before the error, with it and after it, and
 * the transaction that met it is run again in the way that its class demands. Exactly once cannot be seen here, since
 * the mock cluster shows what an aborted transaction wrote.
 *
 *   error_codes [LANE [CODE]]    only lanes whose name begins so; only this code
 *
 * Environment: FAULTS=all for all codes, else those that a broker can really answer; VERBOSE for a line for each case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/error_children.h"

#define MOST_JOBS   1024
#define AT_ONCE     32 /* they mostly wait */
#define JOB_CASES   6  /* a job costs the three seconds of a group's first member */
#define QUICK_CASES 20 /* of a lane that waits for no group */

struct plan {
    struct job jobs[MOST_JOBS];
    size_t count;
    size_t skipped; /* cases */
};

static void plan_add(struct plan *plan, struct job job)
{
    if (plan->count == MOST_JOBS)
        abort();
    plan->jobs[plan->count++] = job;
}

/* Keeps the cases of this code, or all of them without one, but for those that cannot be tried: it tells of them. */
static size_t plan_choose(struct plan *plan, struct error_case *cases, size_t count, const char *code)
{
    size_t kept = 0, skipped = 0;
    for (size_t i = 0; i < count; i++) {
        if (code && cases[i].code != atoi(code))
            continue;
        if (!error_case_is_deadly(&cases[i])) {
            cases[kept++] = cases[i];
            continue;
        }
        if (skipped++ == 0)
            printf("SKIPPED: %s: librdkafka %s crashes on its mock cluster's answers with these codes:",
                   cases[i].lane->name, rd_kafka_version_str());
        printf(" %d", cases[i].code);
    }
    if (skipped > 0)
        printf("\n");
    plan->skipped += skipped;
    return kept;
}

static void plan_lane(struct plan *plan, const struct lane *lane, bool all, const char *code)
{
    size_t count, most = lane->moment != MOMENT_WORK ? 1 : lane->quick_group ? JOB_CASES : QUICK_CASES;
    struct error_case *cases = error_cases_of(lane, all || code, &count);
    count = plan_choose(plan, cases, count, code);
    size_t parts = (count + most - 1) / most;
    for (size_t i = 0; i < parts; i++) {
        size_t from = count * i / parts, to = count * (i + 1) / parts;
        plan_add(plan, (struct job){.lane = lane, .cases = cases + from, .count = to - from});
    }
}

int main(int argc, char **argv)
{
    static struct plan plan;
    const char *faults = getenv("FAULTS"), *only = argc > 1 ? argv[1] : "";
    bool all = faults && strcmp(faults, "all") == 0;
    unsigned passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (enum move move = MOVE_NOTHING + 1; move < MOVES; move++)
        if (strncmp(move_names[move], only, strlen(only)) == 0)
            plan_add(&plan, (struct job){.move = move, .count = 1});
    for (size_t i = 0; i < lane_count; i++)
        if (strncmp(lanes[i].name, only, strlen(only)) == 0)
            plan_lane(&plan, &lanes[i], all, argc > 2 ? argv[2] : NULL);
    children_run(plan.jobs, plan.count, AT_ONCE, &passed, &failed);
    printf("%u passed, %u failed", passed, failed);
    if (plan.skipped > 0)
        printf(", %zu skipped", plan.skipped);
    printf("\n");
    return failed == 0 && passed + plan.skipped > 0 ? 0 : 1;
}
