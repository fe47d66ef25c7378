/* proxy_link.c - see proxy_link.h. */
#include "ingest/network/proxy_link.h"

#include <assert.h>
#include <stdlib.h>

static void timer_done(struct port_op *op) {
    struct proxy_link *link = PORT_CONTAINER(struct proxy_link, timer, op);
    if (link->stopping || link->header.state == PROXY_DONE)
        link->is_idle(link->owner);
    else if (proxy_link_waits(link))
        link->overdue(link->owner);
}

struct proxy_link *proxy_link_begin(struct port *port, void *owner, void (*overdue)(void *owner),
                                    void (*is_idle)(void *owner)) {
    struct proxy_link *link = calloc(1, sizeof *link);
    if (!link) return NULL;
    link->owner = owner;
    link->overdue = overdue;
    link->is_idle = is_idle;
    link->timer.done = timer_done;
    port_timer(port, &link->timer, port_now_ns(port) + PROXY_HEADER_NS);
    return link;
}

bool proxy_link_busy(const struct proxy_link *link) {
    return link && !port_idle(&link->timer);
}

void proxy_link_done(struct proxy_link *link) {
    assert(link->header.state == PROXY_DONE);
    port_cancel(&link->timer);
}

void proxy_link_stop(struct proxy_link *link) {
    link->stopping = true;
    port_cancel(&link->timer);
}

void proxy_link_free(struct proxy_link *link) {
    assert(!proxy_link_busy(link));
    free(link);
}

size_t proxy_link_memory(void) {
    return sizeof(struct proxy_link);
}
