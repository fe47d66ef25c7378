/* thread.c - threads and monitors on Windows.  See thread.h. */
#include "port/windows/threads.h"

#include <process.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "port/error.h"
#include "port/system.h"

struct new_thread {
    thread_run *run;
    void *context;
    enum thread_priority priority;
};

/* Background mode is a thread's own to enter.  Not for THREAD_LOW, which syncs files: that would have to
 * wait for the disk requests of all other programs. */
static void become(enum thread_priority priority) {
    static const int priorities[] = {[THREAD_NORMAL] = THREAD_PRIORITY_NORMAL,
                                     [THREAD_LOW] = THREAD_PRIORITY_LOWEST,
                                     [THREAD_LOWEST] = THREAD_PRIORITY_IDLE};
    const HANDLE self = GetCurrentThread();
    if (priority == THREAD_LOWEST && SetThreadPriority(self, THREAD_MODE_BACKGROUND_BEGIN)) return;
    if (priority != THREAD_NORMAL) SetThreadPriority(self, priorities[priority]);
}

static unsigned __stdcall new_thread_run(void *context) {
    const struct new_thread started = *(struct new_thread *)context;
    free(context);
    become(started.priority);
    started.run(started.context);
    return 0;
}

HANDLE thread_begin(thread_run *run, void *context, enum thread_priority priority) {
    struct new_thread *started = malloc(sizeof *started);
    if (started == NULL) return NULL;
    *started = (struct new_thread){.run = run, .context = context, .priority = priority};
    const HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, new_thread_run, started, 0, NULL);
    if (thread == NULL) free(started);
    return thread;
}

int thread_start(thread_run *run, void *context, enum thread_priority priority, const char *name) {
    static uint32_t number; /* of the threads that compute, such as a query's */
    (void)name; /* SetThreadDescription is in a library that older systems do not have */
    const HANDLE thread = thread_begin(run, context, priority);
    if (thread == NULL) return ERR_NO_MEMORY;
    if (priority == THREAD_NORMAL)
        processors_spread(thread, __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
    CloseHandle(thread); /* it continues to run */
    return 0;
}

/* ---- monitors ---- */

struct monitor_parts {
    SRWLOCK lock;
    CONDITION_VARIABLE woken;
};
_Static_assert(sizeof(struct monitor_parts) <= sizeof(struct monitor), "a monitor is too small");

static struct monitor_parts *parts_of(struct monitor *monitor) {
    return (struct monitor_parts *)monitor->words;
}

void monitor_init(struct monitor *monitor) {
    InitializeSRWLock(&parts_of(monitor)->lock);
    InitializeConditionVariable(&parts_of(monitor)->woken);
}

void monitor_destroy(struct monitor *monitor) {
    (void)monitor; /* neither has anything to free */
}

void monitor_lock(struct monitor *monitor) {
    AcquireSRWLockExclusive(&parts_of(monitor)->lock);
}

void monitor_unlock(struct monitor *monitor) {
    ReleaseSRWLockExclusive(&parts_of(monitor)->lock);
}

void monitor_wake(struct monitor *monitor) {
    WakeAllConditionVariable(&parts_of(monitor)->woken);
}

void monitor_wait(struct monitor *monitor) {
    SleepConditionVariableSRW(&parts_of(monitor)->woken, &parts_of(monitor)->lock, INFINITE, 0);
}

bool monitor_wait_until(struct monitor *monitor, int64_t deadline_ns) {
    const int64_t left_ns = deadline_ns - system_now_ns();
    if (left_ns <= 0) return false;
    /* Rounded up, and below INFINITE; a wait that ends early is a spurious wake-up. */
    const int64_t left_ms = (left_ns + 999999) / 1000000;
    SleepConditionVariableSRW(&parts_of(monitor)->woken, &parts_of(monitor)->lock,
                              left_ms < INT32_MAX ? (DWORD)left_ms : INT32_MAX, 0);
    return system_now_ns() < deadline_ns;
}
