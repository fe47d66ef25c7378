/* resources.h - the targets of references: the schemas of all documents by URI and anchor, and the
 * vocabularies of each.  Used while a schema is compiled, by one thread. */
#ifndef SCHEMA_RULES_RESOURCES_H
#define SCHEMA_RULES_RESOURCES_H

#include "schema/rules/document.h"
#include "schema/rules/keywords.h"
#include "schema/rules/meta.h"

/* A schema with a URI of its own: a document's root or a schema with $id.  Numbered from 1. */
struct resource {
    const char *uri; /* absolute, no fragment */
    struct document *document;
    struct value *root;
    uint32_t vocabularies;
    uint32_t meta; /* the resource that $schema names; 0: the standard meta-schema */
};

struct identifier {
    uint32_t owner; /* an anchor's resource; 0: the name is a URI */
    uint32_t resource;
    const char *name;
    size_t size;
    struct value *value;
    bool dynamic;
};

struct resources {
    struct arena *arena;
    struct schema_problem *problem; /* filled when anything here returns ERR_INVALID */
    struct document *documents[SCHEMA_SOURCES_MAX + META_SOURCES];
    size_t document_count;
    struct resource *resources;
    uint32_t count, room;
    struct identifier *identifiers; /* a hash table, a power of two */
    size_t identifier_count, identifier_room;
    uint64_t steps;  /* steps spent on following references */
    bool meta_given; /* the built-in documents have been added */
};

/* The target of a reference. */
struct target {
    struct document *document;
    struct value *value;
    /* The $dynamicAnchor that the reference names, in the arena; NULL: none. */
    const char *dynamic;
};

/* Reads the documents, of which the first is the main one, and finds all URIs and anchors. */
int resources_open(struct resources *resources, const struct schema_source *sources, size_t count);
/* Adds the built-in documents, once. */
int resources_add_meta(struct resources *resources);
/* Makes a schema of a value at a place that no keyword uses, because a reference leads to it. */
int resources_adopt(struct resources *resources, struct document *document, struct value *value);
/* The resource that a value belongs to. */
struct resource *resources_of(const struct resources *resources, const struct document *document,
                              const struct value *value);
/* Follows a $ref or $dynamicRef; `reference` is its value. */
int resources_follow(struct resources *resources, struct document *document,
                     const struct value *reference, struct target *target);
/* The schema with this $dynamicAnchor in a resource, or NULL. */
struct value *resources_dynamic(const struct resources *resources, uint32_t resource,
                                const char *name);
/* number: from 1. */
static inline struct resource *resources_at(const struct resources *resources, uint32_t number) {
    return &resources->resources[number - 1];
}

#endif
