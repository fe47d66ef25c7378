/* facts.h - the facts of a record: its time and its level (severity).
 *
 * Finds names at the record's top level, in any case of their letters, and below it only
 * `instant{epochSecond,nanoOfSecond}` of log4j, `log{level}` of ECS and `level{name}`.  A name
 * written with escapes is not found.  If a record has several names of a kind, the first in the
 * rules whose value is valid counts; of one name that occurs several times, the last one.
 *
 * If `log` is a text that holds an inner record (Docker; inner.h), a fact that the record itself
 * does not have is the inner record's.  A level that is not recognised counts as one that it has.
 * A fact that is still missing is that of the header of syslog, which the daemon adds as the object
 * `_syslog` (syslog.h): its `time`, if it names the year, and its `severity_code` or `severity`.
 *
 * Pure: any thread.  No allocation, but for inner records of more than 16 KiB, which is where
 * Docker splits lines; without memory for one, its facts are not found. */
#ifndef SCHEMA_RECORD_FACTS_H
#define SCHEMA_RECORD_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/json.h"

/* OpenTelemetry's severity numbers: TRACE 1-4, DEBUG 5-8, INFO 9-12, WARN 13-16, ERROR 17-20,
 * FATAL 21-24; the first of each range is the plain one. */
enum level {
    LEVEL_NONE = 0, /* the record has no valid level */
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
    int64_t time_ns; /* Unix time; valid if has_time */
    bool has_time;
    uint8_t level; /* 1 .. LEVEL_MAX, or LEVEL_NONE */
    /* LEVEL_NONE, although a key for the level has a text or a number. */
    bool unrecognised;
};

/* How to read a level that is a number; the names are the values of the option level_scale.
 * usual: by magnitude: 0-7 syslog, 100-600 monolog, 1000 and more logback, 10 20 30 ... 60 and all
 * others above 24 pino, the rest of 8-24 opentelemetry.  With it, severityNumber is always
 * opentelemetry. */
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

/* Names of levels beyond the usual ones; they win over these. */
#define LEVEL_NAMES_MAX      32
#define LEVEL_NAME_BYTES_MAX 31
struct level_names {
    uint32_t count;
    struct {
        char text[LEVEL_NAME_BYTES_MAX + 1]; /* in lower case */
        uint8_t size, level;
    } names[LEVEL_NAMES_MAX];
};

/* The zone of times that name none. */
struct facts_zone {
    /* The moment at which clocks of the zone show local_s, both seconds since 1970; NULL: UTC. */
    int64_t (*moment_s)(const void *zone, int64_t local_s);
    const void *zone;
};

struct facts_rules {
    struct json_names names; /* times, then levels, each in order of preference */
    uint64_t times, levels;  /* bits of json_found.mask */
    uint64_t inner;          /* the bit of `log`, which may hold an inner record; 0: none is read */
    uint64_t syslog;         /* the bit of `_syslog`; 0: it is not read */
    enum level_scale scale;
    struct level_names level_names;
    struct facts_zone zone;
    /* The same settings have the same number, of FACTS_ID_BITS; the usual rules have 0. */
    uint32_t id;
};
#define FACTS_ID_BITS 24

/* Times: @timestamp timestamp time ts @t date datetime asctime instant timeUnixNano
 * __REALTIME_TIMESTAMP time_iso8601 stageTimestamp eventTime.  Levels: level lvl severity levelname
 * log.level @l log severityNumber severityText log_level loglevel PRIORITY @level level_name
 * level.name severity_text severity_number error_severity levelno.  PRIORITY is found in upper case
 * only, because "priority" is a common field.  A record of CLEF (@t) in which no such key has a text
 * or a number has level INFO. */
extern const struct facts_rules facts_rules_usual;

/* Keys, separated by commas, in order of preference; NULL or "": the usual ones; "none": none at
 * all; after a "+": these first, then the usual ones.  level_names: NULL, "" or as in
 * level_names_parse.  ERR_INVALID: an empty name, more than JSON_NAMES_MAX keys together, one
 * longer than JSON_NAME_BYTES_MAX, or invalid level names. */
struct facts_settings {
    const char *time_keys, *level_keys, *level_names;
    enum level_scale scale;
    struct facts_zone zone;
    const char *zone_name; /* NULL or "UTC": UTC */
};
int facts_rules_set(const struct facts_settings *settings, struct facts_rules *rules);

/* From the names that json_check_line_names found in a valid line, which ends at `end`; fills all
 * of *facts. */
void facts_of_found(const struct facts_rules *rules, const struct json_found *found,
                    const uint8_t *end, struct facts *facts);

/* The same without what an inner record and _syslog say, and where the values begin from which the
 * facts were taken; NULL: there is none.  A level in an object (log.level) begins inside it. */
struct facts_places {
    const uint8_t *time, *level;
};
void facts_of_found_at(const struct facts_rules *rules, const struct json_found *found,
                       const uint8_t *end, struct facts *facts, struct facts_places *places);

/* What _syslog alone says. */
void facts_of_syslog(const struct facts_rules *rules, const struct json_found *found,
                     const uint8_t *end, struct facts *facts);

/* The text of the last date's minute and its value: most lines have the same minute as the line
 * before.  Initialize with zeros. */
struct facts_memory {
    uint8_t minute[16];
    int64_t minute_ns;
};
/* The same, faster, for consecutive lines; one memory per thread. */
void facts_of_next_found(const struct facts_rules *rules, const struct json_found *found,
                         const uint8_t *end, struct facts_memory *memory, struct facts *facts);

/* For readers: a stored record (known to be valid JSON) in any buffer; reads no byte after `size`.
 * Invalid JSON gives arbitrary facts, nothing worse. */
void facts_of_record(const uint8_t *record, size_t size, const struct facts_rules *rules,
                     struct facts *facts);

/* For readers: copies the level's value as it is written in a record that has facts.unrecognised,
 * without quotes, at most `room` bytes of it; returns how many.  0: there is none. */
size_t facts_unrecognised(const uint8_t *record, size_t size, const struct facts_rules *rules,
                          uint8_t *text, size_t room);

/* The number of the level key that this is (a name of the rules, in any case; of a nested key its
 * dotted path, so log.level, but not log), or -1. */
int facts_level_key(const struct facts_rules *rules, const char *key, size_t size);
/* The level that this value, up to `end`, says under the key with this number; false: none. */
bool facts_level_at(const struct facts_rules *rules, int key, const uint8_t *value,
                    const uint8_t *end, uint8_t *level);

/* Parses a time as senders write it, without quotes: RFC 3339 with T, t, space or underscore, "."
 * or "," before the fraction, with a zone (Z, +01, +0100, +01:00) or without, with seconds or
 * without; or a number, by magnitude: < 1e11 seconds, < 1e14 ms, < 1e17 us, else ns, with an exact
 * fraction.  ERR_INVALID otherwise, also outside the years 1677 to 2262.  time_parse takes times
 * without a zone as UTC; time_parse_in takes them as times of `zone`. */
int time_parse(const char *text, size_t size, int64_t *ns);
int time_parse_in(const char *text, size_t size, const struct facts_zone *zone, int64_t *ns);

/* Parses a level's name, in any case: trace debug info warn error fatal, their short forms and
 * synonyms (verbose, fine, notice, warning, severe, err, crit, alert, panic, emerg ...),
 * OpenTelemetry's (INFO2), slog's (ERROR+4), or 1 to 24.  ERR_INVALID otherwise. */
int level_parse(const char *text, size_t size, uint8_t *level);
/* Parses "eror=error,http=info": up to LEVEL_NAMES_MAX names, in any case, with the level that each
 * means.  ERR_INVALID. */
int level_names_parse(const char *text, struct level_names *names);
/* Converts a number on a scale; ERR_INVALID if the scale does not have it. */
int level_of_number(int64_t number, enum level_scale scale, uint8_t *level);
/* "trace" "debug" "info" "warn" "error" "fatal" for 1 to 24, "none" for LEVEL_NONE. */
const char *level_name(uint8_t level);
/* The first of a level's range: 1 5 9 13 17 21; LEVEL_NONE for itself. */
uint8_t level_plain(uint8_t level);

const char *level_scale_name(enum level_scale scale);
/* ERR_INVALID: no scale has this name. */
int level_scale_parse(const char *name, enum level_scale *scale);

#endif
