/* system.c - the process, its clocks and its standard streams.  See system.h. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/linux.h"
#include "port/system.h"

_Noreturn void system_exit_now(int code) {
    _exit(code);
}

/* ---- the process ---- */

uint32_t system_cores(void) {
    cpu_set_t allowed; /* taskset and containers may allow fewer */
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return (uint32_t)CPU_COUNT(&allowed);
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

uint64_t system_open_files_max(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 1024;
    const rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = soft;
    return limit.rlim_cur;
}

const char *system_receive_bytes_hint(void) {
    return "raise it with: sysctl -w net.core.rmem_max=4194304";
}

uint32_t system_process_id(void) {
    return (uint32_t)getpid();
}

int system_issuers(system_issuer *take, void *context) {
    (void)take, (void)context;
    return ERR_UNSUPPORTED;
}

/* Not getrusage, whose peak is that of the parent until this process exceeds it. */
void system_memory(uint64_t *now, uint64_t *peak) {
    char line[128];
    unsigned long kib;
    *now = *peak = 0;
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL) return;
    while (fgets(line, sizeof line, status)) { /* about 60 lines */
        if (sscanf(line, "VmRSS: %lu", &kib) == 1) *now = (uint64_t)kib * 1024;
        if (sscanf(line, "VmHWM: %lu", &kib) == 1) *peak = (uint64_t)kib * 1024;
    }
    fclose(status);
}

const char *system_environment(const char *name) {
    return getenv(name);
}

int system_absolute_path(const char *path, char *absolute, size_t size) {
    size_t length = 0;
    if (path[0] == '\0') return ERR_INVALID;
    if (path[0] != '/') {
        if (getcwd(absolute, size) == NULL)
            return errno == ERANGE ? ERR_NAME_TOO_LONG : error_of_errno(errno);
        length = strlen(absolute);
        if (length + 1 < size) absolute[length++] = '/';
        while (path[0] == '.' && path[1] == '/') { /* ends with the path */
            path += 2;
            path += strspn(path, "/");
        }
    }
    if (length + strlen(path) >= size) return ERR_NAME_TOO_LONG;
    strcpy(absolute + length, path);
    for (length = strlen(absolute); length > 1 && absolute[length - 1] == '/'; length--)
        absolute[length - 1] = '\0';
    return 0;
}

/* ---- clocks and random bytes ---- */

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t system_cpu_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t system_now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t system_wall_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

int32_t system_zone_offset_s(int64_t unix_s) {
    const time_t moment = (time_t)unix_s;
    struct tm local;
    return localtime_r(&moment, &local) != NULL ? (int32_t)local.tm_gmtoff : 0;
}

const char *system_zone_folder(void) {
    const char *folder = getenv("TZDIR");
    return folder != NULL && folder[0] != '\0' ? folder : "/usr/share/zoneinfo";
}

int system_zone(const char *name, void **bytes, size_t *size) {
    (void)name, (void)bytes, (void)size;
    return ERR_UNSUPPORTED;
}

void system_sleep_ms(uint32_t ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

void system_random(void *bytes, size_t size) {
    uint8_t *p = bytes;
    while (size > 0) { /* up to 256 bytes always come at once */
        const ssize_t got = getrandom(p, size < 256 ? size : 256, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) abort(); /* better than a token that can be guessed */
        p += got;
        size -= (size_t)got;
    }
}

/* ---- standard streams ---- */

bool stream_is_terminal(enum system_stream stream) {
    return isatty((int)stream) == 1;
}

bool stream_is_piped(enum system_stream stream) {
    struct stat status;
    if (fstat((int)stream, &status) != 0) return false;
    return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISREG(status.st_mode);
}

bool stream_is_waiting(enum system_stream stream) {
    struct stat status;
    int bytes = 0;
    if (!stream_is_piped(stream) || fstat((int)stream, &status) != 0) return false;
    if (S_ISREG(status.st_mode)) return lseek((int)stream, 0, SEEK_CUR) < status.st_size;
    return ioctl((int)stream, FIONREAD, &bytes) == 0 && bytes > 0;
}

uint32_t stream_columns(enum system_stream stream) {
    struct winsize window;
    if (ioctl((int)stream, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) return window.ws_col;
    return 80;
}

/* Another process may have made the shared stream non-blocking; this waits anyway. */
static bool wait_for(enum system_stream stream, short what) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN) return false;
    struct pollfd wait = {.fd = (int)stream, .events = what};
    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

int64_t stream_read(enum system_stream stream, void *bytes, size_t size) {
    for (;;) { /* until bytes arrive, or the end */
        const ssize_t got = read((int)stream, bytes, size);
        if (got >= 0) return got;
        if (!wait_for(stream, POLLIN)) return error_of_errno(errno);
    }
}

int stream_write(enum system_stream stream, const void *bytes, size_t size) {
    const char *p = bytes;
    while (size > 0) { /* each turn writes something, or ends it */
        const ssize_t written = write((int)stream, p, size);
        if (written < 0) {
            if (!wait_for(stream, POLLOUT)) return error_of_errno(errno);
            continue;
        }
        p += written;
        size -= (size_t)written;
    }
    return 0;
}

/* A pipe that polls writable has room for PIPE_BUF bytes, so one such write does not block. */
int stream_write_within(enum system_stream stream, const void *bytes, size_t size,
                        uint32_t timeout_ms) {
    const char *p = bytes;
    const int64_t deadline_ns = system_now_ns() + (int64_t)timeout_ms * 1000000;
    while (size > 0) { /* each turn writes something, or ends it */
        const int64_t left_ns = deadline_ns - system_now_ns();
        struct pollfd wait = {.fd = (int)stream, .events = POLLOUT};
        const int ready = poll(&wait, 1, left_ns > 0 ? (int)(left_ns / 1000000) : 0);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return ready == 0 ? ERR_TIMED_OUT : error_of_errno(errno);
        const ssize_t written = write((int)stream, p, size < PIPE_BUF ? size : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN) return error_of_errno(errno);
        if (written <= 0) continue;
        p += written;
        size -= (size_t)written;
    }
    return 0;
}
