/* sim_remote_test.c - the simulated port's remote lanes: a job that touches a hung path blocks in
 * the middle of the call while everything else continues; equal seeds give equal runs. */
#include "tests/unit/probe.h"

#include "port/remote.h"
#include "tests/sim/sim.h"

struct bench {
    struct sim sim;
    struct port *port;
    struct port_remote *remote;
};

/* Creates a file, then its copy in the archive. */
struct job {
    struct files *files;
    const char *from, *to;
    uint32_t steps;
    int *released;
};

static int make(struct files *files, const char *path) {
    struct file file;
    const int error = file_open(files, path, FILE_WRITE_NEW, &file);
    if (error < 0) return error;
    const int written = file_write_at(&file, "bytes", 5, 0);
    file_close(&file);
    return written;
}

static int64_t copy(void *context) {
    struct job *job = context;
    int error = make(job->files, job->from);
    job->steps++;
    if (error == 0) error = make(job->files, job->to);
    job->steps++;
    return error < 0 ? error : 1;
}

static void released(void *context) {
    ++*((struct job *)context)->released;
}

static void bench_open(struct bench *b, uint64_t seed) {
    sim_open(&b->sim, seed);
    disk_put(&b->sim.disk, "logs/old", "x", 1);
    disk_put(&b->sim.disk, "archive/old", "x", 1);
    b->port = sim_port(&b->sim);
    assert_int_equal(port_remote_open(b->port, "archive", &b->remote), 0);
}

static void bench_close(struct bench *b) {
    port_remote_close(b->remote);
    port_close(b->port);
    sim_close(&b->sim);
}

static int64_t sim_await(struct bench *b, const struct probe *probe, uint32_t returns) {
    while (probe->returns < returns)
        port_wait(b->port, 100 * SIM_S);
    return probe->result;
}

static void answers(struct port_op *op) {
    op->result = 42;
}

static void a_job_on_a_hung_path_blocks_and_continues_when_the_hang_ends(void **state) {
    (void)state;
    struct bench b;
    bench_open(&b, 1);
    int releases = 0;
    struct job job = {port_files(b.port), "logs/new", "archive/new", 0, &releases};
    struct probe probe = probe_new(NULL);
    sim_hang(&b.sim, "archive");
    port_remote_work(b.remote, &probe.op, copy, released, &job);
    sim_pass(&b.sim, SIM_DAY);
    assert_int_equal(probe.returns, 0);
    assert_int_equal(sim_hung(&b.sim), 1);
    assert_int_equal(job.steps, 1);
    assert_true(disk_exists(&b.sim.disk, "logs/new"));
    assert_false(disk_exists(&b.sim.disk, "archive/new"));
    assert_in_range(port_remote_busy_ns(b.remote), SIM_DAY - SIM_S, SIM_DAY);
    for (int lane = 0; lane < PORT_LANES; lane++) {
        struct probe other = probe_new(NULL);
        port_work(b.port, &other.op, lane, answers);
        assert_int_equal(sim_await(&b, &other, 1), 42);
    }

    sim_end_hangs(&b.sim);
    assert_int_equal(sim_await(&b, &probe, 1), 1);
    assert_int_equal(job.steps, 2);
    assert_true(disk_exists(&b.sim.disk, "archive/new"));
    assert_int_equal(releases, 0);
    bench_close(&b);
}

static void an_abandoned_job_continues_by_itself(void **state) {
    (void)state;
    struct bench b;
    bench_open(&b, 2);
    int releases = 0;
    struct job job = {port_files(b.port), "logs/new", "archive/new", 0, &releases};
    struct job queued = {port_files(b.port), "logs/2", "archive/2", 0, &releases};
    struct probe probe = probe_new(NULL), second = probe_new(NULL);
    sim_hang(&b.sim, "archive/new");
    port_remote_work(b.remote, &probe.op, copy, released, &job);
    port_remote_work(b.remote, &second.op, copy, released, &queued);
    sim_pass(&b.sim, SIM_S);
    port_remote_abandon(b.remote);
    assert_int_equal(sim_await(&b, &probe, 1), ERR_TIMED_OUT);
    assert_int_equal(sim_await(&b, &second, 1), ERR_TIMED_OUT);
    assert_int_equal(releases, 1);
    assert_int_equal(queued.steps, 0);
    sim_end_hangs(&b.sim);
    assert_int_equal(releases, 2);
    assert_true(disk_exists(&b.sim.disk, "archive/new"));
    bench_close(&b);
}

static void an_abandoned_job_has_no_effect_after_its_process_ends(void **state) {
    (void)state;
    struct bench b;
    bench_open(&b, 3);
    int releases = 0;
    struct job job = {port_files(b.port), "logs/new", "archive/new", 0, &releases};
    struct probe probe = probe_new(NULL);
    sim_hang(&b.sim, "archive");
    port_remote_work(b.remote, &probe.op, copy, released, &job);
    sim_pass(&b.sim, SIM_S);
    port_remote_abandon(b.remote);
    assert_int_equal(sim_await(&b, &probe, 1), ERR_TIMED_OUT);
    port_remote_close(b.remote);
    port_close(b.port);
    assert_int_equal(releases, 1);
    assert_int_equal(b.sim.disk.files_open, 0);
    assert_false(disk_exists(&b.sim.disk, "archive/new"));
    sim_close(&b.sim);
}

/* Abandoned before the job begins, while it hangs or after it has ended. */
static void a_job_abandoned_at_any_moment_is_returned_or_released(void **state) {
    (void)state;
    int timed_out = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct bench b;
        bench_open(&b, seed);
        int releases = 0;
        struct job job = {port_files(b.port), "logs/new", "archive/new", 0, &releases};
        struct probe probe = probe_new(NULL);
        if (seed % 2 == 0) sim_hang(&b.sim, "archive");
        port_remote_work(b.remote, &probe.op, copy, released, &job);
        sim_pass(&b.sim, (int64_t)(seed / 2) * 2 * SIM_US);
        port_remote_abandon(b.remote);
        const int64_t result = sim_await(&b, &probe, 1);
        sim_end_hangs(&b.sim);
        assert_int_equal(releases, result == ERR_TIMED_OUT);
        assert_true(result == ERR_TIMED_OUT || result == 1);
        timed_out += result == ERR_TIMED_OUT;
        bench_close(&b);
    }
    assert_in_range(timed_out, 100, 199);
}

static int64_t run_of(uint64_t seed) {
    struct bench b;
    bench_open(&b, seed);
    int releases = 0;
    struct job jobs[2] = {{port_files(b.port), "logs/1", "archive/1", 0, &releases},
                          {port_files(b.port), "logs/2", "archive/2", 0, &releases}};
    struct probe probes[2] = {probe_new(NULL), probe_new(NULL)};
    sim_hang(&b.sim, "archive/1");
    for (int i = 0; i < 2; i++)
        port_remote_work(b.remote, &probes[i].op, copy, released, &jobs[i]);
    sim_pass(&b.sim, SIM_S);
    sim_end_hangs(&b.sim);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sim_await(&b, &probes[i], 1), 1);
    const int64_t now_ns = port_now_ns(b.port);
    bench_close(&b);
    return now_ns;
}

static void the_same_seed_gives_the_same_run(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal(run_of(seed), run_of(seed));
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_on_a_hung_path_blocks_and_continues_when_the_hang_ends),
        cmocka_unit_test(an_abandoned_job_continues_by_itself),
        cmocka_unit_test(an_abandoned_job_has_no_effect_after_its_process_ends),
        cmocka_unit_test(a_job_abandoned_at_any_moment_is_returned_or_released),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
