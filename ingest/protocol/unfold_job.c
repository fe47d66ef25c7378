/* unfold_job.c - see unfold_job.h. */
#include "ingest/protocol/unfold_job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t piece_room(uint32_t record_max) {
    return (size_t)record_max + 1 + UNFOLD_PIECE_BYTES;
}

static size_t piece_bytes(uint32_t record_max) {
    return piece_room(record_max) + UNFOLD_PADDING;
}

/* Of what events share: in general it is shorter than in the body. */
static size_t kept_room(const struct unfold_job *job, uint32_t record_max) {
    return job->size < record_max ? job->size : record_max;
}

size_t unfold_job_bytes(const struct unfold_job *job, uint32_t record_max) {
    return piece_bytes(record_max) + kept_room(job, record_max);
}

bool unfold_job_begin(struct unfold_job *job, uint32_t record_max) {
    job->record_max = record_max;
    job->piece = malloc(piece_bytes(record_max));
    return job->piece != NULL;
}

void unfold_job_end(struct unfold_job *job) {
    unfold_end(&job->unfold);
    free(job->body);
    free(job->piece);
    job->body = job->piece = NULL;
}

/* ---- on a worker ---- */

static void add_reject(struct unfold_job *job, const struct unfold_event *event) {
    job->rejects[job->reject_count++] =
        (struct unfold_reject){.at = job->piece_size, .event = *event};
    job->piece[job->piece_size++] = '\n';
    if (job->first_number) return;
    job->first_number = job->events;
    job->first_at = (uint64_t)(event->at - job->body);
    job->first_problem = event->problem;
}

/* Of a body of which nothing is taken one record says so. */
static void refuse(struct unfold_job *job, uint32_t reason, const uint8_t *bad,
                   const char *problem) {
    const struct unfold_event event = {
        .at = job->body, .end = job->body + job->size, .reason = reason, .problem = problem};
    job->events = 1;
    add_reject(job, &event);
    job->first_at = (uint64_t)(bad - job->body);
    job->refused = job->ended = true;
}

static void step(struct unfold_job *job) {
    struct unfold_event event;
    const size_t room = piece_room(job->record_max) - job->piece_size - 1;
    uint8_t *const out = job->piece + job->piece_size;
    switch (unfold_next(&job->unfold, out, room, &event)) {
    case UNFOLD_RECORD:
        out[event.size] = '\n';
        job->piece_size += event.size + 1;
        job->events++;
        return;
    case UNFOLD_REJECTED:
        job->events++;
        add_reject(job, &event);
        return;
    case UNFOLD_FULL: assert(!"a piece has room for a record"); return;
    case UNFOLD_END: job->ended = true; return;
    }
}

void unfold_job_run(struct unfold_job *job) {
    job->piece_size = job->reject_count = 0;
    if (!job->begun) {
        const uint8_t *bad;
        const char *problem;
        const uint32_t reason = unfold_begin(&job->unfold, job->format, job->body, job->size,
                                             job->record_max, &bad, &problem);
        job->begun = true;
        if (reason) refuse(job, reason, bad, problem);
    }
    unfold_keep(&job->unfold, kept_room(job, job->record_max));
    while (!job->ended && job->piece_size < UNFOLD_PIECE_BYTES &&
           job->reject_count < UNFOLD_PIECE_REJECTS) /* each round takes an event */
        step(job);
}

/* ---- on the owner ---- */

/* Of whole lines, those that fit together; 0: not even the first one does. */
static size_t lines_that_fit(const struct sink *sink, const uint8_t *bytes, size_t size) {
    const size_t room = sink_room(sink);
    if (size <= room) return size;
    size_t part = room;
    while (part > 0 && bytes[part - 1] != '\n')
        part--;
    if (part > 0) return part;
    const uint8_t *const end = memchr(bytes, '\n', size);
    const size_t first = (size_t)(end - bytes) + 1;
    return first <= sink_line_room(sink) ? first : 0;
}

size_t unfold_job_give(const struct unfold_job *job, const struct sink *sink, const uint8_t *bytes,
                       size_t size) {
    const uint32_t begin = (uint32_t)(bytes - job->piece);
    uint32_t at = begin, next = 0;
    const uint32_t end = begin + (uint32_t)size;
    while (next < job->reject_count && job->rejects[next].at < at)
        next++;
    while (at < end) { /* each round advances */
        const struct unfold_reject *reject = next < job->reject_count ? &job->rejects[next] : NULL;
        if (reject && reject->at == at) {
            const struct unfold_event *event = &reject->event;
            const size_t record = (size_t)(event->end - event->at);
            if (!sink_reject(sink, event->at, record, event->reason, record)) break;
            next++;
            at++;
            continue;
        }
        const uint32_t to = reject && reject->at < end ? reject->at : end;
        const size_t part = lines_that_fit(sink, job->piece + at, to - at);
        if (part == 0) break;
        memcpy(sink_lines(sink, (uint32_t)part), job->piece + at, part);
        at += (uint32_t)part;
    }
    return at - begin;
}
