/* files.h - files and directories.
 *
 * Paths are UTF-8.  '/' separates names on Windows, too, where '\\' also does.  Every call may wait
 * for a disk, or for ever on a hung network volume: the owner of a port makes none while it serves,
 * workers do.  Calls return 0 or an ERR_.  Any thread; at most one at a time per file, except reads
 * and writes at an offset.
 *
 * `struct files` is a file system: the system's own (files_of_system), or a simulator's. */
#ifndef PORT_FILES_H
#define PORT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest path that logport builds, its terminating 0 included. */
#define PATH_BYTES_MAX 4096

struct files;

struct file {
    struct files *files; /* NULL: not open */
    intptr_t handle;
    void *port; /* the port that it is attached to; private to port/ */
};

/* Opening never waits for another program, and never opens anything but a regular file (or a link
 * to one): ERR_NOT_SEEKABLE for a pipe, socket or device, ERR_IS_DIRECTORY, ERR_LINK_LOOP.  Only
 * FILE_READ_ANY does, which is for paths that the user gives as input. */
enum file_access {
    FILE_READ,         /* exists; others may write, rename and delete it meanwhile */
    FILE_READ_ANY,     /* the same, or a pipe or device: waits for a pipe's other end */
    FILE_WRITE_NEW,    /* must not exist; mode 0640; for port_write and file_write_at */
    FILE_WRITE,        /* exists */
    FILE_WRITE_SECRET, /* replaces an existing file; mode 0600 */
};

struct file_status {
    uint64_t size;
    int64_t modified_ns; /* since 1970 */
    uint64_t id;         /* identifies the file; a rename keeps it */
    bool directory;
    bool special; /* a pipe, socket or device: neither a file nor a directory */
    bool pipe;    /* a special one that FILE_READ_ANY and file_read_next read, once */
    /* Only with ERR_NOT_FOUND: the name exists, but it is a symbolic link to nothing. */
    bool dangling;
};

struct volume_space {
    uint64_t free;   /* bytes, to this user */
    uint64_t volume; /* the same number: the same free space (never 0) */
};

/* One entry of a directory.  Return false to end the listing. */
typedef bool file_visit(void *context, const char *name, bool directory);

/* The operations of a file system, which the calls below check and complete.  make_directory
 * makes one level (ERR_EXISTS if it exists, ERR_NOT_FOUND if its parent does not). */
struct files {
    int (*open)(struct files *, const char *path, enum file_access access, struct file *file);
    void (*close)(struct file *file);
    int64_t (*read_at)(struct file *file, void *bytes, size_t size, uint64_t offset);
    /* NULL: it has no pipes. */
    int64_t (*read_next)(struct file *file, void *bytes, size_t size);
    int (*write_at)(struct file *file, const void *bytes, size_t size, uint64_t offset);
    int (*truncate)(struct file *file, uint64_t size);
    int (*sync)(struct file *file);
    int (*status)(struct file *file, struct file_status *status);
    int (*status_of)(struct files *, const char *path, struct file_status *status);
    int (*rename)(struct files *, const char *from, const char *to);
    int (*remove)(struct files *, const char *path);
    int (*make_directory)(struct files *, const char *path);
    int (*sync_directory)(struct files *, const char *path);
    int (*list)(struct files *, const char *path, file_visit *visit, void *context);
    int (*lock)(struct files *, const char *path, struct file *file);
    int (*free_space)(struct files *, const char *path, struct volume_space *space);
    void (*permissions_like)(struct file *file, struct file *other); /* NULL: it has none */
};

struct files *files_of_system(void);

/* A failed open leaves file->files NULL. */
int file_open(struct files *files, const char *path, enum file_access access, struct file *file);
void file_close(struct file *file); /* not open: does nothing */
/* Bytes read, fewer than `size` only at the end of the file.  ERR_NOT_SEEKABLE: on Linux, a pipe or
 * device, which file_read_next reads.  On Windows a pipe ignores the offset. */
int64_t file_read_at(struct file *file, void *bytes, size_t size, uint64_t offset);
/* The next bytes of a pipe or device.  Waits for at least one; 0 at the end. */
int64_t file_read_next(struct file *file, void *bytes, size_t size);
int file_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset);
int file_truncate(struct file *file, uint64_t size);
int file_sync(struct file *file);
int file_status(struct file *file, struct file_status *status);

int file_status_of(struct files *files, const char *path, struct file_status *status);
/* Replaces an existing `to`.  ERR_BUSY: another program has it open without sharing; try again. */
int file_rename(struct files *files, const char *from, const char *to);
int file_remove(struct files *files, const char *path);
/* Makes the directory and its missing parents, durably, with mode 0750.  An existing one is
 * success. */
int directory_make(struct files *files, const char *path);
/* Makes the name of this directory durable, where permissions allow it. */
int directory_sync_above(struct files *files, const char *path);
/* The same for all directories that it is in, from the bottom up: a process that was killed while it
 * made them may have left one whose name is not durable.  Only a failure at its own name counts;
 * those above usually are another's. */
int directory_sync_all_above(struct files *files, const char *path);
/* Makes the names in this directory durable (Windows: does nothing). */
int directory_sync(struct files *files, const char *path);
/* In no particular order, without "." and "..". */
int directory_list(struct files *files, const char *path, file_visit *visit, void *context);
/* Opens or makes the file and locks it exclusively until file_close or the end of the process.
 * ERR_LOCKED: another process holds the lock.  ERR_BUSY: another program has the file open, without
 * sharing it. */
int file_lock(struct files *files, const char *path, struct file *file);
/* Opens a new file, of the system, for reading and writing.  It has no name, or one that only this
 * process can open (Windows), and is deleted when it is closed or the process ends, however that
 * happens.  `where` receives its folder, for messages: $TMPDIR, otherwise /var/tmp or /tmp; on
 * Windows the user's folder for temporary files. */
int file_temporary(struct file *file, char where[PATH_BYTES_MAX]);
/* Of the volume that holds the directory. */
int free_space(struct files *files, const char *path, struct volume_space *space);
/* Copies owner, group and mode as far as permitted (Windows: does nothing, the directory
 * decides). */
void file_permissions_like(struct file *file, struct file *other);

/* Writes first/second/third, or first/second if third is NULL, to `path` (PATH_BYTES_MAX bytes).
 * False: too long. */
bool path_join(char *path, const char *first, const char *second, const char *third);

/* '/', and on Windows '\\'. */
bool path_separates(char c);
/* After the last separator (Windows: or after "C:"). */
const char *path_name(const char *path);
/* '*' or '?' in a path stands for names that the program must find (Windows); elsewhere the shell
 * does that, and both may be part of a name. */
bool path_is_pattern(const char *path);
/* Writes the separators as programs of this system expect them: on Windows, where '/' also begins a
 * switch, as '\\'. */
void path_to_native(char *path);
/* `path` is `folder` or inside it, by their names, as the system compares these: on Windows in
 * either case.  Both absolute (system_absolute_path), without ".." */
bool path_is_within(const char *folder, const char *path);

/* Reads a whole file and adds a 0 after its last byte; free() the text.  ERR_TOO_LARGE: longer than
 * size_max. */
int file_read_all(struct files *files, const char *path, size_t size_max, char **text,
                  size_t *size);
/* The same for a path that the user gives as input: also a pipe or device, to its end. */
int file_read_input(struct files *files, const char *path, size_t size_max, char **text,
                    size_t *size);
/* Replaces the file durably and atomically: writes `path`.new, syncs, renames, syncs the
 * directory.  If `path`.new is a directory that is not empty, it writes `path`.new2. */
#define FILE_REPLACE_NEW   ".new"
#define FILE_REPLACE_OTHER ".new2"
int file_replace(struct files *files, const char *path, const void *bytes, size_t size,
                 bool secret);

#endif
