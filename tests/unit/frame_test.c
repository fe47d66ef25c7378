/* frame_test.c - LZ4 frames: encoded, decoded, covered, damaged.  tests/golden/frame.lz4 pins the
 * bytes: frames that an older version wrote must stay readable for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "writer/segment/frame.h"

static uint64_t random_next(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void fill_lines(uint8_t *raw, size_t size, uint64_t seed) {
    size_t at = 0;
    while (at < size) {
        char line[128];
        const int length =
            snprintf(line, sizeof line, "{\"level\":\"info\",\"id\":%u,\"msg\":\"stored\"}\n",
                     (unsigned)(random_next(&seed) % 100000));
        const size_t part = size - at < (size_t)length ? size - at : (size_t)length;
        memcpy(raw + at, line, part);
        at += part;
    }
}

static void fill_noise(uint8_t *raw, size_t size, uint64_t seed) {
    for (size_t i = 0; i < size; i++) {
        raw[i] = (uint8_t)random_next(&seed);
    }
}

struct room {
    void *scratch;
    uint8_t *raw, *packed, *again;
};

static int room_make(void **state) {
    struct room *room = calloc(1, sizeof *room);
    room->scratch = malloc(frame_scratch_bytes());
    room->raw = malloc(FRAME_RAW_MAX);
    room->packed = malloc(frame_bytes_max(FRAME_RAW_MAX));
    room->again = malloc(FRAME_RAW_MAX);
    *state = room;
    return 0;
}

static int room_free(void **state) {
    struct room *room = *state;
    free(room->scratch);
    free(room->raw);
    free(room->packed);
    free(room->again);
    free(room);
    return 0;
}

/* Encodes and decodes in buffers of exactly the promised size. */
static size_t encode_and_decode(struct room *room, const uint8_t *raw, size_t size,
                                int acceleration) {
    uint8_t *packed = malloc(frame_bytes_max(size)), *again = malloc(size);
    assert_non_null(packed);
    assert_non_null(again);
    const size_t packed_size = frame_encode(room->scratch, raw, size, acceleration, packed);
    assert_in_range(packed_size, FRAME_OVERHEAD_BYTES + 1, frame_bytes_max(size));
    struct frame_header header;
    assert_int_equal(frame_header(packed, FRAME_HEADER_BYTES, &header), 0);
    assert_int_equal(header.kind, FRAME_DATA);
    assert_int_equal(header.magic, FRAME_MAGIC_DATA);
    assert_int_equal(header.size, packed_size);
    assert_int_equal(header.raw_size, size);
    assert_int_equal(frame_decode(packed, &header, again), 0);
    assert_memory_equal(again, raw, size);
    free(packed);
    free(again);
    return packed_size;
}

static void lines_of_every_length_survive_a_round_trip(void **state) {
    struct room *room = *state;
    fill_lines(room->raw, 70000, 1);
    for (size_t size = 1; size <= 70000; size += size < 300 ? 1 : 211) {
        const size_t packed = encode_and_decode(room, room->raw, size, 1);
        if (size > 1000) assert_true(packed < size / 2);
    }
}

static void incompressible_bytes_are_stored_uncompressed(void **state) {
    struct room *room = *state;
    fill_noise(room->raw, 70000, 2);
    for (size_t size = 1; size <= 70000; size += size < 300 ? 1 : 997) {
        const size_t checksum = size > FRAME_LINES_BYTES ? FRAME_CHECKSUM_BYTES : 0;
        assert_int_equal(encode_and_decode(room, room->raw, size, 1),
                         size + FRAME_OVERHEAD_BYTES + checksum);
    }
}

/* A frame may omit the content checksum only if its block fits the lz4 command's buffer in one
 * piece: see frame.h.  The end-to-end tests show it with the command itself. */
static void a_large_block_has_a_content_checksum_that_is_verified(void **state) {
    struct room *room = *state;
    fill_noise(room->raw, 100000, 3);
    struct frame_header header;
    const size_t size = frame_encode(room->scratch, room->raw, 100000, 1, room->packed);
    assert_int_equal(room->packed[4], 0x7C);
    assert_int_equal(frame_header(room->packed, size, &header), 0);
    assert_int_equal(frame_decode(room->packed, &header, room->again), 0);
    room->packed[size - 1] ^= 1;
    assert_int_equal(frame_decode(room->packed, &header, room->again), ERR_INVALID);
}

/* Random lines, some of them longer than FRAME_LINES_BYTES. */
static void many_lines_become_frames_of_whole_lines(void **state) {
    struct room *room = *state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        const size_t raw_size = 3000000;
        srand(seed);
        fill_noise(room->raw, raw_size, seed);
        for (size_t i = 0; i < raw_size; i++)
            if (room->raw[i] == '\n') room->raw[i] = 'n';
        for (size_t i = 0; i < raw_size; i += 1 + (size_t)rand() % (seed % 2 ? 300 : 150000))
            room->raw[i] = '\n';
        room->raw[raw_size - 1] = '\n';
        uint8_t *packed = malloc(frames_bytes_max(raw_size));
        const size_t size = frames_encode(room->scratch, room->raw, raw_size, 1, packed);
        assert_in_range(size, raw_size, frames_bytes_max(raw_size));
        size_t at = 0, decoded = 0;
        while (at < size) {
            struct frame_header header;
            assert_int_equal(frame_header(packed + at, size - at, &header), 0);
            assert_int_equal(frame_decode(packed + at, &header, room->again), 0);
            assert_memory_equal(room->again, room->raw + decoded, header.raw_size);
            assert_int_equal(room->again[header.raw_size - 1], '\n');
            if (header.raw_size > FRAME_LINES_BYTES)
                assert_null(memchr(room->again, '\n', header.raw_size - 1));
            at += (size_t)header.size;
            decoded += header.raw_size;
        }
        assert_int_equal(decoded, raw_size);
        free(packed);
    }
}

static void a_higher_level_packs_the_same_lines_into_fewer_bytes(void **state) {
    struct room *room = *state;
    const size_t size = 3u << 20;
    fill_lines(room->raw, size, 7);
    room->raw[size - 1] = '\n';
    const size_t quickly = frames_encode(room->scratch, room->raw, size, 1, room->packed);
    void *scratch = malloc(frame_hc_scratch_bytes());
    const size_t packed_size = frames_encode_hc(scratch, room->raw, size, 4, room->packed);
    free(scratch);
    assert_true(packed_size < quickly);
    size_t at = 0, raw_at = 0;
    while (at < packed_size) { /* ends: no frame is empty */
        struct frame_header header;
        assert_int_equal(frame_header(room->packed + at, packed_size - at, &header), 0);
        assert_in_range(header.raw_size, 1, FRAME_HC_LINES_BYTES);
        assert_int_equal(frame_decode(room->packed + at, &header, room->again), 0);
        assert_memory_equal(room->again, room->raw + raw_at, header.raw_size);
        assert_int_equal(room->again[header.raw_size - 1], '\n');
        at += (size_t)header.size;
        raw_at += header.raw_size;
    }
    assert_int_equal(raw_at, size);
}

static void every_block_size_survives_a_round_trip(void **state) {
    struct room *room = *state;
    fill_lines(room->raw, FRAME_RAW_MAX, 3);
    for (uint32_t block = 64u << 10; block <= FRAME_RAW_MAX; block *= 4) {
        encode_and_decode(room, room->raw, block - 1, 1);
        encode_and_decode(room, room->raw, block, 9);
        if (block < FRAME_RAW_MAX) encode_and_decode(room, room->raw, block + 1, 4);
    }
    fill_noise(room->raw, FRAME_RAW_MAX, 4);
    encode_and_decode(room, room->raw, FRAME_RAW_MAX, 1);
}

/* ---- damage ---- */

/* The frame is at the start of room->packed, and other bytes follow it. */
static bool can_be_read(struct room *room) {
    struct frame_header header;
    if (frame_header(room->packed, FRAME_HEADER_BYTES, &header) != 0) return false;
    if (header.kind != FRAME_DATA) return false;
    assert_in_range(header.raw_size, 1, FRAME_RAW_MAX);
    assert_in_range(header.size, FRAME_OVERHEAD_BYTES + 1, frame_bytes_max(header.raw_size));
    return frame_decode(room->packed, &header, room->again) == 0;
}

static void every_flipped_bit_is_detected(void **state) {
    struct room *room = *state;
    memset(room->packed, 0, frame_bytes_max(FRAME_RAW_MAX));
    for (int stored = 0; stored < 2; stored++) {
        fill_noise(room->raw, 200, 5);
        if (!stored) fill_lines(room->raw, 200, 5);
        const size_t size = frame_encode(room->scratch, room->raw, 200, 1, room->packed);
        assert_true(can_be_read(room));
        for (size_t bit = 0; bit < size * 8; bit++) {
            room->packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (can_be_read(room)) fail_msg("bit %zu of %zu", bit, size * 8);
            room->packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void damaged_frames_never_decode_to_other_lines(void **state) {
    struct room *room = *state;
    fill_lines(room->raw, 3000, 6);
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t chance = seed;
        const size_t size = frame_encode(room->scratch, room->raw, 3000, 1, room->packed);
        for (uint64_t edits = 1 + random_next(&chance) % 8; edits > 0; edits--) {
            room->packed[random_next(&chance) % size] = (uint8_t)random_next(&chance);
        }
        /* Intact by chance (a byte replaced by itself) or detected: never other lines. */
        if (can_be_read(room)) assert_memory_equal(room->again, room->raw, 3000);
    }
}

static void a_truncated_header_is_not_reported_as_damage(void **state) {
    struct room *room = *state;
    fill_lines(room->raw, 500, 7);
    frame_encode(room->scratch, room->raw, 500, 1, room->packed);
    struct frame_header header;
    for (size_t size = 0; size < FRAME_HEADER_BYTES; size++) {
        assert_int_equal(frame_header(room->packed, size, &header), ERR_CLOSED);
    }
    uint8_t cover[FRAME_COVER_BYTES];
    frame_cover(500, cover);
    for (size_t size = 0; size < sizeof cover; size++) {
        assert_int_equal(frame_header(cover, size, &header), ERR_CLOSED);
    }
    assert_int_equal(frame_header(cover, sizeof cover, &header), 0);
}

static void foreign_frames_are_refused(void **state) {
    (void)state;
    struct frame_header header;
    const uint8_t zeros[FRAME_HEADER_BYTES] = {0};
    assert_int_equal(frame_header(zeros, sizeof zeros, &header), ERR_INVALID);
    const uint8_t text[] = "{\"level\":\"info\",\"msg\":1}";
    assert_int_equal(frame_header(text, FRAME_HEADER_BYTES, &header), ERR_INVALID);
    const uint8_t legacy[FRAME_HEADER_BYTES] = {0x02, 0x21, 0x4C, 0x18};
    assert_int_equal(frame_header(legacy, sizeof legacy, &header), ERR_INVALID);
    /* echo | lz4: linked blocks, a content checksum, no content size */
    const uint8_t by_lz4[FRAME_HEADER_BYTES] = {0x04, 0x22, 0x4D, 0x18, 0x64, 0x40, 0xA7};
    assert_int_equal(frame_header(by_lz4, sizeof by_lz4, &header), ERR_INVALID);
}

/* ---- skippable frames ---- */

static void all_sixteen_skippable_magic_numbers_are_known(void **state) {
    (void)state;
    for (uint32_t magic = 0x184D2A50; magic <= 0x184D2A5F; magic++) {
        const uint8_t bytes[] = {(uint8_t)magic, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF};
        struct frame_header header;
        /* These kinds have a size limit: a longer one would hide everything after it. */
        const bool small = magic == FRAME_MAGIC_LID || magic == FRAME_MAGIC_PADDING;
        /* The next four bytes of receipts must confirm the size. */
        const int more = magic == FRAME_MAGIC_RECEIPTS ? ERR_CLOSED : 0;
        assert_int_equal(frame_header(bytes, sizeof bytes, &header), small ? ERR_INVALID : more);
        assert_int_equal(header.kind, FRAME_SKIPPABLE);
        assert_int_equal(header.magic, magic);
        assert_true(header.size == 8 + (uint64_t)UINT32_MAX);
    }
    const uint8_t before[] = {0x4F, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
    const uint8_t after[] = {0x60, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
    struct frame_header header;
    assert_int_equal(frame_header(before, sizeof before, &header), ERR_INVALID);
    assert_int_equal(frame_header(after, sizeof after, &header), ERR_INVALID);
}

static void a_cover_spans_exactly_the_append_that_it_covers(void **state) {
    (void)state;
    const uint64_t sizes[] = {8, 9, 28, 1000, 5u << 20, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t bytes[FRAME_COVER_BYTES];
        struct frame_header header;
        frame_cover(sizes[i], bytes);
        assert_int_equal(frame_header(bytes, sizeof bytes, &header), 0);
        assert_int_equal(header.magic, FRAME_MAGIC_COVER);
        assert_true(header.size == sizes[i]);
        frame_set_aside(sizes[i], bytes);
        assert_int_equal(frame_header(bytes, sizeof bytes, &header), 0);
        assert_int_equal(header.magic, FRAME_MAGIC_SET_ASIDE);
        assert_true(header.size == sizes[i]);
    }
}

static void padding_keeps_covers_within_a_page(void **state) {
    (void)state;
    for (uint64_t base = 0; base <= (uint64_t)3 << 32; base += (uint64_t)1 << 32) {
        for (uint64_t end = base; end <= base + 3 * 4096; end++) {
            uint8_t bytes[FRAME_COVER_BYTES];
            const size_t size = frame_padding(end, bytes);
            assert_true(size == 0 || size == 8);
            const uint64_t cover = end + size;
            assert_true(cover / 4096 == (cover + FRAME_COVER_BYTES - 1) / 4096);
            assert_int_equal(size > 0, end / 4096 != (end + FRAME_COVER_BYTES - 1) / 4096);
            if (size == 0) continue;
            struct frame_header header;
            assert_int_equal(frame_header(bytes, size, &header), 0);
            assert_int_equal(header.magic, FRAME_MAGIC_PADDING);
            assert_true(header.size == 8);
        }
    }
}

/* Walks a file like any LZ4 reader.  Returns false if it meets anything but whole frames and, at
 * the end, a truncated skippable frame. */
static bool walk(const uint8_t *file, size_t size, uint8_t *raw, size_t *raw_size) {
    *raw_size = 0;
    size_t at = 0;
    while (at < size) {
        struct frame_header header;
        const int error = frame_header(file + at, size - at, &header);
        if (error) return false;
        if (header.kind == FRAME_DATA) {
            if (header.size > size - at) return false; /* a torn frame: readers fail */
            if (frame_decode(file + at, &header, raw + *raw_size) != 0) return false;
            *raw_size += header.raw_size;
        } else if (header.size > size - at) {
            return true; /* skipped to the end of the file */
        }
        at += (size_t)header.size;
    }
    return true;
}

static void a_covered_append_torn_after_its_cover_leaves_the_prefix_readable(void **state) {
    struct room *room = *state;
    fill_lines(room->raw, 2000, 8);
    uint8_t *file = room->packed;
    const size_t append_at = frame_encode(room->scratch, room->raw, 1000, 1, file);
    size_t end =
        append_at + frame_encode(room->scratch, room->raw + 1000, 1000, 1, file + append_at);
    end += frame_padding(4090, file + end);
    uint8_t truth[FRAME_COVER_BYTES];
    memcpy(truth, file + append_at, sizeof truth);
    frame_cover(end - append_at, file + append_at);
    size_t raw_size;
    /* A tear inside the cover would break lz4 -t and rg -z.  It cannot happen: the cover never
     * crosses a page (frame_padding). */
    assert_false(walk(file, append_at + FRAME_COVER_BYTES - 1, room->again, &raw_size));
    for (size_t torn = append_at + FRAME_COVER_BYTES; torn <= end; torn++) {
        assert_true(walk(file, torn, room->again, &raw_size));
        assert_int_equal(raw_size, 1000);
    }
    memcpy(file + append_at, truth, sizeof truth);
    assert_true(walk(file, end, room->again, &raw_size));
    assert_int_equal(raw_size, 2000);
    assert_memory_equal(room->again, room->raw, 2000);
}

/* ---- the golden file ---- */

static const char golden_line[] = "{\"msg\":\"pinned\"}\n";

/* An uncompressed frame, a compressed one, padding, a frame set aside, and a last frame. */
static size_t golden_file(struct room *room, uint8_t *file) {
    const size_t line_size = sizeof golden_line - 1;
    size_t end = frame_encode(room->scratch, (const uint8_t *)golden_line, line_size, 1, file);
    for (size_t i = 0; i < 100; i++) {
        memcpy(room->raw + i * line_size, golden_line, line_size);
    }
    end += frame_encode(room->scratch, room->raw, 100 * line_size, 1, file + end);
    end += frame_padding(4090, file + end);
    const size_t aside =
        frame_encode(room->scratch, (const uint8_t *)golden_line, line_size, 1, file + end);
    frame_set_aside(aside, file + end);
    end += aside;
    return end +
           frame_encode(room->scratch, (const uint8_t *)golden_line, line_size, 1, file + end);
}

static void the_golden_file_stays_readable(void **state) {
    struct room *room = *state;
    char path[4096];
    snprintf(path, sizeof path, "%s", __FILE__);
    char *name = strrchr(path, '/');
    assert_non_null(name);
    strcpy(name, "/../golden/frame.lz4");
    FILE *golden = fopen(path, "rb");
    if (golden == NULL) fail_msg("%s cannot be opened", path);
    const size_t size = fread(room->packed, 1, 4096, golden);
    fclose(golden);

    size_t raw_size;
    assert_true(walk(room->packed, size, room->again, &raw_size));
    const size_t line_size = sizeof golden_line - 1;
    assert_int_equal(raw_size, 102 * line_size);
    for (size_t i = 0; i < 102; i++) {
        assert_memory_equal(room->again + i * line_size, golden_line, line_size);
    }
    /* The second frame's bytes may change with the version of LZ4.  The first frame is
     * uncompressed, so all of its bytes are our own. */
    uint8_t now[4096];
    assert_true(golden_file(room, now) > 0);
    assert_memory_equal(now, room->packed, line_size + FRAME_OVERHEAD_BYTES);
    static const uint8_t first[] = {0x04, 0x22, 0x4D, 0x18, 0x78, 0x40, 0x11, 0, 0,   0,
                                    0,    0,    0,    0,    0x7E, 0x11, 0,    0, 0x80};
    assert_memory_equal(room->packed, first, sizeof first);
}

int main(int argc, char **argv) {
    if (argc == 2) { /* writes a new golden file to this path */
        void *state;
        uint8_t file[4096];
        room_make(&state);
        const size_t size = golden_file(state, file);
        FILE *golden = fopen(argv[1], "wb");
        const bool written = golden != NULL && fwrite(file, 1, size, golden) == size;
        if (golden != NULL) fclose(golden);
        room_free(&state);
        return written ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_every_length_survive_a_round_trip),
        cmocka_unit_test(incompressible_bytes_are_stored_uncompressed),
        cmocka_unit_test(a_large_block_has_a_content_checksum_that_is_verified),
        cmocka_unit_test(many_lines_become_frames_of_whole_lines),
        cmocka_unit_test(a_higher_level_packs_the_same_lines_into_fewer_bytes),
        cmocka_unit_test(every_block_size_survives_a_round_trip),
        cmocka_unit_test(every_flipped_bit_is_detected),
        cmocka_unit_test(damaged_frames_never_decode_to_other_lines),
        cmocka_unit_test(a_truncated_header_is_not_reported_as_damage),
        cmocka_unit_test(foreign_frames_are_refused),
        cmocka_unit_test(all_sixteen_skippable_magic_numbers_are_known),
        cmocka_unit_test(a_cover_spans_exactly_the_append_that_it_covers),
        cmocka_unit_test(padding_keeps_covers_within_a_page),
        cmocka_unit_test(a_covered_append_torn_after_its_cover_leaves_the_prefix_readable),
        cmocka_unit_test(the_golden_file_stays_readable),
    };
    return cmocka_run_group_tests(tests, room_make, room_free);
}
