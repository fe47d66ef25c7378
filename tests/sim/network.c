/* network.c - see network.h.
 *
 * A socket's op is looked at some time after something has happened to the socket (touch), or when
 * a wait must not leave anything behind (call_poll). */
#include "tests/sim/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

#define FIRST_PORT 40000

enum socket_kind { LISTENER, STREAM, DATAGRAMS };

struct datagram {
    struct network *network;
    uint16_t port;
    struct port_address peer;
    uint64_t tag;
    size_t size;
    struct datagram *next; /* in a socket's queue */
    uint8_t bytes[];
};

/* A socket of the daemon's kernel.  `owner` is NULL once it is closed. */
struct network_socket {
    enum socket_kind kind;
    struct network *network;
    struct port_socket *owner;
    struct port_address address;
    struct network_socket *next;
    bool touched; /* a look at it is on the agenda */
    /* LISTENER: connections that wait to be accepted, the oldest first. */
    struct network_link *backlog;
    /* DATAGRAMS */
    struct datagram *first, *last;
    uint64_t queued_bytes, drops;
    /* STREAM */
    struct network_link *link;
};

struct network_link {
    struct network_socket socket; /* first */
    struct network_link *next;    /* in a backlog */
    struct port_address peer;
    struct network_events events;
    void *context;
    uint16_t port;
    /* To the daemon. */
    uint8_t *bytes;
    size_t room, sent, arrived, taken;
    bool finished, fin_arrived, reset, pumping;
    /* From the daemon. */
    uint8_t *replies;
    size_t replies_room, replied, delivered;
    bool delivering, reads;
    bool closed, closed_by_reset; /* by the daemon */
    bool connected, accepted, ended;
};

static void deliver_later(struct network_link *link);
static void pump_later(struct network_link *link);

static void later(struct network *network, agenda_call *call, void *context) {
    const uint64_t most = (uint64_t)network->weather.latency_ns_max;
    int64_t ns = (int64_t)chance_below(&network->chance, most + 1);
    if (chance_one_in(&network->chance, 64)) ns *= 100;
    agenda_add(&network->sim->agenda, network->sim->now_ns + ns, call, context);
}

static void *grown(void *bytes, size_t *room, size_t size) {
    if (size <= *room) return bytes;
    *room = *room > 0 ? *room : 256;
    while (*room < size)
        *room *= 2;
    bytes = realloc(bytes, *room);
    assert(bytes != NULL);
    return bytes;
}

/* ---- the daemon's side ---- */

static struct network_socket *socket_of(const struct port_socket *socket) {
    return (struct network_socket *)socket->handle;
}

/* Does what the pending accept or receive, and the pending send, can do now. */
static void look(struct network_socket *socket);

static void look_due(void *context) {
    struct network_socket *socket = context;
    socket->touched = false;
    look(socket);
}

static void touch(struct network_socket *socket) {
    if (socket->touched || socket->owner == NULL) return;
    socket->touched = true;
    later(socket->network, look_due, socket);
}

static struct network_socket *find(const struct network *network, enum socket_kind kind,
                                   uint16_t port) {
    for (struct network_socket *s = network->sockets; s != NULL; s = s->next)
        if (s->kind == kind && s->owner != NULL && s->address.port == port) return s;
    return NULL;
}

static void add(struct network *network, struct network_socket *socket) {
    socket->network = network;
    socket->next = network->sockets;
    network->sockets = socket;
}

static void own(struct network_socket *socket, struct port_socket *owner) {
    memset(owner, 0, sizeof *owner);
    owner->handle = (intptr_t)socket;
    owner->port = socket->network->sim->port;
    owner->family = socket->address.family;
    socket->owner = owner;
}

static struct network *network_of(const struct port *port) {
    return ((struct sim *)port->backend)->network;
}

static int open_socket(struct port *port, struct port_socket *owner, struct port_address *address,
                       enum socket_kind kind) {
    struct network *network = network_of(port);
    if (address->port == 0) address->port = network->next_port++;
    if (find(network, kind, address->port) != NULL) return ERR_ADDRESS_IN_USE;
    struct network_socket *socket = calloc(1, sizeof *socket);
    assert(socket != NULL);
    socket->kind = kind;
    socket->address = *address;
    add(network, socket);
    own(socket, owner);
    return 0;
}

static int call_listen(struct port *port, struct port_socket *socket,
                       struct port_address *address) {
    return open_socket(port, socket, address, LISTENER);
}

static int call_bind(struct port *port, struct port_socket *socket, struct port_address *address,
                     uint32_t receive_bytes, uint32_t *granted) {
    *granted = receive_bytes;
    return open_socket(port, socket, address, DATAGRAMS);
}

static void accept_one(struct network_socket *socket, struct port_op *op) {
    struct network *network = socket->network;
    struct network_link *link = socket->backlog;
    if (link == NULL) return;
    if (network->weather.accept_fails_one_in > 0 &&
        chance_one_in(&network->chance, network->weather.accept_fails_one_in)) {
        network->accepts_failed++;
        port_completed(network->sim->port, op, ERR_TOO_MANY_FILES);
        return;
    }
    socket->backlog = link->next;
    link->next = NULL;
    link->accepted = true;
    if (link->events.accepted) link->events.accepted(link->context);
    own(&link->socket, op->u.net.accepted);
    op->peer = link->peer;
    port_completed(network->sim->port, op, 0);
    touch(socket); /* there may be more */
}

static void receive(struct network_socket *socket, struct port_op *op) {
    struct network_link *link = socket->link;
    struct network *network = socket->network;
    struct port *port = network->sim->port;
    const size_t waiting = link->arrived - link->taken;
    if (waiting == 0 && !link->fin_arrived && !link->reset) return;
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return; /* it waits for one; it is started again */
    op->buffer = buffer;
    if (network->weather.receive_fails_one_in > 0 &&
        chance_one_in(&network->chance, network->weather.receive_fails_one_in)) {
        network->receives_failed++;
        port_completed(port, op, ERR_NO_MEMORY);
        return;
    }
    if (waiting == 0) {
        port_completed(port, op, link->reset ? ERR_RESET : 0);
        return;
    }
    size_t size = waiting < op->u.net.pool->buffer_bytes ? waiting : op->u.net.pool->buffer_bytes;
    if (chance_one_in(&network->chance, 4)) {
        size = 1 + (size_t)chance_below(&network->chance, size);
        network->parts++;
    }
    memcpy(buffer->bytes, link->bytes + link->taken, size);
    link->taken += size;
    buffer->slice_count = 1;
    buffer->slices[0] = (struct port_slice){.size = (uint32_t)size};
    port_completed(port, op, (int64_t)size);
    pump_later(link); /* its window is open again */
}

static void receive_datagrams(struct network_socket *socket, struct port_op *op) {
    struct network *network = socket->network;
    if (socket->first == NULL) return;
    const struct port_pool *pool = op->u.net.pool;
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return;
    const uint32_t most = 1 + (uint32_t)chance_below(&network->chance, pool->places);
    while (buffer->slice_count < most && socket->first != NULL) {
        struct datagram *datagram = socket->first;
        const uint32_t offset = buffer->slice_count * pool->datagram_bytes_max;
        const bool fits = datagram->size <= pool->datagram_bytes_max;
        const size_t size = fits ? datagram->size : pool->datagram_bytes_max;
        memcpy(buffer->bytes + offset, datagram->bytes, size);
        buffer->slices[buffer->slice_count++] = (struct port_slice){
            .offset = offset, .size = (uint32_t)size, .peer = datagram->peer, .truncated = !fits};
        if (network->datagram_taken != NULL)
            network->datagram_taken(network->context, datagram->tag);
        socket->first = datagram->next;
        if (socket->first == NULL) socket->last = NULL;
        socket->queued_bytes -= datagram->size;
        free(datagram);
    }
    op->buffer = buffer;
    port_completed(network->sim->port, op, buffer->slice_count);
}

static void send_some(struct network_socket *socket, struct port_op *op) {
    struct network_link *link = socket->link;
    struct network *network = socket->network;
    if (link->reset) {
        port_completed(network->sim->port, op, ERR_RESET);
        return;
    }
    const size_t on_the_way = link->replied - link->delivered;
    const size_t window = (size_t)network->weather.window_bytes;
    if (on_the_way >= window) return;
    size_t size = op->u.net.size - op->u.net.done;
    if (size > window - on_the_way) size = window - on_the_way;
    if (size > 1 && chance_one_in(&network->chance, 4))
        size = 1 + (size_t)chance_below(&network->chance, size);
    link->replies = grown(link->replies, &link->replies_room, link->replied + size);
    memcpy(link->replies + link->replied, op->u.net.bytes + op->u.net.done, size);
    link->replied += size;
    op->u.net.done += size;
    deliver_later(link);
    if (op->u.net.done == op->u.net.size)
        port_completed(network->sim->port, op, (int64_t)op->u.net.size);
    else
        touch(socket);
}

static void look(struct network_socket *socket) {
    if (socket->owner == NULL) return;
    struct port_op *writer = socket->owner->pending[1];
    if (writer != NULL) send_some(socket, writer);
    struct port_op *reader = socket->owner->pending[0];
    if (reader == NULL || reader->list != NULL) return; /* or it waits for a buffer */
    switch (reader->kind) {
    case PORT_ACCEPT: accept_one(socket, reader); break;
    case PORT_RECEIVE: receive(socket, reader); break;
    case PORT_RECEIVE_DATAGRAMS: receive_datagrams(socket, reader); break;
    default: assert(!"not read from a socket");
    }
}

static void call_start(struct network *network, struct port_op *op) {
    struct port_socket *socket = op->u.net.socket;
    if (socket->port == NULL)
        port_completed(network->sim->port, op, ERR_CANCELLED);
    else if (op->buffer != NULL)
        look(socket_of(socket)); /* a buffer has become free */
    else
        touch(socket_of(socket));
}

static void cancelled(struct network *network, struct port_op *op) {
    if (op->list != NULL) port_list_remove(op); /* it waited for a buffer */
    port_completed(network->sim->port, op, ERR_CANCELLED);
}

static void call_cancel(struct network *network, struct port_op *op) {
    cancelled(network, op);
}

static void call_poll(struct network *network) {
    for (struct network_socket *socket = network->sockets; socket != NULL; socket = socket->next)
        look(socket);
}

/* ---- the end of a socket ---- */

static void reset_backlog(struct network_socket *listener) {
    while (listener->backlog != NULL) {
        struct network_link *link = listener->backlog;
        listener->backlog = link->next;
        link->next = NULL;
        link->closed = link->closed_by_reset = true;
        deliver_later(link);
    }
}

static void drop_datagrams(struct network_socket *socket) {
    while (socket->first != NULL) {
        struct datagram *datagram = socket->first;
        socket->first = datagram->next;
        free(datagram);
    }
    socket->last = NULL;
    socket->queued_bytes = 0;
}

static void close_socket(struct network_socket *socket) {
    socket->owner = NULL;
    if (socket->kind == LISTENER) reset_backlog(socket);
    if (socket->kind == DATAGRAMS) drop_datagrams(socket);
    if (socket->kind == STREAM) {
        struct network_link *link = socket->link;
        link->closed = true;
        link->closed_by_reset = link->arrived > link->taken || link->sent > link->arrived;
        deliver_later(link);
    }
}

static void call_shut(struct port *port, struct port_socket *owner) {
    struct network_socket *socket = socket_of(owner);
    struct port_op *pending[2] = {owner->pending[0], owner->pending[1]};
    close_socket(socket);
    owner->handle = -1;
    owner->port = NULL;
    for (int i = 0; i < 2; i++)
        if (pending[i] != NULL) cancelled(network_of(port), pending[i]);
}

static void call_process_ended(struct network *network) {
    for (struct network_socket *socket = network->sockets; socket != NULL; socket = socket->next)
        if (socket->owner != NULL) close_socket(socket);
}

static uint64_t call_kernel_drops(const struct port_socket *socket) {
    return socket_of(socket)->drops;
}

/* ---- a connection, to the daemon ---- */

static void pump(void *context) {
    struct network_link *link = context;
    struct network *network = link->socket.network;
    const struct network_weather *weather = &network->weather;
    link->pumping = false;
    if (link->reset || link->closed) return;
    const size_t waiting = link->arrived - link->taken;
    size_t size = link->sent - link->arrived;
    if (size > 0 && waiting >= weather->window_bytes) return; /* a receive pumps again */
    if (size > weather->window_bytes - waiting) size = (size_t)weather->window_bytes - waiting;
    if (size > weather->piece_bytes_max)
        size = 1 + (size_t)chance_below(&network->chance, weather->piece_bytes_max);
    link->arrived += size;
    if (link->arrived == link->sent && link->finished) link->fin_arrived = true;
    if (size > 0 || link->fin_arrived) touch(&link->socket);
    if (link->arrived < link->sent) pump_later(link);
}

static void pump_later(struct network_link *link) {
    struct network *network = link->socket.network;
    if (link->pumping || !link->connected) return;
    link->pumping = true;
    const struct network_weather *weather = &network->weather;
    if (weather->stalls_one_in > 0 && chance_one_in(&network->chance, weather->stalls_one_in))
        agenda_add(&network->sim->agenda,
                   network->sim->now_ns +
                       (int64_t)chance_below(&network->chance, (uint64_t)weather->stall_ns_max),
                   pump, link);
    else
        later(network, pump, link);
}

void network_send(struct network_link *link, const void *bytes, size_t size) {
    assert(!link->finished && !link->reset);
    link->bytes = grown(link->bytes, &link->room, link->sent + size);
    memcpy(link->bytes + link->sent, bytes, size);
    link->sent += size;
    pump_later(link);
}

void network_finish(struct network_link *link) {
    link->finished = true;
    pump_later(link);
}

void network_reset(struct network_link *link) {
    struct network *network = link->socket.network;
    if (link->reset || link->closed) return;
    link->reset = true;
    network->resets++;
    link->sent = link->arrived; /* what is on its way is lost */
    if (network->weather.reset_loses) link->sent = link->arrived = link->taken;
    touch(&link->socket);
}

/* ---- a connection, from the daemon ---- */

static void deliver(void *context) {
    struct network_link *link = context;
    struct network *network = link->socket.network;
    link->delivering = false;
    if (link->ended) return;
    const size_t size = link->replied - link->delivered;
    if (size > 0 && link->reads && !link->reset && !link->closed_by_reset) {
        const size_t part = 1 + (size_t)chance_below(&network->chance, size);
        const size_t from = link->delivered;
        link->delivered += part;
        if (link->socket.owner != NULL) touch(&link->socket); /* its window is open again */
        deliver_later(link);
        if (link->events.received) link->events.received(link->context, link->replies + from, part);
        return;
    }
    if (!link->closed || (size > 0 && !link->reads && !link->closed_by_reset)) return;
    link->ended = true;
    if (link->events.ended) link->events.ended(link->context, link->closed_by_reset);
}

static void deliver_later(struct network_link *link) {
    if (link->delivering) return;
    link->delivering = true;
    later(link->socket.network, deliver, link);
}

void network_read(struct network_link *link, bool reads) {
    link->reads = reads;
    if (reads) deliver_later(link);
}

/* ---- connecting ---- */

static void reach(void *context) {
    struct network_link *link = context;
    struct network_socket *listener = find(link->socket.network, LISTENER, link->port);
    if (listener == NULL || link->reset) {
        link->closed = link->closed_by_reset = true;
        deliver_later(link);
        return;
    }
    link->connected = true;
    struct network_link **last = &listener->backlog;
    while (*last != NULL)
        last = &(*last)->next;
    *last = link;
    touch(listener);
    if (link->sent > 0 || link->finished) pump_later(link);
    if (link->events.connected) link->events.connected(link->context);
}

struct network_link *network_connect(struct network *network, uint16_t port,
                                     const struct port_address *peer,
                                     const struct network_events *events, void *context) {
    struct network_link *link = calloc(1, sizeof *link);
    assert(link != NULL);
    link->socket.kind = STREAM;
    link->socket.link = link;
    link->socket.address = *peer;
    link->peer = *peer;
    link->events = *events;
    link->context = context;
    link->port = port;
    link->reads = true;
    add(network, &link->socket);
    later(network, reach, link);
    return link;
}

struct network_progress network_progress(const struct network_link *link) {
    return (struct network_progress){.bytes = link->bytes,
                                     .sent = link->sent,
                                     .arrived = link->arrived,
                                     .taken = link->taken,
                                     .accepted = link->accepted,
                                     .reset = link->reset,
                                     .ended = link->ended};
}

/* ---- datagrams ---- */

static void datagram_arrives(void *context) {
    struct datagram *datagram = context;
    struct network *network = datagram->network;
    struct network_socket *socket = find(network, DATAGRAMS, datagram->port);
    if (socket == NULL) {
        network->datagrams_lost++;
        free(datagram);
        return;
    }
    if (socket->queued_bytes + datagram->size > network->weather.datagrams_bytes_max) {
        socket->drops++;
        network->datagrams_dropped++;
        free(datagram);
        return;
    }
    network->datagrams_queued++;
    socket->queued_bytes += datagram->size;
    datagram->next = NULL;
    if (socket->last != NULL)
        socket->last->next = datagram;
    else
        socket->first = datagram;
    socket->last = datagram;
    touch(socket);
}

void network_datagram(struct network *network, uint16_t port, const struct port_address *peer,
                      const void *bytes, size_t size, uint64_t tag) {
    const struct network_weather *weather = &network->weather;
    int copies = 1;
    if (weather->doubled_one_in > 0 && chance_one_in(&network->chance, weather->doubled_one_in))
        copies = 2;
    if (weather->lost_one_in > 0 && chance_one_in(&network->chance, weather->lost_one_in)) {
        copies = 0;
        network->datagrams_lost++;
    }
    for (int i = 0; i < copies; i++) {
        struct datagram *datagram = malloc(sizeof *datagram + size);
        assert(datagram != NULL);
        *datagram = (struct datagram){
            .network = network, .port = port, .peer = *peer, .tag = tag, .size = size};
        memcpy(datagram->bytes, bytes, size);
        later(network, datagram_arrives, datagram);
    }
}

/* ---- the network itself ---- */

void network_open(struct network *network, struct sim *sim, uint64_t seed) {
    memset(network, 0, sizeof *network);
    network->sim = sim;
    network->chance.state = seed;
    network->next_port = FIRST_PORT;
    network->weather = (struct network_weather){.latency_ns_max = SIM_MS,
                                                .piece_bytes_max = 16384,
                                                .window_bytes = 65536,
                                                .stall_ns_max = SIM_S,
                                                .datagrams_bytes_max = 262144};
    static const struct sim_network calls = {.start = call_start,
                                             .cancel = call_cancel,
                                             .poll = call_poll,
                                             .process_ended = call_process_ended};
    sim->network = network;
    sim->network_calls = &calls;
    sim->backend.listen = call_listen;
    sim->backend.bind = call_bind;
    sim->backend.shut = call_shut;
    sim->backend.kernel_drops = call_kernel_drops;
}

void network_close(struct network *network) {
    const struct agenda *agenda = &network->sim->agenda;
    for (uint32_t i = 0; i < agenda->count; i++) /* datagrams on their way; nothing else runs */
        if (agenda->heap[i].call == datagram_arrives) free(agenda->heap[i].context);
    while (network->sockets != NULL) {
        struct network_socket *socket = network->sockets;
        network->sockets = socket->next;
        drop_datagrams(socket);
        if (socket->kind == STREAM) {
            free(socket->link->bytes);
            free(socket->link->replies);
        }
        free(socket);
    }
    agenda_free(&network->sim->agenda);
    network->sim->network = NULL;
}
