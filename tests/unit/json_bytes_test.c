/* json_bytes_test.c - every byte at every position, randomly mutated lines, every UTF-8 sequence:
 * too many cases for a table, so the results are compared with the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/marks.h"
#include "tests/unit/json_checks.h"
#include "tests/unit/probe.h"

/* ---- every way of ending and of being wrong ---- */

static const char rich[] =
    "{\"ts\":\"2026-11-24T07:30:00.123Z\",\"level\":\"info\",\"msg\":\"a \\\"b\\\" \\u00e9 "
    "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 c\\\\\",\"n\":[0,-1.5e+10,12,{}],\"t\":true, \"f\" : "
    "false,\"z\":null,\"deep\":{\"x\":[[],{\"y\":\"\"}]}}";

static void every_truncation_is_called_one(void **state) {
    (void)state;
    const size_t size = sizeof rich - 1;
    assert_int_equal(validate(rich, size, false).reason, JSON_OK);
    for (size_t cut = 1; cut < size; cut++) {
        const struct verdict verdict = validate(rich, cut, false);
        size_t end = cut;
        while (rich[end - 1] == ' ')
            end--;
        if (verdict.reason != JSON_TRUNCATED || verdict.next != cut + 1 || verdict.end != end ||
            verdict.bad != end) {
            show((const uint8_t *)rich, cut);
            fail_msg("result: %s", json_reason_name(verdict.reason));
        }
        agrees_with_reference(rich, cut, true);
    }
}

static void every_byte_at_every_position_is_validated_correctly(void **state) {
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

static void mutated_lines_are_validated_correctly(void **state) {
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
    static const char *const lines[] = {
        rich,
        "{\"level\":30,\"time\":1795505400123,\"pid\":4711,\"hostname\":\"web-3\",\"req\":{\"id\":"
        "81,"
        "\"method\":\"GET\",\"url\":\"/api/v1/"
        "orders?page=2\"},\"responseTime\":12.75,\"msg\":\"served\"}",
        "{\"asctime\": \"2026-11-24 07:30:00,450\", \"levelname\": \"INFO\", \"message\": "
        "\"charged card\", \"amount\": 12.50, \"ok\": true, \"tags\": [\"a\", \"b\"]}\r"};
    for (uint64_t seed = 1; seed <= scaled(300000); seed++) {
        uint64_t chance = seed;
        uint8_t text[1024];
        const char *line = lines[seed % (sizeof lines / sizeof *lines)];
        size_t size = strlen(line);
        memcpy(text, line, size);
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

/* The fast method must accept the lines that loggers write. */
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
        uint8_t text[256];
        memset(text, 0x80, sizeof text); /* bytes after the line do not matter */
        struct json_marks marks;
        memcpy(text, lines[i], strlen(lines[i]));
        assert_true(json_marks_find(text, &marks));
        assert_ptr_equal(marks.newline, text + strlen(lines[i]) - 1);
    }
}

/* Around JSON_MARKS_LINE_MAX, and with so many quotes that a wrong count would overflow the
 * table. */
static void long_lines_are_validated_like_short_ones(void **state) {
    (void)state;
    static uint8_t text[2 * JSON_MARKS_LINE_MAX];
    for (int odd = -70; odd <= 70; odd++) {
        const size_t size = (size_t)(JSON_MARKS_LINE_MAX + odd);
        memset(text, 'x', size);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + size - 2, "\"}", 2);
        assert_int_equal(validate(text, size, false).reason, JSON_OK);
        text[size - 1] = ']';
        assert_int_equal(validate(text, size, false).reason, JSON_UNEXPECTED);
        text[size - 1] = '}';
        text[size - 3] = '\\';
        assert_int_equal(validate(text, size, false).reason, JSON_TRUNCATED);
        memset(text, '"', size); /* quotes and nothing else */
        assert_int_equal(validate(text, size, true).reason, JSON_TRAILING);
        text[0] = '[';
        for (size_t i = 3; i < size; i += 3)
            text[i] = ',';
        const size_t whole = size - size % 3;
        text[whole] = ']';
        assert_int_equal(validate(text, whole + 1, true).reason, JSON_OK);
    }
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
        assert_int_equal(validate(text, sizeof text - 1, false).reason, JSON_OK);
    }
}

/* Every continuation of every lead byte, with following bytes, alone and in a string. */
static void all_short_sequences_are_validated_correctly(void **state) {
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

static void all_long_sequences_are_validated_correctly(void **state) {
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

static void utf8_valid_reads_nothing_after_its_bytes(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_called_one),
        cmocka_unit_test(every_byte_at_every_position_is_validated_correctly),
        cmocka_unit_test(mutated_lines_are_validated_correctly),
        cmocka_unit_test(lines_as_loggers_write_them_have_marks),
        cmocka_unit_test(long_lines_are_validated_like_short_ones),
        cmocka_unit_test(every_code_point_but_surrogates_is_text),
        cmocka_unit_test(all_short_sequences_are_validated_correctly),
        cmocka_unit_test(all_long_sequences_are_validated_correctly),
        cmocka_unit_test(the_byte_that_is_no_utf8_is_pointed_at),
        cmocka_unit_test(utf8_valid_reads_nothing_after_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
