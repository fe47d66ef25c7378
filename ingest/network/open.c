/* open.c - opens listeners: TCP, UDP, and Unix sockets of both kinds; finds them again. */
#include <stdio.h>
#include <string.h>

#include "ingest/network/intake.h"

static void name_listener(char *name, enum listener_kind kind, const char *place) {
    snprintf(name, LISTENER_NAME_MAX, "%s=%s", listener_kind_name(kind), place);
}

/* ---- connections ---- */

/* address NULL: a Unix socket at this place. */
static int listen_stream(struct intake *intake, enum listener_kind kind,
                         const struct port_address *address, const struct unix_place *place,
                         uint32_t *number) {
    char text[ADDRESS_TEXT_MAX];
    uint32_t i = 0;
    while (i < LISTENERS_MAX && intake->tcp[i].state != LISTENER_FREE)
        i++;
    if (i == LISTENERS_MAX) return ERR_TOO_LARGE;
    struct tcp_listener *listener = &intake->tcp[i];
    tcp_listener_begin(intake, i);
    int error = port_pool_create(intake->port, intake->tcp_buffer_bytes, intake->tcp_buffers, 0,
                                 &listener->pool);
    if (error) return error;
    if (address) listener->bound = *address;
    error = address ? port_listen(intake->port, &listener->socket, &listener->bound)
                    : port_listen_unix(intake->port, &listener->socket, place);
    if (error) {
        port_pool_free(listener->pool);
        return error;
    }
    listener->state = LISTENER_BOUND;
    if (address)
        name_listener(listener->name, kind, address_format(&listener->bound, text));
    else
        name_listener(listener->name, kind, place->path);
    listener->kind = kind;
    *number = i;
    return 0;
}

int intake_listen_tcp(struct intake *intake, enum listener_kind kind,
                      const struct port_address *address, uint32_t *number) {
    return listen_stream(intake, kind, address, NULL, number);
}

/* ---- datagrams ---- */

static int bind_datagrams(struct udp_listener *listener, const struct port_address *address,
                          const struct unix_place *place, uint32_t receive_bytes,
                          uint32_t *granted) {
    struct port *port = listener->intake->port;
    char text[ADDRESS_TEXT_MAX];
    if (!address) {
        const int error = port_bind_unix(port, &listener->socket, place);
        name_listener(listener->name, LISTENER_UNIX_DATAGRAM, place->path);
        return error;
    }
    listener->bound = *address;
    const int error = port_bind(port, &listener->socket, &listener->bound, receive_bytes, granted);
    name_listener(listener->name, LISTENER_UDP, address_format(&listener->bound, text));
    return error;
}

/* address NULL: a Unix socket at this place. */
static int listen_datagrams(struct intake *intake, const struct port_address *address,
                            const struct unix_place *place, uint32_t receive_bytes,
                            uint32_t *granted, uint32_t *number) {
    uint32_t i = 0;
    while (i < LISTENERS_MAX && intake->udp[i].state != LISTENER_FREE)
        i++;
    if (i == LISTENERS_MAX) return ERR_TOO_LARGE;
    struct udp_listener *listener = &intake->udp[i];
    int error = udp_listener_begin(intake, i, !address);
    if (error) return error;
    error = port_pool_create(
        intake->port, address ? intake->udp_buffer_bytes : intake->unix_buffer_bytes, 1,
        address ? intake->udp_datagram_bytes : intake->unix_datagram_bytes, &listener->pool);
    if (!error) {
        error = bind_datagrams(listener, address, place, receive_bytes, granted);
        if (error) port_pool_free(listener->pool);
    }
    if (error) {
        unwrap_free(listener->unwrap);
        listener->unwrap = NULL;
        return error;
    }
    listener->state = LISTENER_BOUND;
    *number = listener->number;
    return 0;
}

int intake_listen_udp(struct intake *intake, const struct port_address *address,
                      uint32_t receive_bytes, uint32_t *granted, uint32_t *number) {
    return listen_datagrams(intake, address, NULL, receive_bytes, granted, number);
}

/* ---- Unix sockets ---- */

int intake_listen_unix(struct intake *intake, enum listener_kind kind,
                       const struct unix_place *place, uint32_t *number) {
    return kind == LISTENER_UNIX_STREAM ? listen_stream(intake, kind, NULL, place, number)
                                        : listen_datagrams(intake, NULL, place, 0, NULL, number);
}

/* ---- those that are leaving ---- */

static bool is_bound_to(const struct port_address *bound, const struct port_address *address) {
    return address_equal(bound, address) && bound->ipv6_only == address->ipv6_only;
}

uint32_t intake_find_leaving(const struct intake *intake, enum listener_kind kind,
                             const struct port_address *address) {
    const bool tcp = kind != LISTENER_UDP;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
        const struct tcp_listener *t = &intake->tcp[i];
        const struct udp_listener *u = &intake->udp[i];
        if (tcp && t->state == LISTENER_LEAVING && !t->ending && t->kind == kind &&
            is_bound_to(&t->bound, address))
            return i;
        if (!tcp && u->state == LISTENER_LEAVING && !u->ending && is_bound_to(&u->bound, address))
            return LISTENERS_MAX + i;
    }
    return LISTENER_NUMBERS;
}

uint32_t intake_find_leaving_unix(const struct intake *intake, enum listener_kind kind,
                                  const char *path) {
    char name[LISTENER_NAME_MAX];
    name_listener(name, kind, path);
    for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
        const struct tcp_listener *t = &intake->tcp[i];
        const struct udp_listener *u = &intake->udp[i];
        if (t->state == LISTENER_LEAVING && !t->ending && strcmp(t->name, name) == 0) return i;
        if (u->state == LISTENER_LEAVING && !u->last && strcmp(u->name, name) == 0)
            return LISTENERS_MAX + i;
    }
    return LISTENER_NUMBERS;
}
