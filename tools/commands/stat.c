/* stat.c - counts lines, bytes, times, levels and the most frequent values of a field.  Uses the
 * indexes where they suffice; all other lines are read once, by several threads. */
#include "tools/commands/stat.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/record/facts.h"
#include "tools/commands/answer.h"
#include "tools/commands/command.h"
#include "tools/commands/stat_groups.h"
#include "tools/query/allocate.h"
#include "tools/query/canonical.h"
#include "tools/query/fields.h"
#include "tools/query/foreign/foreign.h"
#include "tools/query/query.h"
#include "tools/query/read.h"
#include "tools/query/select.h"
#include "tools/query/survey.h"
#include "writer/index/index.h"

#define BAR_COLUMNS_MAX 120
#define BARS_MAX        40

struct stat_settings {
    struct common_settings common;
    struct query_settings query;
    struct stat_groups_settings groups; /* and by, limit, json and no_index of the others */
    bool histogram;
};

struct gathering {
    const struct stat_settings *settings;
    struct query query;
    struct stat_found found;
    struct segment_list to_read; /* the files whose lines are read, and their numbers in `found` */
    uint32_t *places;
    bool *indexed; /* per file: its frames are counted from its index */
    struct histogram histogram;
    struct top top;
    struct is_record is_record;
    size_t by_size;
    bool by_canonical; /* --by @level and the like */
    enum canonical_field by_field;
    struct canonical_rules rules;
    struct canonical canonical;
};

/* ---- one line ---- */

static bool find_value(struct gathering *g, const struct selection *selection, const uint8_t *line,
                       size_t size, struct value *value) {
    if (!g->by_canonical) {
        const struct value root = value_of(line, line + size);
        return value_find(&root, g->found.by, g->by_size, value);
    }
    if (g->rules.facts != selection->facts) canonical_open(&g->rules, selection->facts);
    g->canonical.stream = selection->segment->name.stream;
    canonical_read(&g->canonical, &g->rules, line, size);
    return canonical_value(&g->canonical, g->by_field, value);
}

static void gather_value(struct gathering *g, const struct selection *selection,
                         const uint8_t *line, const uint8_t *end) {
    uint8_t text[TOP_VALUE_BYTES_MAX];
    struct value value;
    if (find_value(g, selection, line, (size_t)(end - line), &value))
        top_add(&g->top, text, value_text(&value, text, sizeof text));
    else
        g->found.without++;
}

static void gather_line(struct gathering *g, const struct selection *selection, const uint8_t *line,
                        const uint8_t *end) {
    struct counts one = {0};
    struct facts facts;
    size_t size = (size_t)(end - line);
    if (selection->foreign && !is_record(&g->is_record, &line, &size)) {
        g->found.without += g->found.by != NULL;
        return;
    }
    end = line + size;
    if (g->settings->histogram) {
        counts_add_line(&one, selection->facts, line, (size_t)(end - line), &facts);
        if (facts.has_time) histogram_add(&g->histogram, facts.time_ns);
    }
    if (g->found.by != NULL) gather_value(g, selection, line, end);
}

/* ---- files that are read ---- */

/* The result of one piece; it has lines only if they are needed. */
static bool gather_piece(void *context, const struct selection *selection) {
    struct gathering *g = context;
    const uint32_t number = (uint32_t)(selection->segment - g->to_read.files);
    struct stat_file *file = &g->found.files[g->places[number]];
    counts_add(&file->counts, selection->tally);
    file->raw_bytes += selection->tally_bytes;
    if (!g->indexed[g->places[number]]) file->frames += selection->frames;
    if (g->settings->histogram || g->found.by != NULL)
        for (uint64_t i = 0; i < selection->count; i++)
            gather_line(g, selection, selection->text + selection->lines[i].begin,
                        selection->text + selection->lines[i].end - 1);
    return true;
}

static bool recount_piece(void *context, const struct selection *selection) {
    struct gathering *g = context;
    for (uint64_t i = 0; i < selection->count; i++) {
        const uint8_t *line = selection->text + selection->lines[i].begin;
        size_t size = selection->lines[i].end - selection->lines[i].begin - 1;
        if (!selection->foreign || is_record(&g->is_record, &line, &size))
            gather_value(g, selection, line, line + size);
    }
    return true;
}

static bool read_files(struct gathering *g, struct call *call) {
    const struct select_settings how = {.count = !g->settings->histogram && g->found.by == NULL,
                                        .tally = true,
                                        .all_frames = g->settings->groups.no_index,
                                        .results_at_end = true,
                                        .max = UINT64_MAX};
    struct select_report report;
    select_files(&call->paths, &g->to_read, &g->query, &how, gather_piece, g, &report);
    report_unrecognised("stat", &report.unrecognised);
    return !report.failed;
}

/* ---- files whose index says all ---- */

/* False: a group was damaged when the segment was indexed; its lines must be read to report
 * that. */
static bool is_whole(const struct segment_index *index) {
    for (uint32_t i = 0; i < index->count; i++)
        if (index->groups[i].damaged) return false;
    return true;
}

/* Do indexes answer the question for records that are read by these rules? */
static bool is_in_indexes(const struct gathering *g, const struct facts_rules *rules) {
    return g->query.all && rules->id == facts_rules_usual.id && !g->settings->histogram &&
           g->found.by == NULL;
}

/* True: this file need not be read. */
static bool read_index(struct gathering *g, struct files *files, uint32_t place,
                       const struct segment_file *segment) {
    struct stat_file *found = &g->found.files[place];
    struct segment_index index;
    struct file file;
    if (file_open(files, segment->path, FILE_READ, &file) < 0) return false;
    bool done = false;
    if (index_load(&file, &index) == 0) {
        g->indexed[place] = true;
        found->frames = index.frames;
        done = is_in_indexes(g, record_rules_of(g->query.rules, segment)) && index.counted &&
               is_whole(&index);
        for (uint32_t i = 0; i < index.count && done; i++)
            counts_add(&found->counts, &index.groups[i].counts);
        if (done) found->raw_bytes = index.raw_size;
        index_free(&index);
    }
    file_close(&file);
    return done;
}

/* ---- all files ---- */

static void prepare(struct gathering *g, uint32_t count) {
    g->found.count = count;
    g->found.files = allocate(count * sizeof *g->found.files);
    memset(g->found.files, 0, count * sizeof *g->found.files);
    g->to_read.files = allocate(count * sizeof *g->to_read.files);
    g->places = allocate(count * sizeof *g->places);
    g->indexed = allocate(count * sizeof *g->indexed);
    memset(g->indexed, 0, count * sizeof *g->indexed);
}

static void add_up(struct stat_found *found) {
    struct stat_file *all = &found->all;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct stat_file *file = &found->files[i];
        counts_add(&all->counts, &file->counts);
        all->raw_bytes += file->raw_bytes;
        all->file_bytes += file->file_bytes;
        all->frames += file->frames;
    }
}

static void leave_out_other_streams(const struct gathering *g, struct segment_list *list) {
    bool *const out = allocate(list->count + 1);
    for (uint32_t i = 0; i < list->count; i++)
        out[i] = !query_wants_stream(&g->query, list->files[i].name.stream);
    segment_list_leave_out(list, out);
    free(out);
}

/* There were too many different values: reads the lines again, to count the most frequent ones
 * exactly. */
static bool count_again(struct gathering *g, struct call *call) {
    const struct select_settings how = {
        .all_frames = g->settings->groups.no_index, .results_at_end = true, .max = UINT64_MAX};
    struct select_report report;
    g->found.without = 0;
    top_recount(&g->top, (uint32_t)g->settings->groups.limit);
    select_files(&call->paths, &g->to_read, &g->query, &how, recount_piece, g, &report);
    return !report.failed;
}

/* False: something could not be read and a message was printed. */
static bool gather(struct gathering *g, struct call *call, struct segment_list *list) {
    leave_out_other_streams(g, list);
    prepare(g, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment_file *segment = &list->files[i];
        g->found.files[i].path = segment->path;
        g->found.files[i].file_bytes = segment->size;
        const bool may = !segment->name.part && !segment->pipe && !g->settings->groups.no_index;
        if (may && read_index(g, call->files, i, segment)) continue;
        g->places[g->to_read.count] = i;
        g->to_read.files[g->to_read.count++] = *segment;
    }
    bool ok = read_files(g, call);
    if (top_is_approximate(&g->top) && !reads_pipes(&g->to_read)) ok = count_again(g, call) && ok;
    add_up(&g->found);
    if (g->found.all.counts.lines == 0) survey_condition("stat", &call->paths, &g->query);
    return ok;
}

static void print(struct gathering *g, struct output *out) {
    const uint32_t values = top_sort(&g->top);
    g->found.top_count =
        g->settings->groups.limit < values ? (uint32_t)g->settings->groups.limit : values;
    if (g->settings->groups.json) {
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
    struct segment_list list = {0};
    memset(g, 0, sizeof *g);
    g->settings = call->settings;
    g->found.by = g->settings->groups.by.count > 0 ? g->settings->groups.by.texts[0] : NULL;
    if (g->found.by != NULL) {
        g->by_size = strlen(g->found.by);
        g->by_canonical = canonical_named(g->found.by, g->by_size, &g->by_field);
    }
    g->found.top = &g->top;
    if (g->settings->histogram) g->found.histogram = &g->histogram;
    int code = EXIT_ERROR;
    if (query_open(&g->query, "stat", &g->settings->query, &any, system_wall_ns()) < 0) goto done;
    if (g->query.shows_zone && !zone_is_utc(g->query.zone)) g->found.zone = g->query.zone;
    if (stat_groups_wanted(&g->settings->groups)) {
        code = stat_groups_run(call, &g->settings->groups, &g->query);
        query_close(&g->query);
        goto done;
    }
    const bool all = list_segments(&call->paths, &list);
    const bool listed = streams_exist(g->query.streams, &list) && all;
    const bool ok = gather(g, call, &list);
    print(g, call->out);
    code = listed && ok ? EXIT_OK : EXIT_ERROR;
    query_close(&g->query);
done:
    top_free(&g->top);
    is_record_close(&g->is_record);
    canonical_close(&g->canonical);
    free(g->found.files);
    free(g->to_read.files); /* the paths belong to the list */
    free(g->places);
    free(g->indexed);
    free(g);
    segment_list_free(&list);
    return code;
}

#define FIELD(name) offsetof(struct stat_settings, name)

#define GROUPS(name) offsetof(struct stat_settings, groups.name)
#define MEASURE(option, text)                                                                      \
    {                                                                                              \
        .name = #option, .kind = OPTION_LIST, .field = GROUPS(option), .value = "FIELD,...",       \
        .help = text                                                                               \
    }

static const struct option options[] = {
    {.name = "json",
     .kind = OPTION_FLAG,
     .field = GROUPS(json),
     .help = "Print one JSON object; for groups, one for each row.",
     .section = "Statistics"},
    {.name = "histogram",
     .kind = OPTION_FLAG,
     .field = FIELD(histogram),
     .help = "Also print how many lines fall into each period of time, as bars."},
    {.name = "by",
     .kind = OPTION_LIST,
     .field = GROUPS(by),
     .value = "FIELD,...",
     .help = "Also print the most frequent values of this field: http.status. For several fields, "
             "and with the options below, print a table of groups."},
    {.name = "limit",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .field = GROUPS(limit),
     .min = 1,
     .max = TOP_VALUES_MAX,
     .preset = "10",
     .value = "N",
     .help = "With --by, print this many values or groups; with --every, of each period."},
    {.name = "no_index",
     .kind = OPTION_FLAG,
     .field = GROUPS(no_index),
     .help = "Read every line, as if no segment had an index."},
    {.name = "every",
     .kind = OPTION_TIME_S,
     .field = GROUPS(every_s),
     .value = "TIME",
     .max = 366 * 86400,
     .preset = "0s",
     .unset = "one period",
     .help = "Print numbers for each period: 1m, 1h, 1d.",
     .section = "Numbers of groups"},
    {.name = "count",
     .kind = OPTION_FLAG,
     .field = GROUPS(count),
     .help = "Print a table of groups even if only records are counted."},
    COMPARE_OPTION(GROUPS(compare)),
    MEASURE(sum, "The sum of these fields."),
    MEASURE(avg, "Their average."),
    MEASURE(min, "The least value."),
    MEASURE(max, "The greatest value."),
    MEASURE(p50, "The median, to 1 %."),
    MEASURE(p90, "The 90th percentile, to 1 %."),
    MEASURE(p95, "The 95th percentile, to 1 %."),
    MEASURE(p99, "The 99th percentile, to 1 %."),
    MEASURE(distinct, "The number of different values; above 1,024 an estimate, to about 1 %."),
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .field = GROUPS(output),
     .value = "table|csv|json|plot",
     .help = "How groups are printed; plot is a table with bars.",
     .unset = "table"},
    QUERY_OPTIONS(FIELD(query)),
    HELP_OPTION_IN_SECTION,
};

const struct command stat_command = {
    .name = "stat",
    .usage = "[OPTION…] [PATH…]",
    .summary = "Count lines, bytes and levels, and show which period they cover.",
    .more =
        "Prints one row per file and one for all files. Without filters, --by and\n"
        "--histogram the numbers come from the indexes, and no line is read. The ratio is the\n"
        "size of the counted lines divided by the size of the file. Times are event\n"
        "times in UTC. Levels are counted by name; `none` counts lines without a level.\n"
        "--by distinguishes values by their first 256 bytes.\n"
        "\n"
        "With several fields in --by, or one of the options for groups, it prints a table: for\n"
        "each group of equal values, and with --every for each period, the number of records\n"
        "and the chosen numbers. Texts that are numbers count as numbers.\n"
        "With --compare the groups of two windows of time are compared; `expected` is the count\n"
        "before for a window as long as the one now.\n"
        "\n"
        "Exit code: 0, or 2 if something could not be read or is damaged.\n"
        "\n"
        "Examples:\n"
        "  logport stat\n"
        "  logport stat --by http.status --histogram ./logs/main\n"
        "  logport stat --json | jq .all.lines\n"
        "  logport stat --level error --since today --by logger\n"
        "  logport stat --every 1m --by http.path --count --p99 http.ms\n"
        "  logport stat --by user,http.status --sum bytes -o csv\n"
        "  logport stat --since 10m --compare 1d --by logger,@level\n",
    .options = options,
    .settings_size = sizeof(struct stat_settings),
    .any_file = true,
    .run = stat_run,
};
