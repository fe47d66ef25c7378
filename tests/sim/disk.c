/* disk.c - the operations of the simulated file system, and their faults.
 * begin() counts an operation and decides whether it has an effect, finish() what it returns. */
#include "tests/sim/disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tests/sim/disk_internal.h"

/* An open file. */
struct disk_handle {
    struct disk_file *file;
    bool writes, locks;
    struct disk_handle *next, *previous;
};

struct turn {
    struct disk *disk;
    enum disk_operation operation;
    const char *path;
    bool acts, halfway;
    bool ends;    /* the process ends after it */
    int error;    /* comes back, whatever it did */
    bool refused; /* it never began */
};

const char *disk_operation_name(enum disk_operation operation) {
    static const char *const names[DISK_OPERATIONS] = {[DISK_OPEN] = "open",
                                                       [DISK_READ] = "read",
                                                       [DISK_WRITE] = "write",
                                                       [DISK_TRUNCATE] = "truncate",
                                                       [DISK_SYNC] = "sync",
                                                       [DISK_STATUS] = "status",
                                                       [DISK_RENAME] = "rename",
                                                       [DISK_REMOVE] = "remove",
                                                       [DISK_MAKE_DIRECTORY] = "make_directory",
                                                       [DISK_SYNC_DIRECTORY] = "sync_directory",
                                                       [DISK_LIST] = "list",
                                                       [DISK_LOCK] = "lock",
                                                       [DISK_FREE_SPACE] = "free_space"};
    return names[operation];
}

/* ---- turns ---- */

static const char *ending_text(enum disk_ending ending) {
    switch (ending) {
    case DISK_FAILS: return "fails";
    case DISK_FAILS_HALFWAY: return "fails halfway";
    case DISK_ENDS_BEFORE: return "the process ends before it";
    case DISK_ENDS_HALFWAY: return "the process ends halfway";
    case DISK_ENDS_AFTER: return "the process ends after it";
    }
    return "";
}

static void meet(struct turn *turn, enum disk_ending ending, int error, uint64_t number) {
    const bool fails = ending == DISK_FAILS || ending == DISK_FAILS_HALFWAY;
    turn->acts = ending == DISK_ENDS_AFTER;
    turn->halfway = ending == DISK_FAILS_HALFWAY || ending == DISK_ENDS_HALFWAY;
    turn->ends = !fails;
    turn->error = fails ? error : ERR_IO;
    snprintf(turn->disk->last, sizeof turn->disk->last, "operation %llu, %s %s: %s%s%s",
             (unsigned long long)number, disk_operation_name(turn->operation), turn->path,
             ending_text(ending), fails ? ": " : "", fails ? error_text(error) : "");
}

static void meet_chance(struct turn *turn) {
    static const int errors[] = {ERR_IO, ERR_NO_SPACE, ERR_BUSY, ERR_NO_MEMORY};
    struct disk *disk = turn->disk;
    if (disk->errors_one_in == 0 || !chance_one_in(&disk->chance, disk->errors_one_in)) return;
    const int error = errors[chance_below(&disk->chance, sizeof errors / sizeof errors[0])];
    meet(turn, chance_one_in(&disk->chance, 2) ? DISK_FAILS : DISK_FAILS_HALFWAY, error,
         disk->count);
}

static void maybe_sicken(struct disk *disk, struct disk_file *file, const char *path) {
    const struct disk_sickness *sickness = &disk->sickness;
    if (sickness->one_in == 0 || (sickness->path != NULL && !strstr(path, sickness->path))) return;
    if (!chance_one_in(&disk->chance, sickness->one_in)) return;
    file->sick_kinds = sickness->kinds;
    if (sickness->kinds_vary)
        file->sick_kinds &= (uint32_t)chance_below(&disk->chance, DISK_ALL + 1ull);
    file->sick_after = sickness->healthy > 0 ? chance_below(&disk->chance, sickness->healthy) : 0;
}

static void meet_sickness(struct turn *turn) {
    struct disk *disk = turn->disk;
    struct disk_file *file = disk_find(&disk->now, turn->path);
    if (disk->sickness.error == 0 || file == NULL) return;
    if (!(file->sick_kinds & DISK_BIT(turn->operation))) return;
    if (file->sick_after > 0) {
        file->sick_after--;
        return;
    }
    turn->error = disk->sickness.error;
    turn->acts = disk->sickness.may_act && chance_one_in(&disk->chance, 4);
    turn->halfway = !turn->acts && chance_one_in(&disk->chance, 2);
}

static int admit(struct disk *disk, const char *path) {
    return disk->admit != NULL ? disk->admit(disk->admit_context, path) : 0;
}

/* `other`: a second path, or NULL. */
static struct turn begin_two(struct disk *disk, enum disk_operation operation, const char *path,
                             const char *other) {
    struct turn turn = {.disk = disk, .operation = operation, .path = path, .acts = true};
    turn.error = admit(disk, path);
    if (turn.error == 0 && other != NULL) turn.error = admit(disk, other);
    if (turn.error != 0) {
        turn.acts = false;
        turn.refused = true;
        return turn;
    }
    if (disk->ended) {
        turn.acts = false;
        turn.error = ERR_IO;
        return turn;
    }
    disk->counts[operation]++;
    disk->count++;
    const struct disk_fault *fault = &disk->fault;
    const uint32_t kinds = fault->kinds != 0 ? fault->kinds : DISK_ALL;
    if ((kinds & DISK_BIT(operation)) && (fault->path == NULL || strstr(path, fault->path))) {
        const uint64_t number = ++disk->fault_counted, times = fault->times > 0 ? fault->times : 1;
        if (fault->first > 0 && number >= fault->first && number - fault->first < times)
            meet(&turn, fault->ending, fault->error, number);
    }
    if (turn.error == 0) meet_chance(&turn);
    if (turn.error == 0) meet_sickness(&turn);
    return turn;
}

static struct turn begin(struct disk *disk, enum disk_operation operation, const char *path) {
    return begin_two(disk, operation, path, NULL);
}

/* Returns the operation's result. */
static int64_t finish(const struct turn *turn, int64_t result) {
    struct disk *disk = turn->disk;
    if (turn->refused) return turn->error;
    if (!disk->ended && disk->performed != NULL) {
        const bool succeeded = turn->error == 0 || (turn->ends && turn->acts);
        disk->performed(disk->context, turn->operation, turn->path,
                        succeeded ? result : turn->error);
    }
    if (turn->ends) disk->ended = true;
    if (turn->ends && disk->process_ended != NULL && disk->listing == 0)
        disk->process_ended(disk->ended_context);
    return turn->error != 0 ? turn->error : result;
}

static struct disk *disk_of(const struct file *file) {
    return (struct disk *)file->files;
}

static struct disk_handle *handle_of(const struct file *file) {
    return (struct disk_handle *)file->handle;
}

const char *disk_path(const struct file *file) {
    return handle_of(file)->file->path;
}

static int64_t wall_of(const struct disk *disk) {
    return disk->wall_ns != NULL ? disk->wall_ns(disk->wall_context) : 0;
}

/* ---- opening and closing ---- */

static bool parent_exists(const struct disk *disk, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) return true;
    for (uint32_t i = 0; i < disk->now.count; i++) {
        const struct disk_name *name = &disk->now.all[i];
        if (name->file->directory && disk_is_in(path, name->path)) return true;
    }
    return false;
}

static void open_handle(struct disk *disk, struct disk_file *found, bool writes, bool locks,
                        struct file *file) {
    struct disk_handle *handle = malloc(sizeof *handle);
    assert(handle != NULL);
    *handle = (struct disk_handle){
        .file = found, .writes = writes, .locks = locks, .next = disk->handles};
    if (handle->next != NULL) handle->next->previous = handle;
    disk->handles = handle;
    found->handles++;
    found->locked |= locks;
    disk->files_open++;
    file->handle = (intptr_t)handle;
}

static int make_file(struct disk *disk, const char *path, bool directory, struct disk_file **made) {
    if (!parent_exists(disk, path)) return ERR_NOT_FOUND;
    *made = disk_file_new(disk, directory);
    (*made)->changed_ns = wall_of(disk);
    disk_change_names(disk, NULL, path, *made);
    return 0;
}

static int do_open(struct disk *disk, const char *path, enum file_access access,
                   struct file *file) {
    struct disk_file *found = disk_find(&disk->now, path);
    if (found != NULL && found->directory)
        return access == FILE_WRITE_NEW ? ERR_EXISTS : ERR_IS_DIRECTORY;
    if (access == FILE_WRITE_NEW && found != NULL) return ERR_EXISTS;
    if (access == FILE_WRITE_SECRET && found != NULL) {
        disk_change_names(disk, path, NULL, found);
        found = NULL;
    }
    int error = 0;
    const bool makes = access == FILE_WRITE_NEW || access == FILE_WRITE_SECRET;
    if (makes) error = make_file(disk, path, false, &found);
    if (makes && error == 0) maybe_sicken(disk, found, path);
    if (error == 0 && found == NULL) error = ERR_NOT_FOUND;
    if (error == 0)
        open_handle(disk, found, access != FILE_READ && access != FILE_READ_ANY, false, file);
    return error;
}

/* Closes the handle of an open that returns an error: the caller gets none. */
static void take_back(struct file *file);

static int call_open(struct files *files, const char *path, enum file_access access,
                     struct file *file) {
    struct turn turn = begin((struct disk *)files, DISK_OPEN, path);
    int result = 0;
    if (turn.acts) result = do_open(turn.disk, path, access, file);
    if (turn.acts && result == 0 && turn.error != 0) {
        file->files = files;
        take_back(file);
        file->files = NULL;
    }
    return (int)finish(&turn, result);
}

static void call_close(struct file *file) {
    take_back(file);
}

static void close_handle(struct disk *disk, struct disk_handle *handle) {
    handle->file->handles--;
    if (handle->locks) handle->file->locked = false;
    if (handle->next != NULL) handle->next->previous = handle->previous;
    if (handle->previous != NULL)
        handle->previous->next = handle->next;
    else
        disk->handles = handle->next;
    disk->files_open--;
    free(handle);
}

static void take_back(struct file *file) {
    close_handle(disk_of(file), handle_of(file));
}

void disk_close_all(struct disk *disk) {
    while (disk->handles != NULL)
        close_handle(disk, disk->handles);
}

static int do_lock(struct disk *disk, const char *path, struct file *file) {
    struct disk_file *found = disk_find(&disk->now, path);
    int error = 0;
    if (found == NULL) error = make_file(disk, path, false, &found);
    if (error == 0 && found->locked) error = ERR_LOCKED;
    if (error == 0) open_handle(disk, found, true, true, file);
    return error;
}

static int call_lock(struct files *files, const char *path, struct file *file) {
    struct turn turn = begin((struct disk *)files, DISK_LOCK, path);
    int result = 0;
    if (turn.acts) result = do_lock(turn.disk, path, file);
    if (turn.acts && result == 0 && turn.error != 0) {
        file->files = files;
        take_back(file);
        file->files = NULL;
    }
    return (int)finish(&turn, result);
}

/* ---- an open file ---- */

static int64_t call_read_at(struct file *file, void *bytes, size_t size, uint64_t offset) {
    const struct disk_file *f = handle_of(file)->file;
    struct turn turn = begin(disk_of(file), DISK_READ, f->path);
    size_t got = 0;
    if (turn.acts && offset < f->size) {
        got = f->size - (size_t)offset;
        if (got > size) got = size;
        memcpy(bytes, f->bytes + offset, got);
    }
    return finish(&turn, (int64_t)got);
}

static bool on_volume(const struct disk *disk, const char *path) {
    const size_t length = strlen(disk->volume);
    return length > 0 && strncmp(path, disk->volume, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static uint64_t used_on(const struct disk *disk, bool volume) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < disk->inode_count; i++) {
        const struct disk_file *f = disk->inodes[i];
        const bool exists = f->links > 0 || f->handles > 0;
        if (exists && (f->path != NULL && on_volume(disk, f->path)) == volume) used += f->size;
    }
    return used;
}

/* UINT64_MAX: no limit. */
static uint64_t free_on(const struct disk *disk, bool volume) {
    const uint64_t used = used_on(disk, volume);
    const uint64_t most = volume ? disk->volume_bytes_max : disk->bytes_max;
    if (most == 0) return UINT64_MAX;
    return used < most ? most - used : 0;
}

/* Writes as much as the disk has space for.  0 or ERR_NO_SPACE. */
static int do_write(struct disk *disk, struct disk_file *f, const void *bytes, size_t size,
                    uint64_t offset) {
    size_t fits = size;
    const uint64_t grows = offset + size > f->size ? offset + size - f->size : 0;
    if (grows > 0) {
        const uint64_t room = free_on(disk, f->path != NULL && on_volume(disk, f->path));
        if (grows > room) fits = grows - room < size ? size - (size_t)(grows - room) : 0;
    }
    disk_file_write(f, bytes, fits, (size_t)offset);
    f->changed_ns = wall_of(disk);
    return fits < size ? ERR_NO_SPACE : 0;
}

/* The size of the written part of a write that stops halfway. */
static size_t part_of(struct disk *disk, size_t size, uint64_t offset) {
    const uint64_t end = offset + chance_below(&disk->chance, size);
    if (!disk->whole_pages) return (size_t)(end - offset);
    const uint64_t page = end / DISK_PAGE_BYTES * DISK_PAGE_BYTES;
    return page > offset ? (size_t)(page - offset) : 0;
}

static int call_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    struct disk *disk = disk_of(file);
    struct disk_file *f = handle_of(file)->file;
    assert(handle_of(file)->writes);
    struct turn turn = begin(disk, DISK_WRITE, f->path);
    int result = 0;
    if (turn.acts) result = do_write(disk, f, bytes, size, offset);
    if (turn.halfway) do_write(disk, f, bytes, part_of(disk, size, offset), offset);
    return (int)finish(&turn, result);
}

static int call_truncate(struct file *file, uint64_t size) {
    struct disk_file *f = handle_of(file)->file;
    assert(handle_of(file)->writes);
    struct turn turn = begin(disk_of(file), DISK_TRUNCATE, f->path);
    if (turn.acts) disk_file_resize(f, (size_t)size);
    if (turn.acts) f->changed_ns = wall_of(turn.disk);
    return (int)finish(&turn, 0);
}

static int call_sync(struct file *file) {
    struct disk_file *f = handle_of(file)->file;
    struct turn turn = begin(disk_of(file), DISK_SYNC, f->path);
    if (turn.acts)
        disk_file_sync(f);
    else if (!turn.ends && !turn.refused && !turn.disk->ended)
        disk_file_lose(f); /* a kernel marks pages clean that it could not write */
    return (int)finish(&turn, 0);
}

static void fill_status(const struct disk_file *f, struct file_status *status) {
    *status = (struct file_status){
        .size = f->size, .modified_ns = f->changed_ns, .id = f->id, .directory = f->directory};
}

static int call_status(struct file *file, struct file_status *status) {
    const struct disk_file *f = handle_of(file)->file;
    struct turn turn = begin(disk_of(file), DISK_STATUS, f->path);
    if (turn.acts) fill_status(f, status);
    return (int)finish(&turn, 0);
}

/* ---- paths ---- */

static int call_status_of(struct files *files, const char *path, struct file_status *status) {
    struct turn turn = begin((struct disk *)files, DISK_STATUS, path);
    const struct disk_file *found = disk_find(&turn.disk->now, path);
    if (turn.acts && found != NULL) fill_status(found, status);
    return (int)finish(&turn, found != NULL ? 0 : ERR_NOT_FOUND);
}

static int do_rename(struct disk *disk, const char *from, const char *to) {
    struct disk_file *found = disk_find(&disk->now, from);
    const struct disk_file *replaced = disk_find(&disk->now, to);
    if (found == NULL || !parent_exists(disk, to)) return ERR_NOT_FOUND;
    if (found->directory) return ERR_UNSUPPORTED; /* not used */
    if (replaced != NULL && replaced->directory) return ERR_IS_DIRECTORY;
    if (on_volume(disk, from) != on_volume(disk, to)) return disk->volume_error;
    if (replaced != found) disk_change_names(disk, from, to, found);
    return 0;
}

static int call_rename(struct files *files, const char *from, const char *to) {
    struct turn turn = begin_two((struct disk *)files, DISK_RENAME, from, to);
    int result = 0;
    if (turn.acts) result = do_rename(turn.disk, from, to);
    return (int)finish(&turn, result);
}

static bool is_empty(const struct disk *disk, const char *directory) {
    for (uint32_t i = 0; i < disk->now.count; i++)
        if (disk_is_in(disk->now.all[i].path, directory)) return false;
    return true;
}

static int call_remove(struct files *files, const char *path) {
    struct turn turn = begin((struct disk *)files, DISK_REMOVE, path);
    struct disk_file *found = disk_find(&turn.disk->now, path);
    int result = found != NULL ? 0 : ERR_NOT_FOUND;
    if (result == 0 && found->directory && !is_empty(turn.disk, path)) result = ERR_EXISTS;
    if (turn.acts && result == 0) disk_change_names(turn.disk, path, NULL, found);
    return (int)finish(&turn, result);
}

static int call_make_directory(struct files *files, const char *path) {
    struct turn turn = begin((struct disk *)files, DISK_MAKE_DIRECTORY, path);
    struct disk_file *made = disk_find(&turn.disk->now, path);
    int result = made != NULL ? ERR_EXISTS : 0;
    if (turn.acts && result == 0) result = make_file(turn.disk, path, true, &made);
    return (int)finish(&turn, result);
}

static int call_sync_directory(struct files *files, const char *path) {
    struct turn turn = begin((struct disk *)files, DISK_SYNC_DIRECTORY, path);
    const struct disk_file *found = disk_find(&turn.disk->now, path);
    const bool root = strcmp(path, ".") == 0 || strcmp(path, "/") == 0;
    int result = root || found != NULL ? 0 : ERR_NOT_FOUND;
    if (found != NULL && !found->directory) result = ERR_NOT_DIRECTORY;
    if (turn.acts && result == 0) disk_sync_names(turn.disk, path);
    return (int)finish(&turn, result);
}

/* Lists a copy of the names, because `visit` may change them; begins anywhere, because
 * directories have no order. */
static void do_list(struct disk *disk, const char *path, file_visit *visit, void *context) {
    struct disk_names *now = &disk->now;
    uint32_t count = 0;
    struct entry {
        char *name;
        bool directory;
    } *entries = malloc((now->count + 1) * sizeof *entries);
    assert(entries != NULL);
    for (uint32_t i = 0; i < now->count; i++) {
        const char *name = now->all[i].path, *slash = strrchr(name, '/');
        if (!disk_is_in(name, path)) continue;
        entries[count].name = disk_copy(slash != NULL ? slash + 1 : name);
        entries[count++].directory = now->all[i].file->directory;
    }
    const uint32_t first = (uint32_t)chance_below(&disk->chance, count);
    bool more = true;
    disk->listing++;
    for (uint32_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[(first + i) % count];
        if (more) more = visit(context, entry->name, entry->directory);
    }
    disk->listing--;
    for (uint32_t i = 0; i < count; i++)
        free(entries[i].name);
    free(entries);
}

static int call_list(struct files *files, const char *path, file_visit *visit, void *context) {
    struct turn turn = begin((struct disk *)files, DISK_LIST, path);
    const struct disk_file *found = disk_find(&turn.disk->now, path);
    int result = found != NULL || strcmp(path, ".") == 0 ? 0 : ERR_NOT_FOUND;
    if (found != NULL && !found->directory) result = ERR_NOT_DIRECTORY;
    if (turn.acts && result == 0) do_list(turn.disk, path, visit, context);
    return (int)finish(&turn, result);
}

static int call_free_space(struct files *files, const char *path, struct volume_space *space) {
    struct turn turn = begin((struct disk *)files, DISK_FREE_SPACE, path);
    const bool there = strcmp(path, ".") == 0 || disk_find(&turn.disk->now, path) != NULL;
    const bool volume = on_volume(turn.disk, path);
    const uint64_t free = free_on(turn.disk, volume);
    if (turn.acts && there)
        *space = (struct volume_space){.free = free == UINT64_MAX ? UINT64_C(1) << 40 : free,
                                       .volume = volume ? 2 : 1};
    return (int)finish(&turn, there ? 0 : ERR_NOT_FOUND);
}

/* ---- the disk itself ---- */

void disk_open(struct disk *disk, uint64_t seed) {
    memset(disk, 0, sizeof *disk);
    disk->chance.state = seed;
    disk->files = (struct files){.open = call_open,
                                 .close = call_close,
                                 .read_at = call_read_at,
                                 .write_at = call_write_at,
                                 .truncate = call_truncate,
                                 .sync = call_sync,
                                 .status = call_status,
                                 .status_of = call_status_of,
                                 .rename = call_rename,
                                 .remove = call_remove,
                                 .make_directory = call_make_directory,
                                 .sync_directory = call_sync_directory,
                                 .list = call_list,
                                 .lock = call_lock,
                                 .free_space = call_free_space};
}

void disk_close(struct disk *disk) {
    disk_forget_all(disk);
    memset(disk, 0, sizeof *disk);
}

void disk_arm(struct disk *disk, const struct disk_fault *fault) {
    disk->fault = *fault;
    disk->fault_counted = 0;
    disk->last[0] = '\0';
}

void disk_end(struct disk *disk) {
    disk->ended = true;
}

void disk_restart(struct disk *disk, bool power, enum disk_memory memory) {
    assert(disk->files_open == 0);
    if (power) disk_lose_power(disk, memory);
    disk->fault = (struct disk_fault){0};
    disk->sickness = (struct disk_sickness){0};
    for (uint32_t i = 0; i < disk->inode_count; i++)
        disk->inodes[i]->sick_kinds = 0;
    disk->ended = false;
}

void disk_add_volume(struct disk *disk, const char *path, int error) {
    assert(disk->volume[0] == '\0' && strlen(path) < sizeof disk->volume);
    strcpy(disk->volume, path);
    disk->volume_error = error;
}

uint64_t disk_used(const struct disk *disk) {
    return used_on(disk, false) + used_on(disk, true);
}

bool disk_exists(const struct disk *disk, const char *path) {
    return disk_find(&disk->now, path) != NULL;
}

const uint8_t *disk_bytes(const struct disk *disk, const char *path, size_t *size) {
    static const uint8_t nothing[1];
    const struct disk_file *found = disk_find(&disk->now, path);
    if (found == NULL || found->directory) return NULL;
    *size = found->size;
    return found->size > 0 ? found->bytes : nothing;
}

void disk_put(struct disk *disk, const char *path, const void *bytes, size_t size) {
    char *part = disk_copy(path);
    struct disk_file *made;
    for (char *p = part + 1; *p != '\0'; p++) { /* from the top down */
        if (*p != '/') continue;
        *p = '\0';
        const int failed =
            disk_find(&disk->now, part) == NULL ? make_file(disk, part, true, &made) : 0;
        assert(failed == 0);
        *p = '/';
    }
    free(part);
    const int error = make_file(disk, path, false, &made);
    assert(error == 0);
    disk_file_write(made, bytes, size, 0);
    disk_settle(disk);
}

void disk_walk(const struct disk *disk, const char *path, disk_visit *visit, void *context) {
    const size_t length = strlen(path);
    for (uint32_t i = 0; i < disk->now.count; i++) {
        const struct disk_name *name = &disk->now.all[i];
        if (strncmp(name->path, path, length) != 0 || name->path[length] != '/') continue;
        if (!visit(context, name->path, name->file->directory)) return;
    }
}
