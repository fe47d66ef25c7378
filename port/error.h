/* error.h - the ways in which the world can go wrong, one number each.
 * Calls return 0 (or a count) or one of these, all negative.  Each system's
 * own codes are translated in its folder, in one table; a code that no table
 * knows comes through as ERR_OTHER. */
#ifndef PORT_ERROR_H
#define PORT_ERROR_H

#define ERROR_TABLE(X)                                                                             \
    X(ERR_CANCELLED, "cancelled")                                                                  \
    X(ERR_NO_MEMORY, "out of memory")                                                              \
    X(ERR_NO_SPACE, "no space left")                                                               \
    X(ERR_READ_ONLY, "read-only file system")                                                      \
    X(ERR_DENIED, "permission denied")                                                             \
    X(ERR_NOT_FOUND, "no such file or directory")                                                  \
    X(ERR_NOT_MADE, "cannot be made: no such drive or directory above it")                         \
    X(ERR_EXISTS, "already exists")                                                                \
    X(ERR_NOT_DIRECTORY, "not a directory")                                                        \
    X(ERR_IS_DIRECTORY, "is a directory")                                                          \
    X(ERR_NOT_SEEKABLE, "a pipe or a device, not a file")                                          \
    X(ERR_BUSY, "in use by another program")                                                       \
    X(ERR_NAME_TOO_LONG, "name too long")                                                          \
    X(ERR_TOO_MANY_FILES, "too many open files")                                                   \
    X(ERR_TOO_MANY_WATCHES, "the system watches no more sockets (fs.epoll.max_user_watches)")      \
    X(ERR_TOO_LARGE, "file too large")                                                             \
    X(ERR_IO, "input/output error")                                                                \
    X(ERR_ADDRESS_IN_USE, "address already in use")                                                \
    X(ERR_ADDRESS_UNKNOWN, "no such address")                                                      \
    X(ERR_REFUSED, "connection refused")                                                           \
    X(ERR_RESET, "connection reset by the other side")                                             \
    X(ERR_UNREACHABLE, "network unreachable")                                                      \
    X(ERR_TIMED_OUT, "timed out")                                                                  \
    X(ERR_CLOSED, "closed by the other side")                                                      \
    X(ERR_INVALID, "not valid")                                                                    \
    X(ERR_UNSUPPORTED, "not supported on this system")                                             \
    X(ERR_OTHER, "unexpected system error")

enum error {
    ERR_NONE_ = -1000,
#define X(name, text) name,
    ERROR_TABLE(X)
#undef X
        ERR_END_
};

/* What a person reads: "no space left".  Never NULL, never freed. */
const char *error_text(int error);

#endif
