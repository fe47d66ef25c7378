/* wildcards.c - see wildcards.h. */
#include "tools/query/wildcards.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tools/query/allocate.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* After the character at `name`, which may have several bytes. */
static const char *after(const char *name) {
    do
        name++;
    while ((*name & 0xC0) == 0x80);
    return name;
}

bool wildcard_matches(const char *pattern, const char *name) {
    const char *star = NULL, *retry = NULL;
    if (strcmp(pattern, "*.*") == 0) return true;
    while (*name != '\0') { /* ends: after a mismatch the last '*' takes one character more */
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (*pattern == '?') {
            pattern++;
            name = after(name);
        } else if (lower(*pattern) == lower(*name)) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = retry = after(retry);
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

struct search {
    const char *pattern, *folder;
    size_t folder_size;
    struct wildcard_paths *found;
};

static bool add_name(void *context, const char *name, bool directory) {
    struct search *s = context;
    struct wildcard_paths *found = s->found;
    (void)directory;
    if (!wildcard_matches(s->pattern, name)) return true;
    char *path = allocate(s->folder_size + strlen(name) + 1);
    memcpy(path, s->folder, s->folder_size);
    strcpy(path + s->folder_size, name);
    found->paths = reallocate(found->paths, (found->count + 1) * sizeof *found->paths);
    found->paths[found->count++] = path;
    return true;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int wildcard_find(struct files *files, const char *pattern, struct wildcard_paths *found) {
    struct search search = {.pattern = path_name(pattern), .folder = pattern, .found = found};
    *found = (struct wildcard_paths){0};
    search.folder_size = (size_t)(search.pattern - pattern);
    char *folder = copy_text(search.folder_size > 0 ? pattern : ".",
                             search.folder_size > 0 ? search.folder_size : 1);
    int error = directory_list(files, folder, add_name, &search);
    free(folder);
    if (found->count > 1) qsort(found->paths, found->count, sizeof *found->paths, compare);
    if (!error && found->count == 0) error = ERR_NOT_FOUND;
    if (error) wildcard_free(found);
    return error;
}

void wildcard_free(struct wildcard_paths *found) {
    for (uint32_t i = 0; i < found->count; i++)
        free(found->paths[i]);
    free(found->paths);
    *found = (struct wildcard_paths){0};
}
