/* query.h - a compiled query: the filters and patterns of cat, tail, search and stat in one struct.
 * A query is opened once and shared by threads; each thread has its own query_state.
 *
 * A record matches if it matches any of the patterns (or none, if inverted) and passes --where,
 * --level, --since and --until.  Pure, except for messages while it is opened. */
#ifndef TOOLS_QUERY_QUERY_H
#define TOOLS_QUERY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/options.h"
#include "schema/json/strings.h"
#include "tools/query/find_set.h"
#include "tools/query/is_record.h"
#include "tools/query/need.h"
#include "tools/query/record_rules.h"
#include "tools/query/regex.h"
#include "tools/query/time.h"
#include "tools/query/unrecognised.h"
#include "tools/query/where.h"
#include "writer/clock/zone.h"
#include "writer/segment/counts.h"
#include "writer/segment/span.h"

#define QUERY_PATTERNS_MAX OPTION_LIST_MAX

/* The values of the options; all zero: every record matches. */
struct query_settings {
    const char *where, *level, *since, *until;
    const char *time_keys, *level_keys, *level_names, *level_scale, *zone;
    const char *tz;
    bool received;
    struct option_list streams;
};

/* The options of every command that reads records.  `offset` is offsetof the struct query_settings
 * in the command's settings. */
#define QUERY_OPTIONS(offset)                                                                      \
    {.name = "since",                                                                              \
     .kind = OPTION_TEXT,                                                                          \
     .field = (offset) + offsetof(struct query_settings, since),                                   \
     .value = "TIME",                                                                              \
     .help = "Only records from this time on: 10m (ago), today, yesterday, 15:00, 2026-11-24, "    \
             "1h30m, monday, 'yesterday 15:00', 'Nov 29' (local time, or of --tz), "               \
             "2026-11-24T07:30:00Z, or Unix time.",                                                \
     .section = "Filters"},                                                                        \
        {.name = "until",                                                                          \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, until),                               \
         .value = "TIME",                                                                          \
         .help = "Only records before this time."},                                                \
        {.name = "tz",                                                                             \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, tz),                                  \
         .value = "ZONE",                                                                          \
         .help = "Show times in this zone, and read those of --since and --until in it: "          \
                 "Europe/Berlin, UTC or local.",                                                   \
         .unset = "times are shown in UTC and read in local time"},                                \
        {.name = "received",                                                                       \
         .kind = OPTION_FLAG,                                                                      \
         .field = (offset) + offsetof(struct query_settings, received),                            \
         .help = "Apply --since and --until to the receive time, not to the event time that a "    \
                 "record holds."},                                                                 \
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
             "Only records that meet this condition: 'http.status>=500 and not exists retry', "    \
             "'path starts with /api and code in (a, b)', 'tags[] = new', 'level >= warn', "       \
             "\"@time >= '15:00'\". See the guide for all comparisons."},                          \
        {.name = "stream",                                                                         \
         .kind = OPTION_LIST,                                                                      \
         .field = (offset) + offsetof(struct query_settings, streams),                             \
         .value = "NAME,...",                                                                      \
         .help = "Only these streams. May be repeated."},                                          \
        {.name = "time_keys",                                                                      \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, time_keys),                           \
         .value = "KEY,...",                                                                       \
         .help = "Top-level keys that hold the time of a record, the preferred key first. "        \
                 "+KEY,...: these before the usual ones. none: records have no time.",             \
         .unset = "as the daemon is configured, otherwise the usual names"},                       \
        {.name = "zone",                                                                           \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, zone),                                \
         .value = "ZONE",                                                                          \
         .help = "Time zone of records whose time names none: Europe/Berlin, UTC or local.",       \
         .unset = "as the daemon is configured, otherwise UTC"},                                   \
        {.name = "level_keys",                                                                     \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, level_keys),                          \
         .value = "KEY,...",                                                                       \
         .help = "Top-level keys that hold the level of a record, the preferred key first; "       \
                 "otherwise like --time-keys.",                                                    \
         .unset = "as the daemon is configured, otherwise the usual names"},                       \
        {.name = "level_names",                                                                    \
         .kind = OPTION_TEXT,                                                                      \
         .field = (offset) + offsetof(struct query_settings, level_names),                         \
         .value = "NAME=LEVEL,...",                                                                \
         .help = "Names of levels that your programs use: eror=error,http=info.",                  \
         .unset = "as the daemon is configured, otherwise none"},                                  \
    {                                                                                              \
        .name = "level_scale", .kind = OPTION_TEXT,                                                \
        .field = (offset) + offsetof(struct query_settings, level_scale), .value = "SCALE",        \
        .help = "Meaning of numeric levels: pino, python, syslog, logback, opentelemetry, "        \
                "monolog, or usual (derived from the magnitude).",                                 \
        .unset = "as the daemon is configured, otherwise usual"                                    \
    }

/* Patterns to look for in the bytes of a record, and in its strings after decoding; one match is
 * enough. */
struct query_patterns {
    const char *const *texts;
    uint32_t count; /* 0: every record matches */
    bool regex;     /* false: literals */
    bool ignore_case, invert;
};

struct query_pattern {
    bool is_regex;
    bool never; /* contains a newline: it matches decoded strings only */
    /* The literal, or those of which every match of the regex has one; empty: every line may
     * match. */
    struct needle_set needles;
    bool only_needles; /* a line matches if it has one */
    /* A line that matches has a needle or one of these; empty: every line may match. */
    struct needle_set signs;
    /* Of is_regex; also of a literal, if letters of other alphabets are another case of its own. */
    struct regex regex;
    bool folds;
};

struct query {
    struct query_pattern *patterns;
    uint32_t pattern_count;
    bool any_line;    /* every line matches the patterns, before they are inverted */
    bool invert, all; /* all: every record matches */
    /* With several patterns that are literals: all of them in one, with only needles and signs. */
    struct query_pattern joined;
    struct where *where;
    bool where_by_spans; /* it depends on times or levels, which lids and indexes know */
    struct need need;    /* of the condition */
    /* Every line that meets the condition has one of these; empty: nothing is known. */
    struct needle_set hints;
    bool hints_exponents;       /* or it has a number with an exponent */
    bool timed, received;       /* received: --since and --until refer to receive time only */
    int64_t since_ns, until_ns; /* [since, until) */
    uint8_t level_min;          /* 0: records without a level match too */
    struct record_rules *rules; /* how times and levels are read */
    const struct option_list *streams;
    struct zone *zone; /* of times on the command line; shown too, if shows_zone */
    bool shows_zone;   /* --tz is given */
};

/* The zone in which times are shown; NULL: UTC. */
static inline const struct zone *query_shown_zone(const struct query *query) {
    return query->shows_zone && !zone_is_utc(query->zone) ? query->zone : NULL;
}

/* State of one thread. */
struct query_state {
    struct regex_state regex;
    struct where_state where;
    bool gave_up;       /* a regular expression took too long; matching records may be missing */
    const char *stream; /* that the current lines are stored in; NULL: unknown */
    const struct facts_rules *facts; /* how times and levels of the current lines are read */
    /* The lines are of a file of another program.  Those that are no records have no time, no level
     * and no fields, and none has a receive time. */
    bool foreign;
    struct is_record is_record;
    /* With --level: records that pass everything else, but have an unrecognised level. */
    struct unrecognised unrecognised;
    /* When the current lines were received (query_received); used for lines without a time. */
    int64_t received_min_ns, received_max_ns;
    struct strings_room strings;
    /* For each pattern the next line that it matches, for the joined ones at the end. */
    struct query_next {
        const uint8_t *begin, *end;
        /* The next place of a needle and of a sign, or the text's end. */
        const uint8_t *needle, *sign;
    } next[QUERY_PATTERNS_MAX + 1];
};

/* now_ns: what "10m" is relative to, since 1970 UTC. The settings and their texts must outlive the
 * query.  ERR_INVALID: a setting is invalid; a message that starts with `command` was printed, and
 * nothing needs to be closed. */
int query_open(struct query *query, const char *command, const struct query_settings *settings,
               const struct query_patterns *patterns, int64_t now_ns);
void query_close(struct query *query);
int query_state_open(struct query_state *state); /* 0 or ERR_NO_MEMORY */
void query_state_close(struct query_state *state);

/* The following lines were received in this period. */
void query_received(struct query_state *state, int64_t min_ns, int64_t max_ns);
/* Event time of the record, whose newline may follow it; untimed_ns if it has none. */
int64_t query_time_of(struct query_state *state, const uint8_t *record, size_t size,
                      int64_t untimed_ns);
/* Is this line a record (is_record.h)?  Always true unless state->foreign. */
bool query_is_record(struct query_state *state, const uint8_t **line, size_t *size);
/* Does the query depend on times or levels, which lids and indexes know? */
bool query_needs_spans(const struct query *query);
/* What is known about lines that were not read: their span, what the index has counted (NULL:
 * nothing) and the stream that they are stored in. */
struct known {
    const struct span *span;
    const struct counts *counts;
    const char *stream;
};
/* Can one of these lines match, if `facts` are its segment's rules?  A span without lines excludes
 * nothing. */
enum query_reason { QUERY_WANTED, QUERY_TIME, QUERY_LEVEL, QUERY_CONDITION };
enum query_reason query_check_span(const struct query *query, const struct facts_rules *facts,
                                   const struct known *known);
/* The times that lines of this span can have, where a line without one has its receive time. */
void query_span_times(const struct facts_rules *facts, const struct span *span, int64_t *min_ns,
                      int64_t *max_ns);
/* True: of these lines exactly those match whose level is one of *levels (bits; bit 0: those
 * without one).  False: that is not known. */
bool query_wanted_levels(const struct query *query, const struct facts_rules *facts,
                         const struct known *known, uint32_t *levels);

/* One record, without its newline. */
bool query_matches(const struct query *query, struct query_state *state, const uint8_t *record,
                   size_t size);
/* The next matching line of [p, end), which holds whole lines: [*line, *next).  False: there is
 * none.  Call query_begin first for every new range; then p must not move backwards. */
void query_begin(struct query_state *state);
bool query_next(const struct query *query, struct query_state *state, const uint8_t *p,
                const uint8_t *end, const uint8_t **line, const uint8_t **next);
/* The first match of a pattern in the text, for highlighting. */
bool query_mark(const struct query *query, struct query_state *state, const uint8_t *text,
                size_t size, size_t *begin, size_t *end);

/* Does --stream allow this stream? */
bool query_wants_stream(const struct query *query, const char *stream);
/* The same; false also if the condition holds for none of its records. */
bool query_wants_file(const struct query *query, const char *stream);

#endif
