/* floor.c - bench_floor: the bare stages of the daemon in one plain program.
 * Receives, copies whole lines into a batch, validates each, compresses full batches and writes
 * them.  It uses the daemon's validator and frames, but nothing else: no order between
 * connections, no quarantine, no limits, no sync, no index.  What the daemon costs above this floor
 * is the price of its guarantees.
 *
 * Accepts N connections, ends when all have closed, and prints one JSON line.  Invalid lines are
 * counted and kept.  Linux only: a benchmark is not shipped, so it can call the system directly. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "port/options.h"
#include "port/system.h"
#include "schema/json/json.h"
#include "writer/segment/frame.h"

#define READ_BYTES   (256u << 10)
#define BATCH_BYTES  (1u << 20)
#define THREADS_MAX  64
#define EVENTS_MAX   64
#define ACCELERATION 1

struct settings {
    bool help;
    uint64_t connections, threads, port;
    const char *directory;
};

enum stage { RECEIVE, COPY, VALIDATE, COMPRESS, WRITE, STAGES };
static const char *const stage_names[STAGES] = {"receive", "copy", "validate", "compress", "write"};

struct connection {
    int socket;
    uint32_t kept_size; /* the start of a line, kept until the rest arrives */
    uint8_t kept[READ_BYTES];
};

struct lane {
    pthread_t thread;
    int epoll, file;
    uint32_t connections_left;
    uint8_t *read, *batch, *frame;
    void *scratch;
    uint32_t batch_size;
    uint64_t written;
    uint64_t lines, bad, bytes;
    int64_t first_ns, last_ns;         /* times of the first byte and the last write */
    int64_t stage_ns[STAGES], turn_ns; /* CPU time */
};

static const struct option option_table[] = {
    {.name = "connections",
     .letter = 'c',
     .kind = OPTION_COUNT,
     .field = offsetof(struct settings, connections),
     .min = 1,
     .max = 10000,
     .preset = "4",
     .value = "N",
     .help = "End after this many connections have come and closed."},
    {.name = "threads",
     .letter = 't',
     .kind = OPTION_COUNT,
     .field = offsetof(struct settings, threads),
     .min = 1,
     .max = THREADS_MAX,
     .preset = "2",
     .value = "N",
     .help = "Threads, each with its share of the connections."},
    {.name = "port",
     .letter = 'p',
     .kind = OPTION_COUNT,
     .field = offsetof(struct settings, port),
     .max = 65535,
     .preset = "0",
     .value = "N",
     .help = "TCP port on 127.0.0.1. 0: a free one."},
    {.name = "dir",
     .letter = 'd',
     .kind = OPTION_TEXT,
     .field = offsetof(struct settings, directory),
     .preset = ".",
     .value = "DIR",
     .help = "Directory for floor-<thread>.lz4."},
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_FLAG,
     .field = offsetof(struct settings, help),
     .help = "Print this help and exit."},
    {.name = NULL},
};

static bool settings_read(struct settings *settings, int argc, char **argv, int *code);
static int listener_open(const struct settings *settings);
static void lane_open(struct lane *lane, const struct settings *settings, uint32_t number);
static void lane_add(struct lane *lane, int socket);
static void *lane_run(void *context);
static void report(const struct lane *lanes, uint32_t count);

int program_main(int argc, char **argv) {
    struct settings settings = {0};
    int code = 0;
    system_name("bench_floor");
    if (!settings_read(&settings, argc, argv, &code)) return code;

    const int listener = listener_open(&settings);
    struct lane *const lanes = calloc(settings.threads, sizeof *lanes);
    assert(lanes != NULL);
    for (uint32_t i = 0; i < settings.threads; i++) {
        lane_open(&lanes[i], &settings, i);
    }
    for (uint32_t i = 0; i < settings.threads; i++) {
        const int status = pthread_create(&lanes[i].thread, NULL, lane_run, &lanes[i]);
        assert(status == 0);
    }
    for (uint64_t i = 0; i < settings.connections; i++) {
        const int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert(socket >= 0);
        lane_add(&lanes[i % settings.threads], socket);
    }
    for (uint32_t i = 0; i < settings.threads; i++) {
        pthread_join(lanes[i].thread, NULL);
    }
    report(lanes, (uint32_t)settings.threads);
    return 0;
}

static bool settings_read(struct settings *settings, int argc, char **argv, int *code) {
    char error[OPTION_ERROR_MAX], text[2048];
    options_preset(option_table, settings);
    const int words = options_command_line(option_table, argc, argv, settings, error);
    if (words != 0) {
        say("%s", words < 0 ? error : "takes options only; --help says which");
        *code = 2;
        return false;
    }
    if (!settings->help) return true;
    options_help(option_table, stream_columns(STREAM_OUTPUT), text, sizeof text);
    stream_write(STREAM_OUTPUT, text, strlen(text));
    return false;
}

static int listener_open(const struct settings *settings) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)settings->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 1024) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        say("cannot listen: %s", strerror(errno));
        system_exit_now(1);
    }
    say("ready tcp=127.0.0.1:%u dir=%s", ntohs(address.sin_port), settings->directory);
    return listener;
}

/* ---- a lane: one thread, its connections, its batch and its file ---- */

static int64_t cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Adds the CPU time since the last call to this stage. */
static void stage_ends(struct lane *lane, enum stage stage) {
    const int64_t now = cpu_ns();
    lane->stage_ns[stage] += now - lane->turn_ns;
    lane->turn_ns = now;
}

static void lane_open(struct lane *lane, const struct settings *settings, uint32_t number) {
    char path[4096];
    snprintf(path, sizeof path, "%s/floor-%" PRIu32 ".lz4", settings->directory, number);
    lane->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (lane->file < 0) {
        say("%s: %s", path, strerror(errno));
        system_exit_now(1);
    }
    lane->connections_left =
        (uint32_t)((settings->connections + settings->threads - 1 - number) / settings->threads);
    lane->epoll = epoll_create1(EPOLL_CLOEXEC);
    lane->read = malloc(READ_BYTES);
    lane->batch = calloc(1, BATCH_BYTES + JSON_PADDING);
    lane->frame = malloc(frames_bytes_max(BATCH_BYTES));
    lane->scratch = malloc(frame_scratch_bytes());
    assert(lane->epoll >= 0 && lane->read && lane->batch && lane->frame && lane->scratch);
}

/* Called by the main thread, while the lane runs. */
static void lane_add(struct lane *lane, int socket) {
    struct connection *const connection = malloc(sizeof *connection);
    assert(connection != NULL);
    connection->socket = socket;
    connection->kept_size = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    const int status = epoll_ctl(lane->epoll, EPOLL_CTL_ADD, socket, &event);
    assert(status == 0);
}

static void batch_write(struct lane *lane) {
    if (lane->batch_size == 0) return;
    const size_t size =
        frames_encode(lane->scratch, lane->batch, lane->batch_size, ACCELERATION, lane->frame);
    stage_ends(lane, COMPRESS);
    if (pwrite(lane->file, lane->frame, size, (off_t)lane->written) != (ssize_t)size) {
        say("write: %s", strerror(errno));
        system_exit_now(1);
    }
    lane->written += size;
    lane->batch_size = 0;
    lane->last_ns = system_now_ns();
    stage_ends(lane, WRITE);
}

/* Validates the lines from `from` on while they are still in the cache. */
static void batch_validate(struct lane *lane, uint32_t from) {
    const uint8_t *text = lane->batch + from, *const end = lane->batch + lane->batch_size;
    while (text < end) {
        struct json_line line;
        json_check_line(text, end, false, &line);
        if (line.reason == JSON_OK) {
            lane->lines++;
        } else if (line.reason != JSON_BLANK) {
            lane->bad++;
        }
        text = line.next;
    }
    stage_ends(lane, VALIDATE);
}

/* Copies the kept start of a line and the whole lines of `bytes` into the batch. */
static void batch_add(struct lane *lane, struct connection *connection, const uint8_t *bytes,
                      uint32_t size) {
    while (size > 0) {
        const uint32_t room = BATCH_BYTES - lane->batch_size;
        uint32_t whole = size;
        if (connection->kept_size + size > room) {
            const uint32_t fits = room > connection->kept_size ? room - connection->kept_size : 0;
            const uint8_t *const end = memrchr(bytes, '\n', fits);
            if (end == NULL) {
                batch_write(lane);
                continue;
            }
            whole = (uint32_t)(end + 1 - bytes);
        }
        const uint32_t from = lane->batch_size;
        memcpy(lane->batch + from, connection->kept, connection->kept_size);
        memcpy(lane->batch + from + connection->kept_size, bytes, whole);
        lane->batch_size += connection->kept_size + whole;
        connection->kept_size = 0;
        bytes += whole;
        size -= whole;
        stage_ends(lane, COPY);
        batch_validate(lane, from);
    }
}

static void connection_keep(struct connection *connection, const uint8_t *bytes, uint32_t size) {
    if (connection->kept_size + size > sizeof connection->kept) {
        say("a line is longer than %u bytes", READ_BYTES);
        system_exit_now(1);
    }
    memcpy(connection->kept + connection->kept_size, bytes, size);
    connection->kept_size += size;
}

static void connection_end(struct lane *lane, struct connection *connection) {
    static const uint8_t newline = '\n';
    if (connection->kept_size > 0) batch_add(lane, connection, &newline, 1);
    close(connection->socket);
    free(connection);
    lane->connections_left--;
}

static void connection_read(struct lane *lane, struct connection *connection) {
    const ssize_t size = recv(connection->socket, lane->read, READ_BYTES, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    stage_ends(lane, RECEIVE);
    if (size <= 0) {
        connection_end(lane, connection);
        return;
    }
    if (lane->first_ns == 0) lane->first_ns = system_now_ns();
    lane->bytes += (uint64_t)size;
    const uint8_t *const end = memrchr(lane->read, '\n', (size_t)size);
    const uint32_t whole = end == NULL ? 0 : (uint32_t)(end + 1 - lane->read);
    batch_add(lane, connection, lane->read, whole);
    connection_keep(connection, lane->read + whole, (uint32_t)size - whole);
    stage_ends(lane, COPY);
}

static void *lane_run(void *context) {
    struct lane *const lane = context;
    struct epoll_event events[EVENTS_MAX];
    lane->turn_ns = cpu_ns();
    while (lane->connections_left > 0) {
        const int count = epoll_wait(lane->epoll, events, EVENTS_MAX, -1);
        assert(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++) {
            connection_read(lane, events[i].data.ptr);
        }
    }
    batch_write(lane);
    close(lane->file);
    return NULL;
}

/* Not from getrusage: its peak includes the parent's, if that was larger before exec. */
static uint64_t memory_peak(void) {
    char line[256];
    uint64_t kib = 0;
    FILE *const status = fopen("/proc/self/status", "re");
    while (status != NULL && kib == 0 && fgets(line, sizeof line, status) != NULL) {
        sscanf(line, "VmHWM: %" SCNu64, &kib);
    }
    if (status != NULL) fclose(status);
    return kib << 10;
}

static void report(const struct lane *lanes, uint32_t count) {
    struct lane sum = {.first_ns = INT64_MAX};
    for (uint32_t i = 0; i < count; i++) {
        const struct lane *const lane = &lanes[i];
        sum.lines += lane->lines;
        sum.bad += lane->bad;
        sum.bytes += lane->bytes;
        sum.written += lane->written;
        if (lane->first_ns != 0 && lane->first_ns < sum.first_ns) sum.first_ns = lane->first_ns;
        if (lane->last_ns > sum.last_ns) sum.last_ns = lane->last_ns;
        for (uint32_t stage = 0; stage < STAGES; stage++) {
            sum.stage_ns[stage] += lane->stage_ns[stage];
        }
    }
    const double lines = sum.lines + sum.bad > 0 ? (double)(sum.lines + sum.bad) : 1;
    printf("{\"lines\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"written\":%" PRIu64
           ",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"memory_peak\":%" PRIu64 ",\"ns_a_line\":{",
           sum.lines, sum.bad, sum.bytes, sum.written,
           sum.last_ns > sum.first_ns ? (double)(sum.last_ns - sum.first_ns) / 1e9 : 0,
           (double)system_cpu_ns() / 1e9, memory_peak());
    for (uint32_t stage = 0; stage < STAGES; stage++) {
        printf("%s\"%s\":%.1f", stage > 0 ? "," : "", stage_names[stage],
               (double)sum.stage_ns[stage] / lines);
    }
    printf("}}\n");
}
