/* render.h - a record as people or programs want to see it: raw, JSON, one
 * pretty line, CSV or logfmt; some of its fields, or all but some.
 * A stored record is one JSON value on one line, but files of others are read
 * too: whatever stands on a line comes out, in every format, and on a terminal
 * no byte of a record is obeyed as a control character. */
#ifndef TOOLS_RENDER_RENDER_H
#define TOOLS_RENDER_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/options.h"
#include "schema/record/facts.h"
#include "tools/render/output.h"

enum render_format { RENDER_RAW, RENDER_JSON, RENDER_PRETTY, RENDER_CSV, RENDER_LOGFMT };

/* What the options say; all zero: pretty on a terminal, else raw. */
struct render_settings {
    const char *format;              /* raw, json, pretty, csv, logfmt; NULL: as above */
    const char *color;               /* auto, always, never; NULL: auto */
    struct option_list fields, hide; /* each a list of dotted paths, parted by commas */
    bool utc, local;
    bool no_pager;
};

/* The options of every command that prints records.  `offset` is offsetof the
 * struct render_settings in the command's settings. */
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
         .help = "Print only these fields: level,http.status. May be repeated."},                  \
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
    {                                                                                              \
        .name = "color", .kind = OPTION_TEXT,                                                      \
        .field = (offset) + offsetof(struct render_settings, color), .value = "WHEN",              \
        .help = "Use colors: always, never, or auto (on a terminal, unless NO_COLOR is set).",     \
        .unset = "auto"                                                                            \
    }

/* Of those that may print much. */
#define RENDER_PAGER_OPTION(offset)                                                                \
    {                                                                                              \
        .name = "no_pager", .kind = OPTION_FLAG,                                                   \
        .field = (offset) + offsetof(struct render_settings, no_pager),                            \
        .help = "Do not use a pager on a terminal. Otherwise $PAGER is used, or less if it is "    \
                "installed."                                                                       \
    }

/* Where what was looked for stands in a text: in red, where there are colours.
 * True: at text[*begin..*end), *begin < *end. */
struct render_mark {
    bool (*find)(void *context, const uint8_t *text, size_t size, size_t *begin, size_t *end);
    void *context;
};

struct render {
    struct output *out;
    enum render_format format;
    bool color;
    bool local;
    bool begun;                 /* the first line of CSV, its names, was printed */
    struct render_mark mark;    /* find may be NULL; may be set until the first record */
    struct render_parts *parts; /* render.c's own */
};

/* `out` and the settings must outlive it; sets out->color, too.  ERR_INVALID: the settings are
 * wrong, which has been said; nothing needs to be closed then. */
int render_open(struct render *render, const struct render_settings *settings, struct output *out);
/* What tells time and level, in place of the usual rules; they must outlive it. */
void render_facts(struct render *render, const struct facts_rules *facts);
void render_close(struct render *render);
/* On a terminal, what is printed from here on goes through a pager, which
 * output_finish waits for.  Before threads and files are opened. */
void render_page(struct render *render, const struct render_settings *settings);

/* One record, without its newline; what is printed ends in one. */
void render_record(struct render *render, const uint8_t *record, size_t size);
/* Whole lines: of each the record, with or without a newline behind the last. */
void render_lines(struct render *render, const uint8_t *lines, size_t size);

#endif
