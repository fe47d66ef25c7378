/* member.h - goes from member to member of an object in JSON text that json.h has accepted, without
 * reading a byte after the text's end.  Pure: any thread. */
#ifndef SCHEMA_JSON_MEMBER_H
#define SCHEMA_JSON_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "schema/json/ascii.h"
#include "schema/json/bounded.h"

struct json_pair {
    const uint8_t *name, *value, *end; /* name: after its opening quote; end: of the value */
    size_t name_size;                  /* as it is written: escapes are not decoded */
};

static inline const uint8_t *json_space_end(const uint8_t *p, const uint8_t *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* NULL: there is no value. */
static inline const uint8_t *json_value_end(const uint8_t *p, const uint8_t *end) {
    if (p == end) return NULL;
    if (*p == '"') return bounded_string_end(p + 1, end);
    if (*p == '{' || *p == '[') return bounded_container_end(p, end);
    while (p < end && *p != ',' && *p != '}' && *p != ']' && *p > ' ')
        p++;
    return p;
}

/* Reads the member after the object's '{' or a ','; moves *at to the byte after it and white space.
 * False: there is none. */
static inline bool json_next_pair(const uint8_t **at, const uint8_t *end, struct json_pair *pair) {
    if (*at == end || (**at != '{' && **at != ',')) return false;
    const uint8_t *p = json_space_end(*at + 1, end);
    if (p == end || *p != '"') return false;
    pair->name = p + 1;
    p = bounded_string_end(p + 1, end);
    if (p == NULL) return false;
    pair->name_size = (size_t)(p - pair->name) - 1;
    p = json_space_end(p, end);
    if (p == end || *p != ':') return false;
    pair->value = json_space_end(p + 1, end);
    p = json_value_end(pair->value, end);
    if (p == NULL) return false;
    pair->end = p;
    *at = json_space_end(p, end);
    return true;
}

/* A byte of a name, decoded, if it is one of ASCII, otherwise NUL; moves *at after it. */
static inline uint8_t json_name_byte(const uint8_t **at, const uint8_t *end) {
    char text[6];
    const size_t size = **at != '\\' ? 1 : end - *at >= 6 ? 6 : (size_t)(end - *at);
    memcpy(text, *at, size);
    if (size > 1 && ascii_decode(text, size) != 1) return '\0';
    *at += size;
    return (uint8_t)text[0];
}

/* Is this the name, which is of ASCII, however it is written? */
static inline bool json_name_is(const struct json_pair *pair, const char *name) {
    const uint8_t *at = pair->name, *const end = at + pair->name_size;
    while (at < end && *name != '\0' && json_name_byte(&at, end) == (uint8_t)*name)
        name++;
    return at == end && *name == '\0';
}

#endif
