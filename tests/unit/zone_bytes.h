/* zone_bytes.h - makes the bytes of a TZif file, for tests that define their own zone. */
#ifndef TESTS_UNIT_ZONE_BYTES_H
#define TESTS_UNIT_ZONE_BYTES_H

#include <stdint.h>
#include <string.h>

#include "writer/clock/zone.h"

#define ZONE_BYTES_ROOM 1024

struct zone_bytes {
    uint8_t bytes[ZONE_BYTES_ROOM];
    size_t size;
};

struct zone_bytes_change {
    int64_t at_s;
    uint8_t type;
};

static inline void zone_bytes_number(struct zone_bytes *zone, uint64_t number, int bytes) {
    while (bytes-- > 0)
        zone->bytes[zone->size++] = (uint8_t)(number >> (8 * bytes));
}

/* A header, transitions, and local time types. */
static inline void zone_bytes_block(struct zone_bytes *zone, char version, int time_bytes,
                                    const struct zone_bytes_change *changes, uint32_t change_count,
                                    const int32_t *offsets_s, uint32_t type_count) {
    static const char letters[] = "XXX";
    memcpy(zone->bytes + zone->size, "TZif", 4);
    zone->size += 4;
    zone_bytes_number(zone, (uint8_t)version, 1);
    memset(zone->bytes + zone->size, 0, 15);
    zone->size += 15;
    zone_bytes_number(zone, 0, 4); /* UTC indicators */
    zone_bytes_number(zone, 0, 4); /* standard time indicators */
    zone_bytes_number(zone, 0, 4); /* leap seconds */
    zone_bytes_number(zone, change_count, 4);
    zone_bytes_number(zone, type_count, 4);
    zone_bytes_number(zone, sizeof letters, 4);
    for (uint32_t i = 0; i < change_count; i++)
        zone_bytes_number(zone, (uint64_t)changes[i].at_s, time_bytes);
    for (uint32_t i = 0; i < change_count; i++)
        zone_bytes_number(zone, changes[i].type, 1);
    for (uint32_t i = 0; i < type_count; i++) {
        zone_bytes_number(zone, (uint32_t)offsets_s[i], 4);
        zone_bytes_number(zone, 0, 2);
    }
    memcpy(zone->bytes + zone->size, letters, sizeof letters);
    zone->size += sizeof letters;
}

/* Version 2: an empty first block, 64-bit transitions, and a rule, which may be "". */
static inline void zone_bytes_make(struct zone_bytes *zone, const struct zone_bytes_change *changes,
                                   uint32_t change_count, const int32_t *offsets_s,
                                   uint32_t type_count, const char *rule) {
    zone->size = 0;
    zone_bytes_block(zone, '2', 4, NULL, 0, offsets_s, 1);
    zone_bytes_block(zone, '2', 8, changes, change_count, offsets_s, type_count);
    zone->bytes[zone->size++] = '\n';
    memcpy(zone->bytes + zone->size, rule, strlen(rule));
    zone->size += strlen(rule);
    zone->bytes[zone->size++] = '\n';
}

/* A zone that consists of a rule alone. */
static inline int zone_of_rule(const char *rule, struct zone **zone) {
    static const int32_t offset_s = 0;
    struct zone_bytes made;
    const char *sentence;
    zone_bytes_make(&made, NULL, 0, &offset_s, 1, rule);
    return zone_read(made.bytes, made.size, zone, &sentence);
}

#endif
