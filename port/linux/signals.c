/* signals.c - requests that reach the process as signals, kept until the owner of a port takes
 * them.
 *
 * State of the process, because handlers are: a handler may run at any time on any thread, also
 * after the port was closed.  So it is atomic and lives until the process ends. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/linux/linux.h"

static _Atomic unsigned requested; /* a bit for each PORT_SIGNAL_ */
static _Atomic int wake = -1;      /* an eventfd, never closed */
static _Atomic bool installed;     /* the handlers */

static void requested_by_signal(int number) {
    const int kept = errno;
    const int what = number == SIGHUP    ? PORT_SIGNAL_RELOAD
                     : number == SIGUSR1 ? PORT_SIGNAL_ROTATE
                                         : PORT_SIGNAL_STOP;
    atomic_fetch_or_explicit(&requested, 1u << what, memory_order_release);
    const uint64_t one = 1;
    const ssize_t written = write(atomic_load_explicit(&wake, memory_order_acquire), &one, 8);
    (void)written; /* it fails when the counter is full: the owner wakes up anyway */
    errno = kept;
}

static int install_handlers(void) {
    if (atomic_load_explicit(&wake, memory_order_relaxed) < 0) {
        const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (event < 0) return error_of_errno(errno);
        atomic_store_explicit(&wake, event, memory_order_release);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = requested_by_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigaction(numbers[i], &action, NULL) < 0) return error_of_errno(errno);
    atomic_store_explicit(&installed, true, memory_order_relaxed);
    return 0;
}

int signals_watch(int epoll) {
    if (!atomic_load_explicit(&installed, memory_order_relaxed)) {
        const int error = install_handlers();
        if (error < 0) return error;
    }
    /* Edge-triggered, so it need not be read: each write is an edge. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) < 0 ? error_of_errno(errno) : 0;
}

int signals_take(void) {
    for (int what = PORT_SIGNAL_STOP; what <= PORT_SIGNAL_ROTATE; what++) {
        const unsigned bit = 1u << what;
        if (!(atomic_load_explicit(&requested, memory_order_relaxed) & bit)) continue;
        if (atomic_fetch_and_explicit(&requested, ~bit, memory_order_acq_rel) & bit) return what;
    }
    return 0;
}
