/* load.c - logport-load: sends log lines at full speed or at a given rate.  Every line carries its
 * connection and its number on it ("conn", "seq", both from 0), so that order and completeness can
 * be checked for any receiver.  The same options generate the same lines byte for byte; --check
 * compares what a receiver has stored with them.
 *
 * One thread.  Each connection owns a block of whole lines (lines.h). */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/client.h"
#include "port/error.h"
#include "port/options.h"
#include "port/system.h"
#include "tools/load/check.h"
#include "tools/load/framing.h"
#include "tools/load/lines.h"

#define CONNECTIONS_MAX    60000
#define LINE_BYTES_MAX     (64u << 20)
#define SEND_BYTES_MAX     (64u << 20)
#define DATAGRAM_BYTES_MAX 65507
#define ID_BYTES_MAX       32
/* Memory for all blocks; with many connections each block is smaller. */
#define BLOCKS_BYTES_MAX   (128u << 20)
/* After the last line, wait this long for the receiver to close. */
#define CLOSE_WAIT_MS      30000

struct settings {
    bool tcp, udp, gso, check, help, version;
    uint64_t connections, lines, bytes, send_bytes, rate, seconds, seed, bad, idle;
    const char *id, *framing;
};

struct load_connection {
    struct client client;
    struct load_block block;
    uint8_t *wire;                    /* the block's records as they are sent */
    uint32_t block_bytes, sent_bytes; /* of wire */
    uint64_t lines_left;
};

struct load {
    struct settings settings;
    struct load_lines kind;
    enum framing framing;
    uint32_t record_bytes, datagram_bytes;
    struct load_connection *connections;
    struct client *idle;
    uint32_t connection_count, idle_count;
    int64_t started_ns, finished_ns, closed_ns;
    uint64_t lines, bad_lines, bytes, refused;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct option option_table[] = {
    {.name = "tcp",
     .kind = OPTION_FLAG,
     .field = FIELD(tcp),
     .help = "Send over TCP (the default)."},
    {.name = "udp",
     .kind = OPTION_FLAG,
     .field = FIELD(udp),
     .help = "Send over UDP, one line per datagram."},
    {.name = "gso",
     .kind = OPTION_FLAG,
     .field = FIELD(gso),
     .help = "With UDP: pass many datagrams to the kernel in one call (Linux)."},
    {.name = "check",
     .kind = OPTION_FLAG,
     .field = FIELD(check),
     .help = "Send nothing; compare standard input with what these options would send."},
    {.name = "connections",
     .letter = 'c',
     .kind = OPTION_COUNT,
     .field = FIELD(connections),
     .min = 1,
     .max = CONNECTIONS_MAX,
     .preset = "1",
     .value = "N",
     .help = "Connections (UDP: sockets), spread over the addresses."},
    {.name = "lines",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .field = FIELD(lines),
     .min = 1,
     .max = UINT64_MAX,
     .unset = "1000000; no limit with --seconds",
     .value = "N",
     .help = "Lines to send over all connections."},
    {.name = "bytes",
     .letter = 'b',
     .kind = OPTION_BYTES,
     .field = FIELD(bytes),
     .min = LOAD_LINE_BYTES_MIN,
     .max = LINE_BYTES_MAX,
     .preset = "240",
     .value = "N",
     .help = "Size of each line, including its newline."},
    {.name = "send_bytes",
     .kind = OPTION_BYTES,
     .field = FIELD(send_bytes),
     .min = 1,
     .max = SEND_BYTES_MAX,
     .preset = "256KiB",
     .value = "N",
     .help = "Bytes passed to the kernel in one call (TCP)."},
    {.name = "rate",
     .letter = 'r',
     .kind = OPTION_COUNT,
     .field = FIELD(rate),
     .min = 1,
     .max = 1000000000,
     .unset = "no limit",
     .value = "N",
     .help = "Lines per second over all connections."},
    {.name = "seconds",
     .letter = 's',
     .kind = OPTION_TIME_S,
     .field = FIELD(seconds),
     .min = 1,
     .max = 1000000,
     .value = "N",
     .help = "Stop after this time, at the end of a line."},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .field = FIELD(seed),
     .max = UINT64_MAX,
     .preset = "1",
     .value = "N",
     .help = "Seed of the generated lines."},
    {.name = "bad",
     .kind = OPTION_COUNT,
     .field = FIELD(bad),
     .max = 100,
     .value = "PERCENT",
     .help = "Share of lines that are not JSON."},
    {.name = "idle",
     .kind = OPTION_COUNT,
     .field = FIELD(idle),
     .max = CONNECTIONS_MAX,
     .value = "N",
     .help = "Additional connections that send nothing (TCP)."},
    {.name = "id",
     .kind = OPTION_TEXT,
     .field = FIELD(id),
     .value = "TEXT",
     .help = "Add \"run\":\"TEXT\" to each line."},
    {.name = "framing",
     .kind = OPTION_TEXT,
     .field = FIELD(framing),
     .preset = "newline",
     .value = "NAME",
     .help = "Separate lines as NAME says: " FRAMING_NAMES "."},
    {.name = "version",
     .kind = OPTION_FLAG,
     .field = FIELD(version),
     .help = "Print the version and exit."},
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_FLAG,
     .field = FIELD(help),
     .help = "Print this help and exit."},
    {.name = NULL},
};
#undef FIELD

static int settings_read(struct settings *settings, int argc, char **argv);
static void sizes_choose(struct load *load);
static int stored_check(const struct load *load);
static int load_connect(struct load *load, char **addresses, uint32_t address_count);
static int load_send(struct load *load);
static void load_close(struct load *load, bool wait);
static void load_report(const struct load *load);

int program_main(int argc, char **argv) {
    system_name("logport-load");
    struct load load = {0};
    const int words = settings_read(&load.settings, argc, argv);
    if (words < 0) return 2;
    sizes_choose(&load);
    if (load.settings.check) return stored_check(&load);
    if (words == 0) return 0;

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
        "Usage: logport-load [--tcp|--udp] HOST:PORT... [OPTION...]\n\n"
        "Sends JSON log lines that are numbered with \"conn\" and \"seq\", and prints one JSON\n"
        "line with the number of lines and the time taken.  With --check and the same\n"
        "options, but without an address, it reads stored lines from standard input and\n"
        "reports what is missing or different.\n\n";
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

/* Returns the number of addresses; 0: nothing to do; negative: a message was printed. */
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
        settings->check = false;
        return 0;
    }
    if (settings->version) {
        static const char version[] = "logport-load " LOGPORT_VERSION "\n";
        stream_write(STREAM_OUTPUT, version, sizeof version - 1);
        return 0;
    }
    if (settings->check && (words > 0 || settings->lines == 0 || settings->bad > 0)) {
        say("--check needs --lines, and takes neither an address nor --bad");
        return -1;
    }
    if (words == 0 && !settings->check) {
        say("an address is missing: logport-load HOST:PORT (see --help)");
        return -1;
    }
    if (settings->tcp && settings->udp) {
        say("--tcp and --udp cannot be combined");
        return -1;
    }
    if (settings->gso && !settings->udp) {
        say("--gso needs --udp");
        return -1;
    }
    if (settings->udp && (settings->bytes > DATAGRAM_BYTES_MAX || settings->idle > 0)) {
        say("--udp: lines of at most %d bytes, and no --idle", DATAGRAM_BYTES_MAX);
        return -1;
    }
    const enum framing framing = framing_find(settings->framing);
    if (framing == FRAMINGS) {
        say("--framing is " FRAMING_NAMES);
        return -1;
    }
    if (framing == FRAMING_CHUNKS && (!settings->udp || settings->bytes % FRAMING_CHUNKED != 0)) {
        say("--framing gelf-chunks needs --udp, and --bytes that are a multiple of %d",
            FRAMING_CHUNKED);
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

/* ---- blocks ---- */

/* Counts the lines of the block that were sent. */
static void block_count(struct load *load, const struct load_connection *connection) {
    const uint32_t lines = connection->sent_bytes / load->record_bytes;
    load->lines += lines;
    if (load->settings.bad == 0) return;
    for (uint32_t place = 0; place < lines; place++) {
        if (!load_line_is_valid(&load->kind, connection->block.connection, place))
            load->bad_lines++;
    }
}

/* Fills the sent block with the connection's next lines.  False: there are none. */
static bool block_next(struct load *load, struct load_connection *connection) {
    if (connection->lines_left == 0) return false;
    block_count(load, connection);
    const uint32_t most = load->kind.block_lines_max;
    const uint32_t lines = connection->lines_left < most ? (uint32_t)connection->lines_left : most;
    load_block_fill(&load->kind, &connection->block,
                    connection->block.seq + connection->block.lines, lines);
    connection->lines_left -= lines;
    connection->block_bytes = lines * load->record_bytes;
    if (load->framing != FRAMING_NEWLINE)
        framing_write(load->framing, connection->block.bytes, lines, load->kind.line_bytes,
                      connection->block.connection, connection->block.seq, connection->wire);
    connection->sent_bytes = 0;
    return true;
}

/* ---- connections ---- */

static void sizes_choose(struct load *load) {
    const struct settings *const settings = &load->settings;
    load->kind = (struct load_lines){.seed = settings->seed,
                                     .id = settings->id,
                                     .bad_percent = settings->bad,
                                     .line_bytes = settings->bytes};
    load->framing = framing_find(settings->framing);
    load->record_bytes = (uint32_t)framing_record_bytes(load->framing, settings->bytes);
    load->datagram_bytes = (uint32_t)framing_datagram_bytes(load->framing, settings->bytes);
    const uint64_t share = BLOCKS_BYTES_MAX / settings->connections;
    uint64_t block = settings->send_bytes > (256u << 10) ? settings->send_bytes : 256u << 10;
    if (block > share) block = share;
    load->kind.block_lines_max = (uint32_t)(block / settings->bytes);
    if (load->kind.block_lines_max == 0) load->kind.block_lines_max = 1;
}

static int connection_open(struct load *load, const struct port_address *address, uint32_t number) {
    const struct settings *const settings = &load->settings;
    struct load_connection *const connection = &load->connections[number];
    connection->lines_left = load_share(settings->lines, settings->connections, number);
    connection->block.connection = number;
    connection->block.bytes = malloc(load->kind.block_lines_max * settings->bytes + 1);
    connection->wire = load->framing == FRAMING_NEWLINE
                           ? connection->block.bytes
                           : malloc((size_t)load->kind.block_lines_max * load->record_bytes);
    if (connection->block.bytes == NULL || connection->wire == NULL) return ERR_NO_MEMORY;
    block_next(load, connection); /* before the clock starts */
    return settings->udp ? client_datagrams(address, &connection->client)
                         : client_connect(address, &connection->client);
}

static int load_connect(struct load *load, char **addresses, uint32_t address_count) {
    const struct settings *const settings = &load->settings;
    load->connections = calloc(settings->connections, sizeof *load->connections);
    load->idle = calloc(settings->idle + 1, sizeof *load->idle);
    struct port_address *const parsed = calloc(address_count, sizeof *parsed);
    int status = 0;
    const char *at = addresses[0];
    if (load->connections == NULL || load->idle == NULL || parsed == NULL) status = ERR_NO_MEMORY;
    for (uint32_t i = 0; i < address_count && status == 0; i++) {
        at = addresses[i];
        status = client_resolve(at, &parsed[i]);
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

/* The receiver closes after it has read everything: waiting for that measures it, and keeps the
 * last bytes from being lost to a reset. */
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
        if (load->framing != FRAMING_NEWLINE) free(load->connections[i].wire);
        free(load->connections[i].block.bytes);
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

/* Sleeps until the next line is due; false: the time limit was reached first.  A sleep may be too
 * long; the lines missed are caught up. */
static bool wait_for_turn(const struct load *load) {
    const struct settings *const settings = &load->settings;
    if (settings->rate == 0) return true;
    const double lines = (double)load->bytes / (double)load->record_bytes;
    const int64_t due = load->started_ns + (int64_t)(lines * 1e9 / (double)settings->rate);
    for (int64_t now = system_now_ns(); now < due; now = system_now_ns()) {
        if (time_is_up(load)) return false;
        const int64_t ms = (due - now) / 1000000;
        system_sleep_ms(ms < 1 ? 1 : ms > 100 ? 100 : (uint32_t)ms);
    }
    return true;
}

/* The most to send at once: over TCP --send-bytes, with a rate at most the lines of one
 * millisecond; over UDP a datagram, or as many as the system takes. */
static uint32_t chunk_bytes(const struct load *load, const struct load_connection *connection) {
    const struct settings *const settings = &load->settings;
    uint64_t size = connection->block_bytes - connection->sent_bytes;
    if (settings->gso) {
        uint64_t datagrams = CLIENT_SEGMENTS_BYTES_MAX / load->datagram_bytes;
        if (datagrams > CLIENT_SEGMENTS_MAX) datagrams = CLIENT_SEGMENTS_MAX;
        if (size > datagrams * load->datagram_bytes) size = datagrams * load->datagram_bytes;
    } else if (settings->udp) {
        return load->datagram_bytes;
    }
    if (size > settings->send_bytes) size = settings->send_bytes;
    if (settings->rate > 0 && size > (settings->rate / 1000 + 1) * load->record_bytes) {
        size = (settings->rate / 1000 + 1) * load->record_bytes;
    }
    return (uint32_t)size;
}

static int bytes_send(struct load *load, struct load_connection *connection, uint32_t size) {
    const uint8_t *const bytes = connection->wire + connection->sent_bytes;
    int status = load->settings.gso
                     ? client_send_segments(&connection->client, bytes, size, load->datagram_bytes)
                     : client_send(&connection->client, bytes, size);
    if (status == ERR_REFUSED && load->settings.udp) {
        /* The previous datagram was refused because no program was listening.  Count it and
         * continue, as log senders do. */
        load->refused++;
        status = 0;
    }
    if (status < 0) {
        say("connection %" PRIu32 ": %s", connection->block.connection, error_text(status));
        return status;
    }
    connection->sent_bytes += size;
    load->bytes += size;
    return 0;
}

/* Sends the rest of the line that was in progress at the time limit. */
static int line_finish(struct load *load, struct load_connection *connection) {
    const uint32_t bytes = load->record_bytes;
    const uint32_t begun = connection->sent_bytes % bytes;
    const int status = begun == 0 ? 0 : bytes_send(load, connection, bytes - begun);
    block_count(load, connection);
    return status;
}

/* One chunk per connection in turn.  A send that blocks delays the others, but the system buffers
 * of the other connections keep the receiver busy meanwhile. */
static int load_send(struct load *load) {
    int status = 0;
    bool sending = true;
    while (status == 0 && sending && !time_is_up(load)) {
        sending = false;
        for (uint32_t i = 0; i < load->connection_count && status == 0; i++) {
            struct load_connection *const connection = &load->connections[i];
            if (connection->sent_bytes == connection->block_bytes &&
                !block_next(load, connection)) {
                continue;
            }
            if (!wait_for_turn(load)) break;
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

/* ---- what was stored ---- */

static int stored_check(const struct load *load) {
    struct load_checked checked;
    const int status = load_check(&load->kind, (uint32_t)load->settings.connections,
                                  load->settings.lines, &checked);
    if (status < 0) {
        say("standard input: %s", error_text(status));
        return 2;
    }
    char text[256];
    const int size =
        snprintf(text, sizeof text,
                 "{\"lines\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
                 ",\"disordered\":%" PRIu64 ",\"altered\":%" PRIu64 ",\"cut\":%" PRIu64 "}\n",
                 checked.lines, checked.lost, checked.doubled, checked.disordered, checked.altered,
                 checked.cut);
    stream_write(STREAM_OUTPUT, text, (size_t)size);
    return checked.lost + checked.doubled + checked.disordered + checked.altered > 0;
}
