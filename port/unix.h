/* unix.h - Unix sockets (AF_UNIX): where they are, and who may use them.
 *
 * A place is the path of a file, absolute or relative to the working directory, or "@NAME": an
 * abstract name of Linux, which has no file and which every process of the network namespace may
 * use.  The file appears without any permission, gets its owner and then its mode: at no moment may
 * more processes use it than in the end.  On Windows it inherits the permissions of its directory.
 */
#ifndef PORT_UNIX_H
#define PORT_UNIX_H

#include <stdbool.h>
#include <stdint.h>

/* Of a path, without its end; sockaddr_un has room for 108 bytes. */
#define UNIX_PATH_BYTES_MAX 107
#define UNIX_WAIT_MS        5000 /* for a file system that hangs */
#define UNIX_OWNER_MAX      80   /* of "user:group" */
#define UNIX_UNCHANGED      UINT32_MAX

struct unix_place {
    const char *path;
    uint32_t mode;        /* permission bits */
    uint32_t user, group; /* UNIX_UNCHANGED: those of the process */
};

/* ERR_NAME_TOO_LONG, ERR_INVALID (empty), or ERR_UNSUPPORTED: "@NAME" where there are none. */
int unix_path_check(const char *path);
static inline bool unix_path_is_abstract(const char *path) {
    return path[0] == '@';
}
/* Can files of sockets have a mode and an owner? */
bool unix_has_owners(void);
/* "USER", "USER:GROUP" or ":GROUP"; names or numbers.  ERR_INVALID: not of this form.
 * ERR_NOT_FOUND: no such user or group.  May wait for the network. */
int unix_owner_find(const char *text, uint32_t *user, uint32_t *group);

#endif
