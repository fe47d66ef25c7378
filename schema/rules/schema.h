/* schema.h - JSON Schema, draft 2020-12, for log lines: a schema is compiled once,
 * and lines are checked against it, each with a verdict that a person can act on.
 *
 * The documents are read by our own scanner (schema/json/json.h), so that numbers and strings
 * are compared as they stand.  References resolve among the documents given and the
 * published 2020-12 meta-schemas, which are built in; nothing is ever fetched.
 *
 * A `const struct schema *` never changes and may be shared by threads; each thread
 * has a checker of its own, which is all the memory that a check uses. */
#ifndef SCHEMA_RULES_SCHEMA_H
#define SCHEMA_RULES_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_SOURCES_MAX       64
#define SCHEMA_BYTES_MAX         (16u << 20) /* of all documents together */
#define SCHEMA_FILE_BYTES_MAX    256
#define SCHEMA_POINTER_BYTES_MAX 256
#define SCHEMA_SENTENCE_MAX      320

struct schema;
struct schema_checker;

/* A document.  The bytes and the name are copied where they are kept; white space and
 * newlines may stand anywhere that JSON allows them. */
struct schema_source {
    const char *name; /* the file, for messages; without $id, its relative references start there */
    const char *text;
    size_t size;
};

/* What is wrong with a schema, or remarkable, and where. */
struct schema_problem {
    char file[SCHEMA_FILE_BYTES_MAX]; /* the source's name, cut to fit; "" if none is to blame */
    char pointer[SCHEMA_POINTER_BYTES_MAX]; /* JSON Pointer, "" for the whole document */
    uint32_t line, column;                  /* from 1; 0: not known */
    char sentence[SCHEMA_SENTENCE_MAX];     /* "minimum must be a number, not a string" */
};

struct schema_options {
    bool formats_asserted; /* `format` is checked, not only carried */
    /* Hears what is accepted but probably not meant: each unknown keyword, once.  May be NULL. */
    void (*warned)(void *context, const struct schema_problem *warning);
    void *context;
};

/* Compiles sources[0]; the others, if any, are what it may refer to by their $id (or
 * by their file name).  Every one of them is checked, needed or not.  `options` may be
 * NULL.  ERR_INVALID: *problem says where and why; ERR_NO_MEMORY: *problem is empty.  */
int schema_compile(const struct schema_source *sources, size_t count,
                   const struct schema_options *options, struct schema **out,
                   struct schema_problem *problem);
/* NULL is fine.  No checker may be using it. */
void schema_free(struct schema *schema);

/* "FILE:LINE:COLUMN: POINTER: SENTENCE", without what is not known; at most `size` bytes with
 * the zero at the end.  Returns `out`. */
const char *schema_problem_text(const struct schema_problem *problem, char *out, size_t size);

/* ---- checking ---- */

/* Where a line fails, and what it fails. */
struct schema_verdict {
    char instance[SCHEMA_POINTER_BYTES_MAX]; /* JSON Pointer into the line, "" for the whole */
    char schema
        [SCHEMA_POINTER_BYTES_MAX]; /* "#/properties/status/maximum"; FILE or URI before # when not sources[0] */
    char sentence[SCHEMA_SENTENCE_MAX]; /* "700 is greater than the maximum 599" */
};

/* A verdict's longest text, as schema_verdict_text writes it. */
#define SCHEMA_VERDICT_BYTES_MAX (SCHEMA_POINTER_BYTES_MAX + SCHEMA_SENTENCE_MAX + 4)

/* One thread's scratch, for lines of at most line_bytes_max bytes.  The schema must outlive
 * it.  ERR_NO_MEMORY. */
int schema_checker_make(const struct schema *schema, size_t line_bytes_max,
                        struct schema_checker **out);
/* NULL is fine. */
void schema_checker_free(struct schema_checker *checker);
/* What schema_checker_make allocates. */
size_t schema_checker_bytes(const struct schema *schema, size_t line_bytes_max);

/* True: the line holds.  The line is one JSON value that schema/json/json.h has accepted, as it stands in
 * its text: no white space before it, white space or a newline behind it, and JSON_PADDING bytes from
 * there on that can be read.  Allocates nothing.  false: *verdict says why (verdict may be
 * NULL).  A line that would take too many steps, or is longer than line_bytes_max, fails too, and the
 * verdict says that. */
bool schema_check(struct schema_checker *checker, const char *line, size_t size,
                  struct schema_verdict *verdict);

/* "/http/status: 700 is greater than the maximum 599"; "the record: ..." for the whole line.
 * At most `size` bytes with the zero at the end.  Returns `out`. */
const char *schema_verdict_text(const struct schema_verdict *verdict, char *out, size_t size);

#endif
