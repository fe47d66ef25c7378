/* counters.h - what became of every record, and counts of everything else.
 *
 * The identity: received = stored + rejected + dropped + in flight, in records since the start; its
 * terms change together when a batch comes back from a worker.  Owner only. */
#ifndef INGEST_PIPELINE_COUNTERS_H
#define INGEST_PIPELINE_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "ingest/config/config.h"
#include "ingest/protocol/http/settings.h"
#include "writer/keep/kept_stream.h"
#include "writer/live/quarantine.h"

enum drop_reason {
    DROP_QUARANTINE_FULL, /* rejected, and quarantine was at its limit */
    DROP_STOPPED,         /* not written before stop_ms was over */
    /* In datagrams whose sender allow or deny refuse, or that exceed a limit of its peer. */
    DROP_DENIED,
    DROP_PEER_BYTES,
    DROP_PEER_RECORDS,
    DROP_REASONS
};
const char *drop_reason_name(enum drop_reason reason);

/* Stored in one stream. */
struct counters_stream {
    uint64_t stored, bytes_stored;
};

struct counters {
    uint64_t received, stored, rejected, dropped[DROP_REASONS], in_flight;
    uint64_t rejects_given_up;        /* of DROP_QUARANTINE_FULL: at a stop; not published */
    uint64_t reasons[REJECT_REASONS]; /* of all invalid records */
    /* Not part of the identity. */
    uint64_t schema_monitored; /* stored although the schema rejects them */
    uint64_t bytes_received;   /* from the network, framing included */
    uint64_t bytes_stored;     /* raw, with newlines */
    uint64_t datagrams, datagrams_truncated;
    uint64_t datagrams_dropped;                /* the records in them are in `dropped` */
    uint64_t gelf_chunks, gelf_chunks_ignored; /* ignored: repeated, or of an ended message */
    uint64_t connections_accepted;
    uint64_t connections_failed;     /* ended with an error: reset, timed out ... */
    uint64_t connections_refused;    /* they sent what no protocol accepts */
    uint64_t connections_denied;     /* by allow and deny: not accepted, or ended after a reload */
    uint64_t connections_over_limit; /* their peer had peer_connections_max */
    uint64_t connections_idle;       /* ended by idle_s */
    uint64_t connections_unfinished; /* ended by partial_s */
    uint64_t rate_waits;     /* times that a connection was not read because of its peer's limits */
    uint64_t proxy_headers;  /* connections whose PROXY header was read */
    uint64_t proxy_failures; /* those whose header was broken, or did not come in time */
    uint64_t acknowledged;   /* messages and the like, to senders that wait for it */
    uint64_t acknowledgements_failed; /* connections closed because a sync failed, or at a stop */
    uint64_t answers_unread;          /* connections closed because their answers were not read */
    uint64_t tls_connections;         /* handshakes that were completed */
    uint64_t tls_failures;            /* handshakes that failed, also for lack of time */
    uint64_t tls_waits;               /* waited, because of too many handshakes at a time ... */
    uint64_t tls_refused;             /* ... and were closed, because they waited too long */
    uint64_t accept_pauses;           /* at connections_max, or out of file handles */
    uint64_t receive_pauses;          /* out of memory: tried again */
    uint64_t batches;
    struct http_counts http;
    struct counters_stream streams[STREAMS_MAX]; /* by the pipeline's numbers */
};

/* Counts that other parts hold. */
struct counters_context {
    uint64_t udp_kernel_drops; /* or PORT_DROPS_UNKNOWN */
    uint32_t connections;      /* open now */
    /* By the pipeline's numbers, the first is STREAM_MAIN. */
    const char *stream_names[STREAMS_MAX];
    struct kept_stream_counts streams[STREAMS_MAX];
    uint32_t stream_count;
    struct kept_stream_counts rejects;
    uint32_t archives_hung; /* now */
    uint64_t archive_hangs; /* since the start */
    int64_t uptime_ns;
    uint64_t memory_bytes;
};

/* One line of JSON without its newline into `text`; returns its length, less than size. */
#define COUNTERS_TEXT_MAX (6144 + STREAMS_MAX * (512 + STREAM_NAME_MAX))
size_t counters_write(const struct counters *counters, const struct counters_context *context,
                      char *text, size_t size);

#endif
