/* sweep.h - a scenario is run again and again, and each time something else goes wrong: an error
 * at every single file operation, the process's end before, after and in the middle of every one,
 * a power failure there.  Whoever writes a scenario says what is there before, what is done, what
 * the next start does, and what must hold then; the sweep finds the operations.
 *
 * A trial that fails says its scenario, its seed, what went wrong and what the program said
 * last; SWEEP_TEST makes a cmocka test that does. */
#ifndef TESTS_SIM_SWEEP_H
#define TESTS_SIM_SWEEP_H

#include "port/format.h"
#include "tests/sim/sim.h"

enum sweep_harm {
    SWEEP_NONE,          /* nothing went wrong */
    SWEEP_ERROR,         /* operations failed; the process lived on */
    SWEEP_PROCESS_ENDED, /* what was written stays */
    SWEEP_POWER_LOST,    /* what was not synced may be gone */
};

struct scenario {
    const char *name;
    size_t context_size; /* of what the calls below get; all zero at the start of each trial */
    /* What is there before.  Nothing fails, and all of it is durable then.  May be NULL. */
    void (*set_up)(struct sim *sim, void *context);
    /* What is swept.  It must come to an end, whatever fails, with every file closed and no port
     * open; once sim->disk.ended it is a dead process whose calls have no effect, and what comes
     * back to it must not be believed. */
    void (*run)(struct sim *sim, void *context);
    /* The next start, to its end, behind this harm.  Nothing fails any more.  May be NULL. */
    void (*restart)(struct sim *sim, void *context, enum sweep_harm harm);
    /* What must hold then; fails the test if it does not. */
    void (*check)(struct sim *sim, void *context, enum sweep_harm harm);
    void (*tear_down)(struct sim *sim, void *context); /* may be NULL */
};

/* The sweeps; each ends with the number of its trials, which a test may hold against a floor so
 * that it notices when nothing is swept any more.  LOGPORT_TEST_SCALE below 100 passes over
 * operations; they count as if they had been tried. */
uint32_t sweep_nothing(const struct scenario *scenario, uint64_t seed); /* one trial */
/* Every operation fails: once, three times, and from there on. */
uint32_t sweep_errors(const struct scenario *scenario, uint64_t seed);
uint32_t sweep_process_ends(const struct scenario *scenario, uint64_t seed);
uint32_t sweep_power_failures(const struct scenario *scenario, uint64_t seed);

/* One trial: the fault counts the operations of `run`.  power: of an ending fault. */
void sweep_trial(const struct scenario *scenario, uint64_t seed, const struct disk_fault *fault,
                 bool power, enum disk_memory memory);

/* For tests that do not sweep: what to say should they fail before sweep_end. */
void sweep_begin(const char *name, uint64_t seed);
void sweep_watch(const struct disk *disk); /* its fault is told too */
void sweep_end(void);
/* Says more about what is going on, should it fail. */
void sweep_note(const char *format, ...) FORMATS(1, 2);

/* cmocka's fixtures: messages of the program are kept, and told only of a trial that fails. */
int sweep_listen(void **state);
int sweep_tell(void **state);
#define SWEEP_TEST(name) cmocka_unit_test_setup_teardown(name, sweep_listen, sweep_tell)

#endif
