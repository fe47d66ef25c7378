/* wildcards.h - the files that a path with '*' or '?' in its last name stands for, on systems whose
 * shell does not replace it (path_is_pattern in port/files.h). */
#ifndef TOOLS_QUERY_WILDCARDS_H
#define TOOLS_QUERY_WILDCARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"

/* '*': any characters; '?': one.  ASCII letters match in either case; "*.*" matches every name. */
bool wildcard_matches(const char *pattern, const char *name);

struct wildcard_paths {
    char **paths; /* sorted */
    uint32_t count;
};
/* ERR_NOT_FOUND: none. */
int wildcard_find(struct files *files, const char *pattern, struct wildcard_paths *found);
void wildcard_free(struct wildcard_paths *found);

#endif
