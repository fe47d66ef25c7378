/* epoll.c - the back end on Linux.
 *
 * One edge-triggered epoll set, into which each socket is put once.  Operations that are
 * possible at once are made when the owner waits, never inside a start; the others when the
 * kernel reports an event.  Files and work go to the workers (workers.c), which return ops as
 * any other thread posts. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/linux.h"
#include "port/system.h"

#define EVENTS_MAX          256 /* taken from the kernel per turn */
#define URGENT_WORKERS      2
#define SLOW_WORKERS        2
/* Between two looks at sockets that the kernel cannot watch. */
#define LOOK_NS             (20 * 1000000ll)
/* See gather. */
#define GATHER_NS           (200 * 1000ll)
#define SMALL_RECEIVE_BYTES (8u << 10)
#define GATHER_MANY_NS      (1000 * 1000ll)
#define MANY_RECEIVES       16
#define TINY_RECEIVE_BYTES  (1u << 10)

static void post(struct port *port, struct port_op *op);

/* A marker, of which only the address is used: the owner may be asleep. */
static struct port_op asleep;

static struct epoll_port *mine(struct port *port) {
    return port->backend;
}

/* ---- opening and closing ---- */

static void return_to_owner(struct port_op *op) {
    post(op->port, op);
}

static int open_lanes(struct epoll_port *e, const struct port_options *options) {
    uint32_t pack = options->pack_workers ? options->pack_workers : system_cores();
    if (pack > PORT_WORKERS_MAX) pack = PORT_WORKERS_MAX;
    const uint32_t threads[PORT_LANES] = {
        [PORT_LANE_PACK] = pack,
        [PORT_LANE_WRITE] = options->write_workers ? options->write_workers : PORT_WRITE_WORKERS,
        [PORT_LANE_URGENT] = options->urgent_workers ? options->urgent_workers : URGENT_WORKERS,
        [PORT_LANE_SLOW] = options->slow_workers ? options->slow_workers : SLOW_WORKERS,
        [PORT_LANE_IDLE] = 1,
    };
    for (int i = 0; i < PORT_LANES; i++) {
        const int error = lane_open(&e->lanes[i], (enum port_lane)i, threads[i], return_to_owner);
        if (error == 0) continue;
        while (i > 0)
            lane_close(&e->lanes[--i]);
        return error;
    }
    return 0;
}

static int epoll_open(struct port *port, const struct port_options *options) {
    struct epoll_port *e = calloc(1, sizeof *e);
    if (e == NULL) return ERR_NO_MEMORY;
    e->port = port;
    int error = datagrams_open(&e->datagrams);
    if (error < 0) goto no_room;
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    e->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (e->epoll < 0 || e->wake < 0 || epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->wake, &event) < 0) {
        error = error_of_watch(errno);
        goto no_set;
    }
    error = open_lanes(e, options);
    if (error < 0) goto no_set;
    /* Writing to a closed pipe or socket is an error like others. */
    signal(SIGPIPE, SIG_IGN);
    port->backend = e;
    return 0;

no_set:
    if (e->wake >= 0) close(e->wake);
    if (e->epoll >= 0) close(e->epoll);
    datagrams_close(e->datagrams);
no_room:
    free(e);
    return error;
}

static void epoll_close(struct port *port) {
    struct epoll_port *e = mine(port);
    assert(e->signal == NULL && e->ready.count == 0);
    for (int i = 0; i < PORT_LANES; i++)
        lane_close(&e->lanes[i]);
    if (e->ring != NULL) ring_close(e->ring);
    close(e->wake);
    close(e->epoll);
    datagrams_close(e->datagrams);
    free(e);
}

/* ---- posts ---- */

/* A stack that is only emptied as a whole, so there is no ABA problem.  The owner's sleep is a
 * value of the same variable: the thread that replaces it wakes the owner, and no other one pays
 * for a system call. */
static void post(struct port *port, struct port_op *op) {
    struct epoll_port *e = mine(port);
    struct port_op *top = atomic_load_explicit(&e->posted, memory_order_relaxed);
    do {
        op->next = top == &asleep ? NULL : top;
    } while (!atomic_compare_exchange_weak_explicit(&e->posted, &top, op, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (top != &asleep) return;
    /* Edge-triggered, so it need not be read: each write is an edge.  The counter is full only
     * after 2^64 writes. */
    const uint64_t one = 1;
    const ssize_t written = write(e->wake, &one, sizeof one);
    (void)written;
}

/* False: an op was posted; do not sleep. */
static bool fall_asleep(struct epoll_port *e) {
    struct port_op *none = NULL;
    return atomic_compare_exchange_strong_explicit(&e->posted, &none, &asleep, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

static void collect_posts(struct epoll_port *e) {
    if (atomic_load_explicit(&e->posted, memory_order_relaxed) == NULL) return;
    struct port_op *op = atomic_exchange_explicit(&e->posted, NULL, memory_order_acq_rel);
    if (op == &asleep) return;
    struct port_op *in_order = NULL;
    while (op != NULL) { /* the stack is in reverse order */
        struct port_op *below = op->next;
        op->next = in_order;
        in_order = op;
        op = below;
    }
    while (in_order != NULL) {
        struct port_op *next = in_order->next;
        port_completed(e->port, in_order, in_order->result);
        in_order = next;
    }
}

static void collect_signal(struct epoll_port *e) {
    if (e->signal == NULL) return;
    const int what = signals_take();
    if (what == 0) return;
    struct port_op *op = e->signal;
    e->signal = NULL;
    port_completed(e->port, op, what);
}

/* ---- waiting ---- */

static int wait_for_events(struct epoll_port *e, struct epoll_event *events, int64_t timeout_ns) {
    if (!e->whole_milliseconds) {
        const struct timespec timeout = {.tv_sec = timeout_ns / 1000000000,
                                         .tv_nsec = timeout_ns % 1000000000};
        const int count =
            epoll_pwait2(e->epoll, events, EVENTS_MAX, timeout_ns < 0 ? NULL : &timeout, NULL);
        /* Linux before 5.11, or a seccomp profile older than the call. */
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        e->whole_milliseconds = true;
    }
    /* Rounded up: otherwise the owner would wake up shortly before a timer, again and again. */
    int64_t timeout_ms = timeout_ns < 0 ? -1 : timeout_ns / 1000000 + (timeout_ns % 1000000 > 0);
    if (timeout_ms > INT32_MAX) timeout_ms = INT32_MAX;
    return epoll_wait(e->epoll, events, EVENTS_MAX, (int)timeout_ms);
}

/* Serves each ready op once; one that can continue at once does so in the next turn, after the
 * others. */
static void serve_ready(struct epoll_port *e) {
    for (uint32_t n = e->ready.count; n > 0; n--) {
        struct port_op *op = port_list_take_first(&e->ready);
        if (op == NULL) return;
        socket_serve(e->port, op);
    }
}

/* If senders send one line at a time, waking up for each costs ten times as much as the line.
 * So when the owner was woken repeatedly for few bytes, it lets input gather in the sockets for
 * a fifth of a millisecond.  A single line does not wait, and nothing waits while receives are
 * large.  A longer wait costs the senders, because the bytes leave their caches; it pays only
 * with many connections that send a line or two each: then it is one millisecond, unless a UDP
 * socket's buffer would be full before. The smallest usual one, 208 KiB, holds 330 datagrams of
 * 240 bytes: those of a fifth of a millisecond at a million per second. */
static void gather(struct epoll_port *e) {
    const bool little = e->received_bytes < e->receives * SMALL_RECEIVE_BYTES;
    const bool many = !e->small_buffer && e->receives >= MANY_RECEIVES &&
                      e->received_bytes < e->receives * TINY_RECEIVE_BYTES;
    e->receives = e->received_bytes = 0;
    if (!little || e->woken_ns - e->woken_before_ns > 4 * GATHER_MANY_NS) return;
    nanosleep(&(struct timespec){.tv_nsec = many ? GATHER_MANY_NS : GATHER_NS}, NULL);
}

/* Returns how long the wait may take: the next look is due then.  A wait that must not wait looks
 * too, because it may be the last one. */
static int64_t look_at_unwatched(struct epoll_port *e, int64_t timeout_ns) {
    const int64_t now_ns = system_now_ns();
    if (timeout_ns == 0 || now_ns >= e->look_ns) {
        sockets_look(e);
        e->look_ns = now_ns + LOOK_NS;
    }
    const int64_t left_ns = e->look_ns - now_ns;
    return timeout_ns < 0 || timeout_ns > left_ns ? left_ns : timeout_ns;
}

static void epoll_wait_turn(struct port *port, int64_t timeout_ns) {
    struct epoll_port *e = mine(port);
    collect_posts(e);
    collect_signal(e);
    if (e->unwatched != NULL) timeout_ns = look_at_unwatched(e, timeout_ns);
    if (port->completed.count > 0 || e->ready.count > 0) timeout_ns = 0;
    if (timeout_ns != 0) {
        gather(e);
        collect_posts(e);
        if (port->completed.count > 0) timeout_ns = 0;
    }
    if (timeout_ns != 0 && !fall_asleep(e)) timeout_ns = 0;

    struct epoll_event events[EVENTS_MAX];
    const int count = wait_for_events(e, events, timeout_ns);
    assert(count >= 0 || errno == EINTR);
    collect_posts(e); /* the owner counts as awake from here on */
    collect_signal(e);
    if (count > 0) {
        e->woken_before_ns = e->woken_ns;
        e->woken_ns = system_now_ns();
    }
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr != NULL) /* NULL: an eventfd */
            socket_event(port, events[i].data.ptr, events[i].events);
    serve_ready(e);
    sockets_served(e);
}

/* ---- starting and cancelling ---- */

static void start_signal(struct epoll_port *e, struct port_op *op) {
    assert(e->signal == NULL);
    if (!e->signals_watched) {
        const int error = signals_watch(e->epoll);
        if (error < 0) {
            port_completed(e->port, op, error);
            return;
        }
        e->signals_watched = true;
    }
    e->signal = op;
}

static struct work_lane *lane_of(struct epoll_port *e, const struct port_op *op) {
    switch (op->kind) {
    case PORT_WORK: return &e->lanes[op->u.work.lane];
    case PORT_SYNC: return &e->lanes[PORT_LANE_SLOW];
    default: return &e->lanes[PORT_LANE_WRITE];
    }
}

static void epoll_start(struct port *port, struct port_op *op) {
    struct epoll_port *e = mine(port);
    switch (op->kind) {
    case PORT_ACCEPT:
    case PORT_RECEIVE:
    case PORT_RECEIVE_DATAGRAMS:
    case PORT_SEND: socket_start(port, op); break;
    case PORT_WRITE:
    case PORT_SYNC:
    case PORT_WORK: lane_add(lane_of(e, op), op); break;
    case PORT_SIGNAL: start_signal(e, op); break;
    case PORT_IDLE:
    case PORT_TIMER:
    case PORT_REMOTE:
    case PORT_POST: assert(!"not started here");
    }
}

static void epoll_cancel(struct port *port, struct port_op *op) {
    struct epoll_port *e = mine(port);
    switch (op->kind) {
    case PORT_ACCEPT:
    case PORT_RECEIVE:
    case PORT_RECEIVE_DATAGRAMS:
    case PORT_SEND:
        if (op->list != NULL) port_list_remove(op); /* ready, or waiting for a buffer */
        break;
    case PORT_WRITE:
    case PORT_SYNC:
    case PORT_WORK:
        if (!lane_forget(lane_of(e, op), op)) return;
        break;
    case PORT_SIGNAL: e->signal = NULL; break;
    default: return; /* a post: too late */
    }
    port_completed(port, op, ERR_CANCELLED);
}

/* ---- clocks and random bytes ---- */

static int64_t epoll_now_ns(const struct port *port) {
    (void)port;
    return system_now_ns();
}

static int64_t epoll_wall_ns(const struct port *port) {
    (void)port;
    return system_wall_ns();
}

static void epoll_random(struct port *port, void *bytes, size_t size) {
    (void)port;
    system_random(bytes, size);
}

static const char *epoll_name(const struct port *port) {
    const struct epoll_port *e = port->backend;
    return e->ring != NULL ? "io_uring" : "epoll";
}

const struct port_backend port_backend_of_system = {
    .name = epoll_name,
    .open = epoll_open,
    .close = epoll_close,
    .start = epoll_start,
    .cancel = epoll_cancel,
    .post = post,
    .wait = epoll_wait_turn,
    .listen = epoll_listen,
    .bind = epoll_bind,
    .listen_unix = epoll_listen_unix,
    .bind_unix = epoll_bind_unix,
    .unix_access = unix_access,
    .end_datagrams = epoll_end_datagrams,
    .shut = epoll_shut,
    .kernel_drops = epoll_kernel_drops,
    .remote_open = remote_thread_open,
    .remote_run = remote_thread_run,
    .remote_leave = remote_thread_leave,
    .now_ns = epoll_now_ns,
    .wall_ns = epoll_wall_ns,
    .random = epoll_random,
};
