/* json.h - validates records: is this line one JSON value (RFC 8259)?
 *
 * Strict: no leading zeros, no control characters in strings, UTF-8 without overlong forms,
 * surrogates and code points above U+10FFFF (RFC 3629), at most JSON_DEPTH_MAX levels.  A lone
 * surrogate written as an escape (\ud800) is valid syntax and accepted, and so are duplicate names
 * (ijson.h rejects both).  One pass, no tree, no allocation.  Pure: any thread. */
#ifndef SCHEMA_JSON_JSON_H
#define SCHEMA_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 256

/* Why a record is invalid: constant, name, sentence.  Names are stored in quarantine and used in
 * counters: never change them. */
#define JSON_REASON_TABLE(X)                                                                       \
    X(JSON_NOT_OBJECT, "not_object", "the top level is not an object")                             \
    X(JSON_UNEXPECTED, "unexpected", "a character that JSON does not allow here")                  \
    X(JSON_TRUNCATED, "truncated", "the line ends before the value does")                          \
    X(JSON_TRAILING, "trailing", "extra text after the value")                                     \
    X(JSON_BAD_LITERAL, "bad_literal", "a word other than true, false or null")                    \
    X(JSON_BAD_NUMBER, "bad_number", "not a valid JSON number")                                    \
    X(JSON_BAD_ESCAPE, "bad_escape", "not a valid JSON escape")                                    \
    X(JSON_CONTROL, "control_character", "a raw control character in a string")                    \
    X(JSON_BAD_UTF8, "bad_utf8", "invalid UTF-8")                                                  \
    X(JSON_TOO_DEEP, "too_deep", "nested too deeply")                                              \
    /* Only if I-JSON is required (ijson.h). */                                                    \
    X(JSON_DUPLICATE_NAME, "duplicate_name", "a duplicate name in the object")                     \
    X(JSON_SURROGATE, "lone_surrogate", "a lone surrogate, which is not a character")              \
    X(JSON_NONCHARACTER, "noncharacter", "a code point that is not a character")                   \
    X(JSON_NUMBER_RANGE, "number_range", "a number below -(2^53-1) or above 2^53-1")               \
    X(JSON_TOO_MANY_NAMES, "too_many_names", "too many names to check for duplicates")

enum json_reason {
    JSON_OK,
    JSON_BLANK, /* only white space: not a record */
#define X(name, text, sentence) name,
    JSON_REASON_TABLE(X)
#undef X
        JSON_REASONS
};

struct json_line {
    const uint8_t *next;  /* after the newline: the start of the next line */
    const uint8_t *begin; /* the record without surrounding white space (RFC 8259 section 2) */
    const uint8_t *end;
    enum json_reason reason;
    const uint8_t *bad; /* the offending byte; `end` if JSON_TRUNCATED; not set if valid */
};

/* So many bytes after the text must be readable; their values do not matter. */
#define JSON_PADDING 64

/* Validates the line at `text`; line->next is set for invalid lines, too.  Requires text <
 * text_end, text_end[-1] == '\n' and JSON_PADDING readable bytes after it; the text may hold many
 * lines.  A line that ends before its value does is JSON_TRUNCATED wherever that happens, inside a
 * string, too.  any: the top level need not be an object. */
void json_check_line(const uint8_t *text, const uint8_t *text_end, bool any,
                     struct json_line *line);

/* Names to find at the top level of an object, at most JSON_NAMES_MAX; in any case of the letters A
 * to Z, unless exact.  Length and first byte rule out most names of a record. */
#define JSON_NAMES_MAX      64
#define JSON_NAME_BYTES_MAX 31
struct json_name {
    char text[JSON_NAME_BYTES_MAX + 1]; /* in lower case unless exact; padded with zeros */
    uint16_t size;                      /* 1 .. JSON_NAME_BYTES_MAX */
    bool exact;                         /* found in exactly this case */
};
struct json_names {
    struct json_name names[JSON_NAMES_MAX];
    uint32_t count;
    /* Bit n: name n has this size; name n begins with a byte that ends in these five bits, which
     * are the same for both cases of a letter. */
    uint64_t of_size[JSON_NAME_BYTES_MAX + 1], of_first[32];
};
/* Bit n of mask: name n was found, and its value begins at value[n], in the line.  The last one
 * counts if the name occurs several times. */
struct json_found {
    uint64_t mask;
    const uint8_t *value[JSON_NAMES_MAX];
};

/* Copies the name; size is 1 .. JSON_NAME_BYTES_MAX. */
void json_names_add(struct json_names *names, const char *text, uint32_t size, bool exact);
/* Compares one name of an object, as json_check_line_names does with each: for other parsers. */
void json_names_look(const struct json_names *names, const uint8_t *name, size_t size,
                     const uint8_t *value, struct json_found *found);
/* json_check_line that also finds names; *found is valid only if the line is. */
void json_check_line_names(const uint8_t *text, const uint8_t *text_end, bool any,
                           const struct json_names *names, struct json_line *line,
                           struct json_found *found);

/* A name of a line, and its value. */
struct json_member {
    const uint8_t *name, *value; /* after the opening quote; where the value begins */
    uint32_t name_size;          /* as it is written: escapes are not decoded */
    uint32_t depth;              /* containers around it: 1 for a member of the outermost object */
};
/* All names of a line, at every depth, in their order.  `list` and `room` are the caller's. */
struct json_members {
    struct json_member *list;
    uint32_t room, count; /* count > room: only the first ones are listed */
    bool escapes;         /* false: no string of the line contains a backslash */
};
/* json_check_line that also lists the members, for programs that look for many; *members is valid
 * only if the line is. */
void json_check_line_members(const uint8_t *text, const uint8_t *text_end, bool any,
                             struct json_line *line, struct json_members *members);
/* What json_check_line_names would have found; *members is complete. */
void json_members_look(const struct json_members *members, const struct json_names *names,
                       struct json_found *found);

/* The implementations, for tests that compare them; the calls above use the fastest that the CPU
 * supports.  An unsupported one is replaced by the next simpler one.  names may be NULL: found is
 * not touched then. */
enum json_method { JSON_PLAIN, JSON_VECTORS, JSON_MARKS };
void json_check_line_by(enum json_method method, const uint8_t *text, const uint8_t *text_end,
                        bool any, const struct json_names *names, struct json_line *line,
                        struct json_found *found);
void json_check_line_members_by(enum json_method method, const uint8_t *text,
                                const uint8_t *text_end, bool any, struct json_line *line,
                                struct json_members *members);

const char *json_reason_name(enum json_reason reason);
const char *json_reason_sentence(enum json_reason reason);

/* True if the bytes are UTF-8 (RFC 3629). */
bool utf8_valid(const uint8_t *bytes, size_t size);

#endif
