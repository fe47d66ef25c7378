/* canonical.h - the five fields that every record has under one name, whatever its shape: @time
 * @level @message @logger @stream.
 *
 * The names are written in lower case and win over a field of the record with the same name; such
 * a field is usually where the canonical one is found (@message and @level of hclog). @time and
 * @level are the record's facts (facts.h), and @stream is the stream that it is stored in.  Each of
 * @message and @logger is found at the first of its keys that has a text; keys are compared in any
 * case, and of one key that occurs several times the last one counts:
 *
 *   @message  message msg @m @message @mt (CLEF: its template, filled) RenderedMessage
 *             MessageTemplate short_message _msg textPayload log (a string) body body.stringValue
 *             fields.message jsonPayload.message event event.message full_message error.message
 *             err.message eventName, then verb with requestURI (k8s audit), request with status,
 *             and a method with a path or URI and a status (access logs).
 *             A list of byte values (journald) is decoded.
 *   @logger   logger logger_name loggerName log.logger @logger @module SourceContext
 *             Properties.SourceContext _logger _logger_name scope.name instrumentationScope.name
 *             SYSLOG_IDENTIFIER _SYSTEMD_UNIT eventSource component _syslog.app; and, each only
 *             next to keys that show its meaning: name (pid or levelname), channel (level_name),
 *             category (EventId or LogLevel), target (fields), facility (short_message).
 *
 * If `log` holds the text of a JSON object (Docker; schema/record/inner.h), the message, the logger
 * and, unless the record has them itself, the level and the time are found in that object.  A text
 * in any other member is not read as a record.  A line that is not an object is a message without
 * the other fields. */
#ifndef TOOLS_QUERY_CANONICAL_H
#define TOOLS_QUERY_CANONICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"
#include "tools/query/fields.h"
#include "tools/query/record.h"
#include "tools/query/text.h"

enum canonical_field {
    CANONICAL_TIME,
    CANONICAL_LEVEL,
    CANONICAL_MESSAGE,
    CANONICAL_LOGGER,
    CANONICAL_STREAM,
    CANONICAL_FIELDS
};

/* "@time" ... */
const char *canonical_name(enum canonical_field field);
/* Does the path name a canonical field? */
bool canonical_named(const char *path, size_t size, enum canonical_field *field);

/* Constant after canonical_open: shared by threads. */
struct canonical_rules {
    const struct facts_rules *facts;
    struct json_names names;
};
/* `facts` must outlive the rules. */
void canonical_open(struct canonical_rules *rules, const struct facts_rules *facts);

/* The values of the record from which a field was made. */
#define CANONICAL_PARTS_MAX 4
struct canonical_parts {
    uint32_t count;
    struct value list[CANONICAL_PARTS_MAX];
};

/* What is known of one record.  One per thread; starts as all zero. */
struct canonical {
    /* Set by the caller before canonical_read, if wanted. */
    const char *stream; /* NULL or "": it is in none */
    /* Members for which this returns true are ignored; `path` is dotted.  May be NULL. */
    bool (*ignores)(void *context, const uint8_t *path, size_t size);
    void *context;

    struct facts facts;           /* has_time, level: of @time and @level */
    struct value message, logger; /* JSON strings; begin NULL: none */
    struct value inner;           /* the JSON object in `log`; begin NULL: none */
    struct canonical_parts parts[CANONICAL_FIELDS];

    /* Private. */
    struct text message_text, inner_text, stream_text;
    char time_text[TIMESTAMP_TEXT_MAX + 16], level_text[sizeof "\"error\""];
};

/* Finds the canonical fields of a record, given without its newline.  The results point into the
 * record and into *c, until the next call. */
void canonical_read(struct canonical *c, const struct canonical_rules *rules, const uint8_t *record,
                    size_t size);
/* The same for a record that was read: RECORD_OBJECT. */
void canonical_read_record(struct canonical *c, const struct canonical_rules *rules,
                           const struct record *record);
/* The same for a line that is known to be no object. */
void canonical_read_text(struct canonical *c, const uint8_t *line, size_t size);
/* After canonical_read: the field as a JSON string with its quotes.  @time is RFC 3339 in UTC,
 * @level one of "trace" "debug" "info" "warn" "error" "fatal".  False: the record has none. */
bool canonical_value(struct canonical *c, enum canonical_field field, struct value *value);
void canonical_close(struct canonical *c);

#endif
