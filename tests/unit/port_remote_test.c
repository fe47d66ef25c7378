/* port_remote_test.c - remote lanes and system_run_within: work that hangs delays nothing else, and
 * once given up it touches only its own memory. */
#include "tests/unit/probe.h"

#include <stdatomic.h>

#include "port/process.h"
#include "port/remote.h"

/* What a test observes of a job; `release` frees the job itself. */
struct watch {
    atomic_bool may_end;
    atomic_int begun, ended, released;
};

struct job {
    struct watch *watch;
    bool hangs; /* until watch->may_end */
    int64_t result;
};

static struct job *job_new(struct watch *watch, bool hangs, int64_t result) {
    struct job *job = malloc(sizeof *job);
    *job = (struct job){.watch = watch, .hangs = hangs, .result = result};
    return job;
}

static int64_t job_run(void *context) {
    struct job *job = context;
    atomic_fetch_add(&job->watch->begun, 1);
    while (job->hangs && !atomic_load(&job->watch->may_end))
        system_sleep_ms(1);
    atomic_fetch_add(&job->watch->ended, 1);
    return job->result;
}

static void job_release(void *context) {
    struct job *job = context;
    atomic_fetch_add(&job->watch->released, 1);
    free(job);
}

static void await(atomic_int *count, int at_least) {
    const int64_t end_ns = system_now_ns() + PATIENCE_NS;
    while (atomic_load(count) < at_least) {
        if (system_now_ns() > end_ns) fail_msg("it did not happen");
        system_sleep_ms(1);
    }
}

static struct port_remote *lane_new(struct port *port) {
    struct port_remote *remote;
    assert_int_equal(port_remote_open(port, "a lane with a long name", &remote), 0);
    return remote;
}

/* ---- jobs that end ---- */

struct step {
    struct probe probe;
    int *next;
    int number;
};

static int64_t step_run(void *context) {
    struct step *step = context;
    return (*step->next)++ == step->number ? step->number : -1;
}

static void step_keep(void *context) {
    (void)context;
    fail_msg("it was not abandoned");
}

static void jobs_run_in_the_order_of_their_starts(void **state) {
    struct port *port = *state;
    enum { COUNT = 200 };
    static struct step steps[COUNT];
    int next = 0;
    uint64_t returns = 0;
    struct port_remote *remote = lane_new(port);
    for (int i = 0; i < COUNT; i++) {
        steps[i] = (struct step){.probe = probe_new(&returns), .next = &next, .number = i};
        port_remote_work(remote, &steps[i].probe.op, step_run, step_keep, &steps[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(probe_await(port, &steps[i].probe, 1), i);
        assert_int_equal(steps[i].probe.rank, i + 1);
    }
    port_remote_close(remote);
}

static void a_time_out_of_the_job_itself_is_another_error(void **state) {
    struct port *port = *state;
    struct watch watch = {0};
    struct job *job = job_new(&watch, false, ERR_TIMED_OUT);
    struct port_remote *remote = lane_new(port);
    struct probe probe = probe_new(NULL);
    port_remote_work(remote, &probe.op, job_run, job_release, job);
    assert_int_equal(probe_await(port, &probe, 1), ERR_IO);
    assert_int_equal(watch.released, 0);
    free(job);
    port_remote_close(remote);
}

static void lanes_come_and_go(void **state) {
    struct port *port = *state;
    for (uint32_t i = 0; i < scaled(100); i++) {
        struct watch watch = {0};
        struct port_remote *remote = lane_new(port);
        assert_int_equal(port_remote_busy_ns(remote), 0);
        if (i % 2 == 0) {
            struct job *job = job_new(&watch, false, i);
            struct probe probe = probe_new(NULL);
            port_remote_work(remote, &probe.op, job_run, job_release, job);
            assert_int_equal(probe_await(port, &probe, 1), i);
            free(job);
        }
        if (i % 3 == 0) port_remote_abandon(remote);
        port_remote_close(remote);
    }
}

static void a_job_that_has_not_begun_is_cancelled_and_stays_the_callers(void **state) {
    struct port *port = *state;
    struct watch watch = {0};
    struct job *hung = job_new(&watch, true, 7), *queued = job_new(&watch, false, 8);
    struct port_remote *remote = lane_new(port);
    struct probe first = probe_new(NULL), second = probe_new(NULL);
    port_remote_work(remote, &first.op, job_run, job_release, hung);
    port_remote_work(remote, &second.op, job_run, job_release, queued);
    await(&watch.begun, 1);
    port_cancel(&second.op);
    port_cancel(&first.op); /* too late */
    assert_int_equal(probe_await(port, &second, 1), ERR_CANCELLED);
    settle(port);
    assert_int_equal(first.returns, 0);
    watch.may_end = true;
    assert_int_equal(probe_await(port, &first, 1), 7);
    assert_int_equal(watch.begun, 1);
    assert_int_equal(watch.released, 0);
    free(hung);
    free(queued);
    port_remote_close(remote);
}

/* ---- jobs that hang ---- */

static void answers(struct port_op *op) {
    op->result = 42;
}

static void a_hung_job_delays_no_other_lane(void **state) {
    struct port *port = *state;
    struct watch watch = {0}, other_watch = {0};
    struct job *hung = job_new(&watch, true, 0);
    struct port_remote *remote = lane_new(port), *other = lane_new(port);
    struct probe first = probe_new(NULL);
    port_remote_work(remote, &first.op, job_run, job_release, hung);
    await(&watch.begun, 1);
    for (int lane = 0; lane < PORT_LANES; lane++) {
        struct probe probe = probe_new(NULL);
        port_work(port, &probe.op, lane, answers);
        assert_int_equal(probe_await(port, &probe, 1), 42);
    }
    struct job *job = job_new(&other_watch, false, 5);
    struct probe probe = probe_new(NULL);
    port_remote_work(other, &probe.op, job_run, job_release, job);
    assert_int_equal(probe_await(port, &probe, 1), 5);
    free(job);
    assert_int_equal(first.returns, 0);

    watch.may_end = true;
    probe_await(port, &first, 1);
    free(hung);
    port_remote_close(remote);
    port_remote_close(other);
}

static void busy_ns_tells_how_long_the_job_has_been_running(void **state) {
    struct port *port = *state;
    struct watch watch = {0};
    struct job *hung = job_new(&watch, true, 0);
    struct port_remote *remote = lane_new(port);
    assert_int_equal(port_remote_busy_ns(remote), 0);
    const int64_t before_ns = port_now_ns(port);
    struct probe probe = probe_new(NULL);
    port_remote_work(remote, &probe.op, job_run, job_release, hung);
    await(&watch.begun, 1);
    port_wait(port, 20 * MS);
    const int64_t busy_ns = port_remote_busy_ns(remote);
    assert_in_range(busy_ns, 20 * MS, port_now_ns(port) - before_ns);
    watch.may_end = true;
    probe_await(port, &probe, 1);
    assert_int_equal(port_remote_busy_ns(remote), 0);
    free(hung);
    port_remote_close(remote);
}

static void an_abandoned_lane_returns_its_ops_and_outlives_the_port(void **state) {
    (void)state;
    struct port *port;
    assert_int_equal(port_open(NULL, &port), 0);
    static struct watch hung_watch, queued_watch;
    struct port_remote *remote = lane_new(port);
    struct probe hung = probe_new(NULL), queued = probe_new(NULL), late = probe_new(NULL);
    port_remote_work(remote, &hung.op, job_run, job_release, job_new(&hung_watch, true, 0));
    port_remote_work(remote, &queued.op, job_run, job_release, job_new(&queued_watch, true, 0));
    await(&hung_watch.begun, 1);

    port_remote_abandon(remote);
    assert_true(port_remote_abandoned(remote));
    assert_int_equal(hung.returns, 0); /* never from inside a call */
    assert_int_equal(probe_await(port, &hung, 1), ERR_TIMED_OUT);
    assert_int_equal(probe_await(port, &queued, 1), ERR_TIMED_OUT);
    assert_int_equal(port_remote_busy_ns(remote), 0);
    assert_int_equal(hung_watch.released, 0);
    assert_int_equal(queued_watch.released, 1);
    port_remote_abandon(remote); /* nothing happens */
    port_remote_work(remote, &late.op, job_run, job_release, job_new(&queued_watch, true, 0));
    assert_int_equal(probe_await(port, &late, 1), ERR_TIMED_OUT);
    assert_int_equal(queued_watch.released, 2);
    assert_int_equal(queued_watch.begun, 0);

    port_remote_close(remote);
    port_close(port);
    assert_int_equal(hung_watch.released, 0);
    hung_watch.may_end = true; /* the volume answers after all */
    await(&hung_watch.released, 1);
    assert_int_equal(hung_watch.ended, 1);
}

/* At any moment of a job: it comes back with its result, or with ERR_TIMED_OUT and is released. */
static void an_abandoned_job_is_the_callers_or_released_never_both(void **state) {
    struct port *port = *state;
    for (uint32_t i = 0; i < scaled(300); i++) {
        struct watch *watch = calloc(1, sizeof *watch);
        struct job *job = job_new(watch, false, 9);
        struct port_remote *remote = lane_new(port);
        struct probe probe = probe_new(NULL);
        port_remote_work(remote, &probe.op, job_run, job_release, job);
        if (i % 3 == 1) await(&watch->begun, 1);
        if (i % 3 == 2) await(&watch->ended, 1);
        port_remote_abandon(remote);
        const int64_t result = probe_await(port, &probe, 1);
        if (result == 9) {
            assert_int_equal(watch->released, 0);
            free(job);
        } else {
            assert_int_equal(result, ERR_TIMED_OUT);
            await(&watch->released, 1);
        }
        port_remote_close(remote);
        free(watch);
    }
}

/* ---- the end of a process ---- */

static const char *self;

static int end_with_a_thread_left_behind(void) {
    static struct watch watch;
    struct port *port;
    struct port_remote *remote;
    if (port_open(NULL, &port) < 0 || port_remote_open(port, "hung", &remote) < 0) return 1;
    struct probe probe = probe_new(NULL);
    port_remote_work(remote, &probe.op, job_run, job_release, job_new(&watch, true, 0));
    while (atomic_load(&watch.begun) == 0)
        system_sleep_ms(1);
    port_remote_abandon(remote);
    while (probe.returns == 0)
        port_wait(port, -1);
    port_remote_close(remote);
    port_close(port);
    return 17;
}

static void a_process_ends_with_a_hung_thread_left_behind(void **state) {
    (void)state;
    struct processes *processes = processes_of_system();
    const char *const words[] = {self, "--hung", NULL};
    struct process process;
    assert_int_equal(processes->start(processes, words, &process), 0);
    const int64_t end_ns = system_now_ns() + PATIENCE_NS;
    int code = -1;
    while (!processes->ended(processes, &process, &code)) {
        assert_true(system_now_ns() < end_ns);
        system_sleep_ms(2);
    }
    assert_int_equal(code, 17);
}

/* ---- system_run_within ---- */

static void job_run_within(void *job) {
    job_run(job);
}

static void what_ends_in_time_is_the_callers(void **state) {
    (void)state;
    struct watch watch = {0};
    struct job *job = job_new(&watch, false, 0);
    assert_true(system_run_within(job_run_within, job_release, job, PATIENCE_NS / MS));
    assert_int_equal(watch.ended, 1);
    assert_int_equal(watch.released, 0);
    free(job);
}

static void what_does_not_end_in_time_is_released_when_it_does(void **state) {
    (void)state;
    static struct watch watch;
    const int64_t before_ns = system_now_ns();
    assert_false(system_run_within(job_run_within, job_release, job_new(&watch, true, 0), 20));
    assert_true(system_now_ns() - before_ns >= 20 * MS);
    assert_int_equal(watch.released, 0);
    watch.may_end = true;
    await(&watch.released, 1);
}

int program_main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1) return end_with_a_thread_left_behind();
    const struct CMUnitTest tests[] = {
        PORT_TEST(jobs_run_in_the_order_of_their_starts),
        PORT_TEST(a_time_out_of_the_job_itself_is_another_error),
        PORT_TEST(lanes_come_and_go),
        PORT_TEST(a_job_that_has_not_begun_is_cancelled_and_stays_the_callers),
        PORT_TEST(a_hung_job_delays_no_other_lane),
        PORT_TEST(busy_ns_tells_how_long_the_job_has_been_running),
        cmocka_unit_test(an_abandoned_lane_returns_its_ops_and_outlives_the_port),
        PORT_TEST(an_abandoned_job_is_the_callers_or_released_never_both),
        cmocka_unit_test(a_process_ends_with_a_hung_thread_left_behind),
        cmocka_unit_test(what_ends_in_time_is_the_callers),
        cmocka_unit_test(what_does_not_end_in_time_is_released_when_it_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
