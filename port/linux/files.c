/* files.c - the file system of Linux.  See files.h. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "port/files_internal.h"
#include "port/linux/linux.h"

static int handle_of(const struct file *file) {
    return (int)file->handle;
}

/* FUSE and network file systems return errors of sockets when their server has gone: ECONNABORTED
 * for calls under way, ENOTCONN for later ones (fs/fuse/dev.c). */
static int file_error(int number) {
    const bool gone = number == ENOTCONN || number == ECONNABORTED;
    return gone ? ERR_VOLUME_GONE : error_of_errno(number);
}

static int result_of(int returned) {
    return returned < 0 ? file_error(errno) : 0;
}

static int open_path(const char *path, int flags, mode_t mode) {
    int handle;
    do {
        handle = open(path, flags | O_CLOEXEC, mode);
    } while (handle < 0 && errno == EINTR);
    return handle;
}

static int error_unless_regular(mode_t mode) {
    if (S_ISREG(mode)) return 0;
    return S_ISDIR(mode) ? ERR_IS_DIRECTORY : ERR_NOT_SEEKABLE;
}

/* Returns the handle, or an ERR_ if it is not a regular file.  O_NONBLOCK: opening a pipe would
 * wait for its other end; reading and writing a regular file ignore it. */
static int open_regular(const char *path, int flags, mode_t mode) {
    struct stat found;
    const int handle = open_path(path, flags | O_NONBLOCK | O_NOCTTY, mode);
    if (handle < 0 && errno == EWOULDBLOCK) return ERR_BUSY;   /* a lease, fcntl(2) F_SETLEASE */
    if (handle < 0 && errno == ENXIO) return ERR_NOT_SEEKABLE; /* a socket, or no such device */
    if (handle < 0) return file_error(errno);
    const int error =
        fstat(handle, &found) < 0 ? file_error(errno) : error_unless_regular(found.st_mode);
    if (error == 0) return handle;
    close(handle);
    return error;
}

static int files_open(struct files *files, const char *path, enum file_access access,
                      struct file *file) {
    (void)files;
    int handle = -1;
    switch (access) {
    case FILE_READ_ANY: handle = open_path(path, O_RDONLY | O_NOCTTY, 0); break;
    case FILE_WRITE_NEW: handle = open_path(path, O_RDWR | O_CREAT | O_EXCL, 0640); break;
    case FILE_READ:
    case FILE_WRITE:
        handle = open_regular(path, access == FILE_READ ? O_RDONLY : O_RDWR, 0);
        if (handle < 0) return handle;
        break;
    case FILE_WRITE_SECRET:
        /* Always a new file: an old one may be readable by others, or open. */
        if (unlink(path) < 0 && errno != ENOENT) return file_error(errno);
        handle = open_path(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        break;
    }
    if (handle < 0) return file_error(errno);
    file->handle = handle;
    return 0;
}

static void files_close(struct file *file) {
    /* Not retried when interrupted: Linux has closed the descriptor by then. */
    close(handle_of(file));
}

static int64_t files_read_at(struct file *file, void *bytes, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) { /* each turn reads something, or ends it */
        const ssize_t got =
            pread(handle_of(file), (char *)bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return file_error(errno);
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

static int64_t files_read_next(struct file *file, void *bytes, size_t size) {
    ssize_t got;
    do {
        got = read(handle_of(file), bytes, size);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? file_error(errno) : got;
}

static int64_t write_some(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    ssize_t written;
    do {
        written = pwrite(handle_of(file), bytes, size, (off_t)offset);
    } while (written < 0 && errno == EINTR);
    if (written < 0) return file_error(errno);
    return written > 0 ? written : ERR_IO;
}

static int files_write_at(struct file *file, const void *bytes, size_t size, uint64_t offset) {
    return file_write_all(write_some, file, bytes, size, offset);
}

static int files_truncate(struct file *file, uint64_t size) {
    int returned;
    do {
        returned = ftruncate(handle_of(file), (off_t)size);
    } while (returned < 0 && errno == EINTR);
    return result_of(returned);
}

static int files_sync(struct file *file) {
    /* Never retried: after a failure the kernel marks the lost pages clean, and a second call
     * "succeeds". */
    return result_of(fdatasync(handle_of(file)));
}

static void fill_status(const struct stat *from, struct file_status *status) {
    status->size = (uint64_t)from->st_size;
    status->modified_ns = (int64_t)from->st_mtim.tv_sec * 1000000000 + from->st_mtim.tv_nsec;
    /* Inodes are small numbers in every file system; the factor keeps those of two file systems
     * different. */
    status->id = (uint64_t)from->st_ino ^ ((uint64_t)from->st_dev * 0x9E3779B97F4A7C15u);
    status->directory = S_ISDIR(from->st_mode);
    status->special = !S_ISDIR(from->st_mode) && !S_ISREG(from->st_mode);
    status->pipe = S_ISFIFO(from->st_mode);
    status->pipe = S_ISFIFO(from->st_mode);
}

static int files_status(struct file *file, struct file_status *status) {
    struct stat found;
    if (fstat(handle_of(file), &found) < 0) return file_error(errno);
    fill_status(&found, status);
    return 0;
}

static int files_status_of(struct files *files, const char *path, struct file_status *status) {
    (void)files;
    struct stat found;
    if (stat(path, &found) < 0) {
        const int error = file_error(errno);
        status->dangling = error == ERR_NOT_FOUND && lstat(path, &found) == 0;
        return error;
    }
    fill_status(&found, status);
    return 0;
}

static int files_rename(struct files *files, const char *from, const char *to) {
    (void)files;
    return result_of(rename(from, to));
}

static int files_remove(struct files *files, const char *path) {
    (void)files;
    return result_of(remove(path)); /* empty directories too */
}

static int files_make_directory(struct files *files, const char *path) {
    (void)files;
    return result_of(mkdir(path, 0750));
}

static int files_sync_directory(struct files *files, const char *path) {
    (void)files;
    const int handle = open_path(path, O_RDONLY | O_DIRECTORY, 0);
    if (handle < 0) return file_error(errno);
    int error = result_of(fsync(handle));
    /* Some file systems (network, FUSE) cannot sync a directory and need not. */
    if (error == ERR_INVALID) error = 0;
    close(handle);
    return error;
}

static bool is_directory(DIR *listing, const struct dirent *entry) {
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) return entry->d_type == DT_DIR;
    struct stat found;
    return fstatat(dirfd(listing), entry->d_name, &found, 0) == 0 && S_ISDIR(found.st_mode);
}

static int files_list(struct files *files, const char *path, file_visit *visit, void *context) {
    (void)files;
    DIR *listing = opendir(path);
    if (listing == NULL) return file_error(errno);
    int error = 0;
    for (;;) { /* ends with the directory */
        errno = 0;
        const struct dirent *entry = readdir(listing);
        if (entry == NULL) {
            if (errno != 0) error = file_error(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!visit(context, entry->d_name, is_directory(listing, entry))) break;
    }
    closedir(listing);
    return error;
}

static int files_lock(struct files *files, const char *path, struct file *file) {
    (void)files;
    const int handle = open_regular(path, O_RDWR | O_CREAT, 0640);
    if (handle < 0) return handle;
    /* flock, not fcntl: closing another descriptor of the same file in this process would
     * release an fcntl lock. */
    int returned;
    do {
        returned = flock(handle, LOCK_EX | LOCK_NB);
    } while (returned < 0 && errno == EINTR);
    if (returned < 0) {
        const int error = errno == EWOULDBLOCK ? ERR_LOCKED : file_error(errno);
        close(handle);
        return error;
    }
    file->handle = handle;
    return 0;
}

/* The subvolumes of one btrfs have devices of their own, but one free space.  The first half of
 * their f_fsid is that of the file system: btrfs adds the number of the subvolume, which needs fewer
 * than 32 bits, to the second half (fs/btrfs/super.c, btrfs_statfs).  Bit 63 is set in no st_dev. */
static uint64_t volume_of(const struct stat *found, const struct statfs *system) {
    uint32_t half;
    memcpy(&half, &system->f_fsid, sizeof half);
    const uint64_t volume =
        system->f_type == BTRFS_SUPER_MAGIC ? UINT64_C(1) << 63 | half : (uint64_t)found->st_dev;
    return volume != 0 ? volume : 1;
}

static int files_free_space(struct files *files, const char *path, struct volume_space *space) {
    (void)files;
    struct stat found;
    struct statfs system;
    if (stat(path, &found) < 0 || statfs(path, &system) < 0) return file_error(errno);
    const uint64_t unit = (uint64_t)(system.f_frsize > 0 ? system.f_frsize : system.f_bsize);
    *space = (struct volume_space){.free = (uint64_t)system.f_bavail * unit,
                                   .volume = volume_of(&found, &system)};
    return 0;
}

static void files_permissions_like(struct file *file, struct file *other) {
    struct stat status;
    if (fstat((int)other->handle, &status) < 0) return;
    if (fchown((int)file->handle, status.st_uid, status.st_gid) < 0) return; /* not permitted */
    (void)!fchmod((int)file->handle, status.st_mode & 07777);
}

struct files *files_of_system(void) {
    static struct files system = {
        .open = files_open,
        .close = files_close,
        .read_at = files_read_at,
        .read_next = files_read_next,
        .write_at = files_write_at,
        .truncate = files_truncate,
        .sync = files_sync,
        .status = files_status,
        .status_of = files_status_of,
        .rename = files_rename,
        .remove = files_remove,
        .make_directory = files_make_directory,
        .sync_directory = files_sync_directory,
        .list = files_list,
        .lock = files_lock,
        .free_space = files_free_space,
        .permissions_like = files_permissions_like,
    };
    return &system;
}
