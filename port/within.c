/* within.c - system_run_within: a call that may hang, and a caller that does not. */
#include <stdlib.h>

#include "port/system.h"
#include "port/thread.h"

/* Shared by the caller and the thread; the last of them frees it. */
struct within {
    struct monitor monitor; /* guards the two flags */
    bool ended;             /* the thread's run has returned */
    bool left;              /* the caller has given up */
    void (*run)(void *job);
    void (*release)(void *job);
    void *job;
};

static void within_free(struct within *within) {
    monitor_destroy(&within->monitor);
    free(within);
}

static void within_main(void *context) {
    struct within *within = context;
    within->run(within->job);
    monitor_lock(&within->monitor);
    within->ended = true;
    const bool left = within->left;
    monitor_wake(&within->monitor);
    monitor_unlock(&within->monitor);
    if (!left) return; /* the caller frees it */
    within->release(within->job);
    within_free(within);
}

bool system_run_within(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms) {
    const int64_t deadline_ns = system_now_ns() + (int64_t)ms * 1000000;
    struct within *within = calloc(1, sizeof *within);
    if (within != NULL) {
        *within = (struct within){.run = run, .release = release, .job = job};
        monitor_init(&within->monitor);
        if (thread_start(within_main, within, THREAD_NORMAL, "within") < 0) {
            within_free(within);
            within = NULL;
        }
    }
    if (within == NULL) {
        release(job);
        return false;
    }
    monitor_lock(&within->monitor);
    while (!within->ended && monitor_wait_until(&within->monitor, deadline_ns))
        ;
    const bool ended = within->ended;
    within->left = !ended;
    monitor_unlock(&within->monitor);
    if (ended) within_free(within);
    return ended;
}
