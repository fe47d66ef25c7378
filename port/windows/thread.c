/* thread.c - threads and monitors on Windows.  See thread.h. */
#include "port/thread.h"

#include <process.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "port/error.h"
#include "port/system.h"

struct new_thread {
    thread_run *run;
    void *context;
};

static unsigned __stdcall detached_run(void *context) {
    const struct new_thread started = *(struct new_thread *)context;
    free(context);
    started.run(started.context);
    return 0;
}

int thread_start(thread_run *run, void *context, enum thread_priority priority, const char *name) {
    static const int priorities[] = {[THREAD_NORMAL] = THREAD_PRIORITY_NORMAL,
                                     [THREAD_LOW] = THREAD_PRIORITY_LOWEST,
                                     [THREAD_LOWEST] = THREAD_PRIORITY_IDLE};
    (void)name; /* SetThreadDescription is in a library that older systems do not have */
    struct new_thread *started = malloc(sizeof *started);
    if (started == NULL) return ERR_NO_MEMORY;
    *started = (struct new_thread){.run = run, .context = context};
    const HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, detached_run, started, 0, NULL);
    if (thread == NULL) {
        free(started);
        return ERR_NO_MEMORY;
    }
    SetThreadPriority(thread, priorities[priority]);
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
