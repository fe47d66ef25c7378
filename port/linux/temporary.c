/* temporary.c - files without a name.  See file_temporary in files.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/error.h"
#include "port/files.h"
#include "port/linux/linux.h"
#include "port/system.h"

/* /tmp is last: on many systems it is memory. */
static const char *const FOLDERS[] = {"/var/tmp", "/tmp"};

/* A handle, or -1 with errno. */
static int open_in(const char *folder) {
    int handle = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (handle >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return handle;
    /* Some file systems (NFS, overlays of old kernels) have no files without a name. */
    char path[PATH_BYTES_MAX];
    if (!path_join(path, folder, "logport-XXXXXX", NULL)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    handle = mkostemp(path, O_CLOEXEC);
    if (handle >= 0) unlink(path);
    return handle;
}

int file_temporary(struct file *file, char where[PATH_BYTES_MAX]) {
    const char *folder = system_environment("TMPDIR");
    const bool chosen = folder != NULL && *folder != '\0';
    *file = (struct file){0};
    if (!chosen) folder = FOLDERS[0];
    int handle = open_in(folder);
    if (handle < 0 && !chosen) handle = open_in(folder = FOLDERS[1]);
    snprintf(where, PATH_BYTES_MAX, "%s", folder);
    if (handle < 0) return error_of_errno(errno);
    file->handle = handle;
    file->files = files_of_system();
    return 0;
}
