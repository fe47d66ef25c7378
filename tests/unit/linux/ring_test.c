/* ring_test.c - receives through io_uring: that they go that way, and that they
 * go on without it when the kernel refuses at the start or later.  What a
 * receive promises otherwise is in port_network_test.c, run both ways.
 *
 * Each test is a process of its own: what a seccomp filter forbids stays forbidden. */
#include "tests/unit/probe.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/linux.h"

#define IN_ONE_CALL     64
#define CONNECTIONS_MAX 200 /* more than go into one */

struct net {
    struct port *port;
    struct port_pool *pool;
    struct port_socket listener;
    struct port_address address;
    struct port_socket sockets[CONNECTIONS_MAX];
    struct client clients[CONNECTIONS_MAX];
    struct probe receives[CONNECTIONS_MAX];
    uint32_t count;
};

/* Answers a call of the system with EPERM from now on, as Docker does. */
static bool forbid(int number) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Until it has come back; false: it took too long. */
static bool came_back(struct net *net, const struct probe *probe, uint32_t returns) {
    const int64_t end_ns = port_now_ns(net->port) + PATIENCE_NS;
    while (probe->returns < returns && port_now_ns(net->port) < end_ns)
        port_wait(net->port, 100 * MS);
    return probe->returns == returns;
}

static bool open_net(struct net *net) {
    memset(net, 0, sizeof *net);
    net->address = (struct port_address){.family = 4, .ip = {127, 0, 0, 1}};
    return port_open(NULL, &net->port) == 0 &&
           port_pool_create(net->port, 64, CONNECTIONS_MAX, 0, &net->pool) == 0 &&
           port_listen(net->port, &net->listener, &net->address) == 0;
}

static bool connect_all(struct net *net, uint32_t count) {
    net->count = count;
    struct probe accept = probe_new(NULL);
    for (uint32_t i = 0; i < net->count; i++) {
        port_accept(net->port, &accept.op, &net->listener, &net->sockets[i]);
        if (client_connect(&net->address, &net->clients[i]) < 0) return false;
        if (!came_back(net, &accept, i + 1) || accept.result < 0) return false;
        net->receives[i] = probe_new(NULL);
        port_receive(net->port, &net->receives[i].op, &net->sockets[i], net->pool);
    }
    return true;
}

/* Everybody sends, and each receive brings what its own sender sent. */
static bool all_are_heard(struct net *net, uint32_t round) {
    for (uint32_t i = 0; i < net->count; i++) {
        const uint8_t text[2] = {(uint8_t)i, (uint8_t)round};
        if (client_send(&net->clients[i], text, 2) < 0) return false;
    }
    for (uint32_t i = 0; i < net->count; i++) {
        struct probe *receive = &net->receives[i];
        if (!came_back(net, receive, round) || receive->result != 2) return false;
        const uint8_t *bytes = receive->op.buffer->bytes;
        if (bytes[0] != (uint8_t)i || bytes[1] != (uint8_t)round) return false;
    }
    for (uint32_t i = 0; i < net->count; i++) { /* each held its own until here */
        port_buffer_release(net->receives[i].op.buffer);
        port_receive(net->port, &net->receives[i].op, &net->sockets[i], net->pool);
    }
    return true;
}

static bool has_ring(const struct net *net) {
    return ((const struct epoll_port *)net->port->backend)->ring != NULL &&
           strcmp(port_name(net->port), "io_uring") == 0;
}

static bool over_epoll(const struct net *net) {
    return ((const struct epoll_port *)net->port->backend)->ring == NULL &&
           strcmp(port_name(net->port), "epoll") == 0;
}

typedef int in_a_process(struct net *net);

/* What `run` says, or how it ended. */
static int run_apart(in_a_process *run, const char *asked_for) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static struct net net;
        if (asked_for != NULL)
            setenv("LOGPORT_PORT", asked_for, 1);
        else
            unsetenv("LOGPORT_PORT");
        _exit(run(&net));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static int look_for_a_ring(struct net *net) {
    return open_net(net) && has_ring(net) ? 0 : 77;
}

/* Refused in many containers, and not everybody builds with liburing. */
static void skip_without_a_ring(void) {
    if (run_apart(look_for_a_ring, NULL) != 0) skip();
}

static int hear_with_recv_forbidden(struct net *net) {
    if (!open_net(net) || !connect_all(net, IN_ONE_CALL) || !forbid(SYS_recvfrom)) return 1;
    return all_are_heard(net, 1) && all_are_heard(net, 2) ? 0 : 2;
}

static void no_receive_is_a_call_of_its_own(void **state) {
    (void)state;
    skip_without_a_ring();
    assert_int_equal(run_apart(hear_with_recv_forbidden, "uring"), 0);
}

static int hear_more_than_fit(struct net *net) {
    if (!open_net(net) || !connect_all(net, CONNECTIONS_MAX)) return 1;
    return all_are_heard(net, 1) && all_are_heard(net, 2) ? 0 : 2;
}

static void more_than_go_into_one_call_are_heard_too(void **state) {
    (void)state;
    skip_without_a_ring();
    assert_int_equal(run_apart(hear_more_than_fit, "uring"), 0);
}

static int hear_what_a_lost_ring_did_not(struct net *net) {
    if (!open_net(net) || !connect_all(net, CONNECTIONS_MAX) || !all_are_heard(net, 1)) return 1;
    if (!forbid(SYS_io_uring_enter)) return 2;
    return all_are_heard(net, 2) && all_are_heard(net, 3) && over_epoll(net) ? 0 : 3;
}

static void a_ring_refused_in_mid_flight_loses_nothing(void **state) {
    (void)state;
    skip_without_a_ring();
    assert_int_equal(run_apart(hear_what_a_lost_ring_did_not, "uring"), 0);
}

static int hear_with_io_uring_forbidden(struct net *net) {
    if (!forbid(SYS_io_uring_setup) || !open_net(net) || !over_epoll(net)) return 1;
    return connect_all(net, IN_ONE_CALL) && all_are_heard(net, 1) ? 0 : 2;
}

static void where_io_uring_is_refused_epoll_carries_everything(void **state) {
    (void)state;
    assert_int_equal(run_apart(hear_with_io_uring_forbidden, NULL), 0);
    assert_int_equal(run_apart(hear_with_io_uring_forbidden, "uring"), 0);
}

static int hear_over_epoll(struct net *net) {
    if (!forbid(SYS_io_uring_enter) || !open_net(net) || !over_epoll(net)) return 1;
    return connect_all(net, IN_ONE_CALL) && all_are_heard(net, 1) ? 0 : 2;
}

static void who_asks_for_epoll_gets_it(void **state) {
    (void)state;
    assert_int_equal(run_apart(hear_over_epoll, "epoll"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_receive_is_a_call_of_its_own),
        cmocka_unit_test(more_than_go_into_one_call_are_heard_too),
        cmocka_unit_test(a_ring_refused_in_mid_flight_loses_nothing),
        cmocka_unit_test(where_io_uring_is_refused_epoll_carries_everything),
        cmocka_unit_test(who_asks_for_epoll_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
