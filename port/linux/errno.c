/* errno.c - the table from errno to ERR_ codes. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "port/linux/linux.h"

static const struct {
    int number, error;
} TABLE[] = {
    {ENOMEM, ERR_NO_MEMORY},
    {ENOBUFS, ERR_NO_MEMORY},
    {ENOSPC, ERR_NO_SPACE},
    {EDQUOT, ERR_NO_SPACE},
    {EROFS, ERR_READ_ONLY},
    {EACCES, ERR_DENIED},
    {EPERM, ERR_DENIED},
    {ENOKEY, ERR_DENIED}, /* an encrypted directory without its key */
    {EKEYEXPIRED, ERR_DENIED},
    {EKEYREJECTED, ERR_DENIED},
    {ENOENT, ERR_NOT_FOUND},
    {ESRCH, ERR_NOT_FOUND},
    {ECHILD, ERR_NOT_FOUND},
    {ENODATA, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {ENOTEMPTY, ERR_EXISTS},
    {ENOTDIR, ERR_NOT_DIRECTORY},
    {EISDIR, ERR_IS_DIRECTORY},
    {EBUSY, ERR_BUSY},
    {ETXTBSY, ERR_BUSY},
    {EDEADLK, ERR_BUSY},
    {ENAMETOOLONG, ERR_NAME_TOO_LONG},
    {EMFILE, ERR_TOO_MANY_FILES},
    {ENFILE, ERR_TOO_MANY_FILES},
    {EUSERS, ERR_TOO_MANY_FILES},
    {EFBIG, ERR_TOO_LARGE},
    {E2BIG, ERR_TOO_LARGE},
    {EOVERFLOW, ERR_TOO_LARGE},
    {EMLINK, ERR_TOO_MANY_LINKS},
    {EIO, ERR_IO},
    {EREMOTEIO, ERR_IO},
    {EPROTO, ERR_IO},
    {ECOMM, ERR_IO},
    {EHWPOISON, ERR_IO},
    {ESTALE, ERR_VOLUME_GONE}, /* a file of a server that was started again */
    {ENODEV, ERR_VOLUME_GONE},
    {ENXIO, ERR_VOLUME_GONE},
    {ENOMEDIUM, ERR_VOLUME_GONE},
    {ENOTBLK, ERR_VOLUME_GONE},
    {ENOLINK, ERR_VOLUME_GONE},
    {EXDEV, ERR_OTHER_VOLUME},
    {EUCLEAN, ERR_DAMAGED_VOLUME},
    {EBADMSG, ERR_DAMAGED_VOLUME}, /* a wrong checksum in ext4, XFS, F2FS */
    {ENOLCK, ERR_NO_LOCKS},
    {EAGAIN, ERR_TRY_AGAIN},
    {EINTR, ERR_TRY_AGAIN},
    {EINPROGRESS, ERR_TRY_AGAIN},
    {EALREADY, ERR_TRY_AGAIN},
    {ECANCELED, ERR_CANCELLED},
    {EADDRINUSE, ERR_ADDRESS_IN_USE},
    {EADDRNOTAVAIL, ERR_ADDRESS_UNKNOWN},
    {EDESTADDRREQ, ERR_ADDRESS_UNKNOWN},
    {ECONNREFUSED, ERR_REFUSED},
    {ECONNRESET, ERR_RESET},
    {ECONNABORTED, ERR_RESET},
    {ENETRESET, ERR_RESET},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENETDOWN, ERR_UNREACHABLE},
    {EHOSTDOWN, ERR_UNREACHABLE},
    {ETIMEDOUT, ERR_TIMED_OUT},
    {EPIPE, ERR_CLOSED},
    {ESHUTDOWN, ERR_CLOSED},
    {ESPIPE, ERR_NOT_SEEKABLE},
    {ENOTCONN, ERR_CLOSED},
    {EINVAL, ERR_INVALID},
    {EBADF, ERR_INVALID},
    {EFAULT, ERR_INVALID},
    {EILSEQ, ERR_INVALID}, /* a name that the file system cannot store */
    {EISCONN, ERR_INVALID},
    {ENOTSOCK, ERR_INVALID},
    {ELOOP, ERR_LINK_LOOP},
    {EMSGSIZE, ERR_TOO_LARGE},
    {ENOSYS, ERR_UNSUPPORTED},
    {ENOEXEC, ERR_UNSUPPORTED},
    {EOPNOTSUPP, ERR_UNSUPPORTED},
    {EAFNOSUPPORT, ERR_UNSUPPORTED},
    {EPROTONOSUPPORT, ERR_UNSUPPORTED},
    {ESOCKTNOSUPPORT, ERR_UNSUPPORTED},
    {EPFNOSUPPORT, ERR_UNSUPPORTED},
    {EPROTOTYPE, ERR_SOCKET_KIND},
    {ENOPROTOOPT, ERR_UNSUPPORTED},
    {ENOTTY, ERR_UNSUPPORTED},
};

int error_of_errno(int number) {
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++)
        if (TABLE[i].number == number) return TABLE[i].error;
    return error_of_unknown((uint32_t)number);
}

void error_system_text(uint32_t code, char *text, size_t size) {
    const char *const description = strerrordesc_np((int)code);
    snprintf(text, size, "errno %u: %s", code, description ? description : "unknown");
}

int error_of_watch(int number) {
    /* ENOSPC is fs.epoll.max_user_watches, not a disk. */
    return number == ENOSPC ? ERR_TOO_MANY_WATCHES : error_of_errno(number);
}
