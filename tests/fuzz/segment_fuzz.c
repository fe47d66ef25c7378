/* segment_fuzz.c - a segment made of what the input says, with right and wrong checksums, is read in
 * every way: nothing fails an assertion, every loop ends, the reader's and the index's view agree,
 * and an index that was just made is an index of these lines.
 *
 * The input is a list of steps: two bytes, what to append and how many bytes it takes from the
 * input.  tests/CMakeLists.txt builds and runs it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tests/unit/memory_files.h"
#include "writer/index/format.h"
#include "writer/index/index.h"
#include "writer/keep/repack.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 4096

struct maker {
    struct file file;
    uint64_t end, lines, raw_size; /* lines and raw_size: since the last lid */
    void *scratch;
};

static void put(struct maker *m, const void *bytes, size_t size) {
    const int error = file_write_at(&m->file, bytes, size, m->end);
    assert(error == 0);
    m->end += size;
}

static void put_lines(struct maker *m, const uint8_t *bytes, size_t size) {
    uint8_t raw[2 * LINES_MAX], packed[4 * LINES_MAX];
    size_t raw_size = 0;
    for (size_t i = 0; i < size && raw_size < LINES_MAX; i++) {
        m->lines += bytes[i] == '\n';
        raw[raw_size++] = bytes[i];
    }
    raw[raw_size++] = '\n';
    m->lines++;
    m->raw_size += raw_size;
    assert(frames_bytes_max(raw_size) <= sizeof packed);
    put(m, packed, frames_encode(m->scratch, raw, raw_size, 1, packed));
}

/* Sound, but it may say anything. */
static void put_lid(struct maker *m, const uint8_t *bytes, size_t size) {
    uint8_t lid[LID_BYTES];
    struct span span = span_unknown(m->lines, m->raw_size);
    const size_t part = size < sizeof span.time_min_ns ? size : sizeof span.time_min_ns;
    memcpy(&span.time_min_ns, bytes, part);
    if (size > 8) span.levels = bytes[8];
    if (size > 9) span.raw_size += bytes[9];
    put(m, lid, lid_encode(&span, 0, lid));
    m->lines = m->raw_size = 0;
}

/* An index whose values are the input's, with right checksums. */
static void put_index(struct maker *m, const uint8_t *bytes, size_t size) {
    struct index_group groups[3];
    struct index_section section = {0};
    struct segment_index index = {.groups = groups, .sections = &section, .data_size = m->end};
    memset(groups, 0, sizeof groups);
    if (size < 4) return;
    index.count = bytes[0] % 4;
    index.section_count = bytes[1] % 2;
    index.data_size -= bytes[2] % 64;
    section = (struct index_section){m->end + 24, 0, bytes[3] % 5u, 1, 1, 1, true};
    size_t at = 4;
    for (uint32_t i = 0; i < index.count; i++) { /* bytes of fields, one after the other */
        uint64_t *const fields[] = {&groups[i].offset, &groups[i].size, &groups[i].span.lines};
        for (size_t k = 0; k < 3; k++)
            for (int shift = 0; shift < 64 && at < size; shift += 8, at++)
                *fields[k] |= (uint64_t)bytes[at] << shift;
        groups[i].raw_size = (uint32_t)(groups[i].span.lines >> 32);
        groups[i].frames = at < size ? bytes[at++] : 0;
        groups[i].counts.levels[0] = (uint32_t)groups[i].span.lines;
        groups[i].span.levels = 1;
    }
    uint8_t frame[1024], footer_bytes[FOOTER_BYTES];
    assert(index_frame_bytes(&index) <= sizeof frame);
    index_encode(&index, frame);
    const struct index_footer footer = {m->end, (uint32_t)index_frame_bytes(&index)};
    put(m, frame, footer.index_size);
    footer_encode(&footer, footer_bytes);
    put(m, footer_bytes, sizeof footer_bytes);
}

static void put_skippable(struct maker *m, const uint8_t *bytes, size_t size) {
    uint8_t header[8] = {(uint8_t)(0x50 | (size > 0 ? bytes[0] & 0xF : 0)), 0x2A, 0x4D, 0x18};
    header[4] = (uint8_t)size;
    if (size > 1) header[5] = bytes[1] & 1; /* it may be longer than it is */
    put(m, header, sizeof header);
    put(m, bytes, size);
}

/* Returns how many lines there are, to_damage: before the first damage of a header.  (After it,
 * frames inside a skippable frame may count, until the damage is cut off as a torn index.) */
static uint64_t read_all(struct file *file, bool to_damage) {
    struct segment_reader reader = {.file = *file};
    uint64_t lines = 0;
    for (;;) { /* must end: each round advances */
        enum segment_damage damage = SEGMENT_SOUND;
        const int more = segment_reader_next(&reader, &damage);
        assert(more >= 0);
        lines += reader.raw_lines;
        if (more > 0) continue;
        if (to_damage && damage == SEGMENT_BAD_DATA) continue;
        if (to_damage || damage == SEGMENT_SOUND || segment_reader_skip_damage(&reader) <= 0) break;
    }
    reader.file = (struct file){0};
    segment_reader_close(&reader);
    return lines;
}

static void use_index(struct maker *m, struct files *files) {
    struct segment_index index;
    uint64_t offset;
    (void)index_check(&m->file, &offset);
    if (index_load(&m->file, &index) != 0) return;
    const uint64_t hashes[] = {0x123456789ABCD000, 0xFEDCBA9876543800};
    uint8_t *candidates = malloc(INDEX_CANDIDATES_BYTES(index.count) + 1);
    assert(candidates != NULL);
    (void)index_candidates(&m->file, &index, hashes, 2, candidates);
    free(candidates);
    (void)index_compare(&m->file, &index, true, NULL, &offset);
    struct file copy;
    if (file_open(files, "copy", FILE_WRITE_NEW, &copy) == 0) {
        const struct repack_options options = {.level = 3};
        const int packed = repack(&m->file, &index, &copy, &options);
        assert(packed != 0 || read_all(&copy, true) == read_all(&m->file, true));
        file_close(&copy);
    }
    index_free(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct memory_files files; /* larger than a stack should hold */
    struct maker m = {.scratch = malloc(frame_scratch_bytes())};
    assert(m.scratch != NULL);
    memory_files_open(&files);
    int error = file_open(&files.files, "segment", FILE_WRITE_NEW, &m.file);
    assert(error == 0);
    for (size_t at = 0; at + 2 <= size;) { /* each round takes two bytes or more */
        const uint8_t what = data[at] % 6, *bytes = data + at + 2;
        size_t taken = data[at + 1];
        if (taken > size - at - 2) taken = size - at - 2;
        at += 2 + taken;
        if (what == 0) put(&m, bytes, taken);
        if (what == 1 || what == 2) put_lines(&m, bytes, taken);
        if (what == 3) put_lid(&m, bytes, taken);
        if (what == 4) put_skippable(&m, bytes, taken);
        if (what == 5) put_index(&m, bytes, taken);
    }
    const uint64_t lines = read_all(&m.file, true);
    (void)read_all(&m.file, false);
    use_index(&m, &files.files);
    const struct index_options replace = {.replace = true};
    error = index_append(&m.file, &replace);
    assert(read_all(&m.file, true) == lines);
    if (error == 0) {
        struct segment_index index;
        uint64_t offset;
        assert(index_check(&m.file, &offset) == 0);
        error = index_load(&m.file, &index);
        assert(error == 0);
        index_free(&index);
    }
    file_close(&m.file);
    memory_files_close(&files);
    free(m.scratch);
    return 0;
}
