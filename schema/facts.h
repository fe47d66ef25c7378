/* facts.h - when a record happened and how serious it is.
 *
 * Found in its top level, by the usual keys and forms or those that a listener was told:
 * times as RFC 3339 and its common variants or as an epoch in s, ms, µs or ns, told apart by
 * magnitude; levels by name or number, mapped to OpenTelemetry's severity numbers (logs data
 * model, SeverityNumber): TRACE 1-4, DEBUG 5-8, INFO 9-12, WARN 13-16, ERROR 17-20, FATAL 21-24.
 * Pure: any thread. */
#ifndef SCHEMA_FACTS_H
#define SCHEMA_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACTS_LEVEL_MAX 24

struct facts {
    int64_t time_ns; /* since 1970-01-01 UTC; has_time */
    bool has_time;
    uint8_t level; /* 1 to FACTS_LEVEL_MAX; 0: none was found */
};

struct facts_rules;
/* The keys that the usual clients write; numbers of levels are told apart by magnitude. */
extern const struct facts_rules facts_rules_usual;

/* Of a record that is known to be one JSON object.  Reads these bytes only. */
void facts_of_record(const uint8_t *record, size_t size, const struct facts_rules *rules,
                     struct facts *facts);

/* What a person or a client writes: "2026-11-24T07:30:00.123+01:00", "2026-11-24 07:30:00,123",
 * "1764000000", "1764000000.5".  0, or ERR_INVALID (port/error.h). */
int time_parse(const char *text, size_t size, int64_t *ns);
/* "warn", "WARNING", "Error", "17": 0, or ERR_INVALID. */
int level_parse(const char *text, size_t size, uint8_t *level);
/* "trace", "debug", "info", "warn", "error", "fatal"; "" for 0. */
const char *level_name(uint8_t level);

#endif
