/* fields.h - reads the fields of a record in place: no tree, no allocation, numbers and duplicate
 * names as they were sent. (A tree would turn long integers into doubles and cut strings at
 * \u0000.) Pure: any thread. */
#ifndef TOOLS_QUERY_FIELDS_H
#define TOOLS_QUERY_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind {
    VALUE_OBJECT,
    VALUE_ARRAY,
    VALUE_STRING,
    VALUE_NUMBER,
    VALUE_TRUE,
    VALUE_FALSE,
    VALUE_NULL,
};

/* The text of a value, including its quotes or brackets. */
struct value {
    enum value_kind kind;
    const uint8_t *begin, *end;
};

struct member {
    const uint8_t *name, *name_end; /* between the quotes, escapes not decoded; NULL in an array */
    struct value value;
};

struct members {
    const uint8_t *next, *end;
    bool named;
};

/* These calls expect text that json_check_line (schema/json/json.h) found valid, without
 * surrounding white space.  For other text the result is unspecified, but nothing outside the text
 * is read. */
struct value value_of(const uint8_t *begin, const uint8_t *end);
/* Iterates over an object's members or an array's elements in order. */
struct members members_of(const struct value *value);
bool members_next(struct members *members, struct member *member);

/* Finds the value at a dotted path of names and, in arrays, numbers from 0. Names may contain dots:
 * a name that equals the whole rest of the path wins over names that are its beginning; of these
 * the last one that leads to a value wins.  Of duplicate names only the last one counts, as in most
 * programs.  Limit: VALUE_BEGINNINGS_MAX different names of one object that are beginnings. */
#define VALUE_BEGINNINGS_MAX 8
bool value_find(const struct value *root, const char *path, size_t size, struct value *found);
/* The same for several paths in one pass over the members; found[i].begin is NULL if there is no
 * value at paths[i]. */
struct value_path {
    const char *text;
    size_t size;
};
void values_find(const struct value *root, const struct value_path *paths, uint32_t count,
                 struct value *found);
bool name_equals(const struct member *member, const char *name, size_t size);

/* Decodes the next character of a string (from value.begin + 1 to value.end - 1, or of a name):
 * advances *p and writes at most 4 bytes; returns how many.  A lone surrogate becomes U+FFFD. *p <
 * end. */
size_t string_decode(const uint8_t **p, const uint8_t *end, uint8_t *bytes);

/* The text of a value, as far as it fits into `room` bytes: the decoded characters of a string, or
 * another value as it is written; invalid UTF-8 becomes U+FFFD.  Returns its size. */
size_t value_text(const struct value *value, uint8_t *text, size_t room);

#endif
