/* table.c - see table.h. */
#include "tools/render/table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/text.h"
#include "tools/render/csv_cell.h"
#include "tools/render/visible.h"
#include "tools/render/width.h"

#define BAR_COLUMNS     40
#define NAME_BYTES_MAX  128
#define NUMBER_TEXT_MAX 40
#define ABSENT          SIZE_MAX

struct cell {
    size_t at, size; /* in texts; size ABSENT: there is no value */
};

struct row {
    size_t cells; /* number of the first cell */
    struct cell below;
    uint64_t bar;
};

struct column {
    char name[NAME_BYTES_MAX];
    enum table_kind kind;
    bool data;
    uint32_t width;
};

struct table {
    struct output *out;
    enum table_format format;
    struct column columns[TABLE_COLUMNS_MAX];
    uint32_t column_count;
    struct cell *cells;
    size_t cell_count, cell_room;
    struct row *rows;
    size_t row_count, row_room;
    struct text texts, line, shown;
    uint64_t longest; /* bar */
};

bool table_read_format(const char *command, const char *name, bool plot, enum table_format preset,
                       enum table_format *format) {
    static const char *const names[] = {[TABLE_ALIGNED] = "table",
                                        [TABLE_CSV] = "csv",
                                        [TABLE_JSON] = "json",
                                        [TABLE_PLOT] = "plot"};
    *format = preset;
    if (name == NULL) return true;
    for (int i = TABLE_ALIGNED; i <= (plot ? TABLE_PLOT : TABLE_JSON); i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum table_format)i;
            return true;
        }
    say("%s: --output %s: not a format (%s)", command, name,
        plot ? "table, csv, json or plot" : "table, csv or json");
    return false;
}

/* ---- cells ---- */

struct table *table_open(struct output *out, enum table_format format) {
    struct table *t = allocate(sizeof *t);
    memset(t, 0, sizeof *t);
    t->out = out;
    t->format = format;
    return t;
}

void table_close(struct table *t) {
    free(t->cells);
    free(t->rows);
    text_free(&t->texts);
    text_free(&t->line);
    text_free(&t->shown);
    free(t);
}

enum table_format table_format_of(const struct table *t) {
    return t->format;
}

void table_column(struct table *t, const char *name, enum table_kind kind, bool data) {
    assert(t->column_count < TABLE_COLUMNS_MAX && t->cell_count == 0);
    struct column *column = &t->columns[t->column_count++];
    *column = (struct column){.kind = kind, .data = data};
    snprintf(column->name, sizeof column->name, "%s", name);
}

static struct cell keep(struct table *t, const void *bytes, size_t size) {
    const struct cell cell = {t->texts.used, size};
    text_add(&t->texts, bytes, size);
    return cell;
}

static void add_cell(struct table *t, struct cell cell) {
    if (t->cell_count == t->cell_room) {
        t->cell_room = t->cell_room * 2 + 64;
        t->cells = reallocate(t->cells, t->cell_room * sizeof *t->cells);
    }
    if (t->cell_count % t->column_count == 0) {
        if (t->row_count == t->row_room) {
            t->row_room = t->row_room * 2 + 16;
            t->rows = reallocate(t->rows, t->row_room * sizeof *t->rows);
        }
        t->rows[t->row_count++] = (struct row){.cells = t->cell_count, .below.size = ABSENT};
    }
    t->cells[t->cell_count++] = cell;
}

void table_text(struct table *t, const void *bytes, size_t size) {
    add_cell(t, keep(t, bytes, size));
}

void table_word(struct table *t, const char *text) {
    table_text(t, text, strlen(text));
}

void table_count(struct table *t, uint64_t number) {
    char text[NUMBER_TEXT_MAX];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    table_word(t, text);
}

void table_number(struct table *t, double number) {
    char text[NUMBER_TEXT_MAX];
    const bool for_programs = t->format == TABLE_CSV || t->format == TABLE_JSON;
    const bool whole = floor(number) == number || (!for_programs && fabs(number) >= 1e6);
    if (!isfinite(number)) { /* a sum that is too large for a double; JSON has no such number */
        table_absent(t);
        return;
    }
    if (whole && fabs(number) < 9e15) {
        snprintf(text, sizeof text, "%.0f", number);
    } else if (for_programs) {
        snprintf(text, sizeof text, "%.15g", number);
        if (strtod(text, NULL) != number) snprintf(text, sizeof text, "%.17g", number);
    } else {
        snprintf(text, sizeof text, "%.6g", number);
    }
    table_word(t, text);
}

void table_percent(struct table *t, uint64_t part, uint64_t all) {
    char text[NUMBER_TEXT_MAX];
    snprintf(text, sizeof text, "%.1f", all > 0 ? 100 * (double)part / (double)all : 0);
    table_word(t, text);
}

void table_absent(struct table *t) {
    add_cell(t, (struct cell){0, ABSENT});
}

void table_below(struct table *t, const void *bytes, size_t size) {
    t->rows[t->row_count - 1].below = keep(t, bytes, size);
}

void table_bar(struct table *t, uint64_t length) {
    t->rows[t->row_count - 1].bar = length;
    if (length > t->longest) t->longest = length;
}

/* ---- aligned ---- */

/* The text as it is shown: with escapes, in t->shown. */
static void show(struct table *t, const void *bytes, size_t size) {
    const uint8_t *p = bytes, *const end = p + size;
    t->shown.used = 0;
    while (p < end) { /* p rises */
        char escape[VISIBLE_BYTES_MAX];
        const size_t hidden = visible_escape(p, end, escape);
        const size_t character = utf8_character(p, end);
        if (hidden > 0)
            text_add_text(&t->shown, escape);
        else
            text_add(&t->shown, p, character);
        p += hidden > 0 ? hidden : character;
    }
}

static void show_cell(struct table *t, const struct cell *cell) {
    if (cell->size == ABSENT)
        show(t, "-", 1);
    else
        show(t, t->texts.bytes + cell->at, cell->size);
}

static void measure(struct table *t) {
    for (uint32_t i = 0; i < t->column_count; i++) {
        show(t, t->columns[i].name, strlen(t->columns[i].name));
        t->columns[i].width = (uint32_t)width_of_text(t->shown.bytes, t->shown.used);
    }
    for (size_t i = 0; i < t->cell_count; i++) {
        struct column *const column = &t->columns[i % t->column_count];
        if (column->data) continue;
        show_cell(t, &t->cells[i]);
        const size_t width = width_of_text(t->shown.bytes, t->shown.used);
        if (width > column->width) column->width = (uint32_t)width;
    }
}

static void add_spaces(struct text *line, size_t count) {
    for (; count > 0; count--)
        text_add_byte(line, ' ');
}

/* The last column that tables show. */
static uint32_t last_shown(const struct table *t) {
    uint32_t last = 0;
    for (uint32_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].data) last = i;
    return last;
}

/* Adds what is in t->shown to the line. */
static void add_shown(struct table *t, uint32_t number, bool last) {
    const struct column *const column = &t->columns[number];
    const size_t space = column->width - width_of_text(t->shown.bytes, t->shown.used);
    if (number > 0) add_spaces(&t->line, 2);
    if (column->kind == TABLE_NUMBER) add_spaces(&t->line, space);
    text_add(&t->line, t->shown.bytes, t->shown.used);
    if (column->kind != TABLE_NUMBER && !last) add_spaces(&t->line, space);
}

/* Cut at the terminal's width. */
static void print_line(struct table *t) {
    const size_t columns = t->out->terminal ? stream_columns(STREAM_OUTPUT) : SIZE_MAX;
    size_t size = t->line.used;
    if (columns < SIZE_MAX && width_of_text(t->line.bytes, size) > columns) {
        do
            size--;
        while (size > 0 && ((t->line.bytes[size] & 0xc0) == 0x80 ||
                            width_of_text(t->line.bytes, size) >= columns));
        output_bytes(t->out, t->line.bytes, size);
        output_text(t->out, "…\n");
        return;
    }
    output_bytes(t->out, t->line.bytes, size);
    output_text(t->out, "\n");
}

static void add_bar(struct table *t, const struct row *row) {
    text_add_text(&t->line, "  ");
    for (uint64_t i = row->bar * BAR_COLUMNS / t->longest; i > 0; i--)
        text_add_text(&t->line, "█");
}

static void print_below(struct table *t, const struct row *row, uint32_t last) {
    t->line.used = 0;
    for (uint32_t i = 0; i < last; i++)
        if (!t->columns[i].data) add_spaces(&t->line, t->columns[i].width + 2u);
    show_cell(t, &row->below);
    text_add(&t->line, t->shown.bytes, t->shown.used);
    print_line(t);
}

static void print_aligned(struct table *t) {
    const uint32_t last = last_shown(t);
    const bool bars = t->format == TABLE_PLOT && t->longest > 0;
    measure(t);
    t->line.used = 0;
    for (uint32_t i = 0; i <= last; i++) {
        if (t->columns[i].data) continue;
        show(t, t->columns[i].name, strlen(t->columns[i].name));
        add_shown(t, i, i == last);
    }
    print_line(t);
    for (size_t r = 0; r < t->row_count; r++) {
        const struct row *const row = &t->rows[r];
        t->line.used = 0;
        for (uint32_t i = 0; i <= last; i++) {
            if (t->columns[i].data) continue;
            show_cell(t, &t->cells[row->cells + i]);
            add_shown(t, i, i == last && !bars);
        }
        if (bars) add_bar(t, row);
        print_line(t);
        if (row->below.size != ABSENT) print_below(t, row, last);
    }
}

/* ---- CSV and JSON ---- */

static void print_csv(struct table *t) {
    t->line.used = 0;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const char *const name = t->columns[i].name;
        if (i > 0) text_add_byte(&t->line, ',');
        csv_add_cell(&t->line, (const uint8_t *)name, strlen(name), false);
    }
    text_add_byte(&t->line, '\n');
    output_bytes(t->out, t->line.bytes, t->line.used);
    for (size_t r = 0; r < t->row_count; r++) {
        t->line.used = 0;
        for (uint32_t i = 0; i < t->column_count; i++) {
            const struct cell *const cell = &t->cells[t->rows[r].cells + i];
            if (i > 0) text_add_byte(&t->line, ',');
            if (cell->size != ABSENT)
                csv_add_cell(&t->line, t->texts.bytes + cell->at, cell->size, false);
        }
        text_add_byte(&t->line, '\n');
        output_bytes(t->out, t->line.bytes, t->line.used);
    }
}

static void add_json(struct table *t, const struct column *column, const struct cell *cell) {
    const uint8_t *const bytes = t->texts.bytes + cell->at;
    text_add_json_string(&t->line, column->name, strlen(column->name));
    text_add_byte(&t->line, ':');
    if (cell->size == ABSENT)
        text_add_text(&t->line, "null");
    else if (column->kind == TABLE_TEXT)
        text_add_json_string(&t->line, bytes, cell->size);
    else
        text_add(&t->line, bytes, cell->size);
}

static void print_json(struct table *t) {
    for (size_t r = 0; r < t->row_count; r++) {
        t->line.used = 0;
        for (uint32_t i = 0; i < t->column_count; i++) {
            text_add_byte(&t->line, i > 0 ? ',' : '{');
            add_json(t, &t->columns[i], &t->cells[t->rows[r].cells + i]);
        }
        text_add_text(&t->line, "}\n");
        output_bytes(t->out, t->line.bytes, t->line.used);
    }
}

void table_print(struct table *t) {
    switch (t->format) {
    case TABLE_CSV: print_csv(t); break;
    case TABLE_JSON: print_json(t); break;
    case TABLE_ALIGNED:
    case TABLE_PLOT: print_aligned(t); break;
    }
}
