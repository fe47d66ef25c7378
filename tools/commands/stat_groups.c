/* stat_groups.c - see stat_groups.h. */
#include "tools/commands/stat_groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "schema/record/timestamp.h"
#include "tools/commands/answer.h"
#include "tools/query/aggregate.h"
#include "tools/query/allocate.h"
#include "tools/query/record.h"
#include "tools/query/select.h"
#include "tools/query/survey.h"
#include "tools/render/table.h"

#define SECOND_NS INT64_C(1000000000)

struct groups_view {
    const struct stat_groups_settings *settings;
    struct query *query;
    struct aggregate_settings how;
    char names[AGGREGATE_MEASURES_MAX][96]; /* of the measures: "avg(ms)" */
    struct aggregate *aggregate;
    enum table_format format;
    double scale; /* of --compare */
    struct output *out;
};

bool stat_groups_wanted(const struct stat_groups_settings *s) {
    const bool fields =
        s->by.count > 1 || (s->by.count == 1 && strchr(s->by.texts[0], ',') != NULL);
    const uint32_t measures = s->sum.count + s->avg.count + s->min.count + s->max.count +
                              s->p50.count + s->p90.count + s->p95.count + s->p99.count +
                              s->distinct.count;
    return fields || measures > 0 || s->every_s > 0 || s->count || s->output != NULL ||
           s->compare != NULL;
}

/* ---- settings ---- */

/* Calls `take` for each field of the lists; false: there are too many, or an empty one. */
static bool for_each_field(struct groups_view *view, const struct option_list *list,
                           bool (*take)(struct groups_view *view, const char *field,
                                        const void *context),
                           const void *context) {
    for (uint32_t i = 0; i < list->count; i++)
        for (const char *p = list->texts[i];; p++) { /* ends at the end of the text */
            const size_t size = strcspn(p, ",");
            char *field = copy_text(p, size);
            if (size == 0 || !take(view, field, context)) {
                free(field);
                return false;
            }
            p += size;
            if (*p == '\0') break;
        }
    return true;
}

static bool take_by(struct groups_view *view, const char *field, const void *context) {
    (void)context;
    if (view->how.by_count == AGGREGATE_FIELDS_MAX) return false;
    view->how.by[view->how.by_count++] = field;
    return true;
}

struct measure_option {
    const char *name;
    enum measure_kind kind;
    double part;
    const struct option_list *list;
};

static bool take_measure(struct groups_view *view, const char *field, const void *context) {
    const struct measure_option *const option = context;
    const uint32_t i = view->how.measure_count;
    if (i == AGGREGATE_MEASURES_MAX) return false;
    snprintf(view->names[i], sizeof view->names[i], "%s(%.80s)", option->name, field);
    view->how.measures[i] = (struct measure){option->kind, option->part, field};
    view->how.measure_count++;
    return true;
}

static bool take_measures(struct groups_view *view) {
    const struct stat_groups_settings *const s = view->settings;
    const struct measure_option options[] = {
        {"sum", MEASURE_SUM, 0, &s->sum},
        {"avg", MEASURE_AVG, 0, &s->avg},
        {"min", MEASURE_MIN, 0, &s->min},
        {"max", MEASURE_MAX, 0, &s->max},
        {"p50", MEASURE_PART, 0.5, &s->p50},
        {"p90", MEASURE_PART, 0.9, &s->p90},
        {"p95", MEASURE_PART, 0.95, &s->p95},
        {"p99", MEASURE_PART, 0.99, &s->p99},
        {"distinct", MEASURE_DISTINCT, 0, &s->distinct},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!for_each_field(view, options[i].list, take_measure, &options[i])) return false;
    return true;
}

static bool open_view(struct groups_view *view) {
    const enum table_format preset = view->settings->json ? TABLE_JSON : TABLE_ALIGNED;
    if (!table_read_format("stat", view->settings->output, true, preset, &view->format))
        return false;
    if (!for_each_field(view, &view->settings->by, take_by, NULL)) {
        say("stat: --by: expected at most %d fields, separated by commas", AGGREGATE_FIELDS_MAX);
        return false;
    }
    if (!take_measures(view)) {
        say("stat: --sum, --avg, --min, --max, --p50 ... --distinct: expected at most %d fields, "
            "separated by commas",
            AGGREGATE_MEASURES_MAX);
        return false;
    }
    view->how.every_ns = (int64_t)view->settings->every_s * SECOND_NS;
    if (view->settings->compare != NULL) {
        if (view->settings->every_s > 0) {
            say("stat: --compare and --every: only one of them is possible");
            return false;
        }
        view->how.every_ns = 1;
        view->how.times_given = true;
    } else {
        view->how.zone = query_shown_zone(view->query);
    }
    view->aggregate = aggregate_open(&view->how);
    return true;
}

static void close_view(struct groups_view *view) {
    if (view->aggregate != NULL) aggregate_close(view->aggregate);
    for (uint32_t i = 0; i < view->how.by_count; i++)
        free((char *)(uintptr_t)view->how.by[i]);
    for (uint32_t i = 0; i < view->how.measure_count; i++)
        free((char *)(uintptr_t)view->how.measures[i].path);
}

/* ---- rows ---- */

static void add_columns(const struct groups_view *view, struct table *table) {
    if (view->how.every_ns > 0) table_column(table, "time", TABLE_TEXT, false);
    for (uint32_t i = 0; i < view->how.by_count; i++)
        table_column(table, view->how.by[i], TABLE_TEXT, false);
    table_column(table, "count", TABLE_NUMBER, false);
    for (uint32_t i = 0; i < view->how.measure_count; i++)
        table_column(table, view->names[i], TABLE_NUMBER, false);
}

static void add_value(const struct groups_view *view, const struct aggregate_group *group,
                      uint32_t field, struct table *table) {
    size_t size;
    const uint8_t *const value = aggregate_value(view->aggregate, group, field, &size);
    if (value != NULL)
        table_text(table, value, size);
    else
        table_absent(table);
}

static void add_measure(const struct groups_view *view, const struct aggregate_group *group,
                        uint32_t measure, struct table *table) {
    double number;
    if (group != NULL && aggregate_number(view->aggregate, group, measure, &number))
        table_number(table, number);
    else
        table_absent(table);
}

static void add_time(const struct groups_view *view, const struct aggregate_group *group,
                     struct table *table) {
    char text[TIMESTAMP_TEXT_MAX];
    const struct zone *const zone = query_shown_zone(view->query);
    const int64_t time_ns = aggregate_time_ns(group);
    if (time_ns == AGGREGATE_UNTIMED)
        table_absent(table);
    else
        table_word(table, query_time_text(zone, time_ns, text));
}

static void add_row(const struct groups_view *view, const struct aggregate_group *group,
                    struct table *table) {
    if (view->how.every_ns > 0) add_time(view, group, table);
    for (uint32_t i = 0; i < view->how.by_count; i++)
        add_value(view, group, i, table);
    table_count(table, aggregate_count(group));
    for (uint32_t i = 0; i < view->how.measure_count; i++)
        add_measure(view, group, i, table);
    table_bar(table, aggregate_count(group));
}

/* At most --limit rows of each period. */
static void add_rows(const struct groups_view *view, uint32_t groups, struct table *table) {
    uint64_t rows = 0;
    int64_t period_ns = 0;
    for (uint32_t i = 0; i < groups; i++) {
        const struct aggregate_group *const group = aggregate_group(view->aggregate, i);
        const int64_t time_ns = aggregate_time_ns(group);
        if (i == 0 || time_ns != period_ns) rows = 0;
        period_ns = time_ns;
        if (rows++ < view->settings->limit) add_row(view, group, table);
    }
}

/* ---- the command ---- */

/* The groups of one piece. */
struct part {
    struct aggregate *aggregate;
    struct record record;
    uint64_t lines; /* of the selection: those before it are done */
};

static void *open_part(void *context) {
    const struct groups_view *view = context;
    struct part *part = allocate(sizeof *part);
    *part = (struct part){.aggregate = aggregate_open(&view->how)};
    return part;
}

static void close_part(void *state) {
    struct part *part = state;
    aggregate_close(part->aggregate);
    record_close(&part->record);
    free(part);
}

/* The lines from part->lines on, until there are as many groups as there may be. */
static void add_lines(struct part *part, const struct selection *selection) {
    aggregate_forget(part->aggregate);
    for (; part->lines < selection->count && !aggregate_is_full(part->aggregate); part->lines++) {
        const struct select_line *const line = &selection->lines[part->lines];
        selection_record(selection, line, &part->record);
        aggregate_add(part->aggregate, selection->facts, selection->segment->name.stream,
                      &part->record, line->time_ns);
    }
}

static void run_part(void *state, const struct selection *selection, struct query_state *unused) {
    struct part *part = state;
    (void)unused;
    part->lines = 0;
    add_lines(part, selection);
}

static bool join_part(void *context, const struct selection *selection) {
    struct groups_view *view = context;
    struct part *part = selection->worked;
    aggregate_join(view->aggregate, part->aggregate);
    while (part->lines < selection->count) { /* ends: each round does a line or more */
        add_lines(part, selection);
        aggregate_join(view->aggregate, part->aggregate);
    }
    return true;
}

static void report_left_out(const struct groups_view *view) {
    if (aggregate_left_out(view->aggregate) > 0)
        say("stat: %llu records are not counted: there are more than %d groups; group by fewer "
            "fields, or for longer periods",
            (unsigned long long)aggregate_left_out(view->aggregate), AGGREGATE_GROUPS_MAX);
}

/* Returns the number of groups. */
static uint32_t print_groups(struct groups_view *view) {
    struct table *const table = table_open(view->out, view->format);
    const uint32_t groups = aggregate_sort(view->aggregate);
    add_columns(view, table);
    add_rows(view, groups, table);
    table_print(table);
    table_close(table);
    report_left_out(view);
    return groups;
}

static bool by_occurs(const struct groups_view *view, uint32_t groups, uint32_t by) {
    size_t size;
    for (uint32_t i = 0; i < groups; i++)
        if (aggregate_value(view->aggregate, aggregate_group(view->aggregate, i), by, &size))
            return true;
    return false;
}

static bool measure_occurs(const struct groups_view *view, uint32_t groups, uint32_t measure) {
    double number;
    for (uint32_t i = 0; i < groups; i++)
        if (aggregate_number(view->aggregate, aggregate_group(view->aggregate, i), measure,
                             &number) &&
            number != 0)
            return true;
    return false;
}

/* The field of this measure was looked at before. */
static bool is_repeated(const struct groups_view *view, uint32_t measure) {
    for (uint32_t i = 0; i < view->how.by_count; i++)
        if (strcmp(view->how.by[i], view->how.measures[measure].path) == 0) return true;
    for (uint32_t i = 0; i < measure; i++)
        if (strcmp(view->how.measures[i].path, view->how.measures[measure].path) == 0) return true;
    return false;
}

/* A misspelt name looks like a field that happens to be absent. */
static void report_missing(const struct groups_view *view, uint32_t groups,
                           const struct read_request *paths) {
    if (groups == 0) survey_condition("stat", paths, view->query);
    for (uint32_t i = 0; groups > 0 && i < view->how.by_count; i++)
        if (!by_occurs(view, groups, i)) survey_field("stat", paths, view->query, view->how.by[i]);
    for (uint32_t i = 0; groups > 0 && i < view->how.measure_count; i++)
        if (!is_repeated(view, i) && !measure_occurs(view, groups, i))
            survey_field("stat", paths, view->query, view->how.measures[i].path);
}

static int run_groups(struct groups_view *view, struct call *call) {
    const struct select_work work = {
        .context = view, .open = open_part, .run = run_part, .close = close_part};
    const struct select_settings how = {.work = &work,
                                        .times = view->settings->every_s > 0,
                                        .untimed = view->settings->every_s > 0,
                                        .all_frames = view->settings->no_index,
                                        .results_at_end = true,
                                        .max = UINT64_MAX};
    struct select_report report;
    select_run(&call->paths, view->query, &how, join_part, view, &report);
    report_unrecognised("stat", &report.unrecognised);
    report_missing(view, print_groups(view), &call->paths);
    return report.failed || aggregate_left_out(view->aggregate) > 0 ? EXIT_ERROR : EXIT_OK;
}

/* ---- --compare: the windows are two periods of 1 ns ---- */

static bool add_record(void *context, const struct answer_record *one) {
    struct groups_view *const view = context;
    struct record record = {0};
    record_trust(&record, one->bytes, one->size);
    if (one->text) record.kind = RECORD_TEXT; /* it has no fields */
    aggregate_add(view->aggregate, one->facts, one->stream, &record, one->window);
    return true;
}

static void add_change_columns(const struct groups_view *view, struct table *table) {
    answer_change_columns(view->scale, table);
    for (uint32_t i = 0; i < view->how.by_count; i++)
        table_column(table, view->how.by[i], TABLE_TEXT, false);
    for (uint32_t i = 0; i < view->how.measure_count; i++) {
        char name[sizeof view->names[i] + 16];
        table_column(table, view->names[i], TABLE_NUMBER, false);
        snprintf(name, sizeof name, "%s before", view->names[i]);
        table_column(table, name, TABLE_NUMBER, false);
    }
}

static uint64_t count_of(const struct aggregate_group *group) {
    return group != NULL ? aggregate_count(group) : 0;
}

/* The row of a group; the same group of the window before, or NULL, and the other way round. */
static void add_change_row(const struct groups_view *view, const struct aggregate_group *now,
                           const struct aggregate_group *before, struct table *table) {
    answer_change_cells(view->scale, table, count_of(now), count_of(before));
    for (uint32_t i = 0; i < view->how.by_count; i++)
        add_value(view, now != NULL ? now : before, i, table);
    for (uint32_t i = 0; i < view->how.measure_count; i++) {
        add_measure(view, now, i, table);
        add_measure(view, before, i, table);
    }
}

/* Each group once: those of the window before only if they are not in the window now. */
static uint32_t list_changes(const struct groups_view *view, uint32_t groups,
                             struct answer_order *order) {
    uint32_t rows = 0;
    for (uint32_t i = 0; i < groups; i++) {
        const struct aggregate_group *const group = aggregate_group(view->aggregate, i);
        const bool is_now = aggregate_time_ns(group) == COMPARE_NOW;
        const struct aggregate_group *const other =
            aggregate_find(view->aggregate, group, is_now ? COMPARE_BEFORE : COMPARE_NOW);
        if (!is_now && other != NULL) continue;
        order[rows++] = (struct answer_order){.row = i,
                                              .now = is_now ? aggregate_count(group) : 0,
                                              .before = count_of(is_now ? other : group)};
    }
    return rows;
}

static void print_changes(struct groups_view *view, const struct answer *answer) {
    const uint32_t groups = aggregate_sort(view->aggregate);
    struct answer_order *const order = allocate(groups * sizeof *order + 1);
    const uint32_t rows = list_changes(view, groups, order);
    struct table *const table = table_open(view->out, view->format);
    answer_sort(answer, view->scale, order, rows);
    add_change_columns(view, table);
    for (uint32_t i = 0; i < rows && i < view->settings->limit; i++) {
        const struct aggregate_group *const group = aggregate_group(view->aggregate, order[i].row);
        const bool is_now = aggregate_time_ns(group) == COMPARE_NOW;
        const struct aggregate_group *const before =
            aggregate_find(view->aggregate, group, COMPARE_BEFORE);
        add_change_row(view, is_now ? group : NULL, before, table);
    }
    table_print(table);
    table_close(table);
    free(order);
    report_left_out(view);
}

static int run_compare(struct groups_view *view, struct call *call) {
    struct answer answer = {.compares = true};
    const struct answer_reader reader = {.whole = view, .take = add_record};
    if (!answer_begin(&answer, call, "stat", view->query, view->settings->compare,
                      view->settings->no_index))
        return EXIT_ERROR;
    view->scale = compare_scale(&answer.compare);
    answer_read(&answer, &reader);
    print_changes(view, &answer);
    const int code = answer_end(&answer);
    answer_finish(&answer);
    return aggregate_left_out(view->aggregate) > 0 ? EXIT_ERROR : code;
}

int stat_groups_run(struct call *call, const struct stat_groups_settings *settings,
                    struct query *query) {
    struct groups_view view = {.settings = settings, .query = query, .out = call->out};
    int code = EXIT_ERROR;
    if (open_view(&view))
        code = settings->compare != NULL ? run_compare(&view, call) : run_groups(&view, call);
    close_view(&view);
    return code;
}
