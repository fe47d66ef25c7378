/* port.c - the part of the completion port that all back ends share: starting, cancelling and
 * completing ops, timers, and pools of buffers.
 *
 * Nothing here waits; the back end does.  Every start has one port_completed and one `done`;
 * in_flight counts the ops between start and `done`. */
#include "port/port.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/memory.h"
#include "port/port_internal.h"
#include "port/process.h"

static void timers_expire(struct port *port);
static struct port_op *first_timer(const struct port *port);
static int64_t nearest_ns(const struct port *port, int64_t give_up_ns);
static void dispatch(struct port *port);
static void timer_remove(struct port *port, struct port_op *op);

/* ---- opening and closing ---- */

int port_open(const struct port_options *options, struct port **opened) {
    static const struct port_options presets;
    if (options == NULL) options = &presets;
    assert(
        options->pack_workers <= PORT_WORKERS_MAX && options->write_workers <= PORT_WORKERS_MAX &&
        options->urgent_workers <= PORT_WORKERS_MAX && options->slow_workers <= PORT_WORKERS_MAX);

    struct port *port = calloc(1, sizeof *port);
    if (port == NULL) return ERR_NO_MEMORY;
    port->calls = options->backend ? options->backend : &port_backend_of_system;
    const int error = port->calls->open(port, options);
    if (error < 0) {
        free(port);
        return error;
    }
    if (port->files == NULL) port->files = files_of_system();
    if (port->processes == NULL) port->processes = processes_of_system();
    *opened = port;
    return 0;
}

void port_close(struct port *port) {
    assert(port->in_flight == 0 && port->remotes == 0);
    port->calls->close(port);
    free(port->timers);
    free(port);
}

const char *port_name(const struct port *port) {
    return port->calls->name(port);
}

struct files *port_files(const struct port *port) {
    return port->files;
}

struct processes *port_processes(const struct port *port) {
    return port->processes;
}

int64_t port_now_ns(const struct port *port) {
    return port->calls->now_ns(port);
}

int64_t port_wall_ns(const struct port *port) {
    return port->calls->wall_ns(port);
}

void port_random(struct port *port, void *bytes, size_t size) {
    port->calls->random(port, bytes, size);
}

/* ---- waiting and completing ---- */

uint32_t port_wait(struct port *port, int64_t timeout_ns) {
    const int64_t started_ns = port_now_ns(port);
    const int64_t give_up_ns =
        timeout_ns < 0 || timeout_ns > INT64_MAX - started_ns ? INT64_MAX : started_ns + timeout_ns;
    /* Asks the back end every time, even when ops are complete already: ops whose `done` starts
     * one that completes at once must not starve all others. */
    do {
        timers_expire(port);
        port->calls->wait(port, port->completed.count > 0 ? 0 : nearest_ns(port, give_up_ns));
        timers_expire(port);
    } while (port->completed.count == 0 && port_now_ns(port) < give_up_ns);

    /* Ops that complete while these run are for the next call. */
    uint32_t count = port->completed.count;
    if (count > PORT_COLLECT_MAX) count = PORT_COLLECT_MAX;
    for (uint32_t i = 0; i < count; i++)
        dispatch(port);
    return count;
}

static void dispatch(struct port *port) {
    struct port_op *op = port_list_take_first(&port->completed);
    op->kind = PORT_IDLE;
    op->completed = false;
    atomic_fetch_sub_explicit(&port->in_flight, 1, memory_order_relaxed);
    op->done(op);
}

/* How long a back end may wait: until the next timer or give_up_ns; -1: no limit. */
static int64_t nearest_ns(const struct port *port, int64_t give_up_ns) {
    int64_t until_ns = give_up_ns;
    const struct port_op *timer = first_timer(port);
    if (timer != NULL && timer->u.timer.deadline_ns < until_ns)
        until_ns = timer->u.timer.deadline_ns;
    if (until_ns == INT64_MAX) return -1;
    const int64_t now_ns = port_now_ns(port);
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

static bool is_receive(const struct port_op *op) {
    return op->kind == PORT_RECEIVE || op->kind == PORT_RECEIVE_DATAGRAMS;
}

/* The place in its socket for an op in flight; NULL for other kinds. */
static struct port_op **place_on_socket(struct port_op *op) {
    switch (op->kind) {
    case PORT_ACCEPT:
    case PORT_RECEIVE:
    case PORT_RECEIVE_DATAGRAMS: return &op->u.net.socket->pending[0];
    case PORT_SEND: return &op->u.net.socket->pending[1];
    default: return NULL;
    }
}

void port_completed(struct port *port, struct port_op *op, int64_t result) {
    assert(op->kind != PORT_IDLE && !op->completed && op->list == NULL);
    op->completed = true;
    op->result = result;
    struct port_op **place = place_on_socket(op);
    if (place != NULL) {
        assert(*place == op);
        *place = NULL;
    }
    if (op->kind == PORT_REMOTE) port_remote_returned(op);
    port_list_append(&port->completed, op);
    if (is_receive(op) && result <= 0 && op->buffer != NULL) {
        struct port_buffer *unused = op->buffer;
        op->buffer = NULL;
        port_buffer_release(unused);
    }
}

/* ---- starting ---- */

/* A post may do this on any thread: the op belongs to that thread until the back end has it. */
void port_begin(struct port *port, struct port_op *op, enum port_operation kind) {
    assert(op->kind == PORT_IDLE && op->done != NULL);
    op->kind = kind;
    op->port = port;
    op->result = 0;
    op->buffer = NULL;
    op->cancelled = false;
    op->completed = false;
    op->list = NULL;
    op->next = op->previous = NULL;
    atomic_fetch_add_explicit(&port->in_flight, 1, memory_order_relaxed);
}

void port_post(struct port *port, struct port_op *op, int64_t result) {
    port_begin(port, op, PORT_POST);
    op->result = result;
    port->calls->post(port, op);
}

void port_signal(struct port *port, struct port_op *op) {
    port_begin(port, op, PORT_SIGNAL);
    port->calls->start(port, op);
}

void port_work(struct port *port, struct port_op *op, enum port_lane lane, port_callback *run) {
    assert(lane >= 0 && lane < PORT_LANES && run != NULL);
    port_begin(port, op, PORT_WORK);
    op->u.work.run = run;
    op->u.work.lane = lane;
    port->calls->start(port, op);
}

static void start_on_file(struct port *port, struct port_op *op, enum port_operation kind,
                          struct file *file, const void *bytes, size_t size, uint64_t offset) {
    assert(file->files != NULL);
    port_begin(port, op, kind);
    op->u.file.file = file;
    op->u.file.bytes = bytes;
    op->u.file.size = size;
    op->u.file.done = 0;
    op->u.file.offset = offset;
    port->calls->start(port, op);
}

void port_write(struct port *port, struct port_op *op, struct file *file, const void *bytes,
                size_t size, uint64_t offset) {
    start_on_file(port, op, PORT_WRITE, file, bytes, size, offset);
}

void port_sync(struct port *port, struct port_op *op, struct file *file) {
    start_on_file(port, op, PORT_SYNC, file, NULL, 0, 0);
}

static void start_on_socket(struct port *port, struct port_op *op, enum port_operation kind,
                            struct port_socket *socket) {
    port_begin(port, op, kind);
    op->u.net.socket = socket;
    op->u.net.done = 0;
    struct port_op **place = place_on_socket(op);
    assert(*place == NULL); /* one per direction at a time */
    *place = op;
    port->calls->start(port, op);
}

void port_accept(struct port *port, struct port_op *op, struct port_socket *listener,
                 struct port_socket *accepted) {
    op->u.net.accepted = accepted;
    op->u.net.pool = NULL;
    start_on_socket(port, op, PORT_ACCEPT, listener);
}

void port_receive(struct port *port, struct port_op *op, struct port_socket *socket,
                  struct port_pool *pool) {
    op->u.net.pool = pool;
    start_on_socket(port, op, PORT_RECEIVE, socket);
}

void port_receive_datagrams(struct port *port, struct port_op *op, struct port_socket *socket,
                            struct port_pool *pool) {
    assert(pool->datagram_bytes_max > 0);
    op->u.net.pool = pool;
    start_on_socket(port, op, PORT_RECEIVE_DATAGRAMS, socket);
}

void port_send(struct port *port, struct port_op *op, struct port_socket *socket, const void *bytes,
               size_t size) {
    op->u.net.pool = NULL;
    op->u.net.bytes = bytes;
    op->u.net.size = size;
    start_on_socket(port, op, PORT_SEND, socket);
}

void port_cancel(struct port_op *op) {
    if (op->kind == PORT_IDLE || op->completed || op->cancelled) return;
    op->cancelled = true;
    struct port *port = op->port;
    if (op->kind == PORT_TIMER) {
        timer_remove(port, op);
        port_completed(port, op, ERR_CANCELLED);
    } else if (op->kind == PORT_REMOTE) {
        port_remote_cancel(op);
    } else {
        port->calls->cancel(port, op);
    }
}

/* ---- sockets ---- */

static void socket_reset(struct port_socket *socket) {
    memset(socket, 0, sizeof *socket);
    socket->handle = -1;
}

int port_listen(struct port *port, struct port_socket *socket, struct port_address *address) {
    const bool ipv6_only = address->ipv6_only;
    socket_reset(socket);
    const int error = port->calls->listen(port, socket, address);
    address->ipv6_only = ipv6_only;
    return error;
}

int port_bind(struct port *port, struct port_socket *socket, struct port_address *address,
              uint32_t receive_bytes, uint32_t *granted) {
    const bool ipv6_only = address->ipv6_only;
    socket_reset(socket);
    const int error = port->calls->bind(port, socket, address, receive_bytes, granted);
    address->ipv6_only = ipv6_only;
    return error;
}

int port_listen_unix(struct port *port, struct port_socket *socket,
                     const struct unix_place *place) {
    socket_reset(socket);
    return port->calls->listen_unix(port, socket, place);
}

int port_bind_unix(struct port *port, struct port_socket *socket, const struct unix_place *place) {
    socket_reset(socket);
    return port->calls->bind_unix(port, socket, place);
}

int port_unix_access(struct port *port, struct port_socket *socket,
                     const struct unix_place *place) {
    assert(socket->port == port);
    return port->calls->unix_access(port, socket, place);
}

void port_end_datagrams(struct port *port, struct port_socket *socket) {
    assert(socket->port == port && socket->family == ADDRESS_UNIX);
    port->calls->end_datagrams(port, socket);
}

void port_shut(struct port *port, struct port_socket *socket) {
    if (socket->port == NULL) return; /* not open */
    assert(socket->port == port);
    port->calls->shut(port, socket);
}

uint64_t port_kernel_drops(const struct port_socket *socket) {
    return socket->port != NULL ? socket->port->calls->kernel_drops(socket) : 0;
}

/* ---- timers: a binary heap ---- */

static bool earlier(const struct port_op *a, const struct port_op *b) {
    if (a->u.timer.deadline_ns != b->u.timer.deadline_ns)
        return a->u.timer.deadline_ns < b->u.timer.deadline_ns;
    return a->u.timer.order < b->u.timer.order;
}

static void heap_put(struct port *port, uint32_t i, struct port_op *op) {
    port->timers[i] = op;
    op->u.timer.heap_index = i;
}

/* Place i is free: puts op there, and moves others up or down until the heap is in order. */
static void heap_insert(struct port *port, uint32_t i, struct port_op *op) {
    while (i > 0 && earlier(op, port->timers[(i - 1) / 2])) {
        heap_put(port, i, port->timers[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) { /* ends at a leaf */
        uint32_t child = 2 * i + 1;
        if (child >= port->timer_count) break;
        if (child + 1 < port->timer_count && earlier(port->timers[child + 1], port->timers[child]))
            child++;
        if (!earlier(port->timers[child], op)) break;
        heap_put(port, i, port->timers[child]);
        i = child;
    }
    heap_put(port, i, op);
}

void port_timer(struct port *port, struct port_op *op, int64_t deadline_ns) {
    port_begin(port, op, PORT_TIMER);
    op->u.timer.deadline_ns = deadline_ns;
    op->u.timer.order = port->timers_started++;
    if (port->timer_count == port->timer_room) {
        const uint32_t room = port->timer_room ? port->timer_room * 2 : 16;
        struct port_op **timers = realloc(port->timers, room * sizeof *timers);
        if (timers == NULL) { /* a limit of time must hold without memory, too */
            port_list_append(&port->timers_apart, op);
            return;
        }
        port->timers = timers;
        port->timer_room = room;
    }
    port->timer_count++;
    heap_insert(port, port->timer_count - 1, op);
}

static void timer_remove(struct port *port, struct port_op *op) {
    if (op->list == &port->timers_apart) {
        port_list_remove(op);
        return;
    }
    const uint32_t i = op->u.timer.heap_index;
    assert(i < port->timer_count && port->timers[i] == op);
    port->timer_count--;
    struct port_op *last = port->timers[port->timer_count];
    if (last != op) heap_insert(port, i, last);
}

/* NULL: there is none. */
static struct port_op *first_timer(const struct port *port) {
    struct port_op *first = port->timer_count > 0 ? port->timers[0] : NULL;
    for (struct port_op *op = port->timers_apart.first; op != NULL; op = op->next)
        if (first == NULL || earlier(op, first)) first = op;
    return first;
}

static void timers_expire(struct port *port) {
    struct port_op *op = first_timer(port);
    if (op == NULL) return;
    const int64_t now_ns = port_now_ns(port);
    for (; op != NULL && op->u.timer.deadline_ns <= now_ns; op = first_timer(port)) {
        timer_remove(port, op);
        port_completed(port, op, 0);
    }
}

/* ---- pools ---- */

static uint32_t places_of(uint32_t buffer_bytes, uint32_t datagram_bytes_max) {
    return datagram_bytes_max > 0 ? buffer_bytes / datagram_bytes_max : 1;
}

static uint32_t slices_of(uint32_t buffer_bytes, uint32_t datagram_bytes_max) {
    return places_of(buffer_bytes, datagram_bytes_max) *
           (datagram_bytes_max >= PORT_JOINED_BYTES_MAX ? PORT_JOINED_MAX : 1);
}

size_t port_pool_memory(uint32_t buffer_bytes, uint32_t buffers, uint32_t datagram_bytes_max) {
    return buffers * (buffer_bytes + sizeof(struct port_buffer) +
                      slices_of(buffer_bytes, datagram_bytes_max) * sizeof(struct port_slice));
}

int port_pool_create(struct port *port, uint32_t buffer_bytes, uint32_t buffers,
                     uint32_t datagram_bytes_max, struct port_pool **created) {
    assert(buffer_bytes > 0 && buffers > 0 && datagram_bytes_max <= buffer_bytes);
    struct port_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return ERR_NO_MEMORY;
    pool->port = port;
    pool->buffer_bytes = buffer_bytes;
    pool->datagram_bytes_max = datagram_bytes_max;
    pool->places = places_of(buffer_bytes, datagram_bytes_max);
    pool->slices_max = slices_of(buffer_bytes, datagram_bytes_max);
    pool->buffers = pool->buffers_free = buffers;
    pool->memory = memory_take((size_t)buffer_bytes * buffers);
    pool->all = calloc(buffers, sizeof *pool->all);
    struct port_slice *slices = calloc((size_t)buffers * pool->slices_max, sizeof *slices);
    if (pool->memory == NULL || pool->all == NULL || slices == NULL) {
        free(slices);
        free(pool->all);
        memory_give_back(pool->memory);
        free(pool);
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = buffers; i-- > 0;) {
        struct port_buffer *buffer = &pool->all[i];
        buffer->bytes = pool->memory + (size_t)i * buffer_bytes;
        buffer->slices = slices + (size_t)i * pool->slices_max;
        buffer->pool = pool;
        buffer->next = pool->free;
        pool->free = buffer;
    }
    *created = pool;
    return 0;
}

void port_pool_free(struct port_pool *pool) {
    assert(pool->buffers_free == pool->buffers && pool->waiting.count == 0);
    free(pool->all[0].slices); /* one block for all buffers */
    free(pool->all);
    memory_give_back(pool->memory);
    free(pool);
}

struct port_buffer *port_pool_take(struct port_pool *pool, struct port_op *op) {
    struct port_buffer *buffer = op->buffer;
    if (buffer != NULL) { /* put there by a release */
        op->buffer = NULL;
        return buffer;
    }
    buffer = pool->free;
    if (buffer == NULL) {
        port_list_append(&pool->waiting, op);
        return NULL;
    }
    pool->free = buffer->next;
    pool->buffers_free--;
    buffer->next = NULL;
    buffer->slice_count = 0;
    return buffer;
}

bool port_pool_forget(struct port_pool *pool, struct port_op *op) {
    if (op->list != &pool->waiting) return false;
    port_list_remove(op);
    return true;
}

void port_buffer_release(struct port_buffer *buffer) {
    struct port_pool *pool = buffer->pool;
    struct port_op *op = port_list_take_first(&pool->waiting);
    if (op != NULL) {
        /* It does not become free in between, so no other op can overtake the one that has waited
         * longest. */
        buffer->slice_count = 0;
        op->buffer = buffer;
        pool->port->calls->start(pool->port, op);
        return;
    }
    buffer->next = pool->free;
    pool->free = buffer;
    pool->buffers_free++;
}

/* ---- lists ---- */

void port_list_append(struct port_list *list, struct port_op *op) {
    assert(op->list == NULL);
    op->list = list;
    op->next = NULL;
    op->previous = list->last;
    if (list->last != NULL)
        list->last->next = op;
    else
        list->first = op;
    list->last = op;
    list->count++;
}

void port_list_remove(struct port_op *op) {
    struct port_list *list = op->list;
    assert(list != NULL);
    if (op->previous != NULL)
        op->previous->next = op->next;
    else
        list->first = op->next;
    if (op->next != NULL)
        op->next->previous = op->previous;
    else
        list->last = op->previous;
    list->count--;
    op->list = NULL;
    op->next = op->previous = NULL;
}

struct port_op *port_list_take_first(struct port_list *list) {
    struct port_op *op = list->first;
    if (op != NULL) port_list_remove(op);
    return op;
}

void port_buffer_cut(struct port_buffer *buffer, const struct port_slice *first, uint32_t size,
                     uint32_t each, uint32_t slices_max) {
    struct port_slice slice = *first;
    const uint32_t end = slice.offset + size;
    do { /* an empty datagram is one slice too */
        const uint32_t left = end - slice.offset;
        slice.size = left < each ? left : each;
        const bool last = slice.offset + slice.size == end;
        /* There are more datagrams than slices only if a kernel joins more than any does today,
         * or joined them before the socket was read into a pool of small places.  Then this
         * slice is marked truncated. */
        slice.truncated = (last && first->truncated) || (!last && slices_max == 1);
        assert(buffer->slice_count < buffer->pool->slices_max);
        buffer->slices[buffer->slice_count++] = slice;
        slice.offset += slice.size;
    } while (slice.offset < end && --slices_max > 0);
}
