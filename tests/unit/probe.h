/* probe.h - shared by the tests of the port: an op that counts its completions, and waiting for it.
 * It uses only the port's own calls, so that the same tests hold every back end to the same
 * contract.
 *
 * LOGPORT_TEST_SCALE, in percent, makes the large tests smaller or larger. */
#ifndef TESTS_UNIT_PROBE_H
#define TESTS_UNIT_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/client.h"
#include "port/files_internal.h"
#include "port/port.h"
#include "port/port_internal.h"
#include "port/system.h"

#define MS          1000000
/* No operation of a test takes long: a wait that reaches this limit has found a bug. */
#define PATIENCE_NS ((int64_t)20000 * MS)

struct probe {
    struct port_op op; /* first: a probe is its op */
    uint32_t returns;
    int64_t result;
    uint64_t rank; /* its place in the order of completions of all probes that share the counter */
    uint64_t *counter;
};

static inline void probe_returned(struct port_op *op) {
    struct probe *probe = (struct probe *)op;
    probe->returns++;
    probe->result = op->result;
    if (probe->counter != NULL) probe->rank = ++*probe->counter;
}

static inline struct probe probe_new(uint64_t *counter) {
    return (struct probe){.op.done = probe_returned, .counter = counter};
}

/* Waits until the probe has completed `returns` times in total; returns its last result. */
static inline int64_t probe_await(struct port *port, const struct probe *probe, uint32_t returns) {
    const int64_t end_ns = port_now_ns(port) + PATIENCE_NS;
    while (probe->returns < returns) {
        const int64_t left_ns = end_ns - port_now_ns(port);
        if (left_ns <= 0) fail_msg("the op did not come back");
        port_wait(port, left_ns);
    }
    assert_int_equal(probe->returns, returns);
    return probe->result;
}

/* Waits until no op has completed for 5 ms. */
static inline void settle(struct port *port) {
    while (port_wait(port, 5 * MS) > 0)
        ;
}

static inline uint32_t scaled(uint32_t count) {
    const char *percent = system_environment("LOGPORT_TEST_SCALE");
    const uint64_t scale = percent != NULL ? strtoull(percent, NULL, 10) : 100;
    const uint64_t result = count * scale / 100;
    return result > 0 ? (uint32_t)result : 1;
}

static inline int open_port(void **state) {
    struct port *port;
    const int error = port_open(NULL, &port);
    *state = port;
    return error;
}

static inline int close_port(void **state) {
    port_close(*state);
    return 0;
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, open_port, close_port)

#endif
