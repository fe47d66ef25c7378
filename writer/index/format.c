/* format.c - filters' headers, index and footer, field by field: see format.h.
 * A reader uses an index only after its checksum and its values have been checked. */
#include "writer/index/format.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/index/filter.h"
#include "writer/segment/digest.h"
#include "writer/segment/frame.h"

#define FLAG_DAMAGED  1u
#define FLAG_FILTERED 2u
#define FLAG_PARTS    4u
/* Of the whole index. */
#define FLAG_REPACKED 1u
/* LZ4 makes nothing smaller than 1/255 (a match's length grows by 255 with each byte). */
#define LZ4_RATIO_MAX 256

static uint8_t *put_u8(uint8_t *p, uint8_t value);
static uint8_t *put_u16(uint8_t *p, uint16_t value);
static uint8_t *put_u32(uint8_t *p, uint32_t value);
static uint8_t *put_u64(uint8_t *p, uint64_t value);
static uint32_t take_u32(const uint8_t **p);
static uint64_t take_u64(const uint8_t **p);

static uint8_t *put_frame(uint8_t *p, uint32_t magic, uint64_t frame_size) {
    assert(frame_size >= INDEX_SKIP_BYTES && frame_size - INDEX_SKIP_BYTES <= UINT32_MAX);
    p = put_u32(p, magic);
    return put_u32(p, (uint32_t)(frame_size - INDEX_SKIP_BYTES));
}

/* Of everything from the frame's first byte on. */
static uint8_t *put_checksum(uint8_t *p, const uint8_t *frame) {
    return put_u32(p, digest_32(frame, (size_t)(p - frame)));
}

/* Has the frame this magic and size, and does the checksum at the end of its first `size` bytes
 * match? */
static bool frame_sound(const uint8_t *frame, size_t size, uint32_t magic, uint64_t frame_size) {
    const uint8_t *p = frame, *end = frame + size - INDEX_CHECKSUM_BYTES;
    return take_u32(&p) == magic && take_u32(&p) == frame_size - INDEX_SKIP_BYTES &&
           take_u32(&end) == digest_32(frame, size - INDEX_CHECKSUM_BYTES);
}

/* ---- filters ---- */

uint64_t filters_frame_bytes(uint32_t groups, uint32_t rows) {
    return FILTERS_HEADER_BYTES + (uint64_t)rows * FILTER_ROW_BYTES(groups);
}

/* Version 1 has one number for tokens and windows. */
static uint32_t probes_code(const struct index_section *section) {
    return section->by_group ? section->probes | section->window_probes << 4 : section->probes;
}

void filters_header_encode(const struct index_section *section, uint8_t *out) {
    uint8_t *p =
        put_frame(out, FRAME_MAGIC_FILTERS, filters_frame_bytes(section->groups, section->rows));
    p = put_u8(p, section->by_group ? 2 : 1);
    p = put_u8(p, (uint8_t)probes_code(section));
    p = put_u16(p, (uint16_t)section->groups);
    p = put_u32(p, section->rows);
    p = put_u32(p, section->first_group);
    p = put_checksum(p, out);
    assert(p - out == FILTERS_HEADER_BYTES);
}

int filters_header_check(const uint8_t *bytes, const struct index_section *section) {
    uint8_t expected[FILTERS_HEADER_BYTES];
    filters_header_encode(section, expected);
    return memcmp(bytes, expected, sizeof expected) == 0 ? 0 : ERR_INVALID;
}

void filters_row_seal(uint8_t *lines, uint32_t groups) {
    const size_t size = (size_t)groups * FILTER_LINE_BYTES;
    put_u32(lines + size, digest_32(lines, size));
}

bool filters_row_sound(const uint8_t *lines, uint32_t groups) {
    const size_t size = (size_t)groups * FILTER_LINE_BYTES;
    const uint8_t *p = lines + size;
    return take_u32(&p) == digest_32(lines, size);
}

/* ---- the index ---- */

uint64_t index_frame_bytes(const struct segment_index *index) {
    return INDEX_HEADER_BYTES + (uint64_t)index->section_count * INDEX_SECTION_BYTES +
           (uint64_t)index->count * INDEX_GROUP_BYTES + INDEX_CHECKSUM_BYTES;
}

static uint8_t *put_counts(uint8_t *p, const struct counts *counts) {
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        p = put_u32(p, (uint32_t)counts->levels[i]);
    p = put_u32(p, (uint32_t)counts->timed);
    p = put_u64(p, (uint64_t)counts->time_min_ns);
    return put_u64(p, (uint64_t)counts->time_max_ns);
}

static void take_counts(const uint8_t **p, struct counts *counts) {
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        counts->levels[i] = take_u32(p);
    counts->timed = take_u32(p);
    counts->time_min_ns = (int64_t)take_u64(p);
    counts->time_max_ns = (int64_t)take_u64(p);
}

static uint8_t *put_group(uint8_t *p, const struct index_group *group) {
    const uint32_t flags = (group->damaged ? FLAG_DAMAGED : 0) |
                           (group->filtered ? FLAG_FILTERED : 0) | (group->parts ? FLAG_PARTS : 0);
    p = put_u64(p, group->offset);
    p = put_u64(p, group->size);
    p = put_u32(p, group->raw_size);
    p = put_u32(p, group->frames);
    p = put_u32(p, (uint32_t)group->span.lines);
    p = put_u32(p, group->span.levels);
    p = put_u64(p, (uint64_t)group->span.received_min_ns);
    p = put_u64(p, (uint64_t)group->span.received_max_ns);
    p = put_u64(p, (uint64_t)group->span.time_min_ns);
    p = put_u64(p, (uint64_t)group->span.time_max_ns);
    p = put_u32(p, flags);
    p = put_u32(p, group->span.rules);
    return put_counts(p, &group->counts);
}

static void take_group(const uint8_t **p, uint32_t version, struct index_group *group) {
    group->offset = take_u64(p);
    group->size = take_u64(p);
    group->raw_size = take_u32(p);
    group->frames = take_u32(p);
    group->span.lines = take_u32(p);
    group->span.levels = take_u32(p);
    group->span.received_min_ns = (int64_t)take_u64(p);
    group->span.received_max_ns = (int64_t)take_u64(p);
    group->span.time_min_ns = (int64_t)take_u64(p);
    group->span.time_max_ns = (int64_t)take_u64(p);
    group->span.raw_size = group->raw_size;
    const uint32_t flags = take_u32(p);
    group->damaged = (flags & FLAG_DAMAGED) != 0;
    group->filtered = (flags & FLAG_FILTERED) != 0;
    group->parts = group->filtered && (flags & FLAG_PARTS) != 0;
    group->span.rules = take_u32(p);
    if (version < 3) span_forget_facts(&group->span);
    take_counts(p, &group->counts);
    group->counts.lines = group->span.lines;
}

static uint8_t *put_section(uint8_t *p, const struct index_section *section) {
    p = put_u64(p, section->offset);
    p = put_u32(p, section->first_group);
    p = put_u32(p, section->groups);
    p = put_u32(p, section->rows);
    return put_u32(p, probes_code(section));
}

static void take_section(const uint8_t **p, uint32_t version, struct index_section *section) {
    section->offset = take_u64(p);
    section->first_group = take_u32(p);
    section->groups = take_u32(p);
    section->rows = take_u32(p);
    const uint32_t code = take_u32(p);
    section->by_group = version > 1;
    section->probes = section->by_group ? code & 0xF : code;
    section->window_probes = section->by_group ? code >> 4 : code;
}

void index_encode(const struct segment_index *index, uint8_t *out) {
    uint8_t *p = put_frame(out, FRAME_MAGIC_INDEX, index_frame_bytes(index));
    p = put_u32(p, INDEX_VERSION);
    p = put_u32(p, index->section_count);
    p = put_u32(p, index->count);
    p = put_u32(p, index->repacked ? FLAG_REPACKED : 0);
    p = put_u64(p, index->data_size);
    p = put_u64(p, index->lines_digest);
    assert(p - out == INDEX_HEADER_BYTES);
    for (uint32_t i = 0; i < index->section_count; i++)
        p = put_section(p, &index->sections[i]);
    for (uint32_t i = 0; i < index->count; i++)
        p = put_group(p, &index->groups[i]);
    p = put_checksum(p, out);
    assert((uint64_t)(p - out) == index_frame_bytes(index));
}

/* Every line has one level, and the times are of some of the lines. */
static bool counts_make_sense(const struct counts *counts) {
    uint64_t lines = 0;
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        lines += counts->levels[i];
    if (lines != counts->lines || counts->timed > lines) return false;
    if (counts->timed == 0) return counts->time_min_ns == 0 && counts->time_max_ns == 0;
    return counts->time_min_ns <= counts->time_max_ns;
}

/* Could a group of this size hold this?  Lost frames have no lines. */
static bool group_makes_sense(const struct index_group *group) {
    const uint64_t lines = group->span.lines;
    const uint64_t frames_least = group->damaged ? 0 : group->frames;
    if (group->frames == 0 || group->frames > group->size / (FRAME_OVERHEAD_BYTES + 1))
        return false;
    if (group->raw_size > FRAME_RAW_MAX || group->raw_size / LZ4_RATIO_MAX > group->size)
        return false;
    if (lines < frames_least || lines > group->raw_size || (lines == 0) != (group->raw_size == 0))
        return false;
    if (lines > 0 && !span_possible(&group->span)) return false;
    return counts_make_sense(&group->counts);
}

/* Adds up what the file does not store; false: the groups contradict each other, or one says what
 * is impossible. */
static bool groups_make_sense(struct segment_index *index) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < index->count; i++) {
        struct index_group *group = &index->groups[i];
        if (group->offset < end || group->offset > index->data_size) return false;
        if (group->size > index->data_size - group->offset) return false;
        if (!group_makes_sense(group)) return false;
        end = group->offset + group->size;
        group->first_frame = index->frames;
        group->first_line = index->lines;
        index->frames += group->frames;
        index->lines += group->span.lines;
        index->raw_size += group->raw_size;
        span_add(&index->span, &group->span);
    }
    return true;
}

static bool sections_make_sense(const struct segment_index *index) {
    uint32_t next_group = 0;
    uint64_t end = index->data_size;
    for (uint32_t i = 0; i < index->section_count; i++) {
        const struct index_section *s = &index->sections[i];
        if (s->first_group < next_group || s->first_group > index->count) return false;
        if (s->groups == 0 || s->groups > FILTER_GROUPS_MAX) return false;
        if (s->groups > index->count - s->first_group || s->rows == 0) return false;
        if (s->probes == 0 || s->probes > FILTER_PROBES_MAX) return false;
        if (s->window_probes == 0 || s->window_probes > FILTER_PROBES_MAX) return false;
        if (s->offset < FILTERS_HEADER_BYTES || s->offset - FILTERS_HEADER_BYTES < end)
            return false;
        const uint64_t size = filters_frame_bytes(s->groups, s->rows);
        if (size > UINT32_MAX || s->offset > UINT64_MAX / 2) return false;
        end = s->offset - FILTERS_HEADER_BYTES + size;
        next_group = s->first_group + s->groups;
    }
    return true;
}

static int decode_arrays(const uint8_t *p, uint32_t version, struct segment_index *index) {
    index->sections = calloc((size_t)index->section_count + 1, sizeof *index->sections);
    index->groups = calloc((size_t)index->count + 1, sizeof *index->groups);
    if (index->sections == NULL || index->groups == NULL) return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < index->section_count; i++)
        take_section(&p, version, &index->sections[i]);
    for (uint32_t i = 0; i < index->count; i++)
        take_group(&p, version, &index->groups[i]);
    return groups_make_sense(index) && sections_make_sense(index) ? 0 : ERR_INVALID;
}

int index_decode(const uint8_t *bytes, size_t size, struct segment_index *index) {
    *index = (struct segment_index){0};
    if (size < INDEX_HEADER_BYTES + INDEX_CHECKSUM_BYTES) return ERR_INVALID;
    if (!frame_sound(bytes, size, FRAME_MAGIC_INDEX, size)) return ERR_INVALID;
    const uint8_t *p = bytes + INDEX_SKIP_BYTES;
    const uint32_t version = take_u32(&p);
    if (version < 1 || version > INDEX_VERSION) return ERR_UNSUPPORTED;
    index->counted = index->decoded = version >= 3;
    index->section_count = take_u32(&p);
    index->count = take_u32(&p);
    index->repacked = (take_u32(&p) & FLAG_REPACKED) != 0;
    index->data_size = take_u64(&p);
    index->lines_digest = take_u64(&p);
    if (index_frame_bytes(index) != size) return ERR_INVALID;
    const int error = decode_arrays(p, version, index);
    if (error) index_free(index);
    return error;
}

/* ---- the footer ---- */

void footer_encode(const struct index_footer *footer, uint8_t out[FOOTER_BYTES]) {
    uint8_t *p = put_frame(out, FRAME_MAGIC_FOOTER, FOOTER_BYTES);
    p = put_u32(p, FOOTER_VERSION);
    p = put_u32(p, footer->index_size);
    p = put_u64(p, footer->index_offset);
    p = put_checksum(p, out);
    assert(p - out == FOOTER_BYTES);
}

int footer_decode(const uint8_t bytes[FOOTER_BYTES], struct index_footer *footer) {
    const uint8_t *p = bytes;
    if (take_u32(&p) != FRAME_MAGIC_FOOTER) return ERR_NOT_FOUND;
    if (!frame_sound(bytes, FOOTER_BYTES, FRAME_MAGIC_FOOTER, FOOTER_BYTES)) return ERR_INVALID;
    p = bytes + INDEX_SKIP_BYTES;
    if (take_u32(&p) != FOOTER_VERSION) return ERR_UNSUPPORTED;
    footer->index_size = take_u32(&p);
    footer->index_offset = take_u64(&p);
    return 0;
}

/* ---- numbers: little endian, wherever this runs ---- */

static uint8_t *put_number(uint8_t *p, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        *p++ = (uint8_t)(value >> (8 * i));
    return p;
}

static uint64_t take_number(const uint8_t **p, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t) * (*p)++ << (8 * i);
    return value;
}

static uint8_t *put_u8(uint8_t *p, uint8_t value) {
    return put_number(p, value, 1);
}

static uint8_t *put_u16(uint8_t *p, uint16_t value) {
    return put_number(p, value, 2);
}

static uint8_t *put_u32(uint8_t *p, uint32_t value) {
    return put_number(p, value, 4);
}

static uint8_t *put_u64(uint8_t *p, uint64_t value) {
    return put_number(p, value, 8);
}

static uint32_t take_u32(const uint8_t **p) {
    return (uint32_t)take_number(p, 4);
}

static uint64_t take_u64(const uint8_t **p) {
    return take_number(p, 8);
}
