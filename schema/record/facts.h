/* facts.h - what a record says of itself: when it happened and how grave it is.
 *
 * Only names at the record's top level count, and `instant{epochSecond,nanoOfSecond}` of
 * log4j and `log{level}` of ECS below it; a name written with escapes is not found.
 * Where several names of a kind stand in a record, the one that stands first in the rules and has
 * a value that can be read decides.  Pure, no allocation: any thread. */
#ifndef SCHEMA_RECORD_FACTS_H
#define SCHEMA_RECORD_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/json.h"

/* As OpenTelemetry counts: TRACE 1-4, DEBUG 5-8, INFO 9-12, WARN 13-16, ERROR 17-20,
 * FATAL 21-24; the first of each is the plain one. */
enum level {
    LEVEL_NONE = 0, /* the record has none that can be read */
    LEVEL_TRACE = 1,
    LEVEL_DEBUG = 5,
    LEVEL_INFO = 9,
    LEVEL_NOTICE = 10,
    LEVEL_WARN = 13,
    LEVEL_ERROR = 17,
    LEVEL_CRITICAL = 18, /* syslog's; the name "critical" is FATAL (level.c says why) */
    LEVEL_ALERT = 19,
    LEVEL_FATAL = 21,
    LEVEL_MAX = 24,
};

struct facts {
    int64_t time_ns; /* since 1970; only where has_time */
    bool has_time;
    uint8_t level; /* 1 .. LEVEL_MAX, or LEVEL_NONE */
};

/* What a level that is a number means; the names are those of the option level_scale.
 * usual: by magnitude: 0-7 syslog, 100-600 monolog, 1000 and more logback, 10 20 30 ... 60
 * and all above 24 pino, the rest of 8-24 opentelemetry; severityNumber is
 * always opentelemetry's. */
#define LEVEL_SCALE_TABLE(X)                                                                       \
    X(LEVEL_SCALE_USUAL, "usual")                                                                  \
    X(LEVEL_SCALE_PINO, "pino")                                                                    \
    X(LEVEL_SCALE_PYTHON, "python")                                                                \
    X(LEVEL_SCALE_SYSLOG, "syslog")                                                                \
    X(LEVEL_SCALE_LOGBACK, "logback")                                                              \
    X(LEVEL_SCALE_OPENTELEMETRY, "opentelemetry")                                                  \
    X(LEVEL_SCALE_MONOLOG, "monolog")

enum level_scale {
#define X(name, text) name,
    LEVEL_SCALE_TABLE(X)
#undef X
        LEVEL_SCALES
};

struct facts_rules {
    struct json_names names; /* times first, then levels, each the preferred ones first */
    uint32_t times, levels;  /* which bits of json_found.mask are which */
    enum level_scale scale;
};

/* Times: @timestamp timestamp time ts @t date datetime asctime instant timeUnixNano
 * __REALTIME_TIMESTAMP.  Levels: level lvl severity levelname log.level @l log severityNumber
 * severityText log_level loglevel PRIORITY.  A record of CLEF (@t) without @l is information. */
extern const struct facts_rules facts_rules_usual;

/* Names separated by commas, in order of preference; NULL or "": the usual ones; "none": none
 * at all.  ERR_INVALID: too many or too long (JSON_NAMES_MAX,
 * JSON_NAME_BYTES_MAX) or an empty one. */
int facts_rules_set(const char *time_keys, const char *level_keys, enum level_scale scale,
                    struct facts_rules *rules);

/* What json_check_line_names found in a good line, which ends at `end`; fills all of *facts. */
void facts_of_found(const struct facts_rules *rules, const struct json_found *found,
                    const uint8_t *end, struct facts *facts);

/* The minute of the last date that was read, as it stood there: most lines share it with the line
 * before.  Zeros to begin with. */
struct facts_memory {
    uint8_t minute[16];
    int64_t minute_ns;
};
/* The same for one who goes through many lines, on one thread. */
void facts_of_next_found(const struct facts_rules *rules, const struct json_found *found,
                         const uint8_t *end, struct facts_memory *memory, struct facts *facts);

/* For readers: a stored record (known to be good JSON), in any buffer; no byte behind
 * its size is read.  Anything else than good JSON: whatever is found, nothing worse. */
void facts_of_record(const uint8_t *record, size_t size, const struct facts_rules *rules,
                     struct facts *facts);

/* A moment as clients write it, without quotes: RFC 3339 with T, t, space or underscore, "." or ","
 * before the fraction, with zone (Z, +01, +0100, +01:00) or none (UTC is taken), seconds or
 * none; or a number, by magnitude: < 1e11 seconds, < 1e14 ms, < 1e17 us, else ns; with a
 * fraction, which keeps its digits.  ERR_INVALID else, also outside 1677 to 2262. */
int time_parse(const char *text, size_t size, int64_t *ns);

/* A level's name, in any case: trace debug info warn error fatal, their short forms and
 * synonyms (verbose, fine, notice, warning, severe, err, crit, alert, panic, emerg ...),
 * OpenTelemetry's (INFO2), or 1 to 24.  ERR_INVALID else. */
int level_parse(const char *text, size_t size, uint8_t *level);
/* A number on a scale; ERR_INVALID if the scale does not know it. */
int level_of_number(int64_t number, enum level_scale scale, uint8_t *level);
/* "trace" "debug" "info" "warn" "error" "fatal" for 1 to 24, "none" for LEVEL_NONE. */
const char *level_name(uint8_t level);
/* The first of a level's four: 1 5 9 13 17 21; 0 for LEVEL_NONE. */
uint8_t level_plain(uint8_t level);

const char *level_scale_name(enum level_scale scale);
int level_scale_parse(const char *name, enum level_scale *scale);

#endif
