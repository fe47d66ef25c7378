/* start_watch.c - see start_watch.h. */
#include "ingest/daemon/start_watch.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/pipeline/counters.h"
#include "port/system.h"
#include "port/thread.h"

/* A request arrives in a signal handler, which cannot wake a monitor. */
#define LOOK_NS (20 * 1000000ll)

struct start_watch {
    const struct host *host;
    int64_t begun_ns;
    struct monitor monitor;
    bool over;  /* the start is; the thread ends */
    bool ended; /* the thread is at its end */
};

static _Noreturn void leave(const struct start_watch *watch) {
    static const struct counters none;
    const struct counters_context context = {.uptime_ns = system_now_ns() - watch->begun_ns,
                                             .memory_bytes = watch->host->memory_bytes()};
    char text[COUNTERS_TEXT_MAX];
    say("asked to stop while starting, and the start has not ended after %d ms; exiting, nothing "
        "was "
        "received",
        START_STOP_MS);
    counters_write(&none, &context, text, sizeof text - 1);
    strcat(text, "\n");
    watch->host->print(text, strlen(text), 0);
    system_exit_now(0);
}

static void watch_start(void *context) {
    struct start_watch *watch = context;
    int64_t asked_ns = 0;
    monitor_lock(&watch->monitor);
    while (!watch->over) { /* until the start is over, or its time to stop */
        const int64_t now = system_now_ns();
        if (asked_ns == 0 && watch->host->stop_requested()) asked_ns = now;
        if (asked_ns != 0 && now - asked_ns >= START_STOP_MS * 1000000ll) leave(watch);
        monitor_wait_until(&watch->monitor, now + LOOK_NS);
    }
    watch->ended = true;
    monitor_wake(&watch->monitor);
    monitor_unlock(&watch->monitor);
}

struct start_watch *start_watch_begin(const struct host *host) {
    struct start_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return NULL;
    watch->host = host;
    watch->begun_ns = system_now_ns();
    monitor_init(&watch->monitor);
    if (thread_start(watch_start, watch, THREAD_NORMAL, "start") == 0) return watch;
    monitor_destroy(&watch->monitor);
    free(watch);
    return NULL;
}

void start_watch_end(struct start_watch *watch) {
    if (!watch) return;
    monitor_lock(&watch->monitor);
    watch->over = true;
    monitor_wake(&watch->monitor);
    while (!watch->ended)
        monitor_wait(&watch->monitor);
    monitor_unlock(&watch->monitor);
    monitor_destroy(&watch->monitor);
    free(watch);
}
