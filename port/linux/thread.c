/* thread.c - threads and monitors on Linux.  See thread.h. */
#include "port/thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/linux.h"

/* As on Windows.  The usual 8 MiB count in full against a limit of memory (RLIMIT_DATA). */
#define STACK_BYTES (1u << 20)

void thread_become(const char *name, enum thread_priority priority) {
    /* Not SCHED_IDLE: such a thread may not run for seconds while it holds a lock. */
    static const int nice[] = {[THREAD_NORMAL] = 0, [THREAD_LOW] = 10, [THREAD_LOWEST] = 19};
    char shown[16];
    strncpy(shown, name, sizeof shown - 1);
    shown[sizeof shown - 1] = '\0';
    pthread_setname_np(pthread_self(), shown);
    /* Some systems refuse even a lower priority; the thread then keeps the one it has. */
    if (nice[priority] > 0) (void)setpriority(PRIO_PROCESS, (id_t)gettid(), nice[priority]);
}

int thread_create(pthread_t *thread, bool detached, void *(*run)(void *), void *context) {
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (detached) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES); /* refused: the system's size */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* a new thread inherits it */
    const int error = pthread_create(thread, &attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0 ? 0 : error == EAGAIN ? ERR_NO_MEMORY : error_of_errno(error);
}

/* ---- detached threads ---- */

struct new_thread {
    thread_run *run;
    void *context;
    enum thread_priority priority;
    char name[16];
};

static void *detached_run(void *context) {
    const struct new_thread started = *(struct new_thread *)context;
    free(context);
    thread_become(started.name, started.priority);
    started.run(started.context);
    return NULL;
}

int thread_start(thread_run *run, void *context, enum thread_priority priority, const char *name) {
    struct new_thread *started = malloc(sizeof *started);
    if (started == NULL) return ERR_NO_MEMORY;
    *started = (struct new_thread){.run = run, .context = context, .priority = priority};
    strncpy(started->name, name, sizeof started->name - 1);
    pthread_t thread;
    const int error = thread_create(&thread, true, detached_run, started);
    if (error < 0) free(started);
    return error;
}

/* ---- monitors ---- */

struct monitor_parts {
    pthread_mutex_t mutex;
    pthread_cond_t woken;
};
_Static_assert(sizeof(struct monitor_parts) <= sizeof(struct monitor), "a monitor is too small");

static struct monitor_parts *parts_of(struct monitor *monitor) {
    return (struct monitor_parts *)monitor->words;
}

void monitor_init(struct monitor *monitor) {
    struct monitor_parts *parts = parts_of(monitor);
    pthread_mutex_init(&parts->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* that of system_now_ns */
    pthread_cond_init(&parts->woken, &attributes);
    pthread_condattr_destroy(&attributes);
}

void monitor_destroy(struct monitor *monitor) {
    pthread_cond_destroy(&parts_of(monitor)->woken);
    pthread_mutex_destroy(&parts_of(monitor)->mutex);
}

void monitor_lock(struct monitor *monitor) {
    pthread_mutex_lock(&parts_of(monitor)->mutex);
}

void monitor_unlock(struct monitor *monitor) {
    pthread_mutex_unlock(&parts_of(monitor)->mutex);
}

void monitor_wake(struct monitor *monitor) {
    pthread_cond_broadcast(&parts_of(monitor)->woken);
}

void monitor_wait(struct monitor *monitor) {
    pthread_cond_wait(&parts_of(monitor)->woken, &parts_of(monitor)->mutex);
}

bool monitor_wait_until(struct monitor *monitor, int64_t deadline_ns) {
    const struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                      .tv_nsec = deadline_ns % 1000000000};
    return pthread_cond_timedwait(&parts_of(monitor)->woken, &parts_of(monitor)->mutex,
                                  &deadline) != ETIMEDOUT;
}
