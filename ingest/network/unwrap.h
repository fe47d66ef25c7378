/* unwrap.h - takes the datagrams of one UDP listener: puts the chunks of GELF together, has
 * compressed messages decompressed by workers, and gives all messages to the listener's protocol.
 * Owner only. */
#ifndef INGEST_NETWORK_UNWRAP_H
#define INGEST_NETWORK_UNWRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/pipeline/counters.h"
#include "ingest/protocol/gelf.h"
#include "ingest/protocol/unpack.h"
#include "port/port.h"

struct unwrap;

/* One is filled, or waits to be given to the sink, while a worker has the other. */
#define UNWRAP_JOBS 2

enum unwrap_job_state { UNWRAP_FILLING, UNWRAP_RUNNING, UNWRAP_DONE };

struct unwrap_job {
    struct port_op op;
    struct unwrap *unwrap;
    enum unwrap_job_state state;
    struct unpack unpack;
};

struct unwrap {
    struct port *port;
    struct counters *counters;
    struct gelf gelf;
    struct unwrap_job jobs[UNWRAP_JOBS];
    uint32_t filling, oldest; /* indices of jobs; their results are given in this order */
    struct session session;   /* of the datagram that is being taken */
    size_t taken;             /* of it */
    uint64_t compressed;      /* messages that were handed to workers */
    const uint8_t *whole;     /* the message in it; NULL: not looked for yet */
    size_t whole_size;
    void (*ready)(void *context); /* a worker has finished: call unwrap_give */
    void *context;
};

int unwrap_create(struct port *port, struct counters *counters, uint32_t line_bytes_max,
                  void (*ready)(void *context), void *context, struct unwrap **unwrap);
/* unwrap_is_empty, or nothing was ever taken.  NULL: does nothing. */
void unwrap_free(struct unwrap *unwrap);
/* The most bytes that one takes. */
size_t unwrap_memory(uint32_t line_bytes_max);

enum unwrap_result {
    UNWRAP_TAKEN,
    UNWRAP_NO_ROOM, /* in the batch: call it again, with an empty one */
    UNWRAP_BUSY,    /* no memory for compressed messages: call it again after `ready` */
};
/* Takes a datagram from sink->origin.  *refused: 0, or the reason for which its protocol has refused
 * it. */
enum unwrap_result unwrap_take(struct unwrap *unwrap, const struct protocol *protocol,
                               const struct sink *sink, const uint8_t *bytes, size_t size,
                               uint32_t *refused);
/* Gives what workers have decompressed to the sink, and rejects messages that are incomplete after
 * 5 s; `all`: at once.  False: no room. */
bool unwrap_give(struct unwrap *unwrap, const struct protocol *protocol, const struct sink *sink,
                 bool all);
/* There is something to give. */
bool unwrap_has(const struct unwrap *unwrap, bool all);
/* Hands what was collected to a worker. */
void unwrap_start(struct unwrap *unwrap);
/* Nothing is with workers, nor waits. */
bool unwrap_is_empty(const struct unwrap *unwrap);

#endif
