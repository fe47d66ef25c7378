/* sim_retention_job_test.c - retention runs after a segment was closed, even if it was closed
 * during an earlier run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/daemon/retention_job.h"
#include "port/system.h"
#include "tests/unit/kept_segments.h"

struct bench {
    struct sim sim;
    struct port *port;
    struct retention_job retention;
    bool closed_one;
};

static bool is_there(struct bench *b, uint64_t sequence) {
    char path[PATH_BYTES_MAX];
    path_of("logs", "main", sequence, false, path);
    return disk_exists(&b->sim.disk, path);
}

/* While the first segment is deleted, another is closed, which exceeds the limit again. */
static void close_one(void *context, enum disk_operation operation, const char *path,
                      int64_t result) {
    struct bench *b = context;
    (void)path;
    if (operation != DISK_REMOVE || result < 0 || b->closed_one) return;
    b->closed_one = true;
    put_segment(&b->sim.disk, "logs", "main", 3, false);
    retention_job_step(&b->retention, &(struct retention_job_progress){.segments_closed = 1});
}

static void a_segment_closed_during_a_look_is_examined_soon(void **state) {
    (void)state;
    static struct bench b;
    static const struct retention_rules rules = {.all = {.count_max = 1}};
    sim_open(&b.sim, 1);
    sim_set_wall(&b.sim, OPENED + 100 * DAY);
    assert_int_equal(directory_make(&b.sim.disk.files, "logs/main"), 0);
    put_segment(&b.sim.disk, "logs", "main", 1, false);
    put_segment(&b.sim.disk, "logs", "main", 2, false);
    b.port = sim_port(&b.sim);
    retention_job_open(&b.retention, b.port, "logs");
    b.sim.disk.performed = close_one;
    b.sim.disk.context = &b;
    retention_job_set_rules(&b.retention, &rules);
    const int64_t end_ns = b.sim.now_ns + 10 * SIM_S;
    while (b.sim.now_ns < end_ns)
        port_wait(b.port, SIM_S);
    assert_true(b.closed_one && !is_there(&b, 1));
    assert_true(!is_there(&b, 2) && is_there(&b, 3));
    retention_job_stop(&b.retention);
    while (!retention_job_quiet(&b.retention))
        port_wait(b.port, SIM_S);
    retention_job_close(&b.retention);
    port_close(b.port);
    sim_close(&b.sim);
}

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    system_name("sim_retention_job_test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_closed_during_a_look_is_examined_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
