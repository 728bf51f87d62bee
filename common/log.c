#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/complaint.h"
#include "common/log_output.h"
#include "common/timestamp.h"

/* Longest text of one value; the rest is replaced by "...". */
#define TEXT_BYTES 1024
/* Reserved for the mark that values were left out, and for the end of the line. */
#define TAIL_BYTES 32

struct line {
    char bytes[LOG_LINE_BYTES]; /* taken in one piece, so that the lines of several processes do not mix */
    size_t length, limit;
    bool full; /* something did not fit: what was added since the last good length is void */
};

static atomic_int log_level_now = LOG_LEVEL_INFO;
static atomic_int log_format_now = LOG_FORMAT_LOGFMT;
static pthread_mutex_t log_turn = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {[LOG_LEVEL_ERROR] = "error",
                                          [LOG_LEVEL_WARNING] = "warning",
                                          [LOG_LEVEL_INFO] = "info",
                                          [LOG_LEVEL_DEBUG] = "debug"};

void log_set_level(enum log_level level)
{
    atomic_store(&log_level_now, (int)level);
}

void log_set_format(enum log_format format)
{
    atomic_store(&log_format_now, (int)format);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load(&log_level_now);
}

static void line_add(struct line *line, const char *text, size_t length)
{
    if (line->full || length > line->limit - line->length) {
        line->full = true;
        return;
    }
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

static void line_text(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static void line_format(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line_format(struct line *line, const char *format, ...)
{
    if (line->full)
        return;
    size_t room = line->limit - line->length; /* the terminating NUL needs one byte more than the text */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->bytes + line->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room)
        line->full = true;
    else
        line->length += (size_t)length;
}

/* Bytes of the UTF-8 character (RFC 3629) at the beginning of `text`, or 0 if it is not UTF-8. */
static size_t character_length(const unsigned char *text, size_t length)
{
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    size_t size = first >= 0xc2 && first < 0xe0   ? 2
                  : (first & 0xf0) == 0xe0        ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
    if (size == 0 || size > length)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool surrogate = first == 0xed && text[1] >= 0xa0;
    bool beyond = first == 0xf4 && text[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : size;
}

/* Writes a JSON string; logfmt readers accept the same escapes. Bytes that are not UTF-8 become U+FFFD. */
static void line_quoted(struct line *line, struct span text)
{
    line_text(line, "\"");
    for (size_t i = 0; i < text.length;) {
        size_t size = character_length((const unsigned char *)text.at + i, text.length - i);
        unsigned char first = (unsigned char)text.at[i];
        if (i + (size ? size : 1) > TEXT_BYTES) {
            line_text(line, "...");
            break;
        }
        if (size == 0)
            line_text(line, "\\ufffd");
        else if (first == '"' || first == '\\')
            line_format(line, "\\%c", first);
        else if (first == '\n')
            line_text(line, "\\n");
        else if (first < 0x20 || first == 0x7f)
            line_format(line, "\\u%04x", first);
        else
            line_add(line, text.at + i, size);
        i += size ? size : 1;
    }
    line_text(line, "\"");
}

/* True if logfmt needs no quotes. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '=' || byte == '\\')
            return false;
    }
    return text.length > 0 && text.length <= TEXT_BYTES;
}

static void line_name(struct line *line, enum log_format format, const char *name)
{
    if (format == LOG_FORMAT_JSON)
        line_format(line, "%s\"%s\":", line->length > 1 ? "," : "", name);
    else
        line_format(line, "%s%s=", line->length > 0 ? " " : "", name);
}

static void line_value(struct line *line, enum log_format format, const struct log_value *value)
{
    size_t good = line->length;
    line_name(line, format, value->name);
    if (value->kind == LOG_VALUE_INTEGER)
        line_format(line, "%lld", (long long)value->integer);
    else if (format == LOG_FORMAT_LOGFMT && is_plain(value->text))
        line_add(line, value->text.at, value->text.length);
    else
        line_quoted(line, value->text);
    if (line->full)
        line->length = good;
}

static void line_time(struct line *line, enum log_format format)
{
    char text[TIME_LENGTH + 1] = "";
    time_text(clock_wall_ms(), text);
    line_value(line, format, &LOG_TEXT("time", text));
}

static void line_build(struct line *line, enum log_level level, const char *event, const struct log_value *values)
{
    enum log_format format = (enum log_format)atomic_load(&log_format_now);
    line->length = 0;
    line->full = false;
    line->limit = LOG_LINE_BYTES - TAIL_BYTES;

    line_text(line, format == LOG_FORMAT_JSON ? "{" : "");
    line_time(line, format);
    line_value(line, format, &LOG_TEXT("level", level_names[level]));
    line_value(line, format, &LOG_TEXT("event", event));
    for (const struct log_value *value = values; value && value->name && !line->full; value++)
        line_value(line, format, value);
    line->limit = LOG_LINE_BYTES;
    if (line->full) {
        line->full = false;
        line_value(line, format, &LOG_TEXT("rest", "cut"));
    }
    line_text(line, format == LOG_FORMAT_JSON ? "}\n" : "\n");
}

/* The reader of the log may be stuck: that must not stop a thread, nor the end of the process. */
static void line_write(const struct line *line)
{
    if (!log_output_takes_line())
        return;
    const uint64_t lost = log_output_lost();
    if (lost > 0) {
        struct line told;
        line_build(&told, LOG_LEVEL_WARNING, "the log was not read in time; lines were left out",
                   LOG_LIST(LOG_INTEGER("lines", lost)));
        log_output_write(told.bytes, told.length);
    }
    if (lost == 0 || log_output_takes_line())
        log_output_write(line->bytes, line->length);
}

void log_event(enum log_level level, const char *event, const struct log_value *values)
{
    if (!log_is_on(level))
        return;
    int saved = errno;
    struct line line;
    line_build(&line, level, event, values);
    pthread_mutex_lock(&log_turn);
    line_write(&line);
    pthread_mutex_unlock(&log_turn);
    errno = saved;
}

/* What a person reads of a fault. */
static struct span fault_detail(const struct log_value *values)
{
    struct span detail = SPAN("");
    for (const struct log_value *value = values; value && value->name; value++)
        if (strcmp(value->name, "error") == 0 || strcmp(value->name, "reason") == 0)
            detail = value->text;
    return detail;
}

/* What makes it another fault: the words, and the topic. FNV-1a. */
static uint32_t fault_checksum(const struct log_value *values)
{
    uint32_t sum = 2166136261u;
    for (const struct log_value *value = values; value && value->name; value++)
        if (strcmp(value->name, "error") == 0 || strcmp(value->name, "reason") == 0 ||
            strcmp(value->name, "topic") == 0)
            for (size_t i = 0; i < value->text.length; i++)
                sum = (sum ^ (unsigned char)value->text.at[i]) * 16777619u;
    return sum;
}

static void fault_log_end(struct log_fault *fault, int64_t ended_ms)
{
    log_info(fault->ended, LOG_INTEGER("seconds", (ended_ms - fault->began_ms + 500) / 1000));
    fault->began_ms = fault->well_ms = 0;
}

void log_fault_begin(struct log_fault *fault, const struct log_value *values)
{
    struct span detail = fault_detail(values);
    bool goes_on = fault->began_ms != 0 && fault->well_ms == 0;
    if (goes_on)
        return;
    if (fault->well_ms != 0 && fault->words != fault_checksum(values))
        fault_log_end(fault, fault->well_ms);
    if (fault->began_ms == 0) {
        fault->began_ms = clock_now_ms();
        if (fault->began_ms == 0)
            fault->began_ms = 1;
        log_event(LOG_LEVEL_WARNING, fault->event, values);
    }
    fault->well_ms = 0;
    fault->words = fault_checksum(values);
    if (fault->told)
        complaint_begin(fault->told, fault->event, detail);
}

void log_fault_end(struct log_fault *fault)
{
    int64_t now_ms = clock_now_ms();
    if (fault->began_ms == 0 || fault->well_ms != 0)
        return;
    if (fault->told)
        complaint_end(fault->told);
    if (fault->quiet_ms == 0)
        fault_log_end(fault, now_ms);
    else
        fault->well_ms = now_ms;
}

void log_fault_look(struct log_fault *fault)
{
    if (fault->well_ms != 0 && clock_now_ms() - fault->well_ms >= fault->quiet_ms)
        fault_log_end(fault, fault->well_ms);
}
