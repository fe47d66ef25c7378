/* compile.h - what the files of the compiler share.  One thread. */
#ifndef SCHEMA_RULES_COMPILE_H
#define SCHEMA_RULES_COMPILE_H

#include "schema/rules/program.h"
#include "schema/rules/resources.h"

/* A $dynamicRef whose target may change with where one comes from. */
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
    struct node **last; /* where the next node is linked */
    struct dynamic_reference *dynamic;
    size_t dynamic_count;
    struct unknown *unknown; /* the unknown keywords that have been named */
    size_t unknown_count;
};

/* The members of a schema by their keyword; NULL: not there. */
struct members {
    struct document *document;
    struct value *of[KEYWORDS];
};

/* The node of a schema, made if need be and then compiled later.  ERR_INVALID: it is none. */
int compile_schema(struct compiler *compiler, struct document *document, struct value *value,
                   struct node **node);
/* Fills in a node that compile_schema has made. */
int compile_node(struct compiler *compiler, struct node *node);
/* Is the value what the keyword wants? */
int check_shape(struct compiler *compiler, const struct document *document,
                const struct value *value, enum keyword keyword);
int compile_object(struct compiler *compiler, struct node *node, const struct members *members);
int compile_strings(struct compiler *compiler, struct node *node, const struct members *members);
int compile_numbers(struct compiler *compiler, struct node *node, const struct members *members);
int compile_choices(struct compiler *compiler, const struct document *document,
                    const struct value *list, bool one, const struct choices **out);
/* A regular expression, kept by the schema. */
int compile_pattern(struct compiler *compiler, const struct document *document,
                    const struct value *blame, const char *raw, size_t size,
                    const struct pattern **out);
/* SHAPE_COUNT's value, or SIZE_MAX where it is more. */
size_t count_of(const struct document *document, const struct value *value);
/* When all is compiled: circles are refused, and references that do nothing but refer cut out. */
int link_program(struct compiler *compiler);

#define REFUSE(compiler, document, value, ...)                                                     \
    document_refuse(document, value, (compiler)->problem, __VA_ARGS__)

#endif
