/* format.h - the bytes of filters' headers, index and footer: encode and decode, next to
 * each other.  What they mean is index.h's; the layout is FORMAT.md's.  Pure. */
#ifndef WRITER_INDEX_FORMAT_H
#define WRITER_INDEX_FORMAT_H

#include <stddef.h>

#include "writer/index/segment_index.h"

#define INDEX_VERSION            3 /* what is written; 1 and 2 are read, too */
#define FOOTER_VERSION           1
#define INDEX_SKIP_BYTES         8 /* magic and size, which begin every skippable frame */
#define INDEX_CHECKSUM_BYTES     4
#define FILTERS_HEADER_BYTES     24 /* magic to checksum; rows follow */
#define INDEX_HEADER_BYTES       40
#define INDEX_SECTION_BYTES      24
#define INDEX_GROUP_BYTES        120
#define FOOTER_BYTES             28
/* A row: FILTER_LINE_BYTES a group, and a checksum. */
#define FILTER_ROW_BYTES(groups) ((size_t)(groups)*64 + INDEX_CHECKSUM_BYTES)

/* What one section's frame takes in the file, and where its rows begin in it. */
uint64_t filters_frame_bytes(uint32_t groups, uint32_t rows);
void filters_header_encode(const struct index_section *section, uint8_t *out);
/* ERR_INVALID: not the header of this section. */
int filters_header_check(const uint8_t *bytes, const struct index_section *section);
/* Writes the checksum after a row's lines; `lines` has room for it. */
void filters_row_seal(uint8_t *lines, uint32_t groups);
bool filters_row_sound(const uint8_t *lines, uint32_t groups);

/* Bytes of the index's frame. */
uint64_t index_frame_bytes(const struct segment_index *index);
void index_encode(const struct segment_index *index, uint8_t *out);
/* `size` bytes, the whole frame.  The arrays are malloc'd; on an error there are none.
 * ERR_INVALID: damaged, or impossible values; ERR_UNSUPPORTED: a later version. */
int index_decode(const uint8_t *bytes, size_t size, struct segment_index *index);

struct index_footer {
    uint64_t index_offset; /* of the index's frame */
    uint32_t index_size;   /* all of it */
};
void footer_encode(const struct index_footer *footer, uint8_t out[FOOTER_BYTES]);
/* ERR_NOT_FOUND: these bytes are no footer; ERR_INVALID: a damaged one; ERR_UNSUPPORTED: a
 * later version's. */
int footer_decode(const uint8_t bytes[FOOTER_BYTES], struct index_footer *footer);

#endif
