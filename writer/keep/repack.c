/* repack.c - see repack.h.  Each group of the segment becomes a group of the copy: its lines are
 * collected and compressed into larger frames, followed by the receipts of its lids and a lid with
 * the group's span. */
#include "writer/keep/repack.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_reader.h"

struct repacking {
    const struct segment_index *index;
    struct file *to;
    const struct repack_options *options;
    struct segment_reader reader;
    uint64_t end; /* of the written bytes */
    /* The lines of one group, raw and compressed. */
    uint8_t *raw, *packed;
    size_t raw_room, packed_room;
    void *scratch;
    struct receipt *receipts;
    uint32_t receipt_count, receipt_room;
};

static int open_repacking(struct repacking *r, struct file *from);
static void close_repacking(struct repacking *r);
static int write_group(struct repacking *r, uint32_t number);
static int compare(struct file *file, const struct segment_index *index);

int repack(struct file *from, const struct segment_index *index, struct file *to,
           const struct repack_options *options) {
    struct repacking r = {.index = index, .to = to, .options = options};
    const struct index_options index_options = {
        .stop = options->stop, .deleted = options->deleted, .repacked = true};
    uint64_t wrong;
    int error = index_compare(from, index, false, options->stop, &wrong);
    if (!error) error = open_repacking(&r, from);
    for (uint32_t i = 0; i < index->count && !error; i++)
        error = write_group(&r, i);
    close_repacking(&r); /* not open: does nothing */
    if (!error) error = index_append(to, &index_options);
    if (!error) error = compare(to, index);
    return error ? error : file_sync(to);
}

static int open_repacking(struct repacking *r, struct file *from) {
    r->reader.file = *from;
    r->scratch = malloc(frame_hc_scratch_bytes());
    return r->scratch == NULL ? ERR_NO_MEMORY : 0;
}

static void close_repacking(struct repacking *r) {
    r->reader.file = (struct file){0}; /* the caller owns it */
    segment_reader_close(&r->reader);
    free(r->scratch);
    free(r->raw);
    free(r->receipts);
    free(r->packed);
}

static bool stopped(const struct repacking *r) {
    const atomic_bool *stop = r->options->stop, *deleted = r->options->deleted;
    return (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed)) ||
           (deleted != NULL && atomic_load_explicit(deleted, memory_order_relaxed));
}

static int make_room(uint8_t **bytes, size_t *room, size_t size) {
    if (*room >= size) return 0;
    free(*bytes);
    *bytes = malloc(size);
    *room = *bytes != NULL ? size : 0;
    return *bytes != NULL ? 0 : ERR_NO_MEMORY;
}

/* Reads all lines of the group into r->raw.  ERR_INVALID: they do not match the index. */
static int read_group(struct repacking *r, const struct index_group *group) {
    size_t size = 0;
    uint64_t lines = 0;
    segment_reader_seek(&r->reader, group->offset);
    while (r->reader.next_offset <
           group->offset + group->size) { /* each round advances by a frame */
        enum segment_damage damage;
        const int more = segment_reader_next(&r->reader, &damage);
        if (more <= 0) return more < 0 ? more : ERR_INVALID;
        if (stopped(r)) return ERR_CANCELLED;
        if (r->reader.raw_size > group->raw_size - size) return ERR_INVALID;
        memcpy(r->raw + size, r->reader.raw, r->reader.raw_size);
        size += r->reader.raw_size;
        lines += r->reader.raw_lines;
    }
    return size == group->raw_size && lines == group->span.lines ? 0 : ERR_INVALID;
}

/* ---- receipts ---- */

/* Beyond RECEIPTS_MAX the last one becomes wider. */
static int add_receipt(struct repacking *r, const struct receipt *receipt) {
    if (r->receipt_count == RECEIPTS_MAX) {
        struct receipt *last = &r->receipts[r->receipt_count - 1];
        last->raw_size += receipt->raw_size;
        if (receipt->min_ns < last->min_ns) last->min_ns = receipt->min_ns;
        if (receipt->max_ns > last->max_ns) last->max_ns = receipt->max_ns;
        return 0;
    }
    if (r->receipt_count == r->receipt_room) {
        const uint32_t room = r->receipt_room > 0 ? 2 * r->receipt_room : 64;
        struct receipt *more = realloc(r->receipts, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        r->receipts = more;
        r->receipt_room = room;
    }
    r->receipts[r->receipt_count++] = *receipt;
    return 0;
}

/* Those of a segment that is re-packed again.  *raw_size: of the lines before the frame; 0
 * afterwards if it is for these. */
static int take_receipts(struct repacking *r, uint64_t offset, uint64_t size, uint64_t *raw_size) {
    if (size > RECEIPTS_BYTES(RECEIPTS_MAX)) return 0;
    uint8_t *const bytes = malloc((size_t)size);
    if (bytes == NULL) return ERR_NO_MEMORY;
    const int64_t got = file_read_at(&r->reader.file, bytes, (size_t)size, offset);
    const uint32_t count =
        got == (int64_t)size ? receipts_check(bytes, (size_t)size, *raw_size) : 0;
    int error = got < 0 ? (int)got : 0;
    for (uint32_t i = 0; i < count && !error; i++) {
        const struct receipt receipt = receipts_at(bytes, i);
        error = add_receipt(r, &receipt);
    }
    if (count > 0) *raw_size = 0;
    free(bytes);
    return error;
}

/* What the lids of the group say.  Lines without a lid of their own were received when the index
 * says that those of the group were. */
static int collect_receipts(struct repacking *r, uint32_t number) {
    const struct index_group *const group = &r->index->groups[number];
    const uint64_t end =
        number + 1 < r->index->count ? r->index->groups[number + 1].offset : r->index->data_size;
    const struct span *const all = &group->span;
    struct receipt receipt = {0, all->received_min_ns, all->received_max_ns};
    uint64_t raw_size = 0;
    int error = 0;
    r->receipt_count = 0;
    for (uint64_t at = group->offset; at < end && !error;) { /* each round: a frame */
        uint8_t bytes[LID_BYTES];
        struct frame_header header;
        struct span span;
        uint64_t first_line;
        const int64_t got = file_read_at(&r->reader.file, bytes, sizeof bytes, at);
        if (got < 0) return (int)got;
        if (frame_header(bytes, (size_t)got, &header)) return ERR_INVALID;
        if (header.kind == FRAME_DATA) raw_size += header.raw_size;
        if (header.magic == FRAME_MAGIC_RECEIPTS)
            error = take_receipts(r, at, header.size, &raw_size);
        at += header.size;
        if (header.magic != FRAME_MAGIC_LID || raw_size == 0) continue;
        receipt = (struct receipt){(uint32_t)raw_size, all->received_min_ns, all->received_max_ns};
        if (header.size == LID_BYTES && lid_decode(bytes, LID_BYTES, &span, &first_line) == 0 &&
            span.raw_size == raw_size)
            receipt =
                (struct receipt){(uint32_t)raw_size, span.received_min_ns, span.received_max_ns};
        error = add_receipt(r, &receipt);
        raw_size = 0;
    }
    if (raw_size == 0 || error) return error;
    receipt = (struct receipt){(uint32_t)raw_size, all->received_min_ns, all->received_max_ns};
    return add_receipt(r, &receipt);
}

static int write_group(struct repacking *r, uint32_t number) {
    const struct index_group *const group = &r->index->groups[number];
    if (group->damaged || group->raw_size == 0) return ERR_INVALID;
    const int collected = collect_receipts(r, number);
    if (collected) return collected;
    const size_t packed_max =
        frames_bytes_max(group->raw_size) + RECEIPTS_BYTES(r->receipt_count) + LID_BYTES;
    const int level = r->options->level > 0 ? r->options->level : REPACK_LEVEL_DEFAULT;
    int error = make_room(&r->raw, &r->raw_room, group->raw_size);
    if (!error) error = make_room(&r->packed, &r->packed_room, packed_max);
    if (!error) error = read_group(r, group);
    if (error) return error;
    size_t size = frames_encode_hc(r->scratch, r->raw, group->raw_size, level, r->packed);
    if (r->receipt_count > 1) /* a single one would say what the lid says */
        size += receipts_encode(r->receipts, r->receipt_count, r->packed + size);
    size += lid_encode(&group->span, group->first_line, r->packed + size);
    error = file_write_at(r->to, r->packed, size, r->end);
    r->end += size;
    return error;
}

/* ---- checking the copy ---- */

/* The copy's digest is of the lines that index_append has read back from it. */
static int compare(struct file *file, const struct segment_index *index) {
    struct segment_index copy;
    uint64_t offset;
    int error = index_load(file, &copy);
    if (error) return error == ERR_NOT_FOUND ? ERR_INVALID : error;
    const bool same = copy.lines == index->lines && copy.lines_digest == index->lines_digest;
    index_free(&copy);
    return same ? index_check(file, &offset) : ERR_INVALID;
}

int repack_take_place(struct files *files, const char *copy_path, const char *path) {
    struct file_status status;
    const int error = file_status_of(files, path, &status);
    return error ? error : file_rename(files, copy_path, path);
}
