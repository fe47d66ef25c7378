/* index.c - finds, reads and queries a segment's index: see index.h.
 * The filters stay in the file: testing a token takes one read for each section. */
#include "writer/index/index.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/index/filter.h"
#include "writer/index/format.h"
#include "writer/segment/frame.h"

/* Far above what a segment of 4 TiB needs; a damaged footer must not make us allocate more. */
#define INDEX_BYTES_MAX (256u << 20)

static int read_exactly(struct file *file, void *bytes, size_t size, uint64_t offset);
static int load_footer(struct file *file, uint64_t *file_size, struct index_footer *footer);
static int load_index(struct file *file, const struct index_footer *footer, uint64_t file_size,
                      struct segment_index *index);

int index_load(struct file *file, struct segment_index *index) {
    uint64_t file_size;
    struct index_footer footer;
    *index = (struct segment_index){0};
    int error = load_footer(file, &file_size, &footer);
    if (!error) error = load_index(file, &footer, file_size, index);
    if (!error) index->index_bytes = file_size - index->data_size;
    return error == ERR_INVALID || error == ERR_UNSUPPORTED ? ERR_NOT_FOUND : error;
}

/* ---- querying ---- */

/* Clears the candidates of a section that do not hold the token. */
static int ask_section(struct file *file, const struct index_section *section, uint64_t hash,
                       uint8_t *candidates) {
    uint8_t row[FILTER_ROW_BYTES(FILTER_GROUPS_MAX)];
    const size_t row_size = FILTER_ROW_BYTES(section->groups);
    const struct filter_shape shape = {section->rows, section->probes, section->window_probes};
    struct filter_probe probe;
    filter_probe(shape, hash, 0, &probe);
    const int error =
        read_exactly(file, row, row_size, section->offset + (uint64_t)probe.row * row_size);
    if (error == ERR_INVALID) return 0;
    if (error) return error;
    if (!filters_row_sound(row, section->groups)) return 0;
    for (uint32_t i = 0; i < section->groups; i++) {
        const uint32_t group = section->first_group + i;
        if (section->by_group) filter_probe(shape, hash, i, &probe);
        if (!filter_holds(&probe, row + (size_t)i * FILTER_LINE_BYTES))
            candidates[group / 8] &= (uint8_t) ~(1u << group % 8);
    }
    return 0;
}

int index_candidates(struct file *file, const struct segment_index *index, const uint64_t *hashes,
                     uint32_t count, uint8_t *candidates) {
    int error = 0;
    memset(candidates, 0xFF, INDEX_CANDIDATES_BYTES(index->count));
    for (uint32_t s = 0; s < index->section_count && !error; s++)
        for (uint32_t i = 0; i < count && !error; i++)
            error = ask_section(file, &index->sections[s], hashes[i], candidates);
    for (uint32_t i = 0; i < index->count; i++) {
        const struct index_group *group = &index->groups[i];
        if (error || group->damaged || !group->filtered)
            candidates[i / 8] |= (uint8_t)(1u << i % 8);
    }
    for (uint32_t i = index->count; i % 8 != 0; i++) /* after the last group */
        candidates[i / 8] &= (uint8_t) ~(1u << i % 8);
    return error;
}

/* ---- checking ---- */

static int check_section(struct file *file, const struct index_section *section, uint64_t *offset) {
    uint8_t bytes[FILTER_ROW_BYTES(FILTER_GROUPS_MAX)];
    const size_t row_size = FILTER_ROW_BYTES(section->groups);
    *offset = section->offset - FILTERS_HEADER_BYTES;
    int error = read_exactly(file, bytes, FILTERS_HEADER_BYTES, *offset);
    if (!error) error = filters_header_check(bytes, section);
    for (uint32_t row = 0; row < section->rows && !error; row++) {
        *offset = section->offset + (uint64_t)row * row_size;
        error = read_exactly(file, bytes, row_size, *offset);
        if (!error && !filters_row_sound(bytes, section->groups)) error = ERR_INVALID;
    }
    return error;
}

/* Between filters, index and footer there may only be padding. */
static int check_gap(struct file *file, uint64_t begin, uint64_t end) {
    uint8_t bytes[FRAME_COVER_BYTES], padding[FRAME_COVER_BYTES];
    if (begin == end) return 0;
    if (end < begin || end - begin != sizeof bytes) return ERR_INVALID;
    const int error = read_exactly(file, bytes, sizeof bytes, begin);
    if (error) return error;
    (void)frame_padding(UINT64_MAX, padding); /* a page's last byte: there is padding */
    return memcmp(bytes, padding, sizeof bytes) == 0 ? 0 : ERR_INVALID;
}

static int check_whole(struct file *file, const struct segment_index *index,
                       const struct index_footer *footer, uint64_t file_size, uint64_t *offset) {
    uint64_t at = index->data_size;
    for (uint32_t i = 0; i < index->section_count; i++) {
        const struct index_section *section = &index->sections[i];
        *offset = at;
        int error = check_gap(file, at, section->offset - FILTERS_HEADER_BYTES);
        if (!error) error = check_section(file, section, offset);
        if (error) return error;
        at = section->offset - FILTERS_HEADER_BYTES +
             filters_frame_bytes(section->groups, section->rows);
    }
    *offset = at;
    const int error = check_gap(file, at, footer->index_offset);
    if (error) return error;
    *offset = footer->index_offset + footer->index_size;
    return check_gap(file, *offset, file_size - FOOTER_BYTES);
}

/* Without a sound footer: is there any part of an index after the lines?  Goes from frame to frame
 * by their headers.  ERR_NOT_FOUND: no. */
static int look_for_rest(struct file *file, uint64_t *offset) {
    *offset = 0;
    for (;;) { /* each round advances by 8 bytes or more; the file's end ends it */
        uint8_t bytes[FRAME_HEADER_BYTES];
        struct frame_header header;
        const int64_t got = file_read_at(file, bytes, sizeof bytes, *offset);
        if (got < 0) return (int)got;
        if (frame_header(bytes, (size_t)got, &header)) return ERR_NOT_FOUND;
        if (header.magic >= FRAME_MAGIC_FILTERS && header.magic <= FRAME_MAGIC_FOOTER)
            return ERR_INVALID;
        *offset += header.size;
    }
}

int index_check(struct file *file, uint64_t *offset) {
    uint64_t file_size;
    struct index_footer footer;
    struct segment_index index;
    int error = load_footer(file, &file_size, &footer);
    if (error == ERR_NOT_FOUND || error == ERR_INVALID) return look_for_rest(file, offset);
    *offset = footer.index_offset;
    if (!error) error = load_index(file, &footer, file_size, &index);
    if (error) return error == ERR_UNSUPPORTED ? ERR_NOT_FOUND : error;
    error = check_whole(file, &index, &footer, file_size, offset);
    index_free(&index);
    return error;
}

/* ---- reading ---- */

/* ERR_INVALID: the file ends before. */
static int read_exactly(struct file *file, void *bytes, size_t size, uint64_t offset) {
    const int64_t got = file_read_at(file, bytes, size, offset);
    if (got < 0) return (int)got;
    return (size_t)got == size ? 0 : ERR_INVALID;
}

static int load_footer(struct file *file, uint64_t *file_size, struct index_footer *footer) {
    uint8_t bytes[FOOTER_BYTES];
    struct file_status status;
    int error = file_status(file, &status);
    if (error) return error;
    *file_size = status.size;
    if (status.size < FOOTER_BYTES) return ERR_NOT_FOUND;
    error = read_exactly(file, bytes, sizeof bytes, status.size - FOOTER_BYTES);
    if (!error) error = footer_decode(bytes, footer);
    if (error) return error;
    const uint64_t end = status.size - FOOTER_BYTES;
    if (footer->index_offset > end || footer->index_size > end - footer->index_offset)
        return ERR_INVALID;
    return 0;
}

/* May only padding be between them? */
static bool follows(uint64_t end, uint64_t begin) {
    return begin == end || (begin > end && begin - end == FRAME_COVER_BYTES);
}

/* Filters, index and footer follow the lines without a gap in which lines could be. */
static bool follows_the_lines(const struct segment_index *index, const struct index_footer *footer,
                              uint64_t file_size) {
    uint64_t end = index->data_size;
    for (uint32_t i = 0; i < index->section_count; i++) {
        const struct index_section *section = &index->sections[i];
        const uint64_t begin = section->offset - FILTERS_HEADER_BYTES;
        if (!follows(end, begin)) return false;
        end = begin + filters_frame_bytes(section->groups, section->rows);
    }
    return follows(end, footer->index_offset) &&
           follows(footer->index_offset + footer->index_size, file_size - FOOTER_BYTES);
}

/* ERR_INVALID: between these offsets is something else than whole skippable frames. */
static int check_no_lines(struct file *file, uint64_t at, uint64_t end) {
    while (at < end) { /* each round advances by 8 bytes or more */
        uint8_t bytes[FRAME_HEADER_BYTES];
        struct frame_header header;
        const int64_t got = file_read_at(file, bytes, sizeof bytes, at);
        if (got < 0) return (int)got;
        if (frame_header(bytes, (size_t)got, &header) || header.kind == FRAME_DATA)
            return ERR_INVALID;
        at += header.size;
    }
    return at == end ? 0 : ERR_INVALID;
}

/* Are there lines that belong to no group?  Between groups there usually is a lid or nothing, and
 * no need to look. */
static int check_gaps(struct file *file, const struct segment_index *index) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < index->count; i++) {
        const struct index_group *group = &index->groups[i];
        const uint64_t gap = group->offset - end;
        const bool usual =
            i > 0 ? gap == LID_BYTES || follows(end + LID_BYTES, group->offset) : false;
        const int error = gap == 0 || usual ? 0 : check_no_lines(file, end, group->offset);
        if (error) return error;
        end = group->offset + group->size;
    }
    return check_no_lines(file, end, index->data_size);
}

static int load_index(struct file *file, const struct index_footer *footer, uint64_t file_size,
                      struct segment_index *index) {
    if (footer->index_size > INDEX_BYTES_MAX) return ERR_INVALID;
    uint8_t *bytes = malloc((size_t)footer->index_size + 1);
    if (bytes == NULL) return ERR_NO_MEMORY;
    int error = read_exactly(file, bytes, footer->index_size, footer->index_offset);
    if (!error) error = index_decode(bytes, footer->index_size, index);
    free(bytes);
    if (error) return error;
    error = follows_the_lines(index, footer, file_size) ? check_gaps(file, index) : ERR_INVALID;
    if (error) index_free(index);
    return error;
}
