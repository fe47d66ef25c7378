/* memory_plan.c - sizes the pools and adds them up. */
#include "ingest/daemon/memory_plan.h"

#include <stdio.h>

#include "ingest/network/intake.h"
#include "ingest/pipeline/rejects_queue.h"
#include "ingest/protocol/http/request.h"
#include "ingest/protocol/unpack.h"
#include "ingest/protocol/zstandard.h"
#include "writer/keep/keeper.h"
#include "writer/live/batch.h"
#include "writer/live/schema_gate.h"

/* Receives of this size cost least per byte.  A few buffers serve all connections of a listener:
 * each is free again as soon as its lines are copied. */
#define TCP_BUFFER_BYTES (256u << 10)
#define TCP_BUFFERS      8
/* The largest datagram, and how many one system call receives. */
#define DATAGRAM_BYTES   (64u << 10)
#define DATAGRAMS        64

/* Listeners may share a gate. */
static size_t schema_memory(const struct config *config) {
    size_t sum = 0;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct schema_gate *gate = config->listeners[i].gate;
        bool counted = gate == NULL;
        for (uint32_t j = 0; j < i; j++)
            counted = counted || config->listeners[j].gate == gate;
        if (!counted) sum += schema_gate_memory(gate);
    }
    return sum;
}

static uint32_t batches_needed(const struct config *config) {
    const uint64_t line_bytes_max = config->line_bytes_max;
    const uint64_t raw = line_bytes_max > BATCH_BYTES_MIN ? line_bytes_max : BATCH_BYTES_MIN;
    const uint32_t least = pipeline_batches_min(config->stream_count);
    const uint64_t batches = config->buffer_bytes_max / raw;
    return batches > least ? (uint32_t)batches : least;
}

/* While headers of the PROXY protocol are waited for. */
static size_t proxy_memory(const struct config *config, uint32_t connections_max) {
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].proxies.count > 0)
            return (size_t)connections_max * proxy_link_memory();
    return 0;
}

static size_t tls_memory(const struct config *config, uint32_t connections_max) {
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].tls)
            return (size_t)connections_max * TLS_SESSION_BYTES +
                   (size_t)TLS_HANDSHAKES_MAX * TLS_HANDSHAKE_BYTES;
    return 0;
}

/* Of one connection, if it speaks forward. */
static size_t forward_memory(const struct config *config) {
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].forward) return protocol_forward_auth.memory();
    return protocol_forward.memory();
}

/* Of connections, of which all may be for HTTP, and of all requests. */
static size_t http_memory(const struct config *config, uint32_t connections_max) {
    if (config->http.count == 0) return 0;
    const size_t zstd = zstandard_library() ? ZSTANDARD_HTTP_MEMORY_BYTES : 0;
    const size_t connection = protocol_http.memory() + ACKS_MAX * sizeof(struct batch_report);
    return (size_t)connections_max * connection + EXPANSIONS_ZSTD_MAX * zstd + HTTP_MEMORY_BYTES +
           HTTP_UNFOLD_MEMORY_BYTES;
}

/* Of Unix sockets: holds any datagram that a user without privileges can send (twice
 * net.core.wmem_max, 425,984 bytes by default), and one record of line_bytes_max. */
#define UNIX_DATAGRAM_BYTES_MIN (512u << 10)

static uint32_t unix_datagram_bytes(uint32_t line_bytes_max) {
    const uint32_t message = unpack_message_max(line_bytes_max);
    return message > UNIX_DATAGRAM_BYTES_MIN ? message : UNIX_DATAGRAM_BYTES_MIN;
}

struct memory_plan memory_plan(const struct config *config, uint32_t batches,
                               uint32_t connections_max) {
    const uint32_t line_bytes_max = (uint32_t)config->line_bytes_max;
    const uint32_t needed = batches_needed(config);
    struct memory_plan plan = {
        .batches = needed > batches ? needed : batches,
        .tcp_buffers = TCP_BUFFERS,
        .tcp_buffer_bytes = TCP_BUFFER_BYTES,
        .udp_buffers = config->udp.count, /* one receive in flight a socket */
        .udp_buffer_bytes = DATAGRAMS * DATAGRAM_BYTES,
        .udp_datagram_bytes = DATAGRAM_BYTES,
        .unix_buffer_bytes = 2 * unix_datagram_bytes(line_bytes_max),
        .unix_datagram_bytes = unix_datagram_bytes(line_bytes_max),
        .line_memory_bytes = LINE_MEMORY_BYTES,
    };
    const double mib = 1 << 20;
    const double batch = (double)plan.batches * (double)batch_memory(line_bytes_max);
    const double connections =
        (double)intake_memory(connections_max) + (double)proxy_memory(config, connections_max);
    const double tcp =
        (double)(config->tcp.count + config->unix_stream.count + config->http.count) *
        (double)port_pool_memory(plan.tcp_buffer_bytes, plan.tcp_buffers, 0);
    const double udp =
        (double)port_pool_memory(plan.udp_buffer_bytes, plan.udp_buffers, plan.udp_datagram_bytes);
    const double unix_datagrams =
        (double)config->unix_datagram.count *
        (double)port_pool_memory(plan.unix_buffer_bytes, 1, plan.unix_datagram_bytes);
    const double gelf = (double)(config->udp.count + config->unix_datagram.count) *
                        (double)unwrap_memory(line_bytes_max);
    const double index = KEEPER_MEMORY_BYTES;
    const double schemas = (double)schema_memory(config);
    const double rejects = REJECTS_QUEUE_BYTES_MAX;
    const double tls = (double)tls_memory(config, connections_max);
    const double http = (double)http_memory(config, connections_max);
    const double answers =
        (double)connections_max * (double)(answers_memory() + forward_memory(config));
    const double expansions = (double)EXPANSIONS_MAX * (double)expansion_memory();
    const double total = http + expansions + answers + tls + batch + rejects + connections + tcp +
                         udp + unix_datagrams + gelf + index + schemas + plan.line_memory_bytes;
    char tls_text[32] = "", unix_text[40] = "", http_text[32] = "";
    if (http > 0) snprintf(http_text, sizeof http_text, ", HTTP %.1f", http / mib);
    if (tls > 0) snprintf(tls_text, sizeof tls_text, ", TLS %.1f", tls / mib);
    if (unix_datagrams > 0)
        snprintf(unix_text, sizeof unix_text, ", Unix datagrams %.1f", unix_datagrams / mib);
    plan.total_bytes = (uint64_t)total;
    snprintf(plan.text, sizeof plan.text,
             "at most %.1f MiB: %u batches %.1f, rejected lines %.1f, unfinished lines %.1f, "
             "%llu connections %.1f, acknowledgements %.1f, decompression %.1f, "
             "receive buffers TCP %.1f, UDP %.1f%s, GELF %.1f, closed files %.1f, schemas %.1f%s%s",
             total / mib, plan.batches, batch / mib, rejects / mib, plan.line_memory_bytes / mib,
             (unsigned long long)connections_max, connections / mib, answers / mib,
             expansions / mib, tcp / mib, udp / mib, unix_text, gelf / mib, index / mib,
             schemas / mib, tls_text, http_text);
    return plan;
}
