/* port_datagrams_test.c - what port.h promises of datagrams: each is a slice,
 * whole or marked, with its sender, and none is lost without being counted. */
#include "tests/unit/probe.h"

struct udp {
    struct port *port;
    struct port_socket socket;
    struct port_address address;
    struct port_pool *pool;
    struct client client;
    struct probe receive;
    uint32_t granted;
};

static struct port_address loopback(void) {
    return (struct port_address){.family = 4, .ip = {127, 0, 0, 1}};
}

static void open_udp(struct udp *udp, struct port *port, uint32_t buffer_bytes, uint32_t buffers,
                     uint32_t datagram_bytes_max, uint32_t receive_bytes) {
    *udp = (struct udp){.port = port, .address = loopback(), .receive = probe_new(NULL)};
    assert_int_equal(port_pool_create(port, buffer_bytes, buffers, datagram_bytes_max, &udp->pool),
                     0);
    assert_int_equal(port_bind(port, &udp->socket, &udp->address, receive_bytes, &udp->granted), 0);
    assert_int_not_equal(udp->address.port, 0);
    assert_int_equal(client_datagrams(&udp->address, &udp->client), 0);
}

static void close_udp(struct udp *udp) {
    port_shut(udp->port, &udp->socket);
    settle(udp->port);
    port_pool_free(udp->pool);
    client_close(&udp->client);
}

static void start_receive(struct udp *udp) {
    port_receive_datagrams(udp->port, &udp->receive.op, &udp->socket, udp->pool);
}

static void send_text(struct udp *udp, const char *text) {
    assert_int_equal(client_send(&udp->client, text, strlen(text)), 0);
}

/* Receives until there were `count`, and appends "text|" for each to `all`,
 * "text+|" for one that was cut. */
static void receive_texts(struct udp *udp, uint32_t count, char *all) {
    while (count > 0) {
        start_receive(udp);
        const int64_t got = probe_await(udp->port, &udp->receive, udp->receive.returns + 1);
        struct port_buffer *buffer = udp->receive.op.buffer;
        assert_true(got >= 1 && got <= count);
        assert_int_equal(buffer->slice_count, got);
        for (uint32_t i = 0; i < buffer->slice_count; i++) {
            const struct port_slice *slice = &buffer->slices[i];
            assert_int_equal(slice->peer.family, 4);
            assert_memory_equal(slice->peer.ip, udp->address.ip, 4);
            assert_int_not_equal(slice->peer.port, 0);
            strncat(all, (const char *)buffer->bytes + slice->offset, slice->size);
            strcat(all, slice->truncated ? "+|" : "|");
        }
        count -= (uint32_t)got;
        port_buffer_release(buffer);
    }
}

static void datagrams_come_apart_in_order_an_empty_one_too(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 8 * 65536, 2, 65536, 1 << 20);
    char all[200] = "";
    send_text(&udp, "one");
    send_text(&udp, "");
    send_text(&udp, "three");
    send_text(&udp, "");
    receive_texts(&udp, 4, all);
    assert_string_equal(all, "one||three||");
    start_receive(&udp); /* the receive that was there before its datagram */
    assert_int_equal(port_wait(udp.port, 5 * MS), 0);
    send_text(&udp, "");
    assert_int_equal(probe_await(udp.port, &udp.receive, udp.receive.returns + 1), 1);
    assert_int_equal(udp.receive.op.buffer->slices[0].size, 0);
    port_buffer_release(udp.receive.op.buffer);
    close_udp(&udp);
}

/* A system may hand out what it has one at a time (IOCP does): so this asks
 * for fewer completions than datagrams only where they are known to be joined. */
static void the_address_of_all_takes_ipv4_too_whose_peers_are_ipv4(void **state) {
    struct udp udp;
    struct port *port = *state;
    struct port_socket six;
    struct port_address any = {.family = 6}, loopback6 = {.family = 6, .ip = {[15] = 1}};
    uint32_t granted;
    if (port_bind(port, &six, &loopback6, 65536, &granted) < 0) skip();
    port_shut(port, &six);
    open_udp(&udp, port, 8 * 65536, 2, 65536, 1 << 20);
    client_close(&udp.client);
    port_shut(port, &udp.socket);
    settle(port);
    assert_int_equal(port_bind(port, &udp.socket, &any, 1 << 20, &granted), 0);
    udp.address.port = loopback6.port = any.port;
    char all[20] = "";
    assert_int_equal(client_datagrams(&udp.address, &udp.client), 0);
    send_text(&udp, "four");
    receive_texts(&udp, 1, all); /* compares the peer's address */
    assert_string_equal(all, "four|");
    client_close(&udp.client);
    assert_int_equal(client_datagrams(&loopback6, &udp.client), 0);
    send_text(&udp, "six");
    start_receive(&udp);
    assert_int_equal(probe_await(port, &udp.receive, udp.receive.returns + 1), 1);
    assert_int_equal(udp.receive.op.buffer->slices[0].peer.family, 6);
    port_buffer_release(udp.receive.op.buffer);
    close_udp(&udp);
}

static void several_datagrams_come_in_one_completion(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 64 * 1024, 2, 1024, 1 << 20);
    if (strcmp(port_name(udp.port), "iocp") != 0) {
        for (int i = 0; i < 50; i++)
            send_text(&udp, "x");
        start_receive(&udp);
        assert_int_equal(probe_await(udp.port, &udp.receive, 1), 50);
        port_buffer_release(udp.receive.op.buffer);
    }
    close_udp(&udp);
}

static void a_datagram_too_long_for_its_place_is_marked_and_the_next_is_whole(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 64, 4, 16, 1 << 20);
    char all[200] = "";
    send_text(&udp, "short");
    send_text(&udp, "exactly-16-bytes");
    send_text(&udp, "seventeen-bytes-17");
    send_text(&udp, "next");
    receive_texts(&udp, 4, all);
    assert_string_equal(all, "short|exactly-16-bytes|seventeen-bytes-+|next|");
    close_udp(&udp);
}

/* Where the system can do it; that it says when it cannot is a promise as well. */
static void segments_sent_at_once_are_datagrams_the_last_may_be_short(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 8 * 65536, 2, 65536, 1 << 20);
    const int status = client_send_segments(&udp.client, "onetwosixno", 11, 3);
    if (status == ERR_UNSUPPORTED) {
        assert_string_equal(port_name(udp.port), "iocp");
    } else {
        char all[200] = "";
        assert_int_equal(status, 0);
        assert_int_equal(client_send_segments(&udp.client, "alone", 5, 200), 0);
        receive_texts(&udp, 5, all);
        assert_string_equal(all, "one|two|six|no|alone|");
    }
    close_udp(&udp);
}

static void the_longest_datagram_there_is_comes_whole(void **state) {
    enum { LONGEST = 65507 }; /* 65,535 less the headers of IP and UDP */
    struct udp udp;
    open_udp(&udp, *state, 65536, 2, 65536, 1 << 20);
    uint8_t *bytes = malloc(LONGEST);
    system_random(bytes, LONGEST);
    start_receive(&udp);
    assert_int_equal(client_send(&udp.client, bytes, LONGEST), 0);
    assert_int_equal(probe_await(udp.port, &udp.receive, 1), 1);
    const struct port_buffer *buffer = udp.receive.op.buffer;
    assert_int_equal(buffer->slices[0].size, LONGEST);
    assert_false(buffer->slices[0].truncated);
    assert_memory_equal(buffer->bytes + buffer->slices[0].offset, bytes, LONGEST);
    port_buffer_release(udp.receive.op.buffer);
    free(bytes);
    close_udp(&udp);
}

static void many_datagrams_all_come_once_and_in_order(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 4096, 4, 256, 1 << 20);
    const uint32_t count = scaled(20000);
    uint32_t sent = 0, got = 0;
    while (got < count) {
        for (int burst = 0; burst < 40 && sent < count; burst++, sent++)
            assert_int_equal(client_send(&udp.client, &sent, sizeof sent), 0);
        while (got < sent) {
            start_receive(&udp);
            probe_await(udp.port, &udp.receive, udp.receive.returns + 1);
            struct port_buffer *buffer = udp.receive.op.buffer;
            for (uint32_t i = 0; i < buffer->slice_count; i++, got++) {
                assert_int_equal(buffer->slices[i].size, sizeof got);
                assert_memory_equal(buffer->bytes + buffer->slices[i].offset, &got, sizeof got);
            }
            port_buffer_release(buffer);
        }
    }
    close_udp(&udp);
}

static void a_receive_of_datagrams_can_be_cancelled_and_shut(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 4096, 2, 256, 65536);
    start_receive(&udp);
    assert_int_equal(port_wait(udp.port, MS), 0);
    port_cancel(&udp.receive.op);
    assert_int_equal(probe_await(udp.port, &udp.receive, 1), ERR_CANCELLED);
    char all[50] = "";
    send_text(&udp, "after");
    receive_texts(&udp, 1, all);
    assert_string_equal(all, "after|");
    start_receive(&udp);
    port_shut(udp.port, &udp.socket);
    assert_int_equal(probe_await(udp.port, &udp.receive, 3), ERR_CANCELLED);
    close_udp(&udp);
    assert_int_equal(udp.receive.returns, 3);
}

static void datagrams_wait_in_the_socket_while_no_buffer_is_free(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 256, 1, 256, 65536);
    start_receive(&udp);
    send_text(&udp, "first");
    assert_int_equal(probe_await(udp.port, &udp.receive, 1), 1);
    struct port_buffer *held = udp.receive.op.buffer;
    start_receive(&udp);
    send_text(&udp, "second");
    settle(udp.port);
    assert_int_equal(udp.receive.returns, 1);
    port_buffer_release(held);
    assert_int_equal(probe_await(udp.port, &udp.receive, 2), 1);
    assert_memory_equal(udp.receive.op.buffer->bytes + udp.receive.op.buffer->slices[0].offset,
                        "second", 6);
    port_buffer_release(udp.receive.op.buffer);
    close_udp(&udp);
}

static void what_the_kernel_drops_is_counted_to_the_last_one(void **state) {
    struct udp udp;
    open_udp(&udp, *state, 64 * 1024, 2, 1024, 8192);
    enum { SENT = 500 };
    const uint8_t bytes[1000] = {0};
    assert_true(udp.granted > 0);
    const bool counted = strcmp(port_name(udp.port), "iocp") != 0;
    assert_int_equal(port_kernel_drops(&udp.socket), counted ? 0 : PORT_DROPS_UNKNOWN);
    if (!counted) {
        close_udp(&udp);
        skip();
    }
    for (int i = 0; i < SENT; i++)
        assert_int_equal(client_send(&udp.client, bytes, sizeof bytes), 0);
    const uint64_t drops = port_kernel_drops(&udp.socket);
    assert_true(drops > 0 && drops < SENT);
    for (uint64_t got = 0; got < SENT - drops;) {
        start_receive(&udp);
        got += (uint64_t)probe_await(udp.port, &udp.receive, udp.receive.returns + 1);
        port_buffer_release(udp.receive.op.buffer);
        assert_true(got <= SENT - drops);
    }
    start_receive(&udp);
    assert_int_equal(port_wait(udp.port, 5 * MS), 0); /* there were no more */
    assert_int_equal(port_kernel_drops(&udp.socket), drops);
    close_udp(&udp);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        PORT_TEST(datagrams_come_apart_in_order_an_empty_one_too),
        PORT_TEST(the_address_of_all_takes_ipv4_too_whose_peers_are_ipv4),
        PORT_TEST(several_datagrams_come_in_one_completion),
        PORT_TEST(a_datagram_too_long_for_its_place_is_marked_and_the_next_is_whole),
        PORT_TEST(segments_sent_at_once_are_datagrams_the_last_may_be_short),
        PORT_TEST(the_longest_datagram_there_is_comes_whole),
        PORT_TEST(many_datagrams_all_come_once_and_in_order),
        PORT_TEST(a_receive_of_datagrams_can_be_cancelled_and_shut),
        PORT_TEST(datagrams_wait_in_the_socket_while_no_buffer_is_free),
        PORT_TEST(what_the_kernel_drops_is_counted_to_the_last_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
