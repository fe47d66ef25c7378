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
};

enum sender_end { SENDER_FINISHES, SENDER_FINISHES_HALFWAY, SENDER_RESETS, SENDER_STAYS };

struct senders;

/* A connection, or a datagram. */
struct sender {
    struct senders *all;
    uint32_t number;
    bool datagram;
    uint32_t life; /* of the daemon, in which it began or was accepted */
    struct port_address peer;
    struct network_link *link; /* NULL: a datagram */
    uint8_t *bytes;            /* of a datagram */
    size_t size;
    struct sent_line *lines;
    uint32_t count, room, planned; /* lines sent, and to be sent */
    enum sender_end end;
    bool done, ended, ended_by_reset; /* done: it sends no more */
    bool power_lost;                  /* since it began */
    uint32_t taken, taken_before; /* a datagram: how often it was received in its life, before */
    uint32_t next_stored;         /* checking: no line before it may follow */
};

struct senders {
    struct network *network;
    struct chance chance;
    struct sender **all;
    uint32_t count, room;
    uint32_t life; /* the present one */
    uint16_t port;
    size_t line_bytes_max;
    int64_t pause_ns_max;
    int64_t quiet_ns; /* none sends after that time */
    size_t filling_max;
    uint64_t records_max; /* of a connection */
};

void senders_open(struct senders *senders, struct network *network, uint64_t seed);
void senders_close(struct senders *senders);
/* Begins one now. */
void senders_add(struct senders *senders, bool datagram);

/* What the daemon has received of it, as records. */
struct sender_records {
    uint64_t valid, others;
};
/* `ended`: what follows the last newline is a record. */
struct sender_records sender_taken(const struct sender *sender, bool ended);
/* The text of its line, without the newline. */
const uint8_t *sender_line(const struct sender *sender, uint32_t n);

#endif
