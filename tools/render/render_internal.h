/* render_internal.h - what render.c and the files of its formats share.  Included
 * by no other. */
#ifndef TOOLS_RENDER_RENDER_INTERNAL_H
#define TOOLS_RENDER_RENDER_INTERNAL_H

#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"
#include "tools/query/fields.h"
#include "tools/render/render.h"

/* Bytes that grow; kept from record to record. */
struct text {
    uint8_t *bytes;
    size_t used, room;
};

void text_add(struct text *text, const void *bytes, size_t size);
void text_add_text(struct text *text, const char *more);
void text_add_byte(struct text *text, uint8_t byte);
/* A JSON string with its quotes; what is no UTF-8 becomes U+FFFD. */
void text_add_json_string(struct text *text, const uint8_t *bytes, size_t size);

struct path {
    const char *text;
    size_t size;
};
struct paths {
    struct path *list;
    uint32_t count;
    size_t size_max; /* of the longest */
};

/* What stands at the beginning of a pretty line and in the first columns of CSV: time
 * and level as facts, and where the four were found, so that they are not printed twice. */
enum head_part { HEAD_TIME, HEAD_LEVEL, HEAD_LOGGER, HEAD_MESSAGE, HEAD_PARTS };
struct head {
    int64_t time_ns;
    uint8_t level; /* 1 to 24, as OpenTelemetry counts them */
    bool has[HEAD_PARTS];
    struct value value[HEAD_PARTS];
};

/* The moments within which the local zone's distance from UTC is known to be the same. */
struct zone_span {
    int64_t from_s, to_s;
    int32_t offset_s;
};

struct render_parts {
    struct text record; /* a copy, padded as json_check_line wants it */
    struct text line;   /* what will be printed of it */
    struct text path;   /* of the field that is being written */
    struct text plain;  /* a string, decoded */
    struct paths fields, hide;
    struct zone_span zone;
    const struct facts_rules *facts; /* what tells time and level */
    const char *style;               /* the colour that is on in the line, or "" */
};

/* ---- render.c ---- */

/* The bytes that a string value means; in parts->plain until the next call. */
void decode_string(struct render_parts *parts, const uint8_t *inside, const uint8_t *inside_end);
/* Extends parts->path by a member's name, or by an element's number; *before is what
 * path_leave wants. */
void path_enter(struct render_parts *parts, const struct member *member, uint64_t number,
                size_t *before);
void path_leave(struct render_parts *parts, size_t before);
/* Is the field at parts->path one that --hide names? */
bool path_hidden(const struct render_parts *parts);
/* The value as JSON, without what is hidden; top level: also without what is in the head,
 * unless that is NULL. */
void write_json(struct render_parts *parts, const struct value *value, const struct head *head);

/* ---- head.c ---- */

/* A part that is hidden is not found. */
void head_find(struct render_parts *parts, const struct value *root, struct head *head);
bool head_holds(const struct head *head, const struct value *value);
/* RFC 3339, with a Z or the local zone's distance. */
const char *head_time(struct render *render, int64_t time_ns, char *text);
/* "ERROR"; "" of none. */
const char *head_level(uint8_t level);

/* ---- the formats: into parts->line, with the newline ---- */

/* root NULL: the record is no object, but this text. */
void render_pretty(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size);
void render_csv(struct render *render, const struct value *root, const uint8_t *text, size_t size);
void render_logfmt(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size);

#endif
