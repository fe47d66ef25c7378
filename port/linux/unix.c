/* unix.c - Unix sockets on Linux: creating and removing their files, and who is at the other end.
 *
 * Everything that touches the file system runs on a thread of its own (system_run_within), because a
 * volume may hang.  While a file is looked at, replaced or removed its directory is locked (flock),
 * so that of two daemons that start at the same time one gets it.  A file is stale if nothing has the
 * socket open: then connecting is refused. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "port/client.h"
#include "port/linux/linux.h"
#include "port/system.h"
#include "port/unix.h"

#define LOCK_TURNS_MAX 300 /* of 10 ms each */
#define PERMISSIONS    07777

/* The file of an open socket. */
struct unix_file {
    struct unix_file *next;
    const struct port_socket *socket;
    dev_t device;
    ino_t number;
    char path[UNIX_PATH_BYTES_MAX + 1];
};

/* ---- names ---- */

int unix_path_check(const char *path) {
    const size_t length = strlen(path);
    if (length == 0 || strcmp(path, "@") == 0) return ERR_INVALID;
    return length > UNIX_PATH_BYTES_MAX ? ERR_NAME_TOO_LONG : 0;
}

bool unix_has_owners(void) {
    return true;
}

/* The first byte of an abstract name is 0, and its size says where it ends (unix(7)). */
static int to_system(const char *path, struct sockaddr_un *name, socklen_t *size) {
    const int error = unix_path_check(path);
    if (error < 0) return error;
    const size_t length = strlen(path);
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, length);
    const bool abstract = unix_path_is_abstract(path);
    if (abstract) name->sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return 0;
}

/* ---- owners ---- */

static bool is_number(const char *text, uint32_t *id) {
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    const unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || number >= UNIX_UNCHANGED) return false;
    *id = (uint32_t)number;
    return true;
}

static int find_user(const char *name, uint32_t *user) {
    char room[16384];
    struct passwd entry, *found = NULL;
    if (is_number(name, user)) return 0;
    const int number = getpwnam_r(name, &entry, room, sizeof room, &found);
    if (found == NULL) return number == ENOMEM ? ERR_NO_MEMORY : ERR_NOT_FOUND;
    *user = entry.pw_uid;
    return 0;
}

static int find_group(const char *name, uint32_t *group) {
    char room[65536];
    struct group entry, *found = NULL;
    if (is_number(name, group)) return 0;
    const int number = getgrnam_r(name, &entry, room, sizeof room, &found);
    if (found == NULL) return number == ENOMEM ? ERR_NO_MEMORY : ERR_NOT_FOUND;
    *group = entry.gr_gid;
    return 0;
}

int unix_owner_find(const char *text, uint32_t *user, uint32_t *group) {
    char copy[UNIX_OWNER_MAX + 1];
    const size_t length = strlen(text);
    *user = *group = UNIX_UNCHANGED;
    if (length == 0 || length > UNIX_OWNER_MAX) return ERR_INVALID;
    memcpy(copy, text, length + 1);
    char *colon = strchr(copy, ':');
    if (colon != NULL) *colon++ = '\0';
    if (colon != NULL && (*colon == '\0' || strchr(colon, ':') != NULL)) return ERR_INVALID;
    const int error = copy[0] != '\0' ? find_user(copy, user) : 0;
    return error < 0 || colon == NULL ? error : find_group(colon, group);
}

/* ---- files: on a thread of their own ---- */

/* One task on one file; owns all it touches. */
struct unix_job {
    int (*run)(struct unix_job *job);
    int type, handle; /* of the socket */
    uint32_t mode, user, group;
    int result;
    bool made; /* the file was created */
    struct unix_file file;
};

static int lock_directory(const char *path, int *handle) {
    char directory[UNIX_PATH_BYTES_MAX + 1];
    strcpy(directory, path);
    char *slash = strrchr(directory, '/');
    if (slash == NULL)
        strcpy(directory, ".");
    else
        slash[slash == directory] = '\0';
    *handle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A directory that may be written but not read cannot be locked, nor some file systems: then the
     * lock is left out. */
    if (*handle < 0) return errno == EACCES ? 0 : error_of_errno(errno);
    for (int turn = 0; flock(*handle, LOCK_EX | LOCK_NB) < 0; turn++) {
        if (errno != EWOULDBLOCK && errno != EINTR) return 0;
        if (turn == LOCK_TURNS_MAX) {
            close(*handle);
            return ERR_BUSY;
        }
        system_sleep_ms(10);
    }
    return 0;
}

/* Does a process have this socket open?  Connects with a type of socket that no log daemon has: the kernel
 * looks for the socket of the file first, then compares the types, so nothing is disturbed. */
static int probe(const char *path) {
    struct sockaddr_un name;
    socklen_t size;
    const int error = to_system(path, &name, &size);
    if (error < 0) return error;
    const int handle = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (handle < 0) return error_of_errno(errno);
    const int number = connect(handle, (struct sockaddr *)&name, size) < 0 ? errno : 0;
    close(handle);
    if (number == ECONNREFUSED || number == ENOENT) return 0;
    const bool lives = number == 0 || number == EPROTOTYPE || number == EAGAIN;
    return lives ? ERR_ADDRESS_IN_USE : error_of_errno(number);
}

/* Removes what a daemon that was killed has left; the directory is locked. */
static int remove_stale(const char *path) {
    struct stat found;
    if (lstat(path, &found) < 0) return errno == ENOENT ? 0 : error_of_errno(errno);
    if (!S_ISSOCK(found.st_mode)) return ERR_EXISTS;
    int error = probe(path);
    /* Our own, killed before it had its mode. */
    const bool unfinished = (found.st_mode & PERMISSIONS) == 0 && found.st_uid == geteuid();
    if (error == ERR_DENIED && unfinished && chmod(path, S_IRUSR | S_IWUSR) == 0)
        error = probe(path);
    if (error < 0) return error;
    return unlink(path) < 0 && errno != ENOENT ? error_of_errno(errno) : 0;
}

/* The owner first: chown could take bits of the mode away again. */
static int set_access(const struct unix_job *job) {
    const char *path = job->file.path;
    if ((job->user != UNIX_UNCHANGED || job->group != UNIX_UNCHANGED) &&
        lchown(path, job->user, job->group) < 0)
        return error_of_errno(errno);
    return chmod(path, job->mode) < 0 ? error_of_errno(errno) : 0;
}

static int create_locked(struct unix_job *job) {
    struct sockaddr_un name;
    socklen_t size;
    struct stat found;
    int error = to_system(job->file.path, &name, &size);
    if (error == 0) error = remove_stale(job->file.path);
    if (error < 0) return error;
    /* The file gets the mode of the socket's own node (unix_bind in net/unix/af_unix.c). */
    if (fchmod(job->handle, 0) < 0 || bind(job->handle, (struct sockaddr *)&name, size) < 0)
        return error_of_errno(errno);
    job->made = true;
    if ((job->type == SOCK_STREAM && listen(job->handle, SOMAXCONN) < 0) ||
        lstat(job->file.path, &found) < 0)
        return error_of_errno(errno);
    job->file.device = found.st_dev;
    job->file.number = found.st_ino;
    return set_access(job);
}

static int create_file(struct unix_job *job) {
    int lock, error = lock_directory(job->file.path, &lock);
    if (error < 0) return error;
    error = create_locked(job);
    if (error < 0 && job->made) unlink(job->file.path);
    job->made = error == 0;
    if (lock >= 0) close(lock);
    return error;
}

/* Not one that has taken its name meanwhile. */
static bool is_file(const struct unix_file *file) {
    struct stat found;
    return lstat(file->path, &found) == 0 && S_ISSOCK(found.st_mode) &&
           found.st_dev == file->device && found.st_ino == file->number;
}

static int remove_file(struct unix_job *job) {
    int lock, error = lock_directory(job->file.path, &lock);
    if (error < 0) return error;
    if (is_file(&job->file) && unlink(job->file.path) < 0) error = error_of_errno(errno);
    if (lock >= 0) close(lock);
    return error;
}

static int change_access(struct unix_job *job) {
    return is_file(&job->file) ? set_access(job) : ERR_NOT_FOUND;
}

static void job_run(void *context) {
    struct unix_job *job = context;
    job->result = job->run(job);
}

static void job_release(void *context) {
    struct unix_job *job = context;
    if (job->run == create_file && job->made) unlink(job->file.path);
    if (job->handle >= 0) close(job->handle);
    free(job);
}

/* `result` also gets the handle and the file back. */
static int do_within(const struct unix_job *task, struct unix_job *result) {
    struct unix_job *job = malloc(sizeof *job);
    if (job == NULL) {
        if (task->handle >= 0) close(task->handle);
        return ERR_NO_MEMORY;
    }
    *job = *task;
    if (!system_run_within(job_run, job_release, job, UNIX_WAIT_MS)) return ERR_TIMED_OUT;
    *result = *job;
    free(job);
    if (result->result < 0 && result->handle >= 0) close(result->handle);
    return result->result;
}

/* ---- opening and removing ---- */

static int open_file(struct epoll_port *e, const struct port_socket *owner,
                     const struct unix_place *place, int type, int *handle) {
    struct unix_job job = {.run = create_file,
                           .type = type,
                           .handle = *handle,
                           .mode = place->mode,
                           .user = place->user,
                           .group = place->group,
                           .file = {.socket = owner}};
    struct unix_file *file = malloc(sizeof *file);
    strcpy(job.file.path, place->path);
    if (file == NULL) {
        close(*handle);
        return ERR_NO_MEMORY;
    }
    const int error = do_within(&job, &job);
    if (error < 0) {
        free(file);
        return error;
    }
    *handle = job.handle;
    *file = job.file;
    file->next = e->unix_files;
    e->unix_files = file;
    return 0;
}

static int open_abstract(const struct unix_place *place, int type, int handle) {
    struct sockaddr_un name;
    socklen_t size;
    int error = to_system(place->path, &name, &size);
    if (error == 0 && (bind(handle, (struct sockaddr *)&name, size) < 0 ||
                       (type == SOCK_STREAM && listen(handle, SOMAXCONN) < 0)))
        error = error_of_errno(errno);
    if (error < 0) close(handle);
    return error;
}

int unix_open(struct epoll_port *e, const struct port_socket *owner, const struct unix_place *place,
              int type, int *handle) {
    int error = unix_path_check(place->path);
    if (error < 0) return error;
    *handle = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*handle < 0) return error_of_errno(errno);
    /* Before it has a name: every datagram comes with the ids of its sender. */
    const int yes = 1;
    if (type == SOCK_DGRAM && setsockopt(*handle, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0) {
        error = error_of_errno(errno);
        close(*handle);
        return error;
    }
    return unix_path_is_abstract(place->path) ? open_abstract(place, type, *handle)
                                              : open_file(e, owner, place, type, handle);
}

static struct unix_file **file_of(struct epoll_port *e, const struct port_socket *socket) {
    struct unix_file **link = &e->unix_files;
    while (*link != NULL && (*link)->socket != socket)
        link = &(*link)->next;
    return link;
}

void unix_remove(struct epoll_port *e, const struct port_socket *socket) {
    struct unix_file **link = file_of(e, socket), *file = *link;
    if (file == NULL) return; /* accepted, or abstract */
    *link = file->next;
    struct unix_job job = {.run = remove_file, .handle = -1, .file = *file};
    const int error = do_within(&job, &job);
    if (error < 0)
        say("%s: cannot be removed: %s; the next start replaces it", file->path, error_text(error));
    free(file);
}

int unix_access(struct port *port, struct port_socket *socket, const struct unix_place *place) {
    struct unix_file *file = *file_of(port->backend, socket);
    if (file == NULL) return 0; /* abstract */
    struct unix_job job = {.run = change_access,
                           .handle = -1,
                           .mode = place->mode,
                           .user = place->user,
                           .group = place->group,
                           .file = *file};
    return do_within(&job, &job);
}

/* ---- peers ---- */

void unix_accepted(int handle, struct port_address *peer) {
    struct ucred ids = {0};
    socklen_t size = sizeof ids;
    const int yes = 1;
    setsockopt(handle, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes); /* as for TCP; Linux 5.15 */
    *peer = getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &ids, &size) < 0
                ? address_of_process(ADDRESS_UNKNOWN_ID, ADDRESS_UNKNOWN_ID, ADDRESS_UNKNOWN_ID)
                : address_of_process((uint32_t)ids.pid, ids.uid, ids.gid);
}

/* Room for the ids alone: files that a sender passes have no room, so the kernel closes them. */
union note {
    char bytes[CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr aligned;
};

static struct port_address sender_of(struct msghdr *message) {
    struct ucred ids;
    for (struct cmsghdr *note = CMSG_FIRSTHDR(message); note; note = CMSG_NXTHDR(message, note)) {
        if (note->cmsg_level != SOL_SOCKET || note->cmsg_type != SCM_CREDENTIALS) continue;
        memcpy(&ids, CMSG_DATA(note), sizeof ids);
        return address_of_process((uint32_t)ids.pid, ids.uid, ids.gid);
    }
    return address_of_process(ADDRESS_UNKNOWN_ID, ADDRESS_UNKNOWN_ID, ADDRESS_UNKNOWN_ID);
}

/* ---- datagrams ---- */

/* Reads one datagram to buffer->bytes + offset.  Its size there, or a negative errno. */
static int64_t receive_one(int handle, struct port_buffer *buffer, uint32_t offset) {
    union note note;
    const uint32_t room = buffer->pool->datagram_bytes_max;
    struct iovec place = {.iov_base = buffer->bytes + offset, .iov_len = room};
    struct msghdr message = {.msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = note.bytes,
                             .msg_controllen = sizeof note.bytes};
    ssize_t whole;
    do { /* MSG_TRUNC: the result is the datagram's whole size */
        whole = recvmsg(handle, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    } while (whole < 0 && errno == EINTR);
    if (whole < 0) return -errno;
    const bool cut = (size_t)whole > room;
    buffer->slices[buffer->slice_count++] =
        (struct port_slice){.offset = offset,
                            .size = cut ? room : (uint32_t)whole,
                            .peer = sender_of(&message),
                            .truncated = cut,
                            .missing = cut ? (uint32_t)((size_t)whole - room) & 0x7FFFFFFF : 0};
    return cut ? room : whole;
}

/* One system call each, one datagram directly after the other: a queue holds few of them (10 by
 * default, net.unix.max_dgram_qlen), and places for the largest would use much memory.  Nothing
 * gathers (epoll.c): a full queue stops the senders. */
void unix_receive(struct port *port, struct port_op *op) {
    struct port_socket *socket = op->u.net.socket;
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return; /* it waits for one */
    const struct port_pool *pool = buffer->pool;
    int64_t got = 0;
    for (uint32_t offset = 0; got >= 0 && buffer->slice_count < pool->slices_max &&
                              pool->buffer_bytes - offset >= pool->datagram_bytes_max;
         offset += (uint32_t)got) {
        got = receive_one((int)socket->handle, buffer, offset);
        if (got < 0) break;
    }
    /* Of its end there was an event already, perhaps; there is no further one. */
    if (got == -EAGAIN && !(socket->state & SOCKET_ENDS))
        socket->state &= ~(uint32_t)SOCKET_READABLE;
    if (buffer->slice_count > 0) { /* the next receive reports any other error */
        op->buffer = buffer;
        port_completed(port, op, buffer->slice_count);
        return;
    }
    port_buffer_release(buffer);
    if (got != -EAGAIN)
        port_completed(port, op, error_of_errno((int)-got));
    else if (socket->state & SOCKET_ENDS)
        port_completed(port, op, 0);
}

/* ---- clients ---- */

static int open_client(const char *path, int type, struct client *client) {
    struct sockaddr_un name;
    socklen_t size;
    client->handle = -1;
    const int error = to_system(path, &name, &size);
    if (error < 0) return error;
    const int handle = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (handle < 0) return error_of_errno(errno);
    while (connect(handle, (struct sockaddr *)&name, size) < 0) { /* ends: an error, or connected */
        if (errno == EINTR) continue;
        const int failed = error_of_errno(errno);
        close(handle);
        return failed;
    }
    client->handle = handle;
    return 0;
}

int client_connect_unix(const char *path, struct client *client) {
    return open_client(path, SOCK_STREAM, client);
}

int client_datagrams_unix(const char *path, struct client *client) {
    const int error = open_client(path, SOCK_DGRAM, client);
    /* The sender's buffer limits the size of a datagram; as much as net.core.wmem_max allows. */
    const int wanted = CLIENT_UNIX_DATAGRAM_MAX;
    if (error == 0) setsockopt((int)client->handle, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
    return error;
}
