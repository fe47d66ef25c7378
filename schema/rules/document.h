/* document.h - a schema's text as a flat array of its values.  Each value refers to its bytes in
 * the text; nothing is decoded or rounded.
 *
 * A document lives in an arena.  Once read it changes only in the fields that the compiler sets.
 * One thread. */
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

/* The kind of a value, as a bit. */
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
    uint32_t begin, end;     /* its bytes in the text, with a string's quotes */
    uint32_t name, name_end; /* a member's name between its quotes; 0, 0 for others */
    uint32_t parent, next;   /* indexes; 0: none, as the root (0) is not a child */
    uint32_t first, count;   /* its children: the first one's index, and how many */
    uint32_t position;       /* among its siblings, from 0 */
    uint8_t kind;            /* enum json_kind */
    bool is_schema;          /* set by resources.c: it is at a place of a schema */
    uint32_t resource;       /* the resource of its own $id, from 1; 0: none */
    struct node *node;       /* set by compile_node.c */
};

struct document {
    const char *name; /* file name, or the URI of a built-in document */
    const char *text; /* a copy, followed by JSON_PADDING bytes */
    uint32_t size;
    struct value *values;
    uint32_t count;
    bool is_main;
    uint32_t resource; /* the root's resource, from 1 */
};

/* Copies and reads a source.  ERR_INVALID: not JSON, or too large; *problem says where.
 * ERR_NO_MEMORY. */
int document_read(struct arena *arena, const struct schema_source *source,
                  struct document *document, struct schema_problem *problem);

static inline const char *value_text(const struct document *document, const struct value *value) {
    return document->text + value->begin;
}
static inline size_t value_size(const struct value *value) {
    return value->end - value->begin;
}
/* A string's raw text, without its quotes. */
static inline const char *value_string(const struct document *document, const struct value *value) {
    return document->text + value->begin + 1;
}
static inline size_t value_string_size(const struct value *value) {
    return value->end - value->begin - 2;
}
static inline bool value_is_true(const struct document *document, const struct value *value) {
    return document->text[value->begin] == 't';
}

/* The member with this (decoded) name, or NULL. */
struct value *document_member(const struct document *document, const struct value *object,
                              const char *name);
/* The value that a JSON Pointer (decoded text) refers to, or NULL.  Adds the members visited to
 * *steps. */
struct value *document_follow(const struct document *document, struct value *from,
                              const char *pointer, size_t size, uint64_t *steps);
/* Writes the JSON Pointer of a value, truncated to `size`; returns its length. */
size_t document_pointer(const struct document *document, const struct value *value, char *out,
                        size_t size);
/* Fills in all of the problem; returns ERR_INVALID. */
int document_refuse(const struct document *document, const struct value *value,
                    struct schema_problem *problem, const char *format, ...) FORMATS(4, 5);
/* Decodes a string into `out`, with a terminating zero.  ERR_NAME_TOO_LONG: it may not fit. */
int document_decode(const struct document *document, const struct value *value, char *out,
                    size_t room, size_t *size);
/* "a string", "an object", "true"... */
const char *kind_text(uint8_t kind);

#endif
