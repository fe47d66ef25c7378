/* port_test.c - what port.h promises of posts, timers, work, writes and
 * cancelling.  Sockets are in port_network_test.c. */
#include "tests/unit/probe.h"

#include <signal.h>

/* ---- posts and collecting ---- */

static void a_post_comes_back_once_with_its_result(void **state) {
    struct port *port = *state;
    struct probe probe = probe_new(NULL);
    port_post(port, &probe.op, 42);
    assert_int_equal(probe.returns, 0);
    assert_int_equal(probe_await(port, &probe, 1), 42);
    settle(port);
    assert_int_equal(probe.returns, 1);
}

static void an_op_may_be_started_again_when_it_is_back(void **state) {
    struct port *port = *state;
    struct probe probe = probe_new(NULL);
    for (uint32_t i = 1; i <= 1000; i++) {
        port_post(port, &probe.op, i);
        assert_int_equal(probe_await(port, &probe, i), i);
    }
}

static void a_collect_hands_over_64_at_most_and_loses_none(void **state) {
    struct port *port = *state;
    enum { COUNT = 200 };
    static const uint32_t expected[] = {64, 64, 64, 8};
    struct probe *probes = calloc(COUNT, sizeof *probes);
    uint64_t counter = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        probes[i] = probe_new(&counter);
        port_post(port, &probes[i].op, i);
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(port_wait(port, PATIENCE_NS), expected[i]);
    assert_int_equal(port_wait(port, 0), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(probes[i].returns, 1);
        assert_int_equal(probes[i].rank, i + 1);
    }
    free(probes);
}

struct again {
    struct port_op op;
    struct port *port;
    uint32_t returns;
};

static void started_again(struct port_op *op) {
    struct again *again = (struct again *)op;
    again->returns++;
    if (again->returns < 10) port_post(again->port, op, 0);
}

static void what_is_started_while_collecting_is_for_the_next_collect(void **state) {
    struct port *port = *state;
    struct again again = {.op.done = started_again, .port = port};
    port_post(port, &again.op, 0);
    for (uint32_t i = 1; i <= 10; i++) {
        assert_int_equal(port_wait(port, PATIENCE_NS), 1);
        assert_int_equal(again.returns, i);
    }
    assert_int_equal(port_wait(port, 0), 0);
}

enum { POSTS_A_THREAD = 2000, POSTING_THREADS = 8 };

struct poster {
    struct probe work;
    struct port *port;
    struct probe posts[POSTS_A_THREAD];
};

static void post_them_all(struct port_op *op) {
    struct poster *poster = (struct poster *)op;
    for (uint32_t i = 0; i < POSTS_A_THREAD; i++)
        port_post(poster->port, &poster->posts[i].op, i);
    op->result = POSTS_A_THREAD;
}

static void posts_of_many_threads_come_back_once_and_in_each_ones_order(void **state) {
    (void)state;
    const struct port_options options = {.pack_workers = POSTING_THREADS};
    struct port *port;
    assert_int_equal(port_open(&options, &port), 0);
    struct poster *posters = calloc(POSTING_THREADS, sizeof *posters);
    uint64_t counter = 0;
    for (uint32_t t = 0; t < POSTING_THREADS; t++) {
        posters[t].port = port;
        posters[t].work = probe_new(NULL);
        for (uint32_t i = 0; i < POSTS_A_THREAD; i++)
            posters[t].posts[i] = probe_new(&counter);
        port_work(port, &posters[t].work.op, PORT_LANE_PACK, post_them_all);
    }
    for (uint32_t t = 0; t < POSTING_THREADS; t++) {
        assert_int_equal(probe_await(port, &posters[t].work, 1), POSTS_A_THREAD);
        uint64_t last_rank = 0;
        for (uint32_t i = 0; i < POSTS_A_THREAD; i++) {
            const struct probe *post = &posters[t].posts[i];
            assert_int_equal(probe_await(port, post, 1), i);
            assert_true(post->rank > last_rank);
            last_rank = post->rank;
        }
    }
    settle(port);
    assert_int_equal(counter, POSTS_A_THREAD * POSTING_THREADS);
    port_close(port);
    free(posters);
}

/* ---- waiting ---- */

static void a_wait_ends_when_its_time_is_over_and_not_before(void **state) {
    struct port *port = *state;
    const int64_t before_ns = port_now_ns(port);
    assert_int_equal(port_wait(port, 0), 0);
    assert_int_equal(port_wait(port, 20 * MS + 1), 0);
    assert_true(port_now_ns(port) - before_ns > 20 * MS);
}

/* ---- timers ---- */

static void timers_come_back_in_the_order_of_deadlines_and_never_early(void **state) {
    struct port *port = *state;
    static const int32_t after_us[] = {9000, 1000, 5000, 1000, 30000, 0, 5001, 12345, 2};
    enum { COUNT = sizeof after_us / sizeof after_us[0] };
    struct probe probes[COUNT];
    int64_t deadlines_ns[COUNT];
    uint64_t counter = 0;
    const int64_t start_ns = port_now_ns(port);
    for (int i = 0; i < COUNT; i++) {
        probes[i] = probe_new(&counter);
        deadlines_ns[i] = start_ns + after_us[i] * (int64_t)1000;
        port_timer(port, &probes[i].op, deadlines_ns[i]);
    }
    while (counter < COUNT) {
        const uint64_t before = counter;
        port_wait(port, PATIENCE_NS);
        const int64_t now_ns = port_now_ns(port);
        for (int i = 0; i < COUNT; i++)
            if (probes[i].rank > before) assert_true(deadlines_ns[i] <= now_ns);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(probes[i].returns, 1);
        assert_int_equal(probes[i].result, 0);
        for (int j = 0; j < COUNT; j++)
            if (deadlines_ns[i] < deadlines_ns[j] || (deadlines_ns[i] == deadlines_ns[j] && i < j))
                assert_true(probes[i].rank < probes[j].rank);
    }
}

static uint64_t random_next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* All are due, so order is the heap's doing alone. */
static void any_timers_cancelled_among_many_leave_the_rest_in_order(void **state) {
    struct port *port = *state;
    enum { COUNT = 3000 };
    uint64_t seed;
    system_random(&seed, sizeof seed);
    seed |= 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct probe *probes = calloc(COUNT, sizeof *probes);
    const struct probe **by_rank = calloc(COUNT + 1, sizeof *by_rank);
    uint64_t counter = 0;
    uint32_t cancelled = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        probes[i] = probe_new(&counter);
        port_timer(port, &probes[i].op, (int64_t)(random_next(&seed) % 500));
    }
    for (uint32_t i = 0; i < COUNT; i++)
        if (random_next(&seed) % 3 == 0) port_cancel(&probes[i].op);
    while (counter < COUNT)
        assert_true(port_wait(port, PATIENCE_NS) > 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(probes[i].returns, 1);
        by_rank[probes[i].rank] = &probes[i];
        if (probes[i].result == ERR_CANCELLED) cancelled++;
    }
    for (uint32_t rank = 1; rank < COUNT; rank++) { /* the cancelled came first */
        const struct probe *a = by_rank[rank], *b = by_rank[rank + 1];
        if (rank <= cancelled) assert_int_equal(a->result, ERR_CANCELLED);
        if (rank <= cancelled) continue;
        assert_int_equal(a->result, 0);
        assert_true(a->op.u.timer.deadline_ns <= b->op.u.timer.deadline_ns);
        if (a->op.u.timer.deadline_ns == b->op.u.timer.deadline_ns) assert_true(a < b);
    }
    free(by_rank);
    free(probes);
}

static void a_cancelled_timer_does_not_wait_for_its_deadline(void **state) {
    struct port *port = *state;
    struct probe probe = probe_new(NULL);
    port_timer(port, &probe.op, INT64_MAX);
    assert_int_equal(port_wait(port, 0), 0);
    port_cancel(&probe.op);
    port_cancel(&probe.op);
    assert_int_equal(probe.returns, 0);
    assert_int_equal(probe_await(port, &probe, 1), ERR_CANCELLED);
    port_cancel(&probe.op); /* idle: nothing happens */
    settle(port);
    assert_int_equal(probe.returns, 1);
}

struct canceller {
    struct probe probe;
    struct port_op *victim;
};

static void cancels_its_victim(struct port_op *op) {
    probe_returned(op);
    port_cancel(((struct canceller *)op)->victim);
}

static void a_cancel_that_comes_too_late_leaves_the_true_result(void **state) {
    struct port *port = *state;
    struct probe late = probe_new(NULL);
    struct canceller first = {.probe = probe_new(NULL), .victim = &late.op};
    first.probe.op.done = cancels_its_victim;
    port_timer(port, &first.probe.op, 1); /* both are due, and collected together */
    port_timer(port, &late.op, 2);
    assert_int_equal(probe_await(port, &late, 1), 0);
}

/* ---- work ---- */

static void answers(struct port_op *op) {
    op->result = 42;
}

static void says_nothing(struct port_op *op) {
    (void)op;
}

static void work_runs_in_every_lane_and_brings_its_result(void **state) {
    struct port *port = *state;
    for (int lane = 0; lane < PORT_LANES; lane++) {
        struct probe probe = probe_new(NULL);
        port_work(port, &probe.op, lane, answers);
        assert_int_equal(probe_await(port, &probe, 1), 42);
        port_work(port, &probe.op, lane, says_nothing);
        assert_int_equal(probe_await(port, &probe, 2), 0);
    }
}

struct gate {
    struct probe probe;
    atomic_bool begun, open;
};

static void waits_at_the_gate(struct port_op *op) {
    struct gate *gate = (struct gate *)op;
    atomic_store(&gate->begun, true);
    while (!atomic_load(&gate->open))
        system_sleep_ms(1);
    op->result = 7;
}

static void work_not_begun_is_cancelled_and_work_begun_is_not(void **state) {
    (void)state;
    const struct port_options options = {
        .pack_workers = 1, .write_workers = 1, .urgent_workers = 1, .slow_workers = 1};
    struct port *port;
    assert_int_equal(port_open(&options, &port), 0);
    for (int lane = 0; lane < PORT_LANES; lane++) {
        struct gate gate = {.probe = probe_new(NULL)};
        struct probe queued = probe_new(NULL), behind = probe_new(NULL);
        port_work(port, &gate.probe.op, lane, waits_at_the_gate);
        while (!atomic_load(&gate.begun))
            system_sleep_ms(1);
        port_work(port, &queued.op, lane, answers);
        port_work(port, &behind.op, lane, answers);
        port_cancel(&queued.op);
        port_cancel(&gate.probe.op);
        assert_int_equal(probe_await(port, &queued, 1), ERR_CANCELLED);
        settle(port);
        assert_int_equal(gate.probe.returns, 0);
        atomic_store(&gate.open, true);
        assert_int_equal(probe_await(port, &gate.probe, 1), 7);
        assert_int_equal(probe_await(port, &behind, 1), 42);
    }
    port_close(port);
}

/* ---- files ---- */

static const char scratch[] = "port_test.scratch";

static struct file new_scratch(struct port *port) {
    struct file file;
    file_remove(port_files(port), scratch);
    assert_int_equal(file_open(port_files(port), scratch, FILE_WRITE_NEW, &file), 0);
    return file;
}

static void end_scratch(struct port *port, struct file *file) {
    file_close(file);
    assert_int_equal(file_remove(port_files(port), scratch), 0);
}

static void a_large_write_is_whole_and_can_be_synced(void **state) {
    struct port *port = *state;
    const size_t size = (size_t)scaled(64) << 20;
    uint64_t *written = malloc(size), *read = malloc(size);
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < size / sizeof *written; i++)
        written[i] = random_next(&seed);
    struct file file = new_scratch(port);
    struct probe probe = probe_new(NULL);
    port_write(port, &probe.op, &file, written, size, 3);
    assert_int_equal(probe_await(port, &probe, 1), size);
    port_sync(port, &probe.op, &file);
    assert_int_equal(probe_await(port, &probe, 2), 0);
    assert_int_equal(file_read_at(&file, read, size, 3), size);
    assert_memory_equal(read, written, size);
    end_scratch(port, &file);
    free(read);
    free(written);
}

static void writes_in_flight_together_each_reach_their_place(void **state) {
    struct port *port = *state;
    enum { COUNT = 100, SIZE = 1000 };
    struct file file = new_scratch(port);
    struct probe probes[COUNT];
    static uint8_t bytes[COUNT][SIZE], read[COUNT][SIZE];
    for (int i = 0; i < COUNT; i++) {
        probes[i] = probe_new(NULL);
        memset(bytes[i], i, SIZE);
        port_write(port, &probes[i].op, &file, bytes[i], SIZE, (uint64_t)i * SIZE);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(probe_await(port, &probes[i], 1), SIZE);
    assert_int_equal(file_read_at(&file, read, sizeof read, 0), sizeof read);
    assert_memory_equal(read, bytes, sizeof bytes);
    end_scratch(port, &file);
}

static void a_write_that_fails_comes_back_with_an_error(void **state) {
    struct port *port = *state;
    struct file file = new_scratch(port);
    struct file only_read;
    struct probe probe = probe_new(NULL);
    assert_int_equal(file_open(port_files(port), scratch, FILE_READ, &only_read), 0);
    port_write(port, &probe.op, &only_read, "x", 1, 0);
    assert_true(probe_await(port, &probe, 1) < 0);
    file_close(&only_read);
    end_scratch(port, &file);
}

static void a_full_disk_is_an_error_and_never_a_short_write(void **state) {
    struct port *port = *state;
    struct file file;
    if (file_open(port_files(port), "/dev/full", FILE_WRITE, &file) < 0) skip();
    struct probe probe = probe_new(NULL);
    port_write(port, &probe.op, &file, "x", 1, 0);
    assert_int_equal(probe_await(port, &probe, 1), ERR_NO_SPACE);
    file_close(&file);
}

/* A system that writes what it likes of what it is given: seldom all. */
struct miser {
    struct file file; /* first */
    uint8_t held[10000];
    uint64_t seed;
    uint32_t calls, fails_at;
};

static int64_t writes_a_little(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    struct miser *miser = (struct miser *)file;
    if (++miser->calls == miser->fails_at) return ERR_NO_SPACE;
    const size_t some = 1 + random_next(&miser->seed) % (size < 300 ? size : 300);
    assert_true(offset + some <= sizeof miser->held);
    memcpy(miser->held + offset, bytes, some);
    return (int64_t)some;
}

static void short_writes_are_finished(void **state) {
    (void)state;
    struct miser miser = {.seed = 5};
    uint8_t bytes[9000];
    system_random(bytes, sizeof bytes);
    assert_int_equal(file_write_all(writes_a_little, &miser.file, bytes, sizeof bytes, 1000), 0);
    assert_memory_equal(miser.held + 1000, bytes, sizeof bytes);
    assert_true(miser.calls > 30);
}

static void short_writes_that_end_in_an_error_are_an_error(void **state) {
    (void)state;
    struct miser miser = {.seed = 5, .fails_at = 7};
    const uint8_t bytes[9000] = {0};
    assert_int_equal(file_write_all(writes_a_little, &miser.file, bytes, sizeof bytes, 0),
                     ERR_NO_SPACE);
    assert_int_equal(miser.calls, 7);
}

/* ---- signals ---- */

/* Elsewhere raise() does not reach the port; there the end-to-end tests do. */
static void a_signal_comes_back_and_one_in_between_is_kept(void **state) {
    struct port *port = *state;
    if (strcmp(port_name(port), "iocp") == 0) skip();
    struct probe probe = probe_new(NULL);
    port_signal(port, &probe.op);
    assert_int_equal(port_wait(port, 0), 0);
    raise(SIGTERM);
    assert_int_equal(probe_await(port, &probe, 1), PORT_SIGNAL_STOP);
    raise(SIGINT); /* nobody asks at the moment */
    assert_int_equal(port_wait(port, 5 * MS), 0);
    port_signal(port, &probe.op);
    assert_int_equal(probe_await(port, &probe, 2), PORT_SIGNAL_STOP);
#ifdef SIGHUP
    port_signal(port, &probe.op);
    raise(SIGHUP);
    assert_int_equal(probe_await(port, &probe, 3), PORT_SIGNAL_RELOAD);
    port_signal(port, &probe.op);
    raise(SIGUSR1);
    assert_int_equal(probe_await(port, &probe, 4), PORT_SIGNAL_ROTATE);
#endif
}

static void waiting_for_a_signal_can_be_cancelled(void **state) {
    struct port *port = *state;
    struct probe probe = probe_new(NULL);
    port_signal(port, &probe.op);
    port_cancel(&probe.op);
    assert_int_equal(probe_await(port, &probe, 1), ERR_CANCELLED);
    port_signal(port, &probe.op); /* and asked for again */
    port_cancel(&probe.op);
    assert_int_equal(probe_await(port, &probe, 2), ERR_CANCELLED);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        PORT_TEST(a_post_comes_back_once_with_its_result),
        PORT_TEST(an_op_may_be_started_again_when_it_is_back),
        PORT_TEST(a_collect_hands_over_64_at_most_and_loses_none),
        PORT_TEST(what_is_started_while_collecting_is_for_the_next_collect),
        cmocka_unit_test(posts_of_many_threads_come_back_once_and_in_each_ones_order),
        PORT_TEST(a_wait_ends_when_its_time_is_over_and_not_before),
        PORT_TEST(timers_come_back_in_the_order_of_deadlines_and_never_early),
        PORT_TEST(any_timers_cancelled_among_many_leave_the_rest_in_order),
        PORT_TEST(a_cancelled_timer_does_not_wait_for_its_deadline),
        PORT_TEST(a_cancel_that_comes_too_late_leaves_the_true_result),
        PORT_TEST(work_runs_in_every_lane_and_brings_its_result),
        cmocka_unit_test(work_not_begun_is_cancelled_and_work_begun_is_not),
        PORT_TEST(a_large_write_is_whole_and_can_be_synced),
        PORT_TEST(writes_in_flight_together_each_reach_their_place),
        PORT_TEST(a_write_that_fails_comes_back_with_an_error),
        PORT_TEST(a_full_disk_is_an_error_and_never_a_short_write),
        cmocka_unit_test(short_writes_are_finished),
        cmocka_unit_test(short_writes_that_end_in_an_error_are_an_error),
        PORT_TEST(a_signal_comes_back_and_one_in_between_is_kept),
        PORT_TEST(waiting_for_a_signal_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
