/* word_parts_test.c - a filter knows every four letters of a word, and a search for a part of the
 * word asks for no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "writer/index/line_tokens.h"
#include "writer/index/word_parts.h"

static const uint8_t *bytes_of(const char *text) {
    return (const uint8_t *)text;
}

static bool has(const struct token_set *set, uint64_t hash) {
    for (uint32_t i = 0; i < set->count; i++)
        if (set->hashes[i] == hash) return true;
    return false;
}

/* Does the set hold all that a search for the literal asks for? */
static bool may_contain(const struct token_set *set, const uint8_t *literal, size_t size) {
    uint64_t hashes[WORD_PARTS_LITERAL_MAX];
    const uint32_t count = word_parts_of_literal(literal, size, hashes, WORD_PARTS_LITERAL_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (!has(set, hashes[i])) return false;
    return true;
}

static void add(struct token_set *set, const uint8_t *bytes, size_t size) {
    struct word_parts parts = {0};
    assert_int_equal(word_parts_add(&parts, bytes, size), 0);
    assert_true(word_parts_end(&parts, set));
    word_parts_free(&parts);
}

static bool line_may_contain(const char *line, const char *literal) {
    struct token_set set;
    assert_int_equal(tokens_open(&set, 1000), 0);
    add(&set, bytes_of(line), strlen(line));
    const bool may = may_contain(&set, bytes_of(literal), strlen(literal));
    tokens_close(&set);
    return may;
}

static void a_part_of_a_word_is_known(void **state) {
    (void)state;
    static const char line[] = "{\"msg\":\"GatewayTimeouts at x9refused7, stop\"}\n";
    static const char *const in[] = {"timeout", "GATEWAY",    "teway",         "efuse",
                                     "stop",    "x9refused7", "Timeouts at x9"};
    static const char *const out[] = {"timeour", "gatewaz", "refuser",
                                      "stops",   "cannot",  "at timeout and more"};
    static const char *const unknown[] = {"xyz", "deadbeef", "12345", "", "tim eou", "fade"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        if (!line_may_contain(line, in[i])) fail_msg("%s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (line_may_contain(line, out[i])) fail_msg("%s", out[i]);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!line_may_contain(line, unknown[i])) fail_msg("%s", unknown[i]);
}

/* Of every text, every piece may occur in it, wherever blocks begin. */
static void no_piece_of_a_text_is_excluded(void **state) {
    (void)state;
    static const char alphabet[] = "abcdefghizABCDFGZ\"@[`{_-9\xC3\xA9";
    uint32_t seed = 11;
    for (uint32_t round = 0; round < 300; round++) {
        uint8_t text[400];
        size_t size = 0;
        const uint32_t most = round % 3 == 0 ? 17 : sizeof alphabet - 1;
        for (; size < sizeof text && size <= round * 2; size++) {
            seed = seed * 1664525 + 1013904223;
            text[size] = (uint8_t)alphabet[(seed >> 16) % most];
        }
        struct token_set set;
        assert_int_equal(tokens_open(&set, 5000), 0);
        add(&set, text, size);
        for (size_t begin = 0; begin < size; begin++)
            for (size_t length = 1; length < 20 && begin + length <= size; length++)
                if (!may_contain(&set, text + begin, length))
                    fail_msg("round %u: %.*s", round, (int)length, (char *)text + begin);
        tokens_close(&set);
    }
}

static void too_many_parts_are_none(void **state) {
    (void)state;
    struct word_parts parts = {0};
    struct token_set set;
    assert_int_equal(tokens_open(&set, 2 * WORD_PARTS_MAX), 0);
    for (int round = 0; round < 2; round++) { /* afterwards it is empty again */
        for (uint32_t n = 0; n <= WORD_PARTS_MAX; n++) {
            const uint8_t text[] = {(uint8_t)('g' + n % 16), (uint8_t)('g' + n / 16 % 16),
                                    (uint8_t)('g' + n / 256 % 16), (uint8_t)('a' + n / 4096)};
            assert_int_equal(word_parts_add(&parts, text, sizeof text), 0);
        }
        assert_false(word_parts_end(&parts, &set));
        assert_int_equal(set.count, 0);
    }
    assert_int_equal(word_parts_add(&parts, bytes_of("timeout"), 7), 0);
    assert_true(word_parts_end(&parts, &set));
    assert_int_equal(set.count, 4);
    word_parts_free(&parts);
    tokens_close(&set);
}

/* A set that is nearly full keeps its tokens. */
static void parts_never_displace_tokens(void **state) {
    (void)state;
    struct word_parts parts = {0};
    struct token_set set;
    assert_int_equal(tokens_open(&set, 3), 0);
    assert_int_equal(word_parts_add(&parts, bytes_of("timeout"), 7), 0);
    assert_false(word_parts_end(&parts, &set));
    assert_int_equal(set.count + set.lost, 0);
    word_parts_free(&parts);
    tokens_close(&set);
}

static void decoded_and_folded_texts_have_parts_too(void **state) {
    (void)state;
    static const char line[] = "{\"m\":\"time\\u006fut\",\"n\":\"\xE2\x84\xAAilroy\"}\n";
    struct line_tokens room = {0};
    struct token_set set;
    assert_int_equal(tokens_open(&set, 1000), 0);
    assert_int_equal(line_tokens_add(&room, &set, bytes_of(line), strlen(line)), 0);
    assert_true(line_tokens_end(&room, &set));
    assert_true(may_contain(&set, bytes_of("timeout"), 7));
    assert_true(may_contain(&set, bytes_of("KILROY"), 6));
    assert_false(may_contain(&set, bytes_of("kilroys"), 7));
    line_tokens_free(&room);
    tokens_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_a_word_is_known),
        cmocka_unit_test(no_piece_of_a_text_is_excluded),
        cmocka_unit_test(too_many_parts_are_none),
        cmocka_unit_test(parts_never_displace_tokens),
        cmocka_unit_test(decoded_and_folded_texts_have_parts_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
