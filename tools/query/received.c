/* received.c - see received.h. */
#include "tools/query/received.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"
#include "writer/segment/frame.h"

int64_t received_least_ns(const struct segment_name *name) {
    return name->stream[0] != '\0' ? name->opened_ns - RECEIVED_HELD_NS : INT64_MIN;
}

struct received_until received_until(struct file *file) {
    struct file_status status;
    struct received_until until = {.most_ns = INT64_MAX};
    if (file_status(file, &status) != 0 || status.modified_ns <= 0) return until;
    until.size = status.size;
    /* File timestamps are coarser than the receive times of lines. */
    until.most_ns = status.modified_ns + INT64_C(1000000000);
    return until;
}

static void add_lid(struct received *received, uint64_t end, const struct span *span) {
    if (received->count == received->room) {
        received->room = received->room > 0 ? received->room * 2 : 64;
        received->lids = reallocate(received->lids, received->room * sizeof *received->lids);
    }
    struct received_lid *lid = &received->lids[received->count++];
    *lid = (struct received_lid){.end = end, .known = span != NULL};
    if (span == NULL) return;
    lid->min_ns = span->received_min_ns;
    lid->max_ns = span->received_max_ns;
}

static void add_frame(struct received *received, uint64_t offset, uint64_t before) {
    if (received->frame_count == received->frame_room) {
        received->frame_room = received->frame_room > 0 ? received->frame_room * 2 : 64;
        received->frames =
            reallocate(received->frames, received->frame_room * sizeof *received->frames);
    }
    received->frames[received->frame_count++] = (struct received_frame){offset, before};
}

static void add_part(struct received *received, const struct received_part *part) {
    if (received->part_count == received->part_room) {
        received->part_room = received->part_room > 0 ? received->part_room * 2 : 64;
        received->parts =
            reallocate(received->parts, received->part_room * sizeof *received->parts);
    }
    received->parts[received->part_count++] = *part;
}

/* The receipts in this frame, for the last raw_size bytes of the lines up to `end`.  False: they
 * are for other lines. */
static bool add_receipts(struct received *received, struct file *file, uint64_t at, uint64_t size,
                         uint64_t end, uint64_t raw_size) {
    if (size > RECEIPTS_BYTES(RECEIPTS_MAX)) return false;
    uint8_t *const bytes = allocate((size_t)size);
    const int64_t got = file_read_at(file, bytes, (size_t)size, at);
    const uint32_t count = got == (int64_t)size ? receipts_check(bytes, (size_t)size, raw_size) : 0;
    struct received_part part = {.end = end - raw_size};
    for (uint32_t i = 0; i < count; i++) {
        const struct receipt receipt = receipts_at(bytes, i);
        part = (struct received_part){part.end + receipt.raw_size, receipt.min_ns, receipt.max_ns};
        add_part(received, &part);
    }
    free(bytes);
    return count > 0;
}

void received_open(struct received *received, struct file *file, const struct segment_name *name) {
    uint64_t raw_size = 0, at = 0, raw_end = 0;
    uint32_t kept = 0; /* frames that have receipts; those after them wait for theirs */
    *received =
        (struct received){.least_ns = received_least_ns(name), .until = received_until(file)};
    for (;;) { /* ends: every round advances by at least 8 bytes */
        uint8_t bytes[LID_BYTES];
        struct frame_header header;
        struct span span;
        uint64_t first_line;
        const int64_t got = file_read_at(file, bytes, sizeof bytes, at);
        if (got <= 0 || frame_header(bytes, (size_t)got, &header) != 0) break;
        if (header.kind == FRAME_DATA) {
            add_frame(received, at, raw_end);
            raw_size += header.raw_size;
            raw_end += header.raw_size;
        }
        if (header.magic == FRAME_MAGIC_RECEIPTS &&
            add_receipts(received, file, at, header.size, raw_end, raw_size))
            kept = received->frame_count;
        at += header.size;
        if (header.magic != FRAME_MAGIC_LID) continue;
        /* A lid with a wrong sum belongs to frames that are not here. */
        const bool known = header.size == LID_BYTES && got == LID_BYTES &&
                           lid_decode(bytes, LID_BYTES, &span, &first_line) == 0 &&
                           span.raw_size == raw_size;
        add_lid(received, at, known ? &span : NULL);
        received->frame_count = kept;
        raw_size = 0;
    }
    received->frame_count = kept;
    if (name->part || index_load(file, &received->index) != 0)
        received->index = (struct segment_index){0};
}

void received_close(struct received *received) {
    free(received->lids);
    free(received->parts);
    free(received->frames);
    index_free(&received->index);
    *received = (struct received){0};
}

static const struct received_lid *lid_of(const struct received *received, uint64_t offset) {
    uint32_t low = 0, high = received->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (received->lids[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < received->count ? &received->lids[low] : NULL;
}

static const struct index_group *group_of(const struct received *received, uint64_t offset) {
    const struct segment_index *index = &received->index;
    for (uint32_t i = index->count; i-- > 0;) /* backwards: mostly the last lines are needed */
        if (index->groups[i].offset <= offset) return &index->groups[i];
    return NULL;
}

/* The part of a frame that has receipts; NULL: it has none. */
static const struct received_part *part_of(const struct received *received, uint64_t offset,
                                           size_t at, uint64_t *before) {
    uint32_t low = 0, high = received->frame_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (received->frames[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == received->frame_count || received->frames[low].offset != offset) return NULL;
    *before = received->frames[low].before;
    const uint64_t line = *before + at;
    for (low = 0, high = received->part_count; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        if (received->parts[middle].end <= line)
            low = middle + 1;
        else
            high = middle;
    }
    return low < received->part_count ? &received->parts[low] : NULL;
}

size_t received_at(const struct received *received, uint64_t offset, size_t at, int64_t *min_ns,
                   int64_t *max_ns) {
    uint64_t before;
    const struct received_part *part = part_of(received, offset, at, &before);
    if (part != NULL) {
        *min_ns = part->min_ns;
        *max_ns = part->max_ns;
        return (size_t)(part->end - before);
    }
    const struct received_lid *lid = lid_of(received, offset);
    const struct index_group *group = lid != NULL && lid->known ? NULL : group_of(received, offset);
    *min_ns = received->least_ns;
    *max_ns = received_most_ns(&received->until, offset + 1);
    if (lid != NULL && lid->known) {
        *min_ns = lid->min_ns;
        *max_ns = lid->max_ns;
    } else if (group != NULL && group->span.received_min_ns != INT64_MIN) {
        *min_ns = group->span.received_min_ns;
        *max_ns = group->span.received_max_ns;
    }
    return SIZE_MAX;
}
