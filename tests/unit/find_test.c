/* find_test.c - the vector search finds what a plain comparison finds, and reads nothing after the
 * end (AddressSanitizer would see it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/query/find_set.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static int fold(uint8_t byte, bool ignore_case) {
    return ignore_case && byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

/* The simplest possible search. */
static const uint8_t *find_slowly(const uint8_t *needle, size_t size, bool ignore_case,
                                  const uint8_t *text, const uint8_t *end) {
    for (; (size_t)(end - text) >= size; text++) {
        size_t same = 0;
        while (same < size && fold(text[same], ignore_case) == fold(needle[same], ignore_case))
            same++;
        if (same == size) return text;
    }
    return NULL;
}

static void all_ways_find_the_same_place(void **state) {
    (void)state;
    static const char letters[] = "aAbB\n\"\x80\xff";
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        random_state = seed;
        const size_t text_size = draw(200), needle_size = draw(draw(2) ? 4 : 40);
        const uint32_t kinds = draw(sizeof letters - 2) + 1;
        const bool ignore_case = draw(2) == 1;
        /* Exactly this size, so that AddressSanitizer sees a read after the end. */
        uint8_t *text = malloc(text_size + 1), *pattern = malloc(needle_size + 1);
        for (size_t i = 0; i < text_size; i++)
            text[i] = (uint8_t)letters[draw(kinds)];
        for (size_t i = 0; i < needle_size; i++)
            pattern[i] = (uint8_t)letters[draw(kinds)];
        /* A long needle would not occur by chance. */
        if (needle_size <= text_size && draw(2))
            memcpy(text + draw((uint32_t)(text_size - needle_size + 1)), pattern, needle_size);
        text = realloc(text, text_size > 0 ? text_size : 1);
        struct needle needle;
        assert_int_equal(needle_open(&needle, pattern, needle_size, ignore_case), 0);
        const uint8_t *const end = text + text_size;
        const uint8_t *place = find_slowly(pattern, needle_size, ignore_case, text, end);
        if (find(&needle, text, end) != place || find_plain(&needle, text, end) != place)
            fail_msg("seed %llu", (unsigned long long)seed);
        needle.wide = false; /* as on a CPU without AVX2 */
        if (find(&needle, text, end) != place) fail_msg("seed %llu", (unsigned long long)seed);
        needle_close(&needle);
        free(pattern);
        free(text);
    }
}

static void every_byte_can_be_found_and_only_letters_have_a_case(void **state) {
    (void)state;
    uint8_t text[256 + 64];
    memset(text, 'x', sizeof text);
    for (int byte = 0; byte < 256; byte++)
        text[byte] = (uint8_t)byte;
    for (int byte = 0; byte < 256; byte++) {
        struct needle needle;
        const uint8_t pattern = (uint8_t)byte;
        assert_int_equal(needle_open(&needle, &pattern, 1, false), 0);
        assert_ptr_equal(find(&needle, text, text + sizeof text), text + byte);
        needle_close(&needle);
        assert_int_equal(needle_open(&needle, &pattern, 1, true), 0);
        const bool small = byte >= 'a' && byte <= 'z';
        assert_ptr_equal(find(&needle, text, text + sizeof text), text + byte - (small ? 32 : 0));
        needle_close(&needle);
    }
}

static void an_empty_needle_stands_everywhere(void **state) {
    (void)state;
    struct needle needle;
    const uint8_t text[4] = "abc";
    assert_int_equal(needle_open(&needle, "", 0, false), 0);
    assert_ptr_equal(find(&needle, text, text + 3), text);
    assert_ptr_equal(find(&needle, text + 3, text + 3), text + 3);
    needle_close(&needle);
}

/* Sets of literals: the place is the start of one of them, and no other one is in an earlier line. */
static void a_set_finds_the_first_line_with_any_of_its_needles(void **state) {
    (void)state;
    static const char letters[] = "aAbBcdefgh\"\x80\xff";
    for (uint64_t seed = 1; seed <= 10000; seed++) {
        random_state = seed;
        const size_t text_size = draw(400);
        const uint32_t kinds = draw(sizeof letters - 3) + 2, count = draw(12) + 1;
        const bool ignore_case = draw(2) == 1;
        uint8_t *text = malloc(text_size + 1), needles[12][8];
        size_t sizes[12];
        struct needle_set set = {0};
        for (size_t i = 0; i < text_size; i++)
            text[i] = draw(12) == 0 ? '\n' : (uint8_t)letters[draw(kinds)];
        for (uint32_t n = 0; n < count; n++) {
            sizes[n] = 1 + draw(8);
            for (size_t i = 0; i < sizes[n]; i++)
                needles[n][i] = (uint8_t)letters[draw(kinds)];
            assert_int_equal(needle_set_add(&set, needles[n], sizes[n], ignore_case), 0);
        }
        assert_int_equal(needle_set_ready(&set), 0);
        text = realloc(text, text_size > 0 ? text_size : 1);
        const uint8_t *const end = text + text_size, *first = NULL;
        for (uint32_t n = 0; n < count; n++) {
            const uint8_t *place = find_slowly(needles[n], sizes[n], ignore_case, text, end);
            if (place != NULL && (first == NULL || place < first)) first = place;
        }
        const uint8_t *const places[] = {find_set(&set, text, end),
                                         find_set_plain(&set, text, end)};
        for (int way = 0; way < 2; way++) {
            const uint8_t *place = places[way];
            if ((place == NULL) != (first == NULL)) fail_msg("seed %llu", (unsigned long long)seed);
            if (place == NULL) continue;
            bool is_needle = false;
            for (uint32_t n = 0; n < count; n++)
                is_needle |= find_slowly(needles[n], sizes[n], ignore_case, place, end) == place;
            const bool same_line =
                place >= first && memchr(first, '\n', (size_t)(place - first)) == NULL;
            if (!is_needle || !same_line) fail_msg("seed %llu", (unsigned long long)seed);
        }
        needle_set_close(&set);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_find_the_same_place),
        cmocka_unit_test(a_set_finds_the_first_line_with_any_of_its_needles),
        cmocka_unit_test(every_byte_can_be_found_and_only_letters_have_a_case),
        cmocka_unit_test(an_empty_needle_stands_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
