/* resources.h - what references may lead to: the schemas of all documents by their URIs and
 * anchors, and which vocabularies each of them is written in.
 * One thread, while a schema is compiled. */
#ifndef SCHEMA_RULES_RESOURCES_H
#define SCHEMA_RULES_RESOURCES_H

#include "schema/rules/document.h"
#include "schema/rules/keywords.h"
#include "schema/rules/meta.h"

/* A schema with a URI of its own: a document's root, or what has an $id.  Numbered from 1. */
struct resource {
    const char *uri; /* absolute, no fragment */
    struct document *document;
    struct value *root;
    uint32_t vocabularies;
    uint32_t meta; /* the resource that $schema names; 0: the usual meta-schema */
};

struct identifier {
    uint32_t owner; /* the resource that an anchor is in; 0: it is a URI */
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
    uint64_t steps;  /* what references have cost so far */
    bool meta_given; /* the built-in documents are among them */
};

/* Where a reference leads. */
struct target {
    struct document *document;
    struct value *value;
    /* It went by a name that $dynamicAnchor gave; the name, in the arena. */
    const char *dynamic;
};

/* Reads the documents, the first being the main one, and finds all that has a name. */
int resources_open(struct resources *resources, const struct schema_source *sources, size_t count);
/* Adds the built-in documents, once. */
int resources_add_meta(struct resources *resources);
/* What stands at a place where no schema is expected, but a reference leads: it is one now. */
int resources_adopt(struct resources *resources, struct document *document, struct value *value);
/* The resource that a value is part of. */
struct resource *resources_of(const struct resources *resources, const struct document *document,
                              const struct value *value);
/* Follows a $ref or $dynamicRef, whose value `reference` is. */
int resources_follow(struct resources *resources, struct document *document,
                     const struct value *reference, struct target *target);
/* The schema with that $dynamicAnchor in a resource, or NULL. */
struct value *resources_dynamic(const struct resources *resources, uint32_t resource,
                                const char *name);
static inline struct resource *resources_at(const struct resources *resources, uint32_t number) {
    return &resources->resources[number - 1];
}

#endif
