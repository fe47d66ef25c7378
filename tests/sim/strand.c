/* strand.c - turns between two threads, of which one runs at a time.  See strand.h. */
#include "tests/sim/strand.h"

#include <assert.h>
#include <stdlib.h>

#include "port/error.h"
#include "port/thread.h"

struct strand {
    struct monitor monitor; /* guards the rest */
    void (*run)(void *context);
    void *context;
    bool begun, its_turn, ended, freed;
};

static void wait_for_turn(struct strand *strand, bool its_turn) {
    while (strand->its_turn != its_turn)
        monitor_wait(&strand->monitor);
}

static void strand_main(void *context) {
    struct strand *strand = context;
    monitor_lock(&strand->monitor);
    strand->begun = true;
    monitor_wake(&strand->monitor);
    wait_for_turn(strand, true);
    monitor_unlock(&strand->monitor);
    strand->run(strand->context);
    monitor_lock(&strand->monitor);
    strand->its_turn = false;
    strand->ended = true;
    monitor_wake(&strand->monitor);
    while (!strand->freed) /* it is the last to touch it */
        monitor_wait(&strand->monitor);
    monitor_unlock(&strand->monitor);
    monitor_destroy(&strand->monitor);
    free(strand);
}

struct strand *strand_new(void (*run)(void *context), void *context) {
    struct strand *strand = calloc(1, sizeof *strand);
    assert(strand != NULL);
    *strand = (struct strand){.run = run, .context = context};
    monitor_init(&strand->monitor);
    int error;
    do {
        error = thread_start(strand_main, strand, THREAD_NORMAL, "strand");
    } while (error ==
             ERR_NO_MEMORY); /* ends: a simulated process may be short of memory by chance */
    assert(error == 0);
    /* What the thread does before that, it does not do at the same time as its starter. */
    monitor_lock(&strand->monitor);
    while (!strand->begun)
        monitor_wait(&strand->monitor);
    monitor_unlock(&strand->monitor);
    return strand;
}

static void hand_over(struct strand *strand, bool its_turn) {
    monitor_lock(&strand->monitor);
    strand->its_turn = its_turn;
    monitor_wake(&strand->monitor);
    wait_for_turn(strand, !its_turn);
    monitor_unlock(&strand->monitor);
}

void strand_stop(struct strand *strand) {
    hand_over(strand, false);
}

void strand_resume(struct strand *strand) {
    hand_over(strand, true);
}

bool strand_ended(struct strand *strand) {
    monitor_lock(&strand->monitor);
    const bool ended = strand->ended;
    monitor_unlock(&strand->monitor);
    return ended;
}

void strand_free(struct strand *strand) {
    monitor_lock(&strand->monitor);
    assert(strand->ended);
    strand->freed = true;
    monitor_wake(&strand->monitor);
    monitor_unlock(&strand->monitor);
}
