/* leftovers.c - see leftovers.h. */
#include "writer/segment/leftovers.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/segment/segment_name.h"

/* Names in one folder. */
struct names {
    bool (*wanted)(const char *name, bool directory);
    char **all;
    uint32_t count, room;
    bool no_memory;
};

static bool add_name(void *context, const char *name, bool directory) {
    struct names *names = context;
    if (!names->wanted(name, directory)) return true;
    if (names->count == names->room) {
        const uint32_t room = names->room > 0 ? 2 * names->room : 16;
        char **larger = realloc(names->all, room * sizeof *larger);
        names->no_memory = larger == NULL;
        if (larger == NULL) return false;
        names->all = larger;
        names->room = room;
    }
    names->all[names->count] = strdup(name);
    names->no_memory = names->all[names->count] == NULL;
    names->count += !names->no_memory;
    return !names->no_memory;
}

typedef int work_on_path(struct files *files, const char *path);

/* Calls `work` for every entry of the folder that is wanted. */
static int for_each(struct files *files, const char *folder,
                    bool (*wanted)(const char *name, bool directory), work_on_path *work) {
    struct names names = {.wanted = wanted};
    char path[PATH_BYTES_MAX];
    int error = directory_list(files, folder, add_name, &names);
    if (error == ERR_NOT_FOUND) error = 0;
    if (names.no_memory) error = ERR_NO_MEMORY;
    for (uint32_t i = 0; i < names.count; i++) {
        const int one =
            path_join(path, folder, names.all[i], NULL) ? work(files, path) : ERR_NAME_TOO_LONG;
        if (!error) error = one;
        free(names.all[i]);
    }
    free(names.all);
    return error;
}

static int remove_file(struct files *files, const char *path) {
    const int error = file_remove(files, path);
    return error == ERR_NOT_FOUND ? 0 : error;
}

/* ---- which files ---- */

/* text: the name without this ending, SEGMENT_NAME_MAX bytes. */
static bool ends_with(const char *name, const char *ending, char *text) {
    const size_t size = strlen(name), tail = strlen(ending);
    if (size <= tail || size - tail >= SEGMENT_NAME_MAX) return false;
    if (strcmp(name + size - tail, ending) != 0) return false;
    memcpy(text, name, size - tail);
    text[size - tail] = '\0';
    return true;
}

static bool is_copy(const char *name, bool directory) {
    struct segment_name segment;
    char text[SEGMENT_NAME_MAX];
    return !directory && ends_with(name, LEFTOVERS_COPY, text) &&
           segment_name_parse(text, &segment) && !segment.part;
}

static bool is_of_stream(const char *name, const char *ending) {
    char text[SEGMENT_NAME_MAX];
    return ends_with(name, ending, text) && stream_name_valid(text);
}

/* A temporary file of file_replace for a state file of this name. */
static bool replaces(const char *name, const char *file) {
    const size_t size = strlen(file);
    if (strncmp(name, file, size) != 0) return false;
    return strcmp(name + size, FILE_REPLACE_NEW) == 0 ||
           strcmp(name + size, FILE_REPLACE_OTHER) == 0;
}

static bool has_name_of_state(const char *name) {
    return is_of_stream(name, ".pack") || is_of_stream(name, ".sequence" FILE_REPLACE_NEW) ||
           is_of_stream(name, ".sequence" FILE_REPLACE_OTHER) || replaces(name, "archives") ||
           replaces(name, "settings.json") || strcmp(name, "manifest.ndjson.new") == 0;
}

static bool is_of_state(const char *name, bool directory) {
    return !directory && has_name_of_state(name);
}

static bool is_odd(const char *name, bool directory) {
    return directory && has_name_of_state(name);
}

static bool is_of_archive(const char *name, bool directory) {
    return !directory && (is_of_stream(name, ".copy") || replaces(name, "archive-of"));
}

static bool is_stream(const char *name, bool directory) {
    return directory && stream_name_valid(name);
}

/* ---- removing them ---- */

int leftovers_lock(struct files *files, const char *path, struct file *file) {
    struct file_status locked, named;
    int error = file_lock(files, path, file);
    if (error) return error == ERR_LOCKED ? ERR_BUSY : error;
    /* Between opening and locking, another process may have finished the file and renamed it. */
    error = file_status(file, &locked);
    if (!error) error = file_status_of(files, path, &named);
    if (error == ERR_NOT_FOUND || (!error && locked.id != named.id)) error = ERR_BUSY;
    if (error) file_close(file);
    return error;
}

int leftovers_remove(struct files *files, const char *path) {
    struct file file;
    int error = leftovers_lock(files, path, &file);
    if (error) return error == ERR_BUSY ? 0 : error;
    error = remove_file(files, path);
    file_close(&file);
    return error;
}

int leftovers_clear_folder(struct files *files, const char *folder) {
    return for_each(files, folder, is_copy, leftovers_remove);
}

int leftovers_clear_streams(struct files *files, const char *directory) {
    return for_each(files, directory, is_stream, leftovers_clear_folder);
}

/* An empty one is removed, as a file would be. */
static int pass_directory(struct files *files, const char *path) {
    if (file_remove(files, path) == 0) return 0;
    say("%s: is a directory, not a temporary file; left as it is, remove it", path);
    return 0;
}

int leftovers_clear_state(struct files *files, const char *directory) {
    char state[PATH_BYTES_MAX];
    if (!path_join(state, directory, "state", NULL)) return ERR_NAME_TOO_LONG;
    (void)for_each(files, state, is_odd, pass_directory);
    return for_each(files, state, is_of_state, remove_file);
}

int leftovers_clear_archive(struct files *files, const char *archive) {
    char state[PATH_BYTES_MAX];
    if (!path_join(state, archive, "state", NULL)) return ERR_NAME_TOO_LONG;
    const int error = for_each(files, state, is_of_archive, remove_file);
    const int more = leftovers_clear_streams(files, archive);
    return error ? error : more;
}
