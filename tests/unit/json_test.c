/* json_test.c - what is one line of JSON, and what is wrong with one that is not.
 * Written from RFC 8259 and RFC 3629; a slow reference judge, written apart from schema/json.c, decides
 * where a table would be too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json.h"
#include "schema/json_marks.h"

/* ---- the reference: bounds everywhere, recursion, code points as numbers ---- */

struct cursor {
    const uint8_t *p, *end;
    int depth;
};

static bool reference_value(struct cursor *c);

static void reference_space(struct cursor *c) {
    while (c->p < c->end && memchr(" \t\r\n", *c->p, 4) != NULL)
        c->p++;
}

static bool reference_byte(struct cursor *c, char byte) {
    if (c->p == c->end || *c->p != (uint8_t)byte) return false;
    c->p++;
    return true;
}

static size_t reference_digits(struct cursor *c) {
    const uint8_t *begin = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
        c->p++;
    return (size_t)(c->p - begin);
}

/* The number of bytes of the code point at p, 0 if there is none. */
static size_t reference_code_point(const uint8_t *p, size_t size) {
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

static bool reference_string(struct cursor *c) {
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

static bool reference_number(struct cursor *c) {
    reference_byte(c, '-');
    if (!reference_byte(c, '0') && reference_digits(c) == 0) return false;
    if (reference_byte(c, '.') && reference_digits(c) == 0) return false;
    if (reference_byte(c, 'e') || reference_byte(c, 'E')) {
        if (!reference_byte(c, '+')) reference_byte(c, '-');
        if (reference_digits(c) == 0) return false;
    }
    return true;
}

static bool reference_container(struct cursor *c, bool object) {
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

static bool reference_value(struct cursor *c) {
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

static bool reference_good(const uint8_t *text, size_t size, bool any) {
    struct cursor c = {text, text + size, 0};
    reference_space(&c);
    if (!any && (c.p == c.end || *c.p != '{')) return false;
    return reference_value(&c) && c.p == c.end;
}

/* ---- judging ---- */

struct verdict {
    enum json_reason reason;
    size_t next, begin, end, bad;
};

static void show(const uint8_t *text, size_t size) {
    char escaped[4096];
    size_t length = 0;
    for (size_t i = 0; i < size && length < sizeof escaped - 8; i++) {
        const bool plain = text[i] >= 0x20 && text[i] < 0x7F;
        length += (size_t)snprintf(escaped + length, 8, plain ? "%c" : "<%02X>", text[i]);
    }
    escaped[length] = '\0';
    print_error("line: %s\n", escaped);
}

static const char *const way_names[] = {
    [JSON_PLAIN] = "plain", [JSON_VECTORS] = "vectors", [JSON_MARKS] = "marks"};

static bool same_found(const struct json_found *a, const struct json_found *b) {
    if (a->mask != b->mask) return false;
    for (uint32_t mask = a->mask; mask != 0; mask &= mask - 1) {
        const int i = __builtin_ctz(mask);
        if (a->value[i] != b->value[i]) return false;
    }
    return true;
}

/* Every way must say what the plain one says, and find the same names. */
static struct json_line judge_every_way(const uint8_t *text, size_t size, bool any) {
    static struct json_names names;
    if (names.count == 0) {
        static const char *const wanted[] = {"ts", "level", "a", "n", "deep", "y"};
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            json_names_add(&names, wanted[i], (uint32_t)strlen(wanted[i]));
    }
    struct json_line plain;
    struct json_found plain_found;
    json_check_line_by(JSON_PLAIN, text, text + size, any, &names, &plain, &plain_found);
    const bool bad = plain.reason > JSON_BLANK;
    for (int way = JSON_PLAIN; way <= JSON_MARKS; way++) {
        for (int named = 0; named <= 1; named++) {
            struct json_line line;
            struct json_found found;
            json_check_line_by((enum json_way)way, text, text + size, any, named ? &names : NULL,
                               &line, &found);
            if (line.reason == plain.reason && line.next == plain.next &&
                line.begin == plain.begin && line.end == plain.end &&
                (!bad || line.bad == plain.bad) &&
                (!named || plain.reason != JSON_OK || same_found(&found, &plain_found)))
                continue;
            show(text, size);
            fail_msg("%s: %s, plain: %s, or another place or name", way_names[way],
                     json_reason_name(line.reason), json_reason_name(plain.reason));
        }
    }
    return plain;
}

/* Judges text and a newline, in a buffer that is exactly as large as the contract says,
 * with padding that would end or continue any token. */
static struct verdict judge(const void *text, size_t size, bool any) {
    static const uint8_t paddings[] = {'"', '7', 0x80, '}', '\n', '\\'};
    uint8_t *copy = malloc(size + 1 + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text, size);
    copy[size] = '\n';
    memset(copy + size + 1, paddings[size % sizeof paddings], JSON_PADDING);
    const struct json_line line = judge_every_way(copy, size + 1, any);
    const struct verdict verdict = {
        .reason = line.reason,
        .next = (size_t)(line.next - copy),
        .begin = (size_t)(line.begin - copy),
        .end = (size_t)(line.end - copy),
        .bad = line.reason > JSON_BLANK ? (size_t)(line.bad - copy) : SIZE_MAX,
    };
    free(copy);
    return verdict;
}

/* Good or not as the reference says, and the next line found. */
static void agrees_with_reference(const void *text, size_t size, bool any) {
    const struct verdict verdict = judge(text, size, any);
    const bool good = reference_good(text, size, any);
    const bool blank = verdict.begin == size;
    if (good != (verdict.reason == JSON_OK) || blank != (verdict.reason == JSON_BLANK) ||
        verdict.next != size + 1 || verdict.begin > verdict.end || verdict.end > size ||
        (verdict.reason > JSON_BLANK &&
         (verdict.bad < verdict.begin || verdict.bad > verdict.end ||
          (verdict.bad == verdict.end) != (verdict.reason == JSON_TRUNCATED)))) {
        show(text, size);
        fail_msg("judged %s at %zu of %zu..%zu, next %zu; the reference says %s",
                 json_reason_name(verdict.reason), verdict.bad, verdict.begin, verdict.end,
                 verdict.next, good ? "good" : "bad");
    }
}

struct expectation {
    const char *text;
    enum json_reason reason;
    size_t bad;
};

static void meets_moved(const struct expectation *expected, const char *text, size_t size,
                        size_t moved, bool any) {
    const struct verdict verdict = judge(text, size, any);
    const bool bad = expected->reason > JSON_BLANK;
    if (verdict.reason == expected->reason && verdict.next == size + 1 &&
        (!bad || verdict.bad == expected->bad + moved))
        return;
    show((const uint8_t *)text, size);
    fail_msg("expected %s at %zu, judged %s at %zu", json_reason_name(expected->reason),
             expected->bad + moved, json_reason_name(verdict.reason), verdict.bad);
}

/* Moved along, so that every token meets every border of 16 and of 64 bytes: by white space, and
 * by a member before it, as marks are counted from where the record begins. */
static void meets(const struct expectation *table, size_t count, bool any) {
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

/* ---- tables ---- */

static void objects_are_records_and_nothing_else_is(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{}", JSON_OK, 0},
        {"{ }", JSON_OK, 0},
        {"{\"a\":1}", JSON_OK, 0},
        {"{\"\":\"\"}", JSON_OK, 0},
        {"{\"a\":1,\"a\":2}", JSON_OK, 0}, /* duplicate names */
        {"{\"a\" :\t[ 1 , {\r} ] }", JSON_OK, 0},
        {"{\"a\":{},\"b\":[],\"c\":[[]],\"d\":[{},{}]}", JSON_OK, 0},
        {"{\"a\":true,\"b\":false,\"c\":null}", JSON_OK, 0},
        {"[1]", JSON_NOT_OBJECT, 0},
        {"\"text\"", JSON_NOT_OBJECT, 0},
        {"42", JSON_NOT_OBJECT, 0},
        {"null", JSON_NOT_OBJECT, 0},
        {"<134>1 2026", JSON_NOT_OBJECT, 0},
        {"\xEF\xBB\xBF{}", JSON_NOT_OBJECT, 0}, /* a byte order mark */
        {"\f{}", JSON_NOT_OBJECT, 0},
    };
    MEETS(table, false);
}

static void any_value_is_a_record_where_any_is_allowed(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"[1]", JSON_OK, 0},
        {"[]", JSON_OK, 0},
        {"\"text\"", JSON_OK, 0},
        {"\"\"", JSON_OK, 0},
        {"42", JSON_OK, 0},
        {"null", JSON_OK, 0},
        {"true", JSON_OK, 0},
        {"false", JSON_OK, 0},
        {"{}", JSON_OK, 0},
        {"1 2", JSON_TRAILING, 2},
        {"[] []", JSON_TRAILING, 3},
        {"\"a\"b", JSON_TRAILING, 3},
        {"nul", JSON_TRUNCATED, 3},
        {"\"", JSON_TRUNCATED, 1},
        {"-", JSON_TRUNCATED, 1},
        {"01", JSON_BAD_NUMBER, 1},
        {"]", JSON_UNEXPECTED, 0},
        {"truefalse", JSON_BAD_LITERAL, 4},
        {"<134>", JSON_UNEXPECTED, 0},
        {"NaN", JSON_BAD_LITERAL, 0},
    };
    MEETS(table, true);
}

static void numbers_are_spelled_as_json_spells_them(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"0", JSON_OK, 0},
        {"-0", JSON_OK, 0},
        {"-0.0e-0", JSON_OK, 0},
        {"10", JSON_OK, 0},
        {"123456789012345678901234567890", JSON_OK, 0},
        {"0.5", JSON_OK, 0},
        {"1.25", JSON_OK, 0},
        {"1e5", JSON_OK, 0},
        {"1E5", JSON_OK, 0},
        {"1e+5", JSON_OK, 0},
        {"1e-05", JSON_OK, 0},
        {"0e0", JSON_OK, 0},
        {"1.5E+300", JSON_OK, 0},
        {"1e400", JSON_OK, 0},
        {"01", JSON_BAD_NUMBER, 1},
        {"-01", JSON_BAD_NUMBER, 2},
        {"00", JSON_BAD_NUMBER, 1},
        {"1.", JSON_BAD_NUMBER, 2},
        {"1.e5", JSON_BAD_NUMBER, 2},
        {".5", JSON_BAD_NUMBER, 0},
        {"-.5", JSON_BAD_NUMBER, 1},
        {"+1", JSON_BAD_NUMBER, 0},
        {"-", JSON_BAD_NUMBER, 1},
        {"--1", JSON_BAD_NUMBER, 1},
        {"1e", JSON_BAD_NUMBER, 2},
        {"1e+", JSON_BAD_NUMBER, 3},
        {"1e5.5", JSON_BAD_NUMBER, 3},
        {"1.2.3", JSON_BAD_NUMBER, 3},
        {"1-2", JSON_BAD_NUMBER, 1},
        {"0x10", JSON_BAD_NUMBER, 1},
        {"1_000", JSON_BAD_NUMBER, 1},
        {"1f", JSON_BAD_NUMBER, 1},
        {"-Infinity", JSON_BAD_NUMBER, 1},
        {"1 2", JSON_UNEXPECTED, 2},
    };
    struct expectation wrapped[sizeof table / sizeof *table];
    char texts[sizeof table / sizeof *table][64];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"a\":%s}", table[i].text);
        wrapped[i] = (struct expectation){texts[i], table[i].reason, table[i].bad + 5};
    }
    MEETS(wrapped, false);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(texts[i], sizeof texts[i], "[null,%s ,1]", table[i].text);
        wrapped[i].bad = table[i].bad + 6;
    }
    MEETS(wrapped, true);
}

static void only_three_literals_exist(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":True}", JSON_BAD_LITERAL, 5},     {"{\"a\":NaN}", JSON_BAD_LITERAL, 5},
        {"{\"a\":Infinity}", JSON_BAD_LITERAL, 5}, {"{\"a\":undefined}", JSON_BAD_LITERAL, 5},
        {"{\"a\":nil}", JSON_BAD_LITERAL, 6},      {"{\"a\":tru}", JSON_BAD_LITERAL, 8},
        {"{\"a\":fals,", JSON_BAD_LITERAL, 9},     {"{\"a\":nullx}", JSON_BAD_LITERAL, 9},
        {"{\"a\":true1}", JSON_BAD_LITERAL, 9},    {"{\"a\":truE}", JSON_BAD_LITERAL, 8},
        {"{\"a\":'b'}", JSON_UNEXPECTED, 5},       {"{\"a\":null null}", JSON_UNEXPECTED, 10},
    };
    MEETS(table, false);
}

static void strings_hold_known_escapes_and_no_control_characters(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"}", JSON_OK, 0},
        {"{\"a\":\"\\u0000\\u00e9\\uABCD\\uabcd\"}", JSON_OK, 0},
        {"{\"a\":\"\\ud800\"}", JSON_OK, 0}, /* a lone surrogate is legal syntax */
        {"{\"\\u0061\":\"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"}", JSON_OK, 0},
        {"{\"a\":\"\x7F\"}", JSON_OK, 0},
        {"{\"a\":\"http:\\/\\/x\\\\\"}", JSON_OK, 0},
        {"{\"a\":\"\\x\"}", JSON_BAD_ESCAPE, 7},
        {"{\"a\":\"\\'\"}", JSON_BAD_ESCAPE, 7},
        {"{\"a\":\"\\U0041\"}", JSON_BAD_ESCAPE, 7},
        {"{\"a\":\"\\u004\"}", JSON_BAD_ESCAPE, 11},
        {"{\"a\":\"\\uG000\"}", JSON_BAD_ESCAPE, 8},
        {"{\"a\":\"\\u00/0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00:0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00@0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00`0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00\x10\x10\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"x\ty\"}", JSON_CONTROL, 7},
        {"{\"a\":\"x\ry\"}", JSON_CONTROL, 7},
        {"{\"a\x1F\":1}", JSON_CONTROL, 3},
        {"{\"a\":\"0123456789abcdef0123456789abcdef\x01\"}", JSON_CONTROL, 38},
    };
    MEETS(table, false);
}

static void a_nul_is_a_byte_like_others(void **state) {
    (void)state;
    struct verdict verdict = judge("{\"a\":\"x\0\"}", 10, false);
    assert_int_equal(verdict.reason, JSON_CONTROL);
    assert_int_equal(verdict.bad, 7);
    verdict = judge("{\"a\":\0 1}", 9, false);
    assert_int_equal(verdict.reason, JSON_UNEXPECTED);
    assert_int_equal(verdict.bad, 5);
    verdict = judge("{}\0", 3, false);
    assert_int_equal(verdict.reason, JSON_TRAILING);
    assert_int_equal(verdict.next, 4);
    verdict = judge("\0{}", 3, false);
    assert_int_equal(verdict.reason, JSON_NOT_OBJECT);
}

static void what_stands_in_the_wrong_place_is_pointed_at(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":1}x", JSON_TRAILING, 7},
        {"{\"a\":1} {\"b\":2}", JSON_TRAILING, 8},
        {"{\"a\":1}{\"b\":2}", JSON_TRAILING, 7},
        {"{\"a\":1}}", JSON_TRAILING, 7},
        {"{\"a\":1},", JSON_TRAILING, 7},
        {"{a:1}", JSON_UNEXPECTED, 1},
        {"{'a':1}", JSON_UNEXPECTED, 1},
        {"{1:1}", JSON_UNEXPECTED, 1},
        {"{\"a\" 1}", JSON_UNEXPECTED, 5},
        {"{\"a\"=1}", JSON_UNEXPECTED, 4},
        {"{\"a\"}", JSON_UNEXPECTED, 4},
        {"{\"a\":}", JSON_UNEXPECTED, 5},
        {"{\"a\":,}", JSON_UNEXPECTED, 5},
        {"{\"a\":1,}", JSON_UNEXPECTED, 7},
        {"{,}", JSON_UNEXPECTED, 1},
        {"{\"a\":1;\"b\":2}", JSON_UNEXPECTED, 6},
        {"{\"a\":[1,]}", JSON_UNEXPECTED, 8},
        {"{\"a\":[,1]}", JSON_UNEXPECTED, 6},
        {"{\"a\":[1}}", JSON_UNEXPECTED, 7},
        {"{\"a\":{\"b\":1]}", JSON_UNEXPECTED, 11},
        {"{\"a\":\"b\" \"c\"}", JSON_UNEXPECTED, 9},
        {"{]", JSON_UNEXPECTED, 1},
        {"{\"a\":1/*c*/}", JSON_UNEXPECTED, 6},
        {"{\"a\":\v1}", JSON_UNEXPECTED, 5},
        {"{\"a\":\f1}", JSON_UNEXPECTED, 5},
        {"{\"a\":\xC2\xA0\x31}", JSON_UNEXPECTED, 5},
        {"{\"a\":\"b\"c}", JSON_UNEXPECTED, 8},
    };
    MEETS(table, false);
}

static void white_space_around_a_record_is_cut_off(void **state) {
    (void)state;
    const char text[] = "\t\r  {\"a\" : 1} \t\r";
    const struct verdict verdict = judge(text, strlen(text), false);
    assert_int_equal(verdict.reason, JSON_OK);
    assert_int_equal(verdict.begin, 4);
    assert_int_equal(verdict.end, 13);
    static const struct expectation table[] = {
        {"", JSON_BLANK, 0},
        {" ", JSON_BLANK, 0},
        {"\r", JSON_BLANK, 0},
        {"\t \r", JSON_BLANK, 0},
        {"{}\r", JSON_OK, 0},
        {"{} \f", JSON_TRAILING, 3},
        {"{\"a\r", JSON_TRUNCATED, 3},
        {"{\"a\":\"b  \t\r", JSON_TRUNCATED, 7}, /* the record ends before the white space */
        {"{\"a\":1 \r", JSON_TRUNCATED, 6},
    };
    MEETS(table, false);
    const struct verdict bad = judge("  {\"a\":x} \r", 11, false);
    assert_int_equal(bad.begin, 2);
    assert_int_equal(bad.end, 9);
}

/* ---- limits ---- */

static void nesting_ends_at_256_levels(void **state) {
    (void)state;
    char text[8 * 300];
    for (size_t levels = JSON_DEPTH_MAX - 1; levels <= JSON_DEPTH_MAX + 1; levels++) {
        const bool good = levels <= JSON_DEPTH_MAX;
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        struct verdict verdict = judge(text, 2 * levels, true);
        assert_int_equal(verdict.reason, good ? JSON_OK : JSON_TOO_DEEP);
        if (!good) assert_int_equal(verdict.bad, JSON_DEPTH_MAX);
        assert_int_equal(verdict.next, 2 * levels + 1);

        size_t size = 0;
        for (size_t i = 0; i < levels; i++) {
            const char *open = i % 2 == 0 ? "{\"\":" : "[";
            memcpy(text + size, open, strlen(open));
            size += strlen(open);
        }
        text[size++] = '0';
        for (size_t i = levels; i-- > 0;) {
            text[size++] = i % 2 == 0 ? '}' : ']';
        }
        verdict = judge(text, size, false);
        assert_int_equal(verdict.reason, good ? JSON_OK : JSON_TOO_DEEP);
    }
    size_t size = 0; /* breadth is no depth */
    for (size_t i = 0; i < 300; i++) {
        memcpy(text + size, i == 0 ? "[[]" : ",{}", 3);
        size += 3;
    }
    text[size++] = ']';
    assert_int_equal(judge(text, size, true).reason, JSON_OK);
}

static void a_closer_of_the_wrong_kind_is_seen_at_every_depth(void **state) {
    (void)state;
    char text[4 * JSON_DEPTH_MAX];
    for (size_t wrong = 0; wrong < JSON_DEPTH_MAX; wrong++) {
        memset(text, '[', JSON_DEPTH_MAX);
        memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
        text[JSON_DEPTH_MAX + wrong] = '}';
        const struct verdict verdict = judge(text, 2 * (size_t)JSON_DEPTH_MAX, true);
        assert_int_equal(verdict.reason, JSON_UNEXPECTED);
        assert_int_equal(verdict.bad, JSON_DEPTH_MAX + wrong);
    }
}

/* ---- every way of ending and of being wrong ---- */

static const char rich[] =
    "{\"ts\":\"2026-11-24T07:30:00.123Z\",\"level\":\"info\",\"msg\":\"a \\\"b\\\" \\u00e9 "
    "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 c\\\\\",\"n\":[0,-1.5e+10,12,{}],\"t\":true, \"f\" : "
    "false,\"z\":null,\"deep\":{\"x\":[[],{\"y\":\"\"}]}}";

static void every_truncation_is_called_one(void **state) {
    (void)state;
    const size_t size = sizeof rich - 1;
    assert_int_equal(judge(rich, size, false).reason, JSON_OK);
    for (size_t cut = 1; cut < size; cut++) {
        const struct verdict verdict = judge(rich, cut, false);
        size_t end = cut;
        while (rich[end - 1] == ' ')
            end--;
        if (verdict.reason != JSON_TRUNCATED || verdict.next != cut + 1 || verdict.end != end ||
            verdict.bad != end) {
            show((const uint8_t *)rich, cut);
            fail_msg("judged %s", json_reason_name(verdict.reason));
        }
        agrees_with_reference(rich, cut, true);
    }
}

static void every_byte_in_every_place_is_judged_right(void **state) {
    (void)state;
    const size_t size = sizeof rich - 1;
    uint8_t text[sizeof rich];
    for (size_t at = 0; at <= size; at++) {
        for (int byte = 0; byte < 256; byte++) {
            if (byte == '\n') continue; /* it would be two lines */
            memcpy(text, rich, at);
            text[at] = (uint8_t)byte;
            memcpy(text + at + 1, rich + at, size - at);
            agrees_with_reference(text, size + 1, false); /* between two */
            if (at == size) continue;
            memcpy(text, rich, size);
            text[at] = (uint8_t)byte;
            agrees_with_reference(text, size, true); /* in place of one */
        }
    }
}

static uint64_t random_next(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void mutated_lines_are_judged_right(void **state) {
    (void)state;
    static const char *const pieces[] = {"{",       "}",
                                         "[",       "]",
                                         ",",       ":",
                                         "\"",      "\\",
                                         "\\u",     "0",
                                         "-",       ".",
                                         "e",       "E+",
                                         "true",    "null",
                                         " ",       "\t",
                                         "\r",      "\"\"",
                                         "\\\"",    "\x80",
                                         "\xC3",    "\xED",
                                         "\xF4",    "abcdefghijklmnop",
                                         "12345678"};
    for (uint64_t seed = 1; seed <= 60000; seed++) {
        uint64_t chance = seed;
        uint8_t text[1024];
        size_t size = sizeof rich - 1;
        memcpy(text, rich, size);
        for (uint64_t edits = 1 + random_next(&chance) % 4; edits > 0; edits--) {
            const size_t from = random_next(&chance) % (size + 1);
            const uint64_t how = random_next(&chance) % 4;
            size_t gone = how == 0 ? random_next(&chance) % 40 : how == 1 ? 1 : 0;
            if (gone > size - from) gone = size - from;
            const char *piece = pieces[random_next(&chance) % (sizeof pieces / sizeof *pieces)];
            const size_t length = how == 0 ? 0 : strlen(piece);
            memmove(text + from + length, text + from + gone, size - from - gone);
            memcpy(text + from, piece, length);
            size = size - gone + length;
        }
        agrees_with_reference(text, size, seed % 2 == 0);
    }
}

/* What a logger writes must not be odd to the quick way, or it is quick for nobody. */
static void lines_as_loggers_write_them_have_marks(void **state) {
    (void)state;
    if (!json_marks_possible()) skip();
    static const char *const lines[] = {
        "{\"level\":30,\"time\":1795505400123,\"msg\":\"served\"}\n",
        "{\"asctime\": \"2026-11-24 07:30:00,450\", \"message\": \"x\"}\n",
        "{\"@timestamp\":\"2026-11-24T07:30:00.123Z\"}\r\n",
        "{\"msg\":\"a \\\"quoted\\\" C:\\\\path\\n\\tat \\u00e9\"}\n",
        "{\"msg\":\"J\xC3\xBCrgen \xE6\x9D\xB1\xE4\xBA\xAC \xF0\x9F\x98\x80\"}\n",
        "{}\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        uint8_t text[256] = {0};
        struct json_marks marks;
        memcpy(text, lines[i], strlen(lines[i]));
        assert_true(json_marks_find(text, &marks));
        assert_ptr_equal(marks.newline, text + strlen(lines[i]) - 1);
    }
}

/* Around the length from which on lines are read otherwise, and with more quotes than room
 * would be left for if they were counted wrong. */
static void long_lines_are_judged_like_short_ones(void **state) {
    (void)state;
    static uint8_t text[2 * JSON_MARKS_LINE_MAX];
    for (int odd = -70; odd <= 70; odd++) {
        const size_t size = (size_t)(JSON_MARKS_LINE_MAX + odd);
        memset(text, 'x', size);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + size - 2, "\"}", 2);
        assert_int_equal(judge(text, size, false).reason, JSON_OK);
        text[size - 1] = ']';
        assert_int_equal(judge(text, size, false).reason, JSON_UNEXPECTED);
        text[size - 1] = '}';
        text[size - 3] = '\\';
        assert_int_equal(judge(text, size, false).reason, JSON_TRUNCATED);
        memset(text, '"', size); /* quotes and nothing else */
        assert_int_equal(judge(text, size, true).reason, JSON_TRAILING);
        text[0] = '[';
        for (size_t i = 3; i < size; i += 3)
            text[i] = ',';
        const size_t whole = size - size % 3;
        text[whole] = ']';
        assert_int_equal(judge(text, whole + 1, true).reason, JSON_OK);
    }
}

static void a_text_is_walked_line_by_line_whatever_the_lines_hold(void **state) {
    (void)state;
    const char text[] = "{\"a\":1}\n"
                        "\n"
                        "  \r\n"
                        "{\"a\":\"cut\n" /* a string does not go on in the next line */
                        "\"}\n"
                        "{\"b\":2}\r\n"
                        "[1,2\n"
                        "{\"c\":\"\\\n"
                        "\xFF\xFF\n"
                        "{\"d\":4} trailing\n"
                        "{\"e\":[5]}\n";
    static const enum json_reason reasons[] = {
        JSON_OK,         JSON_BLANK,     JSON_BLANK,      JSON_TRUNCATED, JSON_NOT_OBJECT, JSON_OK,
        JSON_NOT_OBJECT, JSON_TRUNCATED, JSON_NOT_OBJECT, JSON_TRAILING,  JSON_OK};
    const size_t size = sizeof text - 1;
    uint8_t *copy = calloc(1, size + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const uint8_t *p = copy;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct json_line line;
        const uint8_t *newline = memchr(p, '\n', (size_t)(copy + size - p));
        json_check_line(p, copy + size, false, &line);
        assert_int_equal(line.reason, reasons[i]);
        assert_ptr_equal(line.next, newline + 1);
        p = line.next;
    }
    assert_ptr_equal(p, copy + size);
    free(copy);
}

/* ---- UTF-8 ---- */

static size_t encode(uint32_t code, uint8_t *out) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; code /= 64) {
        out[i] = (uint8_t)(0x80 + code % 64);
    }
    out[0] = (uint8_t)(leads[length] + code);
    return length;
}

static void every_code_point_but_surrogates_is_text(void **state) {
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        uint8_t bytes[4];
        const size_t size = encode(code, bytes);
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(utf8_valid(bytes, size), !surrogate);
    }
    static const uint32_t edges[] = {0x20,    0x7F,    0x80,    0x7FF,   0x800,  0xFFF,
                                     0x1000,  0xD7FF,  0xE000,  0xFEFF,  0xFFFD, 0xFFFF,
                                     0x10000, 0x3FFFF, 0x40000, 0x10FFFF};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        uint8_t text[] = "{\"a\":\"??????\"}";
        const size_t length = encode(edges[i], text + 7);
        text[7 + length] = 'z';
        assert_int_equal(judge(text, sizeof text - 1, false).reason, JSON_OK);
    }
}

/* Every continuation of every lead, with what stands behind, alone and in a string. */
static void all_short_sequences_are_judged_right(void **state) {
    (void)state;
    for (uint32_t pair = 0; pair < 0x10000; pair++) {
        const uint8_t bytes[] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        const size_t first = reference_code_point(bytes, 2);
        const bool valid = first == 2 || (first == 1 && reference_code_point(bytes + 1, 1) == 1);
        assert_int_equal(utf8_valid(bytes, 2), valid);
        if (bytes[0] == '\n' || bytes[1] == '\n') continue;
        uint8_t text[] = "{\"a\":\"..\"}";
        memcpy(text + 6, bytes, 2);
        agrees_with_reference(text, sizeof text - 1, false);
    }
}

static void all_long_sequences_are_judged_right(void **state) {
    (void)state;
    static const uint8_t borders[] = {0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90,
                                      0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    const size_t border_count = sizeof borders;
    for (uint32_t lead = 0xE0; lead < 0x100; lead++) {
        for (uint32_t second = 0; second < 0x100; second++) {
            for (size_t i = 0; i < border_count * border_count; i++) {
                uint8_t text[] = "{\"a\":\"....\"}";
                uint8_t *bytes = text + 6;
                bytes[0] = (uint8_t)lead;
                bytes[1] = (uint8_t)second;
                bytes[2] = borders[i % border_count];
                bytes[3] = borders[i / border_count];
                size_t at = 0, step = 1;
                while (at < 4 && step > 0)
                    at += step = reference_code_point(bytes + at, 4 - at);
                if (utf8_valid(bytes, 4) != (step > 0)) {
                    fail_msg("%02X %02X %02X %02X", bytes[0], bytes[1], bytes[2], bytes[3]);
                }
                if (i % 7 != 0 || second == '\n') continue;
                agrees_with_reference(text, sizeof text - 1, false);
            }
        }
    }
}

static void the_byte_that_is_no_utf8_is_pointed_at(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":\"\x80\"}", JSON_BAD_UTF8, 6},         /* a continuation of nothing */
        {"{\"a\":\"\xC0\xAF\"}", JSON_BAD_UTF8, 6},     /* overlong */
        {"{\"a\":\"\xC1\xBF\"}", JSON_BAD_UTF8, 6},     /* overlong */
        {"{\"a\":\"\xE0\x9F\xBF\"}", JSON_BAD_UTF8, 7}, /* overlong */
        {"{\"a\":\"\xED\xA0\x80\"}", JSON_BAD_UTF8, 7}, /* U+D800 */
        {"{\"a\":\"\xED\xBF\xBF\"}", JSON_BAD_UTF8, 7}, /* U+DFFF */
        {"{\"a\":\"\xF0\x8F\xBF\xBF\"}", JSON_BAD_UTF8, 7},
        {"{\"a\":\"\xF4\x90\x80\x80\"}", JSON_BAD_UTF8, 7}, /* U+110000 */
        {"{\"a\":\"\xF5\x80\x80\x80\"}", JSON_BAD_UTF8, 6},
        {"{\"a\":\"\xE2\x82\"}", JSON_BAD_UTF8, 8},
        {"{\"a\":\"\xF0\x9F\x98\"}", JSON_BAD_UTF8, 9},
        {"{\"a\":\"\xC3\xC3\xA9\"}", JSON_BAD_UTF8, 7},
        {"{\"\xFF\":1}", JSON_BAD_UTF8, 2},
        {"{\"a\":\"M\xFCller\"}", JSON_BAD_UTF8, 7}, /* Latin-1 */
        {"{\"a\":\"\xE2\x82", JSON_TRUNCATED, 8},
        {"{\"a\":\"\xE2\x82 ", JSON_TRUNCATED, 8},
    };
    MEETS(table, false);
}

static void utf8_valid_reads_nothing_behind_its_bytes(void **state) {
    (void)state;
    for (size_t size = 0; size < 40; size++) {
        uint8_t *exact = malloc(size + (size == 0));
        assert_non_null(exact);
        memset(exact, 'a', size);
        assert_true(utf8_valid(exact, size));
        if (size > 0) exact[size - 1] = 0xF0; /* wants three more */
        assert_int_equal(utf8_valid(exact, size), size == 0);
        if (size >= 4) memcpy(exact + size - 4, "\xF0\x9F\x98\x80", 4);
        if (size >= 4) assert_true(utf8_valid(exact, size));
        free(exact);
    }
}

static void reasons_have_names_of_their_own(void **state) {
    (void)state;
    for (int i = 0; i < JSON_REASONS; i++) {
        const char *name = json_reason_name((enum json_reason)i);
        assert_true(strlen(name) > 0 && strlen(name) < 32);
        assert_true(strlen(json_reason_sentence((enum json_reason)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, json_reason_name((enum json_reason)j));
        }
    }
    assert_string_equal(json_reason_name(JSON_CONTROL), "control_character");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_records_and_nothing_else_is),
        cmocka_unit_test(any_value_is_a_record_where_any_is_allowed),
        cmocka_unit_test(numbers_are_spelled_as_json_spells_them),
        cmocka_unit_test(only_three_literals_exist),
        cmocka_unit_test(strings_hold_known_escapes_and_no_control_characters),
        cmocka_unit_test(a_nul_is_a_byte_like_others),
        cmocka_unit_test(what_stands_in_the_wrong_place_is_pointed_at),
        cmocka_unit_test(white_space_around_a_record_is_cut_off),
        cmocka_unit_test(nesting_ends_at_256_levels),
        cmocka_unit_test(a_closer_of_the_wrong_kind_is_seen_at_every_depth),
        cmocka_unit_test(every_truncation_is_called_one),
        cmocka_unit_test(every_byte_in_every_place_is_judged_right),
        cmocka_unit_test(mutated_lines_are_judged_right),
        cmocka_unit_test(lines_as_loggers_write_them_have_marks),
        cmocka_unit_test(long_lines_are_judged_like_short_ones),
        cmocka_unit_test(a_text_is_walked_line_by_line_whatever_the_lines_hold),
        cmocka_unit_test(every_code_point_but_surrogates_is_text),
        cmocka_unit_test(all_short_sequences_are_judged_right),
        cmocka_unit_test(all_long_sequences_are_judged_right),
        cmocka_unit_test(the_byte_that_is_no_utf8_is_pointed_at),
        cmocka_unit_test(utf8_valid_reads_nothing_behind_its_bytes),
        cmocka_unit_test(reasons_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
