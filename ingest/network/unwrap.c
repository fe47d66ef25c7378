/* unwrap.c - see unwrap.h. */
#include "ingest/network/unwrap.h"

#include <assert.h>
#include <stdlib.h>

#include "port/error.h"

static void job_done(struct port_op *op);

int unwrap_create(struct port *port, struct counters *counters, uint32_t line_bytes_max,
                  void (*ready)(void *context), void *context, struct unwrap **unwrap) {
    uint64_t seed;
    struct unwrap *made = calloc(1, sizeof *made);
    if (!made) return ERR_NO_MEMORY;
    made->port = port;
    made->counters = counters;
    made->ready = ready;
    made->context = context;
    port_random(port, &seed, sizeof seed);
    int error = gelf_create(unpack_message_max(line_bytes_max), seed, &made->gelf);
    for (uint32_t i = 0; i < UNWRAP_JOBS && !error; i++) {
        made->jobs[i].unwrap = made;
        made->jobs[i].op.done = job_done;
        error = unpack_create(line_bytes_max, &made->jobs[i].unpack);
    }
    if (error)
        unwrap_free(made);
    else
        *unwrap = made;
    return error;
}

void unwrap_free(struct unwrap *unwrap) {
    if (!unwrap) return;
    gelf_free(&unwrap->gelf);
    for (uint32_t i = 0; i < UNWRAP_JOBS; i++) {
        assert(port_idle(&unwrap->jobs[i].op));
        unpack_free(&unwrap->jobs[i].unpack);
    }
    free(unwrap);
}

size_t unwrap_memory(uint32_t line_bytes_max) {
    return sizeof(struct unwrap) + gelf_memory(unpack_message_max(line_bytes_max)) +
           UNWRAP_JOBS * unpack_memory(line_bytes_max);
}

/* ---- workers ---- */

static void job_run(struct port_op *op) {
    unpack_run(&PORT_CONTAINER(struct unwrap_job, op, op)->unpack);
}

static void job_done(struct port_op *op) {
    struct unwrap_job *job = PORT_CONTAINER(struct unwrap_job, op, op);
    job->state = UNWRAP_DONE;
    job->unwrap->ready(job->unwrap->context);
}

static void start(struct unwrap_job *job) {
    job->state = UNWRAP_RUNNING;
    port_work(job->unwrap->port, &job->op, PORT_LANE_PACK, job_run);
}

void unwrap_start(struct unwrap *unwrap) {
    struct unwrap_job *job = &unwrap->jobs[unwrap->filling];
    if (job->state != UNWRAP_FILLING || job->unpack.count == 0) return;
    start(job);
    unwrap->filling = (unwrap->filling + 1) % UNWRAP_JOBS;
}

static bool add_compressed(struct unwrap *unwrap, const struct sink *sink) {
    for (uint32_t i = 0; i <= UNWRAP_JOBS; i++) {
        struct unwrap_job *job = &unwrap->jobs[unwrap->filling];
        if (job->state != UNWRAP_FILLING) return false;
        if (unpack_add(&job->unpack, sink->origin, unwrap->whole, unwrap->whole_size)) {
            unwrap->compressed++;
            return true;
        }
        unwrap_start(unwrap); /* full */
    }
    assert(!"an empty job has room for any message");
    return false;
}

/* ---- taking ---- */

static enum unwrap_result take_whole(struct unwrap *unwrap, const struct protocol *protocol,
                                     const struct sink *sink, bool assembled) {
    const bool compressed = unpack_begins(unwrap->whole, unwrap->whole_size);
    if (compressed && unwrap->whole_size <= unpack_message_max(sink->line_bytes_max)) {
        if (!add_compressed(unwrap, sink)) return UNWRAP_BUSY;
        return UNWRAP_TAKEN;
    }
    if ((assembled || compressed) && unwrap->whole_size > sink->line_bytes_max)
        return sink_reject(sink, unwrap->whole, unwrap->whole_size, REJECT_OVERSIZED,
                           unwrap->whole_size)
                   ? UNWRAP_TAKEN
                   : UNWRAP_NO_ROOM;
    return protocol_take_datagram(protocol, &unwrap->session, &unwrap->taken, sink, unwrap->whole,
                                  unwrap->whole_size)
               ? UNWRAP_TAKEN
               : UNWRAP_NO_ROOM;
}

enum unwrap_result unwrap_take(struct unwrap *unwrap, const struct protocol *protocol,
                               const struct sink *sink, const uint8_t *bytes, size_t size,
                               uint32_t *refused) {
    const bool chunk = gelf_is_chunk(bytes, size);
    const int64_t now_ns = chunk ? port_now_ns(unwrap->port) : 0;
    const uint64_t ignored = unwrap->gelf.ignored;
    *refused = 0;
    if (!unwrap->whole && chunk) {
        const bool taken = gelf_take(&unwrap->gelf, sink, now_ns, bytes, size, &unwrap->whole,
                                     &unwrap->whole_size);
        unwrap->counters->gelf_chunks_ignored += unwrap->gelf.ignored - ignored;
        if (!taken) return UNWRAP_NO_ROOM;
        unwrap->counters->gelf_chunks++;
        if (!unwrap->whole)
            return UNWRAP_TAKEN; /* the others have not arrived, or it was rejected */
    } else if (!unwrap->whole) {
        unwrap->whole = bytes;
        unwrap->whole_size = size;
    }
    const enum unwrap_result result = take_whole(unwrap, protocol, sink, chunk);
    if (result != UNWRAP_TAKEN) return result;
    unwrap->whole = NULL;
    *refused = unwrap->session.refused;
    unwrap->session.refused = 0;
    return UNWRAP_TAKEN;
}

/* ---- giving ---- */

bool unwrap_give(struct unwrap *unwrap, const struct protocol *protocol, const struct sink *sink,
                 bool all) {
    const int64_t now_ns = all ? INT64_MAX : port_now_ns(unwrap->port);
    while (unwrap->jobs[unwrap->oldest].state == UNWRAP_DONE) { /* ends: it is done only once */
        struct unwrap_job *job = &unwrap->jobs[unwrap->oldest];
        if (!unpack_give(&job->unpack, protocol, sink)) return false;
        if (unpack_left(&job->unpack)) {
            start(job);
            break;
        }
        job->state = UNWRAP_FILLING;
        unwrap->oldest = (unwrap->oldest + 1) % UNWRAP_JOBS;
    }
    return gelf_due_ns(&unwrap->gelf) > now_ns || gelf_expire(&unwrap->gelf, sink, now_ns);
}

bool unwrap_has(const struct unwrap *unwrap, bool all) {
    const int64_t due_ns = gelf_due_ns(&unwrap->gelf);
    return unwrap->jobs[unwrap->oldest].state == UNWRAP_DONE ||
           (due_ns != INT64_MAX && (all || due_ns <= port_now_ns(unwrap->port)));
}

bool unwrap_is_empty(const struct unwrap *unwrap) {
    bool empty = gelf_due_ns(&unwrap->gelf) == INT64_MAX;
    for (uint32_t i = 0; i < UNWRAP_JOBS; i++)
        empty = empty && unwrap->jobs[i].state == UNWRAP_FILLING &&
                unwrap->jobs[i].unpack.count == 0 && port_idle(&unwrap->jobs[i].op);
    return empty;
}
