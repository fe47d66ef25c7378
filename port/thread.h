/* thread.h - detached threads, and a monitor (a mutex with one condition).
 *
 * For work that may never end, which no lane of a port may hold.  Everything else runs in lanes
 * (port.h). */
#ifndef PORT_THREAD_H
#define PORT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

enum thread_priority { THREAD_NORMAL, THREAD_LOW, THREAD_LOWEST };

typedef void thread_run(void *context);
/* Runs run(context) on a new thread that cannot be joined.  `name` (debuggers show its first 15
 * bytes) is copied.  The thread handles no signal and does not keep the process from ending.
 * Returns 0, or ERR_NO_MEMORY if the system allows no further thread. */
int thread_start(thread_run *run, void *context, enum thread_priority priority, const char *name);

/* The last thread to unlock a monitor may destroy it at once. */
struct monitor {
    uint64_t words[12]; /* the system's own: a mutex and a condition */
};
void monitor_init(struct monitor *monitor);
void monitor_destroy(struct monitor *monitor);
void monitor_lock(struct monitor *monitor);
void monitor_unlock(struct monitor *monitor);
/* Wakes all threads that wait.  Call it while the monitor is locked. */
void monitor_wake(struct monitor *monitor);
/* Unlocks, waits for a wake-up, locks again.  May return without one: test the state in a loop. */
void monitor_wait(struct monitor *monitor);
/* The same until `deadline_ns` (system_now_ns).  Returns false once the deadline has passed. */
bool monitor_wait_until(struct monitor *monitor, int64_t deadline_ns);

#endif
