/* The entry of one command in the report of a dry run. */
#include <unistr.h>

#include "common/json_writer.h"
#include "common/quote.h"
#include "worker/replay/replay_report.h"

/* ---- JSON ---- */

static void write_member(struct json_writer *writer, struct span name, struct span text)
{
    writer_literal(writer, ",\"");
    writer_raw(writer, name);
    writer_literal(writer, "\":");
    writer_string(writer, text);
}

static void write_raw_member(struct json_writer *writer, struct span name, struct span value)
{
    if (!value.at)
        return;
    writer_literal(writer, ",\"");
    writer_raw(writer, name);
    writer_literal(writer, "\":");
    writer_raw(writer, value);
}

static void write_change(struct json_writer *writer, const struct json_difference *change)
{
    writer_literal(writer, "{\"path\":");
    writer_string(writer, change->path);
    write_raw_member(writer, SPAN("then"), change->then);
    write_raw_member(writer, SPAN("now"), change->now);
    writer_literal(writer, "}");
}

static struct span entry_json(const struct item *item, struct span position, const struct comparison *comparison,
                              struct arena *arena)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_literal(&writer, "{\"position\":");
    writer_string(&writer, position);
    write_member(&writer, SPAN("commandId"), item->command_id);
    if (item->workspace.at)
        write_member(&writer, SPAN("workspaceId"), item->workspace);
    write_member(&writer, SPAN("class"), span_of_text(replay_class_text(comparison->class)));
    if (comparison->then != VERDICT_NONE)
        write_member(&writer, SPAN("then"), span_of_text(verdict_text(comparison->then)));
    if (comparison->now != VERDICT_NONE)
        write_member(&writer, SPAN("now"), span_of_text(verdict_text(comparison->now)));
    writer_literal(&writer, ",\"changes\":[");
    for (const struct json_difference *change = comparison->changes; change; change = change->next) {
        if (change != comparison->changes)
            writer_literal(&writer, ",");
        write_change(&writer, change);
    }
    writer_literal(&writer, "]}\n");
    return writer_close(&writer);
}

/* ---- Text ---- */

static void write_code_point(struct json_writer *writer, ucs4_t character)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[12] = "<U+";
    size_t length = 3;
    for (int shift = character > 0xfffff ? 20 : character > 0xffff ? 16 : 12; shift >= 0; shift -= 4)
        text[length++] = digits[character >> shift & 15];
    text[length++] = '>';
    writer_raw(writer, span_of(text, length));
}

/* The whole text on one line, with what cannot be seen as <U+200B>, since a terminal would obey it. */
static void write_visible(struct json_writer *writer, struct span text)
{
    for (size_t at = 0; at < text.length;) {
        ucs4_t character;
        const int size = u8_mbtouc(&character, (const uint8_t *)text.at + at, text.length - at);
        if (character_is_visible(character))
            writer_raw(writer, span_of(text.at + at, (size_t)size));
        else
            write_code_point(writer, character);
        at += (size_t)size;
    }
}

static void write_value(struct json_writer *writer, struct span value)
{
    if (value.at)
        write_visible(writer, value);
    else
        writer_literal(writer, "-");
}

static void write_verdict(struct json_writer *writer, uint32_t verdict)
{
    if (verdict == VERDICT_NONE)
        writer_literal(writer, "not known");
    else
        writer_raw(writer, span_of_text(verdict_text(verdict)));
}

static struct span entry_text(const struct item *item, struct span position, const struct comparison *comparison,
                              struct arena *arena)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_raw(&writer, position);
    writer_literal(&writer, "  ");
    writer_raw(&writer, span_of_text(replay_class_text(comparison->class)));
    writer_literal(&writer, "  ");
    write_verdict(&writer, comparison->then);
    writer_literal(&writer, " -> ");
    write_verdict(&writer, comparison->now);
    writer_literal(&writer, "\n    workspace ");
    write_value(&writer, item->workspace);
    writer_literal(&writer, ", command ");
    write_visible(&writer, item->command_id);
    writer_literal(&writer, "\n");
    for (const struct json_difference *change = comparison->changes; change; change = change->next) {
        writer_literal(&writer, "    ");
        write_visible(&writer, change->path);
        writer_literal(&writer, "  ");
        write_value(&writer, change->then);
        writer_literal(&writer, " -> ");
        write_value(&writer, change->now);
        writer_literal(&writer, "\n");
    }
    return writer_close(&writer);
}

struct span replay_entry_write(enum replay_output output, const struct item *item, const struct comparison *comparison,
                               struct arena *arena)
{
    const struct span position = position_text(&item->from, arena);
    return output == REPLAY_JSON ? entry_json(item, position, comparison, arena)
                                 : entry_text(item, position, comparison, arena);
}
