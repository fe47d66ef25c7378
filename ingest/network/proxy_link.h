/* proxy_link.h - the header of the PROXY protocol that one connection of a trusted proxy begins with:
 * bounded in time, and in bytes by its format.
 *
 * A trusted address always sends a header, and no other address may: a connection whose kind is guessed
 * could name any peer it likes.  Owner only. */
#ifndef INGEST_NETWORK_PROXY_LINK_H
#define INGEST_NETWORK_PROXY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/transport/proxy_header.h"
#include "port/port.h"

/* Longer than the 3 s within which TCP sends a lost packet again (proxy-protocol.txt, section 2). */
#define PROXY_HEADER_NS (5 * 1000000000ll)

struct proxy_link {
    struct proxy_header header;
    struct port_op timer;
    void *owner;
    void (*overdue)(void *owner); /* the header was not complete in time */
    void (*is_idle)(void *owner); /* done, or after proxy_link_stop: its timer is back */
    bool stopping;
    bool unrecorded; /* it is broken, and no rejected record says so yet; the owner's to set */
};

/* NULL: out of memory. */
struct proxy_link *proxy_link_begin(struct port *port, void *owner, void (*overdue)(void *owner),
                                    void (*is_idle)(void *owner));
static inline bool proxy_link_waits(const struct proxy_link *link) {
    return link && link->header.state == PROXY_MORE;
}
bool proxy_link_busy(const struct proxy_link *link);
/* A busy one: its header is complete, or is not waited for any more.  is_idle is called. */
void proxy_link_done(struct proxy_link *link);
void proxy_link_stop(struct proxy_link *link);
void proxy_link_free(struct proxy_link *link); /* NULL, or not busy */
size_t proxy_link_memory(void);

#endif
