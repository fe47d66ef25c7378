/* sweep.c - see sweep.h. The first run of a scenario, without faults, counts its operations of
 * each kind.  A sweep continues after that number until a fault hits no operation any more,
 * because failures cause further operations. */
#include "tests/sim/sweep.h"

#include <assert.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"

/* What a scenario may take, at most: an end, should it grow with each fault. */
#define OPERATIONS_MAX 100000u
#define SAID_MAX       16

/* The trial that runs; tests run one at a time. */
static struct {
    bool running;
    char name[128], what[DISK_TEXT_MAX], note[DISK_TEXT_MAX];
    uint64_t seed;
    const struct disk *disk; /* NULL: no sweep's */
    char said[SAID_MAX][256];
    uint32_t said_count;
} trial;

/* ---- telling ---- */

static void heard(void *context, const char *line, size_t size) {
    (void)context;
    char *kept = trial.said[trial.said_count++ % SAID_MAX];
    if (size > sizeof trial.said[0] - 1) size = sizeof trial.said[0] - 1;
    memcpy(kept, line, size);
    kept[size] = '\0';
}

static void tell(void) {
    if (!trial.running) return;
    const uint32_t from = trial.said_count > SAID_MAX ? trial.said_count - SAID_MAX : 0;
    for (uint32_t i = from; i < trial.said_count; i++)
        fprintf(stderr, "  %s", trial.said[i % SAID_MAX]);
    fprintf(stderr, "  failed: %s, seed %llu; %s; %s; %s\n", trial.name,
            (unsigned long long)trial.seed, trial.what, trial.disk != NULL ? trial.disk->last : "",
            trial.note);
}

/* An assert of the program itself. */
static void aborted(int number) {
    signal(number, SIG_DFL);
    tell();
    raise(number);
}

int sweep_listen(void **state) {
    (void)state;
    memset(&trial, 0, sizeof trial);
    system_messages_to(heard, NULL);
    signal(SIGABRT, aborted);
    return 0;
}

int sweep_tell(void **state) {
    (void)state;
    tell();
    trial.running = false;
    signal(SIGABRT, SIG_DFL);
    system_messages_to(NULL, NULL);
    return 0;
}

void sweep_begin(const char *name, uint64_t seed) {
    snprintf(trial.name, sizeof trial.name, "%s", name);
    trial.seed = seed;
    trial.what[0] = trial.note[0] = '\0';
    trial.disk = NULL;
    trial.said_count = 0;
    trial.running = true;
}

void sweep_watch(const struct disk *disk) {
    trial.disk = disk;
}

void sweep_end(void) {
    trial.running = false;
}

void sweep_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trial.note, sizeof trial.note, format, arguments);
    va_end(arguments);
}

/* ---- a trial ---- */

static enum sweep_harm harm_of(const struct disk *disk, const struct disk_fault *fault,
                               bool power) {
    if (fault->first == 0) return SWEEP_NONE;
    if (fault->ending == DISK_FAILS || fault->ending == DISK_FAILS_HALFWAY) return SWEEP_ERROR;
    if (!disk->ended) return SWEEP_NONE; /* the run was over before it */
    return power ? SWEEP_POWER_LOST : SWEEP_PROCESS_ENDED;
}

/* Returns whether the fault was met; counted: operations that it could have met. */
static bool run_trial(const struct scenario *scenario, uint64_t seed,
                      const struct disk_fault *fault, bool power, enum disk_memory memory,
                      uint64_t *counted) {
    /* Not on the stack: it is printed after the test's stack is gone. */
    struct sim *sim = malloc(sizeof *sim);
    void *context = calloc(1, scenario->context_size > 0 ? scenario->context_size : 1);
    assert_true(sim != NULL && context != NULL);
    sim_open(sim, seed);
    sweep_begin(scenario->name, seed);
    trial.disk = &sim->disk;
    if (scenario->set_up != NULL) scenario->set_up(sim, context);
    disk_settle(&sim->disk);
    disk_arm(&sim->disk, fault);
    snprintf(trial.what, sizeof trial.what, "%s, memory %d",
             power ? "power failure" : "no power failure", (int)memory);
    scenario->run(sim, context);
    const bool met = sim->disk.last[0] != '\0';
    *counted = sim->disk.fault_counted;
    const enum sweep_harm harm = harm_of(&sim->disk, fault, power);
    assert_null(sim->port);
    assert_int_equal(sim->disk.files_open, 0);
    /* What failed is over; what the disk has kept is another matter. */
    disk_restart(&sim->disk, harm == SWEEP_POWER_LOST, memory);
    if (scenario->restart != NULL) scenario->restart(sim, context, harm);
    assert_null(sim->port);
    assert_int_equal(sim->disk.files_open, 0);
    scenario->check(sim, context, harm);
    if (scenario->tear_down != NULL) scenario->tear_down(sim, context);
    sweep_end();
    sim_close(sim);
    free(sim);
    free(context);
    return met;
}

void sweep_trial(const struct scenario *scenario, uint64_t seed, const struct disk_fault *fault,
                 bool power, enum disk_memory memory) {
    uint64_t counted;
    run_trial(scenario, seed, fault, power, memory, &counted);
}

/* ---- sweeps ---- */

uint32_t sweep_nothing(const struct scenario *scenario, uint64_t seed) {
    const struct disk_fault none = {0};
    sweep_trial(scenario, seed, &none, false, DISK_KEEPS_ALL);
    return 1;
}

#define STRIDE_MAX 32

/* Where a build is slow (LOGPORT_TEST_SCALE, in percent), every how-manieth operation: a sanitizer
 * that makes all else three times slower makes this thirty times so, for it asks for memory again
 * and again. */
static uint64_t stride(void) {
    const char *percent = system_environment("LOGPORT_TEST_SCALE");
    const uint64_t scale = percent != NULL ? strtoull(percent, NULL, 10) : 100;
    if (scale == 0 || scale >= 100) return 1;
    const uint64_t times = 100 / scale, step = times * times * times;
    return step < STRIDE_MAX ? step : STRIDE_MAX;
}

/* The fault at the first operation, the second one, and so on until it is not met any more. */
static uint32_t sweep_fault(const struct scenario *scenario, uint64_t seed, struct disk_fault fault,
                            bool power, enum disk_memory memory) {
    uint32_t trials = 0;
    uint64_t counted;
    const uint64_t step = stride();
    for (fault.first = 1 + seed % step;; fault.first += step) {
        assert_true(fault.first < OPERATIONS_MAX);
        const bool met = run_trial(scenario, seed, &fault, power, memory, &counted);
        trials += (uint32_t)step;
        if (!met) return trials;
    }
}

uint32_t sweep_errors(const struct scenario *scenario, uint64_t seed) {
    static const struct disk_fault faults[] = {
        {.ending = DISK_FAILS, .error = ERR_NO_SPACE},
        {.ending = DISK_FAILS, .error = ERR_IO, .times = 3},
        {.ending = DISK_FAILS, .error = ERR_BUSY, .times = UINT64_MAX},
        {.ending = DISK_FAILS_HALFWAY, .error = ERR_NO_SPACE, .kinds = DISK_BIT(DISK_WRITE)},
        {.ending = DISK_FAILS_HALFWAY,
         .error = ERR_IO,
         .kinds = DISK_BIT(DISK_WRITE),
         .times = UINT64_MAX},
    };
    uint32_t trials = 0;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        trials += sweep_fault(scenario, seed, faults[i], false, DISK_KEEPS_ALL);
    return trials;
}

/* Before and after each operation that changes something, and in the middle of each write. */
static uint32_t sweep_ends(const struct scenario *scenario, uint64_t seed, bool power,
                           enum disk_memory memory) {
    static const struct disk_fault faults[] = {
        {.ending = DISK_ENDS_BEFORE, .kinds = DISK_ALL & ~DISK_LOOKS},
        {.ending = DISK_ENDS_AFTER, .kinds = DISK_ALL & ~DISK_LOOKS},
        {.ending = DISK_ENDS_HALFWAY, .kinds = DISK_BIT(DISK_WRITE)},
    };
    uint32_t trials = 0;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        trials += sweep_fault(scenario, seed, faults[i], power, memory);
    return trials;
}

uint32_t sweep_process_ends(const struct scenario *scenario, uint64_t seed) {
    return sweep_ends(scenario, seed, false, DISK_KEEPS_ALL);
}

uint32_t sweep_power_failures(const struct scenario *scenario, uint64_t seed) {
    uint32_t trials = 0;
    for (int memory = 0; memory < DISK_MEMORIES; memory++)
        trials += sweep_ends(scenario, seed, true, (enum disk_memory)memory);
    return trials;
}
