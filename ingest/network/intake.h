/* intake.h - the network side: listeners, the connections they accept, and what all of them
 * share.
 *
 * Each connection has one receive in flight.  Received bytes go through its protocol into the open
 * batch at once.  If no batch is free they wait in their buffer and the connection is parked: nothing
 * more is received from that peer, and its TCP window closes.  Owner only. */
#ifndef INGEST_NETWORK_INTAKE_H
#define INGEST_NETWORK_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/config/cidr.h"
#include "ingest/network/admission.h"
#include "ingest/network/answers.h"
#include "ingest/network/expansion.h"
#include "ingest/network/pacing.h"
#include "ingest/network/peer_names.h"
#include "ingest/network/proxy_link.h"
#include "ingest/network/tls_link.h"
#include "ingest/network/unwrap.h"
#include "ingest/pipeline/counters.h"
#include "ingest/pipeline/pipeline.h"
#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/http/settings.h"
#include "ingest/protocol/protocol.h"
#include "port/options.h"
#include "port/port.h"

struct intake;
struct connection;

/* LEAVING: closed by a reload; it first receives what has already arrived, as at a stop. */
enum listener_state { LISTENER_FREE, LISTENER_BOUND, LISTENER_OPEN, LISTENER_LEAVING };

/* TCP, or a stream of a Unix socket. */
struct tcp_listener {
    struct intake *intake;
    enum listener_state state;
    enum listener_kind kind;
    char name[LISTENER_NAME_MAX]; /* "tcp=127.0.0.1:5170", as in the ready line and in quarantine */
    struct port_address bound;    /* of a Unix socket: unset */
    const struct protocol *protocol;  /* of connections accepted from now on */
    struct forward_settings *forward; /* of protocol_forward_auth; NULL: it is another */
    struct http_settings *http;       /* theirs, if it is HTTP; NULL: it is not */
    struct tls_context *tls;          /* the same; NULL: plain text only */
    bool tls_required;
    struct cidr_list proxies; /* connections from these begin with a PROXY header */
    bool synced;              /* the same: what is acknowledged is synced */
    /* Its own, because a parked connection keeps a buffer, and connections of other listeners need
     * one. */
    struct port_pool *pool;
    struct port_socket socket;
    struct port_op accept, retry; /* retry: out of handles, again soon */
    struct port_op leave;         /* a timer: is anything still arriving? */
    int64_t leave_ns;             /* it closes then in any case */
    struct connection *accepting; /* the slot that the accept in flight fills */
    uint32_t number;              /* its index */
    uint32_t connections;         /* open now */
    bool paused;                  /* connections_max are open */
    bool active;                  /* something has arrived since the last look */
    bool ending;                  /* nothing more is accepted */
    bool said_failed, said_proxy, said_unfinished, said_idle, said_unread;
    uint32_t said_refused; /* a bit for each reason that was reported */
    uint32_t said_tls;     /* the same for failed handshakes, by a hash of the reason */
};

/* UDP, or datagrams of a Unix socket. */
struct udp_listener {
    struct intake *intake;
    enum listener_state state;
    char name[LISTENER_NAME_MAX];
    struct port_address bound;
    const struct protocol *protocol;
    struct port_pool *pool; /* its own: one receive is in flight, in one buffer */
    struct port_socket socket;
    struct port_op receive;
    struct source source;
    struct port_buffer *buffer; /* received, and not yet completely in a batch */
    uint32_t slices_taken;
    bool slice_admitted;  /* the next one */
    struct port_op retry; /* a receive has failed: again soon */
    struct port_op leave;
    int64_t leave_ns;
    struct batch_origin origin;
    struct unwrap *unwrap; /* the way of datagrams to the protocol */
    struct port_op expire; /* a timer: unfinished messages */
    uint32_t said_refused;
    uint32_t number; /* LISTENERS_MAX and its index */
    bool active, ending;
    bool is_unix;
    bool last; /* a Unix socket that accepts no more: what is in its queue is received */
};

struct intake {
    struct port *port;
    struct pipeline *pipeline;
    struct counters *counters;
    struct line_memory *line_memory;
    uint32_t line_bytes_max;
    uint32_t tcp_buffers, tcp_buffer_bytes; /* of each listener */
    uint32_t udp_buffer_bytes, udp_datagram_bytes;
    uint32_t unix_buffer_bytes, unix_datagram_bytes;
    struct tcp_listener tcp[LISTENERS_MAX];
    struct udp_listener udp[LISTENERS_MAX];
    uint64_t kernel_drops; /* of UDP listeners that have closed */
    uint32_t connections_max, connections_open;
    struct connection *slots, *free, *open;
    uint32_t slots_count, slots_used;             /* slots[slots_used..) were never touched */
    uint32_t farewells;                           /* refused connections that are being answered */
    struct connection *expanding[EXPANSIONS_MAX]; /* in the midst of compressed data ... */
    uint32_t expansions, expansions_working;      /* ... how many; with workers */
    struct connection *held;      /* their last receive failed for lack of memory ... */
    struct port_op receive_again; /* ... a timer: they receive again */
    struct tls_links links;
    struct admission admission;
    struct pacing pacing;
    struct answers_due answers;
    struct peer_names peer_names;
    struct http_shared http;
    int64_t starved_ns; /* since when connections found no batch; 0: the last one did */
    bool limit_said, accept_failure_said, receive_failure_said, handshakes_said;
    bool refused_handshakes_said;
};

/* When no connection has found a batch for this long, protocols that can say so need not wait for
 * one. */
#define INTAKE_STARVED_NS (10 * 1000000000ll)
/* After an accept or a receive that failed: the time until the next one. */
#define INTAKE_RETRY_NS   (100 * 1000000ll)

/* Memory for connections_max of them.  intake->port and counters are set. */
int intake_create(struct intake *intake, uint32_t connections_max);
void intake_free(struct intake *intake);
/* Where the records of a source go: a batch that pipeline_fill provides. */
static inline struct sink intake_sink(const struct intake *intake, struct batch *batch,
                                      const struct batch_origin *origin) {
    return (struct sink){.batch = batch,
                         .origin = origin,
                         .memory = intake->line_memory,
                         .line_bytes_max = intake->line_bytes_max};
}
size_t intake_memory(uint32_t connections_max); /* that intake_create takes */

/* Opens a listener; its name contains the address actually bound.  Nothing is accepted yet.
 * ERR_TOO_LARGE: there are LISTENERS_MAX already. */
int intake_listen_tcp(struct intake *intake, enum listener_kind kind,
                      const struct port_address *address, uint32_t *number);
int intake_listen_udp(struct intake *intake, const struct port_address *address,
                      uint32_t receive_bytes, uint32_t *granted, uint32_t *number);
/* The same for a Unix socket of one of the two kinds. */
int intake_listen_unix(struct intake *intake, enum listener_kind kind,
                       const struct unix_place *place, uint32_t *number);
/* Changes mode and owner of the file of a Unix socket. */
int intake_set_access(struct intake *intake, uint32_t number, const struct unix_place *place);
/* Connections that it accepts from now on, and datagrams, speak this protocol. */
void intake_set_protocol(struct intake *intake, uint32_t number, const struct protocol *protocol);
/* Connections that this TCP listener accepts from now on may use TLS, or must.  The context is held
 * until the next call or the end of the listener; NULL: plain text only. */
void intake_set_tls(struct intake *intake, uint32_t number, struct tls_context *tls, bool required);
/* From now on; a connection that this listener has already accepted is closed if it is no longer
 * allowed. */
void intake_set_senders(struct intake *intake, uint32_t number, const struct cidr_rules *senders);
/* Of all listeners, from now on; 0: no limit.  Connections that are more than a new limit stay. */
void intake_set_limits(struct intake *intake, uint32_t peer_connections_max,
                       const struct peer_limits *limits);
void intake_set_times(struct intake *intake, int64_t idle_ns, int64_t partial_ns);
/* Connections that this TCP listener accepts from these addresses from now on begin with a header of
 * the PROXY protocol, which names their peer. */
void intake_set_proxies(struct intake *intake, uint32_t number, const struct cidr_list *proxies);
/* Connections that this TCP listener accepts from now on are acknowledged what is synced; false: what
 * is written. */
void intake_set_ack(struct intake *intake, uint32_t number, bool synced);
/* Connections that this TCP listener accepts from now on speak HTTP, with these settings, which are
 * held until the next call or the end of the listener. */
/* NULL: its protocol is not protocol_forward_auth. */
void intake_set_forward(struct intake *intake, uint32_t number, struct forward_settings *settings);
void intake_set_http(struct intake *intake, uint32_t number, struct http_settings *settings);
/* Starts the listeners that were opened since the last call. */
void intake_start(struct intake *intake);
enum listener_state intake_listener_state(const struct intake *intake, uint32_t number);
const char *intake_listener_name(const struct intake *intake, uint32_t number);
/* Closes a listener that was opened and never started; or one that serves: it first receives what
 * has already arrived, for at most drain_ns, then closes with its connections. */
void intake_unbind(struct intake *intake, uint32_t number);
void intake_leave(struct intake *intake, uint32_t number, int64_t drain_ns);
/* A listener at this address that is leaving, or LISTENER_NUMBERS; intake_stay keeps it open. */
uint32_t intake_find_leaving(const struct intake *intake, enum listener_kind kind,
                             const struct port_address *address);
uint32_t intake_find_leaving_unix(const struct intake *intake, enum listener_kind kind,
                                  const char *path);
void intake_stay(struct intake *intake, uint32_t number);

/* A stop begins: no connection waits because of its peer's limits. */
void intake_drain(struct intake *intake);
/* Closes all listeners and connections; what was read of an unfinished line is a record.  Until
 * this call connections are accepted: those in a backlog are established, and their senders assume
 * that what they have sent is received. */
void intake_end(struct intake *intake);
/* True once nothing is open and no op is in flight. */
bool intake_ended(const struct intake *intake);

/* True while an accept or a receive that failed waits to be retried, or a worker decrypts what was
 * received: there may be something to receive although no op comes back. */
bool intake_retries(const struct intake *intake);

/* Of all UDP listeners; PORT_DROPS_UNKNOWN if that of one is. */
uint64_t intake_kernel_drops(const struct intake *intake);

/* ---- between connection.c, listener.c and open.c ---- */

/* A listener that is not open yet, and speaks any protocol; for datagrams, with its unwrap. */
void tcp_listener_begin(struct intake *intake, uint32_t i);
int udp_listener_begin(struct intake *intake, uint32_t i, bool is_unix);

/* What this peer sent is refused: says so, once for each listener and reason. */
void intake_say_refused(const char *listener, uint32_t *said, const struct port_address *peer,
                        uint32_t reason);

/* A slot for the next accept, or NULL at connections_max. */
struct connection *connection_take(struct intake *intake);
void connection_give_back(struct intake *intake, struct connection *connection);
struct port_socket *connection_socket(struct connection *connection);
/* Takes the connection, or closes it if its peer may not send. */
void connection_start(struct connection *connection, struct tcp_listener *listener,
                      const struct port_address *peer);
/* This is its peer, now or from now on: may it send?  False: it was counted and reported; the
 * connection must be closed, and nothing more of it be taken. */
bool connection_admit(struct connection *connection, const struct port_address *peer);
/* Closes those of this listener whose peers are no longer allowed. */
void connections_check_senders(struct intake *intake, uint32_t number);
/* Of one listener. */
void connections_end(struct intake *intake, const struct tcp_listener *listener);
void tcp_listener_left(struct tcp_listener *listener); /* one of its connections has ended */
void listeners_accept_again(struct intake *intake);    /* a connection has ended */

#endif
