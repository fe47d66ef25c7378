/* errno.c - the table from errno to ERR_ codes. */
#include <errno.h>
#include <stddef.h>

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
    {ENOENT, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {ENOTEMPTY, ERR_EXISTS},
    {ENOTDIR, ERR_NOT_DIRECTORY},
    {EISDIR, ERR_IS_DIRECTORY},
    {EBUSY, ERR_BUSY},
    {ETXTBSY, ERR_BUSY},
    {ENAMETOOLONG, ERR_NAME_TOO_LONG},
    {EMFILE, ERR_TOO_MANY_FILES},
    {ENFILE, ERR_TOO_MANY_FILES},
    {EFBIG, ERR_TOO_LARGE},
    {EOVERFLOW, ERR_TOO_LARGE},
    {EIO, ERR_IO},
    {EADDRINUSE, ERR_ADDRESS_IN_USE},
    {EADDRNOTAVAIL, ERR_ADDRESS_UNKNOWN},
    {EDESTADDRREQ, ERR_ADDRESS_UNKNOWN},
    {ECONNREFUSED, ERR_REFUSED},
    {ECONNRESET, ERR_RESET},
    {ECONNABORTED, ERR_RESET},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENETDOWN, ERR_UNREACHABLE},
    {EHOSTDOWN, ERR_UNREACHABLE},
    {ETIMEDOUT, ERR_TIMED_OUT},
    {EPIPE, ERR_CLOSED},
    {ESPIPE, ERR_NOT_SEEKABLE},
    {ENOTCONN, ERR_CLOSED},
    {EINVAL, ERR_INVALID},
    {EBADF, ERR_INVALID},
    {ELOOP, ERR_LINK_LOOP},
    {EMSGSIZE, ERR_TOO_LARGE},
    {ENOSYS, ERR_UNSUPPORTED},
    {EOPNOTSUPP, ERR_UNSUPPORTED},
    {EAFNOSUPPORT, ERR_UNSUPPORTED},
    {EPROTONOSUPPORT, ERR_UNSUPPORTED},
};

int error_of_errno(int number) {
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++)
        if (TABLE[i].number == number) return TABLE[i].error;
    return ERR_OTHER;
}

int error_of_watch(int number) {
    /* ENOSPC is fs.epoll.max_user_watches, not a disk. */
    return number == ENOSPC ? ERR_TOO_MANY_WATCHES : error_of_errno(number);
}
