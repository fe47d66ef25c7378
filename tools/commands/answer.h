/* answer.h - what fields and patterns share: the options that select records, and reading the
 * records of a window of time, or of the two that --compare compares. */
#ifndef TOOLS_COMMANDS_ANSWER_H
#define TOOLS_COMMANDS_ANSWER_H

#include "tools/commands/command.h"
#include "tools/query/compare.h"
#include "tools/query/is_record.h"
#include "tools/query/query.h"
#include "tools/render/table.h"

struct answer_settings {
    struct common_settings common;
    struct query_settings query;
    struct option_list regexes;
    bool fixed, ignore_case, invert, no_index;
    const char *output, *compare;
    uint64_t limit;
};

#define ANSWER_AT(name) offsetof(struct answer_settings, name)
/* The value of --compare, for every command that has it. */
#define COMPARE_OPTION(offset)                                                                     \
    {                                                                                              \
        .name = "compare", .kind = OPTION_TEXT, .field = (offset), .value = "AGE|TIME..TIME",      \
        .help = "Compare with the same window this much earlier (1h, 1d), or with the window "     \
                "from one time to another (yesterday..today). Rows are marked new, gone, more or " \
                "fewer, the most significant change first.",                                       \
        .unset = "off"                                                                             \
    }
#define ANSWER_OPTIONS(limit_preset, limit_max, limit_help)                                        \
    {.name = "output",                                                                             \
     .letter = 'o',                                                                                \
     .kind = OPTION_TEXT,                                                                          \
     .field = ANSWER_AT(output),                                                                   \
     .value = "table|csv|json",                                                                    \
     .help = "Print a table, CSV, or JSON with one object for each row.",                          \
     .unset = "table",                                                                             \
     .section = "Results"},                                                                        \
        {.name = "limit",                                                                          \
         .letter = 'n',                                                                            \
         .kind = OPTION_COUNT,                                                                     \
         .field = ANSWER_AT(limit),                                                                \
         .min = 1,                                                                                 \
         .max = limit_max,                                                                         \
         .preset = limit_preset,                                                                   \
         .value = "N",                                                                             \
         .help = limit_help},                                                                      \
        COMPARE_OPTION(ANSWER_AT(compare)),                                                        \
        {.name = "no_index",                                                                       \
         .kind = OPTION_FLAG,                                                                      \
         .field = ANSWER_AT(no_index),                                                             \
         .help = "Read every line, as if no segment had an index."},                               \
        {.name = "regexp",                                                                         \
         .letter = 'e',                                                                            \
         .kind = OPTION_LIST,                                                                      \
         .field = ANSWER_AT(regexes),                                                              \
         .value = "REGEX",                                                                         \
         .help = "Only records that match this regular expression. May be repeated. All "          \
                 "arguments are then PATHs.",                                                      \
         .section = "Selection"},                                                                  \
        {.name = "fixed_strings",                                                                  \
         .letter = 'F',                                                                            \
         .kind = OPTION_FLAG,                                                                      \
         .field = ANSWER_AT(fixed),                                                                \
         .help = "Take the values of -e as literal text, as for PATTERN."},                        \
        {.name = "ignore_case",                                                                    \
         .letter = 'i',                                                                            \
         .kind = OPTION_FLAG,                                                                      \
         .field = ANSWER_AT(ignore_case),                                                          \
         .help = "Ignore the case of letters in patterns."},                                       \
        {.name = "invert_match",                                                                   \
         .letter = 'v',                                                                            \
         .kind = OPTION_FLAG,                                                                      \
         .field = ANSWER_AT(invert),                                                               \
         .help = "Only records that do not match."},                                               \
        QUERY_OPTIONS(ANSWER_AT(query)), HELP_OPTION_IN_SECTION

/* One selected record, or a line of text. */
struct answer_record {
    const struct facts_rules *facts; /* how its time and level are read */
    const char *stream;
    const uint8_t *bytes; /* without its newline */
    size_t size;
    bool text; /* it is no record */
    bool timed;
    int64_t time_ns; /* if timed: its event time, or when it was received, if that is known */
    enum compare_window window; /* without --compare always COMPARE_NOW */
};

/* What a command does with the records.  A part is what it finds in some of them: each worker has
 * parts of its own, for one piece of a file at a time, which are united in the order in which the
 * pieces are stored.  So the result does not depend on the number of workers. */
struct answer_reader {
    void *whole; /* the part that the others are added to */
    /* Any thread.  False: the part is full, and the record was not added; not for `whole`. */
    bool (*take)(void *part, const struct answer_record *record);
    /* NULL: all records are added to `whole`, on the calling thread.  Otherwise, on the calling
     * thread: a new part; prepares it for a piece; adds what it has to `whole`; frees it. */
    void *(*open)(void *whole);
    void (*begin)(void *part);
    void (*unite)(void *whole, void *part);
    void (*close)(void *part);
};

struct answer {
    const char *command;
    struct call *call;
    struct query *query;
    bool no_index;
    const struct zone *zone; /* in which tables show times; NULL: UTC */
    bool compares;
    struct compare compare;
    struct segment_list list;
    bool pipes; /* there are files that can be read only once */
    bool failed;
    uint64_t found;
    /* After answer_open. */
    const struct answer_settings *settings;
    enum table_format format;
    /* Private. */
    struct query own;
    const char *pattern;
    struct is_record is_record;
    const struct answer_reader *reader;
    enum compare_window window;
};

/* For a query that is open, and a value of --compare or NULL.  False: that value is invalid, and a
 * message was printed; nothing needs to be closed. */
bool answer_begin(struct answer *answer, struct call *call, const char *command,
                  struct query *query, const char *compare, bool no_index);
void answer_finish(struct answer *answer);
/* The same with a query of these settings. */
bool answer_open(struct answer *answer, struct call *call, const char *command,
                 const struct answer_settings *settings);
void answer_close(struct answer *answer);
/* Reads every selected record, in the order in which they are stored; with --compare, those of the
 * window before first.  May be called again unless answer->pipes. */
void answer_read(struct answer *answer, const struct answer_reader *reader);
/* Says why nothing was found, if that is so.  Returns the exit code. */
int answer_end(struct answer *answer);

/* With --compare: the columns "change", "count" and "before", and for data "significance"; also
 * "expected", which is `before` multiplied by the scale, if that is not 1 (compare_scale). */
void answer_change_columns(double scale, struct table *table);
void answer_change_cells(double scale, struct table *table, uint64_t now, uint64_t before);

/* Rows by number, in the order in which they are printed: with --compare the most significant
 * change first, otherwise as they are. */
struct answer_order {
    uint32_t row;
    uint64_t now, before;
    double significance; /* set by answer_sort */
};
void answer_sort(const struct answer *answer, double scale, struct answer_order *order,
                 uint32_t count);

#endif
