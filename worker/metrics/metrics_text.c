/* The metrics in Prometheus' text format 0.0.4. */
#include <stdlib.h>
#include <string.h>

#include "worker/metrics/metrics_internal.h"

struct group {
    struct metrics *const *threads;
    size_t count;
};

static void write_escaped(FILE *out, const char *text, bool quotes)
{
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || (*text == '"' && quotes))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
}

static void write_label(FILE *out, const char *separator, const char *name, const char *value)
{
    fprintf(out, "%s%s=\"", separator, name);
    write_escaped(out, value, true);
    fputc('"', out);
}

/* The sum over all threads; for a gauge, the minimum. */
static uint64_t group_get(const struct group *group, unsigned cell, enum metric_kind kind)
{
    uint64_t total = 0;
    for (size_t i = 0; i < group->count; i++) {
        uint64_t amount = cell_get(group->threads[i], cell);
        if (kind != KIND_GAUGE)
            total += amount;
        else if (i == 0 || amount < total)
            total = amount;
    }
    return total;
}

static void write_number(FILE *out, const struct metric_row *row, unsigned value, uint64_t amount)
{
    const struct label_row *label = &label_rows[row->label];
    fputs(row->name, out);
    if (label->name) {
        write_label(out, "{", label->name, label->values[value]);
        fputc('}', out);
    }
    fprintf(out, " %llu\n", (unsigned long long)amount);
}

/* Writes "name_bucket{stage="decode",le="0.1"} " and the like. `bound` NULL: without the label le. */
static void write_histogram_name(FILE *out, const struct metric_row *row, unsigned value, const char *part,
                                 const char *bound)
{
    const struct label_row *label = &label_rows[row->label];
    const char *separator = "{";
    fprintf(out, "%s%s", row->name, part);
    if (label->name) {
        write_label(out, separator, label->name, label->values[value]);
        separator = ",";
    }
    if (bound)
        write_label(out, separator, "le", bound);
    fputs(label->name || bound ? "} " : " ", out);
}

static void write_histogram(FILE *out, const struct metric_row *row, unsigned value, const struct group *group)
{
    unsigned first = row->first + value * row->each, bounds = row->each - 2;
    uint64_t total = 0;
    double sum = 0;
    for (unsigned i = 0; i <= bounds; i++) {
        char bound[32] = "+Inf";
        if (i < bounds)
            snprintf(bound, sizeof(bound), "%g", metric_bounds(row->kind)[i]);
        total += group_get(group, first + i, row->kind);
        write_histogram_name(out, row, value, "_bucket", bound);
        fprintf(out, "%llu\n", (unsigned long long)total);
    }
    for (size_t i = 0; i < group->count; i++)
        sum += double_of(cell_get(group->threads[i], first + row->each - 1));
    write_histogram_name(out, row, value, "_sum", NULL);
    fprintf(out, "%.15g\n", sum);
    write_histogram_name(out, row, value, "_count", NULL);
    fprintf(out, "%llu\n", (unsigned long long)total);
}

static void write_lag(FILE *out, const struct metric_row *row, const char *topic, const struct partition_lag *lag)
{
    fputs(row->name, out);
    write_label(out, "{", "topic", topic);
    fprintf(out, ",partition=\"%d\"} ", (int)lag->partition);
    if (row->kind == KIND_AGE)
        fprintf(out, "%.3f\n", lag->oldest_seconds);
    else
        fprintf(out, "%lld\n", (long long)lag->lag);
}

/* Writes the lags of each thread, except for partitions that an earlier thread shows too: for a moment after a
 * partition has moved from one thread to another both may show it, and a series must not appear twice. */
static void write_lags(FILE *out, const struct metric_row *row, const struct group *group)
{
    bool *shown = NULL;
    int32_t known = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct metrics *metrics = group->threads[i];
        pthread_mutex_lock(&metrics->lags_lock);
        for (size_t j = 0; j < metrics->lag_count; j++) {
            const struct partition_lag *lag = &metrics->lags[j];
            if (lag->partition >= known) {
                bool *grown = realloc(shown, (size_t)lag->partition + 1);
                if (!grown)
                    abort();
                memset(grown + known, 0, (size_t)(lag->partition + 1 - known));
                shown = grown;
                known = lag->partition + 1;
            }
            if (!shown[lag->partition])
                write_lag(out, row, metrics->topic, lag);
            shown[lag->partition] = true;
        }
        pthread_mutex_unlock(&metrics->lags_lock);
    }
    free(shown);
}

static const char *type_of(enum metric_kind kind)
{
    return kind == KIND_COUNTER ? "counter" : kind == KIND_SECONDS || kind == KIND_COMMANDS ? "histogram" : "gauge";
}

void metrics_write(FILE *out, struct metrics *const *threads, size_t count)
{
    const struct group group = {threads, count};
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        const struct label_row *label = &label_rows[row->label];
        fprintf(out, "# HELP %s ", row->name);
        write_escaped(out, row->help, false);
        fprintf(out, "\n# TYPE %s %s\n", row->name, type_of(row->kind));
        if (row->kind == KIND_LAG || row->kind == KIND_AGE) {
            write_lags(out, row, &group);
            continue;
        }
        for (unsigned value = 0; value < label->count; value++) {
            if (!label->values[value])
                continue;
            if (metric_is_number(row->kind))
                write_number(out, row, value, group_get(&group, row->first + value * row->each, row->kind));
            else
                write_histogram(out, row, value, &group);
        }
    }
}
