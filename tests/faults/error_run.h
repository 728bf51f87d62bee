/* error_run: the worker meets errors, one case after the other, in a fixture of its own (error_fixture). */
#ifndef TESTS_ERROR_RUN_H
#define TESTS_ERROR_RUN_H

#include "tests/faults/error_cases.h"

/* Opens a fixture for this case and further ones of its lane. False with the reason in `why` if the worker does not
 * answer even without errors. */
bool error_run_begin(const struct error_case *row, char *why, size_t error_size);

/* False with what the worker failed to do in `why`; then the fixture is good for nothing more. */
bool error_run_case(const struct error_case *row, char *why, size_t error_size);

/* What moves from broker to broker while commands come in, instead of errors. */
enum move { MOVE_NOTHING, MOVE_COORDINATORS, MOVE_LEADERS, MOVES };
extern const char *const move_names[MOVES];

bool error_moves_begin(char *why, size_t error_size);
bool error_moves_run(enum move move, char *why, size_t error_size);

#endif
