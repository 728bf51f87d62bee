#include "worker/metrics/garbage_watch.h"

void garbage_watch_open(struct garbage_watch *watch)
{
    *watch = (struct garbage_watch){
        .fault = (struct log_fault){"a producer sends garbage", "no producer sends garbage any more", .told = NULL}};
}

bool garbage_is_much(uint64_t garbage, uint64_t commands)
{
    return garbage >= GARBAGE_LEAST && garbage * 100 >= commands * GARBAGE_PERCENT;
}

/* The sum of the last minute. */
static struct garbage_slot minute_of(const struct garbage_watch *watch, int64_t number)
{
    struct garbage_slot sum = {0};
    for (unsigned i = 0; i < GARBAGE_SLOTS; i++)
        if (number - watch->slots[i].number < GARBAGE_SLOTS) {
            sum.commands += watch->slots[i].commands;
            sum.garbage += watch->slots[i].garbage;
        }
    return sum;
}

void garbage_watch_count(struct garbage_watch *watch, uint64_t commands, uint64_t garbage,
                         const struct command_note *last, const char *topic, int64_t clock_ms)
{
    int64_t number = clock_ms / GARBAGE_SLOT_MS;
    struct garbage_slot *slot = &watch->slots[number % GARBAGE_SLOTS];
    if (slot->number != number)
        *slot = (struct garbage_slot){.number = number};
    slot->commands += commands;
    slot->garbage += garbage;
    if (!last)
        return;
    struct garbage_slot minute = minute_of(watch, number);
    if (!garbage_is_much(minute.garbage, minute.commands))
        return;
    watch->seen_ms = clock_ms;
    log_fault_begin(&watch->fault,
                    LOG_LIST(LOG_INTEGER("garbage", minute.garbage), LOG_INTEGER("commands", minute.commands),
                             LOG_TEXT("topic", topic), LOG_INTEGER("partition", last->key.partition),
                             LOG_INTEGER("offset", last->offset), LOG_TEXT("code", last->code),
                             LOG_SPAN(last->key.length > 0 ? "workspace" : NULL, /* NULL ends the list */
                                      span_of(last->key.workspace, last->key.length))));
}

void garbage_watch_look(struct garbage_watch *watch, int64_t clock_ms)
{
    if (clock_ms - watch->seen_ms >= GARBAGE_QUIET_MS)
        log_fault_end(&watch->fault);
}
