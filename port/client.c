/* client.c - "host:port", where the host may be a name.  The sockets are each system's own. */
#include "port/client.h"

#include <string.h>

#include "port/error.h"

/* A number up to 65535 in one to five digits; a look-up would take names of services too. */
static int parse_port(const char *text, uint16_t *port) {
    uint32_t number = 0;
    const size_t digits = strlen(text);
    if (digits == 0 || digits > 5 || (text[0] == '0' && digits > 1)) return ERR_INVALID;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return ERR_INVALID;
        number = number * 10 + (uint32_t)(*text - '0');
    }
    if (number > 65535) return ERR_INVALID;
    *port = (uint16_t)number;
    return 0;
}

/* Splits "host:port" and "[host]:port" in place. */
static int split(char *text, const char **host, uint16_t *port) {
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) return ERR_INVALID;
    const int error = parse_port(colon + 1, port);
    if (error) return error;
    *colon = '\0';
    if (text[0] == '[') {
        if (colon[-1] != ']') return ERR_INVALID;
        colon[-1] = '\0';
        text++;
    } else if (strchr(text, ':') != NULL) {
        return ERR_INVALID; /* an IPv6 address without brackets */
    }
    *host = text;
    return 0;
}

int client_resolve(const char *host_and_port, struct port_address *address) {
    if (address_parse(host_and_port, address) == 0) return 0;
    char text[300]; /* a name has 253 bytes at most */
    const size_t length = strlen(host_and_port);
    if (length >= sizeof text) return ERR_NAME_TOO_LONG;
    memcpy(text, host_and_port, length + 1);
    const char *host;
    uint16_t port;
    int error = split(text, &host, &port);
    if (!error) error = client_look_up(host, address);
    if (error) return error;
    address->port = port;
    return 0;
}
