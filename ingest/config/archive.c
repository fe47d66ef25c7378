/* archive.c - see archive.h. */
#include "ingest/config/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

/* ---- the archive ---- */

/* Without "." and ".." and the same separator twice, in place: as names go, whatever links say. */
static void simplify(char *path) {
    char *to = path;
    for (const char *from = path; *from != '\0';) { /* ends: each turn goes on by a name */
        const size_t size = strcspn(from + 1, "/") + 1;
        const bool none = size == 1 || (size == 2 && from[1] == '.');
        const bool above = size == 3 && from[0] == '/' && from[1] == '.' && from[2] == '.';
        while (above && to > path && *--to != '/') {
        } /* its last name goes */
        if (!none && !above) memmove(to, from, size);
        if (!none && !above) to += size;
        from += size;
    }
    *to = '\0';
}

/* What comes there would be taken for a stream, or for what the daemon writes just now. */
static int refuse_inside(const struct host *host, const struct config *config, const char *archive,
                         char *error) {
    char dir[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    if (host->absolute_path(config->dir, dir, sizeof dir)) return 0;
    strcpy(path, archive);
    simplify(dir);
    simplify(path);
    const size_t size = strlen(dir);
    if (strncmp(path, dir, size) != 0 || (path[size] != '/' && path[size] != '\0')) return 0;
    snprintf(error, CONFIG_ERROR_MAX,
             "archive_dir: %.300s %s the log directory, %.300s; a directory "
             "elsewhere was expected",
             archive, path[size] ? "lies in" : "is", dir);
    return ERR_INVALID;
}

/* What is not there yet is made, but not in a file. */
static int refuse_in_file(struct files *files, const char *archive, char *error) {
    char path[PATH_BYTES_MAX];
    struct file_status status;
    strcpy(path, archive);
    for (;;) { /* ends: the path grows shorter */
        const int result = file_status_of(files, path, &status);
        if (!result && status.directory) return 0;
        if (!result) break;
        char *last = strrchr(path, '/');
        if (last == NULL || last == path) return 0;
        *last = '\0';
    }
    snprintf(error, CONFIG_ERROR_MAX, "archive_dir: %.300s: %.300s is a file, not a directory",
             archive, path);
    return ERR_INVALID;
}

int config_archive_resolve(const struct host *host, struct config *config, const char **archive_dir,
                           char *error) {
    char path[PATH_BYTES_MAX];
    if (*archive_dir != NULL && strcmp(*archive_dir, "none") == 0) *archive_dir = NULL;
    if (*archive_dir == NULL) return 0;
    int result = host->absolute_path(*archive_dir, path, sizeof path);
    if (!result)
        *archive_dir =
            config_keep(config, path, strlen(path), config_position(config, *archive_dir));
    if (!result && *archive_dir == NULL) result = ERR_NO_MEMORY;
    if (result) {
        snprintf(error, CONFIG_ERROR_MAX, "archive_dir: %s", error_text(result));
        return ERR_INVALID;
    }
    result = refuse_inside(host, config, path, error);
    return result ? result : refuse_in_file(host->files, path, error);
}

/* ---- the command ---- */

/* What a shell would have made of it, for those who wrote it for one. */
static void split(const char *line, char *list, size_t size) {
    size_t length = 0;
    list[0] = '\0';
    while (*line != '\0' && length < size - 1) {
        const int word = (int)strcspn(line, " ");
        if (word > 0)
            length += (size_t)snprintf(list + length, size - length, "%s\"%.*s\"",
                                       length ? ", " : "", word, line);
        line += word;
        line += *line == ' ';
    }
}

int config_command_resolve(const struct host *host, const struct option_list *words, bool *missing,
                           char *error) {
    char list[300];
    *missing = false;
    if (words->count == 0) return 0;
    const char *program = words->texts[0];
    if (words->count == 1 && strcmp(program, "none") == 0) return 0;
    *missing = !host->program_found(program);
    if (program[0] == '\0') {
        snprintf(error, CONFIG_ERROR_MAX, "archive_command: a program's name was expected first");
        return ERR_INVALID;
    }
    if (words->count > 1 || strchr(program, ' ') == NULL || !*missing) return 0;
    split(program, list, sizeof list);
    snprintf(error, CONFIG_ERROR_MAX,
             "archive_command: there is no program \"%.256s\"; no shell takes it apart, its words "
             "go one each: [%s]",
             program, list);
    return ERR_INVALID;
}
