/* tail_replaced.c - a stream whose segments were replaced by others: the directory was made again, or
 * a link leads to another one.  tail continues where it left those segments, if it was there. */
#include <stdlib.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/json/hash.h"
#include "tools/commands/tail_internal.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "writer/segment/frame.h"

/* The hash of the segment's first line; 0: there is none yet, or it is damaged. */
static uint64_t hash_of_segment(struct file *file) {
    uint8_t head[FRAME_HEADER_BYTES];
    struct frame_header header = {.kind = FRAME_SKIPPABLE};
    uint64_t at = 0, hash = 0;
    for (; header.kind != FRAME_DATA; at += header.size) { /* ends: `at` rises */
        const int64_t got = file_read_at(file, head, sizeof head, at);
        if (got <= 0 || frame_header(head, (size_t)got, &header) != 0) return 0;
        if (header.magic == FRAME_MAGIC_COVER) return 0;
    }
    const size_t size = (size_t)header.size;
    uint8_t *const packed = allocate(size + header.raw_size), *const raw = packed + size;
    if (file_read_at(file, packed, size, at - size) == (int64_t)size &&
        frame_decode(packed, &header, raw) == 0)
        hash =
            hash_bytes((const char *)raw, (size_t)(line_end(raw, raw + header.raw_size) - raw)) | 1;
    free(packed);
    return hash;
}

static uint64_t hash_of_file(struct tail *tail, const struct segment_file *segment) {
    struct file file;
    if (file_open(tail->call->files, segment->path, FILE_READ, &file) < 0) return 0;
    const uint64_t hash = hash_of_segment(&file);
    file_close(&file);
    return hash;
}

/* Names tell segments apart by the second in which they were opened.  Is this file, of the same
 * name, one that another daemon has begun in the same second?  A live segment is always the same
 * file; a closed one becomes another when it is re-packed or moved, with the same lines. */
static bool is_namesake(struct tail *tail, struct tailed *t, const struct segment_file *file) {
    if (!t->open || file->id == t->id) return false;
    if (file->name.part) return true;
    const uint64_t theirs = hash_of_file(tail, file);
    if (theirs != 0 && theirs != hash_of_segment(&t->reader.file)) return true;
    if (theirs != 0) t->id = file->id;
    return false;
}

/* The directory was made again, or is another one by now: the open segment's sequence belongs to
 * another segment, or all are older.  A listing that misses a segment (follows) is no reason. */
bool tail_is_replaced(struct tail *tail, struct tailed *t) {
    bool any = false, newer_one = false, ours = false;
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (!tail_belongs(t, file)) continue;
        any = true;
        if (file->name.sequence > t->sequence) newer_one = true;
        if (file->name.sequence != t->sequence) continue;
        ours = true;
        if (file->name.opened_ns != t->opened_ns || is_namesake(tail, t, file)) return true;
    }
    if (!any || newer_one || ours) t->replaced_since = 0;
    if (!any || newer_one || ours) return false;
    if (t->replaced_since == 0) t->replaced_since = tail->listings;
    return tail->listings - t->replaced_since >= GAP_LISTINGS;
}

/* Closes the open segment, which may be followed again later. */
void tail_leave_segment(struct tailed *t) {
    if (t->open)
        t->places[t->place_count++ % PLACES_MAX] =
            (struct place){.sequence = t->sequence,
                           .opened_ns = t->opened_ns,
                           .hash = hash_of_segment(&t->reader.file),
                           .offset = t->reader.next_offset,
                           .frame_number = t->reader.frame_number};
    tail_close_segment(t);
}

/* Where this segment was left; NULL: it was not followed, or that is too long ago. */
static const struct place *find_place(struct tail *tail, const struct tailed *t,
                                      const struct segment_file *file) {
    for (uint32_t k = t->place_count; k > 0 && t->place_count - k < PLACES_MAX; k--) {
        const struct place *const place = &t->places[(k - 1) % PLACES_MAX];
        if (place->sequence == file->name.sequence && place->opened_ns == file->name.opened_ns &&
            place->hash != 0 && place->hash == hash_of_file(tail, file))
            return place;
    }
    return NULL;
}

/* Continues at the newest segment that was left before.  False: there is none. */
static bool return_to_place(struct tail *tail, struct tailed *t) {
    for (uint32_t i = tail->list.count; i-- > 0;) {
        const struct segment_file *const file = &tail->list.files[i];
        const struct place *const place = tail_belongs(t, file) ? find_place(tail, t, file) : NULL;
        if (place == NULL || !tail_open_segment(tail, t, file, NULL)) continue;
        segment_reader_seek(&t->reader, place->offset);
        t->reader.frame_number = place->frame_number;
        return true;
    }
    return false;
}

void tail_begin_again(struct tail *tail, struct tailed *t) {
    tail_print_segment(tail, t, true);
    tail_leave_segment(t);
    t->begun = false;
    t->replaced_since = 0;
    const bool known = return_to_place(tail, t);
    say("%s: these are other segments than before; continuing %s", t->key,
        known ? "where they were left" : "at their beginning");
}
