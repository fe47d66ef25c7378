/* compile.c - from documents to a program: reads the documents, compiles each of their schemas
 * once, links the program, and validates the documents against their meta-schemas. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/rules/compile.h"

/* Each $dynamicRef has a table of all resources. */
#define DYNAMIC_MAX (1u << 20)

static int compile_program(const struct schema_source *sources, size_t count, const char *root,
                           const struct schema_options *options, struct schema **out,
                           struct schema_problem *problem);
static int compile_documents(struct compiler *compiler, const char *root);
static int compile_waiting(struct compiler *compiler, struct node **next);
static int compile_dynamic_targets(struct compiler *compiler);
static int table_dynamic(struct compiler *compiler);
static int note_metas(struct compiler *compiler, size_t count);
static int validate_documents(const struct schema *schema, const struct schema_source *sources,
                              size_t count, struct schema_problem *problem);

int schema_compile(const struct schema_source *sources, size_t count,
                   const struct schema_options *options, struct schema **out,
                   struct schema_problem *problem) {
    static const struct schema_options usual = {0};
    assert(count > 0);
    *out = NULL;
    *problem = (struct schema_problem){0};
    if (count > SCHEMA_SOURCES_MAX) {
        snprintf(problem->sentence, sizeof problem->sentence,
                 "too many schemas: %zu; the maximum is %d", count, SCHEMA_SOURCES_MAX);
        return ERR_INVALID;
    }
    int error = compile_program(sources, count, NULL, options ? options : &usual, out, problem);
    if (!error) error = validate_documents(*out, sources, count, problem);
    if (!error) return 0;
    schema_free(*out);
    *out = NULL;
    return error;
}

void schema_free(struct schema *schema) {
    if (!schema) return;
    for (size_t i = 0; i < schema->pattern_count; i++)
        pattern_free(schema->patterns[i]);
    struct arena arena = schema->arena; /* the schema lives in it */
    arena_free(&arena);
}

/* root: the URI of the schema to validate with; NULL: the first source. */
static int compile_program(const struct schema_source *sources, size_t count, const char *root,
                           const struct schema_options *options, struct schema **out,
                           struct schema_problem *problem) {
    struct arena arena = {0};
    struct schema *schema = arena_take(&arena, sizeof *schema);
    if (!schema) return ERR_NO_MEMORY;
    schema->arena = arena;
    struct compiler compiler = {.schema = schema,
                                .resources = {.arena = &schema->arena, .problem = problem},
                                .options = options,
                                .problem = problem,
                                .last = &schema->nodes};
    int error = resources_open(&compiler.resources, sources, count);
    if (!error) error = compile_documents(&compiler, root);
    if (!error) error = link_program(&compiler);
    if (!error) error = note_metas(&compiler, count);
    if (error)
        schema_free(schema);
    else
        *out = schema;
    return error;
}

/* Compiles all given documents, used or not; of the built-in ones, what is referred to. */
static int compile_documents(struct compiler *compiler, const char *root) {
    struct resources *resources = &compiler->resources;
    const size_t given = resources->document_count;
    int error = root ? resources_add_meta(resources) : 0;
    for (size_t i = 0; i < given && !error; i++) {
        struct document *document = resources->documents[i];
        struct node *node;
        if (!document->values->resource) continue;
        error = compile_schema(compiler, document, document->values, &node);
    }
    if (error) return error;
    struct node *waiting = compiler->schema->nodes;
    compiler->schema->root = resources->documents[0]->values->node;
    for (uint32_t i = 1; root && i <= resources->count && !error; i++) {
        const struct resource *resource = resources_at(resources, i);
        if (strcmp(resource->uri, root) != 0) continue;
        error =
            compile_schema(compiler, resource->document, resource->root, &compiler->schema->root);
        root = NULL;
    }
    /* Possible targets of a $dynamicRef add schemas, which may contain others.  Ends, because each
     * value of the documents is compiled once. */
    for (struct node **last = NULL; !error && last != compiler->last;) {
        error = compile_waiting(compiler, &waiting);
        last = compiler->last;
        if (!error) error = compile_dynamic_targets(compiler);
    }
    return error ? error : table_dynamic(compiler);
}

/* *next: the first node that is not compiled yet. */
static int compile_waiting(struct compiler *compiler, struct node **next) {
    struct node *done = NULL;
    for (struct node *node = *next; node; node = node->next) {
        if (node->color == 0) {
            node->color = 1;
            const int error = compile_node(compiler, node);
            if (error) return error;
        }
        done = node;
    }
    if (done) *next = done;
    return 0;
}

static int compile_dynamic_targets(struct compiler *compiler) {
    struct resources *resources = &compiler->resources;
    if (compiler->dynamic_count * resources->count > DYNAMIC_MAX) {
        const struct document *document = resources->documents[0];
        return REFUSE(compiler, document, document->values,
                      "too many $dynamicRef (%zu) and $id (%u): their product must be at most %u",
                      compiler->dynamic_count, (unsigned)resources->count, DYNAMIC_MAX);
    }
    for (struct dynamic_reference *one = compiler->dynamic; one; one = one->next) {
        for (uint32_t i = 1; i <= resources->count; i++) {
            struct value *value = resources_dynamic(resources, i, one->name);
            struct node *node;
            const int error =
                value ? compile_schema(compiler, resources_at(resources, i)->document, value, &node)
                      : 0;
            if (error) return error;
        }
    }
    return 0;
}

/* A name that only one schema has always leads there and needs no table. */
static int table_dynamic(struct compiler *compiler) {
    struct resources *resources = &compiler->resources;
    for (struct dynamic_reference *one = compiler->dynamic; one; one = one->next) {
        struct node **table =
            arena_take(&compiler->schema->arena, resources->count * sizeof *table);
        if (!table) return ERR_NO_MEMORY;
        uint32_t found = 0;
        for (uint32_t i = 1; i <= resources->count; i++) {
            struct value *value = resources_dynamic(resources, i, one->name);
            if (!value) continue;
            table[i - 1] = value->node;
            found++;
        }
        if (found < 2) continue;
        one->applicator->dynamic = table;
        compiler->schema->dynamic = true;
    }
    return 0;
}

/* ---- validating the documents against their meta-schemas ---- */

static int note_metas(struct compiler *compiler, size_t count) {
    const struct resources *resources = &compiler->resources;
    const char **metas = arena_take(&compiler->schema->arena, count * sizeof *metas);
    if (!metas) return ERR_NO_MEMORY;
    compiler->schema->metas = metas;
    for (size_t i = 0; i < count; i++) {
        const uint32_t meta = resources_at(resources, resources->documents[i]->resource)->meta;
        if (meta) metas[i] = resources_at(resources, meta)->uri;
    }
    return 0;
}

static int validate_document(const struct schema *meta, const struct schema_source *source,
                             struct schema_problem *problem) {
    struct schema_checker *checker;
    struct schema_verdict verdict;
    struct document document;
    struct arena arena = {0};
    int error = document_read(&arena, source, &document, problem);
    if (!error) error = schema_checker_make(meta, document.size, &checker);
    if (!error) {
        const struct value *root = document.values;
        if (!schema_check(checker, document.text + root->begin, value_size(root), &verdict)) {
            uint64_t steps = 0;
            const struct value *blamed = document_follow(
                &document, document.values, verdict.instance, strlen(verdict.instance), &steps);
            error = document_refuse(&document, blamed ? blamed : root, problem,
                                    "the meta-schema does not allow it: %s", verdict.sentence);
        }
        schema_checker_free(checker);
    }
    arena_free(&arena);
    return error;
}

static int validate_documents(const struct schema *schema, const struct schema_source *sources,
                              size_t count, struct schema_problem *problem) {
    static const struct schema_options usual = {0};
    struct schema *meta;
    int error = compile_program(meta_sources, META_SOURCES, NULL, &usual, &meta, problem);
    if (error) return error;
    for (size_t i = 0; i < count && !error; i++) {
        if (!schema->metas[i]) {
            error = validate_document(meta, &sources[i], problem);
            continue;
        }
        struct schema *other;
        error = compile_program(sources, count, schema->metas[i], &usual, &other, problem);
        if (error) break;
        error = validate_document(other, &sources[i], problem);
        schema_free(other);
    }
    schema_free(meta);
    return error;
}

/* ---- messages ---- */

const char *schema_problem_text(const struct schema_problem *problem, char *out, size_t size) {
    char place[64] = "";
    if (problem->line > 0)
        snprintf(place, sizeof place, ":%u:%u", (unsigned)problem->line, (unsigned)problem->column);
    snprintf(out, size, "%s%s%s%s%s%s", problem->file, place, problem->file[0] ? ": " : "",
             problem->pointer, problem->pointer[0] ? ": " : "", problem->sentence);
    return out;
}
