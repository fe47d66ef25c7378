/* boundaries.c - computes when schedules are due, for tests/e2e/test_zones.py, which compares the
 * results with another implementation.  It reads one question per line from stdin, with fields
 * separated by tabs, and answers each with one line.  Times are seconds since 1970 UTC.
 *
 *   next FILE SCHEDULE AFTER COUNT    the first COUNT due times after AFTER
 *   clock FILE SCHEDULE T...          the indices (from 0) of the times T at which it is due
 *   offset FILE T...                  how far the zone's clock is ahead of UTC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/files.h"
#include "port/system.h"
#include "writer/live/rotation.h"

#define LINE_BYTES_MAX (1 << 20)
#define SECOND_NS      INT64_C(1000000000)

static struct zone *read_zone(const char *path) {
    char *bytes;
    size_t size;
    struct zone *zone;
    const char *sentence;
    int error = file_read_all(files_of_system(), path, ZONE_FILE_BYTES_MAX, &bytes, &size);
    if (!error) {
        error = zone_read(bytes, size, &zone, &sentence);
        free(bytes);
        if (error == ERR_INVALID) say("%s: %s", path, sentence);
    }
    return error ? NULL : zone;
}

static int64_t number_of(const char *text) {
    return text ? strtoll(text, NULL, 10) : 0;
}

static void next(const struct schedule *schedule) {
    int64_t moment = number_of(strtok(NULL, "\t"));
    for (int64_t count = number_of(strtok(NULL, "\t")); count > 0; count--) {
        moment = schedule_next(schedule, moment);
        printf("%lld ", (long long)moment);
    }
}

static void clock_looks(const struct schedule *schedule) {
    struct rotation rotation;
    const char *text = strtok(NULL, "\t");
    rotation_begin(&rotation, &(struct rotation_rules){.schedule = *schedule},
                   number_of(text) * SECOND_NS);
    for (int look = 1; (text = strtok(NULL, "\t")) != NULL; look++)
        if (rotation_due(&rotation, number_of(text) * SECOND_NS)) printf("%d ", look);
}

static void offsets(const struct zone *zone) {
    const char *text;
    int64_t until;
    while ((text = strtok(NULL, "\t")) != NULL)
        printf("%d ", (int)zone_offset_s(zone, number_of(text), &until));
}

static bool answer(char *line) {
    struct schedule schedule;
    const char *const question = strtok(line, "\t");
    struct zone *zone = read_zone(strtok(NULL, "\t"));
    if (zone == NULL) {
        puts("refused");
        return true;
    }
    if (strcmp(question, "offset") == 0) {
        offsets(zone);
    } else {
        if (schedule_parse(strtok(NULL, "\t"), &schedule) != 0) return false;
        schedule.zone = zone;
        if (strcmp(question, "next") == 0)
            next(&schedule);
        else
            clock_looks(&schedule);
    }
    zone_free(zone);
    putchar('\n');
    return true;
}

int program_main(int count, char **arguments) {
    (void)count, (void)arguments;
    static char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!answer(line)) return 2;
    }
    return 0;
}
