/* cidr_fuzz.c - a range of addresses contains its first and last one, and none that differs within
 * its prefix; a range that is written anew is the same.
 * tests/CMakeLists.txt builds and runs it. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ingest/config/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_mapped(const uint8_t ip[CIDR_BYTES]) {
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

/* A range that is larger than the mapped ones contains none of these. */
static void check_inside(const struct cidr *range, const uint8_t ip[CIDR_BYTES]) {
    assert(cidr_contains(range, ip) == !(range->bits < CIDR_MAPPED_MIN && is_mapped(ip)));
}

static void check(const struct cidr *range) {
    uint8_t ip[CIDR_BYTES];
    memcpy(ip, range->ip, sizeof ip);
    check_inside(range, ip);
    for (uint32_t i = range->bits; i < 128; i++)
        ip[i / 8] |= (uint8_t)(0x80u >> i % 8);
    check_inside(range, ip);
    for (uint32_t i = 0; i < range->bits; i++) {
        ip[i / 8] ^= (uint8_t)(0x80u >> i % 8);
        assert(!cidr_contains(range, ip));
        ip[i / 8] ^= (uint8_t)(0x80u >> i % 8);
    }
}

static void parse(const char *text) {
    struct cidr range, again;
    char problem[512], whole[ADDRESS_TEXT_MAX], written[ADDRESS_TEXT_MAX + 8];
    if (cidr_parse(text, &range, problem, sizeof problem)) {
        assert(strstr(problem, "expected"));
        return;
    }
    check(&range);
    struct port_address address = {.family = 6, .port = 1};
    memcpy(address.ip, range.ip, CIDR_BYTES);
    address_format(&address, whole);
    *strchr(whole, ']') = '\0';
    snprintf(written, sizeof written, "%s/%u", whole + 1, (unsigned)range.bits);
    assert(cidr_parse(written, &again, problem, sizeof problem) == 0);
    assert(memcmp(&again, &range, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[256];
    if (size >= sizeof text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    parse(text);
    return 0;
}
