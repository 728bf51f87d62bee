#include "worker/index/rebuild_waits.h"

#define HELD_UP_MS 5000
#define STILL_MS   10000

struct rebuild_waits rebuild_waits_begin(const char *topic)
{
    return (struct rebuild_waits){
        .topic = topic,
        .held_up = (struct log_fault){"the rebuild of Redis waits for an open transaction in the record topic",
                                      "the rebuild of Redis waits for no transaction any more", .told = NULL},
        .still = (struct log_fault){"the rebuild of Redis gets no records; commands wait",
                                    "the rebuild of Redis gets records again", .told = NULL}};
}

/* A rebuild waits for open transactions of others, too, for as long as they last. */
static void say_what_holds_up(struct rebuild_waits *waits, const struct topic_reader *reader)
{
    int32_t partition;
    int64_t offset;
    if (topic_reader_is_held_up(reader, HELD_UP_MS, &partition, &offset))
        log_fault_begin(&waits->held_up, LOG_LIST(LOG_TEXT("topic", waits->topic), LOG_INTEGER("partition", partition),
                                                  LOG_INTEGER("offset", offset)));
    else if (!topic_reader_is_held_up(reader, 0, &partition, &offset))
        log_fault_end(&waits->held_up);
}

static void say_that_it_stands_still(struct rebuild_waits *waits, const struct topic_reader *reader)
{
    int32_t partition;
    int64_t offset;
    const char *error;
    if (topic_reader_stands_still(reader, STILL_MS, &partition, &offset, &error))
        log_fault_begin(&waits->still, LOG_LIST(LOG_TEXT("topic", waits->topic), LOG_INTEGER("partition", partition),
                                                LOG_INTEGER("offset", offset), LOG_TEXT("error", error)));
    else
        log_fault_end(&waits->still);
}

void rebuild_waits_look(struct rebuild_waits *waits, const struct topic_reader *reader)
{
    say_what_holds_up(waits, reader);
    say_that_it_stands_still(waits, reader);
}

void rebuild_waits_end(struct rebuild_waits *waits)
{
    log_fault_end(&waits->held_up);
    log_fault_end(&waits->still);
}
