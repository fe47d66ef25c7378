/* stat.c - what is in the files: lines, bytes, times, levels, and the most frequent
 * values of a field.  Reads every line once, whatever was asked. */
#include "tools/stat.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/facts.h"
#include "tools/command.h"
#include "tools/fields.h"
#include "tools/query.h"
#include "tools/read.h"
#include "tools/visible.h"

#define BAR_COLUMNS_MAX 120
#define BARS_MAX        40

struct stat_settings {
    struct common_settings common;
    struct query_settings query;
    bool json, histogram;
    const char *by;
    uint64_t count;
};

struct gathering {
    const struct stat_settings *settings;
    struct query query;
    struct query_state state;
    struct stat_found found;
    struct histogram histogram;
    struct top top;
};

/* ---- one line ---- */

/* OpenTelemetry's 24 levels are six with four steps each. */
static uint32_t coarse_level(uint8_t level) {
    return level == 0 || level > LEVEL_MAX ? 0 : (level + 3u) / 4;
}

/* A string's meaning, anything else as it stands; what is no UTF-8 becomes U+FFFD. */
static size_t text_of(const struct value *value, uint8_t text[TOP_VALUE_BYTES_MAX]) {
    const bool string = value->kind == VALUE_STRING && value->end - value->begin >= 2;
    const uint8_t *p = value->begin + (string ? 1 : 0), *const end = value->end - (string ? 1 : 0);
    size_t size = 0;
    while (p < end && size + 4 <= TOP_VALUE_BYTES_MAX) {
        const size_t character = utf8_character(p, end);
        if (string && *p == '\\') {
            size += string_decode(&p, end, text + size);
        } else if (character > 0) {
            memcpy(text + size, p, character);
            size += character;
            p += character;
        } else {
            memcpy(text + size, "\xEF\xBF\xBD", 3);
            size += 3;
            p++;
        }
    }
    return size;
}

static void gather_value(struct gathering *g, const uint8_t *line, const uint8_t *end) {
    uint8_t text[TOP_VALUE_BYTES_MAX];
    struct value value;
    const struct value root = value_of(line, end);
    if (value_find(&root, g->settings->by, strlen(g->settings->by), &value))
        top_add(&g->top, text, text_of(&value, text));
    else
        g->found.without++;
}

static void gather_line(struct gathering *g, struct stat_file *file, const uint8_t *line,
                        const uint8_t *end) {
    struct facts facts = {0};
    /* Of files of others, a line may be anything. */
    if (line < end && *line == '{')
        facts_of_record(line, (size_t)(end - line), &facts_rules_usual, &facts);
    file->lines++;
    file->levels[coarse_level(facts.level)]++;
    if (facts.has_time) {
        if (file->timed == 0 || facts.time_ns < file->time_min_ns)
            file->time_min_ns = facts.time_ns;
        if (file->timed == 0 || facts.time_ns > file->time_max_ns)
            file->time_max_ns = facts.time_ns;
        file->timed++;
        if (g->settings->histogram) histogram_add(&g->histogram, facts.time_ns);
    }
    if (g->settings->by != NULL) gather_value(g, line, end);
}

/* ---- files ---- */

static void add_up(struct stat_file *all, const struct stat_file *file) {
    if (file->timed > 0) {
        if (all->timed == 0 || file->time_min_ns < all->time_min_ns)
            all->time_min_ns = file->time_min_ns;
        if (all->timed == 0 || file->time_max_ns > all->time_max_ns)
            all->time_max_ns = file->time_max_ns;
    }
    all->timed += file->timed;
    all->lines += file->lines;
    all->raw_bytes += file->raw_bytes;
    all->file_bytes += file->file_bytes;
    all->frames += file->frames;
    for (uint32_t i = 0; i < STAT_LEVELS; i++)
        all->levels[i] += file->levels[i];
}

static void gather(struct gathering *g, struct reading *reading) {
    struct stat_found *found = &g->found;
    found->count = reading->list.count;
    found->files = allocate(found->count * sizeof *found->files);
    memset(found->files, 0, found->count * sizeof *found->files);
    for (uint32_t i = 0; i < found->count; i++) {
        found->files[i].path = reading->list.files[i].path;
        found->files[i].file_bytes = reading->list.files[i].size;
    }
    while (reading_next(reading)) {
        struct stat_file *file = &found->files[reading->segment - reading->list.files];
        const uint8_t *p = reading->scan.raw, *const end = p + reading->scan.raw_size;
        const uint8_t *line, *behind;
        file->frames++;
        if (!query_takes_stream(&g->query, reading->segment->name.stream)) continue;
        query_begin(&g->state);
        for (; query_next(&g->query, &g->state, p, end, &line, &behind); p = behind) {
            file->raw_bytes += (uint64_t)(behind - line);
            gather_line(g, file, line, behind[-1] == '\n' ? behind - 1 : behind);
        }
    }
    for (uint32_t i = 0; i < found->count; i++)
        add_up(&found->all, &found->files[i]);
}

static void print(struct gathering *g, struct output *out) {
    const uint32_t values = top_sort(&g->top);
    g->found.top_count = g->settings->count < values ? (uint32_t)g->settings->count : values;
    if (g->settings->json) {
        stat_print_json(out, &g->found);
        return;
    }
    const uint32_t columns = out->memory ? 80 : stream_columns(STREAM_OUTPUT);
    histogram_shrink(&g->histogram, BARS_MAX);
    stat_print_tables(out, &g->found, columns < BAR_COLUMNS_MAX ? columns : BAR_COLUMNS_MAX);
}

static int stat_run(struct call *call) {
    static const struct query_patterns any = {0};
    struct gathering *g = allocate(sizeof *g);
    struct reading reading;
    memset(g, 0, sizeof *g);
    g->settings = call->settings;
    g->found.by = g->settings->by;
    g->found.top = &g->top;
    if (g->settings->histogram) g->found.histogram = &g->histogram;
    int code = EXIT_TROUBLE;
    if (query_open(&g->query, "stat", &g->settings->query, &any, system_wall_ns()) < 0) goto done;
    if (query_state_open(&g->state) < 0) goto close_query;
    reading_open(&reading, call, true);
    gather(g, &reading);
    progress_clear(&reading.progress);
    print(g, call->out);
    code = reading.trouble ? EXIT_TROUBLE : EXIT_FINE;
    reading_close(&reading);
    query_state_close(&g->state);
close_query:
    query_close(&g->query);
done:
    top_free(&g->top);
    free(g->found.files);
    free(g);
    return code;
}

#define FIELD(name) offsetof(struct stat_settings, name)

static const struct option options[] = {
    {.name = "json", .kind = OPTION_FLAG, .field = FIELD(json), .help = "print one JSON object"},
    {.name = "histogram",
     .kind = OPTION_FLAG,
     .field = FIELD(histogram),
     .help = "also how many lines each stretch of time holds, as bars"},
    {.name = "by",
     .kind = OPTION_TEXT,
     .field = FIELD(by),
     .value = "FIELD",
     .help = "also the most frequent values of this field: http.status"},
    {.name = "count",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .field = FIELD(count),
     .min = 1,
     .max = TOP_VALUES_MAX,
     .preset = "10",
     .value = "N",
     .help = "with --by: so many values"},
    QUERY_OPTIONS(FIELD(query)),
    HELP_OPTION,
};

const struct command stat_command = {
    .name = "stat",
    .usage = "[OPTION…] [PATH…]",
    .summary = "Count lines, bytes and levels, and say which time they cover.",
    .more =
        "A row a file, and one for all. The ratio is the size of the counted lines to that of\n"
        "the file. Times are those that the lines themselves say, in UTC; lines without one are\n"
        "in the counts, not in the times. Levels are counted by name; `none` are lines that\n"
        "say none. --by tells 100,000 different values apart, by their first 256 bytes.\n"
        "\n"
        "Examples:\n"
        "  logport stat\n"
        "  logport stat --by http.status --histogram ./logs/main\n"
        "  logport stat --json | jq .all.lines\n"
        "  logport stat --level error --since today --by logger\n",
    .options = options,
    .settings_size = sizeof(struct stat_settings),
    .run = stat_run,
};
