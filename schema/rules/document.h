/* document.h - a schema's text as a flat array of its values, each known by the bytes
 * that it has in the text: nothing is decoded, rounded or cut.
 * Pure but for the arena, in which a document lives; it never changes once read, but
 * for what the compiler notes at its values. */
#ifndef SCHEMA_RULES_DOCUMENT_H
#define SCHEMA_RULES_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/format.h"
#include "schema/json/arena.h"
#include "schema/json/json.h"
#include "schema/rules/schema.h"

#define DOCUMENT_VALUES_MAX (1u << 20)

/* What a value is, as bits. */
enum json_kind {
    KIND_NULL = 1,
    KIND_BOOLEAN = 2,
    KIND_NUMBER = 4,
    KIND_STRING = 8,
    KIND_ARRAY = 16,
    KIND_OBJECT = 32,
    KIND_ANY = 63,
};

struct node;
struct value {
    uint32_t begin, end;     /* its bytes in the text, a string's quotes included */
    uint32_t name, name_end; /* a member's name between its quotes; 0, 0 for others */
    uint32_t parent, next;   /* indexes; 0: none (the root, 0, is nobody's child) */
    uint32_t first, count;   /* what it contains */
    uint32_t position;       /* among its siblings, from 0 */
    uint8_t kind;            /* enum json_kind */
    bool is_schema;          /* noted by resources.c: stands where a schema stands */
    uint32_t resource;       /* of its own $id, from 1; 0: it has none */
    struct node *node;       /* noted by compile.c */
};

struct document {
    const char *name; /* a file, or the URI of what is built in */
    const char *text; /* a copy, JSON_PADDING behind it */
    uint32_t size;
    struct value *values;
    uint32_t count;
    bool is_main;
    uint32_t resource; /* what the root belongs to, from 1 */
};

/* ERR_INVALID: not JSON, or too large; the problem says where.  ERR_NO_MEMORY. */
int document_read(struct arena *arena, const struct schema_source *source,
                  struct document *document, struct schema_problem *problem);

static inline const char *value_text(const struct document *document, const struct value *value) {
    return document->text + value->begin;
}
static inline size_t value_size(const struct value *value) {
    return value->end - value->begin;
}
/* A string between its quotes. */
static inline const char *value_string(const struct document *document, const struct value *value) {
    return document->text + value->begin + 1;
}
static inline size_t value_string_size(const struct value *value) {
    return value->end - value->begin - 2;
}
static inline bool value_is_true(const struct document *document, const struct value *value) {
    return document->text[value->begin] == 't';
}

/* The member of that (decoded) name, or NULL. */
struct value *document_member(const struct document *document, const struct value *object,
                              const char *name);
/* The value that a JSON Pointer of decoded text leads to, or NULL.  What it costs is counted
 * in *steps. */
struct value *document_follow(const struct document *document, struct value *from,
                              const char *pointer, size_t size, uint64_t *steps);
/* The JSON Pointer of a value, cut to fit; returns its length. */
size_t document_pointer(const struct document *document, const struct value *value, char *out,
                        size_t size);
/* Fills in all of the problem; returns ERR_INVALID. */
int document_refuse(const struct document *document, const struct value *value,
                    struct schema_problem *problem, const char *format, ...) FORMATS(4, 5);
/* A string, decoded, with a zero behind it.  ERR_NAME_TOO_LONG: it does not fit. */
int document_decode(const struct document *document, const struct value *value, char *out,
                    size_t room, size_t *size);
/* "a string", "an object", "true"... */
const char *kind_text(uint8_t kind);

#endif
