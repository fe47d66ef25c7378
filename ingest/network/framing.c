/* framing.c - cuts a stream of bytes at its newlines. */
#include "ingest/network/framing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

/* ---- line memory ---- */

int line_memory_create(uint32_t bytes, struct line_memory *memory) {
    const uint32_t count = bytes / sizeof(struct line_chunk);
    *memory = (struct line_memory){.chunks = malloc((size_t)count * sizeof(struct line_chunk)),
                                   .holders = calloc((size_t)count + 1, sizeof(struct framing *)),
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

/* Moves a framing to the list of those with this number of chunks. */
static void hold(struct line_memory *memory, struct framing *framing, uint32_t chunks) {
    if (framing->chunks > 0) {
        if (framing->next) framing->next->previous = framing->previous;
        if (framing->previous)
            framing->previous->next = framing->next;
        else
            memory->holders[framing->chunks] = framing->next;
    }
    framing->chunks = chunks;
    if (chunks == 0) return;
    framing->previous = NULL;
    framing->next = memory->holders[chunks];
    if (framing->next) framing->next->previous = framing;
    memory->holders[chunks] = framing;
    if (chunks > memory->longest) memory->longest = chunks;
}

/* Frees all chunks except the first `count`. */
static void chunks_keep(struct line_memory *memory, struct framing *framing, uint32_t count) {
    if (framing->chunks <= count) return;
    struct line_chunk **link = &framing->first;
    framing->last = NULL;
    for (uint32_t i = 0; i < count; i++) {
        framing->last = *link;
        link = &(*link)->next;
    }
    while (*link) {
        struct line_chunk *chunk = *link;
        *link = chunk->next;
        chunk->next = memory->free;
        memory->free = chunk;
    }
    hold(memory, framing, count);
    if (framing->kept > count * LINE_CHUNK_BYTES) framing->kept = count * LINE_CHUNK_BYTES;
}

/* ---- lines set aside ---- */

static void set_aside(struct line_memory *memory, struct framing *framing, uint32_t reason) {
    const uint32_t head_chunks =
        (QUARANTINE_KEEP_OVERSIZED_MAX + LINE_CHUNK_BYTES - 1) / LINE_CHUNK_BYTES;
    framing->set_aside = reason;
    if (reason == REJECT_LINE_MEMORY) framing->head_only = true;
    chunks_keep(memory, framing, head_chunks);
    if (framing->kept > QUARANTINE_KEEP_OVERSIZED_MAX)
        framing->kept = QUARANTINE_KEEP_OVERSIZED_MAX;
}

/* Frees at least one chunk: the longest line is cut to its beginning.  If no line is longer than
 * its beginning, one of the longest gives up that too. */
static void longest_gives_way(struct line_memory *memory) {
    while (memory->longest > 0 && !memory->holders[memory->longest])
        memory->longest--; /* ends: it was raised one chunk at a time */
    struct framing *longest = memory->holders[memory->longest];
    assert(longest);
    const uint32_t before = longest->chunks;
    if (!longest->set_aside) set_aside(memory, longest, REJECT_LINE_MEMORY);
    if (longest->chunks < before) return;
    longest->head_only = true;
    chunks_keep(memory, longest, 0);
}

/* The place for the next byte of the unfinished line, and the room there. */
static uint32_t line_room(struct line_memory *memory, struct framing *framing, uint8_t **place) {
    uint32_t room = framing->chunks * LINE_CHUNK_BYTES - framing->kept;
    if (room == 0) {
        struct line_chunk *chunk = chunk_take(memory);
        if (!chunk) {
            longest_gives_way(memory);
            return 0; /* it may have been this line: the caller looks again */
        }
        if (framing->last)
            framing->last->next = chunk;
        else
            framing->first = chunk;
        framing->last = chunk;
        hold(memory, framing, framing->chunks + 1);
        room = LINE_CHUNK_BYTES;
    }
    *place = framing->last->bytes + LINE_CHUNK_BYTES - room;
    return room;
}

static void keep_unfinished(struct framing *framing, const struct framing_rules *rules,
                            const uint8_t *bytes, size_t size) {
    if (size == 0) return;
    framing->size += size;
    framing->ends_in_cr = bytes[size - 1] == '\r';
    /* The byte after the limit may be the CR of a CRLF. */
    if (!framing->set_aside && framing->size > (uint64_t)rules->line_bytes_max + 1)
        set_aside(rules->memory, framing, REJECT_OVERSIZED);
    while (size > 0 && !framing->head_only) {
        uint8_t *place;
        size_t part = line_room(rules->memory, framing, &place);
        if (part > size) part = size;
        if (framing->set_aside && part > QUARANTINE_KEEP_OVERSIZED_MAX - framing->kept)
            part = QUARANTINE_KEEP_OVERSIZED_MAX - framing->kept;
        if (part > 0) memcpy(place, bytes, part);
        framing->kept += (uint32_t)part;
        bytes += part;
        size -= part;
        if (framing->set_aside && framing->kept == QUARANTINE_KEEP_OVERSIZED_MAX)
            framing->head_only = true;
    }
}

/* ---- records ---- */

static void copy_kept(const struct framing *framing, uint8_t *place) {
    uint32_t left = framing->kept;
    for (const struct line_chunk *chunk = framing->first; left > 0; chunk = chunk->next) {
        const uint32_t part = left < LINE_CHUNK_BYTES ? left : LINE_CHUNK_BYTES;
        memcpy(place, chunk->bytes, part);
        place += part;
        left -= part;
    }
}

static void forget(struct line_memory *memory, struct framing *framing) {
    chunks_keep(memory, framing, 0);
    *framing = (struct framing){0};
}

/* The unfinished line, these last bytes of it and a newline become a record. */
static bool finish_line(struct framing *framing, const struct framing_rules *rules,
                        struct batch *batch, const struct batch_origin *origin,
                        const uint8_t *bytes, size_t size) {
    const uint64_t whole = framing->size + size;
    const bool cr = size > 0 ? bytes[size - 1] == '\r' : framing->ends_in_cr;
    const bool aside = framing->set_aside || whole - cr > rules->line_bytes_max;
    const uint64_t needed = (aside ? QUARANTINE_KEEP_OVERSIZED_MAX : whole) + 1;
    if (needed > batch_line_room(batch)) return false;
    if (aside) {
        keep_unfinished(framing, rules, bytes, size);
        if (!framing->set_aside) set_aside(rules->memory, framing, REJECT_OVERSIZED);
        uint8_t *place =
            batch_add_aside(batch, origin, framing->kept + 1, framing->set_aside, whole - cr);
        copy_kept(framing, place);
        place[framing->kept] = '\n';
    } else {
        uint8_t *place = batch_add(batch, origin, (uint32_t)whole + 1);
        copy_kept(framing, place);
        if (size > 0) memcpy(place + framing->kept, bytes, size);
        place[whole] = '\n';
    }
    forget(rules->memory, framing);
    return true;
}

/* The offset after the last newline in these bytes; 0: there is none. */
static size_t whole_lines(const uint8_t *bytes, size_t size) {
    while (size > 0 && bytes[size - 1] != '\n')
        size--;
    return size;
}

/* The first line, if it has room; 0: it has not, or does not end here. */
static size_t first_line(const uint8_t *bytes, size_t size, size_t room) {
    const uint8_t *newline = memchr(bytes, '\n', size < room ? size : room);
    return newline == NULL ? 0 : (size_t)(newline - bytes) + 1;
}

size_t framing_take(struct framing *framing, const struct framing_rules *rules, struct batch *batch,
                    const struct batch_origin *origin, const uint8_t *bytes, size_t size) {
    size_t taken = 0;
    while (taken < size) {
        const uint8_t *at = bytes + taken;
        const size_t left = size - taken, room = batch_room(batch);
        size_t whole = 0;
        if (framing->size == 0) whole = whole_lines(at, left < room ? left : room);
        if (framing->size == 0 && whole == 0) whole = first_line(at, left, batch_line_room(batch));
        if (whole > 0) {
            memcpy(batch_add(batch, origin, (uint32_t)whole), at, whole);
            taken += whole;
            continue;
        }
        const uint8_t *newline = memchr(at, '\n', left);
        if (!newline) {
            keep_unfinished(framing, rules, at, left);
            return size;
        }
        /* The end of an unfinished line, or a whole line that does not fit. */
        if (framing->size == 0) return taken;
        const size_t part = (size_t)(newline - at);
        if (!finish_line(framing, rules, batch, origin, at, part)) return taken;
        taken += part + 1;
    }
    return taken;
}

bool framing_end(struct framing *framing, const struct framing_rules *rules, struct batch *batch,
                 const struct batch_origin *origin) {
    if (framing->size == 0) return true;
    return finish_line(framing, rules, batch, origin, NULL, 0);
}

bool framing_take_datagram(struct batch *batch, const struct batch_origin *origin,
                           const uint8_t *bytes, size_t size) {
    if (size == 0) return true;
    const bool ended = bytes[size - 1] == '\n';
    if (size + !ended > batch_line_room(batch)) return false;
    uint8_t *place = batch_add(batch, origin, (uint32_t)size + !ended);
    memcpy(place, bytes, size);
    if (!ended) place[size] = '\n';
    return true;
}
