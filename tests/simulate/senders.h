/* senders.h - the clients of a simulated run, and what each of them has sent: records that contain
 * the number of their sender and their own, so that a stored line says where it comes from. */
#ifndef TESTS_SIMULATE_SENDERS_H
#define TESTS_SIMULATE_SENDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/network.h"

/* What a line is to the daemon. */
enum line_kind {
    LINE_VALID,
    LINE_INVALID,
    LINE_TOO_LONG,
    LINE_BLANK, /* no record */
};

struct sent_line {
    size_t offset, size; /* in what the sender sent; the size without the newline */
    enum line_kind kind;
    uint32_t stored; /* times that it is in the stream now */
    /* Of senders that are acknowledged: */
    uint32_t sent;              /* times */
    uint32_t acknowledged_life; /* in which that was, plus 1; 0: it is not */
};

enum sender_end { SENDER_FINISHES, SENDER_FINISHES_HALFWAY, SENDER_RESETS, SENDER_STAYS };

enum sender_kind { SENDER_LINES, SENDER_DATAGRAM, SENDER_RELP, SENDER_LUMBERJACK };

struct senders;
struct session;

/* A connection, or a datagram. */
struct sender {
    struct senders *all;
    uint32_t number;
    enum sender_kind kind;
    uint32_t life; /* of the daemon, in which it began or was accepted */
    struct port_address peer;
    struct network_link *link; /* SENDER_LINES */
    uint8_t *bytes;            /* of all others: what they send, or have to send */
    size_t size;
    struct sent_line *lines;
    uint32_t count, room, planned; /* lines sent, and to be sent */
    enum sender_end end;
    bool done, ended, ended_by_reset; /* done: it sends no more */
    bool power_lost;                  /* since it began */
    uint32_t taken, taken_before; /* a datagram: how often it was received in its life, before */
    uint32_t next_stored;         /* checking: no line before it may follow */
    /* resenders.c */
    struct session *session; /* the newest */
    uint32_t acknowledged;   /* lines, from the first */
    uint32_t window;         /* lines that are sent before their answers */
};

struct senders {
    struct network *network;
    struct chance chance;
    /* resenders_open sets them. */
    void (*begin_resender)(struct sender *sender);
    void (*free_resender)(struct sender *sender);
    struct sender **all;
    uint32_t count, room;
    uint32_t life;          /* the present one */
    uint32_t forgiven_life; /* what was acknowledged until the end of that life may be lost */
    uint16_t port, relp_port, lumberjack_port;
    size_t line_bytes_max;
    int64_t pause_ns_max;
    int64_t quiet_ns; /* none sends after that time */
    size_t filling_max;
    uint64_t records_max; /* of a connection */
};

void senders_open(struct senders *senders, struct network *network, uint64_t seed);
void senders_close(struct senders *senders);
/* Begins one now. */
void senders_add(struct senders *senders, enum sender_kind kind);
static inline bool sender_resends(const struct sender *sender) {
    return sender->kind == SENDER_RELP || sender->kind == SENDER_LUMBERJACK;
}

/* What the daemon has received of it, as records. */
struct sender_records {
    uint64_t valid, others;
};
/* `ended`: what follows the last newline is a record. */
struct sender_records sender_taken(const struct sender *sender, bool ended);
/* Adds a line; writes its text without the newline into `room` bytes, and returns its size. */
struct sent_line *sender_next_line(struct sender *sender);
size_t sender_write_line(struct sender *sender, struct sent_line *line, char *text, size_t room);
/* The text of its line, without the newline. */
const uint8_t *sender_line(const struct sender *sender, uint32_t n);

#endif
