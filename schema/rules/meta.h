/* meta.h - the published meta-schema of draft 2020-12 and its vocabularies, built in. */
#ifndef SCHEMA_RULES_META_H
#define SCHEMA_RULES_META_H

#include "schema/rules/schema.h"

#define META_SCHEMA_URI "https://json-schema.org/draft/2020-12/schema"
#define META_URI_PREFIX "https://json-schema.org/draft/2020-12/"

/* The meta-schema, then the vocabularies that it refers to. */
#define META_SOURCES 9
extern const struct schema_source meta_sources[META_SOURCES];

#endif
