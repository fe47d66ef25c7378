/* cidr.h - ranges of IP addresses, "10.0.0.0/8", "2001:db8::/32" or one address, and lists of them.
 *
 * IPv4 addresses are compared in their IPv4-mapped form (RFC 4291 section 2.5.5.2), so ::ffff:10.0.0.1
 * is 10.0.0.1 in ranges and as a peer.  A range of IPv6 that is larger than the mapped ones, such as
 * ::/0, contains no address of IPv4.  Pure: any thread. */
#ifndef INGEST_CONFIG_CIDR_H
#define INGEST_CONFIG_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "port/options.h"

#define CIDR_BYTES      16
#define CIDR_TEXT_MAX   64
#define CIDR_LIST_MAX   (OPTION_LIST_MAX + 1) /* "all" is two ranges */
#define CIDR_MAPPED_MIN 96                    /* bits of the prefix ::ffff:0:0 */

struct cidr {
    uint8_t ip[CIDR_BYTES]; /* its first `bits` bits; the others are 0 */
    uint8_t bits;
};

struct cidr_list {
    uint32_t count;
    struct cidr ranges[CIDR_LIST_MAX];
};

/* The peer's address as ranges are compared with it.  False: it is no IP address. */
bool cidr_address(const struct port_address *peer, uint8_t ip[CIDR_BYTES]);

/* ERR_INVALID: `problem` (`size` bytes) says why.  Bits after the prefix must be 0. */
int cidr_parse(const char *text, struct cidr *range, char *problem, size_t size);
bool cidr_contains(const struct cidr *range, const uint8_t ip[CIDR_BYTES]);

/* Whose records are taken: deny wins; an empty list `allow` contains every address. */
struct cidr_rules {
    struct cidr_list allow, deny;
};

/* Of texts that are valid; "all" is every address, "none" alone is an empty list. */
void cidr_list_set(struct cidr_list *list, const struct option_list *texts);
bool cidr_list_contains(const struct cidr_list *list, const uint8_t ip[CIDR_BYTES]);
bool cidr_rules_allow(const struct cidr_rules *rules, const uint8_t ip[CIDR_BYTES]);

#endif
