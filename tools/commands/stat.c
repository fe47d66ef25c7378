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
    bool again;        /* only the values are counted */
    bool by_canonical; /* --by @level and the like */
    enum canonical_field by_field;
    struct record_paths *by_paths; /* another field */
};

/* ---- the lines of one piece ---- */

/* What is found in them; one thread at a time. */
struct part {
    const struct gathering *g;
    struct record record;
    struct canonical_rules rules;
    struct canonical canonical;
    uint64_t lines; /* of the selection: those before it are done */
    struct counts counts;
    uint64_t bytes, without;
    struct top top;
    int64_t *times; /* for the histogram */
    uint64_t time_count, time_room;
};

static void *open_part(void *context) {
    struct part *part = allocate(sizeof *part);
    memset(part, 0, sizeof *part);
    part->g = context;
    return part;
}

static void close_part(void *state) {
    struct part *part = state;
    record_close(&part->record);
    canonical_close(&part->canonical);
    top_free(&part->top);
    free(part->times);
    free(part);
}

static void forget_part(struct part *part) {
    part->counts = (struct counts){0};
    part->bytes = part->without = part->time_count = 0;
    top_forget(&part->top);
}

static bool find_value(struct part *part, const struct selection *selection, struct value *value) {
    const struct gathering *g = part->g;
    if (!g->by_canonical) {
        record_find(&part->record, g->by_paths, value);
        return value->begin != NULL;
    }
    if (part->rules.facts != selection->facts) canonical_open(&part->rules, selection->facts);
    part->canonical.stream = selection->segment->name.stream;
    canonical_read_record(&part->canonical, &part->rules, &part->record);
    return canonical_value(&part->canonical, g->by_field, value);
}

static void gather_value(struct part *part, const struct selection *selection) {
    uint8_t text[TOP_VALUE_BYTES_MAX];
    struct value value;
    if (part->record.kind == RECORD_OBJECT && find_value(part, selection, &value))
        top_add(&part->top, text, value_text(&value, text, sizeof text));
    else
        part->without++;
}

static void keep_time(struct part *part, int64_t time_ns) {
    if (part->time_count == part->time_room) {
        part->time_room = part->time_room * 2 + 1024;
        part->times = reallocate(part->times, part->time_room * sizeof *part->times);
    }
    part->times[part->time_count++] = time_ns;
}

static void gather_line(struct part *part, const struct selection *selection,
                        const struct select_line *line) {
    const struct gathering *g = part->g;
    struct facts facts = {0};
    selection_record(selection, line, &part->record);
    part->bytes += line->end - line->begin;
    if (!g->again) {
        if (part->record.kind == RECORD_OBJECT)
            record_facts(&part->record, selection->facts, &facts);
        counts_add_facts(&part->counts, &facts);
        if (g->settings->histogram && facts.has_time) keep_time(part, facts.time_ns);
    }
    if (g->found.by != NULL) gather_value(part, selection);
}

/* The lines from part->lines on, until there are as many values as there may be. */
static void gather_lines(struct part *part, const struct selection *selection) {
    forget_part(part);
    for (; part->lines < selection->count && !top_is_full(&part->top); part->lines++)
        gather_line(part, selection, &selection->lines[part->lines]);
}

static void run_part(void *state, const struct selection *selection, struct query_state *unused) {
    struct part *part = state;
    (void)unused;
    part->lines = 0;
    gather_lines(part, selection);
}

static void join_part(struct gathering *g, struct stat_file *file, const struct part *part) {
    counts_add(&file->counts, &part->counts);
    if (!g->again) file->raw_bytes += part->bytes;
    g->found.without += part->without;
    top_join(&g->top, &part->top);
    for (uint64_t i = 0; i < part->time_count; i++)
        histogram_add(&g->histogram, part->times[i]);
}

/* ---- files that are read ---- */

/* The result of one piece; it has lines only if they are needed. */
static bool gather_piece(void *context, const struct selection *selection) {
    struct gathering *g = context;
    const uint32_t number = (uint32_t)(selection->segment - g->to_read.files);
    struct stat_file *file = &g->found.files[g->places[number]];
    struct part *const part = selection->worked;
    if (!g->indexed[g->places[number]] && !g->again) file->frames += selection->frames;
    if (part == NULL) {
        counts_add(&file->counts, selection->tally);
        file->raw_bytes += selection->tally_bytes;
        return true;
    }
    join_part(g, file, part);
    while (part->lines < selection->count) { /* ends: each round does a line or more */
        gather_lines(part, selection);
        join_part(g, file, part);
    }
    return true;
}

static bool read_files(struct gathering *g, struct call *call) {
    const bool count = !g->settings->histogram && g->found.by == NULL;
    const struct select_work work = {
        .context = g, .open = open_part, .run = run_part, .close = close_part};
    const struct select_settings how = {.work = count ? NULL : &work,
                                        .count = count,
                                        .tally = count,
                                        .all_frames = g->settings->groups.no_index,
                                        .results_at_end = true,
                                        .max = UINT64_MAX};
    struct select_report report;
    select_files(&call->paths, &g->to_read, &g->query, &how, gather_piece, g, &report);
    if (!g->again) report_unrecognised("stat", &report.unrecognised);
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
    g->again = true;
    g->found.without = 0;
    top_recount(&g->top, (uint32_t)g->settings->groups.limit);
    return read_files(g, call);
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
    if (g->found.all.counts.lines == 0)
        survey_condition("stat", &call->paths, &g->query);
    else if (g->found.by != NULL && g->top.used == 0)
        survey_field("stat", &call->paths, &g->query, g->found.by);
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
        const struct value_path path = {g->found.by, strlen(g->found.by)};
        g->by_canonical = canonical_named(path.text, path.size, &g->by_field);
        g->by_paths = record_paths_open(&path, 1);
    }
    g->found.top = &g->top;
    if (g->settings->histogram) g->found.histogram = &g->histogram;
    int code = EXIT_ERROR;
    if (query_open(&g->query, "stat", &g->settings->query, &any, system_wall_ns()) < 0) goto done;
    g->found.zone = query_shown_zone(&g->query);
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
    record_paths_close(g->by_paths);
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
     .min = 1,
     .max = 366 * 86400,
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
