/* targets.h - the destinations of replay: the address given by the user, or the listeners of the
 * running daemon, each record going to the listener that received it.  Connections are opened when
 * first needed.  Messages start with "replay". */
#ifndef TOOLS_COMMANDS_TARGETS_H
#define TOOLS_COMMANDS_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/client.h"
#include "port/files.h"
#include "port/system.h"

#define TARGETS_MAX       128 /* listeners of a daemon together */
/* The longest record that is sent. */
#define TARGET_RECORD_MAX (1u << 20)

struct replay_target {
    char name[136];    /* "tcp=127.0.0.1:5170", the daemon's name for its listener */
    const char *where; /* after the = */
    bool datagrams, unix_socket, connected;
    struct client client;
    uint8_t *chunk; /* of a connection: records that are sent together */
    size_t chunk_size;
    int64_t begun_ns;
    uint64_t sent;
    int status; /* of the connection; targets_finish reports errors */
};

struct targets {
    struct replay_target target[TARGETS_MAX];
    uint32_t count;
    uint64_t rate; /* datagrams per second; 0: no limit */
};

/* Uses the given address. 0, or an ERR_ after a message if it cannot be connected to. */
int targets_use_address(struct targets *targets, const char *where, bool udp);
/* Uses the listeners of the daemon on this directory. 0, or an ERR_ after a message. */
int targets_from_daemon(struct targets *targets, struct files *files, const char *directory);
/* The listener with this name; if it does not exist, the first one, preferably for connections. */
struct replay_target *targets_find(struct targets *targets, const char *listener);
/* Sends at most TARGET_RECORD_MAX bytes, over UDP DATAGRAM_MAX. 0 or an ERR_.  ERR_TOO_LARGE: the
 * record does not fit into a datagram of a Unix socket; others can be sent. */
int targets_send(struct targets *targets, struct replay_target *target, const uint8_t *bytes,
                 size_t size);
/* Waits until everything has been read, as far as that can be known. 0, or an ERR_ after a message.
 * Frees all connections. */
int targets_finish(struct targets *targets);
/* " over UDP", or "" for connections. */
const char *targets_how(const struct replay_target *target);
/* If several targets were used, reports how many records each received and returns NULL; otherwise
 * returns the only one. */
struct replay_target *targets_report(struct targets *targets);

#endif
