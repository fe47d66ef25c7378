/* ledger.c - see ledger.h. */
#include "tests/sim/ledger.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "tests/sim/chance.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

void ledger_open(struct ledger *ledger, const char *directory, const char *stream) {
    *ledger = (struct ledger){.directory = directory, .stream = stream};
}

void ledger_close(struct ledger *ledger) {
    free(ledger->lines);
    free(ledger->doubtful);
}

size_t ledger_text(uint32_t i, char text[LEDGER_LINE_BYTES_MAX]) {
    struct chance chance = {.state = i};
    size_t filling = chance_below(&chance, 100);
    if (chance_one_in(&chance, 12)) filling = chance_below(&chance, 9000);
    size_t size = (size_t)snprintf(text, 64, "{\"line\":%u,\"filling\":\"", i);
    for (size_t k = 0; k < filling; k++)
        text[size++] = (char)('!' + 2 + chance_below(&chance, 50)); /* no '"', no '\\' */
    memcpy(text + size, "\"}\n", 3);
    return size + 3;
}

uint32_t ledger_appended(struct ledger *ledger) {
    if (ledger->count == ledger->room) {
        ledger->room = ledger->room > 0 ? 2 * ledger->room : 64;
        ledger->lines = realloc(ledger->lines, ledger->room * sizeof *ledger->lines);
        assert(ledger->lines != NULL);
    }
    ledger->lines[ledger->count] = (struct ledger_line){0};
    return ledger->count++;
}

void ledger_stored(struct ledger *ledger, uint32_t i) {
    ledger->lines[i].stored = true;
    ledger->lines[i].sequence = ledger->writing;
}

void ledger_power_lost(struct ledger *ledger) {
    for (uint32_t i = 0; i < ledger->count; i++)
        ledger->lines[i].stored &= ledger->lines[i].synced;
}

static bool is_doubtful(const struct ledger *ledger, uint64_t sequence) {
    for (uint32_t i = 0; i < ledger->doubtful_count; i++)
        if (ledger->doubtful[i] == sequence) return true;
    return false;
}

static void doubt(struct ledger *ledger, uint64_t sequence) {
    if (ledger->doubtful_count == ledger->doubtful_room) {
        ledger->doubtful_room = ledger->doubtful_room > 0 ? 2 * ledger->doubtful_room : 16;
        ledger->doubtful =
            realloc(ledger->doubtful, ledger->doubtful_room * sizeof *ledger->doubtful);
        assert(ledger->doubtful != NULL);
    }
    ledger->doubtful[ledger->doubtful_count++] = sequence;
}

void ledger_follow(struct ledger *ledger, enum disk_operation operation, const char *path,
                   int64_t result) {
    struct segment_name name;
    if (operation != DISK_WRITE && operation != DISK_SYNC) return;
    if (!segment_name_parse(path_name(path), &name)) return;
    if (strcmp(name.stream, ledger->stream) != 0) return;
    if (operation == DISK_WRITE && name.part) ledger->writing = name.sequence;
    if (operation != DISK_SYNC) return;
    if (result < 0) doubt(ledger, name.sequence);
    if (is_doubtful(ledger, name.sequence)) return;
    for (uint32_t i = 0; i < ledger->count; i++)
        if (ledger->lines[i].stored && ledger->lines[i].sequence == name.sequence)
            ledger->lines[i].synced = true;
}

/* ---- checking ---- */

struct ledger_reading {
    struct ledger *ledger;
    uint32_t next; /* no line before it may come any more */
    uint32_t more; /* found, though their append never came back */
    uint64_t sequence;
    enum ledger_demand demand;
};

static void missed(struct ledger_reading *reading, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++) {
        struct ledger_line *line = &reading->ledger->lines[i];
        const bool must = reading->demand == LEDGER_STORED ? line->stored : line->synced;
        if (must && !line->gone)
            fail_msg("line %u of segment %llu, which was %s, is not there", i,
                     (unsigned long long)line->sequence, line->synced ? "synced" : "stored");
        line->gone = true;
    }
}

static size_t read_line(struct ledger_reading *reading, const uint8_t *bytes, size_t left) {
    struct ledger *ledger = reading->ledger;
    char expected[LEDGER_LINE_BYTES_MAX];
    unsigned number;
    const size_t shown = left < 60 ? left : 60;
    char beginning[64] = {0};
    memcpy(beginning, bytes, shown);
    if (sscanf(beginning, "{\"line\":%u,", &number) != 1)
        fail_msg("not a line of ours: %s", beginning);
    if (number >= ledger->count) fail_msg("line %u was never appended", number);
    if (number < reading->next)
        fail_msg("line %u occurs twice, or after a later one (segment %llu)", number,
                 (unsigned long long)reading->sequence);
    const size_t size = ledger_text(number, expected);
    if (size > left || memcmp(expected, bytes, size) != 0) fail_msg("line %u differs", number);
    struct ledger_line *line = &ledger->lines[number];
    if (line->gone) fail_msg("line %u was gone and has come again", number);
    missed(reading, reading->next, number);
    reading->next = number + 1;
    if (!line->stored) reading->more++;
    line->stored = true;
    line->sequence = reading->sequence;
    line->synced |= !is_doubtful(ledger, reading->sequence);
    return size;
}

static void read_segment(struct ledger_reading *reading, struct files *files,
                         const struct segment_file *segment) {
    struct segment_reader reader;
    enum segment_damage damage;
    if (segment->name.sequence <= reading->sequence)
        fail_msg("%s: its sequence does not rise", segment->path);
    reading->sequence = segment->name.sequence;
    assert_int_equal(segment_reader_open(files, segment->path, &reader), 0);
    int more;
    while ((more = segment_reader_next(&reader, &damage)) == 1)
        for (size_t at = 0; at < reader.raw_size;)
            at += read_line(reading, reader.raw + at, reader.raw_size - at);
    if (more < 0) fail_msg("%s: %s", segment->path, error_text(more));
    if (damage != SEGMENT_SOUND) fail_msg("%s: damaged (%d)", segment->path, (int)damage);
    segment_reader_close(&reader);
}

void ledger_check(struct ledger *ledger, struct files *files, enum ledger_demand demand) {
    struct ledger_reading reading = {.ledger = ledger, .demand = demand};
    struct segment_list list = {0};
    char folder[PATH_BYTES_MAX];
    assert_true(path_join(folder, ledger->directory, ledger->stream, NULL));
    assert_int_equal(segment_list_add(files, folder, &list), 0);
    for (uint32_t i = 0; i < list.count; i++)
        read_segment(&reading, files, &list.files[i]);
    missed(&reading, reading.next, ledger->count);
    if (demand == LEDGER_STORED && reading.more > 1)
        fail_msg("%u lines are there whose append never came back", reading.more);
    segment_list_free(&list);
}
