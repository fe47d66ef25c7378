/* port_unix_test.c - what port.h promises of Unix sockets that are streams, on every system that has
 * them; elsewhere, that the error says so. */
#include "port/unix.h"
#include "tests/unit/probe.h"

#define PATH "port_unix_test.sock"

static const struct unix_place place = {
    .path = PATH, .mode = 0600, .user = UNIX_UNCHANGED, .group = UNIX_UNCHANGED};

/* Skips where there are none, which must be the answer every time. */
static void listen_there(struct port *port, struct port_socket *listener) {
    const int error = port_listen_unix(port, listener, &place);
    if (error == ERR_UNSUPPORTED) {
        struct client client;
        assert_int_equal(client_connect_unix(PATH, &client), ERR_UNSUPPORTED);
        assert_int_equal(port_bind_unix(port, listener, &place), ERR_UNSUPPORTED);
        port_close(port);
        skip();
    }
    assert_int_equal(error, 0);
}

static void a_connection_carries_bytes_both_ways_and_its_peer_is_a_process(void **state) {
    struct port *port;
    struct port_pool *pool;
    struct port_socket listener, accepted;
    struct client client;
    struct probe accept = probe_new(NULL), receive = probe_new(NULL), send = probe_new(NULL);
    char peer[ADDRESS_TEXT_MAX], expected[32], answer[8];
    (void)state;
    assert_int_equal(port_open(NULL, &port), 0);
    listen_there(port, &listener);
    assert_int_equal(port_pool_create(port, 4096, 2, 0, &pool), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(client_connect_unix(PATH, &client), 0);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    assert_int_equal(accept.op.peer.family, ADDRESS_UNIX);
    snprintf(expected, sizeof expected, "unix:pid=%u", (unsigned)system_process_id());
    assert_memory_equal(address_format(&accept.op.peer, peer), expected, strlen(expected));

    port_receive(port, &receive.op, &accepted, pool);
    assert_int_equal(client_send(&client, "hello", 5), 0);
    assert_int_equal(probe_await(port, &receive, 1), 5);
    assert_memory_equal(receive.op.buffer->bytes, "hello", 5);
    port_buffer_release(receive.op.buffer);
    port_send(port, &send.op, &accepted, "answer", 6);
    assert_int_equal(probe_await(port, &send, 1), 6);
    assert_int_equal(client_receive(&client, answer, sizeof answer, 0), 6);
    assert_int_equal(client_finish(&client), 0);
    port_receive(port, &receive.op, &accepted, pool);
    assert_int_equal(probe_await(port, &receive, 2), 0);

    client_close(&client);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    settle(port);
    port_pool_free(pool);
    port_close(port);
}

static void a_path_in_use_is_refused_and_free_again_after_shut(void **state) {
    struct port *port;
    struct port_socket first, second;
    struct client client;
    (void)state;
    assert_int_equal(port_open(NULL, &port), 0);
    listen_there(port, &first);
    assert_int_equal(port_listen_unix(port, &second, &place), ERR_ADDRESS_IN_USE);
    port_shut(port, &second); /* was never open */
    port_shut(port, &first);
    assert_int_not_equal(client_connect_unix(PATH, &client), 0);
    assert_int_equal(port_listen_unix(port, &second, &place), 0);
    port_shut(port, &second);
    settle(port);
    port_close(port);
}

static void names_are_checked_before_anything_is_opened(void **state) {
    char longest[UNIX_PATH_BYTES_MAX + 2];
    struct client client;
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[UNIX_PATH_BYTES_MAX + 1] = '\0';
    assert_int_equal(unix_path_check(longest), ERR_NAME_TOO_LONG);
    assert_int_equal(client_connect_unix(longest, &client), ERR_NAME_TOO_LONG);
    longest[UNIX_PATH_BYTES_MAX] = '\0';
    assert_int_equal(unix_path_check(longest), 0);
    assert_int_equal(unix_path_check(""), ERR_INVALID);
    if (!unix_has_owners()) {
        uint32_t user, group;
        assert_int_equal(unix_path_check("@name"), ERR_UNSUPPORTED);
        assert_int_equal(unix_owner_find("0:0", &user, &group), ERR_UNSUPPORTED);
        assert_int_equal(client_datagrams_unix(PATH, &client), ERR_UNSUPPORTED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_carries_bytes_both_ways_and_its_peer_is_a_process),
        cmocka_unit_test(a_path_in_use_is_refused_and_free_again_after_shut),
        cmocka_unit_test(names_are_checked_before_anything_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
