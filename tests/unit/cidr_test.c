/* cidr_test.c - ranges of addresses: what is one, and what each contains, at every length of the
 * prefix, compared with a reference that looks at one bit at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/config/cidr.h"
#include "port/error.h"

static void parse(const char *text, struct cidr *range) {
    char problem[256];
    if (cidr_parse(text, range, problem, sizeof problem)) fail_msg("%s", problem);
}

static struct port_address address_of(const char *text) {
    struct port_address address;
    char whole[96];
    snprintf(whole, sizeof whole, strchr(text, ':') ? "[%s]:1" : "%s:1", text);
    if (address_parse(whole, &address)) fail_msg("%s", text);
    return address;
}

static bool contains(const char *range_text, const char *text) {
    struct cidr range;
    uint8_t ip[CIDR_BYTES];
    const struct port_address address = address_of(text);
    parse(range_text, &range);
    assert_true(cidr_address(&address, ip));
    return cidr_contains(&range, ip);
}

static void an_address_is_in_its_ranges_and_in_no_others(void **state) {
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.0.0.0"));
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "9.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("192.168.1.7", "192.168.1.7"));
    assert_false(contains("192.168.1.7", "192.168.1.6"));
    assert_true(contains("0.0.0.0/0", "255.255.255.255"));
    assert_true(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(contains("2001:db8::/32", "2001:db9::"));
    assert_true(contains("::1", "::1"));
    assert_false(contains("::1", "::2"));
    assert_true(contains("2001:db8::8000:0/97", "2001:db8::ffff:1"));
    assert_false(contains("2001:db8::8000:0/97", "2001:db8::7fff:1"));
}

static void mapped_addresses_are_those_of_ipv4(void **state) {
    (void)state;
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_false(contains("::ffff:10.0.0.0/104", "11.1.2.3"));
    assert_true(contains("::ffff:0:0/96", "1.2.3.4"));
    /* A range of IPv6 means IPv6. */
    assert_true(contains("::/0", "2001:db8::1"));
    assert_false(contains("::/0", "10.1.2.3"));
    assert_false(contains("::/0", "::ffff:10.1.2.3"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_false(contains("0.0.0.0/0", "::10.1.2.3"));
}

static bool bit(const uint8_t *ip, uint32_t i) {
    return ip[i / 8] >> (7 - i % 8) & 1;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, uint32_t bits) {
    for (uint32_t i = 0; i < bits; i++)
        if (bit(a, i) != bit(b, i)) return false;
    return true;
}

static uint64_t random_state = 42;
static uint8_t random_byte(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint8_t)(random_state >> 56);
}

/* The text of the first `bits` bits, the others 0. */
static void range_text(const struct port_address *address, uint32_t bits, char *text) {
    struct port_address first = *address;
    const uint32_t bytes = address->family == 4 ? 4 : 16;
    char whole[ADDRESS_TEXT_MAX];
    for (uint32_t i = bits; i < bytes * 8; i++)
        first.ip[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    first.port = 1;
    address_format(&first, whole);
    whole[strlen(whole) - (address->family == 4 ? 2 : 3)] = '\0'; /* ":1" or "]:1" */
    sprintf(text, "%s/%u", whole + (address->family == 6), (unsigned)bits);
}

/* Addresses that differ from the range in each single bit, and random ones. */
static void every_length_of_a_prefix_is_exact(void **state) {
    (void)state;
    for (uint16_t family = 4; family <= 6; family += 2) {
        const uint32_t all = family == 4 ? 32 : 128;
        for (uint32_t bits = 0; bits <= all; bits++)
            for (uint32_t round = 0; round < 2 * all; round++) {
                struct port_address address = {.family = family}, other;
                struct cidr range;
                uint8_t ip[CIDR_BYTES];
                char text[80];
                for (uint32_t i = 0; i < all / 8; i++)
                    address.ip[i] = random_byte();
                other = address;
                if (round < all)
                    other.ip[round / 8] ^= (uint8_t)(0x80u >> round % 8);
                else
                    other.ip[(round - all) / 8] = random_byte();
                range_text(&address, bits, text);
                parse(text, &range);
                assert_true(cidr_address(&other, ip));
                if (cidr_contains(&range, ip) != same_bits(address.ip, other.ip, bits))
                    fail_msg("%s", text);
                assert_true(cidr_address(&address, ip));
                assert_true(cidr_contains(&range, ip));
            }
    }
}

static void what_is_no_range_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "::/129",
        "10.0.0.0/08",
        "10.0.0.0/ 8",
        "10.0.0.0/8 ",
        " 10.0.0.0/8",
        "10.0.0/8",
        "10/8",
        "localhost",
        "10.0.0.0/8/8",
        "[::1]",
        "[::1]/128",
        "fe80::1%2",
        "1:2",
        "::1/1x",
        "10.0.0.0:80",
        "256.0.0.0/8",
        "010.0.0.0/8",
        ":::/0",
        "10.0.0.0/99999999999999999999",
        "10.0.0.0/4294967304",
        "all",
        "none",
        "*",
        "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cidr range;
        char problem[256] = "";
        if (cidr_parse(texts[i], &range, problem, sizeof problem) != ERR_INVALID)
            fail_msg("\"%s\" is a range", texts[i]);
        assert_non_null(strstr(problem, "expected"));
    }
}

static void bits_after_the_prefix_are_named_with_what_is_meant(void **state) {
    (void)state;
    struct cidr range;
    char problem[256];
    assert_int_equal(cidr_parse("10.1.2.3/8", &range, problem, sizeof problem), ERR_INVALID);
    assert_non_null(strstr(problem, "10.0.0.0/8 or 10.1.2.3 was expected"));
    assert_int_equal(cidr_parse("2001:db8::1/64", &range, problem, sizeof problem), ERR_INVALID);
    assert_non_null(strstr(problem, "2001:db8::/64 or 2001:db8::1 was expected"));
    assert_int_equal(cidr_parse("::ffff:10.0.0.1/96", &range, problem, sizeof problem),
                     ERR_INVALID);
}

static bool allowed(const struct cidr_rules *rules, const char *text) {
    uint8_t ip[CIDR_BYTES];
    const struct port_address address = address_of(text);
    cidr_address(&address, ip);
    return cidr_rules_allow(rules, ip);
}

static void deny_wins_and_an_empty_allow_is_everything(void **state) {
    (void)state;
    const struct option_list ten = {1, {"10.0.0.0/8"}}, one = {2, {"10.0.0.1", "::1"}};
    const struct option_list all = {1, {"all"}}, none = {1, {"none"}};
    struct cidr_rules rules = {0};
    assert_true(allowed(&rules, "1.2.3.4"));
    assert_true(allowed(&rules, "::1"));
    cidr_list_set(&rules.deny, &one);
    assert_true(allowed(&rules, "1.2.3.4"));
    assert_false(allowed(&rules, "::1"));
    cidr_list_set(&rules.allow, &ten);
    assert_true(allowed(&rules, "10.0.0.2"));
    assert_false(allowed(&rules, "10.0.0.1"));
    assert_false(allowed(&rules, "11.0.0.1"));
    cidr_list_set(&rules.allow, &all);
    assert_true(allowed(&rules, "11.0.0.1"));
    assert_true(allowed(&rules, "2001:db8::1"));
    assert_false(allowed(&rules, "10.0.0.1"));
    cidr_list_set(&rules.deny, &none);
    assert_true(allowed(&rules, "10.0.0.1"));
    assert_true(allowed(&rules, "::ffff:10.0.0.1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_in_its_ranges_and_in_no_others),
        cmocka_unit_test(mapped_addresses_are_those_of_ipv4),
        cmocka_unit_test(every_length_of_a_prefix_is_exact),
        cmocka_unit_test(what_is_no_range_is_refused),
        cmocka_unit_test(bits_after_the_prefix_are_named_with_what_is_meant),
        cmocka_unit_test(deny_wins_and_an_empty_allow_is_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
