/* config.h - a configuration as it was read, and the tables of options, which the command line and
 * the configuration file share.  read.h reads one. */
#ifndef INGEST_CONFIG_CONFIG_H
#define INGEST_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/config/cidr.h"
#include "ingest/config/text.h"
#include "ingest/protocol/protocol.h"
#include "ingest/transport/tls.h"
#include "port/address.h"
#include "port/options.h"
#include "port/unix.h"
#include "schema/record/facts.h"
#include "writer/clock/schedule.h"
#include "writer/keep/keeper.h"
#include "writer/keep/retention.h"
#include "writer/live/stream.h"
#include "writer/segment/segment_name.h"

enum listener_kind {
    LISTENER_TCP,
    LISTENER_UDP,
    LISTENER_UNIX_STREAM,
    LISTENER_UNIX_DATAGRAM,
    LISTENER_HTTP,
    LISTENER_KINDS
};
/* "tcp", "unix-stream": as in a listener's name. */
const char *listener_kind_name(enum listener_kind kind);
static inline bool listener_is_unix(enum listener_kind kind) {
    return kind == LISTENER_UNIX_STREAM || kind == LISTENER_UNIX_DATAGRAM;
}
/* It accepts connections; the others receive datagrams. */
static inline bool listener_is_stream(enum listener_kind kind) {
    return kind == LISTENER_TCP || kind == LISTENER_UNIX_STREAM || kind == LISTENER_HTTP;
}

/* Open listeners for connections, and as many for datagrams, including those that are being
 * closed. */
#define LISTENERS_MAX 64
_Static_assert(LISTENERS_MAX >= OPTION_LIST_MAX, "room for every listener that can be configured");
#define LISTENER_NUMBERS  (2 * LISTENERS_MAX)
#define LISTENER_NAME_MAX (UNIX_PATH_BYTES_MAX + 21) /* "unix-datagram=PATH" is the longest */

/* The key tls of a listener. */
struct tls_keys {
    const char *certificate, *key; /* files */
    const char *required;
    const char *clients, *client_certificate, *revoked;
    struct option_list client_names;
};
extern const struct option config_tls_options[];

/* The keys of a listener that the file writes as an object; NULL: as for all. */
struct listener_keys {
    const char *address;
    const char *time_keys, *level_keys, *level_names, *level_scale, *zone;
    struct option_list schema; /* none: as for all; "none": no schema */
    const char *schema_mode, *formats, *ijson;
    const char *protocol, *ack, *syslog_fields, *forward_time_key, *text, *stamp;
    struct option_list allow, deny, proxy;
    const char *forward_shared_key, *forward_hostname;
    struct option_list forward_users;
    struct option_list tokens, hosts; /* of HTTP */
    const char *stream;               /* that its lines go to */
    const char *has_tls;              /* "true": the file has its key tls */
    struct tls_keys tls;
    const char *mode, *owner; /* of a Unix socket */
};
extern const struct option config_listener_options[];

/* Of peer_bytes_per_s and peer_records_per_s. */
#define PEER_RATE_MAX (UINT64_C(1) << 40)

/* The stream that always exists, fed by listeners without the key stream. */
#define STREAM_MAIN    "main"
/* Rejected lines of all listeners; no configuration may name it. */
#define STREAM_REJECTS "rejects"
/* Not counting rejects.  Each stream may need a batch of its own (8 MiB and more), three open
 * files, and a share of the threads that close files: more streams than this need another
 * daemon. */
#define STREAMS_MAX    16

/* A stream, and the rules by which its segments are rotated, re-packed and deleted. */
struct stream_config {
    char name[STREAM_NAME_MAX + 1];
    bool configured; /* by an object of its own */
    bool fed;        /* by a listener */
    struct stream_sizes sizes;
    struct keeper_rules keeper;
    struct option_list command;        /* whose texts are keeper.command's words */
    struct retention_limits retention; /* its own; all zero: it has none */
    struct zone *zone;                 /* of sizes.schedule, if it is not that of all */
    bool program_missing;              /* of the command, when the configuration was read */
};

/* A listener, and what its lines are validated by. */
struct listener_config {
    enum listener_kind kind;
    bool tcp;                    /* its kind is LISTENER_TCP or LISTENER_HTTP */
    struct listener_keys keys;   /* keys that it lacks are those of all */
    struct port_address address; /* TCP, UDP and HTTP */
    struct unix_place place;     /* Unix sockets */
    /* From the keys; NULL: neither time nor level is looked for.  May point to `rules`. */
    const struct facts_rules *facts;
    struct facts_rules rules;
    struct zone *zone; /* of rules; NULL: UTC */
    bool monitor, formats, ijson, syslog_fields, wrap;
    uint32_t stamps; /* writer/live/stamp.h */
    const struct protocol *protocol;
    struct cidr_rules senders; /* from keys.allow and deny */
    struct cidr_list proxies;  /* from keys.proxy; TCP */
    bool synced;               /* its acknowledgements mean synced, not only written */
    /* Made from keys.tls by tls_files_load; NULL: plain text only. */
    struct tls_context *tls;
    bool tls_required;
    /* Made from keys.tokens and hosts by http_files_load; NULL: it is not for HTTP. */
    struct http_settings *http;
    /* Made from keys.forward_shared_key by forward_files_load; NULL: it has none. */
    struct forward_settings *forward;
    /* Made from keys.schema by schema_files_load; NULL: any JSON object is valid. */
    struct schema_gate *gate;
};

struct config {
    /* Filled by the table. */
    const char *file, *dir;
    struct option_list tcp, udp, unix_stream, unix_datagram, http;
    const char *protocol, *ack, *forward_time_key, *text, *stamp;
    bool syslog_fields;
    struct option_list allow, deny, proxy;
    uint64_t peer_connections_max, peer_bytes_per_s, peer_records_per_s, idle_s, partial_s;
    uint64_t connections_max, line_bytes_max, buffer_bytes_max, receive_bytes;
    uint64_t flush_ms, sync_ms, drain_ms, stop_ms, stats_s;
    uint64_t segment_bytes_max, segment_packed_bytes_max, segment_age_s, segment_idle_s;
    const char *rotate, *rotate_zone, *zone_folder;
    uint64_t archive_after_s, archive_level;
    const char *archive_dir; /* absolute; NULL: none */
    /* Archives, of all and of streams, that did not answer when the configuration was read. */
    const char *archives_silent[STREAMS_MAX + 1];
    uint32_t archives_silent_count;
    struct option_list archive_command;
    uint64_t archive_command_limit_s;
    const char *archive_command_then;
    struct retention_rules retention;
    const char *time_keys, *level_keys, *level_names, *level_scale, *record_zone;
    struct option_list schema;
    const char *schema_mode;
    bool formats, ijson;
    bool check, version, help;
    /* In the order of kinds, each kind in the order given. */
    struct listener_config *listeners;
    uint32_t listener_count;
    struct listener_object *objects;
    /* STREAM_MAIN first, then those that the file or a listener names; at most STREAMS_MAX. */
    struct stream_config *streams;
    uint32_t stream_count;
    struct stream_config others; /* of all streams that are not named */
    struct stream_object *stream_objects;
    /* From rotate and rotate_zone. */
    struct schedule schedule;
    struct zone *zone;
    /* Texts of the file, which the fields above point to. */
    struct config_text_kept *kept;
};

extern const struct option config_options[];

#define CONFIG_ERROR_MAX   1024
#define CONFIG_PROBLEM_MAX 512 /* of one value, without its place */

/* The stream of this name; `others` if it is not named. */
const struct stream_config *config_stream(const struct config *config, const char *name);

/* A text of the file.  They form one chain and are freed together. */
struct config_text_kept {
    struct config_text_kept *next;
    struct text_position at;
    char text[];
};
/* Copies a text; the copy lives as long as the configuration.  NULL: out of memory. */
const char *config_keep(struct config *config, const char *text, size_t size,
                        struct text_position at);
/* Where this text of the configuration, identified by its pointer, is in the file; line 0: it is
 * not from the file. */
struct text_position config_position(const struct config *config, const char *text);
/* Inserts that position before `error` (CONFIG_ERROR_MAX bytes); a text that is not from the file
 * has none. */
void config_error_at(const struct config *config, const char *text, char *error);

#endif
