/* acks.c - see acks.h. */
#include "ingest/protocol/acks.h"

#include <assert.h>

#include "port/error.h"
#include "port/port.h"

static void durable(struct waiter *waiter, int result);

void acks_begin(struct acks *acks, bool synced, void (*ready)(struct acks *acks)) {
    *acks = (struct acks){.synced = synced, .ready = ready};
}

static struct ack *ack_at(const struct acks *acks, uint32_t i) {
    return (struct ack *)&acks->ring[(acks->first + i) % ACKS_MAX];
}

void acks_end(struct acks *acks) {
    for (uint32_t i = 0; i < acks->count; i++) {
        struct ack *ack = ack_at(acks, i);
        waiter_remove(&ack->records.waiter);
        waiter_remove(&ack->rejects.waiter);
        if (!ack->batch) batch_report_free(ack->report); /* else the batch frees it */
    }
    acks->count = 0;
    batch_report_free(acks->given);
    acks->given = NULL;
}

/* ---- tokens ---- */

static struct ack *newest(const struct acks *acks) {
    return acks->count > 0 ? ack_at(acks, acks->count - 1) : NULL;
}

bool acks_room(const struct acks *acks, const struct batch *batch) {
    const struct ack *last = newest(acks);
    return acks->count < ACKS_MAX || last->batch == batch;
}

bool acks_has(const struct acks *acks, const struct batch *batch) {
    const struct ack *last = newest(acks);
    return last && last->batch == batch;
}

void acks_add(struct acks *acks, struct batch *batch, uint64_t token, bool awaited) {
    batch->awaited = batch->awaited || awaited;
    struct ack *last = newest(acks);
    assert(acks_room(acks, batch) && (!last || token > last->token));
    if (last && last->batch == batch) {
        last->token = token;
        last->tokens++;
        return;
    }
    struct ack *ack = ack_at(acks, acks->count++);
    *ack = (struct ack){.acks = acks,
                        .batch = batch,
                        .token = token,
                        .tokens = 1,
                        .waits = 1,
                        .report = acks->unused};
    acks->unused = NULL;
    ack->records = (struct ack_part){.waiter.done = durable, .ack = ack};
    ack->rejects = (struct ack_part){.waiter.done = durable, .ack = ack};
    waiter_add(&batch->waiters, &ack->records.waiter);
}

void acks_await(const struct acks *acks) {
    const struct ack *last = newest(acks);
    if (last && last->batch) last->batch->awaited = true;
}

bool acks_raise(struct acks *acks, uint64_t token) {
    struct ack *last = newest(acks);
    if (!last) return false;
    assert(token > last->token);
    last->token = token;
    return true;
}

struct batch_report *acks_report(struct acks *acks, struct batch *batch, bool each) {
    const struct ack *last = newest(acks);
    assert(!acks->unused);
    if (last && last->batch == batch) return last->report;
    acks->unused = batch_report_add(batch, each);
    return acks->unused;
}

void acks_report_undo(struct acks *acks, struct batch *batch) {
    if (acks->unused) batch_report_undo(batch);
    acks->unused = NULL;
}

int acks_next(struct acks *acks, struct commit *commit) {
    batch_report_free(acks->given);
    acks->given = NULL;
    struct ack *ack = acks->count > 0 ? ack_at(acks, 0) : NULL;
    if (!ack || ack->waits > 0) return 0;
    if (ack->result < 0) return ack->result; /* stays the first */
    *commit = (struct commit){.token = ack->token, .records = ack->tokens, .report = ack->report};
    acks->given = ack->report;
    acks->first = (acks->first + 1) % ACKS_MAX;
    acks->count--;
    return 1;
}

/* ---- storing ---- */

static struct ack_part *part_of(struct waiter *waiter) {
    return PORT_CONTAINER(struct ack_part, waiter, waiter);
}

static void durable(struct waiter *waiter, int result) {
    struct ack *ack = part_of(waiter)->ack;
    assert(ack->waits > 0);
    if (ack->result == 0) ack->result = result;
    if (--ack->waits == 0) ack->acks->ready(ack->acks);
}

void acks_packed(struct batch *batch, struct waiter **list, struct waiter **rejects) {
    waiters_move(&batch->waiters, list);
    for (struct waiter *waiter = *list; waiter; waiter = waiter->next) {
        struct ack *ack = part_of(waiter)->ack;
        ack->batch = NULL;
        if (ack->report) ack->report->claimed = true;
        if (batch->rejects.size == 0) continue;
        ack->waits++;
        waiter_add(rejects, &ack->rejects.waiter);
    }
    batch_reports_leave(batch);
}

void acks_written(struct waiter **list, struct stream *stream, int result) {
    while (*list) {
        struct waiter *waiter = *list;
        waiter_remove(waiter);
        if (result == 0 && stream && part_of(waiter)->ack->acks->synced)
            stream_sync(stream, waiter);
        else
            durable(waiter, result);
    }
}
