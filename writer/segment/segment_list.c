/* segment_list.c - which segments a path means: see segment_list.h.
 * A daemon may be at work in the same folders: names come, lose their .part and
 * go while we look. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/segment/segment_list.h"

#define STATE_FOLDER   "state"
#define REJECTS_STREAM "rejects"

/* A listing in progress: of the folder that was named, or of a stream's folder in it. */
struct folder_listing {
    struct files *files;
    struct segment_list *list;
    const char *folder;
    bool named; /* its own folders are streams */
    /* The second time: the folder's segments that were found the first time, sorted. */
    bool again;
    uint32_t known_first, known_end;
    int error; /* the first one; what else can be listed is */
};

static bool found_name(void *context, const char *name, bool directory);
static int list_folder(struct folder_listing *listing);
static bool found_before(const struct segment_file *files, uint32_t count,
                         const struct segment_file *file);
static bool is_copy(const struct segment_file *file, const struct segment_file *before);
static void free_file(const struct segment_file *file);
static int skip(struct segment_list *list, const char *path, int error);
static bool is_odd(int error);
static int add_file(struct files *files, const char *path, struct segment_list *list);
static int add_segment(struct files *files, const char *path, struct segment_list *list);
static char *join(const char *folder, const char *name);
static int compare_names(const struct segment_name *a, const struct segment_name *b);
static int compare_files(const void *left, const void *right);

int segment_list_add(struct files *files, const char *path, struct segment_list *list) {
    struct file_status status;
    int error = file_status_of(files, path, &status);
    if (!error && status.directory) {
        struct folder_listing listing = {
            .files = files, .list = list, .folder = path, .named = true};
        error = list_folder(&listing);
    } else if (!error || error == ERR_NOT_FOUND) {
        error = add_segment(files, path, list);
        if (!error) list->files[list->count - 1].named = true;
    }
    segment_list_sort(list);
    return error;
}

void segment_list_sort(struct segment_list *list) {
    if (list->count > 0) qsort(list->files, list->count, sizeof *list->files, compare_files);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment_file file = list->files[i];
        if (found_before(list->files, kept, &file)) {
            free_file(&file);
        } else {
            list->files[kept++] = file;
        }
    }
    list->count = kept;
}

/* Is it among those of the same sequence already?  They are the last ones. */
static bool found_before(const struct segment_file *files, uint32_t count,
                         const struct segment_file *file) {
    if (file->name.stream[0] == '\0') return false; /* not a segment's name */
    for (uint32_t i = count; i > 0; i--) {
        const struct segment_file *before = &files[i - 1];
        if (before->name.sequence != file->name.sequence) return false;
        if (strcmp(before->name.stream, file->name.stream) != 0) return false;
        if (before->id == file->id || is_copy(file, before)) return true;
    }
    return false;
}

/* While a segment moves to the archive, it is in both places. */
static bool is_copy(const struct segment_file *file, const struct segment_file *before) {
    if (file->home == NULL || before->name.part) return false;
    if (file->name.opened_ns != before->name.opened_ns) return false;
    const size_t size = strlen(file->home);
    if (before->home != NULL) return strcmp(before->home, file->home) == 0;
    return size == (size_t)(path_name(before->path) - before->path) &&
           memcmp(before->path, file->home, size) == 0;
}

void segment_list_free(struct segment_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        free_file(&list->files[i]);
    free(list->files);
    segment_list_forget_skipped(list);
    *list = (struct segment_list){0};
}

void segment_list_forget_skipped(struct segment_list *list) {
    for (uint32_t i = 0; i < list->skipped_count; i++)
        free(list->skipped[i].path);
    free(list->skipped);
    list->skipped = NULL;
    list->skipped_count = list->skipped_room = 0;
}

int segment_list_join(struct segment_list *list, struct segment_list *more) {
    int error = 0;
    if (list->room - list->count < more->count) {
        const uint32_t room = list->count + more->count;
        struct segment_file *larger = realloc(list->files, room * sizeof *larger);
        if (larger == NULL) error = ERR_NO_MEMORY;
        if (larger != NULL) list->files = larger;
        if (larger != NULL) list->room = room;
    }
    if (!error && more->count > 0) {
        memcpy(list->files + list->count, more->files, more->count * sizeof *more->files);
        list->count += more->count;
        more->count = 0; /* what they hold is the longer list's now */
    }
    for (uint32_t i = 0; i < more->skipped_count && !error; i++)
        error = skip(list, more->skipped[i].path, more->skipped[i].error);
    segment_list_free(more);
    return error;
}

void segment_list_leave_out(struct segment_list *list, const bool *out) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (out[i])
            free_file(&list->files[i]);
        else
            list->files[kept++] = list->files[i];
    list->count = kept;
}

static void free_file(const struct segment_file *file) {
    free(file->path);
    free(file->home);
}

char *segment_path_other(const char *path) {
    const char *old = path_name(path);
    struct segment_name name;
    if (!segment_name_parse(old, &name)) return NULL;
    name.part = !name.part;
    const size_t folder_length = (size_t)(old - path);
    char *other = malloc(folder_length + SEGMENT_NAME_MAX);
    if (other == NULL) return NULL;
    memcpy(other, path, folder_length);
    segment_name_format(&name, other + folder_length);
    return other;
}

/* Systems pass over a name that changes while they list a folder, and Windows may refuse to tell of
 * it.  A segment loses its .part once, so who is passed over the first time is there the second
 * time. */
static int list_folder(struct folder_listing *listing) {
    struct segment_list *list = listing->list;
    listing->known_first = list->count;
    int error = directory_list(listing->files, listing->folder, found_name, listing);
    listing->known_end = list->count;
    if (list->count > listing->known_first)
        qsort(list->files + listing->known_first, list->count - listing->known_first,
              sizeof *list->files, compare_files);
    if (error || listing->error == ERR_NO_MEMORY) return listing->error ? listing->error : error;
    listing->again = true;
    if (!listing->named) listing->error = 0; /* a segment that could not be examined is again */
    error = directory_list(listing->files, listing->folder, found_name, listing);
    return listing->error ? listing->error : error;
}

/* In this folder, under this name or the one with or without .part. */
static bool is_known(const struct folder_listing *listing, const struct segment_name *name) {
    const struct segment_file *files = listing->list->files;
    uint32_t low = listing->known_first, high = listing->known_end;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_names(&files[middle].name, name);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool found_name(void *context, const char *name, bool directory) {
    struct folder_listing *listing = context;
    struct segment_name segment;
    const bool is_segment = segment_name_parse(name, &segment);
    if (directory && !is_segment) {
        const bool left_out = strcmp(name, STATE_FOLDER) == 0 || strcmp(name, REJECTS_STREAM) == 0;
        if (!listing->named || left_out || listing->again) return true;
    } else if (!is_segment || (listing->again && is_known(listing, &segment))) {
        return true;
    }
    char *path = join(listing->folder, name);
    int error = path == NULL ? ERR_NO_MEMORY : directory && is_segment ? ERR_IS_DIRECTORY : 0;
    if (!error && directory) {
        struct folder_listing inner = {
            .files = listing->files, .list = listing->list, .folder = path};
        error = list_folder(&inner);
    } else if (!error) {
        error = add_segment(listing->files, path, listing->list);
    }
    if (error == ERR_NOT_FOUND) error = 0; /* deleted meanwhile */
    if (error && error != ERR_NO_MEMORY && (is_odd(error) || directory || listing->again) &&
        skip(listing->list, path, error))
        error = ERR_NO_MEMORY;
    free(path);
    if (is_odd(error)) error = 0;
    if (error == ERR_NO_MEMORY || (error && !listing->error)) listing->error = error;
    return error != ERR_NO_MEMORY;
}

/* Not a file, and no failure of the system: it will not become a segment. */
static bool is_odd(int error) {
    return error == ERR_NOT_SEEKABLE || error == ERR_IS_DIRECTORY || error == ERR_LINK_LOOP ||
           error == ERR_LINK_DANGLING;
}

static int skip(struct segment_list *list, const char *path, int error) {
    for (uint32_t i = 0; i < list->skipped_count; i++)
        if (strcmp(list->skipped[i].path, path) == 0) return 0;
    if (list->skipped_count == list->skipped_room) {
        const uint32_t room = list->skipped_room == 0 ? 8 : list->skipped_room * 2;
        struct segment_skipped *more = realloc(list->skipped, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        list->skipped = more;
        list->skipped_room = room;
    }
    char *copy = malloc(strlen(path) + 1);
    if (copy == NULL) return ERR_NO_MEMORY;
    strcpy(copy, path);
    list->skipped[list->skipped_count++] = (struct segment_skipped){copy, error};
    return 0;
}

/* A segment's path, or the one it has been renamed to. */
static int add_segment(struct files *files, const char *path, struct segment_list *list) {
    int error = add_file(files, path, list);
    if (error != ERR_NOT_FOUND) return error;
    char *other = segment_path_other(path);
    if (other == NULL) return error;
    error = add_file(files, other, list);
    free(other);
    return error;
}

static int add_file(struct files *files, const char *path, struct segment_list *list) {
    struct file_status status;
    const int error = file_status_of(files, path, &status);
    if (error == ERR_NOT_FOUND && status.dangling) return ERR_LINK_DANGLING;
    if (error) return error;
    if (status.directory) return ERR_IS_DIRECTORY;
    if (status.special) return ERR_NOT_SEEKABLE;
    if (list->count == list->room) {
        const uint32_t room = list->room == 0 ? 64 : list->room * 2;
        struct segment_file *more = realloc(list->files, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        list->files = more;
        list->room = room;
    }
    struct segment_file file = {.size = status.size, .id = status.id};
    (void)segment_name_parse(path_name(path), &file.name); /* else the stream stays "" */
    file.path = malloc(strlen(path) + 1);
    if (file.path == NULL) return ERR_NO_MEMORY;
    strcpy(file.path, path);
    list->files[list->count++] = file;
    return 0;
}

static char *join(const char *folder, const char *name) {
    const size_t folder_length = strlen(folder), name_length = strlen(name);
    char *path = malloc(folder_length + 1 + name_length + 1);
    if (path == NULL) return NULL;
    memcpy(path, folder, folder_length);
    size_t length = folder_length;
    if (length == 0 || !path_separates(path[length - 1])) path[length++] = '/';
    memcpy(path + length, name, name_length + 1);
    return path;
}

static int compare_names(const struct segment_name *a, const struct segment_name *b) {
    const int by_stream = strcmp(a->stream, b->stream);
    if (by_stream != 0 || a->sequence == b->sequence) return by_stream;
    return a->sequence < b->sequence ? -1 : 1;
}

static int compare_files(const void *left, const void *right) {
    const struct segment_file *a = left, *b = right;
    const int by_name = compare_names(&a->name, &b->name);
    if (by_name != 0) return by_name;
    if (a->name.part != b->name.part) return a->name.part ? 1 : -1;
    if ((a->home == NULL) != (b->home == NULL)) return a->home == NULL ? -1 : 1;
    return strcmp(a->path, b->path);
}
