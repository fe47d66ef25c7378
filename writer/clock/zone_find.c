/* zone_find.c - see zone_find.h. */
#include "writer/clock/zone_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

#define ZONE_EXPECTED "a name such as Europe/Berlin, UTC or local was expected"

static int read_file(const struct zone_source *source, const char *name, struct zone **zone,
                     char *problem) {
    char path[PATH_BYTES_MAX], *bytes;
    size_t size;
    const char *sentence = NULL;
    if (snprintf(path, sizeof path, "%s/%s", source->folder, name) >= (int)sizeof path) {
        snprintf(problem, ZONE_PROBLEM_MAX, "%s", error_text(ERR_NAME_TOO_LONG));
        return ERR_INVALID;
    }
    int result = file_read_all(source->files, path, ZONE_FILE_BYTES_MAX, &bytes, &size);
    if (result == 0) {
        result = zone_read(bytes, size, zone, &sentence);
        free(bytes);
    }
    if (result == ERR_NOT_FOUND || result == ERR_IS_DIRECTORY)
        snprintf(problem, ZONE_PROBLEM_MAX,
                 "\"%.128s\": no such time zone in %.512s; " ZONE_EXPECTED, name, source->folder);
    else if (result)
        snprintf(problem, ZONE_PROBLEM_MAX, "%.600s: %s", path,
                 sentence ? sentence : error_text(result));
    return result;
}

static int read_named(const struct zone_source *source, const char *name, struct zone **zone,
                      char *problem) {
    void *bytes;
    size_t size;
    const char *sentence = NULL;
    int result = source->named ? source->named(name, &bytes, &size) : ERR_UNSUPPORTED;
    if (result == 0) {
        result = zone_read(bytes, size, zone, &sentence);
        free(bytes);
    }
    if (result == ERR_UNSUPPORTED)
        snprintf(problem, ZONE_PROBLEM_MAX,
                 "\"%.128s\": this system has no time zone files; only UTC and local are known",
                 name);
    else if (result == ERR_NOT_FOUND)
        snprintf(problem, ZONE_PROBLEM_MAX,
                 "\"%.128s\": this system knows no such time zone; " ZONE_EXPECTED, name);
    else if (result)
        snprintf(problem, ZONE_PROBLEM_MAX, "\"%.128s\": %s", name,
                 sentence ? sentence : error_text(result));
    return result == ERR_UNSUPPORTED || result == ERR_NOT_FOUND ? ERR_INVALID : result;
}

int zone_find(const struct zone_source *source, const char *name, struct zone **zone,
              char *problem) {
    int result;
    if (strcmp(name, "UTC") == 0 || strcmp(name, "local") == 0) {
        result =
            strcmp(name, "UTC") == 0 ? zone_of_utc(zone) : zone_of_system(source->offset_s, zone);
        if (result) snprintf(problem, ZONE_PROBLEM_MAX, "%s", error_text(result));
        return result;
    }
    if (!zone_name_valid(name)) {
        snprintf(problem, ZONE_PROBLEM_MAX, "\"%.64s\" is not a time zone: " ZONE_EXPECTED, name);
        return ERR_INVALID;
    }
    if (source->folder == NULL) return read_named(source, name, zone, problem);
    return read_file(source, name, zone, problem);
}
