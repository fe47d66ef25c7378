/* stat_groups.c - see stat_groups.h. */
#include "tools/commands/stat_groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "schema/json/write.h"
#include "schema/record/timestamp.h"
#include "tools/query/aggregate.h"
#include "tools/query/allocate.h"
#include "tools/query/is_record.h"
#include "tools/query/select.h"

#define SECOND_NS       INT64_C(1000000000)
#define NUMBER_TEXT_MAX 40
#define BAR_COLUMNS     40

enum groups_format { GROUPS_TABLE, GROUPS_CSV, GROUPS_JSON, GROUPS_PLOT };

struct groups_view {
    const struct stat_groups_settings *settings;
    const struct query *query;
    struct aggregate_settings how;
    char names[AGGREGATE_MEASURES_MAX][96]; /* of the measures: "avg(ms)" */
    struct aggregate *aggregate;
    struct is_record is_record;
    enum groups_format format;
    struct output *out;
};

bool stat_groups_wanted(const struct stat_groups_settings *s) {
    const bool fields =
        s->by.count > 1 || (s->by.count == 1 && strchr(s->by.texts[0], ',') != NULL);
    const uint32_t measures = s->sum.count + s->avg.count + s->min.count + s->max.count +
                              s->p50.count + s->p90.count + s->p95.count + s->p99.count +
                              s->distinct.count;
    return fields || measures > 0 || s->every_s > 0 || s->count || s->output != NULL;
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

static bool choose_format(struct groups_view *view) {
    static const char *const names[] = {[GROUPS_TABLE] = "table",
                                        [GROUPS_CSV] = "csv",
                                        [GROUPS_JSON] = "json",
                                        [GROUPS_PLOT] = "plot"};
    const char *const name = view->settings->output;
    view->format = view->settings->json ? GROUPS_JSON : GROUPS_TABLE;
    if (name == NULL) return true;
    for (int i = GROUPS_TABLE; i <= GROUPS_PLOT; i++)
        if (strcmp(name, names[i]) == 0) {
            view->format = (enum groups_format)i;
            return true;
        }
    say("stat: --output %s: not a format (table, csv, json or plot)", name);
    return false;
}

static bool open_view(struct groups_view *view) {
    if (!choose_format(view)) return false;
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
    if (view->query->shows_zone) {
        int64_t until_s;
        view->how.offset_ns =
            zone_offset_s(view->query->zone, system_wall_ns() / SECOND_NS, &until_s) * SECOND_NS;
    }
    view->aggregate = aggregate_open(&view->how);
    return true;
}

static void close_view(struct groups_view *view) {
    if (view->aggregate != NULL) aggregate_close(view->aggregate);
    is_record_close(&view->is_record);
    for (uint32_t i = 0; i < view->how.by_count; i++)
        free((char *)(uintptr_t)view->how.by[i]);
    for (uint32_t i = 0; i < view->how.measure_count; i++)
        free((char *)(uintptr_t)view->how.measures[i].path);
}

/* ---- one row ---- */

/* Integers as such, other numbers with six significant digits. */
static const char *number_text(double number, char *text) {
    if (floor(number) == number && fabs(number) < 9e15)
        snprintf(text, NUMBER_TEXT_MAX, "%.0f", number);
    else
        snprintf(text, NUMBER_TEXT_MAX, "%.6g", number);
    return text;
}

/* The cells of a row: time, values, count, measures. */
static uint32_t column_count(const struct groups_view *view) {
    return (view->how.every_ns > 0) + view->how.by_count + 1 + view->how.measure_count;
}

/* column: before the measures' ones, time and values come first. */
struct cell_text {
    const uint8_t *bytes; /* NULL: there is no value */
    size_t size;
    bool number;
    char room[TIMESTAMP_TEXT_MAX + NUMBER_TEXT_MAX];
};

static void set_text(struct cell_text *cell, const char *text, bool number) {
    cell->bytes = (const uint8_t *)text;
    cell->size = strlen(text);
    cell->number = number;
}

static void header_cell(const struct groups_view *view, uint32_t column, struct cell_text *cell) {
    if (view->how.every_ns > 0 && column-- == 0) {
        set_text(cell, "time", false);
    } else if (column < view->how.by_count) {
        set_text(cell, view->how.by[column], false);
    } else if (column == view->how.by_count) {
        set_text(cell, "count", true);
    } else {
        set_text(cell, view->names[column - view->how.by_count - 1], true);
    }
}

static void row_cell(const struct groups_view *view, const struct aggregate_group *group,
                     uint32_t column, struct cell_text *cell) {
    double number;
    if (view->how.every_ns > 0 && column-- == 0) {
        const struct zone *zone = view->query->shows_zone ? view->query->zone : NULL;
        set_text(cell, query_time_text(zone, aggregate_time_ns(view->aggregate, group), cell->room),
                 false);
    } else if (column < view->how.by_count) {
        cell->bytes = aggregate_value(view->aggregate, group, column, &cell->size);
        cell->number = false;
    } else if (column == view->how.by_count) {
        snprintf(cell->room, sizeof cell->room, "%llu", (unsigned long long)aggregate_count(group));
        set_text(cell, cell->room, true);
    } else if (aggregate_number(view->aggregate, group, column - view->how.by_count - 1, &number)) {
        set_text(cell, number_text(number, cell->room), true);
    } else {
        *cell = (struct cell_text){.number = true};
    }
}

/* ---- rows ---- */

typedef void each_row(struct groups_view *view, const struct aggregate_group *group, void *context);

/* At most --limit rows of each period. */
static void for_each_row(struct groups_view *view, uint32_t groups, each_row *row, void *context) {
    uint64_t rows = 0;
    for (uint32_t i = 0; i < groups; i++) {
        const struct aggregate_group *const group = aggregate_group(view->aggregate, i);
        const bool begins =
            i == 0 ||
            aggregate_time_ns(view->aggregate, group) !=
                aggregate_time_ns(view->aggregate, aggregate_group(view->aggregate, i - 1));
        if (begins) rows = 0;
        if (rows++ < view->settings->limit) row(view, group, context);
    }
}

/* ---- table ---- */

struct widths {
    uint32_t columns[1 + AGGREGATE_FIELDS_MAX + 1 + AGGREGATE_MEASURES_MAX];
    uint64_t most; /* records of a row */
};

static const char absent[] = "-";

static void measure_cell(struct widths *widths, uint32_t column, const struct cell_text *cell) {
    const size_t size = cell->bytes != NULL ? cell->size : sizeof absent - 1;
    if (size > widths->columns[column]) widths->columns[column] = (uint32_t)size;
}

static void measure_row(struct groups_view *view, const struct aggregate_group *group,
                        void *context) {
    struct widths *widths = context;
    for (uint32_t i = 0; i < column_count(view); i++) {
        struct cell_text cell;
        row_cell(view, group, i, &cell);
        measure_cell(widths, i, &cell);
    }
    if (aggregate_count(group) > widths->most) widths->most = aggregate_count(group);
}

static void print_cell(struct output *out, const struct widths *widths, uint32_t column,
                       uint32_t columns, const struct cell_text *cell) {
    const uint8_t *const bytes = cell->bytes != NULL ? cell->bytes : (const uint8_t *)absent;
    const size_t size = cell->bytes != NULL ? cell->size : sizeof absent - 1;
    const int space = (int)(widths->columns[column] - size);
    if (column > 0) output_text(out, "  ");
    if (cell->number && space > 0) output_format(out, "%*s", space, "");
    output_visible_bytes(out, bytes, size);
    if (!cell->number && space > 0 && column + 1 < columns) output_format(out, "%*s", space, "");
}

static void table_row(struct groups_view *view, const struct aggregate_group *group,
                      void *context) {
    const struct widths *widths = context;
    for (uint32_t i = 0; i < column_count(view); i++) {
        struct cell_text cell;
        row_cell(view, group, i, &cell);
        print_cell(view->out, widths, i, column_count(view), &cell);
    }
    if (view->format == GROUPS_PLOT && widths->most > 0) {
        uint64_t length = aggregate_count(group) * BAR_COLUMNS / widths->most;
        output_text(view->out, "  ");
        for (; length > 0; length--)
            output_text(view->out, "█");
    }
    output_text(view->out, "\n");
}

static void print_table(struct groups_view *view, uint32_t groups) {
    struct widths widths = {.most = 0};
    struct cell_text cell;
    for (uint32_t i = 0; i < column_count(view); i++) {
        header_cell(view, i, &cell);
        measure_cell(&widths, i, &cell);
    }
    for_each_row(view, groups, measure_row, &widths);
    for (uint32_t i = 0; i < column_count(view); i++) {
        header_cell(view, i, &cell);
        print_cell(view->out, &widths, i, column_count(view), &cell);
    }
    output_text(view->out, "\n");
    for_each_row(view, groups, table_row, &widths);
}

/* ---- CSV and JSON ---- */

/* RFC 4180. */
static void csv_cell(struct output *out, uint32_t column, const struct cell_text *cell) {
    if (column > 0) output_text(out, ",");
    if (cell->bytes == NULL) return;
    bool quoted = false;
    for (size_t i = 0; i < cell->size && !quoted; i++)
        quoted = memchr(",\"\r\n", cell->bytes[i], 4) != NULL;
    if (!quoted) {
        output_bytes(out, cell->bytes, cell->size);
        return;
    }
    output_text(out, "\"");
    for (size_t i = 0; i < cell->size; i++) {
        if (cell->bytes[i] == '"') output_text(out, "\"");
        output_bytes(out, cell->bytes + i, 1);
    }
    output_text(out, "\"");
}

static void csv_row(struct groups_view *view, const struct aggregate_group *group, void *context) {
    (void)context;
    for (uint32_t i = 0; i < column_count(view); i++) {
        struct cell_text cell;
        row_cell(view, group, i, &cell);
        csv_cell(view->out, i, &cell);
    }
    output_text(view->out, "\n");
}

static void json_text(struct output *out, const void *bytes, size_t size) {
    char *text = allocate(JSON_STRING_BYTES_MAX(size));
    output_bytes(out, text, (size_t)(json_write_string(text, bytes, size) - text));
    free(text);
}

static void json_row(struct groups_view *view, const struct aggregate_group *group, void *context) {
    (void)context;
    for (uint32_t i = 0; i < column_count(view); i++) {
        struct cell_text name, cell;
        header_cell(view, i, &name);
        row_cell(view, group, i, &cell);
        output_text(view->out, i > 0 ? "," : "{");
        json_text(view->out, name.bytes, name.size);
        output_text(view->out, ":");
        if (cell.bytes == NULL)
            output_text(view->out, "null");
        else if (cell.number)
            output_bytes(view->out, cell.bytes, cell.size);
        else
            json_text(view->out, cell.bytes, cell.size);
    }
    output_text(view->out, "}\n");
}

/* ---- the command ---- */

static bool add_selection(void *context, const struct selection *selection) {
    struct groups_view *view = context;
    for (uint64_t i = 0; i < selection->count; i++) {
        const struct select_line *line = &selection->lines[i];
        const uint8_t *const begin = selection->text + line->begin;
        const size_t size = line->end - line->begin;
        const uint8_t *record = begin;
        size_t record_size = size - (size > 0 && begin[size - 1] == '\n');
        if (selection->foreign && !is_record(&view->is_record, &record, &record_size)) {
            record = (const uint8_t *)"{}"; /* a line of text has no fields */
            record_size = 2;
        }
        aggregate_add(view->aggregate, selection->facts, selection->segment->name.stream, record,
                      record_size, line->time_ns);
    }
    return true;
}

static void print_groups(struct groups_view *view) {
    const uint32_t groups = aggregate_sort(view->aggregate);
    if (view->format == GROUPS_CSV) {
        for (uint32_t i = 0; i < column_count(view); i++) {
            struct cell_text cell;
            header_cell(view, i, &cell);
            csv_cell(view->out, i, &cell);
        }
        output_text(view->out, "\n");
        for_each_row(view, groups, csv_row, NULL);
    } else if (view->format == GROUPS_JSON) {
        for_each_row(view, groups, json_row, NULL);
    } else {
        print_table(view, groups);
    }
    if (aggregate_left_out(view->aggregate) > 0)
        say("stat: %llu records are not counted: there are more than %d groups; group by fewer "
            "fields, or for longer periods",
            (unsigned long long)aggregate_left_out(view->aggregate), AGGREGATE_GROUPS_MAX);
}

int stat_groups_run(struct call *call, const struct stat_groups_settings *settings,
                    const struct query *query) {
    struct groups_view view = {.settings = settings, .query = query, .out = call->out};
    int code = EXIT_ERROR;
    if (open_view(&view)) {
        const struct select_settings how = {.times = settings->every_s > 0,
                                            .all_frames = settings->no_index,
                                            .results_at_end = true,
                                            .max = UINT64_MAX};
        struct select_report report;
        select_run(&call->paths, query, &how, add_selection, &view, &report);
        report_unrecognised("stat", &report.unrecognised);
        print_groups(&view);
        const bool complete = aggregate_left_out(view.aggregate) == 0;
        code = report.failed || !complete ? EXIT_ERROR : EXIT_OK;
    }
    close_view(&view);
    return code;
}
