/* resources.c - walks the documents through the keywords of 2020-12 that contain schemas, and
 * stores each $id, $anchor and $dynamicAnchor.  Values elsewhere (in const, enum or an unknown
 * keyword) are not searched until a reference leads to them. */
#include "schema/rules/resources.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/text.h"
#include "schema/rules/uri_reference.h"

/* Limit of all references together, in members visited: about a second. */
#define STEPS_MAX (UINT64_C(1) << 27)

static int add_document(struct resources *resources, const struct schema_source *source,
                        bool built_in);
static int add_root(struct resources *resources, struct document *document, bool built_in);
static int find_vocabularies(struct resources *resources, uint32_t number);
static int read_vocabulary(struct resources *resources, struct resource *resource,
                           const struct resource *meta);
static int scan(struct resources *resources, struct document *document, struct value *value,
                uint32_t number);
static int scan_name(struct resources *resources, struct document *document,
                     const struct value *name, struct value *value, uint32_t number, bool dynamic);
static int scan_id(struct resources *resources, struct document *document, struct value *value,
                   const struct value *id, uint32_t *number);
static int add_resource(struct resources *resources, const struct resource *resource,
                        uint32_t *number);
static int add_identifier(struct resources *resources, const struct identifier *identifier);
static struct identifier *find(const struct resources *resources, uint32_t owner, const char *name,
                               size_t size);

int resources_open(struct resources *resources, const struct schema_source *sources, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const int error = add_document(resources, &sources[i], false);
        if (error) return error;
        size += sources[i].size;
        struct document *document = resources->documents[i];
        if (size > SCHEMA_BYTES_MAX)
            return document_refuse(document, document->values, resources->problem,
                                   "the documents are too large: more than %u MiB together",
                                   SCHEMA_BYTES_MAX >> 20);
    }
    resources->documents[0]->is_main = true;
    /* Meta-schemas are found by their URI, so all roots are added before any vocabulary is read. */
    for (size_t i = 0; i < count; i++) {
        struct document *document = resources->documents[i];
        int error = find_vocabularies(resources, document->resource);
        if (!error) error = scan(resources, document, document->values, document->resource);
        if (error) return error;
    }
    return 0;
}

int resources_add_meta(struct resources *resources) {
    if (resources->meta_given) return 0;
    resources->meta_given = true;
    for (size_t i = 0; i < META_SOURCES; i++) {
        int error = add_document(resources, &meta_sources[i], true);
        if (error) return error;
        struct document *document = resources->documents[resources->document_count - 1];
        resources_at(resources, document->resource)->vocabularies = VOCABULARY_USUAL;
        error = scan(resources, document, document->values, document->resource);
        if (error) return error;
    }
    return 0;
}

static int add_document(struct resources *resources, const struct schema_source *source,
                        bool built_in) {
    struct document *document = arena_take(resources->arena, sizeof *document);
    if (!document) return ERR_NO_MEMORY;
    const int error = document_read(resources->arena, source, document, resources->problem);
    if (error) return error;
    resources->documents[resources->document_count++] = document;
    return add_root(resources, document, built_in);
}

/* The file name is a URI of the document, in addition to its $id. */
static int add_root(struct resources *resources, struct document *document, bool built_in) {
    char file[URI_BYTES_MAX], id[URI_BYTES_MAX], uri[URI_BYTES_MAX];
    struct value *root = document->values;
    const struct value *value = document_member(document, root, "$id");
    size_t size = 0;
    if (uri_of_file(document->name, file) || uri_resolve(file, "", 0, uri))
        return document_refuse(document, root, resources->problem, "the file's name is too long");
    struct identifier name = {.value = root};
    name.name = arena_copy(resources->arena, uri, strlen(uri), 1);
    name.size = strlen(uri);
    if (value && value->kind == KIND_STRING) {
        if (document_decode(document, value, id, sizeof id, &size) ||
            uri_resolve(file, id, size, uri))
            return document_refuse(document, value, resources->problem, "$id is too long");
    }
    const struct resource resource = {.uri = arena_copy(resources->arena, uri, strlen(uri), 1),
                                      .document = document,
                                      .root = root};
    if (!name.name || !resource.uri) return ERR_NO_MEMORY;
    const bool known = find(resources, 0, uri, strlen(uri)) != NULL;
    if (known && !built_in)
        return document_refuse(document, value ? value : root, resources->problem,
                               "another schema has the same $id: %s", uri);
    int error = add_resource(resources, &resource, &document->resource);
    root->resource = document->resource;
    name.resource = document->resource;
    /* Of two sources with the same file name, the first keeps it. */
    if (!error && !built_in && !find(resources, 0, name.name, name.size))
        error = add_identifier(resources, &name);
    return error;
}

/* ---- vocabularies ---- */

static int find_meta(struct resources *resources, const char *uri, struct identifier **out) {
    *out = find(resources, 0, uri, strlen(uri));
    if (*out || strncmp(uri, META_URI_PREFIX, sizeof META_URI_PREFIX - 1) != 0) return 0;
    const int error = resources_add_meta(resources);
    *out = find(resources, 0, uri, strlen(uri));
    return error;
}

/* Sets the vocabularies by the $schema of a resource's root.  Without one they are those of the
 * enclosing resource, or the standard ones. */
static int find_vocabularies(struct resources *resources, uint32_t number) {
    struct resource *resource = resources_at(resources, number);
    struct document *document = resource->document;
    const struct value *value = document_member(document, resource->root, "$schema");
    char text[URI_BYTES_MAX], uri[URI_BYTES_MAX];
    size_t size = 0;
    if (!resource->vocabularies) resource->vocabularies = VOCABULARY_USUAL;
    if (!value) return 0;
    if (value->kind != KIND_STRING)
        return document_refuse(document, value, resources->problem,
                               "$schema must be a string, not %s", kind_text(value->kind));
    if (document_decode(document, value, text, sizeof text, &size) ||
        uri_resolve(resource->uri, text, size, uri))
        return document_refuse(document, value, resources->problem, "$schema is too long");
    resource->meta = 0;
    resource->vocabularies = VOCABULARY_USUAL;
    if (strcmp(uri, META_SCHEMA_URI) == 0) return 0;
    if (strstr(uri, "://json-schema.org/draft-0") ||
        strstr(uri, "://json-schema.org/draft/2019-09/") ||
        strcmp(uri, "http://json-schema.org/schema") == 0)
        return document_refuse(document, value, resources->problem,
                               "unsupported draft of JSON Schema: %s (supported: %s)", uri,
                               META_SCHEMA_URI);
    struct identifier *meta;
    const int error = find_meta(resources, uri, &meta);
    if (error) return error;
    resource = resources_at(resources, number); /* the array may have moved */
    if (!meta || meta->value != resources_at(resources, meta->resource)->root)
        return document_refuse(document, value, resources->problem,
                               "$schema names %s, which is neither built in nor the $id of a "
                               "given schema",
                               uri);
    resource->meta = meta->resource;
    return read_vocabulary(resources, resource, resources_at(resources, meta->resource));
}

/* Reads a meta-schema's $vocabulary; without one, the standard vocabularies apply. */
static int read_vocabulary(struct resources *resources, struct resource *resource,
                           const struct resource *meta) {
    const struct document *document = meta->document;
    const struct value *vocabulary = document_member(document, meta->root, "$vocabulary");
    if (!vocabulary || vocabulary->kind != KIND_OBJECT) return 0;
    resource->vocabularies = VOCABULARY_CORE;
    for (uint32_t i = vocabulary->first; i != 0; i = document->values[i].next) {
        const struct value *member = &document->values[i];
        const char *name = document->text + member->name;
        const size_t size = member->name_end - member->name;
        const uint32_t bit = vocabulary_named(name, size);
        if (!bit && member->kind == KIND_BOOLEAN && value_is_true(document, member))
            return document_refuse(document, member, resources->problem,
                                   "the vocabulary %.*s is required but not supported",
                                   (int)(size > 200 ? 200 : size), name);
        resource->vocabularies |= bit;
    }
    return 0;
}

/* ---- names ---- */

static int scan_children(struct resources *resources, struct document *document,
                         const struct value *parent, uint32_t number) {
    for (uint32_t i = parent->first; i != 0; i = document->values[i].next) {
        const int error = scan(resources, document, &document->values[i], number);
        if (error) return error;
    }
    return 0;
}

/* Scans the schemas in a keyword's value if it has the right shape; if not, the compiler reports
 * it. */
static int scan_member(struct resources *resources, struct document *document, struct value *member,
                       uint32_t number) {
    const enum keyword keyword =
        keyword_named(document->text + member->name, member->name_end - member->name,
                      resources_at(resources, number)->vocabularies);
    switch (keyword_shape(keyword)) {
    case SHAPE_SCHEMA: return scan(resources, document, member, number);
    case SHAPE_SCHEMAS:
        if (member->kind != KIND_ARRAY) return 0;
        return scan_children(resources, document, member, number);
    case SHAPE_SCHEMA_MAP:
        if (member->kind != KIND_OBJECT) return 0;
        return scan_children(resources, document, member, number);
    default: return 0;
    }
}

/* The recursion is at most as deep as the document. */
static int scan(struct resources *resources, struct document *document, struct value *value,
                uint32_t number) {
    if (value->is_schema) return 0;
    value->is_schema = true;
    if (value->kind != KIND_OBJECT) return 0;
    const struct value *id = document_member(document, value, "$id");
    const struct value *anchor = document_member(document, value, "$anchor");
    const struct value *dynamic = document_member(document, value, "$dynamicAnchor");
    int error = 0;
    if (id && id->kind == KIND_STRING) error = scan_id(resources, document, value, id, &number);
    if (!error && anchor && anchor->kind == KIND_STRING)
        error = scan_name(resources, document, anchor, value, number, false);
    if (!error && dynamic && dynamic->kind == KIND_STRING)
        error = scan_name(resources, document, dynamic, value, number, true);
    for (uint32_t i = value->first; i != 0 && !error; i = document->values[i].next)
        error = scan_member(resources, document, &document->values[i], number);
    return error;
}

static int scan_id(struct resources *resources, struct document *document, struct value *value,
                   const struct value *id, uint32_t *number) {
    char text[URI_BYTES_MAX], uri[URI_BYTES_MAX];
    size_t size = 0;
    if (document_decode(document, id, text, sizeof text, &size) ||
        uri_resolve(resources_at(resources, *number)->uri, text, size, uri))
        return document_refuse(document, id, resources->problem, "$id is too long");
    if (uri_fragment(text, size) + 1 < size)
        return document_refuse(document, id, resources->problem,
                               "$id must have no fragment (use $anchor)");
    if (!uri_has_valid_characters(text, size))
        return document_refuse(document, id, resources->problem,
                               "$id is not a valid URI reference");
    if (value == document->values) return 0; /* done by add_root */
    if (find(resources, 0, uri, strlen(uri)))
        return document_refuse(document, id, resources->problem,
                               "another schema has the same $id: %s", uri);
    const struct resource *outer = resources_at(resources, *number);
    const struct resource resource = {.uri = arena_copy(resources->arena, uri, strlen(uri), 1),
                                      .document = document,
                                      .root = value,
                                      .vocabularies = outer->vocabularies,
                                      .meta = outer->meta};
    if (!resource.uri) return ERR_NO_MEMORY;
    int error = add_resource(resources, &resource, number);
    value->resource = *number;
    if (!error) error = find_vocabularies(resources, *number);
    return error;
}

static int scan_name(struct resources *resources, struct document *document,
                     const struct value *name, struct value *value, uint32_t number, bool dynamic) {
    char text[URI_BYTES_MAX];
    size_t size = 0;
    if (document_decode(document, name, text, sizeof text, &size))
        return document_refuse(document, name, resources->problem, "this name is too long");
    const struct identifier *known = find(resources, number, text, size);
    if (known && known->value == value) {
        /* $anchor and $dynamicAnchor with the same name in the same schema. */
        ((struct identifier *)known)->dynamic |= dynamic;
        return 0;
    }
    if (known)
        return document_refuse(document, name, resources->problem, "duplicate anchor %s", text);
    const struct identifier identifier = {.owner = number,
                                          .resource = number,
                                          .name = arena_copy(resources->arena, text, size, 1),
                                          .size = size,
                                          .value = value,
                                          .dynamic = dynamic};
    return identifier.name ? add_identifier(resources, &identifier) : ERR_NO_MEMORY;
}

int resources_adopt(struct resources *resources, struct document *document, struct value *value) {
    const struct resource *resource = resources_of(resources, document, value);
    return scan(resources, document, value, (uint32_t)(resource - resources->resources) + 1);
}

struct resource *resources_of(const struct resources *resources, const struct document *document,
                              const struct value *value) {
    while (!value->resource) /* the root has one */
        value = &document->values[value->parent];
    return resources_at(resources, value->resource);
}

/* ---- references ---- */

static int follow_fragment(struct resources *resources, const char *fragment, size_t size,
                           uint32_t number, struct target *target) {
    const struct resource *resource = resources_at(resources, number);
    target->document = resource->document;
    target->dynamic = NULL;
    if (size == 0 || fragment[0] == '/') {
        target->value =
            document_follow(resource->document, resource->root, fragment, size, &resources->steps);
        return 0;
    }
    const struct identifier *anchor = find(resources, number, fragment, size);
    target->value = anchor ? anchor->value : NULL;
    if (anchor && anchor->dynamic) target->dynamic = anchor->name;
    return 0;
}

int resources_follow(struct resources *resources, struct document *document,
                     const struct value *reference, struct target *target) {
    char text[URI_BYTES_MAX], uri[URI_BYTES_MAX], fragment[URI_BYTES_MAX];
    size_t size = 0;
    const struct resource *from = resources_of(resources, document, reference);
    if (document_decode(document, reference, text, sizeof text, &size) ||
        uri_resolve(from->uri, text, size, uri))
        return document_refuse(document, reference, resources->problem,
                               "this reference is too long");
    struct identifier *found;
    const int error = find_meta(resources, uri, &found);
    if (error) return error;
    if (!found)
        return document_refuse(document, reference, resources->problem,
                               "it refers to %s, which is neither built in nor the $id of a given "
                               "schema; nothing is fetched",
                               uri);
    const size_t hash = uri_fragment(text, size);
    const size_t fragment_size =
        hash < size ? uri_decode(text + hash + 1, size - hash - 1, fragment) : 0;
    follow_fragment(resources, fragment, fragment_size, found->resource, target);
    if (resources->steps > STEPS_MAX)
        return document_refuse(document, reference, resources->problem,
                               "resolving the references of this schema takes too many steps");
    if (!target->value)
        return document_refuse(document, reference, resources->problem,
                               "it refers to %.*s, which does not exist",
                               (int)(size > 200 ? 200 : size), text);
    return 0;
}

struct value *resources_dynamic(const struct resources *resources, uint32_t resource,
                                const char *name) {
    const struct identifier *anchor = find(resources, resource, name, strlen(name));
    return anchor && anchor->dynamic ? anchor->value : NULL;
}

/* ---- tables that grow ---- */

static int add_resource(struct resources *resources, const struct resource *resource,
                        uint32_t *number) {
    if (resources->count == resources->room) {
        const uint32_t room = resources->room ? resources->room * 2 : 16;
        struct resource *grown = arena_take(resources->arena, room * sizeof *grown);
        if (!grown) return ERR_NO_MEMORY;
        if (resources->count > 0)
            memcpy(grown, resources->resources, resources->count * sizeof *grown);
        resources->resources = grown;
        resources->room = room;
    }
    resources->resources[resources->count++] = *resource;
    *number = resources->count;
    const struct identifier identifier = {.resource = *number,
                                          .name = resource->uri,
                                          .size = strlen(resource->uri),
                                          .value = resource->root};
    /* Built in, and also given as a file: the file wins. */
    if (find(resources, 0, identifier.name, identifier.size)) return 0;
    return add_identifier(resources, &identifier);
}

static struct identifier *slot(const struct resources *resources, uint32_t owner, const char *name,
                               size_t size) {
    const size_t mask = resources->identifier_room - 1;
    size_t i = (size_t)(text_hash_decoded(name, size) + owner * 0x9E3779B97F4A7C15u);
    for (i &= mask;; i = (i + 1) & mask) { /* ends: a third of the slots are free */
        struct identifier *identifier = &resources->identifiers[i];
        if (!identifier->name) return identifier;
        if (identifier->owner == owner && identifier->size == size &&
            memcmp(identifier->name, name, size) == 0)
            return identifier;
    }
}

static struct identifier *find(const struct resources *resources, uint32_t owner, const char *name,
                               size_t size) {
    if (resources->identifier_room == 0) return NULL;
    struct identifier *identifier = slot(resources, owner, name, size);
    return identifier->name ? identifier : NULL;
}

static int add_identifier(struct resources *resources, const struct identifier *identifier) {
    if (resources->identifier_count + 1 > resources->identifier_room / 3 * 2) {
        const struct resources old = *resources;
        const size_t room = old.identifier_room ? old.identifier_room * 2 : 64;
        resources->identifiers = arena_take(resources->arena, room * sizeof *identifier);
        if (!resources->identifiers) {
            resources->identifiers = old.identifiers;
            return ERR_NO_MEMORY;
        }
        resources->identifier_room = room;
        for (size_t i = 0; i < old.identifier_room; i++) {
            const struct identifier *one = &old.identifiers[i];
            if (one->name) *slot(resources, one->owner, one->name, one->size) = *one;
        }
    }
    *slot(resources, identifier->owner, identifier->name, identifier->size) = *identifier;
    resources->identifier_count++;
    return 0;
}
