/* pacing_test.c - with a simulated clock: connections of a peer that has used up its allowance wait as
 * long as that takes and no longer, and those that take too long are found in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/network/pacing.h"
#include "tests/sim/sim.h"

#define CONNECTIONS 20
#define TURN_NS     (10 * SIM_MS) /* those that wait are looked at together */

/* A connection without a socket: it has bytes whenever it is read. */
struct client {
    struct paced paced;
    uint32_t each;     /* bytes of a receive; 0: it sends nothing */
    uint64_t received; /* in all */
    bool open, has_partial, waits;
    int64_t found_ns; /* when it was overdue, and why */
    enum pacing_overdue overdue;
};

static struct sim sim;
static struct port *port;
static struct counters counters;
static struct admission admission;
static struct pacing pacing;
static struct client clients[CONNECTIONS];

static void read_client(struct client *client) {
    while (client->open && client->each > 0 && !pacing_wait(&pacing, &client->paced)) {
        client->received += client->each;
        pacing_received(&pacing, &client->paced, client->each);
    }
}

static void resume(struct paced *paced) {
    read_client(PORT_CONTAINER(struct client, paced, paced));
}

static void look(struct pacing *looking) {
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        struct client *client = &clients[i];
        if (!client->open) continue;
        const enum pacing_overdue overdue =
            pacing_overdue(looking, &client->paced, client->has_partial, client->waits);
        if (overdue == PACING_IN_TIME) continue;
        client->overdue = overdue;
        client->found_ns = sim.now_ns;
        client->open = false;
    }
}

static int begin(void **state) {
    (void)state;
    sim_open(&sim, 3);
    port = sim_port(&sim);
    memset(&counters, 0, sizeof counters);
    memset(&admission, 0, sizeof admission);
    memset(clients, 0, sizeof clients);
    assert_int_equal(admission_create(port, &counters, CONNECTIONS, &admission), 0);
    pacing_open(&pacing, port, &admission, resume, look);
    return 0;
}

static int end(void **state) {
    (void)state;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        clients[i].each = 0;
    pacing_end(&pacing);
    sim_pass(&sim, SIM_S);
    assert_true(pacing_ended(&pacing));
    admission_free(&admission);
    port_close(port);
    sim_close(&sim);
    return 0;
}

static void open_client(uint32_t i, uint8_t peer, uint32_t each) {
    const struct port_address address = {.family = 4, .ip = {10, 0, 0, peer}, .port = 1};
    struct client *client = &clients[i];
    *client = (struct client){.open = true, .each = each};
    assert_true(admission_check(&admission, 0, "tcp", &address, &client->paced.peer));
    pacing_begin(&pacing, &client->paced);
}

static void limit_bytes(uint64_t bytes_per_s) {
    const struct peer_limits limits = {.bytes_per_s = bytes_per_s};
    admission_set_limits(&admission, 0, &limits);
}

/* ---- allowances ---- */

static void the_connections_of_a_peer_share_what_it_may_send(void **state) {
    (void)state;
    limit_bytes(100000);
    for (uint32_t i = 0; i < 10; i++)
        open_client(i, 1, 1000);
    open_client(10, 2, 1000);
    for (uint32_t i = 0; i <= 10; i++)
        read_client(&clients[i]);
    sim_pass(&sim, 100 * SIM_S);
    uint64_t all = 0;
    for (uint32_t i = 0; i < 10; i++)
        all += clients[i].received;
    /* A second's allowance at first, and each may overdraw it by one receive. */
    assert_in_range(all, 100 * 100000, 101 * 100000 + 10 * 1000);
    assert_in_range(clients[10].received, 100 * 100000, 101 * 100000 + 1000);
}

static void a_peer_waits_until_its_excess_is_earned(void **state) {
    (void)state;
    limit_bytes(1000);
    open_client(0, 1, 60000);
    read_client(&clients[0]);
    assert_int_equal(clients[0].received, 60000);
    sim_pass(&sim, 59 * SIM_S - 1);
    assert_int_equal(clients[0].received, 60000);
    sim_pass(&sim, TURN_NS + 1);
    assert_int_equal(clients[0].received, 120000);
    assert_int_equal(counters.rate_waits, 2);
}

static void a_short_wait_does_not_wait_for_a_long_one(void **state) {
    (void)state;
    limit_bytes(1000);
    open_client(0, 1, 1000000);
    read_client(&clients[0]);
    open_client(1, 2, 1500);
    read_client(&clients[1]);
    assert_int_equal(clients[1].received, 1500);
    sim_pass(&sim, SIM_S / 2 + TURN_NS);
    assert_int_equal(clients[1].received, 3000);
}

static void without_limits_nothing_waits(void **state) {
    (void)state;
    limit_bytes(1000);
    open_client(0, 1, 1000000);
    read_client(&clients[0]);
    clients[0].each = 0;
    limit_bytes(0);
    pacing_hurry_all(&pacing);
    sim_pass(&sim, 2 * TURN_NS);
    assert_false(clients[0].paced.waiting);
    limit_bytes(1000); /* allowances begin anew */
    assert_false(pacing_wait(&pacing, &clients[0].paced));
}

static void at_a_stop_nothing_waits(void **state) {
    (void)state;
    limit_bytes(1000);
    open_client(0, 1, 1000000);
    read_client(&clients[0]);
    clients[0].each = 0;
    assert_true(clients[0].paced.waiting);
    pacing_lift(&pacing);
    sim_pass(&sim, 2 * TURN_NS);
    assert_false(clients[0].paced.waiting);
    assert_false(pacing_wait(&pacing, &clients[0].paced));
}

/* ---- times ---- */

static void assert_found(const struct client *client, enum pacing_overdue overdue, int64_t since_ns,
                         int64_t limit_ns) {
    assert_int_equal(client->overdue, overdue);
    assert_true(client->found_ns - since_ns >= limit_ns);
    assert_true(client->found_ns - since_ns <= limit_ns + 2 * pacing.tick_ns);
}

static void silence_and_unfinished_records_are_found_in_time(void **state) {
    (void)state;
    pacing_set_times(&pacing, 100 * SIM_S, 40 * SIM_S);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        open_client(i, 1, 0);
        clients[i].has_partial = i % 2;
        sim_pass(&sim, SIM_S / 3);
    }
    const int64_t last_ns = sim.now_ns;
    sim_pass(&sim, 200 * SIM_S);
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        assert_found(&clients[i], i % 2 ? PACING_UNFINISHED : PACING_IDLE,
                     last_ns - (CONNECTIONS - i) * (SIM_S / 3), (i % 2 ? 40 : 100) * SIM_S);
}

static void what_is_received_in_time_is_not_overdue(void **state) {
    (void)state;
    pacing_set_times(&pacing, 10 * SIM_S, 0);
    open_client(0, 1, 0);
    for (int i = 0; i < 100; i++) {
        sim_pass(&sim, 9 * SIM_S);
        pacing_received(&pacing, &clients[0].paced, 1);
    }
    assert_true(clients[0].open);
    const int64_t last_ns = sim.now_ns;
    sim_pass(&sim, 20 * SIM_S);
    assert_found(&clients[0], PACING_IDLE, last_ns, 10 * SIM_S);
}

static void time_stands_still_while_we_do_not_read(void **state) {
    (void)state;
    pacing_set_times(&pacing, 10 * SIM_S, 10 * SIM_S);
    open_client(0, 1, 0);
    clients[0].has_partial = clients[0].waits = true;
    limit_bytes(1000);
    open_client(1, 2, 100000);
    clients[1].has_partial = true;
    read_client(&clients[1]);
    clients[1].each = 0;
    sim_pass(&sim, 90 * SIM_S);
    assert_true(clients[0].open && clients[1].open);
    clients[0].waits = false;
    const int64_t begin_ns = sim.now_ns;
    sim_pass(&sim, 30 * SIM_S);
    assert_found(&clients[0], PACING_UNFINISHED, begin_ns - pacing.tick_ns, 10 * SIM_S);
    assert_int_equal(clients[1].overdue, PACING_UNFINISHED);
}

static void limits_that_are_set_later_count_from_then(void **state) {
    (void)state;
    pacing_set_times(&pacing, 0, 0);
    open_client(0, 1, 0);
    sim_pass(&sim, 1000 * SIM_S);
    pacing_set_times(&pacing, 10 * SIM_S, 0);
    const int64_t begin_ns = sim.now_ns;
    sim_pass(&sim, 5 * SIM_S);
    assert_true(clients[0].open);
    pacing_set_times(&pacing, 20 * SIM_S, 0);
    sim_pass(&sim, 60 * SIM_S);
    assert_found(&clients[0], PACING_IDLE, begin_ns, 20 * SIM_S);
}

static void without_connections_no_timer_runs(void **state) {
    (void)state;
    pacing_set_times(&pacing, 10 * SIM_S, 10 * SIM_S);
    assert_true(pacing_ended(&pacing));
    open_client(0, 1, 0);
    assert_false(pacing_ended(&pacing));
    clients[0].open = false;
    sim_pass(&sim, SIM_S);
    assert_true(pacing_ended(&pacing));
    open_client(1, 1, 0);
    const int64_t begin_ns = sim.now_ns;
    sim_pass(&sim, 30 * SIM_S);
    assert_found(&clients[1], PACING_IDLE, begin_ns, 10 * SIM_S);
}

#define PACED(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        PACED(the_connections_of_a_peer_share_what_it_may_send),
        PACED(a_peer_waits_until_its_excess_is_earned),
        PACED(a_short_wait_does_not_wait_for_a_long_one),
        PACED(without_limits_nothing_waits),
        PACED(at_a_stop_nothing_waits),
        PACED(silence_and_unfinished_records_are_found_in_time),
        PACED(what_is_received_in_time_is_not_overdue),
        PACED(time_stands_still_while_we_do_not_read),
        PACED(limits_that_are_set_later_count_from_then),
        PACED(without_connections_no_timer_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
