/* control.c - commands over a loopback connection, guarded by a token.
 * A new client always finds a place: the oldest client that has not sent its command gives way, and
 * the number of clients that wait for their answer is limited. */
#include "ingest/daemon/control.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"

#define CLIENTS_MAX    8
#define WAITING_MAX    5
#define CLIENT_TIME_NS (5 * 1000000000ll)
#define RETRY_NS       (1000000000ll)
#define REQUEST_MAX    256

enum client_step {
    CLIENT_FREE,
    CLIENT_ACCEPTING,
    CLIENT_READING,
    CLIENT_WAITING, /* for control_reply_later */
    CLIENT_REPLYING,
    CLIENT_ENDING
};

struct client_connection {
    struct control *control;
    struct port_socket socket;
    /* op: accept and receive; one receive stays in flight, to notice that the client closes. */
    struct port_op op, send, timer;
    enum client_step step;
    uint64_t number; /* of its accept */
    uint64_t request_number;
    char request[REQUEST_MAX];
    size_t request_size;
    const char *command; /* in request, after the token */
    char reply[CONTROL_REPLY_MAX];
};

struct control {
    struct port *port;
    struct port_pool *pool;
    struct port_socket listener;
    control_command *command;
    void *context;
    const struct log_directory *directory; /* knows the token */
    struct port_address address;
    struct client_connection clients[CLIENTS_MAX];
    uint64_t accepted, requests;
    struct port_op retry; /* accepting has failed */
    bool closed;
};

static void op_done(struct port_op *op);
static void send_done(struct port_op *op);
static void timer_done(struct port_op *op);
static void retry_due(struct port_op *op);
static void accept_next(struct control *control);

int control_open(struct port *port, const struct log_directory *directory, control_command *command,
                 void *context, struct control **control) {
    struct control *c = calloc(1, sizeof *c);
    if (!c) return ERR_NO_MEMORY;
    c->port = port;
    c->directory = directory;
    c->command = command;
    c->context = context;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        c->clients[i].control = c;
        c->clients[i].op.done = op_done;
        c->clients[i].send.done = send_done;
        c->clients[i].timer.done = timer_done;
    }
    c->retry.done = retry_due;
    int error = address_parse("127.0.0.1:0", &c->address);
    assert(!error);
    error = port_pool_create(port, REQUEST_MAX, CLIENTS_MAX, 0, &c->pool);
    if (error) goto no_pool;
    error = port_listen(port, &c->listener, &c->address);
    if (error) goto no_listener;
    accept_next(c);
    *control = c;
    return 0;
no_listener:
    port_pool_free(c->pool);
no_pool:
    free(c);
    return error;
}

const struct port_address *control_address(const struct control *control) {
    return &control->address;
}

static void retry_due(struct port_op *op) {
    struct control *control = PORT_CONTAINER(struct control, retry, op);
    if (!control->closed) accept_next(control);
}

/* ---- one client ---- */

static void client_end(struct client_connection *client);

static struct client_connection *oldest(struct control *control, enum client_step step) {
    struct client_connection *found = NULL;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client_connection *client = &control->clients[i];
        if (client->step == step && (!found || client->number < found->number)) found = client;
    }
    return found;
}

/* One accept is in flight at a time. */
static void accept_next(struct control *control) {
    struct client_connection *place = NULL;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].step == CLIENT_ACCEPTING) return;
        if (control->clients[i].step == CLIENT_FREE) place = &control->clients[i];
    }
    if (control->closed || !port_idle(&control->retry)) return;
    if (!place) {
        struct client_connection *silent = oldest(control, CLIENT_READING);
        if (silent) client_end(silent); /* calls this again when it is free */
        return;
    }
    place->step = CLIENT_ACCEPTING;
    place->request_size = 0;
    port_accept(control->port, &place->op, &control->listener, &place->socket);
}

static void client_end(struct client_connection *client) {
    client->step = CLIENT_ENDING;
    port_cancel(&client->timer);
    port_shut(client->control->port, &client->socket);
    if (!port_idle(&client->op) || !port_idle(&client->send) || !port_idle(&client->timer)) return;
    client->step = CLIENT_FREE;
    accept_next(client->control);
}

/* A client may take this long to send its command, and again to take its answer. */
static void limit_time(struct client_connection *client) {
    if (port_idle(&client->timer))
        port_timer(client->control->port, &client->timer,
                   port_now_ns(client->control->port) + CLIENT_TIME_NS);
}

static void timer_done(struct port_op *op) {
    struct client_connection *client = PORT_CONTAINER(struct client_connection, timer, op);
    if (op->result >= 0 || client->step == CLIENT_ENDING)
        client_end(client);
    else if (client->step == CLIENT_REPLYING) /* it was cancelled while the client waited */
        limit_time(client);
}

static void send_reply(struct client_connection *client) {
    client->step = CLIENT_REPLYING;
    limit_time(client);
    const size_t length = strlen(client->reply);
    client->reply[length] = '\n';
    port_send(client->control->port, &client->send, &client->socket, client->reply, length + 1);
}

static void send_done(struct port_op *op) {
    client_end(PORT_CONTAINER(struct client_connection, send, op));
}

static int waiting(const struct control *control) {
    int count = 0;
    for (int i = 0; i < CLIENTS_MAX; i++)
        count += control->clients[i].step == CLIENT_WAITING;
    return count;
}

static void obey(struct client_connection *client) {
    struct control *control = client->control;
    client->command = log_directory_accept(control->directory, client->request);
    if (!client->command) {
        strcpy(client->reply, "{\"ok\":false,\"error\":\"wrong token\"}");
        send_reply(client);
        return;
    }
    /* Some of the waiting clients may have gone, which their sockets do not show. */
    if (waiting(control) == WAITING_MAX) client_end(oldest(control, CLIENT_WAITING));
    client->step = CLIENT_WAITING;
    client->request_number = ++control->requests;
    if (control->command(control->context, client->command, client->request_number, client->reply,
                         sizeof client->reply - 1) == CONTROL_NOW)
        send_reply(client);
    else
        port_cancel(&client->timer);
}

static void read_more(struct client_connection *client) {
    port_receive(client->control->port, &client->op, &client->socket, client->control->pool);
}

static void request_received(struct client_connection *client) {
    struct port_op *op = &client->op;
    if (op->result <= 0) {
        client_end(client);
        return;
    }
    const struct port_slice *slice = &op->buffer->slices[0];
    const size_t room = sizeof client->request - 1 - client->request_size;
    const bool fits = slice->size <= room;
    if (fits) {
        memcpy(client->request + client->request_size, op->buffer->bytes + slice->offset,
               slice->size);
        client->request_size += slice->size;
    }
    port_buffer_release(op->buffer);
    client->request[client->request_size] = '\0';
    char *end = strpbrk(client->request, "\r\n");
    if (!fits) {
        client_end(client);
        return;
    }
    read_more(client); /* the rest, or its end */
    if (!end) return;
    *end = '\0';
    obey(client);
}

static void client_accepted(struct client_connection *client) {
    struct control *control = client->control;
    if (client->op.result < 0) {
        client->step = CLIENT_FREE;
        if (client->op.result != ERR_CANCELLED && !control->closed && port_idle(&control->retry))
            port_timer(control->port, &control->retry, port_now_ns(control->port) + RETRY_NS);
        return;
    }
    client->step = CLIENT_READING;
    client->number = control->accepted++;
    limit_time(client);
    read_more(client);
    accept_next(control);
}

static void op_done(struct port_op *op) {
    struct client_connection *client = PORT_CONTAINER(struct client_connection, op, op);
    switch (client->step) {
    case CLIENT_ACCEPTING: client_accepted(client); return;
    case CLIENT_READING: request_received(client); return;
    case CLIENT_WAITING:
    case CLIENT_REPLYING:
        /* The end of its stream does not end it: the client may have closed only its sending
         * side. */
        if (op->result > 0) port_buffer_release(op->buffer);
        if (op->result < 0) client_end(client);
        return;
    case CLIENT_ENDING:
        if (op->result > 0 && op->buffer) port_buffer_release(op->buffer);
        client_end(client);
        return;
    case CLIENT_FREE: assert(!"an op of no step");
    }
}

/* ---- all clients ---- */

void control_reply_later(struct control *control, const char *command, uint64_t request,
                         const char *reply) {
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client_connection *client = &control->clients[i];
        if (client->step != CLIENT_WAITING || strcmp(client->command, command) != 0) continue;
        if (client->request_number > request) continue;
        snprintf(client->reply, sizeof client->reply - 1, "%s", reply);
        send_reply(client);
    }
}

void control_close(struct control *control) {
    if (control->closed) return;
    control->closed = true;
    port_cancel(&control->retry);
    port_shut(control->port, &control->listener);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        const enum client_step step = control->clients[i].step;
        if (step == CLIENT_READING) client_end(&control->clients[i]);
    }
}

bool control_idle(const struct control *control) {
    for (int i = 0; i < CLIENTS_MAX; i++) {
        const struct client_connection *client = &control->clients[i];
        if (!port_idle(&client->op) || client->step != CLIENT_FREE) return false;
    }
    return port_idle(&control->retry);
}

void control_free(struct control *control) {
    assert(control->closed && control_idle(control));
    port_pool_free(control->pool);
    free(control);
}
