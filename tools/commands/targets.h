/* targets.h - where replay sends: to the one listener that the user names, or to those of a running
 * daemon, each record to the one to which it came.  Each is connected to when first needed. */
#ifndef TOOLS_COMMANDS_TARGETS_H
#define TOOLS_COMMANDS_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"
#include "port/system.h"

#define TARGETS_MAX       128 /* listeners of a daemon, of both kinds */
/* The longest record that is sent. */
#define TARGET_RECORD_MAX (1u << 20)

struct replay_target {
    char name[80];     /* "tcp=127.0.0.1:5170", as the daemon names its listener */
    const char *where; /* behind the = */
    bool udp, connected;
    struct client client;
    uint8_t *chunk; /* TCP: records that wait to be sent together */
    size_t chunk_size;
    int64_t begun_ns;
    uint64_t sent;
    int status; /* of the connection; one that is negative has been said by targets_finish */
};

struct targets {
    struct replay_target target[TARGETS_MAX];
    uint32_t count;
    uint64_t rate; /* over UDP so many datagrams a second; 0: as fast as can be */
};

/* The one that is named; 0, or an ERR_, said: it cannot be connected to. */
int targets_use_address(struct targets *targets, const char *where, bool udp);
/* Those of the daemon of this directory. 0, or an ERR_, said. */
int targets_from_daemon(struct targets *targets, struct files *files, const char *directory);
/* The listener of this name; if it is not there, the first, those for TCP going before. */
struct replay_target *targets_find(struct targets *targets, const char *listener);
/* At most TARGET_RECORD_MAX bytes, over UDP DATAGRAM_MAX.  0, or an ERR_. */
int targets_send(struct targets *targets, struct replay_target *target, const uint8_t *bytes,
                 size_t size);
/* Everything was read, as far as that can be known: 0, or an ERR_, said.  Frees what they own. */
int targets_finish(struct targets *targets);
/* Says how many records went where, if it is more than one place; the one, or NULL. */
struct replay_target *targets_report(struct targets *targets);

#endif
