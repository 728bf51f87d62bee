#include "worker/model/error.h"

#include <assert.h>
#include <stddef.h>

static const struct error_row rows[] = {[ERROR_NONE] = {"", ERROR_SCOPE_COMMAND, false, false, ""},
#define ERROR_ROW(name, code, scope, retryable, dead_letter, when)                                                     \
    [ERROR_##name] = {code, ERROR_SCOPE_##scope, retryable, dead_letter, when},
                                        ERROR_TABLE(ERROR_ROW)
#undef ERROR_ROW
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == ERROR_COUNT, "one row per code");

const struct error_row *error_row(enum error error)
{
    assert(error > ERROR_NONE && error < ERROR_COUNT);
    return &rows[error];
}

bool error_is_dead_letter(enum error error)
{
    return rows[error].dead_letter;
}
