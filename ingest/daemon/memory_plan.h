/* memory_plan.h - how much memory the daemon may use: the one place where its pools are sized.
 * Pure. */
#ifndef INGEST_DAEMON_MEMORY_PLAN_H
#define INGEST_DAEMON_MEMORY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "ingest/config/config.h"

struct memory_plan {
    uint32_t batches;
    uint32_t tcp_buffers, tcp_buffer_bytes; /* of each listener for connections */
    uint32_t udp_buffers, udp_buffer_bytes, udp_datagram_bytes;
    uint32_t unix_buffer_bytes, unix_datagram_bytes; /* of each Unix socket for datagrams */
    uint32_t line_memory_bytes;
    uint64_t total_bytes;
    char text[384]; /* "85.3 MiB: 8 batches 57.1, ..." for the operator */
};

/* batches: the number that already exists, or 0.  connections_max: what the limit of open files leaves
 * of the configured number. */
struct memory_plan memory_plan(const struct config *config, uint32_t batches,
                               uint32_t connections_max);

#endif
