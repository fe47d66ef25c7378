/* kept_segments.h - small closed segments on a simulated disk and their records in a manifest, for
 * tests of what is kept and what is deleted. */
#ifndef TESTS_UNIT_KEPT_SEGMENTS_H
#define TESTS_UNIT_KEPT_SEGMENTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "writer/keep/manifest.h"
#include "writer/segment/frame.h"

#define DAY    (86400 * SIM_S)
#define OPENED (INT64_C(1795521600) * SIM_S)

/* Segment n was opened n days after OPENED and closed half a day later. */
static inline void path_of(const char *folder, const char *stream, uint64_t sequence, bool part,
                           char path[PATH_BYTES_MAX]) {
    struct segment_name name = {.sequence = sequence, .part = part};
    char text[SEGMENT_NAME_MAX];
    strcpy(name.stream, stream);
    name.opened_ns = OPENED + (int64_t)sequence * DAY;
    snprintf(path, PATH_BYTES_MAX, "%s/%s/%s", folder, stream, segment_name_format(&name, text));
}

/* Puts a segment of `lines` lines. */
static inline void put_lines(struct disk *disk, const char *path, const char *stream,
                             uint64_t sequence, int lines) {
    char raw[4096];
    uint8_t packed[8192];
    size_t size = 0;
    void *scratch = malloc(frame_scratch_bytes());
    for (int i = 0; i < lines; i++)
        size += (size_t)sprintf(raw + size, "{\"stream\":\"%s\",\"sequence\":%d,\"n\":%d}\n",
                                stream, (int)sequence, i);
    const size_t packed_size =
        frame_encode(scratch, (const uint8_t *)raw, (uint32_t)size, 1, packed);
    disk_put(disk, path, packed, packed_size);
    free(scratch);
}

static inline void put_segment(struct disk *disk, const char *folder, const char *stream,
                               uint64_t sequence, bool part) {
    char path[PATH_BYTES_MAX];
    path_of(folder, stream, sequence, part, path);
    put_lines(disk, path, stream, sequence, 1);
}

/* Appends a record that the segment was closed. */
static inline void record(struct disk *disk, struct manifest *manifest, const char *folder,
                          const char *stream, uint64_t sequence) {
    char path[PATH_BYTES_MAX];
    struct manifest_record entry;
    path_of(folder, stream, sequence, false, path);
    assert_int_equal(manifest_describe(&disk->files, path, &entry), 0);
    entry.event = MANIFEST_CLOSED;
    entry.time_ns = entry.closed_ns = entry.name.opened_ns + DAY / 2;
    assert_int_equal(manifest_append(manifest, &entry), 0);
}

#endif
