/* partial.c - see partial.h. */
#include "ingest/protocol/partial.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/depth.h"
#include "port/error.h"

/* ---- line memory ---- */

int line_memory_create(uint32_t bytes, struct line_memory *memory) {
    const uint32_t count = bytes / sizeof(struct line_chunk);
    *memory = (struct line_memory){.chunks = malloc((size_t)count * sizeof(struct line_chunk)),
                                   .holders = calloc((size_t)count + 1, sizeof(struct partial *)),
                                   .chunk_count = count};
    if (memory->chunks && memory->holders) return 0;
    line_memory_free(memory);
    return ERR_NO_MEMORY;
}

void line_memory_free(struct line_memory *memory) {
    free(memory->chunks);
    free(memory->holders);
    *memory = (struct line_memory){0};
}

/* Unused chunks are taken in order, so that the rest of the memory stays untouched. */
static struct line_chunk *chunk_take(struct line_memory *memory) {
    struct line_chunk *chunk = memory->free;
    if (chunk)
        memory->free = chunk->next;
    else if (memory->used < memory->chunk_count)
        chunk = &memory->chunks[memory->used++];
    if (chunk) chunk->next = NULL;
    return chunk;
}

/* Moves a partial to the list of those with this number of chunks. */
static void hold(struct line_memory *memory, struct partial *partial, uint32_t chunks) {
    if (partial->chunks > 0) {
        if (partial->next) partial->next->previous = partial->previous;
        if (partial->previous)
            partial->previous->next = partial->next;
        else
            memory->holders[partial->chunks] = partial->next;
    }
    partial->chunks = chunks;
    if (chunks == 0) return;
    partial->previous = NULL;
    partial->next = memory->holders[chunks];
    if (partial->next) partial->next->previous = partial;
    memory->holders[chunks] = partial;
    if (chunks > memory->longest) memory->longest = chunks;
}

/* Frees all chunks except the first `count`. */
static void chunks_keep(struct line_memory *memory, struct partial *partial, uint32_t count) {
    if (partial->chunks <= count) return;
    struct line_chunk **link = &partial->first;
    partial->last = NULL;
    for (uint32_t i = 0; i < count; i++) {
        partial->last = *link;
        link = &(*link)->next;
    }
    while (*link) {
        struct line_chunk *chunk = *link;
        *link = chunk->next;
        chunk->next = memory->free;
        memory->free = chunk;
    }
    hold(memory, partial, count);
    if (partial->kept > count * LINE_CHUNK_BYTES) partial->kept = count * LINE_CHUNK_BYTES;
}

/* ---- lines set aside ---- */

static void set_aside(struct line_memory *memory, struct partial *partial, uint32_t reason) {
    const uint32_t head_chunks =
        (QUARANTINE_KEEP_OVERSIZED_MAX + LINE_CHUNK_BYTES - 1) / LINE_CHUNK_BYTES;
    partial->set_aside = reason;
    if (reason == REJECT_LINE_MEMORY) partial->head_only = true;
    chunks_keep(memory, partial, head_chunks);
    if (partial->kept > QUARANTINE_KEEP_OVERSIZED_MAX)
        partial->kept = QUARANTINE_KEEP_OVERSIZED_MAX;
}

/* Frees at least one chunk: the longest line is cut to its beginning.  If no line is longer than
 * its beginning, one of the longest gives up that too. */
static void longest_gives_way(struct line_memory *memory) {
    while (memory->longest > 0 && !memory->holders[memory->longest])
        memory->longest--; /* ends: it was raised one chunk at a time */
    struct partial *longest = memory->holders[memory->longest];
    assert(longest);
    const uint32_t before = longest->chunks;
    if (!longest->set_aside) set_aside(memory, longest, REJECT_LINE_MEMORY);
    if (longest->chunks < before) return;
    longest->head_only = true;
    chunks_keep(memory, longest, 0);
}

/* The place for the next byte of the unfinished line, and the room there. */
static uint32_t line_room(struct line_memory *memory, struct partial *partial, uint8_t **place) {
    uint32_t room = partial->chunks * LINE_CHUNK_BYTES - partial->kept;
    if (room == 0) {
        struct line_chunk *chunk = chunk_take(memory);
        if (!chunk) {
            longest_gives_way(memory);
            return 0; /* it may have been this line: the caller looks again */
        }
        if (partial->last)
            partial->last->next = chunk;
        else
            partial->first = chunk;
        partial->last = chunk;
        hold(memory, partial, partial->chunks + 1);
        room = LINE_CHUNK_BYTES;
    }
    *place = partial->last->bytes + LINE_CHUNK_BYTES - room;
    return room;
}

static void add_last(uint8_t last[2], const uint8_t *bytes, size_t size) {
    if (size == 0) return;
    last[0] = size > 1 ? bytes[size - 2] : last[1];
    last[1] = bytes[size - 1];
}

/* How many bytes of the record, followed by these, are a line end: 0, 1 or 2. */
static uint32_t line_end(const struct partial *partial, const uint8_t *bytes, size_t size) {
    uint8_t last[2] = {partial->last_bytes[0], partial->last_bytes[1]};
    add_last(last, bytes, size);
    if (last[1] == '\n') return last[0] == '\r' ? 2 : 1;
    return last[1] == '\r';
}

void partial_add(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                 size_t size) {
    if (size == 0) return;
    partial->size += size;
    add_last(partial->last_bytes, bytes, size);
    if (!partial->set_aside && partial->size - line_end(partial, NULL, 0) > sink->line_bytes_max)
        set_aside(sink->memory, partial, REJECT_OVERSIZED);
    while (size > 0 && !partial->head_only) {
        uint8_t *place;
        size_t part = line_room(sink->memory, partial, &place);
        if (part > size) part = size;
        if (partial->set_aside && part > QUARANTINE_KEEP_OVERSIZED_MAX - partial->kept)
            part = QUARANTINE_KEEP_OVERSIZED_MAX - partial->kept;
        if (part > 0) memcpy(place, bytes, part);
        partial->kept += (uint32_t)part;
        bytes += part;
        size -= part;
        if (partial->set_aside && partial->kept == QUARANTINE_KEEP_OVERSIZED_MAX)
            partial->head_only = true;
    }
}

bool partial_is_object(const struct partial *partial) {
    struct depth depth = {0};
    bool whole = false;
    uint32_t left = partial->kept;
    if (partial->set_aside) return false;
    for (const struct line_chunk *chunk = partial->first; left > 0; chunk = chunk->next) {
        const uint32_t part = left < LINE_CHUNK_BYTES ? left : LINE_CHUNK_BYTES;
        for (uint32_t i = 0; i < part; i++) {
            const uint8_t byte = chunk->bytes[i];
            if (depth.open == 0 && byte != '{') { /* before, between or after objects */
                whole = whole && depth_space(byte);
                continue;
            }
            if (depth.open == 0) depth = (struct depth){0};
            const enum depth_step step = depth_step(&depth, byte);
            if (step == DEPTH_BREAK) return false;
            whole = step == DEPTH_COMPLETE;
        }
        left -= part;
    }
    return whole;
}

/* ---- records ---- */

/* The first `left` bytes of what is kept. */
static void copy_kept(const struct partial *partial, uint32_t left, uint8_t *place) {
    for (const struct line_chunk *chunk = partial->first; left > 0; chunk = chunk->next) {
        const uint32_t part = left < LINE_CHUNK_BYTES ? left : LINE_CHUNK_BYTES;
        memcpy(place, chunk->bytes, part);
        place += part;
        left -= part;
    }
}

void partial_forget(struct partial *partial, struct line_memory *memory) {
    chunks_keep(memory, partial, 0);
    *partial = (struct partial){0};
}

void partial_cut(struct partial *partial, struct line_memory *memory, uint64_t size) {
    if (partial->size <= size) return;
    if (size == 0) {
        partial_forget(partial, memory);
        return;
    }
    partial->size = size;
    memset(partial->last_bytes, 0, sizeof partial->last_bytes);
    if (partial->kept <= size) return;
    partial->kept = (uint32_t)size;
    chunks_keep(memory, partial, (partial->kept + LINE_CHUNK_BYTES - 1) / LINE_CHUNK_BYTES);
}

static uint32_t count_newlines(const uint8_t *bytes, size_t size) {
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == '\n';
    return count;
}

static uint32_t newlines_kept(const struct partial *partial) {
    uint32_t left = partial->kept, count = 0;
    for (const struct line_chunk *chunk = partial->first; left > 0; chunk = chunk->next) {
        const uint32_t part = left < LINE_CHUNK_BYTES ? left : LINE_CHUNK_BYTES;
        count += count_newlines(chunk->bytes, part);
        left -= part;
    }
    return count;
}

static bool finish_aside(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                         size_t size, uint64_t record_size, uint32_t reason) {
    const uint64_t most = partial->kept + size;
    const bool cut = most > QUARANTINE_KEEP_OVERSIZED_MAX;
    if ((cut ? QUARANTINE_KEEP_OVERSIZED_MAX : most) + 1 > sink_line_room(sink)) return false;
    if (!partial->set_aside)
        set_aside(sink->memory, partial, reason); /* or it might be oversized */
    partial_add(partial, sink, bytes, size);
    uint8_t *place = batch_add_aside(sink->batch, sink->origin, partial->kept + 1,
                                     partial->set_aside, record_size);
    copy_kept(partial, partial->kept, place);
    place[partial->kept] = '\n';
    return true;
}

bool partial_reject(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                    size_t size, uint32_t reason) {
    if (!finish_aside(partial, sink, bytes, size, partial->size + size, reason)) return false;
    partial_forget(partial, sink->memory);
    return true;
}

static bool finish_whole(const struct partial *partial, const struct sink *sink,
                         const uint8_t *bytes, size_t size, enum sink_form form) {
    uint8_t last[2] = {0};
    add_last(last, partial->last_bytes, 2);
    add_last(last, bytes, size);
    const uint32_t ends = last[1] == '\n';
    const uint64_t whole = partial->size + size - ends;
    if (whole == 0) return true;
    const uint32_t newlines =
        form == SINK_LINE ? 0 : newlines_kept(partial) + count_newlines(bytes, size) - ends;
    const uint32_t spare = form == SINK_ESCAPE ? sink_spare(sink, whole, newlines) : 0;
    if (whole + spare + 1 > sink_line_room(sink)) return false;
    uint8_t *place = newlines > 0
                         ? batch_add_record(sink->batch, sink->origin, (uint32_t)whole, spare)
                         : sink_lines(sink, (uint32_t)whole + 1);
    const uint32_t kept = partial->kept < whole ? partial->kept : (uint32_t)whole;
    copy_kept(partial, kept, place);
    if (size > 0 && whole > kept) memcpy(place + kept, bytes, whole - kept);
    if (newlines == 0) place[whole] = '\n';
    return true;
}

bool partial_finish(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                    size_t size, enum sink_form form) {
    const uint64_t whole = partial->size + size - line_end(partial, bytes, size);
    const bool aside = partial->set_aside || whole > sink->line_bytes_max;
    if (aside ? !finish_aside(partial, sink, bytes, size, whole, REJECT_OVERSIZED)
              : !finish_whole(partial, sink, bytes, size, form))
        return false;
    partial_forget(partial, sink->memory);
    return true;
}

bool partial_finish_forward(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                            size_t size, uint64_t json_bytes) {
    const uint64_t whole = partial->size + size;
    const uint32_t json = sink_json_room(sink, json_bytes);
    if (partial->set_aside || whole > sink->line_bytes_max)
        return finish_aside(partial, sink, bytes, size, whole, REJECT_OVERSIZED) &&
               (partial_forget(partial, sink->memory), true);
    if (BATCH_FORWARD_BYTES(whole, json) > sink_line_room(sink)) return false;
    uint8_t *place = batch_add_forward(sink->batch, sink->origin, (uint32_t)whole, json);
    copy_kept(partial, partial->kept, place);
    if (size > 0) memcpy(place + partial->kept, bytes, size);
    partial_forget(partial, sink->memory);
    return true;
}

bool partial_end(struct partial *partial, const struct sink *sink, enum sink_form form) {
    return partial->size == 0 || partial_finish(partial, sink, NULL, 0, form);
}
