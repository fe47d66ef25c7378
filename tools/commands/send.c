/* send.c - sends the lines of a file or of stdin to a daemon: over a connection (TCP, TLS, Unix socket)
 * unchanged, in datagrams one line each.  Over a connection it succeeds only when the daemon closes
 * it, which it does after it has read everything. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/commands/sender.h"
#include "tools/commands/sender_tls.h"
#include "tools/query/allocate.h"
#include "tools/render/input.h"

#define CHUNK_BYTES (256u << 10)

struct send_settings {
    struct common_settings common;
    bool tcp, udp, tls, unix_socket, datagram;
    struct sender_tls_files from;
    uint64_t rate;
};

/* ---- connections ---- */

/* tls NULL: plain text. */
static int send_stream(struct client *client, struct sender_tls *tls, struct input *input,
                       const char *where) {
    uint8_t *chunk = allocate(CHUNK_BYTES);
    uint64_t sent = 0;
    int64_t size;
    int status = 0;
    while ((size = input_read(input, chunk, CHUNK_BYTES)) > 0) {
        status = tls ? sender_tls_send(tls, chunk, (size_t)size)
                     : client_send(client, chunk, (size_t)size);
        if (status < 0) break;
        sent += (uint64_t)size;
    }
    free(chunk);
    if (size < 0) {
        say("send: %s: %s", input->name, error_text((int)size));
        return EXIT_ERROR;
    }
    if (status < 0 && !tls) {
        sender_say_failed("send", client, where, status, sent);
        return EXIT_ERROR;
    }
    if (status < 0) {
        const char *alert = sender_tls_alert(tls);
        say("send: %s: %s after %llu bytes", where, alert[0] ? alert : error_text(status),
            (unsigned long long)sent);
        return EXIT_ERROR;
    }
    if (tls) return sender_tls_finish(tls, where) < 0 ? EXIT_ERROR : EXIT_OK;
    return sender_wait_for_close("send", client, where) < 0 ? EXIT_ERROR : EXIT_OK;
}

/* ---- datagrams ---- */

struct datagrams {
    struct client *client;
    const char *where;
    uint64_t rate;
    int64_t begun_ns;
    bool is_udp;
    uint64_t sent;
    uint64_t too_long;
    int status;
};

static bool send_line(void *context, const struct input_line *line) {
    struct datagrams *d = context;
    if (line->oversized) {
        d->too_long++;
        return true;
    }
    if (line->size == 0) return true;
    sender_keep_pace(d->rate, d->begun_ns, d->sent);
    d->status = client_send(d->client, line->bytes, line->size);
    if (d->status == ERR_TOO_LARGE && !d->is_udp) { /* for the system's limit */
        d->status = 0;
        d->too_long++;
        return true;
    }
    if (d->status < 0) return false;
    d->sent++;
    return true;
}

static int send_datagrams(struct client *client, struct input *input, const char *where,
                          const struct send_settings *settings) {
    struct datagrams d = {.client = client,
                          .where = where,
                          .rate = settings->rate,
                          .begun_ns = system_now_ns(),
                          .is_udp = settings->udp};
    const int status =
        input_lines(input, d.is_udp ? DATAGRAM_MAX : CLIENT_UNIX_DATAGRAM_MAX, send_line, &d);
    if (status < 0) say("send: %s: %s", input->name, error_text(status));
    if (d.status == 0 && d.sent > 0 && d.is_udp) d.status = sender_check_refused(client);
    if (d.status < 0)
        say("send: %s: %s after %llu datagrams", where, error_text(d.status),
            (unsigned long long)d.sent);
    if (d.too_long > 0 && d.is_udp)
        say("send: %llu lines are longer than a datagram (%d bytes) and were not sent",
            (unsigned long long)d.too_long, DATAGRAM_MAX);
    else if (d.too_long > 0)
        say("send: %llu lines are longer than a datagram may be on this system (net.core.wmem_max) "
            "and were not sent",
            (unsigned long long)d.too_long);
    return status == 0 && d.status == 0 && d.too_long == 0 ? EXIT_OK : EXIT_ERROR;
}

/* ---- the command ---- */

static int send_over_tls(struct call *call, struct client *client, struct input *input,
                         const char *where) {
    const struct send_settings *settings = call->settings;
    struct sender_tls *tls;
    if (sender_tls_open(call->files, &settings->from, client, where, &tls)) return EXIT_ERROR;
    const int code = send_stream(client, tls, input, where);
    sender_tls_close(tls);
    return code;
}

/* NULL: the options agree. */
static const char *options_problem(const struct send_settings *settings) {
    const struct sender_tls_files *from = &settings->from;
    const bool any = from->issuers || from->certificate || from->key || from->server_name;
    if (settings->tcp && settings->udp) return "--tcp and --udp cannot be combined";
    if (settings->tls && settings->udp) return "--tls and --udp cannot be combined";
    if (settings->unix_socket && (settings->tcp || settings->udp || settings->tls))
        return "--unix cannot be combined with --tcp, --udp and --tls";
    if (settings->datagram && !settings->unix_socket) return "--datagram needs --unix";
    if (any && !settings->tls) return "--ca, --cert, --key and --name need --tls";
    if (!from->certificate != !from->key) return "--cert and --key need each other";
    return NULL;
}

/* Connects, or opens a socket for datagrams.  False: reported. */
static bool open_client(const struct send_settings *settings, const char *where,
                        struct client *client) {
    struct port_address address;
    int status;
    if (settings->unix_socket) {
        status = settings->datagram ? client_datagrams_unix(where, client)
                                    : client_connect_unix(where, client);
    } else {
        if (strchr(where, '/')) {
            say("send: %s: not an address of the form HOST:PORT (try 127.0.0.1:5170); for a Unix "
                "socket, give --unix",
                where);
            return false;
        }
        if (sender_resolve("send", where, &address) < 0) return false;
        status =
            settings->udp ? client_datagrams(&address, client) : client_connect(&address, client);
    }
    if (status == ERR_SOCKET_KIND)
        say("send: %s: %s", where,
            settings->datagram ? "a stream socket; leave out --datagram"
                               : "a datagram socket; give --datagram too");
    else if (status < 0)
        say("send: %s: %s", where, error_text(status));
    return status == 0;
}

static int send_run(struct call *call) {
    const struct send_settings *settings = call->settings;
    struct client client;
    struct input input;
    const char *problem = options_problem(settings);
    if (call->words < 1 || call->words > 2 || problem) {
        say("send: %s (see logport send --help)",
            call->words < 1   ? settings->unix_socket ? "PATH is missing" : "HOST:PORT is missing"
            : call->words > 2 ? "more than one receiver and one FILE are given"
                              : problem);
        return EXIT_ERROR;
    }
    const char *where = call->word[0];
    int status = input_open(call->files, call->words == 2 ? call->word[1] : "-", &input);
    if (status < 0) {
        say("send: %s: %s", call->word[1], error_text(status));
        return EXIT_ERROR;
    }
    int code = EXIT_ERROR;
    if (open_client(settings, where, &client)) {
        code = settings->udp || settings->datagram
                   ? send_datagrams(&client, &input, where, settings)
               : settings->tls ? send_over_tls(call, &client, &input, where)
                               : send_stream(&client, NULL, &input, where);
        client_close(&client);
    }
    input_close(&input);
    return code;
}

#define AT(field) offsetof(struct send_settings, field)

static const struct option options[] = {
    {.name = "tcp", .kind = OPTION_FLAG, .field = AT(tcp), .help = "Send over TCP (the default)."},
    {.name = "udp",
     .kind = OPTION_FLAG,
     .field = AT(udp),
     .help = "Send over UDP, one line per datagram."},
    {.name = "tls", .kind = OPTION_FLAG, .field = AT(tls), .help = "Send over TCP with TLS."},
    {.name = "unix",
     .kind = OPTION_FLAG,
     .field = AT(unix_socket),
     .help = "Send through the Unix socket at PATH, or @NAME for an abstract one."},
    {.name = "datagram",
     .kind = OPTION_FLAG,
     .field = AT(datagram),
     .help = "With --unix: one line per datagram."},
    {.name = "ca",
     .kind = OPTION_TEXT,
     .field = AT(from.issuers),
     .value = "FILE",
     .help = "With --tls: accept server certificates of these issuers (PEM).",
     .unset = "the system's"},
    {.name = "cert",
     .kind = OPTION_TEXT,
     .field = AT(from.certificate),
     .value = "FILE",
     .help = "With --tls: present this client certificate (PEM)."},
    {.name = "key",
     .kind = OPTION_TEXT,
     .field = AT(from.key),
     .value = "FILE",
     .help = "With --tls: the key of the client certificate (PEM)."},
    {.name = "name",
     .kind = OPTION_TEXT,
     .field = AT(from.server_name),
     .value = "NAME",
     .help = "With --tls: name or address that the server's certificate must have.",
     .unset = "HOST"},
    {.name = "rate",
     .kind = OPTION_COUNT,
     .field = AT(rate),
     .max = 100000000,
     .help = "Over UDP, send at most N datagrams per second. 0: no limit.",
     .unset = "0"},
    HELP_OPTION,
};

const struct command send_command = {
    .name = "send",
    .usage = "[--tcp|--udp|--tls] HOST:PORT [FILE]\n"
             "       logport send --unix [--datagram] PATH [FILE]",
    .summary = "Send the lines of a file or of standard input to a daemon.",
    .more = "Over a connection, the command waits until the daemon has read everything. Over UDP "
            "there is no\n"
            "acknowledgement: datagrams that the daemon's socket buffer cannot hold are dropped,\n"
            "which the daemon counts and the sender does not notice.\n"
            "\n"
            "Exit code: 0 sent, 2 error.\n"
            "\n"
            "Examples:\n"
            "  echo '{\"msg\":\"hello\"}' | logport send 127.0.0.1:5170\n"
            "  logport send --tls --ca ca.pem logs.example.org:6514 lines.ndjson\n"
            "  logport send --udp --rate 50000 127.0.0.1:5170 lines.ndjson\n",
    .options = options,
    .settings_size = sizeof(struct send_settings),
    .run = send_run,
};
