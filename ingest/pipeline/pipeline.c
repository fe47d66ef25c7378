/* pipeline.c - batches: filled, sealed, packed by workers, written in order. */
#include "ingest/pipeline/pipeline.h"

#include <assert.h>
#include <stdlib.h>

#include "ingest/pipeline/rejects_queue.h"
#include "ingest/pipeline/rules.h"
#include "ingest/pipeline/samples.h"
#include "ingest/protocol/acks.h"

/* LZ4's acceleration while a quarter, or half, of the batches are with a worker or wait for one: it
 * takes an eighth, or a sixth, less time, and files are 4 or 8 % larger until they are re-packed.
 * Batches that wait for the disk do not count: then hardly any is with a worker. */
#define ACCELERATION_UNDER_PRESSURE      4
#define ACCELERATION_UNDER_HIGH_PRESSURE 8

/* A batch with its place in the pipeline. */
struct packet {
    struct batch batch;
    struct port_op op; /* the worker's job */
    struct pipeline *pipeline;
    struct rules *rules; /* held until the packet is free */
    struct packet *next; /* in free or packed */
    struct packet *next_in_all;
    struct feed *feed; /* whose lines are in it; NULL: it is free */
    uint64_t number;   /* of sealing */
    bool numbers;      /* its records may be stored with their numbers ... */
    uint64_t turn;     /* ... and get them in this order, that of sealing in its feed */
    int64_t opened_ns; /* first bytes */
    struct stream_append stored;
    bool awaited;           /* a sender waits for an acknowledgement of some of its lines */
    struct waiter *waiters; /* those of the batch, from packing on */
};

/* A stream, its open packet and its parked sources. */
struct feed {
    struct stream *stream;
    struct packet *open; /* lines are added to it; may be NULL */
    uint32_t held;       /* packets that are not free */
    uint32_t awaited;    /* of these, sealed: senders wait for them */
    struct source *parked_first, *parked_last;
    /* Numbers of records: those that were given, the next one's, and packets that wait for theirs. */
    uint64_t next_turn, turn, next_record;
    struct packet *validated; /* by turn */
};

struct pipeline {
    struct port *port;
    struct pipeline_options options;
    struct rules *rules; /* active */
    struct samples samples;
    struct rejects_queue *rejects;
    struct packet *all, *free, *packed; /* packed: waiting for earlier ones, by number */
    uint32_t batches, free_count;
    uint32_t sealed_count;  /* sealed and not free again */
    uint32_t packing_count; /* of these: with a worker or waiting for one */
    uint64_t next_number, next_to_write;
    struct port_op flush_timer, hasten;
    struct feed feeds[STREAMS_MAX];
    uint32_t feed_count;
    bool fed[STREAMS_MAX]; /* by a listener, according to the active rules */
    bool resuming;
    _Atomic int64_t reject_budget; /* bytes of quarantine text */
    int64_t budget_filled_ns;
};

static void find_fed(struct pipeline *pipeline);
static void park_again(struct pipeline *pipeline);
static void resume_parked(struct pipeline *pipeline, const struct feed *freed);
static void flush_due(struct port_op *op);
static void hasten_due(struct port_op *op);
static void packed(struct port_op *op);
static void stored_done(struct stream_append *append, int result);

int pipeline_create(struct port *port, const struct pipeline_options *options,
                    struct pipeline **pipeline) {
    assert(options->batches >= PIPELINE_BATCHES_MIN);
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) return ERR_NO_MEMORY;
    p->port = port;
    p->options = *options;
    p->flush_timer.done = flush_due;
    p->hasten.done = hasten_due;
    p->reject_budget = QUARANTINE_BYTES_PER_SECOND;
    p->budget_filled_ns = port_now_ns(port);
    int error = rejects_queue_create(port, options->rejects, options->counters, &p->rejects);
    if (!error) error = pipeline_more_batches(p, options->batches);
    if (error) {
        pipeline_free(p);
        return error;
    }
    *pipeline = p;
    return 0;
}

static int add_packet(struct pipeline *pipeline) {
    struct packet *packet = calloc(1, sizeof *packet);
    if (!packet) return ERR_NO_MEMORY;
    const int error = batch_create(pipeline->options.line_bytes_max, &packet->batch);
    if (error) {
        free(packet);
        return error;
    }
    packet->pipeline = pipeline;
    packet->stored.done = stored_done;
    packet->next_in_all = pipeline->all;
    pipeline->all = packet;
    packet->next = pipeline->free;
    pipeline->free = packet;
    pipeline->free_count++;
    pipeline->batches++;
    return 0;
}

int pipeline_more_batches(struct pipeline *pipeline, uint32_t batches) {
    int error = 0;
    while (pipeline->batches < batches && !error)
        error = add_packet(pipeline);
    if (pipeline->feed_count > 0) resume_parked(pipeline, &pipeline->feeds[0]);
    return error;
}

void pipeline_add_stream(struct pipeline *pipeline, struct stream *stream) {
    assert(pipeline->feed_count < STREAMS_MAX);
    struct feed *feed = &pipeline->feeds[pipeline->feed_count++];
    feed->stream = stream;
    feed->next_record = 1;
}

void pipeline_free(struct pipeline *pipeline) {
    assert(!pipeline_busy(pipeline));
    while (pipeline->all) {
        struct packet *packet = pipeline->all;
        pipeline->all = packet->next_in_all;
        batch_free(&packet->batch);
        free(packet);
    }
    if (pipeline->rules) rules_release(pipeline->rules);
    rejects_queue_free(pipeline->rejects);
    free(pipeline);
}

static bool anything_open(const struct pipeline *pipeline) {
    return pipeline->free_count + pipeline->sealed_count < pipeline->batches;
}

bool pipeline_all_appended(const struct pipeline *pipeline) {
    return !anything_open(pipeline) && port_idle(&pipeline->flush_timer) &&
           port_idle(&pipeline->hasten) && pipeline->next_to_write == pipeline->next_number;
}

bool pipeline_busy(const struct pipeline *pipeline) {
    return pipeline->sealed_count > 0 || anything_open(pipeline) ||
           !port_idle(&pipeline->flush_timer) || !port_idle(&pipeline->hasten) ||
           (pipeline->rejects && rejects_queue_busy(pipeline->rejects));
}

/* ---- rules ---- */

void pipeline_validate_by(struct pipeline *pipeline, struct rules *rules) {
    rules_hold(rules);
    rules->batch.reject_budget = &pipeline->reject_budget;
    pipeline_seal(pipeline);
    if (pipeline->rules) rules_release(pipeline->rules);
    pipeline->rules = rules;
    park_again(pipeline);
    find_fed(pipeline);
}

void pipeline_left(struct pipeline *pipeline, uint32_t listener) {
    rules_leave(pipeline->rules, listener);
    find_fed(pipeline);
}

/* Fewer batches may be reserved then, so parked sources look again. */
static void find_fed(struct pipeline *pipeline) {
    for (uint32_t i = 0; i < STREAMS_MAX; i++)
        pipeline->fed[i] = rules_feed(pipeline->rules, i);
    if (pipeline->feed_count > 0) resume_parked(pipeline, &pipeline->feeds[0]);
}

const struct rules *pipeline_rules(const struct pipeline *pipeline) {
    return pipeline->rules;
}

/* ---- filling ---- */

static struct feed *feed_of(struct pipeline *pipeline, const struct source *source) {
    const uint32_t stream = pipeline->rules->streams[source->listener];
    assert(stream < pipeline->feed_count);
    return &pipeline->feeds[stream];
}

/* Free for a stream that holds some already: one is reserved for each stream that is fed and holds
 * none. */
static uint32_t free_for_more(const struct pipeline *pipeline) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < pipeline->feed_count; i++)
        left += pipeline->fed[i] && pipeline->feeds[i].held == 0;
    return pipeline->free_count > left ? pipeline->free_count - left : 0;
}

static bool may_open(const struct pipeline *pipeline, const struct feed *feed) {
    return (feed->held == 0 ? pipeline->free_count : free_for_more(pipeline)) > 0;
}

static bool open_packet(struct pipeline *pipeline, struct feed *feed) {
    if (feed->open) return true;
    if (!may_open(pipeline, feed)) return false;
    struct packet *packet = pipeline->free;
    pipeline->free = packet->next;
    pipeline->free_count--;
    packet->feed = feed;
    feed->open = packet;
    feed->held++;
    packet->opened_ns = port_now_ns(pipeline->port);
    packet->rules = pipeline->rules;
    rules_hold(packet->rules);
    batch_reset(&packet->batch, &packet->rules->batch);
    const uint32_t stream = (uint32_t)(feed - pipeline->feeds);
    batch_limit(&packet->batch, stream_segment_bytes_max(feed->stream),
                rules_growth(packet->rules, stream, &packet->numbers));
    return true;
}

static void close_packet(struct packet *packet) {
    struct pipeline *pipeline = packet->pipeline;
    rules_release(packet->rules);
    packet->rules = NULL;
    packet->feed->held--;
    packet->feed = NULL;
    packet->next = pipeline->free;
    pipeline->free = packet;
    pipeline->free_count++;
}

static struct packet *oldest_open(const struct pipeline *pipeline) {
    struct packet *oldest = NULL;
    for (uint32_t i = 0; i < pipeline->feed_count; i++) {
        struct packet *open = pipeline->feeds[i].open;
        if (open && (!oldest || open->opened_ns < oldest->opened_ns)) oldest = open;
    }
    return oldest;
}

static void start_flush_timer(struct pipeline *pipeline) {
    const struct packet *oldest = oldest_open(pipeline);
    if (!oldest || !port_idle(&pipeline->flush_timer)) return;
    port_timer(pipeline->port, &pipeline->flush_timer,
               oldest->opened_ns + (int64_t)pipeline->options.flush_ms * 1000000);
}

static void hurry(struct packet *packet);
static void seal(struct packet *packet);
static void hasten(struct feed *feed, struct pipeline *pipeline);

bool pipeline_fill(struct pipeline *pipeline, const struct source *source,
                   bool (*add)(void *context, struct batch *batch), void *context) {
    struct feed *feed = feed_of(pipeline, source);
    /* Ends: each batch takes at least one line, or none is free. */
    while (open_packet(pipeline, feed)) {
        struct packet *open = feed->open;
        const bool all = add(context, &open->batch);
        if (!all) {
            hurry(open);
            seal(open);
            continue;
        }
        if (open->batch.raw_size == 0) { /* only an unfinished line, or blanks */
            feed->open = NULL;
            close_packet(open);
            return true;
        }
        if (open->batch.awaited) hasten(feed, pipeline);
        if (port_idle(&pipeline->flush_timer)) start_flush_timer(pipeline);
        return true;
    }
    /* A reload has just added this stream, and the others hold all batches: do not wait for
     * flush_ms. */
    if (feed->held == 0 && anything_open(pipeline)) seal(oldest_open(pipeline));
    return false;
}

void pipeline_flush_ms(struct pipeline *pipeline, uint64_t flush_ms) {
    pipeline->options.flush_ms = flush_ms;
    if (port_idle(&pipeline->flush_timer)) return;
    port_cancel(&pipeline->flush_timer); /* starts again when it comes back */
}

/* One timer is enough: all batches wait equally long, so the oldest is due first. */
static void flush_due(struct port_op *op) {
    struct pipeline *pipeline = PORT_CONTAINER(struct pipeline, flush_timer, op);
    const int64_t due_ns =
        port_now_ns(pipeline->port) - (int64_t)pipeline->options.flush_ms * 1000000;
    for (uint32_t i = 0; i < pipeline->feed_count; i++) {
        struct packet *open = pipeline->feeds[i].open;
        if (open && open->opened_ns <= due_ns) seal(open);
    }
    start_flush_timer(pipeline);
}

/* ---- senders that wait for acknowledgements ---- */

/* They do not wait for flush_ms.  One batch of a stream is stored at a time for them; the next one
 * collects meanwhile what all of them send, and follows at once: so batches are small when little is
 * sent, and large under load. */
static void hasten(struct feed *feed, struct pipeline *pipeline) {
    /* What is received together is stored together: after all that has come back already. */
    if (feed->awaited == 0 && port_idle(&pipeline->hasten))
        port_timer(pipeline->port, &pipeline->hasten, port_now_ns(pipeline->port));
}

static void seal_awaited(struct feed *feed) {
    if (feed->open && feed->open->batch.awaited && feed->awaited == 0) seal(feed->open);
}

static void hasten_due(struct port_op *op) {
    struct pipeline *pipeline = PORT_CONTAINER(struct pipeline, hasten, op);
    for (uint32_t i = 0; i < pipeline->feed_count; i++)
        seal_awaited(&pipeline->feeds[i]);
}

/* ---- parking ---- */

static void park(struct feed *feed, struct source *source) {
    source->parked = true;
    source->next_parked = NULL;
    if (feed->parked_last)
        feed->parked_last->next_parked = source;
    else
        feed->parked_first = source;
    feed->parked_last = source;
}

void pipeline_park(struct pipeline *pipeline, struct source *source) {
    if (!source->parked) park(feed_of(pipeline, source), source);
}

void pipeline_unpark(struct pipeline *pipeline, struct source *source) {
    struct feed *feed = feed_of(pipeline, source);
    struct source *before = NULL, *at = feed->parked_first;
    if (!source->parked) return;
    for (; at != source; at = at->next_parked) /* ends: it is there */
        before = at;
    if (before)
        before->next_parked = source->next_parked;
    else
        feed->parked_first = source->next_parked;
    if (feed->parked_last == source) feed->parked_last = before;
    source->parked = false;
}

static struct source *unpark_first(struct feed *feed) {
    struct source *source = feed->parked_first;
    feed->parked_first = source->next_parked;
    if (!feed->parked_first) feed->parked_last = NULL;
    source->parked = false;
    return source;
}

/* Other rules may map a source to another stream. */
static void park_again(struct pipeline *pipeline) {
    for (uint32_t i = 0; i < pipeline->feed_count; i++) {
        struct feed *feed = &pipeline->feeds[i];
        struct source *source = feed->parked_first;
        feed->parked_first = feed->parked_last = NULL;
        while (source) { /* ends: a source parked at a later feed is parked there again, once */
            struct source *next = source->next_parked;
            park(feed_of(pipeline, source), source);
            source = next;
        }
    }
}

bool pipeline_anyone_parked(const struct pipeline *pipeline) {
    bool anyone = false;
    for (uint32_t i = 0; i < pipeline->feed_count; i++)
        anyone = anyone || pipeline->feeds[i].parked_first;
    return anyone;
}

/* Ends: each source that continues leaves the list; one that parks again has found no batch. */
static void resume_feed(struct pipeline *pipeline, struct feed *feed) {
    while (feed->parked_first && (feed->open || may_open(pipeline, feed))) {
        struct source *source = unpark_first(feed);
        if (!source->resume(source)) break;
    }
}

/* The stream that has returned a batch is the last to take one. */
static void resume_parked(struct pipeline *pipeline, const struct feed *freed) {
    if (pipeline->resuming) return;
    pipeline->resuming = true;
    const uint32_t count = pipeline->feed_count, first = (uint32_t)(freed - pipeline->feeds) + 1;
    for (uint32_t i = 0; i < count; i++)
        resume_feed(pipeline, &pipeline->feeds[(first + i) % count]);
    pipeline->resuming = false;
}

/* ---- packing ---- */

static void check_run(struct port_op *op) {
    batch_check(&PORT_CONTAINER(struct packet, op, op)->batch);
}

static void pack_run(struct port_op *op) {
    batch_pack(&PORT_CONTAINER(struct packet, op, op)->batch);
}

static void check_and_pack_run(struct port_op *op) {
    check_run(op);
    pack_run(op);
}

/* How many records a batch stores is known only now; the numbers follow each other in the order of
 * sealing, which is that of the files. */
static void validated(struct port_op *op) {
    struct packet *packet = PORT_CONTAINER(struct packet, op, op);
    struct feed *feed = packet->feed;
    struct packet **link = &feed->validated;
    while (*link && (*link)->turn < packet->turn)
        link = &(*link)->next;
    packet->next = *link;
    *link = packet;
    while (feed->validated && feed->validated->turn == feed->turn) {
        struct packet *next = feed->validated;
        feed->validated = next->next;
        feed->turn++;
        next->batch.first_number = feed->next_record;
        feed->next_record += next->batch.numbered;
        next->op.done = packed;
        port_work(packet->pipeline->port, &next->op, PORT_LANE_PACK, pack_run);
    }
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

/* A batch is full: compress faster if the workers do not keep up.  Batches that other streams fill,
 * or that are reserved for them, do not count, because this stream cannot use them.  Batches that
 * are sealed before they are full (a reload seals all at once) are not pressure. */
static void hurry(struct packet *packet) {
    const struct pipeline *pipeline = packet->pipeline;
    const uint32_t packing = pipeline->packing_count + 1;
    const uint32_t in_use = pipeline->sealed_count + 1 + free_for_more(pipeline);
    if (packing * 4 > in_use) packet->batch.acceleration = ACCELERATION_UNDER_PRESSURE;
    if (packing * 2 >= in_use) packet->batch.acceleration = ACCELERATION_UNDER_HIGH_PRESSURE;
}

static void seal(struct packet *packet) {
    struct pipeline *pipeline = packet->pipeline;
    assert(packet->feed->open == packet && packet->batch.raw_size > 0);
    packet->feed->open = NULL; /* owned by the worker now */
    packet->number = pipeline->next_number++;
    packet->awaited = packet->batch.awaited;
    packet->feed->awaited += packet->awaited;
    fill_reject_budget(pipeline);
    pipeline->sealed_count++;
    pipeline->packing_count++;
    if (packet->numbers) packet->turn = packet->feed->next_turn++;
    packet->op.done = packet->numbers ? validated : packed;
    port_work(pipeline->port, &packet->op, PORT_LANE_PACK,
              packet->numbers ? check_run : check_and_pack_run);
}

void pipeline_seal(struct pipeline *pipeline) {
    for (struct packet *open; (open = oldest_open(pipeline)) != NULL;)
        seal(open);
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
    port_cancel(&pipeline->hasten);
}

/* ---- writing, in order ---- */

static void packet_free(struct packet *packet) {
    struct pipeline *pipeline = packet->pipeline;
    struct feed *feed = packet->feed;
    feed->awaited -= packet->awaited;
    close_packet(packet);
    pipeline->sealed_count--;
    seal_awaited(feed);
    resume_parked(pipeline, feed);
}

static void stored_done(struct stream_append *append, int result) {
    struct packet *packet = PORT_CONTAINER(struct packet, stored, append);
    struct counters *counters = packet->pipeline->options.counters;
    const uint64_t records = packet->batch.counts.stored;
    counters->in_flight -= records;
    if (result < 0) {
        counters->dropped[DROP_STOPPED] += records;
    } else {
        struct counters_stream *own = &counters->streams[packet->feed - packet->pipeline->feeds];
        counters->stored += records;
        own->stored += records;
        own->bytes_stored += append->raw_size;
        counters->bytes_stored += append->raw_size;
    }
    acks_written(&packet->waiters, packet->feed->stream, result);
    packet_free(packet);
}

static void write_packet(struct packet *packet) {
    const struct batch *batch = &packet->batch;
    const struct batch_frames *stored = &batch->stored;
    struct waiter *rejects = NULL;
    acks_packed(&packet->batch, &packet->waiters, &rejects);
    if (batch->rejects.size)
        rejects_queue_add(packet->pipeline->rejects, &batch->rejects, batch->counts.rejected,
                          &rejects);
    if (!stored->size) {
        acks_written(&packet->waiters, NULL, 0);
        packet_free(packet);
        return;
    }
    packet->stored.bytes = stored->bytes;
    packet->stored.size = stored->size;
    packet->stored.raw_size = stored->raw_size;
    packet->stored.lines = stored->lines;
    packet->stored.span = stored->span;
    stream_append(packet->feed->stream, &packet->stored);
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
