/* dead-letters list: a row for each letter, or for each code and cause. The topic is read twice: first its notes, which
 * stand behind their letters, then its letters. What the first reading did not select gets no row: its notes were not
 * looked up. */
#include <errno.h>
#include <string.h>

#include "common/nearest_word.h"
#include "common/progress.h"
#include "common/sorted_spill.h"
#include "worker/commands/command_dead_letters.h"
#include "worker/commands/dead_letters_row.h"
#include "worker/kafka/kafka_client.h"
#include "worker/letters/letter_groups.h"
#include "worker/letters/letter_log.h"
#include "worker/letters/letter_notes.h"
#include "worker/letters/letter_outcomes.h"
#include "worker/model/error.h"

#define LISTED_ENTRIES 8192

struct listing {
    const struct dead_letters_request *request;
    const struct config *config;
    struct letter_log *log;
    struct spill *spill;
    struct letter_notes *notes;
    struct sorted_spill *listed; /* struct letter_place: the letters that get a row */
    struct letter_place next;    /* of them */
    enum sorted_reading has_next;
    struct letter_groups *groups;
    struct progress progress;
    int64_t rows;
    bool has_letters; /* that are selected */
    int error;        /* errno of a failure; 0: none */
};

static void print_groups(const struct listing *listing)
{
    size_t count;
    const int64_t limit = listing->request->selection.limit;
    const struct letter_group *groups = letter_groups_sorted(listing->groups, &count);
    for (size_t i = 0; i < count && (limit == 0 || (int64_t)i < limit); i++)
        dead_letters_print_group(&groups[i], listing->request->json);
}

/* ---- The two passes ---- */

static void show(void *listener, int64_t done, int64_t total)
{
    struct listing *listing = listener;
    listing->progress.total = total;
    progress_move(&listing->progress, done);
}

static bool is_at_limit(const struct listing *listing, int64_t rows)
{
    const int64_t limit = listing->request->selection.limit;
    return limit > 0 && rows >= limit;
}

static bool add(struct listing *listing, const struct letter *letter)
{
    if (letter->kind == LETTER_NOTE)
        return letter_notes_add(listing->notes, letter);
    if (!letter_is_selected(&listing->request->selection, letter) ||
        is_at_limit(listing, sorted_spill_count(listing->listed)))
        return true;
    struct letter_place place;
    memset(&place, 0, sizeof(place)); /* its padding is written, too */
    place.partition = letter->place.partition;
    place.offset = letter->place.offset;
    return sorted_spill_add(listing->listed, &place);
}

static bool take_note(void *listener, struct letter *letter, rd_kafka_message_t *message)
{
    struct listing *listing = listener;
    (void)message;
    if (add(listing, letter))
        return true;
    listing->error = errno;
    return false;
}

/* False for a letter that would have been beyond the limit if those before it had not been deleted since then. */
static bool is_listed(struct listing *listing, const struct letter *letter)
{
    while (listing->has_next == SORTED_ENTRY && letter_place_order(&listing->next, &letter->place) < 0)
        listing->has_next = sorted_spill_next(listing->listed, &listing->next);
    return listing->has_next == SORTED_ENTRY && letter_place_order(&listing->next, &letter->place) == 0;
}

/* False with errno set. */
static bool print_letter(struct listing *listing, const struct letter *letter)
{
    if (is_listed(listing, letter)) {
        listing->rows++;
        return dead_letters_print_row(letter, listing->notes, listing->request->json);
    }
    return listing->has_next != SORTED_FAILED;
}

static bool take_letter(void *listener, struct letter *letter, rd_kafka_message_t *message)
{
    struct listing *listing = listener;
    const struct dead_letters_request *request = listing->request;
    (void)message;
    if (!letter_is_selected(&request->selection, letter))
        return true;
    listing->has_letters = true;
    if (request->group ? !letter_groups_add(listing->groups, letter) : !print_letter(listing, letter)) {
        listing->error = errno;
        return false;
    }
    return request->group || !is_at_limit(listing, listing->rows);
}

static bool find_outcomes(struct listing *listing, char *error, size_t error_size)
{
    const struct letter_outcomes outcomes = {.config = listing->config,
                                             .consumer = letter_log_handle(listing->log),
                                             .wait_ms = KAFKA_CLIENT_WAIT_MS,
                                             .progress = show,
                                             .listener = listing};
    progress_begin(&listing->progress, "offsets of replies", 0, false);
    const bool ok = letter_outcomes_find(&outcomes, listing->notes, listing->listed, error, error_size);
    progress_clear(&listing->progress);
    return ok;
}

/* False with the reason in `error`. */
static bool read_notes(struct listing *listing, char *error, size_t error_size)
{
    listing->spill = spill_open(error, error_size);
    if (!listing->spill)
        return false;
    listing->notes = letter_notes_new(listing->spill);
    listing->listed = sorted_spill_new(listing->spill, sizeof(struct letter_place), LISTED_ENTRIES, letter_place_order);
    if (!listing->notes || !listing->listed) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    progress_begin(&listing->progress, "offsets of dead letters", 0, false);
    const bool is_read =
        letter_log_read_all(listing->log, &listing->request->selection, take_note, show, listing, error, error_size);
    progress_clear(&listing->progress);
    if (!is_read || !find_outcomes(listing, error, error_size))
        return false;
    if (letter_notes_begin(listing->notes) && sorted_spill_begin(listing->listed)) {
        listing->has_next = sorted_spill_next(listing->listed, &listing->next);
        if (listing->has_next != SORTED_FAILED)
            return true;
    }
    listing->error = errno;
    return false;
}

static bool read_letters(struct listing *listing, char *error, size_t error_size)
{
    progress_begin(&listing->progress, "offsets of dead letters", 0, !listing->request->group);
    const bool ok =
        letter_log_read_all(listing->log, &listing->request->selection, take_letter, show, listing, error, error_size);
    progress_clear(&listing->progress);
    return ok || (error[0] == '\0' && listing->error == 0); /* the limit was reached */
}

static bool run(struct listing *listing, char *error, size_t error_size)
{
    if (!letter_log_has_partitions(listing->log, &listing->request->selection, error, error_size))
        return false;
    if (!listing->request->group)
        return read_notes(listing, error, error_size) && read_letters(listing, error, error_size);
    listing->groups = letter_groups_new();
    if (!listing->groups)
        snprintf(error, error_size, "out of memory");
    if (!listing->groups || !read_letters(listing, error, error_size))
        return false;
    print_groups(listing);
    return true;
}

/* A code that neither a letter nor the daemon has is a mistake. Letters of another version may have any. */
static int check_code(const struct listing *listing)
{
    const char *code = listing->request->selection.code;
    if (!code || listing->has_letters)
        return COMMAND_OK;
    struct suggestion search = suggest_for(code);
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        if (!error_is_dead_letter(error))
            continue;
        if (strcmp(error_row(error)->code, code) == 0)
            return COMMAND_OK;
        suggest_offer(&search, error_row(error)->code);
    }
    return command_usage("dead-letters", "--code %s: no letter has this code%s%s%s", code,
                         search.found ? "; did you mean " : "", search.found ? search.found : "",
                         search.found ? "?" : "");
}

int dead_letters_list(const struct dead_letters_request *request, const struct config *config)
{
    char error[1024];
    struct listing listing = {.request = request, .config = config};
    listing.log = letter_log_open(config, KAFKA_CLIENT_WAIT_MS, error, sizeof(error));
    int result = COMMAND_OK;
    if (!listing.log || !run(&listing, error, sizeof(error)))
        result = dead_letters_complain(listing.error != 0 ? strerror(listing.error) : error);
    else if (letter_log_has_holes(listing.log))
        result = COMMAND_INCOMPLETE;
    else
        result = check_code(&listing);
    letter_groups_free(listing.groups);
    letter_notes_free(listing.notes);
    sorted_spill_free(listing.listed);
    spill_close(listing.spill);
    letter_log_close(listing.log);
    return result;
}
