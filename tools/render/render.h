/* render.h - prints records as raw text, JSON, pretty lines, CSV or logfmt, with all or some of
 * their fields.  Fields may be canonical (tools/query/canonical.h): @time @level @message @logger
 * @stream.
 *
 * Pretty: time, level, stream (if there are several), logger and message in columns, then the other
 * fields; further lines of texts are indented below.  The widths of the columns are those of the
 * first records and only grow, so some records are held until render_flush.  A stored record is one
 * JSON value per line, but files of other programs can be read too: any line can be printed in
 * every format, and a terminal never receives a control character from a record. */
#ifndef TOOLS_RENDER_RENDER_H
#define TOOLS_RENDER_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/options.h"
#include "schema/record/facts.h"
#include "tools/render/output.h"
#include "writer/clock/zone.h"

enum render_format { RENDER_RAW, RENDER_JSON, RENDER_PRETTY, RENDER_CSV, RENDER_LOGFMT };

/* The values of the options; all zero: pretty on a terminal, otherwise raw. */
struct render_settings {
    const char *format;              /* NULL: as above */
    const char *color;               /* auto, always or never; NULL: auto */
    struct option_list fields, hide; /* each text is a comma-separated list of dotted paths */
    bool utc, local;
    bool no_pager;
    bool bom, safe_cells;
};

/* The options of every command that prints records.  `offset` is offsetof the struct
 * render_settings in the command's settings. */
#define RENDER_OPTIONS(offset)                                                                     \
    {.name = "output",                                                                             \
     .letter = 'o',                                                                                \
     .kind = OPTION_TEXT,                                                                          \
     .field = (offset) + offsetof(struct render_settings, format),                                 \
     .value = "FORMAT",                                                                            \
     .help = "Output format: raw, json, pretty, csv or logfmt.",                                   \
     .unset = "pretty on a terminal; otherwise raw, or json with --fields or --hide",              \
     .section = "Output"},                                                                         \
        {.name = "fields",                                                                         \
         .kind = OPTION_LIST,                                                                      \
         .field = (offset) + offsetof(struct render_settings, fields),                             \
         .value = "PATH,...",                                                                      \
         .help = "Print only these fields: level,http.status. May be repeated. @time, @level, "    \
                 "@message, @logger and @stream are found in records of every shape."},            \
        {.name = "hide",                                                                           \
         .kind = OPTION_LIST,                                                                      \
         .field = (offset) + offsetof(struct render_settings, hide),                               \
         .value = "PATH,...",                                                                      \
         .help = "Print all fields except these. May be repeated."},                               \
        {.name = "utc",                                                                            \
         .kind = OPTION_FLAG,                                                                      \
         .field = (offset) + offsetof(struct render_settings, utc),                                \
         .help = "Show times in UTC (the default)."},                                              \
        {.name = "local",                                                                          \
         .kind = OPTION_FLAG,                                                                      \
         .field = (offset) + offsetof(struct render_settings, local),                              \
         .help = "Show times in the local time zone, with its offset from UTC."},                  \
        {.name = "bom",                                                                            \
         .kind = OPTION_FLAG,                                                                      \
         .field = (offset) + offsetof(struct render_settings, bom),                                \
         .help = "Begin CSV with a byte order mark, so that Excel reads it as UTF-8."},            \
        {.name = "safe_cells",                                                                     \
         .kind = OPTION_FLAG,                                                                      \
         .field = (offset) + offsetof(struct render_settings, safe_cells),                         \
         .help = "Put ' before CSV cells that a spreadsheet could take for a formula: texts that " \
                 "begin with = + - @, a tab or a carriage return."},                               \
    {                                                                                              \
        .name = "color", .kind = OPTION_TEXT,                                                      \
        .field = (offset) + offsetof(struct render_settings, color), .value = "WHEN",              \
        .help = "Use colors: always, never, or auto (on a terminal, unless NO_COLOR is set).",     \
        .unset = "auto"                                                                            \
    }

/* For commands that may print much. */
#define RENDER_PAGER_OPTION(offset)                                                                \
    {                                                                                              \
        .name = "no_pager", .kind = OPTION_FLAG,                                                   \
        .field = (offset) + offsetof(struct render_settings, no_pager),                            \
        .help = "Do not use a pager on a terminal. Otherwise $PAGER is used, or less if it is "    \
                "installed."                                                                       \
    }

/* Finds the next match to highlight in a text.  True: it is at [*begin, *end), *begin < *end. */
struct render_mark {
    bool (*find)(void *context, const uint8_t *text, size_t size, size_t *begin, size_t *end);
    void *context;
};

/* What a record is to the search that prints it.  Pretty lines of matches begin with "> " and those
 * of context with "- "; only matches are highlighted. */
enum render_kind { RENDER_PLAIN, RENDER_MATCH, RENDER_CONTEXT };

struct render {
    struct output *out;
    enum render_format format;
    bool color;
    bool local;
    bool begun;                 /* CSV: the column names were printed */
    struct render_mark mark;    /* find may be NULL */
    enum render_kind kind;      /* of the next records; may be changed at any time */
    struct render_parts *parts; /* private to render.c */
};

/* `out` and the settings must outlive it; sets out->color too.  ERR_INVALID: a setting is invalid
 * and a message was printed; nothing needs to be closed. */
int render_open(struct render *render, const struct render_settings *settings, struct output *out);
/* Replaces the rules that define time and level; they must outlive it. */
void render_facts(struct render *render, const struct facts_rules *facts);
/* Shows times in this zone, which must outlive it. */
void render_zone(struct render *render, const struct zone *zone);
/* Shows the stream of each record in pretty lines. */
void render_streams(struct render *render);
/* The stream of the next records; NULL: unknown.  Returns a copy of the name that is valid until
 * render_close. */
const char *render_stream(struct render *render, const char *stream);
/* The terminal's width; 0: do not wrap lines.  For tests. */
void render_columns(struct render *render, uint32_t columns);
/* Prints the records that are held, but does not flush the output. */
void render_flush(struct render *render);
/* Reports fields of --fields and --hide that were in no record so far, if any was printed; once. */
void render_report_missing(struct render *render);
/* Calls render_flush and render_report_missing. */
void render_close(struct render *render);
/* Starts a pager if output goes to a terminal; output_finish waits for it.  Call this before
 * threads and files are opened. */
void render_page(struct render *render, const struct render_settings *settings);

/* Prints one record, given without its newline, and a newline. */
void render_record(struct render *render, const uint8_t *record, size_t size);
/* Prints every record of these lines; the last one may lack its newline. */
void render_lines(struct render *render, const uint8_t *lines, size_t size);
/* Prints "--" between groups of records. */
void render_separator(struct render *render);

#endif
