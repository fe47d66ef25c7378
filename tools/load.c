/* load.c - logport-load: sends log lines as fast, or as slowly, as asked.
 * Every line says which connection it went over and its number on it ("conn",
 * "seq", both from 0), so that order and completeness can be proved behind any
 * receiver.  The same options make the same lines, byte for byte.
 *
 * One thread.  Each connection owns a block of whole lines, made once; before
 * it is sent again only the digits of seq and the seconds of ts are written
 * anew, which costs a few nanoseconds a line. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/options.h"
#include "port/system.h"
#include "schema/timestamp.h"

#define CONNECTIONS_MAX    60000
#define LINE_BYTES_MIN     192
#define LINE_BYTES_MAX     (64u << 20)
#define SEND_BYTES_MAX     (64u << 20)
#define DATAGRAM_BYTES_MAX 65507
#define ID_BYTES_MAX       32
/* All blocks together; many connections have smaller ones. */
#define BLOCKS_BYTES_MAX   (128u << 20)
/* Behind the last line we wait as long as this for the other side to close. */
#define CLOSE_WAIT_MS      30000
/* 2026-11-24T07:30:00Z: the first line's time.  Each block covers one second. */
#define FIRST_SECOND       INT64_C(1795505400)
#define SECOND_TEXT_BYTES  19 /* 2026-11-24T07:30:00 */

struct settings {
    bool tcp, udp, help, version;
    uint64_t connections, lines, bytes, send_bytes, rate, seconds, seed, bad, idle;
    const char *id;
};

struct connection {
    struct client client;
    uint32_t number;
    uint8_t *block;
    uint32_t block_lines; /* how many lines are in the block now */
    uint32_t seq_digits;  /* of every seq in the block; 0: they differ, or no line was made yet */
    uint32_t block_bytes, sent_bytes;
    uint64_t seq; /* of the block's first line */
    uint64_t lines_left;
};

struct load {
    struct settings settings;
    struct connection *connections;
    struct client *idle;
    uint32_t connection_count, idle_count;
    uint32_t block_lines_max;
    int64_t started_ns, finished_ns, closed_ns;
    uint64_t lines, bad_lines, bytes, refused;
};

#define FIELD(name) offsetof(struct settings, name)
/* clang-format off */
static const struct option option_table[] = {
    {"tcp", 0, OPTION_FLAG, FIELD(tcp), 0, 0, NULL, NULL,
     "send over TCP (what it does anyway)", false},
    {"udp", 0, OPTION_FLAG, FIELD(udp), 0, 0, NULL, NULL,
     "send over UDP, one line a datagram", false},
    {"connections", 'c', OPTION_COUNT, FIELD(connections), 1, CONNECTIONS_MAX, "1", "N",
     "connections (UDP: sockets), spread over the addresses", false},
    {"lines", 'n', OPTION_COUNT, FIELD(lines), 1, UINT64_MAX, NULL, "N",
     "lines over all connections (default 1000000; no limit with --seconds)", false},
    {"bytes", 'b', OPTION_BYTES, FIELD(bytes), LINE_BYTES_MIN, LINE_BYTES_MAX, "240", "N",
     "bytes of each line, its newline included", false},
    {"send_bytes", 0, OPTION_BYTES, FIELD(send_bytes), 1, SEND_BYTES_MAX, "256KiB", "N",
     "bytes handed to the system at once (TCP)", false},
    {"rate", 'r', OPTION_COUNT, FIELD(rate), 1, 1000000000, NULL, "N",
     "lines a second over all connections (default: as fast as they go)", false},
    {"seconds", 's', OPTION_TIME_S, FIELD(seconds), 1, 1000000, NULL, "N",
     "stop after this time, behind a whole line", false},
    {"seed", 0, OPTION_COUNT, FIELD(seed), 0, UINT64_MAX, "1", "N",
     "another seed makes other lines", false},
    {"bad", 0, OPTION_COUNT, FIELD(bad), 0, 100, NULL, "PERCENT",
     "about so many of the lines are not JSON", false},
    {"idle", 0, OPTION_COUNT, FIELD(idle), 0, CONNECTIONS_MAX, NULL, "N",
     "further connections that stay silent to the end (TCP)", false},
    {"id", 0, OPTION_TEXT, FIELD(id), 0, 0, NULL, "TEXT",
     "put \"run\":\"TEXT\" into each line", false},
    {"version", 0, OPTION_FLAG, FIELD(version), 0, 0, NULL, NULL,
     "print the version", false},
    {"help", 'h', OPTION_FLAG, FIELD(help), 0, 0, NULL, NULL,
     "print this", false},
    {NULL, 0, OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL, false},
};
/* clang-format on */
#undef FIELD

static int settings_read(struct settings *settings, int argc, char **argv);
static int load_connect(struct load *load, char **addresses, uint32_t address_count);
static int load_send(struct load *load);
static void load_close(struct load *load, bool wait);
static void load_report(const struct load *load);

int program_main(int argc, char **argv) {
    system_name("logport-load");
    struct load load = {0};
    const int words = settings_read(&load.settings, argc, argv);
    if (words <= 0) return words < 0 ? 2 : 0;

    system_open_files_max();
    int status = load_connect(&load, argv + 1, (uint32_t)words);
    if (status == 0) {
        load.started_ns = system_now_ns();
        status = load_send(&load);
        load.finished_ns = system_now_ns();
    }
    load_close(&load, status == 0 && !load.settings.udp);
    if (status < 0) return 1;
    load_report(&load);
    return 0;
}

/* ---- settings ---- */

static void help_print(void) {
    static const char head[] =
        "usage: logport-load [--tcp|--udp] HOST:PORT... [options]\n\n"
        "Sends JSON log lines, numbered with \"conn\" and \"seq\", and then prints one\n"
        "JSON line that says how many and how long it took.\n\n";
    char text[4096];
    options_help(option_table, stream_columns(STREAM_OUTPUT), text, sizeof text);
    stream_write(STREAM_OUTPUT, head, sizeof head - 1);
    stream_write(STREAM_OUTPUT, text, strlen(text));
}

static bool id_valid(const char *id) {
    const size_t size = strlen(id);
    for (size_t i = 0; i < size; i++) {
        if (id[i] < 0x20 || id[i] > 0x7e || id[i] == '"' || id[i] == '\\') return false;
    }
    return size >= 1 && size <= ID_BYTES_MAX;
}

/* Returns how many addresses follow; 0: nothing is to be done; negative: said why. */
static int settings_read(struct settings *settings, int argc, char **argv) {
    char error[OPTION_ERROR_MAX];
    options_preset(option_table, settings);
    const int words = options_command_line(option_table, argc, argv, settings, error);
    if (words < 0) {
        say("%s", error);
        return -1;
    }
    if (settings->help) {
        help_print();
        return 0;
    }
    if (settings->version) {
        static const char version[] = "logport-load " LOGPORT_VERSION "\n";
        stream_write(STREAM_OUTPUT, version, sizeof version - 1);
        return 0;
    }
    if (words == 0) {
        say("an address is missing: logport-load HOST:PORT; --help says more");
        return -1;
    }
    if (settings->tcp && settings->udp) {
        say("--tcp and --udp exclude each other");
        return -1;
    }
    if (settings->udp && (settings->bytes > DATAGRAM_BYTES_MAX || settings->idle > 0)) {
        say("--udp sends lines of at most %d bytes and knows no --idle", DATAGRAM_BYTES_MAX);
        return -1;
    }
    if (settings->id != NULL && !id_valid(settings->id)) {
        say("--id takes 1 to %d printable ASCII characters without quotes and backslashes",
            ID_BYTES_MAX);
        return -1;
    }
    if (settings->lines == 0) settings->lines = settings->seconds > 0 ? UINT64_MAX : 1000000;
    return words;
}

/* ---- lines ---- */

/* splitmix64: good enough for log lines, and the same everywhere. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t random_below(uint64_t *state, uint32_t limit) {
    return (uint32_t)((random_next(state) >> 32) * limit >> 32);
}

#define PICK(state, array) ((array)[random_below((state), sizeof(array) / sizeof *(array))])

static const char *const levels[] = {"info", "info", "info",  "info",  "info",  "info", "info",
                                     "info", "info", "debug", "debug", "debug", "warn", "error"};
static const char *const loggers[] = {"http.server", "http.client", "db.pool",    "auth.session",
                                      "orders.api",  "cache.redis", "jobs.mailer"};
static const char *const messages[] = {
    "request completed",
    "request completed",
    "request completed",
    "query took longer than expected",
    "connection returned to the pool",
    "session refreshed",
    "cache miss, reading from the database",
    "retrying after a timeout of the upstream",
    "order \\\"express\\\" accepted",
    "caf\xc3\xa9 and na\xc3\xafve are words too",
    "path C:\\\\logs\\\\app is ready",
    "mail queued for delivery",
};
static const char *const methods[] = {"GET", "GET", "GET", "GET", "POST", "PUT", "DELETE"};
static const char *const places[] = {"orders", "users", "carts", "items", "invoices", "search"};
static const char *const statuses[] = {"200", "200", "200", "200", "200", "200",
                                       "201", "204", "304", "400", "404", "500"};
static const char *const fillers[] = {"by",     "worker",  "after",  "retry",   "for",   "tenant",
                                      "region", "eu-west", "bucket", "replica", "shard", "attempt"};

/* The message: one of ours, then words until exactly `size` bytes are full. */
static void message_make(uint64_t *random, char *text, size_t size) {
    const char *const message = PICK(random, messages);
    size_t length = strlen(message);
    if (length > size) {
        /* Cutting could part an escape or a character of two bytes. */
        length = 0;
    }
    memcpy(text, message, length);
    while (length < size) {
        char word[32];
        int n;
        if (random_below(random, 3) == 0) {
            n = snprintf(word, sizeof word, " %" PRIu32, random_below(random, 100000));
        } else {
            n = snprintf(word, sizeof word, " %s", PICK(random, fillers));
        }
        const size_t part = (size_t)n < size - length ? (size_t)n : size - length;
        memcpy(text + length, word, part);
        length += part;
    }
}

/* Spoils a good line of `size` bytes, leaving conn, seq and the newline alone. */
static void line_spoil(uint64_t *random, char *line, size_t size) {
    char *const level = strstr(line, "\"level\":\"");
    char *const status = strstr(line, "\"status\":");
    assert(level != NULL);
    switch (random_below(random, 6)) {
    case 0: line[size - 2] = ' '; break;  /* ends too soon */
    case 1: level[9] = '\t'; break;       /* a raw control character */
    case 2: level[9] = (char)0xff; break; /* not UTF-8 */
    case 3: level[0] = '\''; break;       /* Python's idea of JSON */
    case 4:                               /* a leading zero */
        if (status != NULL) {
            status[9] = '0';
            break;
        }
        /* fall through */
    default: level[7] = '='; break;
    }
}

/* The seconds that stand in the lines of the block which begins with `seq`. */
static void second_format(const struct load *load, uint64_t seq, char text[TIMESTAMP_TEXT_MAX]) {
    const int64_t second = FIRST_SECOND + (int64_t)(seq / load->block_lines_max);
    timestamp_format(second * INT64_C(1000000000), text);
}

#define TEXT_OFFSET_SECOND 7 /* {"ts":" */

static uint32_t digits_of(uint64_t number) {
    uint32_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

static uint32_t seq_offset(const struct connection *connection) {
    return 48 - 1 + digits_of(connection->number);
}

/* Everything in a line but ts and seq comes from this: the seed, the connection
 * and the line's place in the block. */
static uint64_t line_random(const struct load *load, const struct connection *connection,
                            uint32_t place) {
    return load->settings.seed * UINT64_C(0xd1342543de82ef95) +
           ((uint64_t)connection->number << 32) + place;
}

/* The first draw of a line decides. */
static bool line_is_good(const struct load *load, uint64_t *random) {
    return random_below(random, 100) >= load->settings.bad;
}

/* Makes the line of that place in the block anew; `line` has room for a NUL
 * behind it. */
static void line_make(const struct load *load, const struct connection *connection, uint32_t place,
                      uint64_t seq, const char *second, char *line) {
    const struct settings *const settings = &load->settings;
    const size_t bytes = settings->bytes;
    uint64_t random = line_random(load, connection, place);
    const bool good = line_is_good(load, &random);

    char head[256], tails[3][256];
    int head_size = snprintf(
        head, sizeof head, "{\"ts\":\"%.*s.%03uZ\",\"conn\":%" PRIu32 ",\"seq\":%" PRIu64,
        SECOND_TEXT_BYTES, second, (unsigned)((uint64_t)place * 1000 / load->block_lines_max),
        connection->number, seq);
    if (settings->id != NULL) {
        head_size += snprintf(head + head_size, sizeof head - (size_t)head_size, ",\"run\":\"%s\"",
                              settings->id);
    }
    head_size += snprintf(head + head_size, sizeof head - (size_t)head_size,
                          ",\"level\":\"%s\",\"logger\":\"%s\",\"msg\":\"", PICK(&random, levels),
                          PICK(&random, loggers));

    /* The richest end that leaves room for a message. */
    char http[160];
    const char *const method = PICK(&random, methods), *const item = PICK(&random, places);
    snprintf(http, sizeof http,
             "\"http\":{\"method\":\"%s\",\"path\":\"/api/%s/%" PRIu32
             "\",\"status\":%s,\"ms\":%" PRIu32 ".%" PRIu32 "}",
             method, item, random_below(&random, 1000000), PICK(&random, statuses),
             random_below(&random, 400), random_below(&random, 10));
    snprintf(tails[0], sizeof tails[0], "\",%s,\"trace_id\":\"%016" PRIx64 "\"}\n", http,
             random_next(&random));
    snprintf(tails[1], sizeof tails[1], "\",%s}\n", http);
    snprintf(tails[2], sizeof tails[2], "\"}\n");
    uint32_t tail = 0;
    while ((size_t)head_size + strlen(tails[tail]) > bytes) {
        tail++;
        assert(tail < 3); /* LINE_BYTES_MIN holds every head */
    }
    const size_t tail_size = strlen(tails[tail]);
    memcpy(line, head, (size_t)head_size);
    message_make(&random, line + head_size, bytes - (size_t)head_size - tail_size);
    memcpy(line + bytes - tail_size, tails[tail], tail_size);
    line[bytes] = '\0';
    if (!good) line_spoil(&random, line, bytes);
}

/* ---- blocks ---- */

static void block_make(const struct load *load, struct connection *connection, const char *second) {
    const size_t bytes = load->settings.bytes;
    for (uint32_t place = 0; place < connection->block_lines; place++) {
        line_make(load, connection, place, connection->seq + place, second,
                  (char *)connection->block + place * bytes);
    }
}

/* Adds one to a number written in digits; it does not overflow. */
static void digits_count(char *digits, uint32_t size) {
    uint32_t i = size - 1;
    while (digits[i] == '9') {
        digits[i--] = '0';
    }
    digits[i]++;
}

static void block_patch(const struct load *load, struct connection *connection,
                        const char *second) {
    const size_t bytes = load->settings.bytes;
    const uint32_t digits = connection->seq_digits, offset = seq_offset(connection);
    char seq[24];
    snprintf(seq, sizeof seq, "%" PRIu64, connection->seq);
    uint8_t *line = connection->block;
    for (uint32_t place = 0;; place++, line += bytes) {
        memcpy(line + TEXT_OFFSET_SECOND, second, SECOND_TEXT_BYTES);
        memcpy(line + offset, seq, digits);
        if (place + 1 == connection->block_lines) break;
        digits_count(seq, digits);
    }
}

/* Counts the lines of the block that have been sent. */
static void block_count(struct load *load, const struct connection *connection) {
    const uint32_t lines = connection->sent_bytes / (uint32_t)load->settings.bytes;
    load->lines += lines;
    if (load->settings.bad == 0) return;
    for (uint32_t place = 0; place < lines; place++) {
        uint64_t random = line_random(load, connection, place);
        if (!line_is_good(load, &random)) load->bad_lines++;
    }
}

/* All of the block was sent: fills it with the connection's next lines; false:
 * there are none. */
static bool block_next(struct load *load, struct connection *connection) {
    if (connection->lines_left == 0) return false;
    block_count(load, connection);
    connection->seq += connection->block_lines;
    connection->block_lines = connection->lines_left < load->block_lines_max
                                  ? (uint32_t)connection->lines_left
                                  : load->block_lines_max;
    connection->lines_left -= connection->block_lines;
    connection->block_bytes = connection->block_lines * (uint32_t)load->settings.bytes;
    connection->sent_bytes = 0;

    char second[TIMESTAMP_TEXT_MAX];
    second_format(load, connection->seq, second);
    const uint32_t first = digits_of(connection->seq);
    const uint32_t last = digits_of(connection->seq + connection->block_lines - 1);
    if (first == last && first == connection->seq_digits) {
        block_patch(load, connection, second);
    } else {
        block_make(load, connection, second);
        connection->seq_digits = first == last ? first : 0;
    }
    return true;
}

/* ---- connections ---- */

static void sizes_choose(struct load *load) {
    const struct settings *const settings = &load->settings;
    const uint64_t share = BLOCKS_BYTES_MAX / settings->connections;
    uint64_t block = settings->send_bytes > (256u << 10) ? settings->send_bytes : 256u << 10;
    if (block > share) block = share;
    load->block_lines_max = (uint32_t)(block / settings->bytes);
    if (load->block_lines_max == 0) load->block_lines_max = 1;
}

static int connection_open(struct load *load, const struct port_address *address, uint32_t number) {
    const struct settings *const settings = &load->settings;
    struct connection *const connection = &load->connections[number];
    connection->number = number;
    connection->lines_left = settings->lines / settings->connections +
                             (number < settings->lines % settings->connections ? 1 : 0);
    connection->block = malloc(load->block_lines_max * settings->bytes + 1);
    if (connection->block == NULL) return ERR_NO_MEMORY;
    return settings->udp ? client_datagrams(address, &connection->client)
                         : client_connect(address, &connection->client);
}

static int load_connect(struct load *load, char **addresses, uint32_t address_count) {
    const struct settings *const settings = &load->settings;
    sizes_choose(load);
    load->connections = calloc(settings->connections, sizeof *load->connections);
    load->idle = calloc(settings->idle + 1, sizeof *load->idle);
    struct port_address *const parsed = calloc(address_count, sizeof *parsed);
    int status = 0;
    const char *at = addresses[0];
    if (load->connections == NULL || load->idle == NULL || parsed == NULL) status = ERR_NO_MEMORY;
    for (uint32_t i = 0; i < address_count && status == 0; i++) {
        at = addresses[i];
        status = address_resolve(at, &parsed[i]);
    }
    for (uint32_t i = 0; i < settings->idle && status == 0; i++) {
        at = addresses[i % address_count];
        status = client_connect(&parsed[i % address_count], &load->idle[i]);
        if (status == 0) load->idle_count++;
    }
    for (uint32_t i = 0; i < settings->connections && status == 0; i++) {
        at = addresses[i % address_count];
        load->connections[i].client.handle = -1;
        load->connection_count++;
        status = connection_open(load, &parsed[i % address_count], i);
    }
    free(parsed);
    if (status < 0) say("%s: %s", at, error_text(status));
    return status;
}

/* The other side closes when it has read everything: waiting for that tells
 * when it had, and keeps the last bytes from being lost to a reset. */
static void load_close(struct load *load, bool wait) {
    uint32_t unfinished = 0;
    for (uint32_t i = 0; i < load->connection_count && wait; i++) {
        client_finish(&load->connections[i].client);
    }
    for (uint32_t i = 0; i < load->connection_count; i++) {
        uint8_t byte;
        if (wait && client_receive(&load->connections[i].client, &byte, 1, CLOSE_WAIT_MS) != 0) {
            unfinished++;
        }
        if (load->connections[i].client.handle >= 0) client_close(&load->connections[i].client);
        free(load->connections[i].block);
    }
    load->closed_ns = system_now_ns();
    for (uint32_t i = 0; i < load->idle_count; i++) {
        client_close(&load->idle[i]);
    }
    free(load->connections);
    free(load->idle);
    if (unfinished > 0)
        say("%" PRIu32 " connections were not closed by the other side", unfinished);
}

/* ---- sending ---- */

static bool time_is_up(const struct load *load) {
    return load->settings.seconds > 0 && system_now_ns() - load->started_ns >=
                                             (int64_t)load->settings.seconds * INT64_C(1000000000);
}

/* Sleeps until the next line's turn; false: the time is up before.  A sleep may
 * last longer than asked for; the lines missed are caught up with. */
static bool turn_comes(const struct load *load) {
    const struct settings *const settings = &load->settings;
    if (settings->rate == 0) return true;
    const double lines = (double)load->bytes / (double)settings->bytes;
    const int64_t due = load->started_ns + (int64_t)(lines * 1e9 / (double)settings->rate);
    for (int64_t now = system_now_ns(); now < due; now = system_now_ns()) {
        if (time_is_up(load)) return false;
        const int64_t ms = (due - now) / 1000000;
        system_sleep_ms(ms < 1 ? 1 : ms > 100 ? 100 : (uint32_t)ms);
    }
    return true;
}

/* The most that goes out at once: TCP --send-bytes, at a rate no more than a
 * millisecond's lines; UDP a line. */
static uint32_t chunk_bytes(const struct load *load, const struct connection *connection) {
    const struct settings *const settings = &load->settings;
    uint64_t size = connection->block_bytes - connection->sent_bytes;
    if (settings->udp) return (uint32_t)settings->bytes;
    if (size > settings->send_bytes) size = settings->send_bytes;
    if (settings->rate > 0 && size > (settings->rate / 1000 + 1) * settings->bytes) {
        size = (settings->rate / 1000 + 1) * settings->bytes;
    }
    return (uint32_t)size;
}

static int bytes_send(struct load *load, struct connection *connection, uint32_t size) {
    int status = client_send(&connection->client, connection->block + connection->sent_bytes, size);
    if (status == ERR_REFUSED && load->settings.udp) {
        /* Nobody listened when the last one came.  A log sender goes on, and
         * so do we, and count it. */
        load->refused++;
        status = 0;
    }
    if (status < 0) {
        say("connection %" PRIu32 ": %s", connection->number, error_text(status));
        return status;
    }
    connection->sent_bytes += size;
    load->bytes += size;
    return 0;
}

/* Sends the rest of the line that was begun when the time was up. */
static int line_finish(struct load *load, struct connection *connection) {
    const uint32_t bytes = (uint32_t)load->settings.bytes;
    const uint32_t begun = connection->sent_bytes % bytes;
    const int status = begun == 0 ? 0 : bytes_send(load, connection, bytes - begun);
    block_count(load, connection);
    return status;
}

/* A chunk of each connection in turn.  The sends block, and one that blocks
 * holds up the others; but each has its own buffer in the system meanwhile, so
 * that the receiver never runs dry. */
static int load_send(struct load *load) {
    int status = 0;
    bool sending = true;
    while (status == 0 && sending && !time_is_up(load)) {
        sending = false;
        for (uint32_t i = 0; i < load->connection_count && status == 0; i++) {
            struct connection *const connection = &load->connections[i];
            if (connection->sent_bytes == connection->block_bytes &&
                !block_next(load, connection)) {
                continue;
            }
            if (!turn_comes(load)) break;
            status = bytes_send(load, connection, chunk_bytes(load, connection));
            sending = true;
        }
    }
    for (uint32_t i = 0; i < load->connection_count && status == 0; i++) {
        status = line_finish(load, &load->connections[i]);
    }
    return status;
}

static void load_report(const struct load *load) {
    char text[512];
    const int size = snprintf(
        text, sizeof text,
        "{\"lines\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"connections\":%" PRIu32
        ",\"idle\":%" PRIu32 ",\"refused\":%" PRIu64
        ",\"seconds\":%.6f,\"closed_seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
        load->lines, load->bad_lines, load->bytes, load->connection_count, load->idle_count,
        load->refused, (double)(load->finished_ns - load->started_ns) / 1e9,
        (double)(load->closed_ns - load->started_ns) / 1e9, (double)system_cpu_ns() / 1e9);
    stream_write(STREAM_OUTPUT, text, (size_t)size);
}
