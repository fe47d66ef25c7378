/* client.c - blocking sockets, and names looked up: for programs that have one
 * thing to do, and for workers. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "port/windows/iocp.h"
#include "port/windows/text.h"

static SOCKET handle_of(const struct client *client) {
    return (SOCKET)client->handle;
}

static int open_connected(const struct port_address *address, int type, struct client *client) {
    sockets_startup();
    client->handle = -1;
    const SOCKET handle = WSASocketW(address->family == 6 ? AF_INET6 : AF_INET, type, 0, NULL, 0,
                                     WSA_FLAG_NO_HANDLE_INHERIT);
    if (handle == INVALID_SOCKET) return last_error();
    struct sockaddr_in6 name;
    const INT name_bytes = address_to_system(address, &name);
    if (connect(handle, (struct sockaddr *)&name, name_bytes) != 0) {
        const int error = last_error();
        closesocket(handle);
        return error;
    }
    client->handle = (intptr_t)handle;
    return 0;
}

int client_connect(const struct port_address *address, struct client *client) {
    return open_connected(address, SOCK_STREAM, client);
}

int client_datagrams(const struct port_address *address, struct client *client) {
    return open_connected(address, SOCK_DGRAM, client);
}

int client_send(struct client *client, const void *bytes, size_t size) {
    const char *from = bytes;
    do { /* once at least: a datagram may be empty */
        const int part = size < INT_MAX ? (int)size : INT_MAX;
        const int sent = send(handle_of(client), from, part, 0);
        if (sent < 0) return last_error();
        from += sent;
        size -= (size_t)sent;
    } while (size > 0);
    return 0;
}

int64_t client_receive(struct client *client, void *bytes, size_t size, uint32_t timeout_ms) {
    /* Not SO_RCVTIMEO: after that a socket of Windows is in no defined state. */
    WSAPOLLFD readable = {.fd = handle_of(client), .events = POLLRDNORM};
    const int wait_ms = timeout_ms == 0 ? -1 : timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
    const int ready = WSAPoll(&readable, 1, wait_ms);
    if (ready == 0) return ERR_TIMED_OUT;
    if (ready < 0) return last_error();
    const int got = recv(handle_of(client), bytes, size < INT_MAX ? (int)size : INT_MAX, 0);
    return got < 0 ? last_error() : got;
}

int client_finish(struct client *client) {
    return shutdown(handle_of(client), SD_SEND) == 0 ? 0 : last_error();
}

void client_close(struct client *client) {
    if (client->handle < 0) return;
    closesocket(handle_of(client));
    client->handle = -1;
}

/* ---- names ---- */

/* "host:port" or "[v6]:port" in its two parts, malloc'd as one: *port_text
 * points into it. */
static char *split_host(const char *text, const char **port_text) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) return NULL;
    char *host = malloc(strlen(text) + 1);
    if (host == NULL) return NULL;
    strcpy(host, text);
    host[colon - text] = '\0';
    *port_text = host + (colon - text) + 1;
    return host;
}

int address_resolve(const char *host_and_port, struct port_address *address) {
    if (address_parse(host_and_port, address) == 0) return 0;
    sockets_startup();
    const char *port_text = NULL;
    char *host = split_host(host_and_port, &port_text);
    if (host == NULL) return ERR_INVALID;
    char *end = NULL;
    const unsigned long number = strtoul(port_text, &end, 10);
    int error = ERR_INVALID;
    wchar_t *wide = NULL;
    if (*port_text < '0' || *port_text > '9' || *end != '\0' || number > 65535) goto done;
    wide = text_to_wide(host);
    if (wide == NULL) goto done;

    const ADDRINFOW hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    ADDRINFOW *found = NULL;
    const int code = GetAddrInfoW(wide, NULL, &hints, &found);
    error = code == 0 ? ERR_ADDRESS_UNKNOWN : error_of_windows((DWORD)code);
    for (const ADDRINFOW *p = found; p != NULL && error != 0; p = p->ai_next) {
        if (p->ai_family != AF_INET && p->ai_family != AF_INET6) continue;
        address_of_system(p->ai_addr, address);
        address->port = (uint16_t)number;
        error = 0;
    }
    if (found != NULL) FreeAddrInfoW(found);
done:
    free(wide);
    free(host);
    return error;
}
