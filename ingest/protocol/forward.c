/* forward.c - the forward protocol, version 1, of Fluentd, Fluent Bit, Docker and their libraries
 * (github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1).  Messages of MessagePack:
 *
 *     [tag, time, record, option?]                Message
 *     [tag, [[time, record], ...], option?]       Forward
 *     [tag, bytes of [time, record]..., option?]  PackedForward, and CompressedPackedForward
 *
 * An entry is found by its headers (msgpack.h) and put into the batch as it was sent, with its tag; a
 * worker makes JSON of it (schema/record/forward.h).  The connection decompresses (session->compression):
 * `take` sees one layer of entries, inside or outside of compressed data.
 *
 * A message whose option has a `chunk` is answered with it when all its entries are stored.  The
 * option is at the end, so every entry is numbered; only the chunk makes a batch hurry.
 *
 * After bytes that are no message nothing says where the next one begins: the connection is refused
 * after the answers to complete messages.  Inside the bytes of a packed message, what is no entry is
 * one rejected record, up to their end. */
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/forward_auth.h"
#include "ingest/protocol/msgpack.h"
#include "ingest/protocol/protocol.h"
#include "schema/record/forward.h"

#define CHUNK_BYTES_MAX 128 /* clients send 24 to 44 */
#define CHUNKS_MAX      8   /* not answered yet */
/* RFC 1952 section 2.3.1; no entry begins so. */
#define GZIP_FIRST      0x1F
#define OPTION_NAME_MAX 8 /* the only one that is known is shorter */
/* {"ack":"..."} as MessagePack. */
#define ANSWER_MAX      (1 + 4 + 2 + CHUNK_BYTES_MAX)
/* ,"_tag":"...","time":"...": without the tag and the usual key; and times as text. */
#define ADDED_JSON      (64 + FORWARD_TIME_KEY_MAX)
/* Its header and that of the tag. */
#define ENTRY_HEAD_MAX  (1 + 5 + FORWARD_TAG_BYTES_MAX)

_Static_assert(ANSWER_MAX <= REPLY_ROOM_MIN && FORWARD_AUTH_REPLY_MAX <= REPLY_ROOM_MIN,
               "an answer fits");

enum step {
    MESSAGE, /* the header of a message */
    TAG,     /* that of its tag */
    TAG_BYTES,
    SECOND, /* the time, the entries, or their bytes */
    PACKED, /* the bytes of entries begin */
    ENTRY,  /* the header of an entry */
    VALUES, /* the time and the record, or what is in their place */
    OPTION, /* the header of a map, or nil */
    NAME,
    NAME_BYTES,
    VALUE, /* of any kind */
    CHUNK, /* the same, of "chunk" */
    CHUNK_BYTES,
};

struct chunk {
    uint64_t token; /* it is answered when this one is committed */
    uint8_t size;
    uint8_t id[CHUNK_BYTES_MAX];
};

struct forward {
    struct forward_auth *auth; /* until its client is known; NULL: it need not be */
    enum step step;
    struct msgpack_head head;
    uint32_t left;        /* bytes of a tag, name or chunk */
    uint32_t elements;    /* of the message that are to come */
    uint32_t entries;     /* the same, unless they are packed: in a string ... */
    uint64_t packed_left; /* ... of which so many bytes are to come */
    bool packed, inside;  /* inside: of compressed data */
    bool skips;           /* what is no entry, up to the end of the packed bytes */
    bool bad;             /* the next byte is refused */
    bool has_chunk;
    struct msgpack_walk walk;
    uint64_t pairs; /* of the option */
    uint8_t name[OPTION_NAME_MAX];
    uint32_t name_size;
    struct chunk chunks[CHUNKS_MAX]; /* those that wait, and the one of this message */
    uint32_t first_chunk, chunk_count;
    uint64_t token, committed; /* numbers of entries: taken, stored */
    uint64_t tag_json;
    uint32_t entry_head_size;
    uint8_t entry_head[ENTRY_HEAD_MAX]; /* what comes before each time */
};

static struct chunk *chunk_at(struct forward *forward, uint32_t i) {
    return &forward->chunks[(forward->first_chunk + i) % CHUNKS_MAX];
}

/* ---- messages ---- */

static bool refuse(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size, uint32_t reason) {
    if (session->partial.set_aside) session->partial.set_aside = reason;
    if (!partial_reject(&session->partial, sink, bytes, size, reason)) return false;
    session->refused = reason;
    return true;
}

static void end_message(struct forward *forward, const struct sink *sink) {
    if (forward->has_chunk) {
        chunk_at(forward, forward->chunk_count++)->token = forward->token;
        sink_await(sink);
    }
    forward->has_chunk = false;
    forward->step = MESSAGE;
}

static void end_entries(struct forward *forward, const struct sink *sink) {
    forward->packed = false;
    if (forward->elements > 0)
        forward->step = OPTION;
    else
        end_message(forward, sink);
}

static void next_entry(struct forward *forward, const struct sink *sink) {
    const bool more =
        forward->packed ? forward->inside || forward->packed_left > 0 : forward->entries > 0;
    forward->step = ENTRY;
    if (!more) end_entries(forward, sink);
}

/* The header of the second element is complete. */
static bool second(struct forward *forward, const struct sink *sink) {
    const struct msgpack_head *head = &forward->head;
    forward->elements--;
    if (forward->elements > 1) return false; /* only a message of one entry has four */
    switch (head->kind) {
    case MSGPACK_ARRAY: forward->entries = head->length; break;
    case MSGPACK_STR:
    case MSGPACK_BIN:
        forward->packed = true;
        forward->packed_left = head->length;
        break;
    default: return false;
    }
    next_entry(forward, sink);
    if (forward->packed) forward->step = PACKED;
    return true;
}

static void end_pair(struct forward *forward, const struct sink *sink) {
    forward->step = NAME;
    if (--forward->pairs == 0) end_message(forward, sink);
}

static bool end_of_head(struct forward *forward, const struct sink *sink) {
    const struct msgpack_head *head = &forward->head;
    const bool text = head->kind == MSGPACK_STR || head->kind == MSGPACK_BIN;
    switch (forward->step) {
    case MESSAGE:
        if (head->kind == MSGPACK_NIL) return true; /* a heartbeat */
        forward->elements = head->length;
        forward->step = TAG;
        return head->kind == MSGPACK_ARRAY && head->length >= 2 && head->length <= 4;
    case TAG:
        forward->elements--;
        forward->left = head->length;
        forward->entry_head[0] = FORWARD_ENTRY;
        memcpy(forward->entry_head + 1, head->bytes, head->size);
        forward->entry_head_size = 1u + head->size;
        forward->tag_json = 0;
        forward->step = forward->left > 0 ? TAG_BYTES : SECOND;
        return text && forward->left <= FORWARD_TAG_BYTES_MAX;
    case SECOND: return second(forward, sink);
    case OPTION:
        forward->elements--;
        forward->pairs = head->kind == MSGPACK_MAP ? head->length : 0;
        forward->step = NAME;
        if (forward->pairs == 0) end_message(forward, sink);
        return head->kind == MSGPACK_MAP || head->kind == MSGPACK_NIL;
    case NAME:
        forward->left = head->length;
        forward->name_size = 0;
        forward->step = forward->left > 0 ? NAME_BYTES : VALUE;
        forward->walk = (struct msgpack_walk){.objects = 1};
        return text;
    default: /* CHUNK */
        if (!text || head->length > CHUNK_BYTES_MAX) return false;
        forward->left = head->length;
        forward->has_chunk = true;
        chunk_at(forward, forward->chunk_count)->size = 0;
        forward->step = CHUNK_BYTES;
        if (forward->left == 0) end_pair(forward, sink);
        return true;
    }
}

/* Bytes of a tag, a name or a chunk. */
static void take_bytes(struct forward *forward, const struct sink *sink, const uint8_t *bytes,
                       uint32_t size) {
    struct chunk *chunk = chunk_at(forward, forward->chunk_count);
    forward->left -= size;
    switch (forward->step) {
    case TAG_BYTES:
        memcpy(forward->entry_head + forward->entry_head_size, bytes, size);
        forward->entry_head_size += size;
        forward->tag_json += msgpack_text_json(bytes, size);
        if (forward->left == 0) forward->step = SECOND;
        break;
    case NAME_BYTES:
        for (uint32_t i = 0; i < size && forward->name_size < OPTION_NAME_MAX; i++)
            forward->name[forward->name_size++] = bytes[i];
        if (forward->left > 0) break;
        const bool is_chunk = forward->name_size == 5 && memcmp(forward->name, "chunk", 5) == 0;
        forward->step = is_chunk && !forward->has_chunk ? CHUNK : VALUE;
        break;
    default: /* CHUNK_BYTES */
        memcpy(chunk->id + chunk->size, bytes, size);
        chunk->size = (uint8_t)(chunk->size + size);
        if (forward->left == 0) end_pair(forward, sink);
        break;
    }
}

/* ---- entries ---- */

static void begin_values(struct forward *forward, uint64_t objects) {
    forward->walk =
        (struct msgpack_walk){.objects = objects, .json = ADDED_JSON + forward->tag_json};
    forward->skips = false;
    forward->step = VALUES;
}

/* What there is of an entry that is none: an array of its tag and that. */
static void keep_head(struct session *session, const struct sink *sink) {
    struct forward *forward = session->state.forward.forward;
    forward->entry_head[0] = FORWARD_ENTRY - 1;
    partial_add(&session->partial, sink, forward->entry_head, forward->entry_head_size);
    partial_add(&session->partial, sink, forward->head.bytes, forward->head.size);
}

static void keep_part(struct session *session, const struct sink *sink, const uint8_t *bytes,
                      size_t size) {
    const struct forward *forward = session->state.forward.forward;
    if (session->partial.size == 0)
        partial_add(&session->partial, sink, forward->entry_head, forward->entry_head_size);
    partial_add(&session->partial, sink, bytes, size);
}

/* Whatever its length, so that the reason does not depend on how the bytes were cut. */
static bool reject_cut(struct session *session, const struct sink *sink, const uint8_t *bytes,
                       size_t size) {
    if (session->partial.set_aside) session->partial.set_aside = REJECT_FORWARD_ENTRY;
    return partial_reject(&session->partial, sink, bytes, size, REJECT_FORWARD_ENTRY);
}

/* The entry, whose last bytes these are, into the batch.  cut: it is not complete. */
static bool add_entry(struct session *session, const struct sink *sink, const uint8_t *bytes,
                      size_t size, bool cut) {
    struct forward *forward = session->state.forward.forward;
    struct partial *partial = &session->partial;
    const uint64_t json = forward->walk.json;
    const bool long_one = forward->entry_head_size + size > sink->line_bytes_max;
    if (partial->size == 0 && (cut || long_one)) keep_part(session, sink, NULL, 0);
    if (cut) return reject_cut(session, sink, bytes, size);
    if (partial->size > 0) return partial_finish_forward(partial, sink, bytes, size, json);
    return sink_forward(sink, forward->entry_head, forward->entry_head_size, bytes, size, json);
}

/* False: no room, in the batch or for its acknowledgement. */
static bool finish_entry(struct session *session, const struct sink *sink, const uint8_t *bytes,
                         size_t size, bool cut) {
    struct forward *forward = session->state.forward.forward;
    session->waits = !sink_may_acknowledge(sink);
    if (session->waits) return false;
    /* It was cut to its beginning although it may be valid: unlike what is invalid, its sender should
     * send it again. */
    const bool lost = session->partial.set_aside == REJECT_LINE_MEMORY;
    if (!add_entry(session, sink, bytes, size, cut)) return false;
    session->given_up = lost;
    if (lost) return true;
    sink_acknowledge_later(sink, ++forward->token);
    next_entry(forward, sink);
    return true;
}

/* Takes bytes of an entry, if any; *taken: how many.  False: no room, or they are no entry. */
static bool take_values(struct session *session, const struct sink *sink, const uint8_t *bytes,
                        size_t size, size_t *taken) {
    struct forward *forward = session->state.forward.forward;
    const struct msgpack_walk before = forward->walk;
    const bool bounded = forward->packed && !forward->inside;
    const size_t there =
        bounded && forward->packed_left < size ? (size_t)forward->packed_left : size;
    *taken = forward->skips ? there : msgpack_walk(&forward->walk, bytes, there);
    if (forward->walk.broken && !forward->packed) { /* nothing says where it ends */
        forward->bad = true;
        *taken = 0;
        return false;
    }
    forward->skips = forward->skips || forward->walk.broken;
    if (forward->skips) *taken = there;
    if (bounded) forward->packed_left -= *taken;
    const bool ended = msgpack_walk_ended(&forward->walk) && !forward->skips;
    const bool cut = !ended && bounded && forward->packed_left == 0;
    if (!ended && !cut) {
        keep_part(session, sink, bytes, *taken);
    } else if (!finish_entry(session, sink, bytes, *taken, cut)) {
        if (bounded) forward->packed_left += *taken;
        forward->walk = before;
        *taken = 0;
        return false;
    }
    return true;
}

/* The next byte of the header of an entry, and what follows it. */
static bool take_entry(struct session *session, const struct sink *sink, const uint8_t *bytes,
                       size_t size, size_t *taken) {
    struct forward *forward = session->state.forward.forward;
    const struct msgpack_head before = forward->head;
    const bool bounded = forward->packed && !forward->inside;
    const bool whole = msgpack_head(&forward->head, bytes[0]);
    if (bounded) forward->packed_left--;
    *taken = 1;
    if (!whole && (!bounded || forward->packed_left > 0)) return true;
    begin_values(forward, 2);
    forward->entry_head[0] = FORWARD_ENTRY;
    if (!whole || forward->head.kind != MSGPACK_ARRAY || forward->head.length != 2) {
        keep_head(session, sink);
        forward->walk.objects = 0;
        if (whole)
            msgpack_walk_head(&forward->walk, &forward->head);
        else
            forward->skips = true;
    }
    forward->head.size = 0;
    if (!forward->packed) forward->entries--;
    if (take_values(session, sink, bytes + 1, size - 1, taken)) {
        *taken += 1;
        return true;
    }
    if (!forward->bad) { /* as before */
        partial_forget(&session->partial, sink->memory);
        forward->step = ENTRY;
        forward->head = before;
        if (bounded) forward->packed_left++;
        if (!forward->packed) forward->entries++;
    }
    return false;
}

/* ---- taking ---- */

/* Takes the client's PING; false: it is refused. */
static bool take_ping(struct session *session, const uint8_t *bytes, size_t size, size_t *taken) {
    struct forward_auth *auth = session->state.forward.forward->auth;
    *taken = forward_auth_take(auth, bytes, size);
    session->unfinished = forward_auth_state(auth) == FORWARD_AUTH_WAITS;
    return forward_auth_state(auth) != FORWARD_AUTH_FAILED;
}

static bool begin_auth(struct session *session, void *settings) {
    struct forward *forward = calloc(1, sizeof *forward);
    if (forward) forward->auth = forward_auth_begin(settings);
    if (!forward || !forward->auth) {
        free(forward);
        return false;
    }
    session->state.forward.forward = forward;
    session->abandons = true;
    session->unfinished = true; /* until it has sent PING */
    return true;
}

static bool begin(struct session *session) {
    if (session->state.forward.forward) return true;
    session->state.forward.forward = calloc(1, sizeof(struct forward));
    session->given_up = !session->state.forward.forward; /* nothing of it was acknowledged */
    session->abandons = true;                            /* until it has a chunk */
    return !session->given_up;
}

/* For what a message needs from its second element on: to be answered, and a place for its chunk. */
static bool waits(struct session *session, const struct sink *sink) {
    const struct forward *forward = session->state.forward.forward;
    session->waits = !sink->acks || forward->chunk_count == CHUNKS_MAX;
    return session->waits;
}

/* Is this the first byte of a time, so that the message is one entry? */
static bool begins_time(const struct forward *forward, uint8_t byte) {
    struct msgpack_head head = {0};
    if (forward->head.size > 0 || forward->elements < 2) return false;
    msgpack_head(&head, byte);
    return head.kind == MSGPACK_INT || head.kind == MSGPACK_FLOAT || head.kind == MSGPACK_EXT ||
           head.kind == MSGPACK_NIL;
}

static void take_head(struct forward *forward, const struct sink *sink, uint8_t byte) {
    if (!msgpack_head(&forward->head, byte)) return;
    forward->bad = !end_of_head(forward, sink);
    forward->head.size = 0;
}

/* One step; *taken: how many bytes.  False: no room, or what comes next is bad or compressed. */
static bool take_step(struct session *session, const struct sink *sink, const uint8_t *bytes,
                      size_t size, size_t *taken) {
    struct forward *forward = session->state.forward.forward;
    *taken = 0;
    switch (forward->step) {
    case PACKED:
        forward->step = ENTRY;
        if (*bytes != GZIP_FIRST) return true;
        session->compressed = (uint32_t)forward->packed_left;
        session->compression = SESSION_GZIP;
        forward->inside = true;
        return false;
    case ENTRY: return take_entry(session, sink, bytes, size, taken);
    case VALUES: return take_values(session, sink, bytes, size, taken);
    case VALUE:
        *taken = msgpack_walk(&forward->walk, bytes, size);
        forward->bad = forward->walk.broken;
        if (forward->bad) *taken = 0;
        if (msgpack_walk_ended(&forward->walk)) end_pair(forward, sink);
        return true;
    case TAG_BYTES:
    case NAME_BYTES:
    case CHUNK_BYTES:
        *taken = size < forward->left ? size : forward->left;
        take_bytes(forward, sink, bytes, (uint32_t)*taken);
        return true;
    case SECOND:
        if (waits(session, sink)) return false;
        if (begins_time(forward, *bytes)) {
            forward->elements -= 2;
            forward->entries = 0;
            begin_values(forward, 2);
            return true;
        }
        break;
    default: break;
    }
    take_head(forward, sink, *bytes);
    *taken = !forward->bad;
    return true;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    size_t taken = 0, part = 0;
    if (!begin(session)) return size;
    struct forward *forward = session->state.forward.forward;
    if (forward->auth && forward_auth_state(forward->auth) != FORWARD_AUTH_PASSED) {
        if (!take_ping(session, bytes, size, &taken)) /* its bytes could help to guess the key */
            return refuse(session, sink, NULL, 0, REJECT_FORWARD_AUTH) ? size : 0;
        if (taken == size) return size;
    }
    forward->bad = forward->bad || session->datagram; /* nothing can be answered */
    while (taken < size && !session->given_up && !forward->bad) {
        const bool more = take_step(session, sink, bytes + taken, size - taken, &part);
        taken += part;
        session->abandons = forward->chunk_count == 0;
        if (!more && !forward->bad) return taken;
    }
    if (session->given_up) return size;
    if (!forward->bad) return taken;
    const uint32_t reason = session->datagram ? REJECT_MSGPACK : REJECT_FORWARD_FRAME;
    return refuse(session, sink, bytes + taken, size - taken, reason) ? size : taken;
}

static bool expanded(struct session *session, const struct sink *sink, uint32_t reason) {
    struct forward *forward = session->state.forward.forward;
    if (reason) return refuse(session, sink, NULL, 0, reason);
    if (forward->step != ENTRY || forward->head.size > 0) { /* the last entry is cut off */
        if (session->partial.size == 0) keep_head(session, sink);
        if (!reject_cut(session, sink, NULL, 0)) return false;
        /* Without room for it, the chunk does not wait for this record. */
        if (sink_may_acknowledge(sink)) sink_acknowledge_later(sink, ++forward->token);
    }
    forward->head.size = 0;
    forward->inside = false;
    end_entries(forward, sink);
    session->abandons = forward->chunk_count == 0;
    return true;
}

/* The peer sends it again: it was not acknowledged. */
static bool end(struct session *session, const struct sink *sink) {
    if (session->partial.size == 0) return true;
    if (session->partial.set_aside) session->partial.set_aside = REJECT_FORWARD_FRAME;
    return partial_reject(&session->partial, sink, NULL, 0, REJECT_FORWARD_FRAME);
}

static void forget(struct session *session) {
    if (!session->state.forward.forward) return;
    forward_auth_end(session->state.forward.forward->auth);
    free(session->state.forward.forward);
    session->state.forward.forward = NULL;
}

static size_t memory(void) {
    return sizeof(struct forward);
}

static size_t memory_auth(void) {
    return sizeof(struct forward) + forward_auth_memory();
}

/* ---- answers ---- */

static void committed(struct session *session, const struct commit *commit) {
    session->state.forward.forward->committed = commit->token;
}

static bool owes_chunk(struct forward *forward) {
    return forward->chunk_count > 0 && chunk_at(forward, 0)->token <= forward->committed;
}

static bool owes(const struct session *session) {
    struct forward *forward = session->state.forward.forward;
    return forward && ((forward->auth && forward_auth_owes(forward->auth)) || owes_chunk(forward));
}

static size_t reply(struct session *session, uint8_t *bytes, size_t size) {
    static const uint8_t ack[] = {0x81, 0xA3, 'a', 'c', 'k', 0xD9};
    struct forward *forward = session->state.forward.forward;
    uint8_t *to = bytes;
    if (forward->auth && forward_auth_owes(forward->auth)) {
        const size_t written = forward_auth_reply(forward->auth, bytes);
        if (!forward_auth_owes(forward->auth) &&
            forward_auth_state(forward->auth) == FORWARD_AUTH_PASSED) {
            forward_auth_end(forward->auth);
            forward->auth = NULL;
        }
        return written;
    }
    while (owes_chunk(forward) && size - (size_t)(to - bytes) >= ANSWER_MAX) {
        const struct chunk *chunk = chunk_at(forward, 0);
        memcpy(to, ack, sizeof ack);
        to += sizeof ack;
        *to++ = chunk->size;
        memcpy(to, chunk->id, chunk->size);
        to += chunk->size;
        forward->first_chunk = (forward->first_chunk + 1) % CHUNKS_MAX;
        forward->chunk_count--;
    }
    session->abandons = forward->chunk_count == 0;
    return (size_t)(to - bytes);
}

const struct protocol protocol_forward = {
    .name = "forward",
    .forget = forget,
    .memory = memory,
    .take = take,
    .end = end,
    .expanded = expanded,
    .committed = committed,
    .owes = owes,
    .reply = reply,
};

const struct protocol protocol_forward_auth = {.name = "forward",
                                               .begin = begin_auth,
                                               .greets = true,
                                               .forget = forget,
                                               .memory = memory_auth,
                                               .take = take,
                                               .end = end,
                                               .expanded = expanded,
                                               .committed = committed,
                                               .owes = owes,
                                               .reply = reply};
