/* faults.c - a library that is preloaded into logportd and makes one call of it go wrong.
 * tests/faults/run.py uses it; that file describes a case.
 *
 *   LOGPORT_FAULTS_ROOT   paths below it are classified, see CLASSES
 *   LOGPORT_FAULTS_LOG    file that gets a line for each call: CALL CLASS N PATH
 *   LOGPORT_FAULTS        CALL:CLASS:N:ACTION, such as fdatasync:manifest:7:EIO
 *
 * N counts the calls of this kind on files of this class, from 1.  ACTION:
 *
 *   EIO ...               the call fails with this error, without being made
 *   EIO*3                 so do the next two
 *   EIO+file              so do all later calls of this kind on the same path
 *   EIO+all               so do all later calls of this kind on files of the class; *3, +file and
 *                         +all may follow the other actions too
 *   half                  a read or write transfers half of its bytes
 *   delay                 the call is made after three seconds
 *   kill-before, kill-after, kill-half
 *                         SIGKILL before or after the call; after half of a write
 *
 * Programs that the daemon starts are left alone.  To add a call, write one line at the end. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DELAY_S      3
#define COUNTERS_MAX 512

enum action { PASS, FAIL, HALF, DELAY, KILL_BEFORE, KILL_AFTER, KILL_HALF };

/* The first pattern that matches decides; relative to the root, and * matches / too. */
static const struct {
    const char *pattern, *name;
} CLASSES[] = {
    {"*/rejects/*", "rejects"},
    {"*.part.ndjson.lz4", "live"},
    {"archive/*.ndjson.lz4", "archived"},
    {"*.ndjson.lz4", "closed"},
    {"*.pack", "pack"},
    {"*.copy", "copy"},
    {"*/state/manifest.ndjson*", "manifest"},
    {"*.sequence*", "sequence"},
    {"*/state/archives*", "archives"},
    {"*/state/archive-of*", "archive-of"},
    {"*/state/lock*", "lock"},
    {"*/logportd.run*", "run"},
    {"*.json*", "config"},
    {"archive*", "archive-directory"},
    {"*", "directory"},
};

static struct {
    pthread_mutex_t lock;
    bool ready;
    int log;
    char root[256];

    /* the fault; call[0] == 0: none */
    char call[32], class[32];
    unsigned long n;
    enum action action;
    int error;
    unsigned long left; /* how many more calls fail */
    bool whole_file, whole_class;
    char path[512]; /* of the call that was hit; empty: not yet */

    struct {
        const char *call, *class;
        unsigned long count;
    } counters[COUNTERS_MAX];
} faults = {.lock = PTHREAD_MUTEX_INITIALIZER, .log = -1};

/* ---- set-up ---- */

__attribute__((noreturn)) static void unusable(const char *why) {
    fprintf(stderr, "faults: %s\n", why);
    _exit(99);
}

static int error_named(const char *name, size_t size) {
    for (int number = 1; number < 200; number++) {
        const char *known = strerrorname_np(number);
        if (known != NULL && strlen(known) == size && memcmp(known, name, size) == 0) return number;
    }
    unusable("LOGPORT_FAULTS: unknown action");
}

static void parse_action(const char *text) {
    static const struct {
        const char *name;
        enum action action;
    } ACTIONS[] = {{"half", HALF},
                   {"delay", DELAY},
                   {"kill-before", KILL_BEFORE},
                   {"kill-after", KILL_AFTER},
                   {"kill-half", KILL_HALF}};
    const size_t size = strcspn(text, "*+");
    faults.action = FAIL;
    for (size_t i = 0; i < sizeof ACTIONS / sizeof ACTIONS[0]; i++)
        if (strlen(ACTIONS[i].name) == size && memcmp(text, ACTIONS[i].name, size) == 0)
            faults.action = ACTIONS[i].action;
    if (faults.action == FAIL) faults.error = error_named(text, size);
    if (text[size] == '*') faults.left = strtoul(text + size + 1, NULL, 10) - 1;
    faults.whole_file = strcmp(text + size, "+file") == 0;
    faults.whole_class = strcmp(text + size, "+all") == 0;
}

__attribute__((constructor)) static void set_up(void) {
    const char *root = getenv("LOGPORT_FAULTS_ROOT");
    const char *log = getenv("LOGPORT_FAULTS_LOG");
    const char *fault = getenv("LOGPORT_FAULTS");
    char action[32];
    if (root == NULL || log == NULL) unusable("LOGPORT_FAULTS_ROOT or _LOG is missing");
    if (strlen(root) >= sizeof faults.root) unusable("LOGPORT_FAULTS_ROOT is too long");
    strcpy(faults.root, root);
    if (fault != NULL) {
        if (sscanf(fault, "%31[^:]:%31[^:]:%lu:%31s", faults.call, faults.class, &faults.n,
                   action) != 4)
            unusable("LOGPORT_FAULTS is not CALL:CLASS:N:ACTION");
        parse_action(action);
    }
    /* A high number, so that the daemon's own are what they are without this library. */
    const int opened =
        (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    faults.log = fcntl(opened, F_DUPFD_CLOEXEC, 500);
    if (faults.log < 0) unusable("LOGPORT_FAULTS_LOG cannot be opened");
    syscall(SYS_close, opened);
    unsetenv("LD_PRELOAD");
    unsetenv("LOGPORT_FAULTS_ROOT");
    unsetenv("LOGPORT_FAULTS_LOG");
    unsetenv("LOGPORT_FAULTS");
    faults.ready = true;
}

/* ---- what a call is about ---- */

static void path_of_handle(int handle, char *path, size_t size) {
    static const char deleted[] = " (deleted)";
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    const long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    const size_t tail = sizeof deleted - 1;
    if (length > (long)tail && strcmp(path + length - tail, deleted) == 0)
        path[length - (long)tail] = '\0';
}

static const char *class_of(const char *path) {
    const size_t size = strlen(faults.root);
    if (strncmp(path, "socket:", 7) == 0) return "socket";
    if (strncmp(path, "pipe:", 5) == 0) return "pipe";
    if (strncmp(path, "anon_inode:", 11) == 0) return path + 11;
    if (strncmp(path, faults.root, size) != 0 || path[size] != '/') return "other";
    for (size_t i = 0;; i++) /* ends with the last pattern */
        if (fnmatch(CLASSES[i].pattern, path + size + 1, 0) == 0) return CLASSES[i].name;
}

static unsigned long count(const char *call, const char *class) {
    for (size_t i = 0; i < COUNTERS_MAX; i++) {
        if (faults.counters[i].call == NULL) {
            faults.counters[i].call = call;
            faults.counters[i].class = strdup(class);
        }
        if (strcmp(faults.counters[i].call, call) == 0 &&
            strcmp(faults.counters[i].class, class) == 0)
            return ++faults.counters[i].count;
    }
    unusable("COUNTERS_MAX is too small");
}

static bool is_hit(const char *call, const char *class, unsigned long n, const char *path) {
    if (strcmp(call, faults.call) != 0) return false;
    if (faults.path[0] == '\0') return n == faults.n && strcmp(class, faults.class) == 0;
    if (faults.whole_file) return strcmp(path, faults.path) == 0;
    if (strcmp(class, faults.class) != 0) return false;
    if (faults.whole_class) return true;
    return faults.left > 0 && faults.left-- > 0;
}

__attribute__((noreturn)) static void kill_now(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Every call begins here: `path`, or what `handle` has open.  FAIL: errno is set, and the call must
 * not be made.  HALF and KILL_HALF: with half of the bytes.  Then call ended(). */
static enum action begins(const char *call, int handle, const char *path) {
    char line[768], name[512];
    if (!faults.ready) return PASS;
    const int before = errno;
    sigset_t all, mask; /* a signal handler may make a call, and must not wait for the lock */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &mask);
    if (path != NULL)
        snprintf(name, sizeof name, "%s", path);
    else
        path_of_handle(handle, name, sizeof name);
    pthread_mutex_lock(&faults.lock);
    const char *class = class_of(name);
    const unsigned long n = count(call, class);
    const bool hit = is_hit(call, class, n, name);
    if (hit && faults.path[0] == '\0') snprintf(faults.path, sizeof faults.path, "%s", name);
    const int size =
        snprintf(line, sizeof line, "%s%s %s %lu %s\n", hit ? "FAULT " : "", call, class, n, name);
    (void)!syscall(SYS_write, faults.log, line, size);
    pthread_mutex_unlock(&faults.lock);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    errno = before;
    if (!hit) return PASS;
    if (faults.action == KILL_BEFORE) kill_now();
    if (faults.action == FAIL) errno = faults.error;
    if (faults.action == DELAY) {
        struct timespec left = {.tv_sec = DELAY_S};
        syscall(SYS_nanosleep, &left, NULL);
    }
    return faults.action;
}

static void ended(enum action action) {
    if (action == KILL_AFTER || action == KILL_HALF) kill_now();
}

static size_t shortened(enum action action, size_t size) {
    return (action == HALF || action == KILL_HALF) && size > 1 ? size / 2 : size;
}

/* ---- the calls ---- */

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) unusable(name);
    return found;
}

#define AT_PATH(path)     -1, path
#define AT_HANDLE(handle) handle, NULL

/* Defines the call NAME: `failed` is what it returns when it fails, `at` what it is about. */
#define CALL(type, name, parameters, arguments, failed, at)                                        \
    type name parameters {                                                                         \
        static type(*original) parameters;                                                         \
        if (original == NULL) original = (type(*) parameters)real(#name);                          \
        const enum action action = begins(#name, at);                                              \
        if (action == FAIL) return failed;                                                         \
        type result = original arguments;                                                          \
        ended(action);                                                                             \
        return result;                                                                             \
    }

/* The same with a size that can be shortened. */
#define TRANSFER(name, parameters, arguments, at)                                                  \
    ssize_t name parameters {                                                                      \
        static ssize_t(*original) parameters;                                                      \
        if (original == NULL) original = (ssize_t(*) parameters)real(#name);                       \
        const enum action action = begins(#name, at);                                              \
        if (action == FAIL) return -1;                                                             \
        size = shortened(action, size);                                                            \
        const ssize_t result = original arguments;                                                 \
        ended(action);                                                                             \
        return result;                                                                             \
    }

/* Opening to read and to write are two kinds: they fail with other errors. */
static int open_at(int folder, const char *path, int flags, mode_t mode) {
    const bool reads = (flags & O_ACCMODE) == O_RDONLY;
    const enum action action = begins(reads ? "open" : "open-to-write", -1, path);
    if (action == FAIL) return -1;
    const int handle = (int)syscall(SYS_openat, folder, path, flags, mode);
    ended(action);
    return handle;
}

static mode_t mode_of(int flags, va_list more) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(more, int) : 0;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_at(folder, path, flags, mode);
}

TRANSFER(read, (int fd, void *bytes, size_t size), (fd, bytes, size), AT_HANDLE(fd))
TRANSFER(write, (int fd, const void *bytes, size_t size), (fd, bytes, size), AT_HANDLE(fd))
TRANSFER(pread, (int fd, void *bytes, size_t size, off_t offset), (fd, bytes, size, offset),
         AT_HANDLE(fd))
TRANSFER(pwrite, (int fd, const void *bytes, size_t size, off_t offset), (fd, bytes, size, offset),
         AT_HANDLE(fd))

CALL(int, close, (int fd), (fd), -1, AT_HANDLE(fd))
CALL(int, fsync, (int fd), (fd), -1, AT_HANDLE(fd))
CALL(int, fdatasync, (int fd), (fd), -1, AT_HANDLE(fd))
CALL(int, ftruncate, (int fd, off_t size), (fd, size), -1, AT_HANDLE(fd))
CALL(int, fstat, (int fd, struct stat *status), (fd, status), -1, AT_HANDLE(fd))
CALL(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), -1, AT_HANDLE(fd))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, AT_HANDLE(fd))
CALL(int, flock, (int fd, int how), (fd, how), -1, AT_HANDLE(fd))

CALL(int, stat, (const char *path, struct stat *status), (path, status), -1, AT_PATH(path))
CALL(int, lstat, (const char *path, struct stat *status), (path, status), -1, AT_PATH(path))
CALL(int, fstatat, (int folder, const char *path, struct stat *status, int flags),
     (folder, path, status, flags), -1, AT_PATH(path))
CALL(int, statvfs, (const char *path, struct statvfs *status), (path, status), -1, AT_PATH(path))
CALL(int, statfs, (const char *path, struct statfs *status), (path, status), -1, AT_PATH(path))
CALL(int, fstatfs, (int fd, struct statfs *status), (fd, status), -1, AT_HANDLE(fd))
CALL(int, fstatvfs, (int fd, struct statvfs *status), (fd, status), -1, AT_HANDLE(fd))
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), -1, AT_PATH(path))
CALL(int, lchown, (const char *path, uid_t user, gid_t group), (path, user, group), -1,
     AT_PATH(path))
CALL(int, access, (const char *path, int mode), (path, mode), -1, AT_PATH(path))
CALL(int, rename, (const char *from, const char *to), (from, to), -1, AT_PATH(from))
CALL(int, link, (const char *from, const char *to), (from, to), -1, AT_PATH(from))
CALL(int, unlink, (const char *path), (path), -1, AT_PATH(path))
CALL(int, remove, (const char *path), (path), -1, AT_PATH(path))
CALL(int, rmdir, (const char *path), (path), -1, AT_PATH(path))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, AT_PATH(path))
CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, AT_PATH(path))
CALL(DIR *, opendir, (const char *path), (path), NULL, AT_PATH(path))
CALL(struct dirent *, readdir, (DIR * folder), (folder), NULL, AT_HANDLE(dirfd(folder)))

/* ---- sockets, waiting, threads: tests/faults/network.py ---- */

#define AT_SOCKET "socket:"
#define AT_EPOLL  "anon_inode:[eventpoll]"
#define AT_EVENT  "anon_inode:[eventfd]"
#define AT_RING   "anon_inode:[io_uring]"
#define AT_THREAD "anon_inode:[thread]"

CALL(int, socket, (int family, int type, int protocol), (family, type, protocol), -1,
     AT_PATH(AT_SOCKET))
CALL(int, bind, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size), -1,
     AT_HANDLE(fd))
CALL(int, listen, (int fd, int backlog), (fd, backlog), -1, AT_HANDLE(fd))
CALL(int, accept4, (int fd, struct sockaddr *name, socklen_t *size, int flags),
     (fd, name, size, flags), -1, AT_HANDLE(fd))
CALL(int, getsockname, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size), -1,
     AT_HANDLE(fd))
CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size), -1, AT_HANDLE(fd))
CALL(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size), -1, AT_HANDLE(fd))
CALL(int, socketpair, (int family, int type, int protocol, int ends[2]),
     (family, type, protocol, ends), -1, AT_PATH(AT_SOCKET))
TRANSFER(recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags),
         AT_HANDLE(fd))
TRANSFER(send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags),
         AT_HANDLE(fd))
CALL(int, recvmmsg,
     (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
     (fd, messages, count, flags, timeout), -1, AT_HANDLE(fd))
CALL(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1,
     AT_HANDLE(fd))
CALL(int, connect, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size), -1,
     AT_HANDLE(fd))
CALL(int, shutdown, (int fd, int how), (fd, how), -1, AT_HANDLE(fd))
CALL(int, epoll_create1, (int flags), (flags), -1, AT_PATH(AT_EPOLL))
CALL(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
     (epoll, operation, fd, event), -1, AT_PATH(AT_EPOLL))
CALL(int, epoll_wait, (int epoll, struct epoll_event *events, int count, int timeout),
     (epoll, events, count, timeout), -1, AT_PATH(AT_EPOLL))
CALL(int, epoll_pwait2,
     (int epoll, struct epoll_event *events, int count, const struct timespec *timeout,
      const sigset_t *mask),
     (epoll, events, count, timeout, mask), -1, AT_PATH(AT_EPOLL))
CALL(int, eventfd, (unsigned value, int flags), (value, flags), -1, AT_PATH(AT_EVENT))
CALL(int, sigaction, (int number, const struct sigaction *new, struct sigaction *before),
     (number, new, before), -1, AT_PATH(AT_THREAD))
CALL(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
     (thread, attributes, run, context), errno, AT_PATH(AT_THREAD))
CALL(int, posix_spawnp,
     (pid_t * pid, const char *program, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const words[], char *const variables[]),
     (pid, program, actions, attributes, words, variables), errno, AT_PATH(AT_THREAD))
CALL(int, getaddrinfo,
     (const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found),
     (host, port, hints, found), EAI_SYSTEM, AT_PATH(AT_SOCKET))

struct io_uring;
struct io_uring_cqe;
int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);
int io_uring_register_ring_fd(struct io_uring *ring);
int io_uring_submit(struct io_uring *ring);
int __io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **entry, unsigned submit,
                       unsigned wait, sigset_t *mask);
CALL(int, io_uring_queue_init, (unsigned entries, struct io_uring *ring, unsigned flags),
     (entries, ring, flags), -errno, AT_PATH(AT_RING))
CALL(int, io_uring_register_ring_fd, (struct io_uring * ring), (ring), -errno, AT_PATH(AT_RING))
CALL(int, io_uring_submit, (struct io_uring * ring), (ring), -errno, AT_PATH(AT_RING))
CALL(int, __io_uring_get_cqe,
     (struct io_uring * ring, struct io_uring_cqe **entry, unsigned submit, unsigned wait,
      sigset_t *mask),
     (ring, entry, submit, wait, mask), -errno, AT_PATH(AT_RING))
