/* render_internal.h - shared by render.c and the files of the formats; private to them. */
#ifndef TOOLS_RENDER_RENDER_INTERNAL_H
#define TOOLS_RENDER_RENDER_INTERNAL_H

#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"
#include "tools/query/fields.h"
#include "tools/query/text.h"
#include "tools/render/render.h"

struct path {
    const char *text;
    size_t size;
};
struct paths {
    struct path *list;
    uint32_t count;
    size_t size_max; /* length of the longest path */
};

/* The beginning of a pretty line and the first columns of CSV: time and level, and where all four
 * parts were found, so that they are not printed twice. */
enum head_part { HEAD_TIME, HEAD_LEVEL, HEAD_LOGGER, HEAD_MESSAGE, HEAD_PARTS };
struct head {
    int64_t time_ns;
    uint8_t level; /* OpenTelemetry's severity numbers, 1 to 24 */
    bool has[HEAD_PARTS];
    struct value value[HEAD_PARTS];
};

/* A period in which the offset from UTC is constant. */
struct zone_span {
    int64_t from_s, to_s;
    int32_t offset_s;
};

struct render_parts {
    struct text record; /* a copy with the padding that json_check_line needs */
    struct text line;   /* the output line */
    struct text path;   /* path of the field being written */
    struct text plain;  /* a decoded string */
    struct paths fields, hide;
    const struct zone *zone; /* NULL: the system's local zone */
    struct zone_span zone_span;
    const struct facts_rules *facts; /* the rules for time and level */
    const char *style;               /* the active color, or "" */
};

/* ---- render.c ---- */

/* Decodes the inside of a string into parts->plain, which stays valid until the next call. */
void decode_string(struct render_parts *parts, const uint8_t *inside, const uint8_t *inside_end);
/* Extends parts->path by the member's name or the element's number; pass *before to path_leave. */
void path_enter(struct render_parts *parts, const struct member *member, uint64_t number,
                size_t *before);
void path_leave(struct render_parts *parts, size_t before);
/* Does --hide name the field at parts->path? */
bool path_hidden(const struct render_parts *parts);
/* Writes the value as JSON without hidden fields and, unless head is NULL, without the fields in
 * it. */
void write_json(struct render_parts *parts, const struct value *value, const struct head *head);

/* ---- head.c ---- */

/* Does not find hidden parts. */
void head_find(struct render_parts *parts, const struct value *root, struct head *head);
bool head_holds(const struct head *head, const struct value *value);
/* RFC 3339, with Z or the UTC offset of the zone that is shown. */
const char *head_time(struct render *render, int64_t time_ns, char *text);
/* "ERROR"; "" if there is none. */
const char *head_level(uint8_t level);

/* ---- the formats: into parts->line, with the newline ---- */

/* root NULL: the record is not an object; print the text. */
void render_pretty(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size);
void render_csv(struct render *render, const struct value *root, const uint8_t *text, size_t size);
void render_logfmt(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size);

#endif
