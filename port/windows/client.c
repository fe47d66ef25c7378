/* client.c - names and blocking sockets on Windows.  See client.h. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "port/client.h"
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
    const int error = open_connected(address, SOCK_STREAM, client);
    if (error != 0) return error;
    const BOOL yes = TRUE; /* sends at once */
    setsockopt(handle_of(client), IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof(yes));
    return 0;
}

int client_datagrams(const struct port_address *address, struct client *client) {
    return open_connected(address, SOCK_DGRAM, client);
}

int client_send(struct client *client, const void *bytes, size_t size) {
    const char *from = bytes;
    do { /* at least once: a datagram may be empty */
        const int part = size < INT_MAX ? (int)size : INT_MAX;
        const int sent = send(handle_of(client), from, part, 0);
        if (sent < 0) return last_error();
        from += sent;
        size -= (size_t)sent;
    } while (size > 0);
    return 0;
}

/* UDP_SEND_MSG_SIZE (Windows 10 1903) would do it; Wine 8 does not have it. */
int client_send_segments(struct client *client, const void *bytes, size_t size,
                         uint32_t segment_bytes) {
    (void)client, (void)bytes, (void)size, (void)segment_bytes;
    return ERR_UNSUPPORTED;
}

int64_t client_receive(struct client *client, void *bytes, size_t size, uint32_t timeout_ms) {
    /* Not SO_RCVTIMEO: after a time-out the state of a Windows socket is undefined. */
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

int client_look_up(const char *host, struct port_address *address) {
    sockets_startup();
    wchar_t *wide = text_to_wide(host);
    if (wide == NULL) return ERR_INVALID;
    const ADDRINFOW hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    ADDRINFOW *found = NULL;
    const int code = GetAddrInfoW(wide, NULL, &hints, &found);
    free(wide);
    if (code != 0) return error_of_windows((DWORD)code);
    address_of_system(found->ai_addr, address);
    FreeAddrInfoW(found);
    return address->family == 0 ? ERR_ADDRESS_UNKNOWN : 0;
}
