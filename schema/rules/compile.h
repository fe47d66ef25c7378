/* compile.h - what the files of the compiler share.  All functions return 0, ERR_INVALID with
 * compiler->problem filled in, or ERR_NO_MEMORY.  One thread. */
#ifndef SCHEMA_RULES_COMPILE_H
#define SCHEMA_RULES_COMPILE_H

#include "schema/rules/program.h"
#include "schema/rules/resources.h"

/* A $dynamicRef whose target may depend on the dynamic scope. */
struct dynamic_reference {
    struct dynamic_reference *next;
    struct applicator *applicator;
    const char *name;
};

struct compiler {
    struct schema *schema;
    struct resources resources;
    const struct schema_options *options;
    struct schema_problem *problem;
    struct node **last; /* the link for the next node */
    struct dynamic_reference *dynamic;
    size_t dynamic_count;
    struct unknown *unknown; /* the unknown keywords already reported */
    size_t unknown_count;
};

/* The values of a schema object by keyword; NULL: not given. */
struct keyword_values {
    struct document *document;
    struct value *of[KEYWORDS];
};

/* The node of a schema; creates it if necessary, to be compiled later.  ERR_INVALID: not a
 * schema. */
int compile_schema(struct compiler *compiler, struct document *document, struct value *value,
                   struct node **node);
/* Compiles a node that compile_schema has created. */
int compile_node(struct compiler *compiler, struct node *node);
/* ERR_INVALID: the value does not have the shape that the keyword requires. */
int check_shape(struct compiler *compiler, const struct document *document,
                const struct value *value, enum keyword keyword);
int compile_object(struct compiler *compiler, struct node *node,
                   const struct keyword_values *values);
int compile_strings(struct compiler *compiler, struct node *node,
                    const struct keyword_values *values);
int compile_numbers(struct compiler *compiler, struct node *node,
                    const struct keyword_values *values);
int compile_choices(struct compiler *compiler, const struct document *document,
                    const struct value *list, bool one, const struct choices **out);
/* Compiles a regular expression; the schema owns it.  `blame`: the value that an error names. */
int compile_pattern(struct compiler *compiler, const struct document *document,
                    const struct value *blame, const char *raw, size_t size,
                    const struct pattern **out);
/* The value of a SHAPE_COUNT; SIZE_MAX if it is larger. */
size_t count_of(const struct document *document, const struct value *value);
/* The last pass: refuses cycles, removes nodes that are only references, and chooses the checks. */
int link_program(struct compiler *compiler);

#define REFUSE(compiler, document, value, ...)                                                     \
    document_refuse(document, value, (compiler)->problem, __VA_ARGS__)

#endif
