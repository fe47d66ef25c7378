/* where.h - the conditions of --where: comparisons of fields, combined with and, or, not.
 *
 *   status>=500           user.name = "Ann"        path ~ '^/api/'          exists trace
 *   status in (502, 503)  message contains retry   path starts with /api/   tags[] = new
 *   level >= warn         headers.* = gzip         @time >= '15:00'         not (a = 1 or b = 2)
 *
 * Comparisons are typed: numbers with numbers (exactly, however they are written), strings with
 * strings (their decoded characters, byte by byte), true, false and null with themselves. Between
 * different types only != is true. `contains`, `starts with` and `ends with` are true of strings
 * only.  `~` also matches the text of other values.
 *
 * A comparison with an absent field is false, also a negated one (!=, !~, not in ...).  A field
 * alone is true if it is present and neither false nor null.  With `[]` (each element of an array)
 * or `*` (each member of an object or array) in the path, a comparison is true if it holds for any
 * of the values.
 *
 * Canonical fields (canonical.h): @time @level @message @logger @stream.  @time is compared with a
 * TIME as for --since.  @level is compared by severity; = and != compare with the name under which
 * the level is shown.  A level key of the record (level, severity, log.level ...: facts.h) is
 * compared by severity too if <, <=, > or >= compares it with the name of a level. */
#ifndef TOOLS_QUERY_WHERE_H
#define TOOLS_QUERY_WHERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record/facts.h"
#include "tools/query/canonical.h"
#include "tools/query/need.h"
#include "tools/query/regex.h"
#include "writer/clock/zone.h"

#define WHERE_ERROR_MAX (REGEX_ERROR_MAX + 100)

struct where; /* shared by threads */

/* What times are relative to. */
struct where_clock {
    int64_t now_ns;
    const struct zone *zone;
};

/* What is known about the records, and what evaluating them needs; one per thread.  Starts as all
 * zero. */
struct where_state {
    struct regex_state *regex;
    const struct facts_rules *facts;
    const char *stream; /* that they are stored in; NULL: unknown, @stream is absent */
    bool gave_up;       /* set if a result is unknown: a regular expression took too long */
    /* Private. */
    struct canonical canonical;
    struct canonical_rules canonical_rules;
    bool canonical_is_read; /* of the current record */
};
void where_state_close(struct where_state *state);

/* What is known about a set of records without reading them. */
struct where_scope {
    const char *stream;        /* as in where_state */
    struct regex_state *regex; /* NULL: `~` is not decided */
    uint32_t levels;           /* bit l: a record may have level l; bit 0: one may have none */
    int64_t time_min_ns, time_max_ns; /* of those that have a time */
    bool timed;                       /* all have one */
};

/* 0 or ERR_INVALID; then `error` (WHERE_ERROR_MAX bytes) says what is wrong and where. */
int where_open(const char *text, const struct where_clock *clock, struct where **where,
               char *error);
void where_close(struct where *where); /* NULL: does nothing */
/* What every record that meets the condition contains; need_free it. */
struct need where_need(const struct where *where);
bool where_holds(const struct where *where, struct where_state *state, const uint8_t *record,
                 size_t size);
/* Does the condition name @time, @level or @stream? */
bool where_names(const struct where *where, enum canonical_field field);
/* The levels (bits of scope->levels) of records that may meet the condition. */
uint32_t where_may_hold(const struct where *where, const struct where_scope *scope);
/* True: every record of these levels meets it, and none of the others. */
bool where_decides(const struct where *where, const struct where_scope *scope, uint32_t *levels);

#endif
