/* Messages with wrong offsets: the messages from the first wrong one on are read again, behind its batch. */
#include "worker/replay/history_reader_internal.h"

static enum history_places verify_jumps(struct history_reader *reader)
{
    int64_t from;
    const bool is_asked = reader->jumps.due > 0;
    switch (history_jumps_verify(&reader->jumps, &reader->misnumbered, reader->partition, &from)) {
    case MESSAGE_UNKNOWN:
        return READING_UNKNOWN;
    case MESSAGE_IN_PLACE:
        if (is_asked)
            history_client_hear(&reader->client);
        return READING_IN_PLACE;
    case MESSAGE_MISPLACED:
        break;
    }
    history_queue_drop(&reader->queue);
    history_jumps_forget(&reader->jumps);
    history_client_hear(&reader->client);
    reader->next = from;
    reader->state = READER_MISPLACED;
    misnumbered_batch_begin(&reader->misnumbered, reader->partition, from, reader->to);
    return READING_MISPLACED;
}

enum history_places history_reader_verify(struct history_reader *reader)
{
    return reader->state == READER_DISORDER || reader->state == READER_MISPLACED ? READING_MISPLACED
                                                                                 : verify_jumps(reader);
}

enum history_places history_reader_find(struct history_reader *reader, int32_t partition, const struct log_mark *mark)
{
    switch (misnumbered_batch_find(&reader->misnumbered, partition, mark)) {
    case MESSAGE_IN_PLACE:
        return READING_IN_PLACE;
    case MESSAGE_MISPLACED:
        return READING_MISPLACED;
    case MESSAGE_UNKNOWN:
        break;
    }
    return READING_UNKNOWN;
}

/* A message came behind one with a higher offset. If no jump is wrong, a batch has several messages with one offset,
 * and then the next offsets have none; or its messages are in a wrong order, and those before the first one do not
 * come. */
static enum history_places look_back(struct history_reader *reader, int64_t offset)
{
    const struct jump *over = history_jumps_doubt(&reader->jumps, offset);
    reader->disorder.from = over ? over->from : reader->next;
    reader->disorder.to = over ? over->to.offset : reader->next + 1;
    const enum history_places places = verify_jumps(reader);
    if (places != READING_IN_PLACE)
        return places;
    if (over)
        reader->next = over->to.offset;
    reader->state = READER_DISORDER;
    return READING_MISPLACED;
}

enum history_places history_look_at_message(struct history_reader *reader, const rd_kafka_message_t *message)
{
    const bool ends = message->offset + 1 >= reader->to;
    if (message->offset < reader->next)
        return look_back(reader, message->offset);
    const bool is_due = message->offset > reader->next && history_jumps_note(&reader->jumps, reader->next, message);
    if (ends)
        history_jumps_doubt_last(&reader->jumps);
    const enum history_places places = is_due || ends ? verify_jumps(reader) : READING_IN_PLACE;
    if (places == READING_UNKNOWN && message->offset > reader->next)
        history_jumps_take_back(&reader->jumps);
    return places;
}
