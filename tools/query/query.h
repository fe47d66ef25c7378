/* query.h - which records are wanted: what cat, tail, search and stat can be told, in one
 * struct.  A query is opened once and shared by threads; each thread has a state of its own.
 *
 * A record is wanted if it matches the patterns (or, inverted, does not), and all of
 * --where, --level, --since and --until hold.  Pure but for messages while it is opened. */
#ifndef TOOLS_QUERY_QUERY_H
#define TOOLS_QUERY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/options.h"
#include "tools/query/find.h"
#include "tools/query/regex.h"
#include "tools/query/where.h"
#include "writer/segment/span.h"

#define QUERY_PATTERNS_MAX OPTION_LIST_MAX

/* What the options say; all zero: everything is wanted.  After query_open the query must
 * not be moved. */
struct query_settings {
    const char *where, *level, *since, *until;
    const char *time_keys, *level_keys, *level_scale;
    bool received;
    struct option_list streams;
};

/* The options of every command that reads records; the macro's argument is
 * offsetof the struct query_settings in the command's settings. */
#define QUERY_OPTIONS(offset)                                                                      \
    {.name = "since",                                                                              \
     .kind = OPTION_TEXT,                                                                          \
     .field = (offset) + offsetof(struct query_settings, since),                                   \
     .value = "TIME",                                                                              \
     .help = "Only records from this time on: 10m (ago), today, yesterday, 15:00, 2026-11-24, "    \
             "'2026-11-24 15:00' (all local time), 2026-11-24T07:30:00Z, or Unix time.",           \
     .section = "Filters"},                                                                        \
        {.name = "until",                                                                          \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, until),                               \
         .value = "TIME",                                                                          \
         .help = "Only records before this time."},                                                \
        {.name = "received",                                                                       \
         .kind = OPTION_FLAG,                                                                      \
         .field = (offset) + offsetof(struct query_settings, received),                            \
         .help = "Apply --since and --until to the time at which a record was received, not to "   \
                 "the time it carries."},                                                          \
        {.name = "level",                                                                          \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, level),                               \
         .value = "LEVEL",                                                                         \
         .help = "Only records of this level or above: trace, debug, info, warn, error, fatal."},  \
        {.name = "where",                                                                          \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, where),                               \
         .value = "CONDITION",                                                                     \
         .help =                                                                                   \
             "Only records that meet this condition: 'http.status>=500 and not exists retry'."},   \
        {.name = "stream",                                                                         \
         .kind = OPTION_LIST,                                                                      \
         .field = (offset) + offsetof(struct query_settings, streams),                             \
         .value = "NAME",                                                                          \
         .help = "Only this stream. May be repeated."},                                            \
        {.name = "time_keys",                                                                      \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, time_keys),                           \
         .value = "KEY,...",                                                                       \
         .help = "Top-level keys that hold the time of a record, the preferred key first. "        \
                 "Indexes are not used to find times then. none: records have no time.",           \
         .unset = "the usual names"},                                                              \
        {.name = "level_keys",                                                                     \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, level_keys),                          \
         .value = "KEY,...",                                                                       \
         .help = "Top-level keys that hold the level of a record, the preferred key first; "       \
                 "otherwise like --time-keys.",                                                    \
         .unset = "the usual names"},                                                              \
    {                                                                                              \
        .name = "level_scale", .kind = OPTION_TEXT,                                                \
        .field = (offset) + offsetof(struct query_settings, level_scale), .value = "SCALE",        \
        .help = "Meaning of numeric levels: pino, python, syslog, logback, opentelemetry, "        \
                "monolog, or usual (derived from the magnitude).",                                 \
        .unset = "usual"                                                                           \
    }

/* What is looked for in the bytes of a record; one of them is enough. */
struct query_patterns {
    const char *const *texts;
    uint32_t count; /* 0: every record matches */
    bool regex;     /* else literals */
    bool ignore_case, invert;
};

struct query_pattern {
    bool is_regex, never; /* never: it holds a newline, which no record does */
    struct needle needle; /* the literal, or the regex's required one (size 0: none) */
    struct regex regex;
};

struct query {
    struct query_pattern *patterns;
    uint32_t pattern_count;
    bool invert, all; /* all: every record is wanted */
    struct where *where;
    bool timed, received;       /* received: since and until mean receive time alone */
    int64_t since_ns, until_ns; /* [since, until) */
    uint8_t level_min;          /* 0: any, or none */
    /* What tells times and levels; it may point to own_facts. */
    const struct facts_rules *facts;
    struct facts_rules own_facts;
    const struct option_list *streams;
};

/* One thread's. */
struct query_state {
    struct regex_state regex;
    bool gave_up; /* some regular expression took too long: records may be missing */
    /* When the lines that are looked at came in; set by whoever reads them, before the first
     * call (query_received), and taken for a line's time where it carries none. */
    int64_t received_min_ns, received_max_ns;
    /* Of each pattern, where the next line is that matches it. */
    struct {
        const uint8_t *begin, *end;
    } next[QUERY_PATTERNS_MAX];
};

/* now_ns: what "10m" is reckoned from, since 1970 UTC.  The settings and the texts must outlive
 * the query.  ERR_INVALID: a setting is wrong, which has been said in the name of `command`;
 * nothing needs to be closed then. */
int query_open(struct query *query, const char *command, const struct query_settings *settings,
               const struct query_patterns *patterns, int64_t now_ns);
void query_close(struct query *query);
int query_state_open(struct query_state *state); /* or ERR_NO_MEMORY */
void query_state_close(struct query_state *state);

/* When the lines that come now were received, as far as is known. */
void query_received(struct query_state *state, int64_t min_ns, int64_t max_ns);
/* Event time; where the record has none, when it was received. */
int64_t query_time_of(const struct query *query, const struct query_state *state,
                      const uint8_t *record, size_t size);
/* Does it depend on times or levels, of which lids and indexes know? */
bool query_needs_spans(const struct query *query);
/* May any of these lines be wanted, as far as their times and levels go?  A span without lines
 * says nothing. */
enum query_reason { QUERY_WANTED, QUERY_TIME, QUERY_LEVEL };
enum query_reason query_check_span(const struct query *query, const struct span *span);

/* One record, without its newline. */
bool query_matches(const struct query *query, struct query_state *state, const uint8_t *record,
                   size_t size);
/* The first wanted line of [p, end), which are whole lines.  False: there is none.  To be
 * called with p as it was, or moved forward, until end changes: query_begin first. */
void query_begin(struct query_state *state);
bool query_next(const struct query *query, struct query_state *state, const uint8_t *p,
                const uint8_t *end, const uint8_t **line, const uint8_t **behind);
/* The first place of a pattern in the text, for marking it. */
bool query_mark(const struct query *query, struct query_state *state, const uint8_t *text,
                size_t size, size_t *begin, size_t *end);

/* Is this stream wanted? */
bool query_wants_stream(const struct query *query, const char *stream);

/* Reads TIME as --since takes it: `10m` (ago), `now`, `today`, `yesterday` (where they begin),
 * `15:00` (today), `2026-11-24`, RFC 3339 and its variants, seconds or more since 1970.  What names
 * no zone is local time: if it comes twice the first, if it is skipped when it is.  ERR_INVALID. */
#define QUERY_TIME_HINT "try 10m, yesterday, 2026-11-24 15:00 (local) or 2026-11-24T07:30:00Z"
int query_time(const char *text, int64_t now_ns, int64_t *unix_ns);

#endif
