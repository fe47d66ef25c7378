/* control.c - commands over a loopback connection, guarded by a token. */
#include "ingest/control.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/segment.h"

#define CLIENTS_MAX    8
#define CLIENT_TIME_NS (5 * 1000000000ll)
#define REQUEST_MAX    256
#define TOKEN_BYTES    32

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
    struct port_op op, timer; /* op: accept's, receive's, send's */
    enum client_step step;
    char request[REQUEST_MAX];
    size_t request_size;
    char reply[CONTROL_REPLY_MAX];
};

struct control {
    struct port *port;
    struct port_pool *pool;
    struct port_socket listener;
    control_command *command;
    void *context;
    char token[2 * TOKEN_BYTES + 1];
    char path[SEGMENT_PATH_MAX];
    struct client_connection clients[CLIENTS_MAX];
    bool closed;
};

static void op_done(struct port_op *op);
static void timer_done(struct port_op *op);
static void accept_next(struct control *control);

static int write_run_file(struct control *control, const struct port_address *address) {
    uint8_t bytes[TOKEN_BYTES];
    char where[ADDRESS_TEXT_MAX], text[REQUEST_MAX];
    port_random(control->port, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(control->token + 2 * i, 3, "%02x", bytes[i]);
    const int size =
        snprintf(text, sizeof text, "{\"pid\":%u,\"control\":\"%s\",\"token\":\"%s\"}\n",
                 system_process_id(), address_format(address, where), control->token);
    return file_replace(port_files(control->port), control->path, text, (size_t)size, true);
}

int control_open(struct port *port, const char *directory, control_command *command, void *context,
                 struct control **control) {
    struct control *c = calloc(1, sizeof *c);
    if (!c) return ERR_NO_MEMORY;
    c->port = port;
    c->command = command;
    c->context = context;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        c->clients[i].control = c;
        c->clients[i].op.done = op_done;
        c->clients[i].timer.done = timer_done;
    }
    struct port_address address;
    int error = address_parse("127.0.0.1:0", &address);
    assert(!error);
    if (!path_join(c->path, directory, "logportd.run", NULL)) error = ERR_NAME_TOO_LONG;
    if (!error) error = port_pool_create(port, REQUEST_MAX, CLIENTS_MAX, 0, &c->pool);
    if (error) goto no_pool;
    error = port_listen(port, &c->listener, &address);
    if (error) goto no_listener;
    error = write_run_file(c, &address);
    if (error) goto no_file;
    accept_next(c);
    *control = c;
    return 0;
no_file:
    port_shut(port, &c->listener);
no_listener:
    port_pool_free(c->pool);
no_pool:
    free(c);
    return error;
}

/* ---- one client ---- */

/* One accept waits at a time, as long as there is a free place. */
static void accept_next(struct control *control) {
    struct client_connection *place = NULL;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].step == CLIENT_ACCEPTING) return;
        if (control->clients[i].step == CLIENT_FREE) place = &control->clients[i];
    }
    if (!place || control->closed) return;
    place->step = CLIENT_ACCEPTING;
    place->request_size = 0;
    port_accept(control->port, &place->op, &control->listener, &place->socket);
}

static void client_end(struct client_connection *client) {
    client->step = CLIENT_ENDING;
    port_cancel(&client->timer);
    port_shut(client->control->port, &client->socket);
    if (!port_idle(&client->op) || !port_idle(&client->timer)) return;
    client->step = CLIENT_FREE;
    accept_next(client->control);
}

static void timer_done(struct port_op *op) {
    struct client_connection *client = PORT_CONTAINER(struct client_connection, timer, op);
    if (op->result >= 0 || client->step == CLIENT_ENDING) client_end(client);
}

static void send_reply(struct client_connection *client) {
    client->step = CLIENT_REPLYING;
    const size_t length = strlen(client->reply);
    client->reply[length] = '\n';
    port_send(client->control->port, &client->op, &client->socket, client->reply, length + 1);
}

/* The time it takes must not tell how much of the token was right. */
static bool token_right(const struct control *control, const char *request) {
    const size_t length = sizeof control->token - 1;
    if (strlen(request) <= length || request[length] != ' ') return false;
    uint8_t difference = 0;
    for (size_t i = 0; i < length; i++)
        difference |= (uint8_t)(request[i] ^ control->token[i]);
    return difference == 0;
}

static const char *command_of(const struct client_connection *client) {
    return client->request + sizeof client->control->token;
}

static void obey(struct client_connection *client) {
    struct control *control = client->control;
    if (!token_right(control, client->request)) {
        strcpy(client->reply, "{\"ok\":false,\"error\":\"wrong token\"}");
        send_reply(client);
        return;
    }
    client->step = CLIENT_WAITING;
    if (control->command(control->context, command_of(client), client->reply,
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
    } else if (end) {
        *end = '\0';
        obey(client);
    } else {
        read_more(client);
    }
}

static void client_accepted(struct client_connection *client) {
    struct control *control = client->control;
    if (client->op.result < 0) {
        client->step = CLIENT_FREE;
        if (client->op.result != ERR_CANCELLED) accept_next(control);
        return;
    }
    client->step = CLIENT_READING;
    port_timer(control->port, &client->timer, port_now_ns(control->port) + CLIENT_TIME_NS);
    read_more(client);
    accept_next(control);
}

static void op_done(struct port_op *op) {
    struct client_connection *client = PORT_CONTAINER(struct client_connection, op, op);
    switch (client->step) {
    case CLIENT_ACCEPTING: client_accepted(client); return;
    case CLIENT_READING: request_received(client); return;
    case CLIENT_REPLYING: client_end(client); return;
    case CLIENT_ENDING:
        if (op->result > 0 && op->buffer) port_buffer_release(op->buffer);
        client_end(client);
        return;
    case CLIENT_FREE:
    case CLIENT_WAITING: assert(!"an op of no step");
    }
}

/* ---- all of them ---- */

void control_reply_later(struct control *control, const char *command, const char *reply) {
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client_connection *client = &control->clients[i];
        if (client->step != CLIENT_WAITING || strcmp(command_of(client), command) != 0) continue;
        snprintf(client->reply, sizeof client->reply - 1, "%s", reply);
        send_reply(client);
    }
}

void control_close(struct control *control) {
    if (control->closed) return;
    control->closed = true;
    file_remove(port_files(control->port), control->path);
    port_shut(control->port, &control->listener);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        const enum client_step step = control->clients[i].step;
        if (step == CLIENT_READING || step == CLIENT_WAITING) client_end(&control->clients[i]);
    }
}

bool control_quiet(const struct control *control) {
    for (int i = 0; i < CLIENTS_MAX; i++) {
        const struct client_connection *client = &control->clients[i];
        if (!port_idle(&client->op) || !port_idle(&client->timer)) return false;
        if (client->step != CLIENT_FREE) return false;
    }
    return true;
}

void control_free(struct control *control) {
    assert(control->closed && control_quiet(control));
    port_pool_free(control->pool);
    free(control);
}
