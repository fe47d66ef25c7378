/* address.h - an IP address and port, and its text.
 * Texts: "127.0.0.1:5170", "[::1]:5170", "[fe80::1%2]:5170".  Any thread. */
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

/* Numbers only, else ERR_INVALID.  client_resolve (client.h) takes names too. */
int address_parse(const char *text, struct port_address *address);
/* Writes to `text`, which holds ADDRESS_TEXT_MAX bytes, and returns it. */
const char *address_format(const struct port_address *address, char *text);
bool address_equal(const struct port_address *a, const struct port_address *b);

#endif
