/* files.h - files and directories, as few calls as the rest needs.
 *
 * Paths are UTF-8, separated by '/', on Windows too.  Every call may wait for
 * a disk: the owner of a port makes them only before it serves and while it
 * stops; afterwards they are made by workers.  Calls return 0 or an ERR_.
 *
 * `struct files` is where files live: the system's own, or a simulator's. */
#ifndef PORT_FILES_H
#define PORT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the longest path that logport builds, its 0 included. */
#define PATH_BYTES_MAX 4096

struct files;

struct file {
    struct files *files; /* NULL: not open */
    intptr_t handle;
    void *port; /* the port that it is attached to: port/'s own */
};

enum file_access {
    FILE_READ,         /* exists; others may write, rename and delete it meanwhile */
    FILE_WRITE_NEW,    /* must not exist; mode 0640; for port_write and file_write_at */
    FILE_WRITE,        /* exists */
    FILE_WRITE_SECRET, /* replaces what is there; mode 0600 */
};

struct file_status {
    uint64_t size;
    int64_t modified_ns; /* since 1970 */
    uint64_t id;         /* the same file keeps it, whatever its name */
    bool directory;
};

/* One entry of a directory.  Return false to end the listing. */
typedef bool file_visit(void *context, const char *name, bool directory);

/* What a home of files owes; the calls below check and complete them.
 * make_directory makes one level (ERR_EXISTS if it is there, ERR_NOT_FOUND if
 * the one above is missing). */
struct files {
    int (*open)(struct files *, const char *path, enum file_access access, struct file *file);
    void (*close)(struct file *file);
    int64_t (*read_at)(struct file *file, void *bytes, size_t size, uint64_t offset);
    /* NULL: there are no pipes. */
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
    int (*free_space)(struct files *, const char *path, uint64_t *bytes);
    void (*permissions_like)(struct file *file, struct file *other); /* NULL: there are none */
};

struct files *files_of_system(void);

/* A failed open leaves file->files NULL. */
int file_open(struct files *files, const char *path, enum file_access access, struct file *file);
void file_close(struct file *file); /* not open: nothing happens */
/* Bytes read, fewer than asked for only at the end of the file.  ERR_NOT_SEEKABLE: it is a pipe or
 * a device of Linux, which file_read_next reads; on Windows a pipe just goes on. */
int64_t file_read_at(struct file *file, void *bytes, size_t size, uint64_t offset);
/* The next bytes of such a one, waiting for some; 0 at the end. */
int64_t file_read_next(struct file *file, void *bytes, size_t size);
int file_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset);
int file_truncate(struct file *file, uint64_t size);
int file_sync(struct file *file);
int file_status(struct file *file, struct file_status *status);

int file_status_of(struct files *files, const char *path, struct file_status *status);
/* Replaces what `to` names.  ERR_BUSY: a reader that shares nothing holds it; try again. */
int file_rename(struct files *files, const char *from, const char *to);
int file_remove(struct files *files, const char *path);
/* Makes the ones above it too, mode 0750; one that exists is as good.  What it has made survives
 * a power cut. */
int directory_make(struct files *files, const char *path);
/* This folder's own name survives a power cut, where we may see to it. */
int directory_sync_above(struct files *files, const char *path);
/* New names in it survive a power cut (nothing to do on Windows). */
int directory_sync(struct files *files, const char *path);
/* In no order.  Without "." and "..". */
int directory_list(struct files *files, const char *path, file_visit *visit, void *context);
/* Opens or makes the file and holds it alone until file_close or the process's
 * end.  ERR_BUSY: somebody else does. */
int file_lock(struct files *files, const char *path, struct file *file);
int free_space(struct files *files, const char *path, uint64_t *bytes);
/* Who may read and write it, as far as that is in our power (on Windows the folder says it). */
void file_permissions_like(struct file *file, struct file *other);

/* Writes first/second/third, or first/second if third is NULL, to `path` (PATH_BYTES_MAX bytes).
 * False: it does not fit. */
bool path_join(char *path, const char *first, const char *second, const char *third);

/* The whole of a small file, with a NUL behind it; free() it.  ERR_TOO_LARGE
 * above size_max. */
int file_read_all(struct files *files, const char *path, size_t size_max, char **text,
                  size_t *size);
/* Replaces `path` by these bytes, durably, so that a reader sees the old or the
 * new, never a mixture: writes `path`.new, syncs, renames, syncs the directory. */
int file_replace(struct files *files, const char *path, const void *bytes, size_t size,
                 bool secret);

#endif
