/* zones_icu.c - time zones from ICU.  See zones.h.  Pure: the caller has loaded the library. */
#include <string.h>

#include "port/error.h"
#include "port/windows/zones.h"

#define NAME_MAX_UNITS 128
#define FIRST_MS       (-5364662400.0 * 1000) /* 1800-01-01 */
#define LAST_MS        (16725225600.0 * 1000) /* the end of ICU_YEAR_MAX */

/* unicode/ucal.h */
enum { GREGORIAN = 1, ZONE_OFFSET = 15, DST_OFFSET = 16, TRANSITION_NEXT = 0 };

static int32_t offset_s(const struct icu *icu, void *calendar, double millis, int *status) {
    icu->set_millis(calendar, millis, status);
    return (icu->get(calendar, ZONE_OFFSET, status) + icu->get(calendar, DST_OFFSET, status)) /
           1000;
}

static int read_changes(const struct icu *icu, void *calendar, struct zone_changes *changes) {
    int status = 0;
    double at_ms = FIRST_MS;
    changes->first_s = offset_s(icu, calendar, at_ms, &status);
    while (status <= 0) { /* each turn advances; zone_changes_add is full in the end */
        if (!icu->transition(calendar, TRANSITION_NEXT, &at_ms, &status) || at_ms >= LAST_MS)
            return status > 0 ? ERR_OTHER : 0;
        const int32_t next_s = offset_s(icu, calendar, at_ms, &status);
        if (status <= 0 && !zone_changes_add(changes, (int64_t)(at_ms / 1000), next_s))
            return ERR_TOO_LARGE;
    }
    return ERR_OTHER;
}

int zone_of_icu(const struct icu *icu, const char *name, struct zone_changes *changes) {
    uint16_t wide[NAME_MAX_UNITS], found[NAME_MAX_UNITS];
    const size_t length = strlen(name);
    int8_t is_known = 0;
    int status = 0;
    *changes = (struct zone_changes){0};
    if (length >= NAME_MAX_UNITS) return ERR_NOT_FOUND;
    for (size_t i = 0; i < length; i++)
        wide[i] = (uint8_t)name[i];
    /* An unknown name would open as GMT. */
    icu->canonical(wide, (int32_t)length, found, NAME_MAX_UNITS, &is_known, &status);
    if (status > 0 || !is_known) return ERR_NOT_FOUND;
    void *const calendar = icu->open(wide, (int32_t)length, "en_US", GREGORIAN, &status);
    if (status > 0 || calendar == NULL) return ERR_NO_MEMORY;
    const int error = read_changes(icu, calendar, changes);
    icu->close(calendar);
    return error;
}
