/* config_value: converts the text of a setting to its value. */
#ifndef WORKER_CONFIG_CONFIG_VALUE_H
#define WORKER_CONFIG_CONFIG_VALUE_H

#include "common/must_check.h"
#include "worker/config/config_table.h"

/* `text` with every ${NAME} replaced by that environment variable, every ${file:PATH} by that file's content without
 * its last line end, and every $${ by ${. New; or NULL with the reason in `error`. *has_reference: there was one;
 * then the value counts as secret. */
MUST_CHECK char *config_value_expand(const char *text, bool *has_reference, char *error, size_t error_size);

/* Converts `text` to the row's type and stores it in the row's member, freeing the old value. Returns false with the
 * reason in `error` if it is not of the row's type or out of range; then nothing changes. The reason quotes the text
 * unless `is_secret`. */
MUST_CHECK bool config_value_store(struct config *config, const struct config_row *row, const char *text,
                                   bool is_secret, char *error, size_t error_size);

/* Frees what the row's member owns. */
void config_value_free(struct config *config, const struct config_row *row);

/* Writes a row's `value` in the user's notation ("256 KiB", "30 s"). */
void config_value_print(const struct config_row *row, int64_t value, char *text, size_t size);

/* Reads a size, or a duration in milliseconds, in the user's notation. False for another text. */
MUST_CHECK bool config_size_read(const char *text, int64_t *bytes);
MUST_CHECK bool config_duration_read(const char *text, int64_t *duration_ms);

/* The bytes of the row's member if a copy of them is a copy of the value; 0 if the value owns memory. */
size_t config_value_size(const struct config_row *row);

/* True if the row's key has the same value in both. */
bool config_value_is_same(const struct config_row *row, const struct config *one, const struct config *other);

#endif
