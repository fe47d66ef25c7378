/* schema.h - JSON Schema, draft 2020-12, for log lines: a schema is compiled once, then lines are
 * validated; an invalid line gets a verdict that says where and why.
 *
 * Documents are read by our own scanner (schema/json/json.h), so that numbers and strings are
 * compared exactly.  References resolve among the given documents and the published 2020-12
 * meta-schemas, which are built in; nothing is ever fetched.
 *
 * A `const struct schema *` is immutable and may be shared by threads; each thread needs a checker
 * of its own, which holds all memory that validation uses. */
#ifndef SCHEMA_RULES_SCHEMA_H
#define SCHEMA_RULES_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_SOURCES_MAX       64
#define SCHEMA_BYTES_MAX         (16u << 20) /* all documents together */
#define SCHEMA_FILE_BYTES_MAX    256
#define SCHEMA_POINTER_BYTES_MAX 256
#define SCHEMA_SENTENCE_MAX      320

struct schema;
struct schema_checker;

/* A document; the caller may free it after the call.  May contain newlines wherever JSON allows
 * white space. */
struct schema_source {
    const char *name; /* file name, for messages; the base of relative references without $id */
    const char *text;
    size_t size;
};

/* An error in a schema, or a warning, and its place. */
struct schema_problem {
    char file[SCHEMA_FILE_BYTES_MAX];       /* the source's name, truncated; "": no source */
    char pointer[SCHEMA_POINTER_BYTES_MAX]; /* JSON Pointer, "" for the whole document */
    uint32_t line, column;                  /* from 1; 0: unknown */
    char sentence[SCHEMA_SENTENCE_MAX];     /* "minimum must be a number, not a string" */
};

struct schema_options {
    bool formats_asserted; /* `format` is checked; false: only an annotation */
    /* Called for each unknown keyword, once per name.  May be NULL. */
    void (*warned)(void *context, const struct schema_problem *warning);
    void *context;
};

/* Compiles sources[0]; it may refer to the other sources by their $id or file name.  All sources
 * are checked, used or not.  `options` may be NULL.  The caller frees *out with schema_free.
 * ERR_INVALID: *problem says where and why; ERR_NO_MEMORY: *problem is empty. */
int schema_compile(const struct schema_source *sources, size_t count,
                   const struct schema_options *options, struct schema **out,
                   struct schema_problem *problem);
/* NULL is allowed.  Free its checkers first. */
void schema_free(struct schema *schema);

/* Writes "FILE:LINE:COLUMN: POINTER: SENTENCE" without the unknown parts; at most `size` bytes with
 * the terminating zero.  Returns `out`. */
const char *schema_problem_text(const struct schema_problem *problem, char *out, size_t size);

/* ---- validation ---- */

/* Where and why a line is invalid. */
struct schema_verdict {
    char instance[SCHEMA_POINTER_BYTES_MAX]; /* JSON Pointer into the line, "" for the whole */
    /* "#/properties/status/maximum"; before the #, FILE or URI unless it is sources[0]. */
    char schema[SCHEMA_POINTER_BYTES_MAX];
    char sentence[SCHEMA_SENTENCE_MAX]; /* "700 is greater than the maximum 599" */
};

/* A verdict's longest text, as schema_verdict_text writes it. */
#define SCHEMA_VERDICT_BYTES_MAX (SCHEMA_POINTER_BYTES_MAX + SCHEMA_SENTENCE_MAX + 4)

/* One thread's scratch memory, for lines of at most line_bytes_max bytes.  The schema must outlive
 * it.  ERR_NO_MEMORY; ERR_TOO_LARGE: line_bytes_max needs more than 32 bits. */
int schema_checker_make(const struct schema *schema, size_t line_bytes_max,
                        struct schema_checker **out);
/* NULL is allowed. */
void schema_checker_free(struct schema_checker *checker);
/* The bytes that schema_checker_make allocates. */
size_t schema_checker_bytes(const struct schema *schema, size_t line_bytes_max);

/* True: the line is valid.  False: *verdict says why (verdict may be NULL).  The line is one JSON
 * value that schema/json/json.h has accepted, in its text: no white space before it, white space or
 * a newline after it, and JSON_PADDING readable bytes from there on.  A line that takes too many
 * steps or is longer than line_bytes_max is invalid, too.  Allocates nothing. */
bool schema_check(struct schema_checker *checker, const char *line, size_t size,
                  struct schema_verdict *verdict);

/* Writes "/http/status: 700 is greater than the maximum 599", or "the record: ..." for the whole
 * line; at most `size` bytes with the terminating zero.  Returns `out`. */
const char *schema_verdict_text(const struct schema_verdict *verdict, char *out, size_t size);

#endif
