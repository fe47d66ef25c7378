/* runs.c - see runs.h.  A run is a stream of bytes, of a header and a text for each record, that is
 * cut into blocks without regard to records; each block is an LZ4 frame. */
#include "tools/query/runs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tools/query/allocate.h"
#include "writer/segment/frame.h"

#define BLOCK_BYTES         (64u << 10)
#define RECORD_HEADER_BYTES 28
#define COMPRESSION         1 /* LZ4's acceleration */

struct run {
    struct file file;
    uint32_t level; /* how often its records were merged */
    uint64_t size;  /* of the file */
    uint64_t read;  /* offset of the next block */
    uint8_t *block; /* BLOCK_BYTES: being filled, or read */
    size_t block_size, block_at;
    struct sorted_record first;
    uint8_t *text; /* of the first record */
    size_t text_room;
};

int sorted_compare(const struct sorted_record *a, const struct sorted_record *b,
                   bool newest_first) {
    int order = a->line < b->line ? -1 : a->line > b->line;
    if (a->place != b->place) order = a->place < b->place ? -1 : 1;
    if (a->time_ns != b->time_ns) order = a->time_ns < b->time_ns ? -1 : 1;
    return newest_first ? -order : order;
}

static int failed(struct runs *runs, int status) {
    if (runs->status == 0) runs->status = status;
    return runs->status;
}

/* ---- writing ---- */

static int write_block(struct runs *runs, struct run *run) {
    const size_t room = frame_bytes_max(BLOCK_BYTES);
    if (runs->scratch == NULL) runs->scratch = allocate(frame_scratch_bytes() + room);
    uint8_t *const packed = (uint8_t *)runs->scratch + frame_scratch_bytes();
    const size_t size =
        frame_encode(runs->scratch, run->block, run->block_size, COMPRESSION, packed);
    const int status = file_write_at(&run->file, packed, size, run->size);
    if (status < 0) return failed(runs, status);
    run->size += size;
    runs->bytes += size;
    run->block_size = 0;
    return 0;
}

static int write_bytes(struct runs *runs, struct run *run, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        const size_t room = BLOCK_BYTES - run->block_size, some = size < room ? size : room;
        memcpy(run->block + run->block_size, bytes, some);
        run->block_size += some;
        bytes += some;
        size -= some;
        if (run->block_size < BLOCK_BYTES) continue;
        const int status = write_block(runs, run);
        if (status < 0) return status;
    }
    return 0;
}

static void put(uint8_t *p, uint64_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static int write_record(struct runs *runs, struct run *run, const struct sorted_record *record) {
    uint8_t header[RECORD_HEADER_BYTES];
    put(header, (uint64_t)record->time_ns, 8);
    put(header + 8, record->place, 8);
    put(header + 16, record->line, 4);
    put(header + 20, record->tag, 4);
    put(header + 24, record->size, 4);
    const int status = write_bytes(runs, run, header, sizeof header);
    return status < 0 ? status : write_bytes(runs, run, record->text, record->size);
}

/* ---- reading ---- */

static int read_block(struct runs *runs, struct run *run) {
    uint8_t *const packed = (uint8_t *)runs->scratch + frame_scratch_bytes();
    const size_t room = frame_bytes_max(BLOCK_BYTES);
    struct frame_header header;
    const int64_t got = file_read_at(&run->file, packed, room, run->read);
    if (got < 0) return failed(runs, (int)got);
    if (frame_header(packed, (size_t)got, &header) != 0 || header.kind != FRAME_DATA ||
        header.size > (uint64_t)got || header.raw_size > BLOCK_BYTES ||
        frame_decode(packed, &header, run->block) != 0)
        return failed(runs, ERR_IO);
    run->read += header.size;
    run->block_size = header.raw_size;
    run->block_at = 0;
    return 0;
}

static int read_bytes(struct runs *runs, struct run *run, uint8_t *bytes, size_t size) {
    while (size > 0) {
        const size_t left = run->block_size - run->block_at, some = size < left ? size : left;
        if (left == 0) {
            const int status = read_block(runs, run);
            if (status < 0) return status;
            continue;
        }
        memcpy(bytes, run->block + run->block_at, some);
        run->block_at += some;
        bytes += some;
        size -= some;
    }
    return 0;
}

static uint64_t take(const uint8_t *p, uint32_t bytes) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

/* Reads the run's next record into run->first.  1; 0: there are no more; negative: it failed. */
static int read_record(struct runs *runs, struct run *run) {
    uint8_t header[RECORD_HEADER_BYTES];
    if (run->block_at == run->block_size && run->read == run->size) return 0;
    int status = read_bytes(runs, run, header, sizeof header);
    if (status < 0) return status;
    struct sorted_record *const first = &run->first;
    first->time_ns = (int64_t)take(header, 8);
    first->place = take(header + 8, 8);
    first->line = (uint32_t)take(header + 16, 4);
    first->tag = (uint32_t)take(header + 20, 4);
    first->size = (uint32_t)take(header + 24, 4);
    if (run->text_room < first->size) {
        run->text_room = first->size + first->size / 2;
        run->text = reallocate(run->text, run->text_room);
    }
    first->text = run->text;
    status = read_bytes(runs, run, run->text, first->size);
    return status < 0 ? status : 1;
}

static void free_run(struct runs *runs, struct run *run) {
    runs->bytes -= run->size;
    file_close(&run->file);
    free(run->block);
    free(run->text);
    free(run);
}

/* ---- the heap ---- */

static bool comes_first(const struct runs *runs, uint32_t a, uint32_t b) {
    return sorted_compare(&runs->heap[a]->first, &runs->heap[b]->first, runs->newest_first) < 0;
}

static void swap(struct runs *runs, uint32_t a, uint32_t b) {
    struct run *const run = runs->heap[a];
    runs->heap[a] = runs->heap[b];
    runs->heap[b] = run;
}

static void move_down(struct runs *runs, uint32_t at) {
    for (;;) { /* ends: `at` rises */
        uint32_t first = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < runs->count; child++)
            if (comes_first(runs, child, first)) first = child;
        if (first == at) return;
        swap(runs, at, first);
        at = first;
    }
}

static void move_up(struct runs *runs, uint32_t at) {
    for (; at > 0 && comes_first(runs, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(runs, at, (at - 1) / 2);
}

static void push(struct runs *runs, struct run *run) {
    if (runs->count == runs->room) {
        runs->room = runs->room > 0 ? runs->room * 2 : RUNS_MERGED;
        runs->heap = reallocate(runs->heap, runs->room * sizeof(struct run *));
    }
    runs->heap[runs->count++] = run;
    move_up(runs, runs->count - 1);
}

const struct sorted_record *runs_first(struct runs *runs) {
    return runs->count > 0 && runs->status == 0 ? &runs->heap[0]->first : NULL;
}

void runs_next(struct runs *runs) {
    struct run *const run = runs->heap[0];
    const int more = read_record(runs, run);
    if (more <= 0) {
        runs->heap[0] = runs->heap[--runs->count];
        free_run(runs, run);
    }
    if (runs->count > 0) move_down(runs, 0);
}

/* ---- runs ---- */

static int make_run(struct runs *runs, uint32_t level, struct run **made) {
    struct run *const run = allocate(sizeof *run);
    *run = (struct run){.level = level};
    const int status = file_temporary(&run->file, runs->where);
    if (status < 0) {
        free(run);
        return failed(runs, status);
    }
    run->block = allocate(BLOCK_BYTES);
    *made = run;
    return 0;
}

/* Its records are written: reads the first one.  On failure the run is freed. */
static int finish_run(struct runs *runs, struct run *run) {
    int status = run->block_size > 0 ? write_block(runs, run) : 0;
    if (status == 0) status = read_record(runs, run);
    if (status <= 0) free_run(runs, run);
    return status;
}

/* Moves the runs of this level from the heap to a heap of their own. */
static void split(struct runs *runs, uint32_t level, struct runs *part) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < runs->count; i++) {
        if (runs->heap[i]->level == level)
            push(part, runs->heap[i]);
        else
            runs->heap[kept++] = runs->heap[i];
    }
    runs->count = kept;
    for (uint32_t i = kept / 2; i-- > 0;)
        move_down(runs, i);
}

static void join(struct runs *runs, struct runs *part) {
    for (uint32_t i = 0; i < part->count; i++)
        push(runs, part->heap[i]);
    free(part->heap);
    runs->bytes += part->bytes; /* modulo 2^64 */
    if (part->status < 0) (void)failed(runs, part->status);
}

/* Merges the runs of this level into one of the next. */
static int merge(struct runs *runs, uint32_t level) {
    struct run *run = NULL;
    struct runs part = {.newest_first = runs->newest_first, .scratch = runs->scratch};
    int status = make_run(runs, level + 1, &run);
    if (status < 0) return status;
    split(runs, level, &part);
    for (const struct sorted_record *first; status == 0 && (first = runs_first(&part)) != NULL;) {
        status = write_record(runs, run, first);
        runs_next(&part);
    }
    join(runs, &part);
    if (runs->status < 0) {
        free_run(runs, run);
        return runs->status;
    }
    status = finish_run(runs, run);
    if (status > 0) push(runs, run);
    return status < 0 ? status : 0;
}

static uint32_t count_level(const struct runs *runs, uint32_t level) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < runs->count; i++)
        count += runs->heap[i]->level == level;
    return count;
}

int runs_begin(struct runs *runs) {
    assert(runs->open == NULL);
    return runs->status < 0 ? runs->status : make_run(runs, 0, &runs->open);
}

int runs_add(struct runs *runs, const struct sorted_record *record) {
    return runs->status < 0 ? runs->status : write_record(runs, runs->open, record);
}

int runs_end(struct runs *runs) {
    struct run *const run = runs->open;
    runs->open = NULL;
    if (run == NULL) return runs->status;
    if (runs->status < 0) {
        free_run(runs, run);
        return runs->status;
    }
    if (finish_run(runs, run) > 0) push(runs, run);
    for (uint32_t level = 0; runs->status == 0 && count_level(runs, level) >= RUNS_MERGED; level++)
        (void)merge(runs, level);
    return runs->status;
}

void runs_close(struct runs *runs) {
    if (runs->open != NULL) free_run(runs, runs->open);
    for (uint32_t i = 0; i < runs->count; i++)
        free_run(runs, runs->heap[i]);
    free(runs->heap);
    free(runs->scratch);
    *runs = (struct runs){.newest_first = runs->newest_first};
}
