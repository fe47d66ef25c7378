/* epoll_test.c - what can go wrong on Linux only, and what can only be brought
 * about there: joined datagrams, urgent bytes, limits of the process, signals.
 * The one test that speaks to the system itself. */
#include "tests/unit/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct port_address loopback(void) {
    return (struct port_address){.family = 4, .ip = {127, 0, 0, 1}};
}

/* ---- datagrams that the kernel has joined ---- */

/* All datagrams of `sent` bytes, each of `each` but the last, one after the other. */
static void expect_datagrams(struct port *port, struct port_socket *socket, struct port_pool *pool,
                             const uint8_t *bytes, size_t sent, uint32_t each,
                             uint32_t *completions) {
    struct probe receive = probe_new(NULL);
    size_t got = 0;
    while (got < sent) {
        port_receive_datagrams(port, &receive.op, socket, pool);
        probe_await(port, &receive, receive.returns + 1);
        struct port_buffer *buffer = receive.op.buffer;
        for (uint32_t i = 0; i < buffer->slice_count; i++) {
            const struct port_slice *slice = &buffer->slices[i];
            assert_false(slice->truncated);
            assert_int_equal(slice->peer.family, 4);
            assert_int_equal(slice->size, sent - got < each ? sent - got : each);
            assert_memory_equal(buffer->bytes + slice->offset, bytes + got, slice->size);
            got += slice->size;
        }
        port_buffer_release(buffer);
    }
    *completions = receive.returns;
}

static void joined_datagrams_come_apart_again(void **state) {
    struct port *port = *state;
    static const uint32_t datagram_bytes_max[] = {65536, 2048}; /* joins; too small to join */
    enum { EACH = 1000, SENT = 60 * EACH + 77 };
    uint8_t *bytes = malloc(SENT);
    system_random(bytes, SENT);
    for (int i = 0; i < 2; i++) {
        struct port_pool *pool;
        struct port_socket socket;
        struct port_address address = loopback();
        struct client client;
        uint32_t granted, completions;
        assert_int_equal(port_pool_create(port, 4 * 65536, 2, datagram_bytes_max[i], &pool), 0);
        assert_int_equal(port_bind(port, &socket, &address, 1 << 20, &granted), 0);
        assert_int_equal(client_datagrams(&address, &client), 0);
        struct probe first = probe_new(NULL); /* the kernel is told at the first receive */
        port_receive_datagrams(port, &first.op, &socket, pool);
        assert_int_equal(client_send(&client, "x", 1), 0);
        assert_int_equal(probe_await(port, &first, 1), 1);
        port_buffer_release(first.op.buffer);

        assert_int_equal(client_send_segments(&client, bytes, SENT, EACH), 0);
        expect_datagrams(port, &socket, pool, bytes, SENT, EACH, &completions);
        if (i == 0) assert_int_equal(completions, 1);
        port_shut(port, &socket);
        port_pool_free(pool);
        client_close(&client);
    }
    free(bytes);
}

/* The kernel had joined them before the socket's receives named another pool. */
static void joined_datagrams_that_do_not_fit_are_marked(void **state) {
    struct port *port = *state;
    uint8_t bytes[10000] = {0};
    struct port_pool *large, *small;
    struct port_socket socket;
    struct port_address address = loopback();
    struct client client;
    struct probe receive = probe_new(NULL);
    uint32_t granted;
    assert_int_equal(port_pool_create(port, 65536, 1, 65536, &large), 0);
    assert_int_equal(port_pool_create(port, 4096, 1, 2048, &small), 0);
    assert_int_equal(port_bind(port, &socket, &address, 1 << 20, &granted), 0);
    assert_int_equal(client_datagrams(&address, &client), 0);
    port_receive_datagrams(port, &receive.op, &socket, large);
    assert_int_equal(client_send(&client, "x", 1), 0);
    assert_int_equal(probe_await(port, &receive, 1), 1);
    port_buffer_release(receive.op.buffer);

    assert_int_equal(client_send_segments(&client, bytes, sizeof bytes, 500), 0);
    port_receive_datagrams(port, &receive.op, &socket, small);
    assert_int_equal(probe_await(port, &receive, 2), 1);
    assert_true(receive.op.buffer->slices[0].truncated);
    port_buffer_release(receive.op.buffer);
    port_shut(port, &socket);
    port_pool_free(small);
    port_pool_free(large);
    client_close(&client);
}

/* ---- streams ---- */

struct stream {
    struct port_pool *pool;
    struct port_socket listener, socket;
    struct client client;
};

static void open_stream(struct port *port, struct stream *stream) {
    struct port_address address = loopback();
    struct probe accept = probe_new(NULL);
    assert_int_equal(port_pool_create(port, 4096, 2, 0, &stream->pool), 0);
    assert_int_equal(port_listen(port, &stream->listener, &address), 0);
    assert_int_equal(client_connect(&address, &stream->client), 0);
    port_accept(port, &accept.op, &stream->listener, &stream->socket);
    assert_int_equal(probe_await(port, &accept, 1), 0);
}

static void close_stream(struct port *port, struct stream *stream) {
    port_shut(port, &stream->socket);
    port_shut(port, &stream->listener);
    client_close(&stream->client);
    settle(port);
    port_pool_free(stream->pool);
}

/* A read ends before an urgent byte and after it though more follows: taken for the end of what there
 * is, it would leave the rest unread until the next byte came. */
static void an_urgent_byte_is_received_in_its_place_and_hides_nothing(void **state) {
    static const struct {
        const char *text, *urgent; /* sent in order; urgent: its last byte is */
    } parts[] = {{NULL, "!"},   {"begin", NULL}, {NULL, "?"},   {NULL, "#"},
                 {"mid", NULL}, {NULL, "abc$"},  {"end", NULL}, {NULL, "."}};
    struct port *port = *state;
    struct stream stream;
    struct probe receive = probe_new(NULL);
    char got[40] = "", sent[40] = "";
    open_stream(port, &stream);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *part = parts[i].text ? parts[i].text : parts[i].urgent;
        const int size = (int)strlen(part);
        assert_int_equal(
            send((int)stream.client.handle, part, (size_t)size, parts[i].urgent ? MSG_OOB : 0),
            size);
        strcat(sent, part);
    }
    while (strlen(got) < strlen(sent)) {
        port_receive(port, &receive.op, &stream.socket, stream.pool);
        const int64_t size = probe_await(port, &receive, receive.returns + 1);
        assert_true(size > 0);
        strncat(got, (const char *)receive.op.buffer->bytes, (size_t)size);
        port_buffer_release(receive.op.buffer);
    }
    assert_string_equal(got, sent);
    close_stream(port, &stream);
}

/* Sends one line after the other while the owner receives. */
enum { LINES_SENT_ALONE = 4000 };

struct sender {
    struct port_op op;
    struct client *client;
    bool failed, over;
};

static void send_lines_alone(struct port_op *op) {
    struct sender *sender = PORT_CONTAINER(struct sender, op, op);
    for (int i = 0; i < LINES_SENT_ALONE; i++)
        sender->failed |= client_send(sender->client, "{\"n\":1}\n", 8) != 0;
}

static void all_lines_sent(struct port_op *op) {
    PORT_CONTAINER(struct sender, op, op)->over = true;
}

static void small_sends_gather_into_a_few_receives(void **state) {
    struct port *port = *state;
    struct stream stream;
    struct probe receive = probe_new(NULL);
    uint64_t got = 0;
    open_stream(port, &stream);
    struct sender sender = {.op.done = all_lines_sent, .client = &stream.client};
    port_work(port, &sender.op, PORT_LANE_SLOW, send_lines_alone);
    while (got < LINES_SENT_ALONE * 8) {
        port_receive(port, &receive.op, &stream.socket, stream.pool);
        const int64_t size = probe_await(port, &receive, receive.returns + 1);
        assert_true(size > 0);
        got += (uint64_t)size;
        port_buffer_release(receive.op.buffer);
    }
    while (!sender.over)
        port_wait(port, PATIENCE_NS);
    assert_false(sender.failed);
    assert_in_range(receive.returns, 1, LINES_SENT_ALONE / 5);
    close_stream(port, &stream);
}

static void take_a_moment(struct port_op *op) {
    (void)op;
    const int64_t end_ns = system_now_ns() + MS / 10;
    while (system_now_ns() < end_ns)
        ;
}

static void work_that_is_done_while_small_sends_gather_comes_back_at_once(void **state) {
    struct port *port = *state;
    struct stream stream;
    struct probe receive = probe_new(NULL), work = probe_new(NULL);
    open_stream(port, &stream);
    const int64_t begun_ns = system_now_ns();
    for (uint32_t i = 0; i < 50; i++) {
        port_receive(port, &receive.op, &stream.socket, stream.pool);
        assert_int_equal(client_send(&stream.client, "{\"n\":1}\n", 8), 0);
        probe_await(port, &receive, i + 1);
        port_buffer_release(receive.op.buffer);
        port_work(port, &work.op, PORT_LANE_PACK, take_a_moment);
        probe_await(port, &work, i + 1); /* nothing else will come to wake us */
    }
    assert_true(system_now_ns() - begun_ns < PATIENCE_NS / 2);
    close_stream(port, &stream);
}

static void accepted_connections_are_kept_alive(void **state) {
    struct port *port = *state;
    struct stream stream;
    int value = 0;
    socklen_t size = sizeof value;
    open_stream(port, &stream);
    assert_int_equal(getsockopt((int)stream.socket.handle, SOL_SOCKET, SO_KEEPALIVE, &value, &size),
                     0);
    assert_int_equal(value, 1);
    close_stream(port, &stream);
}

static void at_the_limit_of_open_files_a_connection_waits_in_the_backlog(void **state) {
    struct port *port = *state;
    struct rlimit before, none_left;
    struct port_address address = loopback();
    struct port_socket listener, accepted;
    struct client client;
    struct probe accept = probe_new(NULL);
    assert_int_equal(port_listen(port, &listener, &address), 0);
    assert_int_equal(client_connect(&address, &client), 0);

    getrlimit(RLIMIT_NOFILE, &before);
    none_left = before;
    none_left.rlim_cur = (rlim_t)client.handle + 1; /* the lowest free one was taken last */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_left), 0);
    for (uint32_t n = 1; n <= 2; n++) { /* trying again is allowed, and tells the same */
        port_accept(port, &accept.op, &listener, &accepted);
        assert_int_equal(probe_await(port, &accept, n), ERR_TOO_MANY_FILES);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(probe_await(port, &accept, 3), 0);

    port_shut(port, &accepted);
    port_shut(port, &listener);
    client_close(&client);
}

/* What the system refuses is played here: the port's calls of epoll_ctl come here. */
static int watch_refusal; /* the errno; 0: none */
static int watches_left;  /* then as many are granted */
static int watches_refused;

int epoll_ctl(int epoll, int operation, int handle, struct epoll_event *event) {
    if (watch_refusal != 0 && operation != EPOLL_CTL_DEL && watches_left == 0) {
        watches_refused++;
        errno = watch_refusal;
        return -1;
    }
    const int result = (int)syscall(SYS_epoll_ctl, epoll, operation, handle, event);
    if (watch_refusal != 0 && result == 0 && operation == EPOLL_CTL_ADD) watches_left--;
    if (watch_refusal != 0 && result == 0 && operation == EPOLL_CTL_DEL) watches_left++;
    return result;
}

static void refuse_watches(int number, int left) {
    watch_refusal = number;
    watches_left = left;
    watches_refused = 0;
}

static void expect_received(struct port *port, struct probe *receive, struct port_socket *socket,
                            struct port_pool *pool, const char *text) {
    if (port_idle(&receive->op)) port_receive(port, &receive->op, socket, pool);
    assert_int_equal(probe_await(port, receive, receive->returns + 1), strlen(text));
    assert_memory_equal(receive->op.buffer->bytes, text, strlen(text));
    port_buffer_release(receive->op.buffer);
}

/* Of three connections the first is watched, the second is served although it is not, and the third
 * waits in the backlog. */
static void a_connection_that_cannot_be_watched_is_served_and_the_next_waits(void **state) {
    static const struct {
        int number, error;
    } refusals[] = {{ENOSPC, ERR_TOO_MANY_WATCHES}, {ENOMEM, ERR_NO_MEMORY}};
    struct port *port = *state;
    struct port_pool *pool;
    assert_int_equal(port_pool_create(port, 1000, 3, 0, &pool), 0);
    for (size_t r = 0; r < sizeof refusals / sizeof *refusals; r++) {
        struct port_address address = loopback();
        struct port_socket listener, accepted[3];
        struct client clients[3];
        struct probe accept = probe_new(NULL), receives[3];
        assert_int_equal(port_listen(port, &listener, &address), 0);
        for (int i = 0; i < 3; i++) {
            receives[i] = probe_new(NULL);
            assert_int_equal(client_connect(&address, &clients[i]), 0);
        }
        refuse_watches(refusals[r].number, 1);
        for (uint32_t i = 0; i < 2; i++) {
            port_accept(port, &accept.op, &listener, &accepted[i]);
            assert_int_equal(probe_await(port, &accept, i + 1), 0);
        }
        for (uint32_t n = 3; n <= 4; n++) {
            port_accept(port, &accept.op, &listener, &accepted[2]);
            assert_int_equal(probe_await(port, &accept, n), refusals[r].error);
        }
        port_receive(port, &receives[1].op, &accepted[1], pool); /* before there is anything */
        settle(port);
        for (int turn = 0; turn < 3; turn++)
            for (int i = 0; i < 2; i++) {
                assert_int_equal(client_send(&clients[i], "text", 4), 0);
                expect_received(port, &receives[i], &accepted[i], pool, "text");
            }
        assert_true(watches_refused >= 4);
        refuse_watches(0, 0);
        port_accept(port, &accept.op, &listener, &accepted[2]);
        assert_int_equal(probe_await(port, &accept, 5), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(client_send(&clients[i], "more", 4), 0);
            expect_received(port, &receives[i], &accepted[i], pool, "more");
            client_close(&clients[i]);
            port_shut(port, &accepted[i]);
        }
        port_shut(port, &listener);
    }
    port_pool_free(pool);
}

static void a_connection_that_cannot_be_watched_is_read_to_its_end_without_waiting(void **state) {
    struct port *port = *state;
    struct port_pool *pool;
    struct port_address address = loopback();
    struct port_socket listener, accepted;
    struct client client;
    struct probe accept = probe_new(NULL), receive = probe_new(NULL);
    assert_int_equal(port_pool_create(port, 1000, 1, 0, &pool), 0);
    assert_int_equal(port_listen(port, &listener, &address), 0);
    assert_int_equal(client_connect(&address, &client), 0);
    assert_int_equal(client_send(&client, "last words", 10), 0);
    client_close(&client);
    refuse_watches(ENOMEM, 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    port_receive(port, &receive.op, &accepted, pool);
    port_wait(port, 0); /* as at a stop, which ends when a wait brings nothing */
    assert_int_equal(receive.returns, 1);
    assert_int_equal(receive.op.result, 10);
    port_buffer_release(receive.op.buffer);
    port_receive(port, &receive.op, &accepted, pool);
    port_wait(port, 0);
    assert_int_equal(receive.returns, 2);
    assert_int_equal(receive.op.result, 0);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    refuse_watches(0, 0);
    port_pool_free(pool);
}

static void listening_and_binding_fail_when_they_cannot_be_watched(void **state) {
    struct port *port = *state;
    struct port_address address = loopback();
    struct port_socket socket;
    uint32_t granted;
    refuse_watches(ENOMEM, 0);
    assert_int_equal(port_listen(port, &socket, &address), ERR_NO_MEMORY);
    assert_int_equal(port_bind(port, &socket, &address, 0, &granted), ERR_NO_MEMORY);
    refuse_watches(0, 0);
    assert_int_equal(port_listen(port, &socket, &address), 0); /* the address is free again */
    port_shut(port, &socket);
}

/* A child process has a copy of every handle between fork and exec, and a socket stays in the epoll
 * set while a copy of its handle is open. */
static void a_socket_shut_while_a_child_holds_a_copy_has_no_more_events(void **state) {
    struct port *port = *state;
    struct stream stream;
    open_stream(port, &stream);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(pause());
    port_shut(port, &stream.socket);
    const struct port_socket shut = stream.socket;
    client_send(&stream.client, "x", 1);
    settle(port);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_memory_equal(&stream.socket, &shut, sizeof shut); /* its memory is the caller's again */
    close_stream(port, &stream);
}

/* ---- files ---- */

/* The kernel writes what fits below the limit and says how much; only going on
 * behind it finds out why. */
static void a_write_cut_short_by_the_system_ends_in_its_error(void **state) {
    struct port *port = *state;
    struct rlimit before, small;
    struct file file;
    struct file_status status;
    struct probe probe = probe_new(NULL);
    static const char path[] = "epoll_test.scratch";
    uint8_t *bytes = calloc(100000, 1);
    file_remove(port_files(port), path);
    assert_int_equal(file_open(port_files(port), path, FILE_WRITE_NEW, &file), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 50000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    port_write(port, &probe.op, &file, bytes, 100000, 0);
    const int64_t result = probe_await(port, &probe, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, ERR_TOO_LARGE);
    assert_int_equal(file_status(&file, &status), 0);
    assert_int_equal(status.size, 50000);
    file_close(&file);
    file_remove(port_files(port), path);
    free(bytes);
}

static mode_t mode_of(const char *path) {
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 0777;
}

static void files_are_made_for_us_and_our_group_and_secrets_for_us(void **state) {
    (void)state;
    struct files *files = files_of_system();
    struct file file;
    const mode_t mask = umask(0);
    assert_int_equal(directory_make(files, "epoll_test.folder"), 0);
    assert_int_equal(mode_of("epoll_test.folder"), 0750);
    assert_int_equal(file_replace(files, "epoll_test.folder/f", "x", 1, false), 0);
    assert_int_equal(mode_of("epoll_test.folder/f"), 0640);
    assert_int_equal(file_open(files, "epoll_test.folder/f", FILE_WRITE_SECRET, &file), 0);
    file_close(&file);
    assert_int_equal(mode_of("epoll_test.folder/f"), 0600);
    umask(mask);
    file_remove(files, "epoll_test.folder/f");
    file_remove(files, "epoll_test.folder");
}

/* ---- signals ---- */

/* A handler finds what it is to do nowhere else than here. */
static struct port *handler_port;
static struct probe handler_probe;

static void post_from_handler(int number) {
    port_post(handler_port, &handler_probe.op, number);
}

static void a_post_from_a_signal_handler_wakes_the_owner(void **state) {
    handler_port = *state;
    handler_probe = probe_new(NULL);
    signal(SIGALRM, post_from_handler);
    for (uint32_t n = 1; n <= 20; n++) {
        const struct itimerval soon = {.it_value.tv_usec = 1000};
        setitimer(ITIMER_REAL, &soon, NULL);
        while (handler_probe.returns < n)
            port_wait(handler_port, -1); /* for ever, if it were lost */
        assert_int_equal(handler_probe.result, SIGALRM);
    }
    signal(SIGALRM, SIG_DFL);
}

/* In a process of its own, as handlers are installed once in a process. */
static int ask_for_signals_without_handles(void) {
    struct port *port;
    struct rlimit before, none_left;
    if (port_open(NULL, &port) < 0) return 1;
    struct probe probe = probe_new(NULL);
    getrlimit(RLIMIT_NOFILE, &before);
    none_left = before;
    none_left.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none_left);
    port_signal(port, &probe.op);
    while (probe.returns == 0)
        port_wait(port, PATIENCE_NS);
    if (probe.result != ERR_TOO_MANY_FILES) return 2;
    setrlimit(RLIMIT_NOFILE, &before);
    port_signal(port, &probe.op);
    raise(SIGTERM);
    while (probe.returns == 1)
        port_wait(port, PATIENCE_NS);
    port_close(port);
    return probe.result == PORT_SIGNAL_STOP ? 0 : 3;
}

static void signals_that_cannot_be_received_are_an_error_and_may_be_asked_for_again(void **state) {
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(ask_for_signals_without_handles());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        PORT_TEST(joined_datagrams_come_apart_again),
        PORT_TEST(joined_datagrams_that_do_not_fit_are_marked),
        PORT_TEST(an_urgent_byte_is_received_in_its_place_and_hides_nothing),
        PORT_TEST(small_sends_gather_into_a_few_receives),
        PORT_TEST(work_that_is_done_while_small_sends_gather_comes_back_at_once),
        PORT_TEST(accepted_connections_are_kept_alive),
        PORT_TEST(at_the_limit_of_open_files_a_connection_waits_in_the_backlog),
        PORT_TEST(a_connection_that_cannot_be_watched_is_served_and_the_next_waits),
        PORT_TEST(a_connection_that_cannot_be_watched_is_read_to_its_end_without_waiting),
        PORT_TEST(listening_and_binding_fail_when_they_cannot_be_watched),
        PORT_TEST(a_socket_shut_while_a_child_holds_a_copy_has_no_more_events),
        PORT_TEST(a_write_cut_short_by_the_system_ends_in_its_error),
        cmocka_unit_test(files_are_made_for_us_and_our_group_and_secrets_for_us),
        cmocka_unit_test(signals_that_cannot_be_received_are_an_error_and_may_be_asked_for_again),
        PORT_TEST(a_post_from_a_signal_handler_wakes_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
