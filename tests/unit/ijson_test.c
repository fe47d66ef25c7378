/* ijson_test.c - which JSON is not I-JSON (RFC 7493 sections 2.1 to 2.3), and where in the line.
 * Duplicates are also checked in random objects whose names are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/ijson.h"

/* Checks the line in a buffer of the size that the contract requires; returns the offset of the
 * error, or 0. */
static size_t is(const char *text, size_t size, enum json_reason expected) {
    uint8_t *copy = malloc(size + 1 + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text, size);
    memset(copy + size, '\n', 1 + JSON_PADDING);
    struct json_line line;
    json_check_line(copy, copy + size + 1, true, &line);
    if (line.reason != JSON_OK) fail_msg("%.200s: is not even JSON", text);
    const struct json_line before = line;
    ijson_check_line(&line);
    assert_ptr_equal(line.next, before.next);
    assert_ptr_equal(line.begin, before.begin);
    assert_ptr_equal(line.end, before.end);
    if (line.reason != expected)
        fail_msg("%.200s: %s, not %s", text, json_reason_name(line.reason),
                 json_reason_name(expected));
    const size_t bad = line.reason == JSON_OK ? 0 : (size_t)(line.bad - copy);
    assert_true(bad < size);
    free(copy);
    return bad;
}

static void is_fine(const char *text) {
    is(text, strlen(text), JSON_OK);
}

/* A ^, which is not part of the text, marks the expected position. */
static void is_bad(const char *marked, enum json_reason expected) {
    char text[512];
    const char *mark = strchr(marked, '^');
    assert_non_null(mark);
    const size_t place = (size_t)(mark - marked);
    memcpy(text, marked, place);
    strcpy(text + place, mark + 1);
    const size_t bad = is(text, strlen(text), expected);
    if (bad != place) fail_msg("%s: at %zu, not %zu", text, bad, place);
}

static void a_name_stands_once_in_an_object(void **state) {
    (void)state;
    is_fine("{}");
    is_fine("{\"a\":1,\"b\":2,\"A\":3,\"\":4}");
    is_fine("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}");
    is_fine("[{\"a\":1},{\"a\":2},\"a\",\"a\"]");
    is_fine("{\"a\":\"a\",\"b\":\"a\",\"c\":[\"a\",\"c\"]}");
    is_fine("{\"a\" : [ {\"b\":1} , \"b\" ] , \"b\" : {} }");
    is_bad("{\"a\":1,^\"a\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"\":1,^\"\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"a\":1,\"b\":{\"a\":2,\"b\":3},^\"a\":4}", JSON_DUPLICATE_NAME);
    is_bad("{\"a\":[{\"b\":1,\"c\":2, ^\"b\" :3}]}", JSON_DUPLICATE_NAME);
    is_bad("  {\"a\":{\"x\":[1,{}]}, ^\"a\":2}", JSON_DUPLICATE_NAME);
}

static void names_are_compared_as_they_read(void **state) {
    (void)state;
    is_bad("{\"a\":1,^\"\\u0061\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"\\u00fc\":1,^\"\xC3\xBC\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"\\ud83d\\ude00\":1,^\"\xF0\x9F\x98\x80\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"\\/\":1,^\"/\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"\\n\":1,^\"\\u000A\":2}", JSON_DUPLICATE_NAME);
    is_bad("{\"\\\"\":1,^\"\\u0022\":2}", JSON_DUPLICATE_NAME);
    is_fine("{\"\\\\u0061\":1,\"a\":2}");
    is_fine("{\"\xC3\xBC\":1,\"u\xCC\x88\":2}"); /* composed or not: other code points */
    is_fine("{\"a\\u0000\":1,\"a\":2}");
}

static void a_surrogate_needs_its_other_half(void **state) {
    (void)state;
    is_fine("[\"\\ud83d\\ude00\",\"\\uD7FF\\uE000\"]");
    is_bad("[\"a^\\ud83d\"]", JSON_SURROGATE);
    is_bad("[\"a^\\ude00\"]", JSON_SURROGATE);
    is_bad("[\"^\\ud83dx\\ude00\"]", JSON_SURROGATE);
    is_bad("[\"^\\ud83d\\ud83d\\ude00\"]", JSON_SURROGATE);
    is_bad("[\"\\ud83d\\ude00^\\ude00\"]", JSON_SURROGATE);
    is_bad("{\"a^\\ud800\":1}", JSON_SURROGATE);
    is_fine("[\"\\\\ud83d\"]");
}

static void what_is_no_character_is_refused(void **state) {
    (void)state;
    is_bad("[\"a^\\uffff\"]", JSON_NONCHARACTER);
    is_bad("[\"a^\\uFFFE\"]", JSON_NONCHARACTER);
    is_bad("[\"^\\ufdd0\"]", JSON_NONCHARACTER);
    is_bad("[\"^\xEF\xB7\xAF\"]", JSON_NONCHARACTER);         /* U+FDEF */
    is_bad("[\"\xC3\xBC^\xEF\xBF\xBF\"]", JSON_NONCHARACTER); /* U+FFFF */
    is_bad("[\"^\xF0\x9F\xBF\xBE\"]", JSON_NONCHARACTER);     /* U+1FFFE */
    is_bad("[\"^\xF4\x8F\xBF\xBF\"]", JSON_NONCHARACTER);     /* U+10FFFF */
    is_bad("[\"^\\udbff\\udfff\"]", JSON_NONCHARACTER);
    is_bad("{\"^\\uffff\":1}", JSON_NONCHARACTER);
    is_fine("[\"\\ufdcf\\ufdf0\\ufffd\xEF\xBF\xBD\xF4\x8F\xBF\xBD\"]");
}

static void numbers_stay_where_doubles_are_exact(void **state) {
    (void)state;
    static const char *const fine[] = {"0",
                                       "-0",
                                       "-0.0e999999999999",
                                       "9007199254740991",
                                       "-9007199254740991",
                                       "9007199254740990.999999999999999999",
                                       "9007199254740991.000",
                                       "9007199254740991.000e0",
                                       "0.0009007199254740991e19",
                                       "900719925474099100e-2",
                                       "9.007199254740991E15",
                                       "9007199254740991000000000000000e-15",
                                       "1e15",
                                       "0.00000000001e26",
                                       "123456789e-999999999999999999999",
                                       "3.14159265358979323846264338327950288"};
    static const char *const bad[] = {"9007199254740992",
                                      "-9007199254740992",
                                      "9007199254740991.5",
                                      "9007199254740991.0000000000000000001",
                                      "9.007199254740992e15",
                                      "0.0009007199254740992e19",
                                      "90071992547409920e-1",
                                      "1e16",
                                      "1E+16",
                                      "0.00000000001e27",
                                      "10000000000000000",
                                      "123456789012345678901234567890",
                                      "1e400",
                                      "-1e99999999999999999999"};
    char text[128];
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        snprintf(text, sizeof text, "{\"a\":%s}", fine[i]);
        is_fine(text);
        is_fine(fine[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\"a\":^%s}", bad[i]);
        is_bad(text, JSON_NUMBER_RANGE);
        snprintf(text, sizeof text, "[0,1.5, ^%s ]", bad[i]);
        is_bad(text, JSON_NUMBER_RANGE);
    }
    is_fine("[\"9007199254740992\"]"); /* as the RFC recommends */
}

static uint32_t below(uint64_t *chance, uint32_t limit) {
    *chance = *chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*chance >> 33) % limit;
}

/* A name of the letters a to d, some of them escaped. */
static size_t write_name(char *out, const char *letters, uint64_t *chance) {
    size_t size = 0;
    out[size++] = '"';
    for (; *letters; letters++) {
        if (below(chance, 4) == 0)
            size += (size_t)sprintf(out + size, "\\u%04x", (unsigned)*letters);
        else
            out[size++] = *letters;
    }
    memcpy(out + size, "\":0,", 4);
    return size + 4;
}

static void duplicates_are_found_wherever_they_are(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        uint64_t chance = seed;
        char names[60][8], text[60 * 64];
        const uint32_t count = 1 + below(&chance, 60);
        size_t size = 1, duplicate = 0;
        text[0] = '{';
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t letters = below(&chance, 7);
            for (uint32_t n = 0; n < letters; n++)
                names[i][n] = (char)('a' + below(&chance, 4));
            names[i][letters] = '\0';
            for (uint32_t n = 0; n < i && duplicate == 0; n++)
                if (strcmp(names[n], names[i]) == 0) duplicate = size;
            size += write_name(text + size, names[i], &chance);
        }
        text[size - 1] = '}';
        text[size] = '\0';
        const size_t bad = is(text, size, duplicate ? JSON_DUPLICATE_NAME : JSON_OK);
        if (bad != duplicate) fail_msg("seed %d: at %zu, not %zu", (int)seed, bad, duplicate);
    }
}

/* Many names, in one object or in many, up to the limit and one over it. */
static void names_are_counted_by_the_line(void **state) {
    (void)state;
    static char text[64 * IJSON_NAMES_MAX];
    for (int many = 0; many <= 1; many++) {
        for (int over = 0; over <= 1; over++) {
            size_t size = 1;
            text[0] = '[';
            for (int i = 0; i < IJSON_NAMES_MAX + over; i++) {
                const char *open = i == 0 || many ? "{" : "";
                size += (size_t)sprintf(text + size, "%s\"name-%d\":%d%s,", open, many ? 1 : i, i,
                                        many ? "}" : "");
            }
            size--;
            size += (size_t)sprintf(text + size, many ? "]" : "}]");
            is(text, size, over ? JSON_TOO_MANY_NAMES : JSON_OK);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_stands_once_in_an_object),
        cmocka_unit_test(names_are_compared_as_they_read),
        cmocka_unit_test(a_surrogate_needs_its_other_half),
        cmocka_unit_test(what_is_no_character_is_refused),
        cmocka_unit_test(numbers_stay_where_doubles_are_exact),
        cmocka_unit_test(duplicates_are_found_wherever_they_are),
        cmocka_unit_test(names_are_counted_by_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
