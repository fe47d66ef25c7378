/* msgpack.h - finds the ends of MessagePack objects, wherever the network has cut them.
 *
 * Looks at headers only, so an object of any size or depth takes no memory: what a header announces
 * is counted, and passed when it arrives (specification: github.com/msgpack/msgpack, spec.md).
 * Pure. */
#ifndef INGEST_PROTOCOL_MSGPACK_H
#define INGEST_PROTOCOL_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum msgpack_kind {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_INT,
    MSGPACK_FLOAT,
    MSGPACK_STR,
    MSGPACK_BIN,
    MSGPACK_EXT,
    MSGPACK_ARRAY,
    MSGPACK_MAP,
    MSGPACK_NEVER, /* 0xC1, which the specification never uses */
};

/* The header of an object, of 1 to 5 bytes; all zero at first. */
struct msgpack_head {
    uint8_t bytes[5], size;
    uint8_t missing; /* bytes of its length that are to come */
    uint32_t length; /* of an array or map: its elements, or pairs; else bytes after the header */
    enum msgpack_kind kind;
};

/* Takes the next byte of a header.  True: it is complete. */
bool msgpack_head(struct msgpack_head *head, uint8_t byte);

/* On its way through objects. */
struct msgpack_walk {
    uint64_t objects;         /* that are to come; 0: the end, if `bytes` are passed too */
    uint64_t bytes;           /* of the current object after its header */
    struct msgpack_head head; /* of the next one so far */
    bool text;                /* `bytes` are those of a string or of binary data */
    bool broken;              /* a header is MSGPACK_NEVER */
    /* What was passed has at most this many bytes as JSON (schema/record/forward.h). */
    uint64_t json;
};

static inline bool msgpack_walk_ended(const struct msgpack_walk *walk) {
    return walk->objects == 0 && walk->bytes == 0;
}
/* Passes bytes up to the end of the objects, or to a header that is none.  Returns how many. */
size_t msgpack_walk(struct msgpack_walk *walk, const uint8_t *bytes, size_t size);
/* The same for an object whose header was taken. */
void msgpack_walk_head(struct msgpack_walk *walk, const struct msgpack_head *head);

/* The most bytes that a string of these bytes has as JSON, without its quotes. */
uint64_t msgpack_text_json(const uint8_t *bytes, size_t size);

#endif
