/* zone_find.h - finds a time zone by its name. */
#ifndef WRITER_CLOCK_ZONE_FIND_H
#define WRITER_CLOCK_ZONE_FIND_H

#include "port/files.h"
#include "writer/clock/zone.h"

#define ZONE_PROBLEM_MAX 1024

/* Where zones are found. */
struct zone_source {
    struct files *files;
    const char *folder; /* of TZif files; NULL: there is none */
    /* Without a folder: a zone of the system by its name, see system_zone.  NULL: there are none. */
    int (*named)(const char *name, void **bytes, size_t *size);
    int32_t (*offset_s)(int64_t unix_s); /* of the zone "local", as in zone_of_system */
};

/* "UTC", "local", or the name of a file below the folder or of a zone of the system, such as
 * Europe/Berlin.  Blocking.  0, or an ERR_ with a sentence in `problem` (ZONE_PROBLEM_MAX bytes);
 * ERR_INVALID: it is not the name of a zone. */
int zone_find(const struct zone_source *source, const char *name, struct zone **zone,
              char *problem);

#endif
