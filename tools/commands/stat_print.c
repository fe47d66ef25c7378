/* stat_print.c - see stat.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/write.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"
#include "tools/commands/stat.h"
#include "tools/query/allocate.h"
#include "tools/query/time.h"

#define NS_PER_S 1000000000

const char *stat_level_name(uint32_t level) {
    return level_name(level == 0 ? LEVEL_NONE : (uint8_t)(4 * level - 3));
}

/* ---- tables ---- */

/* "-" if no line has a time. */
static const char *file_time(const struct stat_found *found, const struct stat_file *file,
                             int64_t time_ns, char *text) {
    return file->counts.timed == 0 ? "-" : query_time_text(found->zone, time_ns, text);
}

/* The width of query_time_text's text. */
static int time_width(const struct stat_found *found) {
    return found->zone != NULL ? 25 : 20;
}

static const char *size_of(uint64_t bytes, char text[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes;
    uint32_t unit = 0;
    for (; size >= 1024 && unit < 6; unit++)
        size /= 1024;
    snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return text;
}

static double ratio_of(const struct stat_file *file) {
    return file->file_bytes > 0 ? (double)file->raw_bytes / (double)file->file_bytes : 0;
}

static void print_row(struct output *out, const struct stat_found *found,
                      const struct stat_file *file) {
    char raw[32], packed[32], from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX];
    output_format(out, "%12llu %10s %10s %6.2f  %-*s  %-*s", (unsigned long long)file->counts.lines,
                  size_of(file->raw_bytes, raw), size_of(file->file_bytes, packed), ratio_of(file),
                  time_width(found), file_time(found, file, file->counts.time_min_ns, from),
                  time_width(found), file_time(found, file, file->counts.time_max_ns, to));
    for (uint32_t i = COUNTS_LEVELS; i-- > 0;)
        if (found->all.counts.levels[i] > 0)
            output_format(out, " %9llu", (unsigned long long)file->counts.levels[i]);
    const char *path = file->path != NULL ? file->path : "all";
    output_text(out, "  ");
    output_records(out, path, strlen(path));
    output_text(out, "\n");
}

static void print_files(struct output *out, const struct stat_found *found) {
    const int width = time_width(found);
    output_format(out, "%12s %10s %10s %6s  %-*s  %-*s", "lines", "raw", "file", "ratio", width,
                  "from", width, "to");
    for (uint32_t i = COUNTS_LEVELS; i-- > 0;)
        if (found->all.counts.levels[i] > 0) output_format(out, " %9s", stat_level_name(i));
    output_text(out, "\n");
    for (uint32_t i = 0; i < found->count; i++)
        print_row(out, found, &found->files[i]);
    if (found->count != 1) print_row(out, found, &found->all);
}

/* Draws nothing only for 0 lines. */
static void print_bar(struct output *out, uint64_t lines, uint64_t most, uint32_t columns) {
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint64_t length = (uint64_t)((double)lines / (double)most * columns * 8);
    if (length == 0 && lines > 0) length = 1;
    for (; length >= 8; length -= 8)
        output_text(out, "█");
    output_text(out, eighths[length]);
    output_text(out, "\n");
}

static void print_histogram(struct output *out, const struct stat_found *found, uint32_t columns) {
    const struct histogram *const h = found->histogram;
    uint64_t most = 1;
    for (uint32_t i = 0; i < h->count; i++)
        if (h->lines[i] > most) most = h->lines[i];
    output_format(out, "\n%-*s %12s\n", time_width(found), "time", "lines");
    for (uint32_t i = 0; i < h->count; i++) {
        char text[TIMESTAMP_TEXT_MAX];
        const int64_t second = (h->first + i) * h->width_s;
        const bool shown = second > INT64_MIN / NS_PER_S && second < INT64_MAX / NS_PER_S;
        output_format(out, "%-*s %12llu  ", time_width(found),
                      shown ? query_time_text(found->zone, second * NS_PER_S, text) : "(long ago)",
                      (unsigned long long)h->lines[i]);
        print_bar(out, h->lines[i], most, columns > 60 ? columns - 36 : 24);
    }
}

/* Values that are not listed may be more frequent than the last one that is. */
static bool lists_too_rare_values(const struct stat_found *found) {
    const struct top *const top = found->top;
    return top->closed && found->top_count > 0 && found->top_count <= top->used &&
           top->values[found->top_count - 1].count < top->bound;
}

static void print_values(struct output *out, const struct stat_found *found) {
    uint64_t rest = found->top->others;
    output_format(out, "\n%12s  ", "lines");
    output_records(out, found->by, strlen(found->by));
    output_text(out, "\n");
    for (uint32_t i = 0; i < found->top->used; i++) {
        const struct top_value *value = &found->top->values[i];
        if (i >= found->top_count) {
            rest += value->count;
            continue;
        }
        output_format(out, "%12llu  ", (unsigned long long)value->count);
        output_visible_bytes(out, found->top->texts + value->text, value->size);
        output_text(out, "\n");
    }
    if (rest > 0) output_format(out, "%12llu  (other values)\n", (unsigned long long)rest);
    if (top_is_approximate(found->top))
        output_format(out,
                      "%12s  (standard input is read once: counts may be up to %llu too high)\n",
                      "", (unsigned long long)found->top->bound);
    if (lists_too_rare_values(found))
        output_format(out, "%12s  (values that occur %llu times or less may be missing here)\n", "",
                      (unsigned long long)found->top->bound);
    if (found->without > 0)
        output_format(out, "%12llu  (without it)\n", (unsigned long long)found->without);
}

void stat_print_tables(struct output *out, const struct stat_found *found, uint32_t columns) {
    print_files(out, found);
    if (found->histogram != NULL) print_histogram(out, found, columns);
    if (found->by != NULL) print_values(out, found);
}

/* ---- JSON ---- */

static void json_string(struct output *out, const void *bytes, size_t size) {
    char *text = allocate(JSON_STRING_BYTES_MAX(size));
    output_bytes(out, text, (size_t)(json_write_string(text, bytes, size) - text));
    free(text);
}

static void json_time(struct output *out, const char *key, const struct stat_file *file,
                      int64_t time_ns) {
    char text[TIMESTAMP_TEXT_MAX];
    if (file->counts.timed > 0)
        output_format(out, ",\"%s\":\"%s\"", key, timestamp_format(time_ns, text));
    else
        output_format(out, ",\"%s\":null", key);
}

static void json_file(struct output *out, const struct stat_file *file) {
    output_text(out, "{");
    if (file->path != NULL) {
        output_text(out, "\"path\":");
        json_string(out, file->path, strlen(file->path));
        output_text(out, ",");
    }
    output_format(out,
                  "\"lines\":%llu,\"raw_bytes\":%llu,\"file_bytes\":%llu,\"frames\":%llu,"
                  "\"ratio\":%.3f,\"timed\":%llu",
                  (unsigned long long)file->counts.lines, (unsigned long long)file->raw_bytes,
                  (unsigned long long)file->file_bytes, (unsigned long long)file->frames,
                  ratio_of(file), (unsigned long long)file->counts.timed);
    json_time(out, "time_min", file, file->counts.time_min_ns);
    json_time(out, "time_max", file, file->counts.time_max_ns);
    output_text(out, ",\"levels\":{");
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        output_format(out, "%s\"%s\":%llu", i > 0 ? "," : "", stat_level_name(i),
                      (unsigned long long)file->counts.levels[i]);
    output_text(out, "}}");
}

static void json_histogram(struct output *out, const struct histogram *h) {
    output_format(out, ",\"histogram\":{\"width_s\":%lld,\"stretches\":[", (long long)h->width_s);
    for (uint32_t i = 0; i < h->count; i++) {
        output_format(out, "%s{\"begin_s\":%lld,\"lines\":%llu}", i > 0 ? "," : "",
                      (long long)((h->first + i) * h->width_s), (unsigned long long)h->lines[i]);
    }
    output_text(out, "]}");
}

static void json_values(struct output *out, const struct stat_found *found) {
    uint64_t rest = found->top->others;
    output_text(out, ",\"by\":{\"field\":");
    json_string(out, found->by, strlen(found->by));
    output_text(out, ",\"values\":[");
    for (uint32_t i = 0; i < found->top->used; i++) {
        const struct top_value *value = &found->top->values[i];
        if (i >= found->top_count) {
            rest += value->count;
            continue;
        }
        output_format(out, "%s{\"value\":", i > 0 ? "," : "");
        json_string(out, found->top->texts + value->text, value->size);
        output_format(out, ",\"lines\":%llu}", (unsigned long long)value->count);
    }
    output_format(out, "],\"others\":%llu,\"without\":%llu}", (unsigned long long)rest,
                  (unsigned long long)found->without);
}

void stat_print_json(struct output *out, const struct stat_found *found) {
    output_text(out, "{\"files\":[");
    for (uint32_t i = 0; i < found->count; i++) {
        if (i > 0) output_text(out, ",");
        json_file(out, &found->files[i]);
    }
    output_text(out, "],\"all\":");
    json_file(out, &found->all);
    if (found->histogram != NULL) json_histogram(out, found->histogram);
    if (found->by != NULL) json_values(out, found);
    output_text(out, "}\n");
}
