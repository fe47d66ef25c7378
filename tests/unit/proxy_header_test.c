/* proxy_header_test.c - headers of the PROXY protocol: complete ones wherever they are cut, broken ones
 * as soon as they are, and nothing after them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/transport/proxy_header.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1
#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define IPV4        "\xC0\0\2\1\xC0\0\2\2\xDC\x04\1\xBB" /* 192.0.2.1:56324 to 192.0.2.2:443 */

struct sample {
    const uint8_t *bytes;
    size_t size;
    const char *client; /* "unknown": none; NULL: broken */
};

static const struct sample lines[] = {
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), "192.0.2.1:56324"},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535"},
    {BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0"},
    {BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "[2001:db8::1]:1"},
    {BYTES("PROXY TCP6 FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {BYTES("PROXY TCP6 ::ffff:10.0.0.1 ::1 1 2\r\n"), "[::ffff:a00:1]:1"},
    {BYTES("PROXY UNKNOWN\r\n"), "unknown"},
    {BYTES("PROXY UNKNOWN ffff::1 x \0 y 65535 65535\r\n"), "unknown"},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), /* 107 bytes */
     "unknown"},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n"),
     NULL},
    {BYTES("PROXY UNKNOWNS\r\n"), NULL},
    {BYTES("PROXY UNKNOWN\0\r\n"), NULL},
    {BYTES("PROXY\r\n"), NULL},
    {BYTES("PROXY \r\n"), NULL},
    {BYTES("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NULL},
    {BYTES(" PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1\r192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), NULL},
    {BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), NULL},
    {BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("PROXY TCP6 fe80::1%1 ::1 1 2\r\n"), NULL},
    {BYTES("PROXY TCP6 ::1]:5 ::1 1 2\r\n"), NULL},
    {BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), NULL},
    {BYTES("{\"a\":1}\n"), NULL},
};

static const struct sample binaries[] = {
    {BYTES(SIGNATURE "\x21\x11\0\x0C" IPV4), "192.0.2.1:56324"},
    {BYTES(SIGNATURE "\x21\x12\0\x0C" IPV4), "192.0.2.1:56324"},
    {BYTES(SIGNATURE "\x21\x11\0\x0F" IPV4 "\x04\0\0"), "192.0.2.1:56324"},
    {BYTES(SIGNATURE "\x21\x11\0\x19" IPV4 "\x01\0\2h2\xEA\0\0\x04\0\2xy"), "192.0.2.1:56324"},
    {BYTES(SIGNATURE "\x21\x21\0\x24\x20\1\xD\xB8\0\0\0\0\0\0\0\0\0\0\0\1"
                     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2"),
     "[2001:db8::1]:1"},
    /* LOCAL: the family does not matter, and what follows is skipped. */
    {BYTES(SIGNATURE "\x20\x00\0\0"), "unknown"},
    {BYTES(SIGNATURE "\x20\x11\0\x0C" IPV4), "unknown"},
    {BYTES(SIGNATURE "\x20\xFF\0\3abc"), "unknown"},
    {BYTES(SIGNATURE "\x21\x00\0\0"), "unknown"},
    {BYTES(SIGNATURE "\x21\x00\0\5\3\0\4ab"), "unknown"},
    {BYTES(SIGNATURE "\x22\x11\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x11\x11\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x10\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x13\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x01\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x41\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0B" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x21\0\x0C" IPV4), NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0D" IPV4 "\4"), NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0E" IPV4 "\4\0"), NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0F" IPV4 "\4\0\1"), NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x12" IPV4 "\3\0\3abc"), NULL}, /* a checksum of three bytes */
    {BYTES("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0C" IPV4), NULL},
};

static size_t take(struct proxy_header *header, const uint8_t *bytes, size_t size) {
    uint8_t *piece = malloc(size ? size : 1); /* so that a read after its end is found */
    assert_non_null(piece);
    memcpy(piece, bytes, size);
    const size_t taken = proxy_header_take(header, piece, size);
    free(piece);
    return taken;
}

static void check(const struct sample *sample, const struct proxy_header *header, size_t taken) {
    char client[ADDRESS_TEXT_MAX];
    assert_int_equal(header->size, taken);
    assert_memory_equal(header->head, sample->bytes, proxy_header_kept(header));
    if (!sample->client) {
        assert_int_equal(header->state, PROXY_BROKEN);
        assert_non_null(header->problem);
        return;
    }
    assert_int_equal(header->state, PROXY_DONE);
    assert_int_equal(taken, sample->size);
    assert_string_equal(address_format(&header->client, client), sample->client);
}

static void check_everywhere(const struct sample *sample) {
    uint8_t bytes[512];
    assert_true(sample->size + 3 < sizeof bytes);
    memcpy(bytes, sample->bytes, sample->size);
    memcpy(bytes + sample->size, "{}\n", 3); /* the client's, which must not be taken */
    for (size_t cut = 0; cut <= sample->size; cut++) {
        struct proxy_header header = {.state = PROXY_MORE};
        size_t taken = take(&header, bytes, cut);
        if (header.state == PROXY_MORE)
            taken += take(&header, bytes + taken, sample->size + 3 - taken);
        check(sample, &header, taken);
    }
    struct proxy_header header = {.state = PROXY_MORE};
    size_t taken = 0;
    while (taken < sample->size && header.state == PROXY_MORE)
        taken += take(&header, bytes + taken, 1);
    check(sample, &header, taken);
}

static void headers_are_read_wherever_they_are_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        check_everywhere(&lines[i]);
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        check_everywhere(&binaries[i]);
}

static void what_is_no_header_is_refused_at_the_first_byte_that_differs(void **state) {
    (void)state;
    struct proxy_header header = {.state = PROXY_MORE};
    assert_int_equal(take(&header, BYTES("{\"a\":1}")), 1);
    assert_int_equal(header.state, PROXY_BROKEN);
    header = (struct proxy_header){.state = PROXY_MORE};
    assert_int_equal(take(&header, BYTES("PRI * HTTP/2")), 3);
    assert_int_equal(header.state, PROXY_BROKEN);
    header = (struct proxy_header){.state = PROXY_MORE};
    assert_int_equal(take(&header, BYTES("\r\n{\"a\":1}")), 3);
    assert_int_equal(header.state, PROXY_BROKEN);
}

static void check_path(const char *path, size_t size, const char *name) {
    uint8_t bytes[16 + 216] = SIGNATURE "\x21\x31\0\xD8";
    memcpy(bytes + 16, path, size);
    struct proxy_header header = {.state = PROXY_MORE};
    assert_int_equal(take(&header, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(header.state, PROXY_DONE);
    assert_int_equal(header.client.family, 0);
    assert_string_equal(header.client_name, name);
}

static void unix_sockets_have_names(void **state) {
    char longest[108], name[5 + 108 + 1] = "unix:";
    (void)state;
    check_path("/run/a b\"\\\x01\xC3.sock", 17, "unix:/run/a?b????.sock");
    check_path("\0abstract", 9, "unix:@abstract");
    check_path("", 0, "unix:");
    memset(longest, 'x', sizeof longest);
    memset(name + 5, 'x', 108);
    check_path(longest, sizeof longest, name);
}

/* Bit by bit, as the polynomial is defined. */
static uint32_t sum_of(const uint8_t *bytes, size_t size) {
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 1 ? sum >> 1 ^ 0x82F63B78u : sum >> 1;
    }
    return ~sum;
}

static void a_checksum_is_checked_if_there_is_one(void **state) {
    uint8_t bytes[] = SIGNATURE "\x21\x11\0\x1A" IPV4 "\x04\0\1x\x03\0\4\0\0\0\0\x04\0";
    const size_t at = 16 + 12 + 4 + 3, size = 16 + 0x1A;
    (void)state;
    assert_int_equal(sum_of(BYTES("123456789")), 0xE3069283u); /* RFC 3720 names this check value */
    bytes[size - 3] = 0x04, bytes[size - 2] = 0, bytes[size - 1] = 0;
    const uint32_t sum = sum_of(bytes, size);
    for (int i = 0; i < 4; i++)
        bytes[at + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
    struct proxy_header header = {.state = PROXY_MORE};
    assert_int_equal(take(&header, bytes, size), size);
    assert_int_equal(header.state, PROXY_DONE);
    for (size_t bit = 16 * 8; bit < size * 8; bit++) { /* any changed bit after the fixed part */
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        header = (struct proxy_header){.state = PROXY_MORE};
        take(&header, bytes, size);
        /* A changed type of the checksum's own element removes the checksum. */
        if (bit / 8 == at - 3)
            assert_int_not_equal(header.state, PROXY_MORE);
        else
            assert_int_equal(header.state, PROXY_BROKEN);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void the_longest_header_is_skipped_to_its_end(void **state) {
    const size_t size = 16 + 65535;
    uint8_t *bytes = calloc(1, size + 1);
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, BYTES(SIGNATURE "\x21\x11\xFF\xFF" IPV4 "\xEE\xFF\xF0"));
    struct proxy_header header = {.state = PROXY_MORE};
    assert_int_equal(proxy_header_take(&header, bytes, size + 1), size);
    assert_int_equal(header.state, PROXY_DONE);
    free(bytes);
}

static void random_changes_are_read_alike_in_one_piece_and_in_many(void **state) {
    uint32_t seed = 1;
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        const bool text = turn % 2;
        const size_t count =
            text ? sizeof lines / sizeof *lines : sizeof binaries / sizeof *binaries;
        const struct sample *sample = &(text ? lines : binaries)[(size_t)turn / 2 % count];
        uint8_t bytes[512];
        struct proxy_header whole = {.state = PROXY_MORE}, pieces = {.state = PROXY_MORE};
        memcpy(bytes, sample->bytes, sample->size);
        for (int i = 0; i < 2; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[(seed >> 16) % sample->size] = (uint8_t)(seed >> 8);
        }
        const size_t taken = take(&whole, bytes, sample->size);
        size_t at = 0;
        while (at < sample->size && pieces.state == PROXY_MORE) {
            seed = seed * 1664525 + 1013904223;
            const size_t rest = sample->size - at, size = 1 + (seed >> 16) % rest;
            at += take(&pieces, bytes + at, size);
        }
        assert_int_equal(at, taken);
        assert_memory_equal(&whole, &pieces, sizeof whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_wherever_they_are_cut),
        cmocka_unit_test(what_is_no_header_is_refused_at_the_first_byte_that_differs),
        cmocka_unit_test(unix_sockets_have_names),
        cmocka_unit_test(a_checksum_is_checked_if_there_is_one),
        cmocka_unit_test(the_longest_header_is_skipped_to_its_end),
        cmocka_unit_test(random_changes_are_read_alike_in_one_piece_and_in_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
