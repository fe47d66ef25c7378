/* peers_test.c - the table of peers and their allowances: exact over any time, and bounded however
 * many addresses there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/network/peers.h"

#define SECOND  INT64_C(1000000000)
#define CLIENTS 100

static struct peers peers;
static int64_t now_ns;

static int begin(void **state) {
    (void)state;
    now_ns = 5 * SECOND;
    return peers_create(CLIENTS, 7, &peers);
}

static int end(void **state) {
    (void)state;
    peers_free(&peers);
    return 0;
}

static struct port_address ipv4(uint32_t number) {
    return (struct port_address){.family = 4,
                                 .ip = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                                        (uint8_t)(number >> 8), (uint8_t)number},
                                 .port = (uint16_t)number};
}

static struct port_address ipv6(uint64_t high, uint64_t low) {
    struct port_address address = {.family = 6};
    for (int i = 0; i < 8; i++) {
        address.ip[i] = (uint8_t)(high >> (56 - 8 * i));
        address.ip[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return address;
}

static struct peer *find(struct port_address address) {
    return peers_find(&peers, &address, now_ns);
}

static struct peer *meet(struct port_address address) {
    return peers_connect(&peers, &address);
}

/* ---- allowances ---- */

/* Uses one at a time as long as it may. */
static uint64_t use_all(struct peer *peer, const struct peer_limits *limits) {
    uint64_t used = 0;
    while (peer_wait_ns(peer, PEER_RECORDS, limits, now_ns) == 0) {
        peer_use(peer, PEER_RECORDS, limits, 1, now_ns);
        used++;
    }
    return used;
}

static void a_second_allows_its_number_and_no_more(void **state) {
    (void)state;
    for (uint64_t per_s = 1; per_s < 5000; per_s = per_s * 2 + 1) {
        const struct peer_limits limits = {.records_per_s = per_s};
        struct peer peer = {0};
        assert_int_equal(use_all(&peer, &limits), per_s);
        now_ns += SECOND;
        assert_int_equal(use_all(&peer, &limits), per_s);
        now_ns += 60 * SECOND; /* it holds no more than a second's */
        assert_int_equal(use_all(&peer, &limits), per_s);
    }
}

static void over_a_long_time_the_rate_is_exact(void **state) {
    (void)state;
    const struct peer_limits limits = {.bytes_per_s = 10000};
    struct peer peer = {0};
    const int64_t begin_ns = now_ns;
    uint64_t used = 0;
    while (used < 100000000) { /* receives of up to 256 KiB, each of which is overdrawn */
        const int64_t wait_ns = peer_wait_ns(&peer, PEER_BYTES, &limits, now_ns);
        if (wait_ns) {
            assert_true(wait_ns > now_ns);
            now_ns = wait_ns;
            assert_int_equal(peer_wait_ns(&peer, PEER_BYTES, &limits, now_ns), 0);
        }
        const uint64_t size = used % 262144 + 1;
        peer_use(&peer, PEER_BYTES, &limits, size, now_ns);
        used += size;
    }
    const double seconds = (double)(now_ns - begin_ns) / 1e9;
    assert_true(seconds > (double)(used - 10000 - 262144) / 10000 - 1);
    assert_true(seconds < (double)used / 10000 + 1);
}

static void without_a_limit_nothing_waits(void **state) {
    (void)state;
    const struct peer_limits limits = {.records_per_s = 1};
    struct peer peer = {0};
    peer_use(&peer, PEER_BYTES, &limits, UINT32_MAX, now_ns);
    assert_int_equal(peer_wait_ns(&peer, PEER_BYTES, &limits, now_ns), 0);
    assert_int_equal(peer_wait_ns(&peer, PEER_RECORDS, &limits, now_ns), 0);
    peer_use(&peer, PEER_RECORDS, &limits, 1, now_ns);
    assert_true(peer_wait_ns(&peer, PEER_RECORDS, &limits, now_ns) > now_ns);
}

/* ---- the table ---- */

static void a_peer_is_an_address_of_ipv4_or_64_bits_of_ipv6(void **state) {
    (void)state;
    struct peer *a = meet(ipv4(0x0A000001));
    assert_ptr_equal(meet(ipv6(0, UINT64_C(0xFFFF0A000001))), a); /* its mapped form */
    assert_int_equal(a->connections, 2);
    assert_ptr_not_equal(meet(ipv4(0x0A000002)), a);
    struct peer *b = meet(ipv6(UINT64_C(0x20010db800000000), 1));
    assert_ptr_equal(meet(ipv6(UINT64_C(0x20010db800000000), UINT64_MAX)), b);
    assert_ptr_not_equal(meet(ipv6(UINT64_C(0x20010db800000001), 1)), b);
    struct peer *c = meet(ipv6(UINT64_C(0xfe80000000000000), 1)); /* every host has this prefix */
    assert_ptr_not_equal(meet(ipv6(UINT64_C(0xfe80000000000000), 2)), c);
    assert_null(meet((struct port_address){0}));
}

static void the_connections_of_a_peer_are_counted_until_they_end(void **state) {
    (void)state;
    struct peer *open_now[CLIENTS];
    uint32_t expected[10] = {0};
    uint64_t random = 1;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        open_now[i] = meet(ipv4(i % 10));
        expected[i % 10]++;
    }
    for (uint32_t round = 0; round < 20000; round++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        const uint32_t i = (uint32_t)(random >> 33) % CLIENTS, peer = (uint32_t)(random >> 50) % 10;
        now_ns += SECOND / 100;
        expected[open_now[i]->low & 0xFF]--;
        peers_disconnect(&peers, open_now[i], now_ns);
        open_now[i] = meet(ipv4(peer));
        expected[peer]++;
        assert_int_equal(open_now[i]->connections, expected[peer]);
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        peers_disconnect(&peers, open_now[i], now_ns);
    assert_true(peers.used <= 10);
    assert_int_equal(peers.idle_count, peers.used);
}

static void any_number_of_addresses_takes_bounded_memory(void **state) {
    (void)state;
    const struct peer_limits limits = {.records_per_s = 1};
    struct peer *open_now[CLIENTS];
    for (uint32_t i = 0; i < CLIENTS; i++)
        open_now[i] = meet(ipv4(i));
    for (uint32_t i = 0; i < 10 * PEERS_IDLE_MAX; i++) { /* without time for any to be forgotten */
        struct peer *peer = find(ipv4(1000000 + i));
        assert_true((peer == &peers.others) == (i >= PEERS_IDLE_MAX));
        peer_use(peer, PEER_RECORDS, &limits, 1, now_ns);
    }
    assert_true(peers.used <= CLIENTS + PEERS_IDLE_MAX);
    assert_true(peer_wait_ns(&peers.others, PEER_RECORDS, &limits, now_ns) > now_ns);
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_ptr_equal(find(ipv4(i)), open_now[i]); /* they have their own */
    /* A connection of a new peer always has room, and so has its end. */
    for (uint32_t i = 0; i < 10000; i++) {
        peers_disconnect(&peers, open_now[i % CLIENTS], now_ns);
        open_now[i % CLIENTS] = meet(ipv4(20000000 + i));
        assert_int_equal(open_now[i % CLIENTS]->connections, 1);
    }
    assert_int_equal(peers.idle_count, PEERS_IDLE_MAX);
    assert_int_equal(peers.used, CLIENTS + PEERS_IDLE_MAX);
}

static void peers_are_forgotten_when_they_have_earned_all(void **state) {
    (void)state;
    const struct peer_limits limits = {.records_per_s = 1};
    for (uint32_t i = 0; i < PEERS_IDLE_MAX; i++)
        peer_use(find(ipv4(i)), PEER_RECORDS, &limits, i == 0 ? 1000 : 1, now_ns);
    assert_ptr_equal(find(ipv4(UINT32_MAX)), &peers.others);
    now_ns += SECOND; /* the first one owes more than a second */
    assert_ptr_equal(find(ipv4(UINT32_MAX)), &peers.others);
    now_ns += PEERS_FORGET_NS;
    assert_ptr_not_equal(find(ipv4(UINT32_MAX)), &peers.others);
    assert_int_equal(peer_wait_ns(find(ipv4(0)), PEER_RECORDS, &limits, now_ns), 0);
}

static void one_network_of_ipv6_is_one_peer(void **state) {
    (void)state;
    for (uint64_t host = 0; host < 100000; host++)
        find(ipv6(UINT64_C(0x20010db800000000), host * UINT64_C(0x9E3779B97F4A7C15)));
    assert_int_equal(peers.used, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_allows_its_number_and_no_more, begin, end),
        cmocka_unit_test_setup_teardown(over_a_long_time_the_rate_is_exact, begin, end),
        cmocka_unit_test_setup_teardown(without_a_limit_nothing_waits, begin, end),
        cmocka_unit_test_setup_teardown(a_peer_is_an_address_of_ipv4_or_64_bits_of_ipv6, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_connections_of_a_peer_are_counted_until_they_end, begin,
                                        end),
        cmocka_unit_test_setup_teardown(any_number_of_addresses_takes_bounded_memory, begin, end),
        cmocka_unit_test_setup_teardown(peers_are_forgotten_when_they_have_earned_all, begin, end),
        cmocka_unit_test_setup_teardown(one_network_of_ipv6_is_one_peer, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
