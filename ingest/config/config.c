/* config.c - the tables of options, and what holds of any configuration that was read. */
#include "ingest/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

#define MIB         (1024 * 1024ull)
#define FIELD(name) offsetof(struct config, name)

const struct option config_options[] = {
    {.name = "config",
     .section = "General",
     .kind = OPTION_TEXT,
     .field = FIELD(file),
     .value = "FILE",
     .help = "Read this configuration file: JSON with comments. Its keys are these "
             "options with underscores; options on the command line override it.",
     .place = OPTION_COMMAND_LINE_ONLY},
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = FIELD(dir),
     .preset = "./logs",
     .value = "DIR",
     .help = "Directory for all log files."},
    {.name = "tcp",
     .kind = OPTION_LIST,
     .field = FIELD(tcp),
     .unset = "127.0.0.1:5170",
     .value = "HOST:PORT",
     .help = "Listen on this address for lines over TCP. May be repeated. A port alone means "
             "127.0.0.1; port 0 picks a free port. The default applies if neither tcp nor udp is "
             "given."},
    {.name = "udp",
     .kind = OPTION_LIST,
     .field = FIELD(udp),
     .unset = "127.0.0.1:5170",
     .value = "HOST:PORT",
     .help = "Receive datagrams on this address; each holds one or more lines. May be "
             "repeated. The default applies as for tcp."},
    {.name = "protocol",
     .kind = OPTION_TEXT,
     .field = FIELD(protocol),
     .preset = "auto",
     .value = "NAME",
     .help = "How records are separated: newline, nul, json-seq (RFC 7464), octet-counting "
             "(RFC 6587), concatenated (objects one after the other, or in arrays), or auto "
             "(detected for each connection and datagram)."},
    {.name = "connections_max",
     .section = "Limits and memory",
     .kind = OPTION_COUNT,
     .field = FIELD(connections_max),
     .min = 1,
     .max = 1000000,
     .preset = "16384",
     .value = "N",
     .help = "Maximum number of open TCP connections. At the limit, new connections wait "
             "until one closes."},
    {.name = "line_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(line_bytes_max),
     .min = 64,
     .max = 4 * MIB - 64,
     .preset = "1MiB",
     .value = "SIZE",
     .help = "Reject lines longer than this."},
    {.name = "buffer_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(buffer_bytes_max),
     .min = 4 * MIB,
     .max = 65536 * MIB,
     .preset = "8MiB",
     .value = "SIZE",
     .help = "Memory for lines that are not yet written. When the disk is slow or full "
             "and this is used up, senders wait."},
    {.name = "receive_bytes",
     .kind = OPTION_BYTES,
     .field = FIELD(receive_bytes),
     .min = 4096,
     .max = 1024 * MIB,
     .preset = "4MiB",
     .value = "SIZE",
     .help = "Receive buffer to request from the kernel for each UDP socket."},
    {.name = "flush_ms",
     .section = "Writing",
     .kind = OPTION_TIME_MS,
     .field = FIELD(flush_ms),
     .min = 1,
     .max = 60000,
     .preset = "200ms",
     .value = "TIME",
     .help = "Write each line to its file at most this long after it was received."},
    {.name = "sync_ms",
     .kind = OPTION_TIME_MS,
     .field = FIELD(sync_ms),
     .min = 1,
     .max = 3600000,
     .preset = "1s",
     .value = "TIME",
     .help = "Sync written data to the disk at most this long after it was written."},
    {.name = "segment_bytes_max",
     .section = "Rotation",
     .kind = OPTION_BYTES,
     .field = FIELD(segment_bytes_max),
     .min = 1024,
     .max = 1024 * 1024 * MIB,
     .preset = "256MiB",
     .value = "SIZE",
     .help = "Rotate a segment before its lines exceed this size, uncompressed.",
     .place = OPTION_FOR_PARTS},
    {.name = "segment_packed_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(segment_packed_bytes_max),
     .max = 1024 * 1024 * MIB,
     .preset = "0",
     .value = "SIZE",
     .help = "Rotate a segment before its file exceeds this size on disk, its index not "
             "counted. 0: no limit.",
     .place = OPTION_FOR_PARTS},
    {.name = "segment_age_s",
     .kind = OPTION_TIME_S,
     .field = FIELD(segment_age_s),
     .min = 1,
     .max = 366 * 86400,
     .unset = "1h; no limit if rotate is set",
     .value = "TIME",
     .help = "Rotate a segment when it reaches this age.",
     .place = OPTION_FOR_PARTS},
    {.name = "segment_idle_s",
     .kind = OPTION_TIME_S,
     .field = FIELD(segment_idle_s),
     .max = 366 * 86400,
     .preset = "0s",
     .value = "TIME",
     .help = "Close a segment that has received no line for this long. 0: never.",
     .place = OPTION_FOR_PARTS},
    {.name = "rotate",
     .kind = OPTION_TEXT,
     .field = FIELD(rotate),
     .preset = "never",
     .value = "WHEN",
     .help = "Rotate segments by the clock: hourly, daily, every 15m or every 6h (counted "
             "from midnight), at 00:00,12:30, or never.",
     .place = OPTION_FOR_PARTS},
    {.name = "rotate_zone",
     .kind = OPTION_TEXT,
     .field = FIELD(rotate_zone),
     .preset = "local",
     .value = "ZONE",
     .help = "Time zone for rotate: a name such as Europe/Berlin, UTC, or local.",
     .place = OPTION_FOR_PARTS},
    {.name = "zone_folder",
     .kind = OPTION_TEXT,
     .field = FIELD(zone_folder),
     .unset = "the system's",
     .value = "DIR",
     .help = "Directory of time zone files (TZif)."},
    {.name = "archive_after_s",
     .section = "Re-packing and archive",
     .kind = OPTION_TIME_S,
     .field = FIELD(archive_after_s),
     .max = 366 * 86400,
     .preset = "60s",
     .value = "TIME",
     .help = "Re-pack a closed segment when this long has passed since the last write to "
             "it, as soon as the machine is idle.",
     .place = OPTION_FOR_PARTS},
    {.name = "archive_level",
     .kind = OPTION_COUNT,
     .field = FIELD(archive_level),
     .max = 12,
     .preset = "4",
     .value = "N",
     .help = "Compression level for re-packing (LZ4 HC), 3 to 12. 0: do not re-pack.",
     .place = OPTION_FOR_PARTS},
    {.name = "archive_dir",
     .kind = OPTION_TEXT,
     .field = FIELD(archive_dir),
     .unset = "none",
     .value = "DIR",
     .help = "Move closed segments to this directory after re-packing; it may be on "
             "another volume. Each stream except rejects has its own folder there. The "
             "reader finds moved segments through the daemon's directory. none: segments "
             "are not moved.",
     .place = OPTION_FOR_PARTS},
    {.name = "archive_command",
     .kind = OPTION_LIST,
     .field = FIELD(archive_command),
     .unset = "none",
     .value = "WORD",
     .help = "Run this program for each closed segment after re-packing and moving it. "
             "Give the option once for the program and once for each argument; in "
             "arguments, {path}, {stream}, {name} and {sequence} are replaced. No shell "
             "is used. Exit code 0 means that the program has taken over the segment; "
             "after any other result it is tried again later. none: no program.",
     .place = OPTION_FOR_PARTS},
    {.name = "archive_command_limit_s",
     .kind = OPTION_TIME_S,
     .field = FIELD(archive_command_limit_s),
     .min = 1,
     .max = 7 * 86400,
     .preset = "10m",
     .value = "TIME",
     .help = "Kill the archive program after this long and try again later.",
     .place = OPTION_FOR_PARTS},
    {.name = "archive_command_then",
     .kind = OPTION_TEXT,
     .field = FIELD(archive_command_then),
     .preset = "keep",
     .value = "WHAT",
     .help = "What to do with a segment after the archive program has succeeded: keep "
             "(until retention deletes it) or delete.",
     .place = OPTION_FOR_PARTS},
    {.name = "retention_age_s",
     .section = "Retention",
     .kind = OPTION_TIME_S,
     .field = FIELD(retention.all.age_s),
     .max = 1000 * 366 * UINT64_C(86400),
     .preset = "0s",
     .value = "TIME",
     .help = "Delete a closed segment this long after its last line was received. 0: "
             "never. `logport retention --dry-run` shows what would be deleted.",
     .place = OPTION_FOR_PARTS},
    {.name = "retention_bytes_max",
     .kind = OPTION_BYTES,
     .field = FIELD(retention.all.bytes_max),
     .preset = "0",
     .value = "SIZE",
     .help = "Delete the oldest closed segments when all streams together use more than "
             "this on disk. 0: no limit.",
     .place = OPTION_FOR_PARTS},
    {.name = "retention_count_max",
     .kind = OPTION_COUNT,
     .field = FIELD(retention.all.count_max),
     .preset = "0",
     .value = "N",
     .help = "Delete the oldest closed segments when all streams together have more than "
             "this many. 0: no limit.",
     .place = OPTION_FOR_PARTS},
    {.name = "retention_free_bytes_min",
     .kind = OPTION_BYTES,
     .field = FIELD(retention.free_min),
     .preset = "0",
     .value = "SIZE",
     .help = "Delete the oldest closed segments while less than this is free on their "
             "volume. 0: no limit."},
    {.name = "time_keys",
     .section = "Time and level of a line",
     .kind = OPTION_TEXT,
     .field = FIELD(time_keys),
     .unset = "@timestamp, timestamp, time, ts and other usual names",
     .value = "KEY,...",
     .help = "Top-level keys that hold the time of a line, the preferred key first. +KEY,...: "
             "these before the usual ones. none: lines have no time."},
    {.name = "zone",
     .kind = OPTION_TEXT,
     .field = FIELD(record_zone),
     .preset = "UTC",
     .value = "ZONE",
     .help = "Time zone of times that name none: a name such as Europe/Berlin, UTC, or local."},
    {.name = "level_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(level_keys),
     .unset = "level, lvl, severity, levelname, log.level and other usual names",
     .value = "KEY,...",
     .help = "Top-level keys that hold the level of a line, the preferred key first. +KEY,...: "
             "these before the usual ones. none: lines have no level."},
    {.name = "level_names",
     .kind = OPTION_TEXT,
     .field = FIELD(level_names),
     .value = "NAME=LEVEL,...",
     .help = "Names of levels that senders use, in any case: eror=error,http=info. Usual names "
             "need not be listed."},
    {.name = "level_scale",
     .kind = OPTION_TEXT,
     .field = FIELD(level_scale),
     .preset = "usual",
     .value = "SCALE",
     .help = "Meaning of numeric levels: pino, python, syslog, logback, opentelemetry, "
             "monolog, or usual (derived from the magnitude)."},
    {.name = "ijson",
     .section = "Validation",
     .kind = OPTION_FLAG,
     .field = FIELD(ijson),
     .help = "Reject lines that are JSON but not I-JSON (RFC 7493), because parsers "
             "disagree about them: duplicate names in an object, unpaired surrogates, "
             "numbers beyond 2^53-1."},
    {.name = "schema",
     .kind = OPTION_LIST,
     .field = FIELD(schema),
     .value = "FILE",
     .help = "Reject lines that do not match this JSON Schema (draft 2020-12). May be "
             "repeated: the first file is the schema; it may refer to the others by their "
             "$id."},
    {.name = "schema_mode",
     .kind = OPTION_TEXT,
     .field = FIELD(schema_mode),
     .preset = "enforce",
     .value = "MODE",
     .help = "enforce: reject lines that do not match the schema. monitor: store them, "
             "count them as schema_monitored, and report up to ten a minute on standard "
             "error, one for each listener and schema keyword."},
    {.name = "formats",
     .kind = OPTION_FLAG,
     .field = FIELD(formats),
     .help = "Also check the schema's format keyword (date-time, uuid, ipv4, ...)."},
    {.name = "drain_ms",
     .section = "Stopping and statistics",
     .kind = OPTION_TIME_MS,
     .field = FIELD(drain_ms),
     .min = 0,
     .max = 3600000,
     .preset = "5s",
     .value = "TIME",
     .help = "On stop, read what has already arrived for at most this long, and at most "
             "half of stop_ms."},
    {.name = "stop_ms",
     .kind = OPTION_TIME_MS,
     .field = FIELD(stop_ms),
     .min = 0,
     .max = 3600000,
     .preset = "20s",
     .value = "TIME",
     .help = "On stop, give up records that cannot be stored within this time."},
    {.name = "stats_s",
     .kind = OPTION_TIME_S,
     .field = FIELD(stats_s),
     .min = 0,
     .max = 86400,
     .preset = "0s",
     .value = "TIME",
     .help = "Print the counters at this interval. 0: only at the end."},
    {.name = "check",
     .section = "Information",
     .kind = OPTION_FLAG,
     .field = FIELD(check),
     .help = "Check the options and the configuration file, then exit.",
     .place = OPTION_COMMAND_LINE_ONLY},
    {.name = "version",
     .letter = 'V',
     .kind = OPTION_FLAG,
     .field = FIELD(version),
     .help = "Print the version and exit.",
     .place = OPTION_COMMAND_LINE_ONLY},
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_FLAG,
     .field = FIELD(help),
     .help = "Print this help and exit.",
     .place = OPTION_COMMAND_LINE_ONLY},
    {.name = NULL},
};

#undef FIELD
#define FIELD(name) offsetof(struct listener_keys, name)

#define REPLACES(name) "Replaces " name " for lines received here."

const struct option config_listener_options[] = {
    {.name = "address",
     .kind = OPTION_TEXT,
     .field = FIELD(address),
     .value = "HOST:PORT",
     .help = "Address to listen on."},
    {.name = "time_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(time_keys),
     .value = "KEY,...",
     .help = REPLACES("time_keys")},
    {.name = "zone",
     .kind = OPTION_TEXT,
     .field = FIELD(zone),
     .value = "ZONE",
     .help = REPLACES("zone")},
    {.name = "level_keys",
     .kind = OPTION_TEXT,
     .field = FIELD(level_keys),
     .value = "KEY,...",
     .help = REPLACES("level_keys")},
    {.name = "level_names",
     .kind = OPTION_TEXT,
     .field = FIELD(level_names),
     .value = "NAME=LEVEL,...",
     .help = REPLACES("level_names")},
    {.name = "level_scale",
     .kind = OPTION_TEXT,
     .field = FIELD(level_scale),
     .value = "SCALE",
     .help = REPLACES("level_scale")},
    {.name = "ijson",
     .kind = OPTION_TEXT,
     .field = FIELD(ijson),
     .value = "true or false",
     .help = REPLACES("ijson")},
    {.name = "schema",
     .kind = OPTION_LIST,
     .field = FIELD(schema),
     .value = "FILE",
     .help = REPLACES("schema") " none: no schema."},
    {.name = "schema_mode",
     .kind = OPTION_TEXT,
     .field = FIELD(schema_mode),
     .value = "MODE",
     .help = REPLACES("schema_mode")},
    {.name = "formats",
     .kind = OPTION_TEXT,
     .field = FIELD(formats),
     .value = "true or false",
     .help = REPLACES("formats")},
    {.name = "protocol",
     .kind = OPTION_TEXT,
     .field = FIELD(protocol),
     .value = "NAME",
     .help = REPLACES("protocol")},
    {.name = "stream",
     .kind = OPTION_TEXT,
     .field = FIELD(stream),
     .value = "NAME",
     .help = "Stream that receives the lines. Default: main."},
    {.name = "tls",
     .kind = OPTION_TEXT,
     .field = FIELD(has_tls),
     .value = "{...}",
     .help = "TLS on this TCP listener, see below. Default: plain text only."},
    {.name = NULL},
};

#undef FIELD
#define FIELD(name) offsetof(struct tls_keys, name)

const struct option config_tls_options[] = {
    {.name = "certificate",
     .kind = OPTION_TEXT,
     .field = FIELD(certificate),
     .value = "FILE",
     .help = "Certificate of the server in PEM, followed by those of its issuers."},
    {.name = "key",
     .kind = OPTION_TEXT,
     .field = FIELD(key),
     .value = "FILE",
     .help = "Its private key in PEM, without a password."},
    {.name = "required",
     .kind = OPTION_TEXT,
     .field = FIELD(required),
     .value = "true or false",
     .help = "false: the listener takes plain text too. Default: true."},
    {.name = "clients",
     .kind = OPTION_TEXT,
     .field = FIELD(clients),
     .value = "FILE",
     .help = "Ask clients for a certificate that one of these issuers (PEM) has signed."},
    {.name = "client_certificate",
     .kind = OPTION_TEXT,
     .field = FIELD(client_certificate),
     .value = "required or optional",
     .help = "optional: clients without a certificate are accepted. Default: required."},
    {.name = "client_names",
     .kind = OPTION_LIST,
     .field = FIELD(client_names),
     .value = "PATTERN",
     .help = "Accept only client certificates with one of these names (subject alternative names, "
             "common name). `*` is any number of characters except dots. Default: any name."},
    {.name = "revoked",
     .kind = OPTION_TEXT,
     .field = FIELD(revoked),
     .value = "FILE",
     .help = "Refuse the client certificates in these revocation lists (CRL, PEM)."},
    {.name = NULL},
};

/* ---- texts of the file ---- */

const char *config_keep(struct config *config, const char *text, size_t size,
                        struct text_position at) {
    struct config_text_kept *kept = malloc(sizeof *kept + size + 1);
    if (!kept) return NULL;
    kept->next = config->kept;
    kept->at = at;
    config->kept = kept;
    memcpy(kept->text, text, size);
    kept->text[size] = '\0';
    return kept->text;
}

struct text_position config_position(const struct config *config, const char *text) {
    for (const struct config_text_kept *kept = config->kept; kept; kept = kept->next)
        if (kept->text == text) return kept->at;
    return (struct text_position){0, 0};
}

void config_error_at(const struct config *config, const char *text, char *error) {
    char place[320];
    const struct text_position at = config_position(config, text);
    if (at.line == 0) return;
    const size_t size =
        (size_t)snprintf(place, sizeof place, "%.256s:%u:%u: ", config->file, at.line, at.column);
    const size_t room = CONFIG_ERROR_MAX - size - 1, length = strlen(error);
    memmove(error + size, error, (length < room ? length : room) + 1);
    error[CONFIG_ERROR_MAX - 1] = '\0';
    memcpy(error, place, size);
}

/* ---- streams ---- */

const struct stream_config *config_stream(const struct config *config, const char *name) {
    for (uint32_t i = 0; i < config->stream_count; i++)
        if (strcmp(config->streams[i].name, name) == 0) return &config->streams[i];
    return &config->others;
}
