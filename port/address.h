/* address.h - an IP address and port, and the text of one.
 * Texts: "127.0.0.1:5170", "[::1]:5170", "[fe80::1%2]:5170". */
#ifndef PORT_ADDRESS_H
#define PORT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct port_address {
    uint8_t ip[16];  /* network order; the first 4 for IPv4 */
    uint16_t family; /* 4 or 6; 0: unset */
    uint16_t port;   /* host order */
    uint32_t scope;  /* IPv6 link-local: the interface */
};

#define ADDRESS_TEXT_MAX 64

/* Numbers only; ERR_INVALID otherwise.  A host name is looked up with
 * address_resolve, which may wait for the network: never on the owner once it
 * is serving. */
int address_parse(const char *text, struct port_address *address);
int address_resolve(const char *host_and_port, struct port_address *address);
/* Returns `text`, which holds ADDRESS_TEXT_MAX bytes. */
const char *address_format(const struct port_address *address, char *text);
bool address_equal(const struct port_address *a, const struct port_address *b);

#endif
