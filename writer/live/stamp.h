/* stamp.h - what a record is stored with on request: when, from which peer and by which listener it
 * was received, and its number.
 *
 * The stamps are the last members of the stored object; its other bytes stay as they are.  A member
 * of the record that has the name of a stamp gets another underscore before its name, and so does
 * one that already has more of them ("_peer" becomes "__peer", "__peer" becomes "___peer"): no sender
 * can forge a stamp, no name occurs twice, and no value is lost.  Pure: any thread. */
#ifndef WRITER_LIVE_STAMP_H
#define WRITER_LIVE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"

/* Constant, its name in the configuration, which is that of the member after an underscore. */
#define STAMP_TABLE(X)                                                                             \
    X(STAMP_RECEIVED, "received")                                                                  \
    X(STAMP_PEER, "peer")                                                                          \
    X(STAMP_LISTENER, "listener")                                                                  \
    X(STAMP_SEQ, "seq")

enum stamp_number {
#define X(constant, name) constant##_NUMBER,
    STAMP_TABLE(X)
#undef X
        STAMPS
};
/* Sets of stamps are sums of these. */
enum stamp {
#define X(constant, name) constant = 1 << constant##_NUMBER,
    STAMP_TABLE(X)
#undef X
};

/* "received,peer", "all", or "none".  ERR_INVALID otherwise. */
int stamp_parse(const char *text, uint32_t *stamps);

/* The most bytes that stamps add to a record. */
#define STAMP_BYTES_MAX 1152
/* The most that these add to a record of this listener. */
uint32_t stamp_bytes_max(uint32_t stamps, const char *listener);

/* What is the same for all records of a run. */
struct stamp_text {
    uint32_t size;
    bool number; /* the number of each record follows */
    char text[STAMP_BYTES_MAX];
};
/* peer_name: as in quarantine.h.  Of a listener's name, 140 bytes
 * are kept: no name is longer. */
void stamp_begin(uint32_t stamps, int64_t received_ns, const struct port_address *peer,
                 const char *peer_name, const char *listener, struct stamp_text *text);
/* Adds it, and the number, to an object that ends at `out`: at most STAMP_BYTES_MAX bytes.  Returns
 * the new end of the object.  empty: the object has no member. */
uint8_t *stamp_add(uint8_t *out, bool empty, const struct stamp_text *text, uint64_t number);

/* How many members of this record, a valid object, get another underscore. */
uint32_t stamp_names(const uint8_t *record, size_t size, uint32_t stamps);
/* Finds the next such name at or after *at, which is `record` at first.  False: there is none. */
bool stamp_next_name(const uint8_t **at, const uint8_t *end, uint32_t stamps, const uint8_t **name);
/* Is this key one that stamps set or rename, in any case? */
bool stamp_is_name(const char *key, size_t size, uint32_t stamps);

#endif
