/* json_checks.h - validates lines in tests: with every method of json.h, which must agree, and with
 * a slow reference, written independently of schema/json/json.c from RFC 8259 and RFC 3629.
 * Include it after cmocka.h. */
#ifndef TESTS_UNIT_JSON_CHECKS_H
#define TESTS_UNIT_JSON_CHECKS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/json.h"

/* ---- the reference: bounds everywhere, recursion, code points as numbers ---- */

struct cursor {
    const uint8_t *p, *end;
    int depth;
};

static inline bool reference_value(struct cursor *c);

static inline void reference_space(struct cursor *c) {
    while (c->p < c->end && memchr(" \t\r\n", *c->p, 4) != NULL)
        c->p++;
}

static inline bool reference_byte(struct cursor *c, char byte) {
    if (c->p == c->end || *c->p != (uint8_t)byte) return false;
    c->p++;
    return true;
}

static inline size_t reference_digits(struct cursor *c) {
    const uint8_t *begin = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
        c->p++;
    return (size_t)(c->p - begin);
}

/* The number of bytes of the code point at p, 0 if there is none. */
static inline size_t reference_code_point(const uint8_t *p, size_t size) {
    if (size == 0) return 0;
    if (p[0] < 0x80) return 1;
    const size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC0 || p[0] > 0xF7 || size < length) return 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code = p[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (p[i] / 64 != 2) return 0;
        code = code * 64 + p[i] % 64;
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
    return length;
}

static inline bool reference_string(struct cursor *c) {
    if (!reference_byte(c, '"')) return false;
    while (c->p < c->end) {
        if (reference_byte(c, '"')) return true;
        if (reference_byte(c, '\\')) {
            if (c->p == c->end) return false;
            if (*c->p == 'u') {
                for (int i = 1; i <= 4; i++) {
                    if (c->p + i >= c->end) return false;
                    if (strchr("0123456789abcdefABCDEF", c->p[i]) == NULL || c->p[i] == 0)
                        return false;
                }
                c->p += 5;
            } else if (*c->p != 0 && strchr("\"\\/bfnrt", *c->p) != NULL) {
                c->p++;
            } else {
                return false;
            }
            continue;
        }
        const size_t length = reference_code_point(c->p, (size_t)(c->end - c->p));
        if (length == 0 || *c->p < 0x20) return false;
        c->p += length;
    }
    return false;
}

static inline bool reference_number(struct cursor *c) {
    reference_byte(c, '-');
    if (!reference_byte(c, '0') && reference_digits(c) == 0) return false;
    if (reference_byte(c, '.') && reference_digits(c) == 0) return false;
    if (reference_byte(c, 'e') || reference_byte(c, 'E')) {
        if (!reference_byte(c, '+')) reference_byte(c, '-');
        if (reference_digits(c) == 0) return false;
    }
    return true;
}

static inline bool reference_container(struct cursor *c, bool object) {
    if (++c->depth > JSON_DEPTH_MAX) return false;
    const char closer = object ? '}' : ']';
    c->p++;
    reference_space(c);
    if (!reference_byte(c, closer)) {
        do {
            reference_space(c);
            if (object && !reference_string(c)) return false;
            reference_space(c);
            if (object && !reference_byte(c, ':')) return false;
            if (!reference_value(c)) return false;
        } while (reference_byte(c, ','));
        if (!reference_byte(c, closer)) return false;
    }
    c->depth--;
    return true;
}

static inline bool reference_value(struct cursor *c) {
    reference_space(c);
    if (c->p == c->end) return false;
    bool good = false;
    static const char *const literals[] = {"true", "false", "null"};
    for (int i = 0; i < 3 && !good; i++) {
        const size_t length = strlen(literals[i]);
        good = (size_t)(c->end - c->p) >= length && memcmp(c->p, literals[i], length) == 0;
        if (good) c->p += length;
    }
    if (!good) {
        good = *c->p == '{'   ? reference_container(c, true)
               : *c->p == '[' ? reference_container(c, false)
               : *c->p == '"' ? reference_string(c)
                              : reference_number(c);
    }
    reference_space(c);
    return good;
}

static inline bool reference_good(const uint8_t *text, size_t size, bool any) {
    struct cursor c = {text, text + size, 0};
    reference_space(&c);
    if (!any && (c.p == c.end || *c.p != '{')) return false;
    return reference_value(&c) && c.p == c.end;
}

/* ---- validating ---- */

struct verdict {
    enum json_reason reason;
    size_t next, begin, end, bad;
};

static inline void show(const uint8_t *text, size_t size) {
    char escaped[4096];
    size_t length = 0;
    for (size_t i = 0; i < size && length < sizeof escaped - 8; i++) {
        const bool plain = text[i] >= 0x20 && text[i] < 0x7F;
        length += (size_t)snprintf(escaped + length, 8, plain ? "%c" : "<%02X>", text[i]);
    }
    escaped[length] = '\0';
    print_error("line: %s\n", escaped);
}

static const char *const method_names[] = {
    [JSON_PLAIN] = "plain", [JSON_VECTORS] = "vectors", [JSON_MARKS] = "marks"};

static inline bool same_found(const struct json_found *a, const struct json_found *b) {
    if (a->mask != b->mask) return false;
    for (uint64_t mask = a->mask; mask != 0; mask &= mask - 1) {
        const int i = __builtin_ctzll(mask);
        if (a->value[i] != b->value[i]) return false;
    }
    return true;
}

#define MEMBERS_MAX 64

/* What json_check_line_names finds is what a look over the list of all members finds. */
static inline void members_agree(enum json_method method, const uint8_t *text, size_t size,
                                 bool any, const struct json_names *names,
                                 const struct json_found *wanted) {
    struct json_member list[MEMBERS_MAX];
    struct json_members members = {.list = list, .room = MEMBERS_MAX};
    struct json_line line;
    struct json_found found;
    json_check_line_members_by(method, text, text + size, any, &line, &members);
    if (line.reason != JSON_OK || members.count > members.room) return;
    json_members_look(&members, names, &found);
    const bool escapes = memchr(line.begin, '\\', (size_t)(line.end - line.begin)) != NULL;
    if (same_found(&found, wanted) && (members.escapes || !escapes)) return;
    show(text, size);
    fail_msg("the list of members is another one");
}

/* Every method must give the result of the plain one, and find the same names. */
static inline struct json_line validate_by_every_method(const uint8_t *text, size_t size,
                                                        bool any) {
    static struct json_names names;
    if (names.count == 0) {
        static const char *const wanted[] = {"ts", "level", "a", "n", "deep", "y"};
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            json_names_add(&names, wanted[i], (uint32_t)strlen(wanted[i]), i % 2 == 1);
    }
    struct json_line plain;
    struct json_found plain_found;
    json_check_line_by(JSON_PLAIN, text, text + size, any, &names, &plain, &plain_found);
    const bool bad = plain.reason > JSON_BLANK;
    for (int method = JSON_PLAIN; method <= JSON_MARKS; method++) {
        if (plain.reason == JSON_OK)
            members_agree((enum json_method)method, text, size, any, &names, &plain_found);
        for (int named = 0; named <= 1; named++) {
            struct json_line line;
            struct json_found found;
            json_check_line_by((enum json_method)method, text, text + size, any,
                               named ? &names : NULL, &line, &found);
            if (line.reason == plain.reason && line.next == plain.next &&
                line.begin == plain.begin && line.end == plain.end &&
                (!bad || line.bad == plain.bad) &&
                (!named || plain.reason != JSON_OK || same_found(&found, &plain_found)))
                continue;
            show(text, size);
            fail_msg("%s: %s, plain: %s, or another place or name", method_names[method],
                     json_reason_name(line.reason), json_reason_name(plain.reason));
        }
    }
    return plain;
}

/* In integers: gcc 12 moves a difference of pointers after the free, and then warns of it. */
static inline size_t offset_in(const uint8_t *text, const uint8_t *place) {
    return (size_t)((uintptr_t)place - (uintptr_t)text);
}

/* Validates text and a newline in a buffer of exactly the size that the contract requires, with
 * padding that would end or continue any token. */
static inline struct verdict validate(const void *text, size_t size, bool any) {
    static const uint8_t paddings[] = {'"', '7', 0x80, '}', '\n', '\\'};
    uint8_t *copy = malloc(size + 1 + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text, size);
    copy[size] = '\n';
    memset(copy + size + 1, paddings[size % sizeof paddings], JSON_PADDING);
    const struct json_line line = validate_by_every_method(copy, size + 1, any);
    const struct verdict verdict = {
        .reason = line.reason,
        .next = offset_in(copy, line.next),
        .begin = offset_in(copy, line.begin),
        .end = offset_in(copy, line.end),
        .bad = line.reason > JSON_BLANK ? offset_in(copy, line.bad) : SIZE_MAX,
    };
    free(copy);
    return verdict;
}

/* The result must be the reference's, and the next line must be found. */
static inline void agrees_with_reference(const void *text, size_t size, bool any) {
    const struct verdict verdict = validate(text, size, any);
    const bool good = reference_good(text, size, any);
    const bool blank = verdict.begin == size;
    if (good != (verdict.reason == JSON_OK) || blank != (verdict.reason == JSON_BLANK) ||
        verdict.next != size + 1 || verdict.begin > verdict.end || verdict.end > size ||
        (verdict.reason > JSON_BLANK &&
         (verdict.bad < verdict.begin || verdict.bad > verdict.end ||
          (verdict.bad == verdict.end) != (verdict.reason == JSON_TRUNCATED)))) {
        show(text, size);
        fail_msg("result: %s at %zu of %zu..%zu, next %zu; the reference says %s",
                 json_reason_name(verdict.reason), verdict.bad, verdict.begin, verdict.end,
                 verdict.next, good ? "good" : "bad");
    }
}

struct expectation {
    const char *text;
    enum json_reason reason;
    size_t bad;
};

static inline void meets_moved(const struct expectation *expected, const char *text, size_t size,
                               size_t moved, bool any) {
    const struct verdict verdict = validate(text, size, any);
    const bool bad = expected->reason > JSON_BLANK;
    if (verdict.reason == expected->reason && verdict.next == size + 1 &&
        (!bad || verdict.bad == expected->bad + moved))
        return;
    show((const uint8_t *)text, size);
    fail_msg("expected %s at %zu, result: %s at %zu", json_reason_name(expected->reason),
             expected->bad + moved, json_reason_name(verdict.reason), verdict.bad);
}

/* Shifts each text so that every token meets every boundary of 16 and of 64 bytes: by white space,
 * and by a member before it, as marks.c counts from the start of the record. */
static inline void meets(const struct expectation *table, size_t count, bool any) {
    for (size_t i = 0; i < count; i++) {
        const char *expected = table[i].text;
        const size_t size = strlen(expected);
        for (size_t shift = 0; shift < 70; shift++) {
            char text[4096];
            memset(text, ' ', shift);
            memcpy(text + shift, expected, size);
            meets_moved(&table[i], text, shift + size, shift, any);
            if (size < 2 || memcmp(expected, "{\"", 2) != 0) continue;
            const int head = snprintf(text, sizeof text, "{\"p\":\"%*s\",", (int)shift, "");
            memcpy(text + head, expected + 1, size - 1);
            meets_moved(&table[i], text, (size_t)head + size - 1, (size_t)head - 1, any);
        }
    }
}

#define MEETS(table, any) meets(table, sizeof table / sizeof *table, any)

#endif
