/* fuzz: what the fuzz targets share. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput; whatever it finds
 * wrong ends the program through fuzz_fail or a sanitizer, and libFuzzer keeps the input.
 *
 * Memory that the rules get is unlike from run to run (see fuzz_evaluate), and the texts that they read are as long as
 * they say and not a byte longer, so that neither reading too far nor reading what was never written goes unnoticed. */
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

/* One parser for all, which takes texts of up to a mebibyte. */
struct json_parser *fuzz_parser(void);

/* Fails unless `text` is one JSON value in UTF-8 without a duplicate member, as jansson sees it. */
void fuzz_expect_json(struct span text);

/* Fails unless each string in the JSON value `text` is in Unicode's form C, as libunistring sees it, and without CR. */
void fuzz_expect_composed(struct span text);

/* Fails if a message holds a character that cannot be seen. */
void fuzz_expect_visible(struct span message);

/* Fails unless the violations are at least one and at most 100, each with a message that can be seen and a
 * path in UTF-8. */
void fuzz_expect_violations(const struct item *item);

/* Inputs grow slowly by mutation, so they may say themselves what is to be repeated: the part between two bytes 0x01,
 * until the whole has EXPANDED_BYTES; each 0x02 in it becomes the number of the repetition. New, to be freed, of
 * exactly its size; without two such bytes a copy. */
struct span fuzz_expand(const uint8_t *data, size_t size);
#define EXPANDED_BYTES 16384

/* Calls work(subject), and fails if it takes more than a millisecond of processor time per KB of `size` and more than
 * that ten times in a row. Inputs of less than 4 KB are not measured. */
void fuzz_timed(size_t size, void (*work)(void *subject), void *subject);

/* Fills the free memory of `arena`, as far as `size` bytes of input could ever have used it, with `byte`. */
void fuzz_soil(struct arena *arena, size_t size, int byte);

/* Judges one value, given as JSON text, by the rule of `field`, and fails unless all of this holds: an accepted value's
 * normalized form is JSON, is accepted, and stays the same; a refused one has its violations; twice gives the same; it
 * is quick. What is no JSON, or means an absent value, is passed over. */
void fuzz_evaluate(const struct field *field, struct span json);

/* The same for a string. What is not UTF-8 is passed over. */
void fuzz_judge_string(const struct field *field, struct span text);

#endif
