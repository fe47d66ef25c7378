/* zones.c - see zones.h, and system_zone in system.h. */
#include "port/windows/zones.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "port/error.h"
#include "port/system.h"

/* ---- changes as bytes ---- */

bool zone_changes_add(struct zone_changes *changes, int64_t at_s, int32_t offset_s) {
    while (changes->count > 0 && changes->list[changes->count - 1].at_s >= at_s)
        changes->count--; /* the new one wins */
    const uint32_t n = changes->count;
    const int32_t before_s = n > 0 ? changes->list[n - 1].offset_s : changes->first_s;
    if (before_s == offset_s) return true;
    if (n == ZONE_CHANGES_MAX) return false;
    changes->list[n].at_s = at_s;
    changes->list[n].offset_s = offset_s;
    changes->count++;
    return true;
}

/* RFC 8536: a header of 44 bytes, a kind of local time of 6. */
#define HEADER_BYTES 44
#define KIND_BYTES   6
#define KINDS_MAX    255

static uint8_t *put_u32(uint8_t *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(value >> (24 - 8 * i));
    return p;
}

static uint8_t *put_header(uint8_t *p, uint32_t times, uint32_t kinds) {
    memset(p, 0, HEADER_BYTES);
    memcpy(p, "TZif2", 5);
    put_u32(p + 32, times);
    put_u32(p + 36, kinds);
    put_u32(p + 40, 1); /* the letters of all abbreviations: "" */
    return p + HEADER_BYTES;
}

static uint8_t *put_kind(uint8_t *p, int32_t offset_s) {
    p = put_u32(p, (uint32_t)offset_s);
    *p++ = 0; /* not marked as daylight saving time */
    *p++ = 0; /* its abbreviation */
    return p;
}

/* Its number; it is added if it is new. */
static uint32_t kind_of(int32_t *kinds, uint32_t *count, int32_t offset_s) {
    uint32_t i = 0;
    while (i < *count && kinds[i] != offset_s)
        i++;
    if (i == *count && *count < KINDS_MAX) kinds[(*count)++] = offset_s;
    return i;
}

int zone_changes_write(const struct zone_changes *changes, void **bytes, size_t *size) {
    int32_t kinds[KINDS_MAX];
    uint32_t kind_count = 0;
    kind_of(kinds, &kind_count, changes->first_s);
    for (uint32_t i = 0; i < changes->count; i++)
        if (kind_of(kinds, &kind_count, changes->list[i].offset_s) == KINDS_MAX)
            return ERR_TOO_LARGE;
    const size_t first = HEADER_BYTES + KIND_BYTES + 1; /* with times of 32 bits: none */
    const size_t second = HEADER_BYTES + (size_t)changes->count * 9 + kind_count * KIND_BYTES + 1;
    const size_t rule = strlen(changes->rule);
    uint8_t *const all = malloc(first + second + rule + 2), *p = all;
    if (all == NULL) return ERR_NO_MEMORY;
    p = put_kind(put_header(p, 0, 1), changes->first_s);
    *p++ = 0;
    p = put_header(p, changes->count, kind_count);
    for (uint32_t i = 0; i < changes->count; i++) {
        const uint64_t at_s = (uint64_t)changes->list[i].at_s;
        p = put_u32(put_u32(p, (uint32_t)(at_s >> 32)), (uint32_t)at_s);
    }
    for (uint32_t i = 0; i < changes->count; i++)
        *p++ = (uint8_t)kind_of(kinds, &kind_count, changes->list[i].offset_s);
    for (uint32_t i = 0; i < kind_count; i++)
        p = put_kind(p, kinds[i]);
    *p++ = 0;
    *p++ = '\n';
    memcpy(p, changes->rule, rule);
    p[rule] = '\n';
    *bytes = all;
    *size = (size_t)(p - all) + rule + 1;
    return 0;
}

/* ---- where zones are found ---- */

/* State of the process, as its libraries are. */
static struct icu icu;
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

/* From the system's folder only.  All or nothing. */
static BOOL CALLBACK load_icu(INIT_ONCE *unused, void *parameter, void **context) {
    (void)unused, (void)parameter, (void)context;
    const HMODULE library = LoadLibraryExW(L"icu.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (library == NULL) return TRUE;
    static const char *const names[] = {"ucal_open",
                                        "ucal_close",
                                        "ucal_setMillis",
                                        "ucal_get",
                                        "ucal_getTimeZoneTransitionDate",
                                        "ucal_getCanonicalTimeZoneID"};
    FARPROC found[sizeof names / sizeof *names];
    _Static_assert(sizeof found == sizeof icu, "a name for each function");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        found[i] = GetProcAddress(library, names[i]);
        if (found[i] == NULL) return TRUE; /* not the ICU that we know */
    }
    memcpy(&icu, found, sizeof icu);
    return TRUE;
}

int system_zone(const char *name, void **bytes, size_t *size) {
    struct zone_changes *const changes = malloc(sizeof *changes);
    if (changes == NULL) return ERR_NO_MEMORY;
    InitOnceExecuteOnce(&once, load_icu, NULL, NULL);
    int error = icu.open != NULL ? zone_of_icu(&icu, name, changes) : ERR_NOT_FOUND;
    if (error != 0) error = zone_of_registry(name, changes);
    if (error == 0) error = zone_changes_write(changes, bytes, size);
    free(changes);
    return error;
}
