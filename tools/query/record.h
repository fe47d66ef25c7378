/* record.h - a line that is read once: one pass validates it and lists its members, and whatever is
 * wanted of it (facts, canonical fields, values at paths) is looked up in the list.  Pure, but for
 * memory: see allocate.h. */
#ifndef TOOLS_QUERY_RECORD_H
#define TOOLS_QUERY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "tools/query/fields.h"

/* Members that are listed; a line with more is searched by fields.h. */
#define RECORD_MEMBERS_MAX 1024

enum record_kind {
    RECORD_OBJECT,
    RECORD_VALUE, /* another JSON value */
    RECORD_TEXT,  /* no JSON */
    RECORD_BLANK, /* only white space */
};

/* One per thread; starts as all zero. */
struct record {
    enum record_kind kind;
    struct value value;  /* RECORD_OBJECT, RECORD_VALUE: without white space around it */
    const uint8_t *next; /* the next line */
    /* Private. */
    struct json_members members; /* of RECORD_OBJECT */
    bool listed;                 /* all of them, and no name is written with escapes */
    struct facts_memory memory;
};

/* Reads the line at `text`; text_end is after a newline, and JSON_PADDING bytes are readable after
 * it.  What is found of the record points into the line. */
void record_read(struct record *record, const uint8_t *text, const uint8_t *text_end);
/* Takes a line for an object although it is not valid: for lines of segments, which hold what the
 * daemon has validated.  Invalid JSON gives arbitrary results, nothing worse. */
void record_trust(struct record *record, const uint8_t *line, size_t size);
void record_close(struct record *record);

/* Of RECORD_OBJECT: as facts_of_record. */
void record_facts(struct record *record, const struct facts_rules *rules, struct facts *facts);
/* Of RECORD_OBJECT: json_names_look for each member of the object.  False: it has too many members;
 * nothing was found. */
bool record_look(const struct record *record, const struct json_names *names,
                 struct json_found *found);

/* Dotted paths, compiled once; shared by threads. */
struct record_paths;
/* The texts must outlive them. */
struct record_paths *record_paths_open(const struct value_path *paths, uint32_t count);
void record_paths_close(struct record_paths *paths); /* NULL: does nothing */
/* Of RECORD_OBJECT: as values_find, for all paths at once. */
void record_find(const struct record *record, const struct record_paths *paths,
                 struct value *found);

#endif
