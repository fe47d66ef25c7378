/* table.h - rows of cells, printed as an aligned table, as CSV (RFC 4180; lines end in a newline) or
 * as JSON, one object for each row.  All rows stay in memory until they are printed. */
#ifndef TOOLS_RENDER_TABLE_H
#define TOOLS_RENDER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/render/output.h"

#define TABLE_COLUMNS_MAX 96

enum table_format { TABLE_ALIGNED, TABLE_CSV, TABLE_JSON, TABLE_PLOT };

/* Reads "table", "csv", "json" or, if it is allowed, "plot" (a table with bars); NULL: `preset`.
 * False: it is none of these, and a message that starts with `command` was printed. */
bool table_read_format(const char *command, const char *name, bool plot, enum table_format preset,
                       enum table_format *format);

enum table_kind {
    TABLE_TEXT,
    TABLE_NUMBER, /* aligned right; without quotes in JSON */
    TABLE_VALUE,  /* JSON: printed as it is in JSON, as a text in CSV */
};

struct table;

struct table *table_open(struct output *out, enum table_format format);
void table_close(struct table *table);
enum table_format table_format_of(const struct table *table);
/* Columns are added before the first cell; the name is copied.  data: the column is only for CSV and
 * JSON. */
void table_column(struct table *table, const char *name, enum table_kind kind, bool data);

/* Each call adds the next cell; the last one of the row ends the row. */
void table_text(struct table *table, const void *bytes, size_t size);
void table_word(struct table *table, const char *text);
void table_count(struct table *table, uint64_t number);
/* Integers as such, other numbers with six significant digits in tables and exactly in CSV and JSON.
 * A number that is not finite is absent. */
void table_number(struct table *table, double number);
/* part of all in percent, with one decimal. */
void table_percent(struct table *table, uint64_t part, uint64_t all);
/* There is no value: "-" in tables, an empty cell in CSV, null in JSON. */
void table_absent(struct table *table);

/* For aligned tables: a line below the row that has just ended, indented to its last column. */
void table_below(struct table *table, const void *bytes, size_t size);
/* TABLE_PLOT: the length of the bar of the row that has just ended, compared with that of others. */
void table_bar(struct table *table, uint64_t length);

/* On a terminal, lines are cut at its width. */
void table_print(struct table *table);

#endif
