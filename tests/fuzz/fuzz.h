/* fuzz: shared by the fuzz targets. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput. Every error that
 * it finds ends the program through fuzz_fail or a sanitizer, and libFuzzer keeps the input.
 *
 * The rules get memory whose content differs between runs (see fuzz_evaluate), and texts that are exactly as long as
 * stated. So neither a read beyond a text nor a read of uninitialized memory goes unnoticed. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>

#include "worker/validate/field.h"

/* Entry of a target, as libFuzzer calls it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Prints the message and aborts. */
void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A copy in heap memory of exactly its size, to be freed; never NULL. */
char *fuzz_copy(struct span text);

/* One parser for all targets, for texts of up to a mebibyte. */
struct json_parser *fuzz_parser(void);

/* Fails unless `text` is one JSON value in UTF-8 without a duplicate member, according to jansson. */
void fuzz_expect_json(struct span text);

/* Fails unless each string in the JSON value `text` is in Unicode's form C, according to libunistring, and without
 * CR. */
void fuzz_expect_composed(struct span text);

/* Fails if a message holds an invisible character. */
void fuzz_expect_visible(struct span message);

/* Fails unless there are 1 to 100 violations, each with a visible message and a path in UTF-8. */
void fuzz_expect_violations(const struct item *item);

/* Inputs grow slowly by mutation, so they may contain a repetition: the part between two bytes 0x01 is repeated
 * until the whole has EXPANDED_BYTES; each 0x02 in it becomes the number of the repetition. New, to be freed, of
 * exactly its size; without two such bytes a copy. */
struct span fuzz_expand(const uint8_t *data, size_t size);
#define EXPANDED_BYTES 16384

/* Calls work(subject), and fails if it takes more than 4 ms of processor time per KB of `size` and more than
 * that ten times in a row. Inputs of less than 4 KB are not measured. */
void fuzz_timed(size_t size, void (*work)(void *subject), void *subject);

/* Fills the free memory of `arena`, as far as `size` bytes of input could ever have used it, with `byte`. */
void fuzz_soil(struct arena *arena, size_t size, int byte);

/* Evaluates one value, given as JSON text, by the rule of `field`, and fails unless all of this holds: the
 * normalized form of an accepted value is JSON, is accepted, and stays the same; a refused one has its violations; a
 * repetition gives the same; it is quick. Values that are not JSON, or that mean an absent value, are skipped. */
void fuzz_evaluate(const struct field *field, struct span json);

/* The same for a string. A string that is not UTF-8 is skipped. */
void fuzz_evaluate_string(const struct field *field, struct span text);

#endif
