/* port_network_test.c - what port.h promises of sockets: streams, datagrams,
 * pools of buffers, and cancelling.  All traffic is loopback; the other side
 * is system.h's blocking client. */
#include "tests/unit/probe.h"

enum { BUFFER_BYTES = 4096, BUFFERS = 8 };

struct net {
    struct port *port;
    struct port_pool *pool;
    struct port_socket listener;
    struct port_address address;
};

struct connection {
    struct probe receive; /* first */
    struct net *net;
    struct port_socket socket;
    struct client client;
    uint32_t started; /* receives, so far */
    uint8_t expected;
    uint32_t served;
};

static struct port_address loopback(uint16_t family) {
    struct port_address address = {.family = family};
    if (family == 6)
        address.ip[15] = 1;
    else
        memcpy(address.ip, (uint8_t[]){127, 0, 0, 1}, 4);
    return address;
}

static int open_net(void **state) {
    struct net *net = calloc(1, sizeof *net);
    net->address = loopback(4);
    *state = net;
    return port_open(NULL, &net->port) ||
           port_pool_create(net->port, BUFFER_BYTES, BUFFERS, 0, &net->pool) ||
           port_listen(net->port, &net->listener, &net->address);
}

static int close_net(void **state) {
    struct net *net = *state;
    port_shut(net->port, &net->listener);
    settle(net->port);
    port_pool_free(net->pool);
    port_close(net->port);
    free(net);
    return 0;
}

static void connect_to(struct net *net, struct port_socket *listener,
                       const struct port_address *address, struct connection *connection) {
    memset(connection, 0, sizeof *connection);
    connection->net = net;
    connection->receive = probe_new(NULL);
    struct probe accept = probe_new(NULL);
    port_accept(net->port, &accept.op, listener, &connection->socket);
    assert_int_equal(client_connect(address, &connection->client), 0);
    assert_int_equal(probe_await(net->port, &accept, 1), 0);
    assert_int_equal(accept.op.peer.family, address->family);
    assert_memory_equal(accept.op.peer.ip, address->ip, 16);
    assert_int_not_equal(accept.op.peer.port, 0);
}

static struct connection *new_connection(struct net *net) {
    struct connection *connection = malloc(sizeof *connection);
    connect_to(net, &net->listener, &net->address, connection);
    return connection;
}

static void end_connection(struct connection *connection) {
    port_shut(connection->net->port, &connection->socket);
    client_close(&connection->client);
    settle(connection->net->port);
    free(connection);
}

static void start_receive(struct connection *connection) {
    connection->started++;
    port_receive(connection->net->port, &connection->receive.op, &connection->socket,
                 connection->net->pool);
}

/* Waits for the receive started last; what came must be these bytes. */
static void expect_bytes(struct connection *connection, const void *bytes, size_t size) {
    struct probe *receive = &connection->receive;
    assert_int_equal(probe_await(connection->net->port, receive, connection->started), size);
    struct port_buffer *buffer = receive->op.buffer;
    assert_non_null(buffer);
    assert_int_equal(buffer->slice_count, 1);
    assert_int_equal(buffer->slices[0].size, size);
    assert_int_equal(buffer->slices[0].peer.family, 0);
    assert_memory_equal(buffer->bytes + buffer->slices[0].offset, bytes, size);
    port_buffer_release(buffer);
}

static void expect_result(struct connection *connection, int64_t result) {
    struct probe *receive = &connection->receive;
    assert_int_equal(probe_await(connection->net->port, receive, connection->started), result);
    assert_null(receive->op.buffer);
}

static void pattern(uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 251);
}

/* ---- opening ---- */

static void port_0_binds_a_free_port_and_says_which(void **state) {
    struct net *net = *state;
    assert_int_not_equal(net->address.port, 0);
    struct port_socket other;
    struct port_address address = loopback(4);
    assert_int_equal(port_listen(net->port, &other, &address), 0);
    assert_int_not_equal(address.port, 0);
    assert_int_not_equal(address.port, net->address.port);
    port_shut(net->port, &other);
}

static void an_address_in_use_is_refused(void **state) {
    struct net *net = *state;
    struct port_socket first, second;
    struct port_address address = net->address;
    uint32_t granted;
    assert_int_equal(port_listen(net->port, &second, &address), ERR_ADDRESS_IN_USE);
    port_shut(net->port, &second); /* was never open: nothing happens */
    address = loopback(4);
    assert_int_equal(port_bind(net->port, &first, &address, 65536, &granted), 0);
    assert_int_equal(port_bind(net->port, &second, &address, 65536, &granted), ERR_ADDRESS_IN_USE);
    port_shut(net->port, &first);
}

static void an_idle_connection_owns_less_than_1_KiB(void **state) {
    (void)state;
    assert_true(sizeof(struct port_socket) + sizeof(struct port_op) < 1024);
}

static void ipv6_works_where_there_is_any(void **state) {
    struct net *net = *state;
    struct port_socket listener;
    struct port_address address = loopback(6);
    if (port_listen(net->port, &listener, &address) < 0) skip();
    struct connection *connection = malloc(sizeof *connection);
    connect_to(net, &listener, &address, connection);
    start_receive(connection);
    assert_int_equal(client_send(&connection->client, "six", 3), 0);
    expect_bytes(connection, "six", 3);
    end_connection(connection);
    port_shut(net->port, &listener);
}

static bool has_ipv6(struct net *net) {
    struct port_socket listener;
    struct port_address address = loopback(6);
    if (port_listen(net->port, &listener, &address) < 0) return false;
    port_shut(net->port, &listener);
    return true;
}

static void the_address_of_all_takes_ipv4_too_whose_peers_are_ipv4(void **state) {
    struct net *net = *state;
    struct port_socket listener;
    struct port_address address = {.family = 6};
    if (!has_ipv6(net)) skip();
    assert_int_equal(port_listen(net->port, &listener, &address), 0);
    assert_int_equal(address.family, 6);
    for (uint16_t family = 4; family <= 6; family += 2) {
        struct port_address to = loopback(family);
        to.port = address.port;
        struct connection *connection = malloc(sizeof *connection);
        connect_to(net, &listener, &to, connection); /* compares the peer's address */
        start_receive(connection);
        assert_int_equal(client_send(&connection->client, "all", 3), 0);
        expect_bytes(connection, "all", 3);
        end_connection(connection);
    }
    port_shut(net->port, &listener);
}

static void an_ipv6_only_listener_leaves_its_port_of_ipv4_to_others(void **state) {
    struct net *net = *state;
    struct port_socket six, four;
    struct port_address address6 = {.family = 6, .ipv6_only = true}, address4 = {.family = 4};
    struct client client;
    if (!has_ipv6(net)) skip();
    assert_int_equal(port_listen(net->port, &six, &address6), 0);
    assert_true(address6.ipv6_only);
    struct port_address to = loopback(4);
    to.port = address4.port = address6.port;
    assert_true(client_connect(&to, &client) < 0);
    assert_int_equal(port_listen(net->port, &four, &address4), 0);
    struct connection *connection = malloc(sizeof *connection);
    connect_to(net, &four, &to, connection);
    end_connection(connection);
    port_shut(net->port, &four);
    port_shut(net->port, &six);
}

/* All connect before the first is accepted. */
static void a_burst_of_hundreds_of_connections_is_taken_whole(void **state) {
    enum { BURST = 600 };
    struct net *net = *state;
    struct client *clients = calloc(BURST, sizeof *clients);
    struct probe accept = probe_new(NULL);
    struct port_socket *sockets = calloc(BURST, sizeof *sockets);
    bool *seen = calloc(UINT16_MAX + 1, sizeof *seen);
    port_accept(net->port, &accept.op, &net->listener, &sockets[0]); /* as a daemon has started */
    for (int i = 0; i < BURST; i++)
        assert_int_equal(client_connect(&net->address, &clients[i]), 0);
    for (int i = 0; i < BURST; i++) {
        assert_int_equal(probe_await(net->port, &accept, (uint32_t)i + 1), 0);
        assert_false(seen[accept.op.peer.port]); /* each once */
        seen[accept.op.peer.port] = true;
        if (i + 1 < BURST) port_accept(net->port, &accept.op, &net->listener, &sockets[i + 1]);
    }
    for (int i = 0; i < BURST; i++) {
        port_shut(net->port, &sockets[i]);
        client_close(&clients[i]);
    }
    settle(net->port);
    free(clients);
    free(sockets);
    free(seen);
}

static void an_accept_that_is_cancelled_loses_no_connection(void **state) {
    struct net *net = *state;
    struct port_socket accepted[2];
    struct client clients[2];
    struct probe accept = probe_new(NULL);
    port_accept(net->port, &accept.op, &net->listener, &accepted[0]);
    port_cancel(&accept.op);
    assert_int_equal(probe_await(net->port, &accept, 1), ERR_CANCELLED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(client_connect(&net->address, &clients[i]), 0);
    port_wait(net->port, 20 * MS); /* they complete although nothing accepts */
    for (uint32_t i = 0; i < 2; i++) {
        port_accept(net->port, &accept.op, &net->listener, &accepted[i]);
        assert_int_equal(probe_await(net->port, &accept, i + 2), 0);
    }
    for (int i = 0; i < 2; i++) {
        port_shut(net->port, &accepted[i]);
        client_close(&clients[i]);
    }
}

/* ---- streams ---- */

struct sender {
    struct probe probe;
    struct client *client;
    const uint8_t *bytes;
    size_t size;
};

static void send_them(struct port_op *op) {
    struct sender *sender = (struct sender *)op;
    op->result = client_send(sender->client, sender->bytes, sender->size);
    if (op->result == 0) op->result = client_finish(sender->client);
}

static void a_stream_arrives_whole_and_in_order_and_ends_with_0(void **state) {
    struct net *net = *state;
    const size_t size = (size_t)scaled(4) << 20;
    uint8_t *bytes = malloc(size);
    pattern(bytes, size);
    struct connection *connection = new_connection(net);
    struct sender sender = {probe_new(NULL), &connection->client, bytes, size};
    port_work(net->port, &sender.probe.op, PORT_LANE_SLOW, send_them);
    size_t got = 0;
    for (uint32_t n = 1;; n++) { /* until the end of the stream */
        start_receive(connection);
        const int64_t result = probe_await(net->port, &connection->receive, n);
        if (result == 0) break;
        assert_true(result > 0 && result <= BUFFER_BYTES && got + (size_t)result <= size);
        struct port_buffer *buffer = connection->receive.op.buffer;
        assert_memory_equal(buffer->bytes + buffer->slices[0].offset, bytes + got, result);
        got += (size_t)result;
        port_buffer_release(buffer);
    }
    assert_int_equal(got, size);
    assert_null(connection->receive.op.buffer);
    start_receive(connection); /* the end stays the end */
    expect_result(connection, 0);
    assert_int_equal(probe_await(net->port, &sender.probe, 1), 0);
    end_connection(connection);
    free(bytes);
}

/* Exactly one buffer, and less than one: the two ways in which a reader may
 * believe too early that nothing follows. */
static void the_end_right_behind_the_bytes_is_seen(void **state) {
    struct net *net = *state;
    uint8_t bytes[BUFFER_BYTES];
    pattern(bytes, sizeof bytes);
    for (int i = 0; i < 4; i++) {
        const size_t size = i & 1 ? BUFFER_BYTES : 10;
        struct connection *connection = new_connection(net);
        if (i & 2) start_receive(connection);
        assert_int_equal(client_send(&connection->client, bytes, size), 0);
        assert_int_equal(client_finish(&connection->client), 0);
        if (!(i & 2)) start_receive(connection);
        expect_bytes(connection, bytes, size);
        start_receive(connection);
        expect_result(connection, 0);
        end_connection(connection);
    }
}

static void bytes_that_come_one_by_one_are_each_noticed(void **state) {
    struct net *net = *state;
    struct connection *connection = new_connection(net);
    for (uint32_t i = 0; i < scaled(2000); i++) {
        const uint8_t byte = (uint8_t)i;
        if (i % 3 == 0) start_receive(connection); /* before, or after, they are there */
        assert_int_equal(client_send(&connection->client, &byte, 1), 0);
        if (i % 3 != 0) start_receive(connection);
        expect_bytes(connection, &byte, 1);
    }
    end_connection(connection);
}

static void a_reset_is_an_error(void **state) {
    struct net *net = *state;
    struct connection *connection = new_connection(net);
    struct probe send = probe_new(NULL);
    char byte;
    start_receive(connection);
    port_send(net->port, &send.op, &connection->socket, "unread", 6);
    assert_int_equal(probe_await(net->port, &send, 1), 6);
    assert_int_equal(client_receive(&connection->client, &byte, 1, 10000), 1);
    client_close(&connection->client); /* with bytes unread: the system resets */
    expect_result(connection, ERR_RESET);
    end_connection(connection);
}

struct reader {
    struct probe probe;
    struct client *client;
    const uint8_t *bytes;
    size_t size;
};

static void read_them_slowly(struct port_op *op) {
    struct reader *reader = (struct reader *)op;
    static const size_t piece = 65536;
    uint8_t *bytes = malloc(piece);
    size_t got = 0;
    system_sleep_ms(50); /* the sender fills every buffer on the way meanwhile */
    while (got < reader->size) {
        const int64_t size = client_receive(reader->client, bytes, piece, 10000);
        if (size <= 0 || memcmp(bytes, reader->bytes + got, (size_t)size) != 0) break;
        got += (size_t)size;
    }
    free(bytes);
    op->result = (int64_t)got;
}

static void a_large_send_to_a_slow_reader_is_whole(void **state) {
    struct net *net = *state;
    const size_t size = (size_t)scaled(8) << 20;
    uint8_t *bytes = malloc(size);
    pattern(bytes, size);
    struct connection *connection = new_connection(net);
    struct reader reader = {probe_new(NULL), &connection->client, bytes, size};
    struct probe send = probe_new(NULL);
    for (uint32_t n = 1; n <= 2; n++) { /* the second waits for room anew */
        port_send(net->port, &send.op, &connection->socket, bytes, size);
        port_work(net->port, &reader.probe.op, PORT_LANE_SLOW, read_them_slowly);
        assert_int_equal(probe_await(net->port, &send, n), size);
        assert_int_equal(probe_await(net->port, &reader.probe, n), size);
    }
    port_send(net->port, &send.op, &connection->socket, bytes, 0);
    assert_int_equal(probe_await(net->port, &send, 3), 0);
    end_connection(connection);
    free(bytes);
}

static void sending_to_one_who_has_gone_becomes_an_error(void **state) {
    struct net *net = *state;
    struct connection *connection = new_connection(net);
    struct probe send = probe_new(NULL);
    client_close(&connection->client);
    int64_t result = 1;
    for (uint32_t n = 1; result > 0 && n < 1000; n++) {
        port_send(net->port, &send.op, &connection->socket, "x", 1);
        result = probe_await(net->port, &send, n);
    }
    assert_true(result < 0);
    end_connection(connection);
}

static void served(struct port_op *op) {
    struct connection *connection = (struct connection *)op;
    probe_returned(op);
    if (op->result <= 0) return;
    port_buffer_release(op->buffer);
    connection->served++;
    start_receive(connection);
}

static void a_busy_connection_does_not_keep_others_waiting(void **state) {
    struct net *net = *state;
    static uint8_t bytes[64 * BUFFER_BYTES];
    struct connection *busy = new_connection(net), *quiet = new_connection(net);
    assert_int_equal(client_send(&busy->client, bytes, sizeof bytes), 0);
    assert_int_equal(client_send(&quiet->client, "x", 1), 0);
    busy->receive.op.done = quiet->receive.op.done = served;
    start_receive(busy);
    start_receive(quiet);
    while (quiet->served == 0)
        assert_true(port_wait(net->port, PATIENCE_NS) > 0);
    assert_true(busy->served < 32);
    end_connection(busy);
    end_connection(quiet);
}

/* ---- cancelling and shutting ---- */

static void what_is_cancelled_comes_back_once_and_can_be_started_anew(void **state) {
    struct net *net = *state;
    struct connection *connection = new_connection(net);
    struct port_socket accepted;
    struct probe accept = probe_new(NULL);
    port_accept(net->port, &accept.op, &net->listener, &accepted);
    start_receive(connection);
    assert_int_equal(port_wait(net->port, 0), 0);
    for (int i = 0; i < 2; i++) {
        port_cancel(&accept.op);
        port_cancel(&connection->receive.op);
    }
    assert_int_equal(probe_await(net->port, &accept, 1), ERR_CANCELLED);
    expect_result(connection, ERR_CANCELLED);
    settle(net->port);
    assert_int_equal(accept.returns, 1);
    assert_int_equal(connection->receive.returns, 1);

    start_receive(connection);
    assert_int_equal(client_send(&connection->client, "still here", 10), 0);
    expect_bytes(connection, "still here", 10);
    end_connection(connection);
    end_connection(new_connection(net)); /* and the listener accepts */
}

static void ops_on_a_socket_that_is_shut_come_back_cancelled_once(void **state) {
    struct net *net = *state;
    const size_t size = 64 << 20; /* more than any socket holds */
    uint8_t *bytes = calloc(size, 1);
    struct connection *connection = new_connection(net);
    struct probe send = probe_new(NULL), accept = probe_new(NULL);
    struct port_socket accepted;
    start_receive(connection);
    port_send(net->port, &send.op, &connection->socket, bytes, size);
    port_accept(net->port, &accept.op, &net->listener, &accepted);
    settle(net->port);
    port_shut(net->port, &connection->socket);
    port_shut(net->port, &connection->socket);
    port_shut(net->port, &net->listener);
    assert_int_equal(connection->receive.returns, 0);
    assert_int_equal(probe_await(net->port, &send, 1), ERR_CANCELLED);
    assert_int_equal(probe_await(net->port, &accept, 1), ERR_CANCELLED);
    assert_int_equal(probe_await(net->port, &connection->receive, 1), ERR_CANCELLED);
    settle(net->port);
    assert_int_equal(send.returns + accept.returns + connection->receive.returns, 3);
    start_receive(connection); /* starting cannot fail: the news comes later */
    expect_result(connection, ERR_CANCELLED);
    end_connection(connection);
    free(bytes);
}

/* ---- pools ---- */

static void await_waiting(struct net *net, struct port_pool *pool, uint32_t count) {
    const int64_t end_ns = port_now_ns(net->port) + PATIENCE_NS;
    while (pool->waiting.count < count && port_now_ns(net->port) < end_ns)
        port_wait(net->port, MS);
    assert_int_equal(pool->waiting.count, count);
}

static void receives_wait_for_a_buffer_and_are_served_in_turn(void **state) {
    struct net *net = *state;
    struct port_pool *pool = net->pool;
    assert_int_equal(port_pool_create(net->port, 64, 1, 0, &net->pool), 0);
    struct connection *holder = new_connection(net);
    struct connection *waiting[4];
    start_receive(holder);
    assert_int_equal(client_send(&holder->client, "h", 1), 0);
    assert_int_equal(probe_await(net->port, &holder->receive, 1), 1);
    for (uint32_t i = 0; i < 4; i++) {
        waiting[i] = new_connection(net);
        start_receive(waiting[i]);
        assert_int_equal(client_send(&waiting[i]->client, (char[]){(char)('a' + i)}, 1), 0);
        await_waiting(net, net->pool, i + 1);
    }
    port_cancel(&waiting[1]->receive.op); /* waiting is no reason not to */
    expect_result(waiting[1], ERR_CANCELLED);
    port_shut(net->port, &waiting[2]->socket);
    expect_result(waiting[2], ERR_CANCELLED);

    struct port_buffer *held = holder->receive.op.buffer;
    start_receive(holder); /* came last, so it is served last */
    port_buffer_release(held);
    assert_int_equal(client_send(&holder->client, "z", 1), 0);
    expect_bytes(waiting[0], "a", 1);
    expect_bytes(waiting[3], "d", 1);
    expect_bytes(holder, "z", 1);
    start_receive(waiting[1]);
    expect_bytes(waiting[1], "b", 1);
    for (uint32_t i = 0; i < 4; i++)
        end_connection(waiting[i]);
    end_connection(holder);
    port_pool_free(net->pool);
    net->pool = pool;
}

static void a_buffer_kept_for_an_op_goes_on_when_that_is_shut(void **state) {
    struct net *net = *state;
    struct port_pool *pool = net->pool;
    assert_int_equal(port_pool_create(net->port, 64, 1, 0, &net->pool), 0);
    struct connection *c[3];
    for (uint32_t i = 0; i < 3; i++) {
        c[i] = new_connection(net);
        start_receive(c[i]);
        assert_int_equal(client_send(&c[i]->client, "abc", 3), 0);
        if (i == 0) assert_int_equal(probe_await(net->port, &c[0]->receive, 1), 3);
        if (i > 0) await_waiting(net, net->pool, i);
    }
    port_buffer_release(c[0]->receive.op.buffer); /* it is c[1]'s now */
    port_shut(net->port, &c[1]->socket);
    expect_result(c[1], ERR_CANCELLED);
    expect_bytes(c[2], "abc", 3);
    for (uint32_t i = 0; i < 3; i++)
        end_connection(c[i]);
    port_pool_free(net->pool);
    net->pool = pool;
}

static void served_byte(struct port_op *op) {
    struct connection *connection = (struct connection *)op;
    probe_returned(op);
    if (op->result <= 0) return;
    const struct port_buffer *buffer = op->buffer;
    if (op->result == 1 && buffer->bytes[buffer->slices[0].offset] == connection->expected)
        connection->served++;
    port_buffer_release(op->buffer);
    start_receive(connection);
}

static void thousands_of_idle_connections_hold_no_buffer_and_all_are_served(void **state) {
    struct net *net = *state;
    struct port_pool *pool = net->pool;
    const uint64_t files_max = system_open_files_max();
    uint32_t count = scaled(2000);
    if (count * 2 + 50 > files_max) count = (uint32_t)(files_max - 50) / 2; /* both ends are here */
    assert_int_equal(port_pool_create(net->port, 64, 2, 0, &net->pool), 0);
    struct connection **connections = calloc(count, sizeof(*connections));
    for (uint32_t i = 0; i < count; i++) {
        connections[i] = new_connection(net);
        connections[i]->receive.op.done = served_byte;
        connections[i]->expected = (uint8_t)(i * 7);
        start_receive(connections[i]);
    }
    settle(net->port);
    assert_int_equal(net->pool->buffers_free, 2);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(client_send(&connections[i]->client, &connections[i]->expected, 1), 0);
    for (uint32_t i = 0; i < count; i++)
        probe_await(net->port, &connections[i]->receive, 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(connections[i]->served, 1);
        port_shut(net->port, &connections[i]->socket);
    }
    assert_int_equal(net->pool->buffers_free, 2);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(probe_await(net->port, &connections[i]->receive, 2), ERR_CANCELLED);
        client_close(&connections[i]->client);
        free(connections[i]);
    }
    free(connections);
    port_pool_free(net->pool);
    net->pool = pool;
}

#define NET_TEST(name) cmocka_unit_test_setup_teardown(name, open_net, close_net)

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        NET_TEST(port_0_binds_a_free_port_and_says_which),
        NET_TEST(an_address_in_use_is_refused),
        cmocka_unit_test(an_idle_connection_owns_less_than_1_KiB),
        NET_TEST(ipv6_works_where_there_is_any),
        NET_TEST(the_address_of_all_takes_ipv4_too_whose_peers_are_ipv4),
        NET_TEST(an_ipv6_only_listener_leaves_its_port_of_ipv4_to_others),
        NET_TEST(a_burst_of_hundreds_of_connections_is_taken_whole),
        NET_TEST(an_accept_that_is_cancelled_loses_no_connection),
        NET_TEST(a_stream_arrives_whole_and_in_order_and_ends_with_0),
        NET_TEST(the_end_right_behind_the_bytes_is_seen),
        NET_TEST(bytes_that_come_one_by_one_are_each_noticed),
        NET_TEST(a_reset_is_an_error),
        NET_TEST(a_large_send_to_a_slow_reader_is_whole),
        NET_TEST(sending_to_one_who_has_gone_becomes_an_error),
        NET_TEST(a_busy_connection_does_not_keep_others_waiting),
        NET_TEST(what_is_cancelled_comes_back_once_and_can_be_started_anew),
        NET_TEST(ops_on_a_socket_that_is_shut_come_back_cancelled_once),
        NET_TEST(receives_wait_for_a_buffer_and_are_served_in_turn),
        NET_TEST(a_buffer_kept_for_an_op_goes_on_when_that_is_shut),
        NET_TEST(thousands_of_idle_connections_hold_no_buffer_and_all_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
