/* archives.c - see archives.h.  The directory's id is durable before it is written to an archive,
 * and it is in the archive before the directory lists the archive.  After a crash in between, the
 * next claim continues from there. */
#include "writer/segment/archives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/json.h"

#define LIST_BYTES_MAX  (1024 + ARCHIVES_MAX * (PATH_BYTES_MAX + 16))
#define OWNER_BYTES_MAX 256

/* ---- the two files ---- */

/* The text after `word` and a blank, if the line begins with them, else NULL. */
static char *behind(char *line, const char *word) {
    const size_t size = strlen(word);
    return strncmp(line, word, size) == 0 && line[size] == ' ' ? line + size + 1 : NULL;
}

static int parse(char *text, struct archives *archives) {
    for (char *line = text, *next; *line != '\0'; line = next) { /* ends: the text does */
        next = strchr(line, '\n');
        if (next == NULL) return ERR_INVALID;
        *next++ = '\0';
        const char *id = behind(line, "id"), *folder = behind(line, "folder");
        if (id != NULL && strlen(id) < sizeof archives->id)
            strcpy(archives->id, id);
        else if (folder != NULL && archives->count < ARCHIVES_MAX &&
                 strlen(folder) < PATH_BYTES_MAX)
            strcpy(archives->folders[archives->count++], folder);
        else
            return ERR_INVALID;
    }
    return archives->id[0] != '\0' ? 0 : ERR_INVALID;
}

int archives_read(struct files *files, const char *directory, struct archives *archives) {
    char path[PATH_BYTES_MAX], *text;
    size_t size;
    archives->id[0] = '\0';
    archives->count = 0;
    if (!path_join(path, directory, "state", ARCHIVES_FILE)) return ERR_NAME_TOO_LONG;
    int error = file_read_all(files, path, LIST_BYTES_MAX, &text, &size);
    if (error) return error == ERR_NOT_FOUND || error == ERR_NOT_DIRECTORY ? 0 : error;
    error = parse(text, archives);
    free(text);
    return error;
}

static int write_list(struct files *files, const char *directory, const struct archives *archives) {
    char path[PATH_BYTES_MAX];
    if (!path_join(path, directory, "state", ARCHIVES_FILE)) return ERR_NAME_TOO_LONG;
    char *text = malloc(LIST_BYTES_MAX);
    if (text == NULL) return ERR_NO_MEMORY;
    size_t size = (size_t)sprintf(text, "id %s\n", archives->id);
    for (uint32_t i = 0; i < archives->count; i++)
        size += (size_t)sprintf(text + size, "folder %s\n", archives->folders[i]);
    const int error = file_replace(files, path, text, size, false);
    free(text);
    return error;
}

/* The id of the log directory that owns the archive.  ERR_NOT_FOUND: it names none. */
static int read_owner(struct files *files, const char *folder, char owner[OWNER_BYTES_MAX]) {
    char path[PATH_BYTES_MAX], *text;
    size_t size;
    if (!path_join(path, folder, "state", ARCHIVES_OF_FILE)) return ERR_NAME_TOO_LONG;
    const int error = file_read_all(files, path, OWNER_BYTES_MAX - 1, &text, &size);
    if (error) return error == ERR_NOT_DIRECTORY ? ERR_NOT_FOUND : error;
    text[strcspn(text, "\n")] = '\0';
    strcpy(owner, text);
    free(text);
    return 0;
}

static int write_owner(struct files *files, const char *folder, const char *id) {
    char path[PATH_BYTES_MAX], line[OWNER_BYTES_MAX];
    if (!path_join(path, folder, "state", NULL)) return ERR_NAME_TOO_LONG;
    int error = directory_make(files, path);
    /* They may exist already, made by a process that was killed before their names were durable. */
    if (!error) error = directory_sync_above(files, path);
    if (!error) error = directory_sync_all_above(files, folder);
    if (error) return error;
    if (!path_join(path, folder, "state", ARCHIVES_OF_FILE)) return ERR_NAME_TOO_LONG;
    const int size = snprintf(line, sizeof line, "%s\n", id);
    return file_replace(files, path, line, (size_t)size, false);
}

/* ---- whose it is ---- */

int archives_check(struct files *files, const struct archives *archives, const char *folder) {
    char owner[OWNER_BYTES_MAX];
    const int error = read_owner(files, folder, owner);
    if (error) return error;
    return strcmp(owner, archives->id) == 0 ? 0 : ERR_EXISTS;
}

static bool remembers(const struct archives *archives, const char *folder) {
    for (uint32_t i = 0; i < archives->count; i++)
        if (strcmp(archives->folders[i], folder) == 0) return true;
    return false;
}

static int make_id(struct files *files, const char *directory, struct archives *archives,
                   const uint8_t *chance) {
    if (archives->id[0] != '\0') return 0;
    for (int i = 0; i < ARCHIVES_ID_BYTES; i++)
        sprintf(archives->id + 2 * i, "%02x", chance[i]);
    return write_list(files, directory, archives);
}

/* A log directory, this one under another name or another daemon's, cannot be an archive: that
 * daemon would take the archived files for its own. */
static int refuse_log_directory(struct files *files, const char *folder) {
    struct file_status status;
    char path[PATH_BYTES_MAX];
    if (!path_join(path, folder, "state", "lock")) return ERR_NAME_TOO_LONG;
    const int error = file_status_of(files, path, &status);
    if (error) return error == ERR_NOT_FOUND || error == ERR_NOT_DIRECTORY ? 0 : error;
    return ERR_INVALID;
}

/* state/archives and the manifest are lines of UTF-8 text. */
static bool can_be_told(const char *folder) {
    const size_t size = strlen(folder);
    return utf8_valid((const uint8_t *)folder, size) && strcspn(folder, "\r\n") == size;
}

int archives_prepare(struct files *files, const char *directory, const char *folder,
                     const uint8_t *chance, struct archives *archives, bool *remembered) {
    int error = archives_read(files, directory, archives);
    if (error) return error;
    *remembered = remembers(archives, folder);
    if (*remembered) return 0;
    if (archives->count == ARCHIVES_MAX) return ERR_TOO_LARGE;
    if (strlen(folder) >= PATH_BYTES_MAX) return ERR_NAME_TOO_LONG;
    if (!can_be_told(folder)) return ERR_UNSUPPORTED;
    return make_id(files, directory, archives, chance);
}

int archives_mark(struct files *files, const struct archives *archives, const char *folder,
                  bool remembered) {
    if (remembered) return archives_check(files, archives, folder);
    int error = refuse_log_directory(files, folder);
    if (!error) error = archives_check(files, archives, folder);
    if (error != ERR_NOT_FOUND) return error;
    error = write_owner(files, folder, archives->id);
    if (error == ERR_NOT_FOUND) error = ERR_NOT_MADE; /* it never existed */
    return error == ERR_EXISTS ? ERR_NOT_DIRECTORY : error;
}

int archives_remember(struct files *files, const char *directory, const char *folder,
                      struct archives *archives) {
    const int error = archives_read(files, directory, archives);
    if (error || remembers(archives, folder)) return error;
    if (archives->count == ARCHIVES_MAX) return ERR_TOO_LARGE;
    strcpy(archives->folders[archives->count++], folder);
    return write_list(files, directory, archives);
}

int archives_claim(struct files *files, const char *directory, const char *folder,
                   const uint8_t *chance) {
    struct archives *archives = malloc(sizeof *archives);
    if (archives == NULL) return ERR_NO_MEMORY;
    bool remembered = false;
    int error = archives_prepare(files, directory, folder, chance, archives, &remembered);
    if (!error) error = archives_mark(files, archives, folder, remembered);
    if (!error && !remembered) error = archives_remember(files, directory, folder, archives);
    free(archives);
    return error;
}

const char *archives_error_text(int error) {
    switch (error) {
    case ERR_NOT_FOUND: return "not there, or not the archive that it was (is it mounted?)";
    case ERR_EXISTS: return "is the archive of another log directory";
    case ERR_INVALID: return "is a log directory, or state/" ARCHIVES_FILE " is damaged";
    case ERR_UNSUPPORTED: return "its name cannot be written down (a line break, or no UTF-8)";
    case ERR_TOO_LARGE: return "there are four archives already (state/" ARCHIVES_FILE ")";
    default: return error_text(error);
    }
}

/* ---- finding segments in archives ---- */

/* Finds the log directory: `path` itself, or the one above if `path` is a stream's folder, and its
 * archives.  *stream: that stream, or "" for all. */
static int archives_of(struct files *files, const char *path, struct archives *archives,
                       char directory[PATH_BYTES_MAX], char stream[STREAM_NAME_MAX + 1]) {
    stream[0] = '\0';
    size_t size = strlen(path);
    if (size >= PATH_BYTES_MAX) return ERR_NAME_TOO_LONG;
    strcpy(directory, path);
    const int error = archives_read(files, directory, archives);
    if (error || archives->count > 0) return error;
    while (size > 1 && path_separates(directory[size - 1]))
        directory[--size] = '\0';
    const char *last = path_name(directory);
    if (!stream_name_valid(last)) return 0;
    strcpy(stream, last);
    size = (size_t)(last - directory);
    while (size > 1 && path_separates(directory[size - 1]))
        size--;
    strcpy(directory + size, size == 0 ? "." : "");
    return archives_read(files, directory, archives);
}

/* Adds one archive's segments; home: what precedes their streams' names in the log directory. */
static int list_one(struct files *files, const char *folder, const char *stream,
                    struct segment_list *list, const char *home) {
    char path[PATH_BYTES_MAX];
    if (stream[0] == '\0')
        strcpy(path, folder);
    else if (!path_join(path, folder, stream, NULL))
        return ERR_NAME_TOO_LONG;
    struct segment_list more = {0};
    int error = segment_list_add(files, path, &more);
    if (error == ERR_NOT_FOUND && stream[0] != '\0') error = 0; /* none has gone there yet */
    for (uint32_t i = 0; i < more.count; i++) {
        struct segment_file *file = &more.files[i];
        const size_t size = strlen(home) + strlen(file->name.stream) + 3;
        file->home = malloc(size);
        if (file->home == NULL) error = ERR_NO_MEMORY;
        if (file->home == NULL) break;
        snprintf(file->home, size, "%s%s%s", home, stream[0] != '\0' ? "" : file->name.stream,
                 stream[0] != '\0' ? "" : "/");
    }
    const int joined = segment_list_join(list, &more);
    return error ? error : joined;
}

/* `path` with a separator at its end: the beginning of every path listed there. */
static bool as_listed(const char *path, char home[PATH_BYTES_MAX]) {
    const size_t size = strlen(path);
    if (size + 2 > PATH_BYTES_MAX) return false;
    strcpy(home, path);
    if (size == 0 || !path_separates(path[size - 1])) strcpy(home + size, "/");
    return true;
}

int archives_list(struct files *files, const char *path, struct segment_list *list, char *folder) {
    char directory[PATH_BYTES_MAX], home[PATH_BYTES_MAX], stream[STREAM_NAME_MAX + 1];
    struct archives *archives = malloc(sizeof *archives);
    strcpy(folder, path);
    if (archives == NULL) return ERR_NO_MEMORY;
    int result = archives_of(files, path, archives, directory, stream);
    if (!result && !as_listed(path, home)) result = ERR_NAME_TOO_LONG;
    for (uint32_t i = 0; !result && i < archives->count; i++) {
        int error = archives_check(files, archives, archives->folders[i]);
        if (!error) error = list_one(files, archives->folders[i], stream, list, home);
        if (!error) continue;
        strcpy(folder, archives->folders[i]);
        result = error;
    }
    free(archives);
    segment_list_sort(list);
    return result;
}

char *archives_find(struct files *files, const char *path) {
    char folder[PATH_BYTES_MAX], directory[PATH_BYTES_MAX], stream[STREAM_NAME_MAX + 1],
        found[PATH_BYTES_MAX];
    struct segment_name name;
    struct file_status status;
    char file[SEGMENT_NAME_MAX];
    const size_t size = (size_t)(path_name(path) - path);
    if (!segment_name_parse(path + size, &name) || size == 0 || size >= sizeof folder) return NULL;
    name.part = false; /* archives hold closed segments only */
    segment_name_format(&name, file);
    memcpy(folder, path, size);
    folder[size] = '\0';
    struct archives *archives = malloc(sizeof *archives);
    if (archives == NULL) return NULL;
    char *where = NULL;
    if (archives_of(files, folder, archives, directory, stream)) archives->count = 0;
    for (uint32_t i = 0; where == NULL && i < archives->count; i++)
        if (path_join(found, archives->folders[i], name.stream, file) &&
            file_status_of(files, found, &status) == 0)
            where = strdup(found);
    free(archives);
    return where;
}
