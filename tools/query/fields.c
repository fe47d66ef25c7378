/* fields.c - see fields.h. */
#include "tools/query/fields.h"

#include <string.h>

#include "schema/json/bounded.h"
#include "tools/query/text.h"

/* ---- values and their extent ---- */

static const uint8_t *skip_blank(const uint8_t *p, const uint8_t *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

/* *p is the opening quote; returns the byte after the closing one. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end) {
    const uint8_t *const after = bounded_string_end(p + 1, end);
    return after != NULL ? after : end;
}

/* *p is the opening bracket; returns the byte after the closing one. */
static const uint8_t *container_end(const uint8_t *p, const uint8_t *end) {
    const uint8_t *const after = bounded_container_end(p, end);
    return after != NULL ? after : end;
}

static const uint8_t *scalar_end(const uint8_t *p, const uint8_t *end) {
    const uint8_t *const begin = p;
    while (p<end && * p> ' ' && *p != ',' && *p != ']' && *p != '}')
        p++;
    return p > begin || p == end ? p : p + 1;
}

struct value value_of(const uint8_t *begin, const uint8_t *end) {
    struct value value = {VALUE_NULL, begin, end};
    if (begin == end) return value;
    switch (*begin) {
    case '{': value.kind = VALUE_OBJECT; break;
    case '[': value.kind = VALUE_ARRAY; break;
    case '"': value.kind = VALUE_STRING; break;
    case 't': value.kind = VALUE_TRUE; break;
    case 'f': value.kind = VALUE_FALSE; break;
    case 'n': break;
    default: value.kind = VALUE_NUMBER;
    }
    if (value.kind == VALUE_OBJECT || value.kind == VALUE_ARRAY)
        value.end = container_end(begin, end);
    else if (value.kind == VALUE_STRING)
        value.end = string_end(begin, end);
    else
        value.end = scalar_end(begin, end);
    return value;
}

struct members members_of(const struct value *value) {
    struct members members = {value->end, value->end, value->kind == VALUE_OBJECT};
    if (value->kind == VALUE_OBJECT || value->kind == VALUE_ARRAY) members.next = value->begin + 1;
    return members;
}

bool members_next(struct members *members, struct member *member) {
    const uint8_t *p = skip_blank(members->next, members->end), *const end = members->end;
    if (p < end && *p == ',') p = skip_blank(p + 1, end);
    if (p == end || *p == '}' || *p == ']') return false;
    member->name = member->name_end = NULL;
    if (members->named) {
        const uint8_t *const next = *p == '"' ? string_end(p, end) : p + 1;
        member->name = p + 1;
        member->name_end = next > p + 1 ? next - 1 : next;
        p = skip_blank(next, end);
        if (p < end && *p == ':') p = skip_blank(p + 1, end);
    }
    member->value = value_of(p, end);
    members->next = member->value.end;
    return true;
}

/* ---- strings ---- */

static uint32_t hex4(const uint8_t *p) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        /* Digits are 0x30.., letters 0x41.. and 0x61..: letters need 9 more. */
        code = code << 4 | (uint32_t)((p[i] & 15) + (p[i] >> 6) * 9);
    }
    return code;
}

static size_t utf8_write(uint32_t code, uint8_t *bytes) {
    if (code < 0x80) {
        bytes[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | code >> 6);
        bytes[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | code >> 12);
        bytes[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    bytes[0] = (uint8_t)(0xf0 | code >> 18);
    bytes[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* *p is after the u. */
static uint32_t decode_unicode(const uint8_t **p, const uint8_t *end) {
    const uint8_t *q = *p;
    if (end - q < 4) {
        *p = end;
        return 0xfffd;
    }
    uint32_t code = hex4(q);
    q += 4;
    if (code >= 0xd800 && code < 0xdc00 && end - q >= 6 && q[0] == '\\' && q[1] == 'u') {
        const uint32_t low = hex4(q + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
            q += 6;
        }
    }
    *p = q;
    return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
}

size_t string_decode(const uint8_t **p, const uint8_t *end, uint8_t *bytes) {
    const uint8_t first = *(*p)++;
    bytes[0] = first;
    if (first != '\\' || *p == end) return 1;
    const uint8_t escape = *(*p)++;
    switch (escape) {
    case 'b': bytes[0] = '\b'; return 1;
    case 'f': bytes[0] = '\f'; return 1;
    case 'n': bytes[0] = '\n'; return 1;
    case 'r': bytes[0] = '\r'; return 1;
    case 't': bytes[0] = '\t'; return 1;
    case 'u': return utf8_write(decode_unicode(p, end), bytes);
    default: bytes[0] = escape; return 1; /* " \ and / stand for themselves */
    }
}

/* ---- names and paths ---- */

/* How many bytes of `text` the name matches; SIZE_MAX: it differs or is longer. */
static size_t name_matched(const struct member *member, const char *text, size_t size) {
    const uint8_t *p = member->name, *const end = member->name_end;
    size_t matched = 0;
    for (; p < end && *p != '\\'; p++, matched++) /* most names have no escapes */
        if (matched == size || *p != (uint8_t)text[matched]) return SIZE_MAX;
    while (p < end) { /* p rises by a character */
        uint8_t bytes[4];
        const size_t more = string_decode(&p, end, bytes);
        if (size - matched < more || memcmp(text + matched, bytes, more) != 0) return SIZE_MAX;
        matched += more;
    }
    return matched;
}

bool name_equals(const struct member *member, const char *name, size_t size) {
    const size_t raw_size = (size_t)(member->name_end - member->name);
    if (member->name == NULL || raw_size < size)
        return false; /* escapes are longer than what they stand for */
    if (memchr(member->name, '\\', raw_size) != NULL)
        return name_matched(member, name, size) == size;
    return raw_size == size && memcmp(member->name, name, size) == 0;
}

/* The same for an array element, whose name is its number. */
static size_t number_matched(uint64_t number, const char *text, size_t size) {
    uint64_t sum = 0;
    size_t i = 0;
    while (i < size && i < 18 && text[i] >= '0' && text[i] <= '9')
        sum = sum * 10 + (uint64_t)(text[i++] - '0');
    return i > 0 && sum == number ? i : SIZE_MAX;
}

/* A member whose name is the beginning of the path, up to a dot. */
struct beginning {
    size_t matched;
    struct value value;
};

/* Remembers the last member of each such name, in order of the first ones. */
static void remember(struct beginning *beginnings, uint32_t *count, size_t matched,
                     const struct value *value) {
    uint32_t i = 0;
    while (i < *count && beginnings[i].matched != matched)
        i++;
    if (i == VALUE_BEGINNINGS_MAX) return;
    beginnings[i] = (struct beginning){matched, *value};
    if (i == *count) ++*count;
}

/* What is known of one path while the members are passed. */
struct search {
    uint32_t count;
    bool whole;
    struct beginning beginnings[VALUE_BEGINNINGS_MAX];
};

static inline void look(struct search *search, const struct member *member, uint64_t number,
                        const char *path, size_t size, struct value *found) {
    const size_t matched = member->name != NULL ? name_matched(member, path, size)
                                                : number_matched(number, path, size);
    if (matched == size) {
        *found = member->value;
        search->whole = true;
    } else if (matched < size && path[matched] == '.' && !search->whole) {
        remember(search->beginnings, &search->count, matched, &member->value);
    }
}

/* Recursion: at most once per dot of the path. */
static bool look_inside(struct search *search, const char *path, size_t size, struct value *found) {
    while (!search->whole && search->count > 0) {
        const struct beginning *const last = &search->beginnings[--search->count];
        search->whole =
            value_find(&last->value, path + last->matched + 1, size - last->matched - 1, found);
    }
    return search->whole;
}

bool value_find(const struct value *root, const char *path, size_t size, struct value *found) {
    struct members members = members_of(root);
    struct member member;
    struct search search;
    search.count = 0;
    search.whole = false;
    for (uint64_t number = 0; members_next(&members, &member); number++)
        look(&search, &member, number, path, size, found);
    return look_inside(&search, path, size, found);
}

#define PATHS_AT_ONCE 16

void values_find(const struct value *root, const struct value_path *paths, uint32_t count,
                 struct value *found) {
    struct search searches[PATHS_AT_ONCE];
    const uint32_t now = count < PATHS_AT_ONCE ? count : PATHS_AT_ONCE;
    struct members members = members_of(root);
    struct member member;
    for (uint32_t i = 0; i < now; i++) {
        searches[i].count = 0;
        searches[i].whole = false;
    }
    for (uint64_t number = 0; members_next(&members, &member); number++)
        for (uint32_t i = 0; i < now; i++)
            look(&searches[i], &member, number, paths[i].text, paths[i].size, &found[i]);
    for (uint32_t i = 0; i < now; i++)
        if (!look_inside(&searches[i], paths[i].text, paths[i].size, &found[i]))
            found[i].begin = NULL;
    if (count > now) values_find(root, paths + now, count - now, found + now);
}

/* How many bytes are ASCII and no backslash; may stop up to seven bytes too early. */
static size_t plain_size(const uint8_t *p, const uint8_t *end) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    const uint8_t *const begin = p;
    for (; end - p >= 8; p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        const uint64_t differs = word ^ ones * '\\'; /* a byte is 0 where there is a backslash */
        if (((word | ((differs - ones) & ~differs)) & highs) != 0) break;
    }
    return (size_t)(p - begin);
}

size_t value_text(const struct value *value, uint8_t *text, size_t room) {
    const bool string = value->kind == VALUE_STRING && value->end - value->begin >= 2;
    const uint8_t *p = value->begin + string, *const end = value->end - string;
    size_t size = 0;
    if (room < 4) return 0;
    size = plain_size(p, (size_t)(end - p) < room - 3 ? end : p + room - 3);
    memcpy(text, p, size);
    p += size;
    while (p < end && size + 4 <= room) {
        const size_t character = utf8_character(p, end);
        if (string && *p == '\\') {
            size += string_decode(&p, end, text + size);
        } else if (character > 0) {
            memcpy(text + size, p, character);
            size += character;
            p += character;
        } else {
            memcpy(text + size, "\xEF\xBF\xBD", 3);
            size += 3;
            p++;
        }
    }
    return size;
}
