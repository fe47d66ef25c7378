/* disk_memory.c - durability: bytes by page, names by directory, and what a power failure loses.
 *
 * There is a table of the present names, one of the durable names, and a list of the changes
 * between them, which a sync of their directory carries over. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk_internal.h"

static void names_set(struct disk_names *names, const char *path, struct disk_file *file);
static void names_apply(struct disk_names *names, const struct disk_change *change);
static void reap(struct disk *disk);

void *disk_grow(void *array, uint32_t *room, uint32_t count, size_t each) {
    if (count < *room) return array;
    *room = *room > 0 ? *room * 2 : 16;
    array = realloc(array, *room * each);
    assert(array != NULL);
    return array;
}

char *disk_copy(const char *text) {
    char *copy = text != NULL ? strdup(text) : NULL;
    assert(text == NULL || copy != NULL);
    return copy;
}

/* ---- bytes ---- */

struct disk_file *disk_file_new(struct disk *disk, bool directory) {
    if (disk->inode_count >= disk->inode_limit) reap(disk);
    struct disk_file *file = calloc(1, sizeof *file);
    assert(file != NULL);
    file->id = ++disk->ids;
    file->directory = directory;
    disk->inodes =
        disk_grow(disk->inodes, &disk->inode_room, disk->inode_count, sizeof *disk->inodes);
    disk->inodes[disk->inode_count++] = file;
    return file;
}

static void file_free(struct disk_file *file) {
    free(file->path);
    free(file->bytes);
    free(file->durable);
    free(file->dirty);
    free(file);
}

/* After a file's end these arrays are zero. */
static void make_room(struct disk_file *file, size_t size) {
    if (size <= file->room) return;
    size_t room = file->room > 0 ? file->room : DISK_PAGE_BYTES;
    while (room < size)
        room *= 2;
    file->bytes = realloc(file->bytes, room);
    file->durable = realloc(file->durable, room);
    file->dirty = realloc(file->dirty, disk_pages(room));
    assert(file->bytes != NULL && file->durable != NULL && file->dirty != NULL);
    memset(file->bytes + file->room, 0, room - file->room);
    memset(file->durable + file->room, 0, room - file->room);
    memset(file->dirty + disk_pages(file->room), 0, disk_pages(room) - disk_pages(file->room));
    file->room = room;
}

void disk_file_write(struct disk_file *file, const void *bytes, size_t size, size_t offset) {
    if (size == 0) return;
    make_room(file, offset + size);
    memcpy(file->bytes + offset, bytes, size);
    if (offset + size > file->size) file->size = offset + size;
    for (size_t page = offset / DISK_PAGE_BYTES; page < disk_pages(offset + size); page++)
        file->dirty[page] = 1;
}

void disk_file_resize(struct disk_file *file, size_t size) {
    make_room(file, size);
    if (size < file->size) {
        memset(file->bytes + size, 0, file->size - size);
        if (size % DISK_PAGE_BYTES > 0) file->dirty[size / DISK_PAGE_BYTES] = 1;
    }
    file->size = size;
}

static void page_to(const struct disk_file *file, uint8_t *to, size_t page) {
    memcpy(to + page * DISK_PAGE_BYTES, file->bytes + page * DISK_PAGE_BYTES, DISK_PAGE_BYTES);
}

void disk_file_sync(struct disk_file *file) {
    for (size_t page = 0; page < disk_pages(file->room); page++) {
        if (file->dirty[page]) page_to(file, file->durable, page);
        file->dirty[page] = 0;
    }
    if (file->durable_size > file->size)
        memset(file->durable + file->size, 0, file->durable_size - file->size);
    file->durable_size = file->size;
}

void disk_file_lose(struct disk_file *file) {
    if (file->room > 0) memset(file->dirty, 0, disk_pages(file->room));
}

/* The size that survives if the file grew or shrank: any whole number of pages in between. */
static size_t size_after(struct disk *disk, const struct disk_file *file, enum disk_memory memory,
                         bool all_kept) {
    const size_t before = file->durable_size, now = file->size;
    if (memory == DISK_KEEPS_NONE) return before;
    if (memory == DISK_KEEPS_ALL || (memory == DISK_KEEPS_FIRST && all_kept)) return now;
    if (now <= before) return chance_one_in(&disk->chance, 2) ? now : before;
    const size_t pages = disk_pages(now) - before / DISK_PAGE_BYTES;
    const size_t size =
        (before / DISK_PAGE_BYTES + chance_below(&disk->chance, pages + 1)) * DISK_PAGE_BYTES;
    return size < before ? before : size > now ? now : size;
}

static void file_loses_power(struct disk *disk, struct disk_file *file, enum disk_memory memory) {
    uint64_t dirty = 0, kept = 0;
    for (size_t page = 0; page < disk_pages(file->room); page++)
        dirty += file->dirty[page];
    if (memory == DISK_KEEPS_ALL) kept = dirty;
    if (memory == DISK_KEEPS_FIRST) kept = chance_below(&disk->chance, dirty + 1);
    size_t size = size_after(disk, file, memory, kept == dirty);
    uint64_t seen = 0;
    for (size_t page = 0; page < disk_pages(file->room); page++) {
        if (!file->dirty[page]) continue;
        const bool stays =
            memory == DISK_KEEPS_SOME ? chance_one_in(&disk->chance, 2) : seen < kept;
        seen++;
        if (!stays) continue;
        page_to(file, file->durable, page);
        /* The first pages bring the file's size with them. */
        const size_t end = (page + 1) * DISK_PAGE_BYTES;
        const size_t reached = end < file->size ? end : file->size;
        if (memory == DISK_KEEPS_FIRST && seen == kept && kept < dirty)
            size = reached > file->durable_size ? reached : file->durable_size;
    }
    if (memory == DISK_KEEPS_FIRST && kept == 0 && dirty > 0) size = file->durable_size;
    if (size < file->room) memset(file->durable + size, 0, file->room - size);
    if (file->room > 0) memcpy(file->bytes, file->durable, file->room);
    file->size = file->durable_size = size;
    disk_file_lose(file); /* nothing is dirty any more */
}

/* ---- names ---- */

bool disk_is_in(const char *path, const char *directory) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return strcmp(directory, ".") == 0;
    const size_t length = slash == path ? 1 : (size_t)(slash - path);
    return strlen(directory) == length && memcmp(path, directory, length) == 0;
}

static uint32_t hash_of(const char *path) {
    uint32_t hash = 0x811C9DC5u; /* FNV-1a */
    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * 0x01000193u;
    return hash;
}

struct disk_file *disk_find(const struct disk_names *names, const char *path) {
    const uint32_t hash = hash_of(path);
    for (uint32_t i = names->count; i-- > 0;) /* recent names are looked up most */
        if (names->all[i].hash == hash && strcmp(names->all[i].path, path) == 0)
            return names->all[i].file;
    return NULL;
}

static void names_take_away(struct disk_names *names, const char *path) {
    const uint32_t hash = hash_of(path);
    for (uint32_t i = 0; i < names->count; i++) {
        if (names->all[i].hash != hash || strcmp(names->all[i].path, path) != 0) continue;
        free(names->all[i].path);
        names->all[i] = names->all[--names->count];
        return;
    }
}

static void names_set(struct disk_names *names, const char *path, struct disk_file *file) {
    names_take_away(names, path);
    names->all = disk_grow(names->all, &names->room, names->count, sizeof *names->all);
    names->all[names->count++] =
        (struct disk_name){.hash = hash_of(path), .path = disk_copy(path), .file = file};
}

static void names_apply(struct disk_names *names, const struct disk_change *change) {
    if (change->from != NULL && disk_find(names, change->from) == change->file)
        names_take_away(names, change->from);
    if (change->to != NULL) names_set(names, change->to, change->file);
}

static void names_free(struct disk_names *names) {
    for (uint32_t i = 0; i < names->count; i++)
        free(names->all[i].path);
    free(names->all);
    *names = (struct disk_names){0};
}

void disk_change_names(struct disk *disk, const char *from, const char *to,
                       struct disk_file *file) {
    struct disk_file *replaced = to != NULL ? disk_find(&disk->now, to) : NULL;
    if (replaced != NULL) replaced->links--;
    if (from != NULL) file->links--;
    if (to != NULL) {
        file->links++;
        free(file->path);
        file->path = disk_copy(to);
    }
    const struct disk_change change = {disk_copy(from), disk_copy(to), file};
    names_apply(&disk->now, &change);
    disk->changes =
        disk_grow(disk->changes, &disk->change_room, disk->change_count, sizeof *disk->changes);
    disk->changes[disk->change_count++] = change;
}

static void change_free(struct disk_change *change) {
    free(change->from);
    free(change->to);
}

static bool touches(const struct disk_change *change, const char *directory) {
    return (change->from != NULL && disk_is_in(change->from, directory)) ||
           (change->to != NULL && disk_is_in(change->to, directory));
}

static void make_durable(struct disk *disk, struct disk_change *change) {
    names_apply(&disk->durable, change);
    change_free(change);
}

/* Earlier changes of the same file in other directories become durable too, so that a moved file
 * is not in both.  Returns how many of the first `count` changes are left. */
static uint32_t carry_over_before(struct disk *disk, const struct disk_file *file, uint32_t count) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (disk->changes[i].file == file)
            make_durable(disk, &disk->changes[i]);
        else
            disk->changes[left++] = disk->changes[i];
    }
    return left;
}

/* Makes the first `most` changes of this directory durable. */
static void carry_over(struct disk *disk, const char *directory, uint64_t most) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < disk->change_count; i++) {
        struct disk_change change = disk->changes[i];
        if (most == 0 || !touches(&change, directory)) {
            disk->changes[left++] = change;
            continue;
        }
        most--;
        left = carry_over_before(disk, change.file, left);
        make_durable(disk, &change);
    }
    disk->change_count = left;
}

void disk_sync_names(struct disk *disk, const char *directory) {
    carry_over(disk, directory, UINT64_MAX);
}

static void drop_changes(struct disk *disk) {
    for (uint32_t i = 0; i < disk->change_count; i++)
        change_free(&disk->changes[i]);
    disk->change_count = 0;
}

/* Directory by directory: how much survives of one is independent of the others. */
static void names_lose_power(struct disk *disk, enum disk_memory memory) {
    while (disk->change_count > 0 &&
           memory != DISK_KEEPS_NONE) { /* each round completes a directory */
        const struct disk_change *change = &disk->changes[0];
        char *directory = disk_copy(change->to != NULL ? change->to : change->from);
        char *slash = strrchr(directory, '/');
        if (slash != NULL)
            slash[slash == directory] = '\0';
        else
            strcpy(directory, ".");
        uint64_t count = 0;
        for (uint32_t i = 0; i < disk->change_count; i++)
            count += touches(&disk->changes[i], directory);
        if (memory != DISK_KEEPS_ALL) count = chance_below(&disk->chance, count + 1);
        carry_over(disk, directory, count);
        uint32_t left = 0;
        for (uint32_t i = 0; i < disk->change_count; i++) {
            struct disk_change forgotten = disk->changes[i];
            if (touches(&forgotten, directory))
                change_free(&forgotten);
            else
                disk->changes[left++] = forgotten;
        }
        disk->change_count = left;
        free(directory);
    }
    drop_changes(disk);
}

static bool has_its_folder(const struct disk_names *names, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) return true;
    for (uint32_t i = 0; i < names->count; i++)
        if (names->all[i].file->directory && disk_is_in(path, names->all[i].path)) return true;
    return false;
}

/* Drops names whose directory does not exist. */
static void drop_orphans(struct disk_names *names) {
    for (uint32_t i = 0; i < names->count;) { /* ends: each restart has one name fewer */
        if (has_its_folder(names, names->all[i].path)) {
            i++;
            continue;
        }
        free(names->all[i].path);
        names->all[i] = names->all[--names->count];
        i = 0;
    }
}

static void copy_names(struct disk_names *to, const struct disk_names *from) {
    names_free(to);
    for (uint32_t i = 0; i < from->count; i++)
        names_set(to, from->all[i].path, from->all[i].file);
}

static void name_files_anew(struct disk *disk) {
    for (uint32_t i = 0; i < disk->inode_count; i++)
        disk->inodes[i]->links = 0;
    for (uint32_t i = 0; i < disk->now.count; i++) {
        struct disk_file *file = disk->now.all[i].file;
        file->links++;
        free(file->path);
        file->path = disk_copy(disk->now.all[i].path);
    }
}

void disk_lose_power(struct disk *disk, enum disk_memory memory) {
    names_lose_power(disk, memory);
    drop_orphans(&disk->durable);
    copy_names(&disk->now, &disk->durable);
    name_files_anew(disk);
    for (uint32_t i = 0; i < disk->now.count; i++)
        file_loses_power(disk, disk->now.all[i].file, memory);
}

void disk_put_alone(struct disk *disk, const char *path, const void *bytes, size_t size) {
    struct disk_file *file = disk_find(&disk->now, path);
    if (file == NULL) {
        file = disk_file_new(disk, false);
        file->links = 1;
        file->path = disk_copy(path);
        names_set(&disk->now, path, file);
        names_set(&disk->durable, path, file);
    }
    disk_file_resize(file, 0);
    disk_file_write(file, bytes, size, 0);
    disk_file_sync(file);
}

void disk_copy_durable(const struct disk *disk, struct disk *copy) {
    struct disk_names names = {0};
    copy_names(&names, &disk->durable);
    drop_orphans(&names);
    for (uint32_t i = 0; i < names.count; i++)
        if (names.all[i].file->directory)
            disk_change_names(copy, NULL, names.all[i].path, disk_file_new(copy, true));
    for (uint32_t i = 0; i < names.count; i++)
        if (!names.all[i].file->directory)
            disk_put(copy, names.all[i].path, names.all[i].file->durable,
                     names.all[i].file->durable_size);
    names_free(&names);
}

void disk_settle(struct disk *disk) {
    drop_changes(disk);
    copy_names(&disk->durable, &disk->now);
    for (uint32_t i = 0; i < disk->now.count; i++)
        disk_file_sync(disk->now.all[i].file);
}

/* ---- unreachable files ---- */

static bool reachable(const struct disk *disk, const struct disk_file *file) {
    if (file->links > 0 || file->handles > 0) return true;
    for (uint32_t i = 0; i < disk->durable.count; i++)
        if (disk->durable.all[i].file == file) return true;
    for (uint32_t i = 0; i < disk->change_count; i++)
        if (disk->changes[i].file == file) return true;
    return false;
}

static void reap(struct disk *disk) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < disk->inode_count; i++) {
        if (reachable(disk, disk->inodes[i]))
            disk->inodes[left++] = disk->inodes[i];
        else
            file_free(disk->inodes[i]);
    }
    disk->inode_count = left;
    disk->inode_limit = 2 * left + 64;
}

void disk_forget_all(struct disk *disk) {
    drop_changes(disk);
    free(disk->changes);
    names_free(&disk->now);
    names_free(&disk->durable);
    for (uint32_t i = 0; i < disk->inode_count; i++)
        file_free(disk->inodes[i]);
    free(disk->inodes);
}
