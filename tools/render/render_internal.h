/* render_internal.h - shared by render.c and the files of the formats; private to them. */
#ifndef TOOLS_RENDER_RENDER_INTERNAL_H
#define TOOLS_RENDER_RENDER_INTERNAL_H

#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"
#include "tools/query/canonical.h"
#include "tools/query/fields.h"
#include "tools/query/record.h"
#include "tools/query/text.h"
#include "tools/render/render.h"

struct path {
    const char *text;
    size_t size;
    bool canonical, found; /* found: a printed record has this field */
    enum canonical_field field;
};
struct paths {
    struct path *list;
    struct value_path *texts; /* of the same paths */
    struct record_paths *compiled;
    struct value *values; /* --fields: of the record being printed */
    uint32_t count;
    size_t size_max; /* length of the longest path */
};

/* A period in which the offset from UTC is constant. */
struct zone_span {
    int64_t from_s, to_s;
    int32_t offset_s;
};

/* The widths of the columns of pretty lines; 0: none has had this field yet. */
struct layout {
    uint32_t time, level, stream, logger;
};

struct held_record {
    size_t begin, end; /* in held_text; end SIZE_MAX: a separator */
    enum render_kind kind;
    char *stream;
    const struct facts_rules *facts;
};

#define HELD_MAX       256
#define HELD_BYTES_MAX (256u << 10)

struct render_parts {
    struct record record; /* being printed */
    struct text copy;     /* of its line, with the padding that record_read needs */
    struct text line;     /* the output line */
    struct text path;     /* path of the field being written */
    struct text plain;    /* a decoded string */
    struct text blocks;   /* pretty: the fields that have several lines */
    struct paths fields, hide;
    const struct zone *zone; /* NULL: the system's local zone */
    struct zone_span zone_span;
    struct canonical_rules rules; /* how time, level, message and logger are found */
    struct canonical record_fields;
    bool reads_fields; /* the format or an option needs record_fields */
    uint32_t left_out; /* bits of the canonical fields whose parts are not printed again */
    uint32_t shown;    /* bits of the canonical fields that pretty lines begin with */
    const char *style; /* the active color, or "" */
    bool bom, safe_cells;
    /* Pretty. */
    struct layout layout;
    uint32_t columns; /* of the terminal; 0: do not wrap */
    bool several_streams, released;
    char *stream; /* of the record being printed; one of `streams` */
    char **streams;
    uint32_t stream_count;
    struct text held_text;
    struct held_record held[HELD_MAX];
    uint32_t held_count;
    /* For the report of names that no record has. */
    struct text seen; /* paths, each with a zero after it */
    uint64_t printed;
    bool reported; /* missing_report has reported the names */
};

#define FIELD_BIT(field) (UINT32_C(1) << (field))

/* ---- render.c ---- */

/* Before the first record is printed: the names of the columns of CSV. */
void render_begin(struct render *render);
/* render_lines for lines that all end in a newline, with JSON_PADDING readable bytes after the last
 * one. */
void render_padded(struct render *render, const uint8_t *lines, size_t size);

/* Decodes the inside of a string into parts->plain, which stays valid until the next call. */
void decode_string(struct render_parts *parts, const uint8_t *inside, const uint8_t *inside_end);
/* Extends parts->path by the member's name or the element's number; pass *before to path_leave. */
void path_enter(struct render_parts *parts, const struct member *member, uint64_t number,
                size_t *before);
void path_leave(struct render_parts *parts, size_t before);
/* Does --hide name the field at parts->path? */
bool path_hidden(struct render_parts *parts);
/* Writes the value as JSON without hidden fields and without parts of fields in `left_out`. */
void write_json(struct render_parts *parts, const struct value *value, uint32_t left_out);
/* Finds the field of --fields; canonical ones as text, with @time in the zone that is shown. */
bool find_chosen(struct render *render, struct path *path, const struct value *root,
                 struct value *value);

/* ---- head.c ---- */

/* Is the value a part of one of these canonical fields? */
bool head_holds(const struct render_parts *parts, uint32_t fields, const struct value *value);
/* Is the value, or something inside it, such a part? */
bool head_touches(const struct render_parts *parts, uint32_t fields, const struct value *value);
/* Is it the text that holds the inner record? */
bool head_has_inner(const struct render_parts *parts, const struct value *value);
/* RFC 3339, with Z or the UTC offset of the zone that is shown. */
const char *head_time(struct render *render, int64_t time_ns, char *text);
/* "ERROR"; "" if there is none. */
const char *head_level(uint8_t level);

/* ---- flat.c ---- */

typedef void emit_function(struct render *render, const struct value *value);

/* Calls `emit` for each field that is not an object, with its name in parts->path, except the parts
 * of fields in `left_out`; with --fields only for these, in their order. */
void flatten_chosen(struct render *render, const struct value *root, uint32_t left_out,
                    emit_function *emit);
/* For each field of the record. */
void flatten_every(struct render *render, const struct value *root, emit_function *emit);
/* Writes the value to parts->plain: a string without its quotes, anything else as JSON. */
void plain_value(struct render_parts *parts, const struct value *value);
bool wants_quotes(const struct text *text);

/* ---- pretty lines: line.c ---- */

/* Makes the columns wide enough for the record whose fields were read. */
void line_measure(struct render *render);

/* ---- names that no record has: missing.c ---- */

/* After a record was printed. */
void missing_look(struct render *render, const struct value *root);
void missing_report(struct render_parts *parts);
/* Does missing_look need no further records to find similar names? */
bool missing_is_known(const struct render_parts *parts);

/* ---- the formats: into parts->line, with the newline ---- */

void csv_names(struct render_parts *parts);
/* root NULL: the record is not an object; print the text. */
void render_pretty(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size);
void render_csv(struct render *render, const struct value *root, const uint8_t *text, size_t size);
void render_logfmt(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size);

#endif
