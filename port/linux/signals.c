/* signals.c - requests that reach the process as signals, kept until the owner of a port takes
 * them: port_signal (port.h) and system_requests_keep (system.h).
 *
 * State of the process, because handlers are: a handler may run at any time on any thread, also
 * after the port was closed.  So it is atomic and lives until the process ends. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/linux/linux.h"
#include "port/system.h"

static _Atomic unsigned requested; /* a bit for each PORT_SIGNAL_ */
static _Atomic int wake = -1;      /* an eventfd, never closed */
static _Atomic bool installed;     /* the handlers */

static const int NUMBERS[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
#define NUMBER_COUNT (sizeof NUMBERS / sizeof NUMBERS[0])
static struct sigaction before[NUMBER_COUNT]; /* how they were handled before */

static void requested_by_signal(int number) {
    const int kept = errno;
    const int what = number == SIGHUP    ? PORT_SIGNAL_RELOAD
                     : number == SIGUSR1 ? PORT_SIGNAL_ROTATE
                                         : PORT_SIGNAL_STOP;
    atomic_fetch_or_explicit(&requested, 1u << what, memory_order_release);
    const uint64_t one = 1;
    const int event = atomic_load_explicit(&wake, memory_order_acquire);
    const ssize_t written = event >= 0 ? write(event, &one, sizeof one) : 0;
    (void)written; /* it fails when the counter is full: the owner wakes up anyway */
    errno = kept;
}

int system_requests_keep(void) {
    if (atomic_load_explicit(&installed, memory_order_relaxed)) return 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = requested_by_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (sigaction(NUMBERS[i], &action, &before[i]) < 0) return error_of_errno(errno);
        sigaddset(&ours, NUMBERS[i]);
    }
    /* A program that blocks them may have started this one, which inherits that. */
    const int error = pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    if (error != 0) return error_of_errno(error);
    atomic_store_explicit(&installed, true, memory_order_relaxed);
    return 0;
}

void system_requests_release(void) {
    static const int signal_of[] = {[PORT_SIGNAL_STOP] = SIGTERM,
                                    [PORT_SIGNAL_RELOAD] = SIGHUP,
                                    [PORT_SIGNAL_ROTATE] = SIGUSR1};
    if (!atomic_exchange_explicit(&installed, false, memory_order_relaxed)) return;
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        sigaction(NUMBERS[i], &before[i], NULL);
    for (int what = signals_take(); what != 0; what = signals_take()) /* one turn for each bit */
        raise(signal_of[what]);
}

/* The first thread handles signals, the others block them.  While it hangs in a system call no
 * handler runs, and another thread finds the signal pending. */
bool system_stop_requested(void) {
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    return (atomic_load_explicit(&requested, memory_order_acquire) & 1u << PORT_SIGNAL_STOP) ||
           sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

int signals_watch(int epoll) {
    if (atomic_load_explicit(&wake, memory_order_relaxed) < 0) {
        const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (event < 0) return error_of_errno(errno);
        atomic_store_explicit(&wake, event, memory_order_release);
    }
    const int error = system_requests_keep();
    if (error < 0) return error;
    /* Edge-triggered, so it need not be read: each write is an edge. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) < 0 ? error_of_watch(errno) : 0;
}

int signals_take(void) {
    for (int what = PORT_SIGNAL_STOP; what <= PORT_SIGNAL_ROTATE; what++) {
        const unsigned bit = 1u << what;
        if (!(atomic_load_explicit(&requested, memory_order_relaxed) & bit)) continue;
        if (atomic_fetch_and_explicit(&requested, ~bit, memory_order_acq_rel) & bit) return what;
    }
    return 0;
}
