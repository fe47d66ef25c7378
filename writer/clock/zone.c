/* zone.c - reads the bytes of a TZif file, and looks moments up in it.  See zone.h. */
#include "writer/clock/zone.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/clock/zone_rule.h"

#define HEADER_BYTES  44
#define TYPE_BYTES    6
#define DAY_S         86400
#define SYSTEM_STEP_S 3600
#define ZONE_MOMENT_S INT64_C(260000000000) /* far more than the years 0 to 9999 */
#define ZONE_NAME_MAX 128

struct zone_change {
    int64_t at_s;
    int32_t offset_s; /* from then on */
};

struct zone {
    atomic_uint holders;                        /* besides the first one */
    int32_t (*system_offset_s)(int64_t unix_s); /* NULL: as below */
    int32_t first_s;                            /* before the first change */
    bool has_rule;
    struct zone_rule rule; /* after the last change */
    uint32_t count;
    struct zone_change changes[]; /* rising */
};

/* ---- bytes ---- */

/* One block of the file: a header's counts, and what they count. */
struct block {
    uint64_t utc_count, standard_count, leap_count, time_count, type_count, letter_count;
    uint32_t time_bytes; /* 4 or 8 */
    const uint8_t *times, *indexes, *types, *marks;
    const uint8_t *end;
};

static uint32_t read_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_time(const struct block *block, uint64_t i) {
    const uint8_t *p = block->times + i * block->time_bytes;
    if (block->time_bytes == 4) return (int32_t)read_u32(p);
    return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

/* NULL: valid.  The counts have 32 bits, so no sum overflows. */
static const char *read_block(const uint8_t *p, const uint8_t *end, uint32_t time_bytes,
                              struct block *block) {
    if (end - p < HEADER_BYTES) return "it is cut off";
    if (memcmp(p, "TZif", 4) != 0) return "it is no TZif file";
    *block = (struct block){.utc_count = read_u32(p + 20),
                            .standard_count = read_u32(p + 24),
                            .leap_count = read_u32(p + 28),
                            .time_count = read_u32(p + 32),
                            .type_count = read_u32(p + 36),
                            .letter_count = read_u32(p + 40),
                            .time_bytes = time_bytes};
    const uint64_t times = block->time_count * time_bytes;
    const uint64_t types = block->type_count * TYPE_BYTES;
    const uint64_t leaps = block->leap_count * (time_bytes + 4);
    const uint64_t size = times + block->time_count + types + block->letter_count + leaps +
                          block->standard_count + block->utc_count;
    p += HEADER_BYTES;
    if (size > (uint64_t)(end - p)) return "it is cut off";
    block->times = p;
    block->indexes = block->times + times;
    block->types = block->indexes + block->time_count;
    block->marks = block->types + types + block->letter_count + leaps;
    block->end = p + size;
    return NULL;
}

static bool marks_good(const uint8_t *marks, uint64_t count, uint64_t type_count) {
    if (count != 0 && count != type_count) return false;
    for (uint64_t i = 0; i < count; i++)
        if (marks[i] > 1) return false;
    return true;
}

static int32_t type_offset_s(const struct block *block, uint64_t type) {
    return (int32_t)read_u32(block->types + type * TYPE_BYTES);
}

static const char *check_block(const struct block *block) {
    if (block->leap_count) return "it counts leap seconds, as no clock here does";
    if (block->type_count == 0 || block->type_count > 256 || block->letter_count == 0)
        return "it is damaged: its counts are wrong";
    if (!marks_good(block->marks, block->standard_count, block->type_count) ||
        !marks_good(block->marks + block->standard_count, block->utc_count, block->type_count))
        return "it is damaged: its marks are wrong";
    for (uint64_t i = 0; i < block->type_count; i++) {
        const uint8_t *type = block->types + i * TYPE_BYTES;
        const int32_t offset_s = type_offset_s(block, i);
        if (offset_s < ZONE_OFFSET_MIN_S || offset_s > ZONE_OFFSET_MAX_S || type[4] > 1 ||
            type[5] >= block->letter_count)
            return "it is damaged: a kind of local time is wrong";
    }
    for (uint64_t i = 0; i < block->time_count; i++) {
        if (block->indexes[i] >= block->type_count)
            return "it is damaged: a change leads to nothing";
        if (i > 0 && read_time(block, i) <= read_time(block, i - 1))
            return "it is damaged: its changes are out of order";
    }
    return NULL;
}

/* The last line of a file: empty, or a rule. */
static const char *read_rule(const uint8_t *p, const uint8_t *end, struct zone *zone) {
    if (end - p < 2 || p[0] != '\n') return "its last line is missing";
    const uint8_t *stop = memchr(p + 1, '\n', (size_t)(end - p - 1));
    if (stop == NULL) return "its last line is cut off";
    const size_t size = (size_t)(stop - p - 1);
    if (size == 0) return NULL;
    if (zone_rule_parse((const char *)p + 1, size, &zone->rule) != 0)
        return "the rule in its last line is wrong";
    zone->has_rule = true;
    return NULL;
}

int zone_read(const void *bytes, size_t size, struct zone **zone, const char **sentence) {
    const uint8_t *const begin = bytes, *const end = begin + size;
    struct block block;
    const char *wrong = read_block(begin, end, 4, &block);
    const bool has_second = wrong == NULL && begin[4] >= '2';
    if (has_second) wrong = read_block(block.end, end, 8, &block);
    if (wrong == NULL) wrong = check_block(&block);
    *sentence = wrong;
    if (wrong != NULL) return ERR_INVALID;
    struct zone *z = calloc(1, sizeof *z + (size_t)block.time_count * sizeof z->changes[0]);
    if (z == NULL) return ERR_NO_MEMORY;
    z->first_s = type_offset_s(&block, 0);
    z->count = (uint32_t)block.time_count;
    for (uint32_t i = 0; i < z->count; i++)
        z->changes[i] =
            (struct zone_change){read_time(&block, i), type_offset_s(&block, block.indexes[i])};
    if (has_second) *sentence = read_rule(block.end, end, z);
    if (*sentence != NULL) {
        free(z);
        return ERR_INVALID;
    }
    *zone = z;
    return 0;
}

int zone_of_utc(struct zone **zone) {
    *zone = calloc(1, sizeof **zone);
    return *zone != NULL ? 0 : ERR_NO_MEMORY;
}

bool zone_is_utc(const struct zone *zone) {
    const bool changes = zone->has_rule && (zone->rule.changes || zone->rule.standard_s != 0);
    return zone->system_offset_s == NULL && zone->first_s == 0 && zone->count == 0 && !changes;
}

int zone_of_system(int32_t (*offset_s)(int64_t unix_s), struct zone **zone) {
    const int error = zone_of_utc(zone);
    if (!error) (*zone)->system_offset_s = offset_s;
    return error;
}

struct zone *zone_hold(struct zone *zone) {
    atomic_fetch_add_explicit(&zone->holders, 1, memory_order_relaxed);
    return zone;
}

void zone_free(struct zone *zone) {
    if (zone == NULL) return;
    if (atomic_fetch_sub_explicit(&zone->holders, 1, memory_order_acq_rel) == 0) free(zone);
}

bool zone_name_valid(const char *name) {
    const size_t size = strnlen(name, ZONE_NAME_MAX + 1);
    if (size == 0 || size > ZONE_NAME_MAX) return false;
    for (size_t i = 0; i < size; i++) {
        const char c = name[i];
        const bool first = i == 0 || name[i - 1] == '/';
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        const bool other = (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
        if (!letter && !other && (first || (c != '.' && c != '/'))) return false;
    }
    return name[size - 1] != '/' && name[size - 1] != '.';
}

/* ---- moments ---- */

static int32_t ask_system(const struct zone *zone, int64_t unix_s) {
    const int32_t offset_s = zone->system_offset_s(unix_s);
    if (offset_s < ZONE_OFFSET_MIN_S) return ZONE_OFFSET_MIN_S;
    return offset_s > ZONE_OFFSET_MAX_S ? ZONE_OFFSET_MAX_S : offset_s;
}

static int32_t system_offset_until(const struct zone *zone, int64_t unix_s, int64_t *until_s) {
    const int32_t offset_s = ask_system(zone, unix_s);
    int64_t same = unix_s, other = unix_s + SYSTEM_STEP_S;
    if (ask_system(zone, other) == offset_s) {
        *until_s = other;
        return offset_s;
    }
    while (other - same > 1) { /* halves an hour */
        const int64_t middle = same + (other - same) / 2;
        if (ask_system(zone, middle) == offset_s)
            same = middle;
        else
            other = middle;
    }
    *until_s = other;
    return offset_s;
}

/* How many changes are at or before that moment. */
static uint32_t changes_until(const struct zone *zone, int64_t unix_s) {
    uint32_t low = 0, high = zone->count;
    while (low < high) { /* halves what is left */
        const uint32_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t zone_offset_s(const struct zone *zone, int64_t unix_s, int64_t *until_s) {
    assert(unix_s > -ZONE_MOMENT_S && unix_s < ZONE_MOMENT_S);
    if (zone->system_offset_s != NULL) return system_offset_until(zone, unix_s, until_s);
    const uint32_t passed = changes_until(zone, unix_s);
    if (passed == zone->count && zone->has_rule)
        return zone_rule_offset_s(&zone->rule, unix_s, until_s);
    *until_s = passed < zone->count ? zone->changes[passed].at_s : INT64_MAX;
    return passed > 0 ? zone->changes[passed - 1].offset_s : zone->first_s;
}

/* Around the reading the offset is always the same, as on nearly all days: found by three questions
 * instead of one for each hour. */
static bool system_moment(const struct zone *zone, int64_t reading, int64_t *moment_s) {
    const int32_t offset_s = ask_system(zone, reading - 2 * DAY_S);
    *moment_s = reading - offset_s;
    return ask_system(zone, reading + 2 * DAY_S) == offset_s &&
           ask_system(zone, *moment_s) == offset_s;
}

int64_t zone_moment_s(const void *context, int64_t reading) {
    const struct zone *const zone = context;
    int64_t moment_s;
    if (zone->system_offset_s != NULL && system_moment(zone, reading, &moment_s)) return moment_s;
    int64_t at = reading - ZONE_OFFSET_MAX_S; /* not before this */
    for (;;) { /* each turn advances to a change; ends at the latest with the smallest offset */
        int64_t until;
        const int32_t offset_s = zone_offset_s(zone, at, &until);
        if (reading - offset_s <= at) return at;
        if (reading - offset_s < until) return reading - offset_s;
        at = until;
    }
}
