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
    garbage_watch_open(&board->garbage_watch);
    board->waiting_fault =
        (struct log_fault){"a partition waits for definitions", "no partition waits for definitions any more",
                           .quiet_ms = WAITING_QUIET_MS};
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

void thread_board_add_commit_redis(struct thread_board *board, double seconds)
{
    atomic_fetch_add_explicit(&board->commit_redis_us, (uint64_t)(seconds * 1e6), memory_order_relaxed);
}

double thread_board_commit_redis(const struct thread_board *board)
{
    return (double)atomic_load_explicit(&board->commit_redis_us, memory_order_relaxed) / 1e6;
}

void thread_board_note_waiting(struct thread_board *board, const struct item *item, int64_t clock_ms, int64_t wall_ms)
{
    struct command_note note = command_note_of(item, wall_ms);
    pthread_mutex_lock(&board->lock);
    waiting_commands_note(&board->waiting, &note, clock_ms);
    pthread_mutex_unlock(&board->lock);
    log_fault_begin(&board->waiting_fault,
                    LOG_LIST(LOG_TEXT("topic", item->from.topic), LOG_INTEGER("partition", note.key.partition),
                             LOG_INTEGER("offset", note.offset), LOG_SPAN("workspace", item->workspace)));
}

void thread_board_count(struct thread_board *board, const struct batch *batch, int64_t clock_ms, int64_t wall_ms)
{
    const struct item *last = NULL;
    struct command_note note;
    uint64_t commands = 0, garbage = 0;
    workspace_window_count(board->window, batch, clock_ms);
    pthread_mutex_lock(&board->lock);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        commands++;
        waiting_commands_answered(&board->waiting, item->from.partition, item->from.offset);
        if (item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error)) {
            last = item;
            garbage++;
        }
    }
    if (last)
        board->garbage = note = command_note_of(last, wall_ms);
    pthread_mutex_unlock(&board->lock);
    garbage_watch_count(&board->garbage_watch, commands, garbage, last ? &note : NULL, last ? last->from.topic : NULL,
                        clock_ms);
}

void thread_board_look(struct thread_board *board, int64_t clock_ms)
{
    garbage_watch_look(&board->garbage_watch, clock_ms);
    pthread_mutex_lock(&board->lock);
    bool any_waits = waiting_commands_any(&board->waiting, clock_ms);
    pthread_mutex_unlock(&board->lock);
    if (!any_waits)
        log_fault_end(&board->waiting_fault);
    log_fault_look(&board->waiting_fault);
}

size_t thread_board_waiting(struct thread_board *board, int64_t clock_ms, struct command_note notes[WAITING_MOST])
{
    pthread_mutex_lock(&board->lock);
    size_t count = waiting_commands_read(&board->waiting, clock_ms, notes);
    pthread_mutex_unlock(&board->lock);
    return count;
}

struct command_note thread_board_garbage(struct thread_board *board)
{
    pthread_mutex_lock(&board->lock);
    struct command_note note = board->garbage;
    pthread_mutex_unlock(&board->lock);
    return note;
}
