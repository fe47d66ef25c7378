/* pipeline.c - batches: filled, sealed, packed by workers, written in order. */
#include "ingest/pipeline.h"

#include <assert.h>
#include <stdlib.h>

#include "ingest/rules.h"
#include "ingest/samples.h"

/* LZ4's acceleration while half of the batches wait for a worker or have one: a tenth less time for each, and files
 * that are 4 % larger until they are packed again.  Not while they wait for the disk. */
#define ACCELERATION_UNDER_PRESSURE 4

/* A batch with its place in the pipeline. */
struct packet {
    struct batch batch;
    struct port_op op; /* the worker's job */
    struct pipeline *pipeline;
    struct rules *rules; /* held while it is open or on its way */
    struct packet *next; /* in free or packed */
    uint64_t number;     /* of sealing */
    int64_t opened_ns;   /* first bytes; 0: none yet */
    uint32_t appends;    /* to streams, not come back */
    struct stream_append stored, rejects;
};

struct pipeline {
    struct port *port;
    struct pipeline_options options;
    struct rules *rules; /* in force */
    struct samples samples;
    struct packet *packets;
    struct packet *open, *free, *packed; /* packed: out of turn, by number */
    uint32_t sealed_count;               /* sealed and not free again */
    uint32_t packing_count;              /* of these, with a worker or waiting for one */
    uint64_t next_number, next_to_write;
    struct port_op flush_timer;
    struct source *parked_first, *parked_last;
    bool resuming;
    _Atomic int64_t reject_budget; /* bytes of quarantine text */
    int64_t budget_filled_ns;
};

static void packet_judge_by(struct packet *packet, struct rules *rules);
static void flush_due(struct port_op *op);
static void packed(struct port_op *op);
static void stored_done(struct stream_append *append, int result);
static void rejects_done(struct stream_append *append, int result);

int pipeline_create(struct port *port, const struct pipeline_options *options,
                    struct pipeline **pipeline) {
    assert(options->batches >= PIPELINE_BATCHES_MIN);
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) return ERR_NO_MEMORY;
    p->port = port;
    p->options = *options;
    p->flush_timer.done = flush_due;
    p->reject_budget = QUARANTINE_BYTES_PER_SECOND;
    p->budget_filled_ns = port_now_ns(port);
    p->packets = calloc(options->batches, sizeof *p->packets);
    int error = p->packets ? 0 : ERR_NO_MEMORY;
    for (uint32_t i = 0; i < options->batches && !error; i++) {
        struct packet *packet = &p->packets[i];
        error = batch_create(options->line_bytes_max, &packet->batch);
        packet->pipeline = p;
        packet->op.done = packed;
        packet->stored.done = stored_done;
        packet->rejects.done = rejects_done;
        packet->next = p->free;
        p->free = packet;
    }
    if (error) {
        pipeline_free(p);
        return error;
    }
    *pipeline = p;
    return 0;
}

void pipeline_free(struct pipeline *pipeline) {
    assert(!pipeline_busy(pipeline));
    for (uint32_t i = 0; pipeline->packets && i < pipeline->options.batches; i++)
        batch_free(&pipeline->packets[i].batch);
    if (pipeline->open) rules_release(pipeline->open->rules);
    if (pipeline->rules) rules_release(pipeline->rules);
    free(pipeline->packets);
    free(pipeline);
}

bool pipeline_busy(const struct pipeline *pipeline) {
    return pipeline->sealed_count > 0 || (pipeline->open && pipeline->open->opened_ns) ||
           !port_idle(&pipeline->flush_timer);
}

/* ---- rules ---- */

void pipeline_judge_by(struct pipeline *pipeline, struct rules *rules) {
    rules_hold(rules);
    rules->batch.reject_budget = &pipeline->reject_budget;
    pipeline_seal(pipeline);
    if (pipeline->open) packet_judge_by(pipeline->open, rules); /* nothing is in it yet */
    if (pipeline->rules) rules_release(pipeline->rules);
    pipeline->rules = rules;
}

const struct rules *pipeline_rules(const struct pipeline *pipeline) {
    return pipeline->rules;
}

static void packet_judge_by(struct packet *packet, struct rules *rules) {
    if (rules) rules_hold(rules);
    if (packet->rules) rules_release(packet->rules);
    packet->rules = rules;
    if (rules) batch_reset(&packet->batch, &rules->batch);
}

/* ---- filling ---- */

static bool open_packet(struct pipeline *pipeline) {
    if (pipeline->open) return true;
    struct packet *packet = pipeline->free;
    if (!packet) return false;
    pipeline->free = packet->next;
    packet->opened_ns = 0;
    packet_judge_by(packet, pipeline->rules);
    pipeline->open = packet;
    return true;
}

static void start_flush_timer(struct pipeline *pipeline) {
    if (!port_idle(&pipeline->flush_timer)) return;
    port_timer(pipeline->port, &pipeline->flush_timer,
               pipeline->open->opened_ns + (int64_t)pipeline->options.flush_ms * 1000000);
}

/* The flush timer starts with the first bytes. */
static void filled(struct pipeline *pipeline) {
    struct packet *open = pipeline->open;
    if (open->opened_ns || open->batch.raw_size == 0) return;
    open->opened_ns = port_now_ns(pipeline->port);
    start_flush_timer(pipeline);
}

bool pipeline_fill(struct pipeline *pipeline, bool (*add)(void *context, struct batch *batch),
                   void *context) {
    while (open_packet(pipeline)) { /* ends: each batch takes a line at least, or none is free */
        const bool all = add(context, &pipeline->open->batch);
        filled(pipeline);
        if (all) return true;
        pipeline_seal(pipeline);
    }
    return false;
}

void pipeline_flush_ms(struct pipeline *pipeline, uint64_t flush_ms) {
    pipeline->options.flush_ms = flush_ms;
    if (port_idle(&pipeline->flush_timer)) return;
    port_cancel(&pipeline->flush_timer); /* it looks again when it is back */
}

static void flush_due(struct port_op *op) {
    struct pipeline *pipeline = PORT_CONTAINER(struct pipeline, flush_timer, op);
    struct packet *open = pipeline->open;
    if (!open || !open->opened_ns) return;
    const int64_t age_ns = port_now_ns(pipeline->port) - open->opened_ns;
    if (age_ns >= (int64_t)pipeline->options.flush_ms * 1000000)
        pipeline_seal(pipeline);
    else
        start_flush_timer(pipeline);
}

/* ---- parking ---- */

void pipeline_park(struct pipeline *pipeline, struct source *source) {
    if (source->parked) return;
    source->parked = true;
    source->next_parked = NULL;
    if (pipeline->parked_last)
        pipeline->parked_last->next_parked = source;
    else
        pipeline->parked_first = source;
    pipeline->parked_last = source;
}

static struct source *unpark_first(struct pipeline *pipeline) {
    struct source *source = pipeline->parked_first;
    pipeline->parked_first = source->next_parked;
    if (!pipeline->parked_first) pipeline->parked_last = NULL;
    source->parked = false;
    return source;
}

bool pipeline_anyone_parked(const struct pipeline *pipeline) {
    return pipeline->parked_first != NULL;
}

/* Ends: each source that goes on frees itself; one that parks again has used up the room. */
static void resume_parked(struct pipeline *pipeline) {
    if (pipeline->resuming) return;
    pipeline->resuming = true;
    while (pipeline->parked_first && (pipeline->open || pipeline->free)) {
        struct source *source = unpark_first(pipeline);
        if (!source->resume(source)) break;
    }
    pipeline->resuming = false;
}

/* ---- packing ---- */

static void pack_run(struct port_op *op) {
    struct packet *packet = PORT_CONTAINER(struct packet, op, op);
    batch_check(&packet->batch);
    batch_pack(&packet->batch);
}

/* Quarantine's budget grows at its rate, up to a second's worth. */
static void fill_reject_budget(struct pipeline *pipeline) {
    const int64_t now = port_now_ns(pipeline->port);
    const int64_t full = QUARANTINE_BYTES_PER_SECOND;
    const int64_t elapsed = now - pipeline->budget_filled_ns;
    int64_t grown = elapsed >= 1000000000 ? full : elapsed / 1000 * (full / 1000) / 1000;
    const int64_t left = atomic_load_explicit(&pipeline->reject_budget, memory_order_relaxed);
    if (grown > full - left) grown = full - left;
    pipeline->budget_filled_ns = now;
    atomic_fetch_add_explicit(&pipeline->reject_budget, grown, memory_order_relaxed);
}

void pipeline_seal(struct pipeline *pipeline) {
    struct packet *packet = pipeline->open;
    if (!packet || packet->batch.raw_size == 0) return;
    pipeline->open = NULL; /* it belongs to the worker now */
    packet->number = pipeline->next_number++;
    fill_reject_budget(pipeline);
    pipeline->sealed_count++;
    pipeline->packing_count++;
    if (pipeline->packing_count * 2 >= pipeline->options.batches)
        packet->batch.acceleration = ACCELERATION_UNDER_PRESSURE;
    port_work(pipeline->port, &packet->op, PORT_LANE_PACK, pack_run);
}

uint64_t pipeline_sealed(const struct pipeline *pipeline) {
    return pipeline->next_number;
}

uint64_t pipeline_appended(const struct pipeline *pipeline) {
    return pipeline->next_to_write;
}

void pipeline_finish(struct pipeline *pipeline) {
    pipeline_seal(pipeline);
    port_cancel(&pipeline->flush_timer);
}

/* ---- writing, in order ---- */

static void packet_free(struct packet *packet) {
    struct pipeline *pipeline = packet->pipeline;
    packet_judge_by(packet, NULL);
    packet->next = pipeline->free;
    packet->opened_ns = 0;
    pipeline->free = packet;
    pipeline->sealed_count--;
    resume_parked(pipeline);
}

static void append_back(struct packet *packet) {
    assert(packet->appends > 0);
    if (--packet->appends == 0) packet_free(packet);
}

static void settle(struct counters *counters, uint64_t *kept, uint64_t records, int result) {
    counters->in_flight -= records;
    if (result < 0)
        counters->dropped[DROP_STOPPED] += records;
    else
        *kept += records;
}

static void stored_done(struct stream_append *append, int result) {
    struct packet *packet = PORT_CONTAINER(struct packet, stored, append);
    struct counters *counters = packet->pipeline->options.counters;
    settle(counters, &counters->stored, packet->batch.counts.stored, result);
    if (result == 0) counters->bytes_stored += append->raw_size;
    append_back(packet);
}

static void rejects_done(struct stream_append *append, int result) {
    struct packet *packet = PORT_CONTAINER(struct packet, rejects, append);
    struct counters *counters = packet->pipeline->options.counters;
    settle(counters, &counters->rejected, packet->batch.counts.rejected, result);
    append_back(packet);
}

static void append(struct stream *stream, struct stream_append *append,
                   const struct batch_frames *frames) {
    append->bytes = frames->bytes;
    append->size = frames->size;
    append->raw_size = frames->raw_size;
    append->lines = frames->lines;
    append->span = frames->span;
    stream_append(stream, append);
}

static void write_packet(struct packet *packet) {
    struct pipeline *pipeline = packet->pipeline;
    struct batch *batch = &packet->batch;
    packet->appends = 1; /* this call's own, so that it is not freed below us */
    packet->appends += batch->stored.size > 0;
    packet->appends += batch->rejects.size > 0;
    if (batch->stored.size) append(pipeline->options.main, &packet->stored, &batch->stored);
    if (batch->rejects.size) append(pipeline->options.rejects, &packet->rejects, &batch->rejects);
    append_back(packet);
}

static void count(struct counters *counters, const struct batch_counts *counts) {
    counters->batches++;
    counters->received += counts->records;
    counters->in_flight += counts->stored + counts->rejected;
    counters->dropped[DROP_QUARANTINE_FULL] += counts->quarantine_full;
    counters->schema_monitored += counts->monitored;
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        counters->reasons[i] += counts->reasons[i];
}

static void packed(struct port_op *op) {
    struct packet *packet = PORT_CONTAINER(struct packet, op, op);
    struct pipeline *pipeline = packet->pipeline;
    pipeline->packing_count--;
    count(pipeline->options.counters, &packet->batch.counts);
    samples_say(&pipeline->samples, &packet->batch, port_now_ns(pipeline->port),
                pipeline->options.counters->schema_monitored);
    struct packet **link = &pipeline->packed;
    while (*link && (*link)->number < packet->number)
        link = &(*link)->next;
    packet->next = *link;
    *link = packet;
    while (pipeline->packed && pipeline->packed->number == pipeline->next_to_write) {
        struct packet *next = pipeline->packed;
        pipeline->packed = next->next;
        pipeline->next_to_write++;
        write_packet(next);
    }
}
