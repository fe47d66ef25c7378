/* error.h - external failures, one number each.
 *
 * Calls return 0 (or a count) or one of these, all negative.  One table per system translates
 * its own codes (linux/errno.c, windows/errors.c); a code that is not in it keeps its number and has
 * the system's text: error_of_unknown. */
#ifndef PORT_ERROR_H
#define PORT_ERROR_H

#include <stddef.h>
#include <stdint.h>

#define ERROR_TABLE(X)                                                                             \
    X(ERR_CANCELLED, "cancelled")                                                                  \
    X(ERR_NO_MEMORY, "out of memory")                                                              \
    X(ERR_NO_SPACE, "no space left on device")                                                     \
    X(ERR_READ_ONLY, "read-only file system")                                                      \
    X(ERR_DENIED, "permission denied")                                                             \
    X(ERR_NOT_FOUND, "no such file or directory")                                                  \
    X(ERR_NOT_MADE, "cannot be created: its drive or parent directory does not exist")             \
    X(ERR_EXISTS, "already exists")                                                                \
    X(ERR_NOT_DIRECTORY, "not a directory")                                                        \
    X(ERR_IS_DIRECTORY, "is a directory")                                                          \
    X(ERR_NOT_SEEKABLE, "a pipe or a device, not a file")                                          \
    X(ERR_LINK_LOOP, "a symbolic link that leads back to itself")                                  \
    X(ERR_LINK_DANGLING, "a symbolic link to a file that does not exist")                          \
    X(ERR_BUSY, "in use by another program")                                                       \
    X(ERR_LOCKED, "locked by another process of logport")                                          \
    X(ERR_NAME_TOO_LONG, "name too long")                                                          \
    X(ERR_TOO_MANY_FILES, "too many open files")                                                   \
    X(ERR_TOO_MANY_WATCHES, "the limit of watched sockets is reached (fs.epoll.max_user_watches)") \
    X(ERR_TOO_LARGE, "file too large")                                                             \
    X(ERR_IO, "input/output error")                                                                \
    X(ERR_ADDRESS_IN_USE, "address already in use")                                                \
    X(ERR_ADDRESS_UNKNOWN, "unknown host or address")                                              \
    X(ERR_SOCKET_KIND, "a socket of the other kind (stream or datagram)")                          \
    X(ERR_REFUSED, "connection refused")                                                           \
    X(ERR_RESET, "connection reset by peer")                                                       \
    X(ERR_UNREACHABLE, "network unreachable")                                                      \
    X(ERR_TIMED_OUT, "timed out")                                                                  \
    X(ERR_CLOSED, "closed by the other side")                                                      \
    X(ERR_VOLUME_GONE, "not connected: the volume is gone")                                        \
    X(ERR_OTHER_VOLUME, "on another volume, to which a file cannot be renamed")                    \
    X(ERR_DAMAGED_VOLUME, "the file system is damaged and needs repair")                           \
    X(ERR_NO_LOCKS, "the file system has no locks available")                                      \
    X(ERR_TOO_MANY_LINKS, "too many links")                                                        \
    X(ERR_TRY_AGAIN, "temporarily unavailable")                                                    \
    X(ERR_INVALID, "invalid")                                                                      \
    X(ERR_UNSUPPORTED, "not supported on this system")                                             \
    X(ERR_OTHER, "unexpected system error")

enum error {
    ERR_NONE_ = -1000,
#define X(name, text) name,
    ERROR_TABLE(X)
#undef X
        ERR_END_
};

/* The text for messages, such as "permission denied".  Never NULL, never freed; that of an unknown
 * code of the system is valid until this thread calls error_text again. */
const char *error_text(int error);

/* An error below all ERR_ that keeps the system's code (from 2^30: ERR_OTHER). */
#define ERROR_SYSTEM_FIRST (-(1 << 20))
static inline int error_of_unknown(uint32_t code) {
    return code < 1u << 30 ? ERROR_SYSTEM_FIRST - (int)code : ERR_OTHER;
}
/* The system's name and text of one of its codes, such as "Windows error 1392: ...", in UTF-8. */
void error_system_text(uint32_t code, char *text, size_t size);

#endif
