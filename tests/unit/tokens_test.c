/* tokens_test.c - a literal requires only tokens that every line containing it has, and the hashes
 * never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "writer/index/tokens.h"

static uint64_t random_next(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint32_t of_literal(const char *literal, uint64_t *hashes) {
    return tokens_of_literal((const uint8_t *)literal, strlen(literal), hashes, TOKENS_LITERAL_MAX);
}

static bool holds(const struct token_set *set, uint64_t hash) {
    for (uint32_t i = 0; i < set->count; i++)
        if (set->hashes[i] == hash) return true;
    return false;
}

/* Fills with bytes that are usual in log lines, and some that are not. */
static void fill(uint8_t *bytes, size_t size, uint64_t *seed) {
    static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-_-aaeeiioo0123\xC3\xA9 ,.:\"/{}\\ ";
    const uint64_t dense = random_next(seed) % 3;
    for (size_t i = 0; i < size; i++) {
        const uint64_t draw = random_next(seed);
        const size_t among = dense == 0 ? sizeof usual - 1 : dense == 1 ? 80 : 30;
        bytes[i] = draw % 64 == 0 ? (uint8_t)(draw >> 8) : (uint8_t)usual[(draw >> 8) % among];
        if (dense == 2 && draw % 7 == 0) bytes[i] = ' ';
    }
}

static void tokens_of_a_literal_are_in_every_text_that_contains_it(void **state) {
    (void)state;
    struct token_set set;
    assert_int_equal(tokens_open(&set, 1000), 0);
    uint64_t seed = 1, required = 0;
    for (int round = 0; round < 3000; round++) {
        const size_t size = 1 + random_next(&seed) % 300;
        uint8_t *text = malloc(size); /* exact size: a sanitizer finds reads beyond it */
        fill(text, size, &seed);
        tokens_clear(&set);
        tokens_add(&set, text, size);
        assert_int_equal(set.lost, 0);
        for (int i = 0; i < 40; i++) {
            const size_t begin = random_next(&seed) % size;
            const size_t part = 1 + random_next(&seed) % (size - begin);
            uint8_t *literal = malloc(part);
            memcpy(literal, text + begin, part);
            for (size_t k = 0; k < part; k++) /* case is ignored */
                if (random_next(&seed) % 4 == 0 && ((literal[k] | 0x20) >= 'a') &&
                    ((literal[k] | 0x20) <= 'z'))
                    literal[k] ^= 0x20;
            uint64_t hashes[TOKENS_LITERAL_MAX];
            const uint32_t count = tokens_of_literal(literal, part, hashes, TOKENS_LITERAL_MAX);
            for (uint32_t k = 0; k < count; k++)
                assert_true(holds(&set, hashes[k]));
            required += count;
            free(literal);
        }
        free(text);
    }
    assert_true(required > 100000);
    tokens_close(&set);
}

static void only_whole_inner_tokens_count_unless_they_are_long(void **state) {
    (void)state;
    uint64_t hashes[TOKENS_LITERAL_MAX];
    assert_int_equal(of_literal("", hashes), 0);
    assert_int_equal(of_literal("timeout", hashes), 0);
    assert_int_equal(of_literal("\"timeout", hashes), 0);
    assert_int_equal(of_literal("\"timeout\"", hashes), 1);
    assert_int_equal(of_literal("a timeout of 25 ms", hashes), 1);
    assert_int_equal(of_literal("\"status\":503,", hashes), 2);
    assert_int_equal(of_literal(" same same same ", hashes), 1);
    assert_int_equal(of_literal("4bf92f3577b34da", hashes), 0); /* 15 */
    assert_int_equal(of_literal("4bf92f3577b34da6", hashes), 1);
    assert_in_range(of_literal("4bf92f3577b34da6a3ce929d0e0e4736", hashes), 2, 8);
    assert_in_range(of_literal("550e8400-e29b-41d4-a716-446655440000", hashes), 2, 9);
}

static void part_of_a_long_id_shares_a_token_with_it(void **state) {
    (void)state;
    static const char text[] = "request-4bf92f3577b34da6a3ce929d0e0e4736-retry";
    struct token_set set;
    uint64_t hashes[TOKENS_LITERAL_MAX];
    assert_int_equal(tokens_open(&set, 100), 0);
    tokens_add(&set, (const uint8_t *)text, strlen(text));
    for (size_t begin = 0; begin + TOKEN_LONG <= strlen(text); begin++) {
        const uint32_t count = tokens_of_literal((const uint8_t *)text + begin, TOKEN_LONG, hashes,
                                                 TOKENS_LITERAL_MAX);
        assert_int_equal(count, 1);
        assert_true(holds(&set, hashes[0]));
    }
    tokens_close(&set);
}

static void upper_and_lower_case_give_the_same_token(void **state) {
    (void)state;
    uint64_t lower[TOKENS_LITERAL_MAX], upper[TOKENS_LITERAL_MAX];
    assert_int_equal(of_literal(" disk ", lower), 1);
    assert_int_equal(of_literal(" DisK ", upper), 1);
    assert_true(lower[0] == upper[0]);
    assert_int_equal(of_literal(" disc ", upper), 1);
    assert_true(lower[0] != upper[0]);
}

/* Files contain these hashes.  If this fails, searches would test the wrong bits of old filters:
 * raise the version of filters, or revert the change. */
static void the_hashes_never_change(void **state) {
    (void)state;
    uint64_t hashes[TOKENS_LITERAL_MAX];
    static const struct {
        const char *literal;
        uint64_t hash;
    } pinned[] = {
        {" abc ", 0x851706E104DE9000u},
        {" Timeout ", 0xB385348CFCB00000u},
        {" fifteen_bytes_x ", 0x7DDDC3885518E000u},
        {"4bf92f3577b34da6", 0x9DCCB3CC91B54000u | TOKEN_HASH_WINDOW},
        {" \xC3\xA4\xC3\xB6 ", 0x79E767D2BD433000u},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++) {
        assert_int_equal(of_literal(pinned[i].literal, hashes), 1);
        if (hashes[0] != pinned[i].hash)
            print_error("%s: 0x%016llX\n", pinned[i].literal, (unsigned long long)hashes[0]);
        assert_true(hashes[0] == pinned[i].hash);
    }
}

static void a_full_set_keeps_its_tokens_and_counts_the_lost_ones(void **state) {
    (void)state;
    struct token_set set;
    assert_int_equal(tokens_open(&set, 3), 0);
    for (int round = 0; round < 5000;
         round++) { /* more rounds than a slot's generation can count */
        static const char text[] = "one two three four one five two";
        tokens_clear(&set);
        tokens_add(&set, (const uint8_t *)text, strlen(text));
        assert_int_equal(set.count, 3);
        assert_int_equal(set.lost, 2);
    }
    tokens_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_a_literal_are_in_every_text_that_contains_it),
        cmocka_unit_test(only_whole_inner_tokens_count_unless_they_are_long),
        cmocka_unit_test(part_of_a_long_id_shares_a_token_with_it),
        cmocka_unit_test(upper_and_lower_case_give_the_same_token),
        cmocka_unit_test(the_hashes_never_change),
        cmocka_unit_test(a_full_set_keeps_its_tokens_and_counts_the_lost_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
