/* address.h - an IP address and port, or the process at the other end of a Unix socket, and its text.
 * Texts: "127.0.0.1:5170", "[::1]:5170", "[fe80::1%2]:5170", "unix:pid=7,uid=1000,gid=1000".  Any
 * thread. */
#ifndef PORT_ADDRESS_H
#define PORT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct port_address {
    /* Network order; the first 4 for IPv4.  ADDRESS_UNIX: process, user and group, 4 bytes each. */
    uint8_t ip[16];
    uint8_t family; /* 4, 6 or ADDRESS_UNIX; 0: unset */
    bool ipv6_only; /* of a listener on [::]: it does not take IPv4, too; not part of its text */
    uint16_t port;  /* host order */
    uint32_t scope; /* IPv6 link-local: the interface */
};

#define ADDRESS_TEXT_MAX 64

/* The family of a process that is known by the socket it uses. */
#define ADDRESS_UNIX       1
#define ADDRESS_UNKNOWN_ID UINT32_MAX /* an id that the system does not report; not in the text */
struct port_address address_of_process(uint32_t process, uint32_t user, uint32_t group);

/* Numbers only, else ERR_INVALID.  client_resolve (client.h) takes names too. */
int address_parse(const char *text, struct port_address *address);
/* Writes to `text`, which holds ADDRESS_TEXT_MAX bytes, and returns it. */
const char *address_format(const struct port_address *address, char *text);
/* True for [::] unless it is ipv6_only: all addresses of both versions. */
bool address_takes_ipv4(const struct port_address *address);
/* ::ffff:10.0.0.1, as which such a listener sees an IPv4 peer, becomes 10.0.0.1. */
void address_unmap(struct port_address *address);
/* Does not compare ipv6_only. */
bool address_equal(const struct port_address *a, const struct port_address *b);

#endif
