/* sweep.h - runs a scenario many times, each time with another fault: an error at every single file
 * operation, the end of the process before, after and in the middle of every one, a power failure
 * there.  A scenario defines what exists before, what is done, what the next start does, and what
 * must hold then; the sweep finds the operations.
 *
 * A trial that fails prints its scenario, seed, fault and the program's last messages;
 * SWEEP_TEST makes such a cmocka test. */
#ifndef TESTS_SIM_SWEEP_H
#define TESTS_SIM_SWEEP_H

#include "port/format.h"
#include "tests/sim/sim.h"

enum sweep_harm {
    SWEEP_NONE,          /* no fault */
    SWEEP_ERROR,         /* operations failed; the process continued */
    SWEEP_PROCESS_ENDED, /* writes survive */
    SWEEP_POWER_LOST,    /* only synced bytes survive for certain */
};

struct scenario {
    const char *name;
    size_t context_size; /* of the calls' context, which is zeroed before each trial */
    /* Prepares the disk, without faults; all of it becomes durable.  May be NULL. */
    void (*set_up)(struct sim *sim, void *context);
    /* The part with faults.  It must end whatever fails, with every file closed and no port
     * open; once sim->disk.ended its process has ended: calls have no effect and their results
     * mean nothing. */
    void (*run)(struct sim *sim, void *context);
    /* The complete next start after this harm, without faults.  May be NULL. */
    void (*restart)(struct sim *sim, void *context, enum sweep_harm harm);
    /* What must hold then; fails the test if it does not. */
    void (*check)(struct sim *sim, void *context, enum sweep_harm harm);
    void (*tear_down)(struct sim *sim, void *context); /* may be NULL */
};

/* Each sweep returns the number of its trials, which a test can compare with a minimum to detect
 * a sweep that no longer finds operations.  LOGPORT_TEST_SCALE below 100 skips some; they are
 * counted. */
uint32_t sweep_nothing(const struct scenario *scenario, uint64_t seed); /* one trial */
/* Every operation fails: once, three times, and from there on. */
uint32_t sweep_errors(const struct scenario *scenario, uint64_t seed);
uint32_t sweep_process_ends(const struct scenario *scenario, uint64_t seed);
uint32_t sweep_power_failures(const struct scenario *scenario, uint64_t seed);

/* One trial: the fault counts the operations of `run`.  power: of an ending fault. */
void sweep_trial(const struct scenario *scenario, uint64_t seed, const struct disk_fault *fault,
                 bool power, enum disk_memory memory);

/* For tests that do not sweep: what to print if they fail before sweep_end. */
void sweep_begin(const char *name, uint64_t seed);
void sweep_watch(const struct disk *disk); /* prints its fault too */
void sweep_end(void);
/* Adds to what is printed if the test fails. */
void sweep_note(const char *format, ...) FORMATS(1, 2);

/* cmocka fixtures: keep the program's messages, and print those of a trial that fails. */
int sweep_listen(void **state);
int sweep_tell(void **state);
#define SWEEP_TEST(name) cmocka_unit_test_setup_teardown(name, sweep_listen, sweep_tell)

#endif
