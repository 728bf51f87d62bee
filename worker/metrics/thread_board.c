#include "worker/metrics/thread_board.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define STATE_ROW(name) #name,
    WORKER_STATES(STATE_ROW)
#undef STATE_ROW
};

const char *worker_state_name(enum worker_state state)
{
    assert((unsigned)state < WORKER_STATE_COUNT);
    return state_names[state];
}

struct thread_board *thread_board_new(void)
{
    struct thread_board *board = calloc(1, sizeof(*board));
    if (!board)
        return NULL;
    pthread_mutex_init(&board->lock, NULL);
    complaint_open(&board->kafka);
    complaint_open(&board->redis);
    board->window = workspace_window_new();
    board->noisy = noisy_workspaces_new();
    if (board->window && board->noisy)
        return board;
    thread_board_free(board);
    return NULL;
}

void thread_board_free(struct thread_board *board)
{
    if (!board)
        return;
    workspace_window_free(board->window);
    noisy_workspaces_free(board->noisy);
    complaint_close(&board->kafka);
    complaint_close(&board->redis);
    pthread_mutex_destroy(&board->lock);
    free(board);
}

void thread_board_enter(struct thread_board *board, enum worker_state state)
{
    atomic_store_explicit(&board->state, (int)state, memory_order_relaxed);
}

enum worker_state thread_board_state(const struct thread_board *board)
{
    return (enum worker_state)atomic_load_explicit(&board->state, memory_order_relaxed);
}

static struct command_note note_of(const struct item *item, int64_t wall_ms)
{
    struct command_note note = {
        .key.partition = item->from.partition, .offset = item->from.offset, .since_ms = wall_ms};
    if (item->workspace.at) {
        note.key.length = (uint8_t)item->workspace.length;
        memcpy(note.key.workspace, item->workspace.at, item->workspace.length);
    }
    if (item->outcome == OUTCOME_REJECTED)
        note.code = error_row(item->error)->code;
    return note;
}

void thread_board_note_waiting(struct thread_board *board, const struct item *item, int64_t wall_ms)
{
    struct command_note note = note_of(item, wall_ms);
    pthread_mutex_lock(&board->lock);
    if (board->waiting.since_ms > 0 && board->waiting.key.partition == note.key.partition &&
        board->waiting.offset == note.offset)
        note.since_ms = board->waiting.since_ms;
    board->waiting = note;
    pthread_mutex_unlock(&board->lock);
}

void thread_board_count(struct thread_board *board, const struct batch *batch, int64_t clock_ms, int64_t wall_ms)
{
    const struct item *last = NULL;
    workspace_window_count(board->window, batch, clock_ms);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item_is_ours(item) && item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error))
            last = item;
    }
    if (!last)
        return;
    pthread_mutex_lock(&board->lock);
    board->garbage = note_of(last, wall_ms);
    pthread_mutex_unlock(&board->lock);
}

void thread_board_notes(struct thread_board *board, struct command_note *waiting, struct command_note *garbage)
{
    pthread_mutex_lock(&board->lock);
    *waiting = board->waiting;
    *garbage = board->garbage;
    pthread_mutex_unlock(&board->lock);
}
