/* gelf.c - see gelf.h. */
#include "ingest/protocol/gelf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"

#define BUCKETS 16384 /* a power of 2 */

/* A chunk is one or more blocks; the first holds its size and number. */
struct gelf_block {
    struct gelf_block *next; /* of this message, in the order of arrival */
    uint16_t size;
    uint8_t number;
    uint8_t bytes[GELF_BLOCK_BYTES];
};

struct gelf_message {
    struct gelf_message *next, *previous;                 /* of gelf.unfinished or gelf.ended */
    struct gelf_message *next_of_peer, *previous_of_peer; /* unfinished ones */
    struct gelf_message *next_in_bucket;
    struct gelf_peer *peer; /* NULL: it has ended */
    struct gelf_block *first, *last;
    struct batch_origin origin; /* of the first chunk that arrived */
    int64_t since_ns;           /* that chunk arrived, or the message ended */
    uint64_t id;
    uint32_t bytes, blocks, received;
    uint8_t count;
    uint64_t seen[GELF_CHUNKS_MAX / 64]; /* a bit for each chunk */
};

/* An IP address with unfinished messages. */
struct gelf_peer {
    struct gelf_peer *next, *previous; /* in holders[blocks] */
    struct gelf_peer *next_in_bucket;
    struct gelf_message *oldest, *newest;
    struct port_address address; /* port 0 */
    uint32_t blocks;
};

_Static_assert(GELF_MESSAGES > GELF_BLOCKS, "one that has ended can always make room");

int gelf_create(uint32_t message_max, uint64_t seed, struct gelf *gelf) {
    *gelf = (struct gelf){.blocks = malloc(GELF_BLOCKS * sizeof(struct gelf_block)),
                          .messages = malloc(GELF_MESSAGES * sizeof(struct gelf_message)),
                          .peers = malloc(GELF_BLOCKS * sizeof(struct gelf_peer)),
                          .by_id = calloc(BUCKETS, sizeof(struct gelf_message *)),
                          .by_ip = calloc(BUCKETS, sizeof(struct gelf_peer *)),
                          .holders = calloc(GELF_PEER_BLOCKS + 1, sizeof(struct gelf_peer *)),
                          .message = malloc(message_max),
                          .blocks_free = GELF_BLOCKS,
                          .message_max = message_max,
                          .seed = seed};
    if (gelf->blocks && gelf->messages && gelf->peers && gelf->by_id && gelf->by_ip &&
        gelf->holders && gelf->message)
        return 0;
    gelf_free(gelf);
    return ERR_NO_MEMORY;
}

void gelf_free(struct gelf *gelf) {
    free(gelf->blocks);
    free(gelf->messages);
    free(gelf->peers);
    free(gelf->by_id);
    free(gelf->by_ip);
    free(gelf->holders);
    free(gelf->message);
    *gelf = (struct gelf){0};
}

size_t gelf_memory(uint32_t message_max) {
    return GELF_BLOCKS * (sizeof(struct gelf_block) + sizeof(struct gelf_peer)) +
           GELF_MESSAGES * sizeof(struct gelf_message) +
           BUCKETS * (sizeof(struct gelf_message *) + sizeof(struct gelf_peer *)) +
           (GELF_PEER_BLOCKS + 1) * sizeof(struct gelf_peer *) + message_max;
}

/* ---- finding ---- */

/* The finalizer of splitmix64: every bit of the input changes half of the output's. */
static uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static uint64_t address_hash(const struct gelf *gelf, const struct port_address *ip) {
    uint64_t high, low;
    memcpy(&high, ip->ip, 8);
    memcpy(&low, ip->ip + 8, 8);
    return mixed(mixed(high ^ gelf->seed) ^ low ^ ip->scope);
}

static struct gelf_message **message_bucket(const struct gelf *gelf, const struct port_address *ip,
                                            uint64_t id) {
    return &gelf->by_id[mixed(address_hash(gelf, ip) ^ mixed(id ^ gelf->seed)) % BUCKETS];
}

static struct gelf_peer **peer_bucket(const struct gelf *gelf, const struct port_address *ip) {
    return &gelf->by_ip[address_hash(gelf, ip) % BUCKETS];
}

/* The IP address alone; unused bytes are zero. */
static struct port_address address_of(const struct batch_origin *origin) {
    struct port_address ip = {.family = origin->peer.family, .scope = origin->peer.scope};
    memcpy(ip.ip, origin->peer.ip, ip.family == 4 ? 4 : sizeof ip.ip);
    return ip;
}

static struct gelf_message *find(const struct gelf *gelf, const struct port_address *ip,
                                 uint64_t id) {
    struct gelf_message *message = *message_bucket(gelf, ip, id);
    for (; message; message = message->next_in_bucket) {
        const struct port_address other = address_of(&message->origin);
        if (message->id == id && address_equal(&other, ip)) break;
    }
    return message;
}

static struct gelf_peer *find_peer(const struct gelf *gelf, const struct port_address *ip) {
    struct gelf_peer *peer = *peer_bucket(gelf, ip);
    while (peer && !address_equal(&peer->address, ip))
        peer = peer->next_in_bucket;
    return peer;
}

/* ---- lists ---- */

static void append(struct gelf_list *list, struct gelf_message *message) {
    message->next = NULL;
    message->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = message;
    list->last = message;
}

static void unlink_from(struct gelf_list *list, struct gelf_message *message) {
    *(message->previous ? &message->previous->next : &list->first) = message->next;
    *(message->next ? &message->next->previous : &list->last) = message->previous;
}

static void append_to_peer(struct gelf_peer *peer, struct gelf_message *message) {
    message->peer = peer;
    message->next_of_peer = NULL;
    message->previous_of_peer = peer->newest;
    *(peer->newest ? &peer->newest->next_of_peer : &peer->oldest) = message;
    peer->newest = message;
}

static void unlink_from_peer(struct gelf_message *message) {
    struct gelf_peer *peer = message->peer;
    *(message->previous_of_peer ? &message->previous_of_peer->next_of_peer : &peer->oldest) =
        message->next_of_peer;
    *(message->next_of_peer ? &message->next_of_peer->previous_of_peer : &peer->newest) =
        message->previous_of_peer;
    message->peer = NULL;
}

/* Moves a peer to the list of those that hold this many blocks. */
static void hold(struct gelf *gelf, struct gelf_peer *peer, uint32_t blocks) {
    assert(blocks <= GELF_PEER_BLOCKS);
    if (peer->blocks > 0) {
        *(peer->previous ? &peer->previous->next : &gelf->holders[peer->blocks]) = peer->next;
        if (peer->next) peer->next->previous = peer->previous;
    }
    peer->blocks = blocks;
    if (blocks == 0) return;
    peer->previous = NULL;
    peer->next = gelf->holders[blocks];
    if (peer->next) peer->next->previous = peer;
    gelf->holders[blocks] = peer;
    if (blocks > gelf->most) gelf->most = blocks;
}

/* ---- the beginning and end of messages ---- */

static struct gelf_peer *take_peer(struct gelf *gelf, const struct port_address *ip) {
    struct gelf_peer *peer = find_peer(gelf, ip);
    if (peer) return peer;
    peer = gelf->free_peers;
    if (peer)
        gelf->free_peers = peer->next;
    else
        peer = &gelf->peers[gelf->peers_used++];
    struct gelf_peer **bucket = peer_bucket(gelf, ip);
    *peer = (struct gelf_peer){.address = *ip, .next_in_bucket = *bucket};
    return *bucket = peer;
}

static void forget_peer(struct gelf *gelf, struct gelf_peer *peer) {
    struct gelf_peer **link = peer_bucket(gelf, &peer->address);
    while (*link != peer)
        link = &(*link)->next_in_bucket;
    *link = peer->next_in_bucket;
    peer->next = gelf->free_peers;
    gelf->free_peers = peer;
}

static void forget_ended(struct gelf *gelf, struct gelf_message *message) {
    const struct port_address ip = address_of(&message->origin);
    struct gelf_message **link = message_bucket(gelf, &ip, message->id);
    while (*link != message)
        link = &(*link)->next_in_bucket;
    *link = message->next_in_bucket;
    unlink_from(&gelf->ended, message);
    message->next = gelf->free_messages;
    gelf->free_messages = message;
}

/* Frees its blocks; its ID is remembered. */
static void end(struct gelf *gelf, struct gelf_message *message, int64_t now_ns) {
    struct gelf_peer *peer = message->peer;
    message->last->next = gelf->free_blocks;
    gelf->free_blocks = message->first;
    gelf->blocks_free += message->blocks;
    unlink_from_peer(message);
    hold(gelf, peer, peer->blocks - message->blocks);
    if (!peer->oldest) forget_peer(gelf, peer);
    unlink_from(&gelf->unfinished, message);
    message->since_ns = now_ns;
    append(&gelf->ended, message);
}

/* It becomes one rejected record. */
static bool reject(struct gelf *gelf, const struct sink *sink, struct gelf_message *message,
                   int64_t now_ns, uint32_t reason) {
    struct sink from = *sink;
    from.origin = &message->origin;
    const struct gelf_block *block = message->first;
    const size_t kept = block->size < GELF_BLOCK_BYTES ? block->size : GELF_BLOCK_BYTES;
    if (!sink_reject(&from, block->bytes, kept, reason, message->bytes)) return false;
    end(gelf, message, now_ns);
    return true;
}

static struct gelf_message *begin(struct gelf *gelf, const struct batch_origin *origin,
                                  const struct port_address *ip, uint64_t id, uint8_t count,
                                  int64_t now_ns) {
    if (!gelf->free_messages && gelf->messages_used == GELF_MESSAGES)
        forget_ended(gelf, gelf->ended.first);
    struct gelf_message *message = gelf->free_messages;
    if (message)
        gelf->free_messages = message->next;
    else
        message = &gelf->messages[gelf->messages_used++];
    struct gelf_message **bucket = message_bucket(gelf, ip, id);
    *message = (struct gelf_message){
        .origin = *origin, .since_ns = now_ns, .id = id, .count = count, .next_in_bucket = *bucket};
    *bucket = message;
    append(&gelf->unfinished, message);
    append_to_peer(take_peer(gelf, ip), message);
    return message;
}

/* ---- chunks ---- */

static struct gelf_block *take_block(struct gelf *gelf) {
    struct gelf_block *block = gelf->free_blocks;
    if (block)
        gelf->free_blocks = block->next;
    else
        block = &gelf->blocks[gelf->blocks_used++];
    gelf->blocks_free--;
    block->next = NULL;
    return block;
}

static uint32_t blocks_of(size_t size) {
    return size == 0 ? 1 : (uint32_t)((size + GELF_BLOCK_BYTES - 1) / GELF_BLOCK_BYTES);
}

/* The peer that holds the most. */
static struct gelf_peer *largest(struct gelf *gelf) {
    while (!gelf->holders[gelf->most]) /* ends: it was raised one peer at a time */
        gelf->most--;
    return gelf->holders[gelf->most];
}

/* Until this peer may hold `blocks` more.  *message: NULL if it was given up itself. */
static bool make_room(struct gelf *gelf, const struct sink *sink, int64_t now_ns,
                      const struct port_address *ip, uint32_t blocks,
                      struct gelf_message **message) {
    for (;;) { /* ends: each turn frees at least one block */
        const struct gelf_peer *own = find_peer(gelf, ip);
        struct gelf_message *oldest = NULL;
        if (own && own->blocks + blocks > GELF_PEER_BLOCKS)
            oldest = own->oldest;
        else if (gelf->blocks_free < blocks)
            oldest = largest(gelf)->oldest;
        if (!oldest) return true;
        if (!reject(gelf, sink, oldest, now_ns, REJECT_GELF_MEMORY)) return false;
        if (oldest == *message) {
            *message = NULL;
            return true;
        }
    }
}

static void add(struct gelf *gelf, struct gelf_message *message, uint8_t number,
                const uint8_t *bytes, size_t size) {
    const uint32_t blocks = blocks_of(size);
    for (uint32_t i = 0; i < blocks; i++) {
        struct gelf_block *block = take_block(gelf);
        const size_t from = (size_t)i * GELF_BLOCK_BYTES;
        const size_t part = size - from < GELF_BLOCK_BYTES ? size - from : GELF_BLOCK_BYTES;
        block->size = (uint16_t)size;
        block->number = number;
        memcpy(block->bytes, bytes + from, part);
        *(message->last ? &message->last->next : &message->first) = block;
        message->last = block;
    }
    message->blocks += blocks;
    message->bytes += (uint32_t)size;
    message->received++;
    message->seen[number / 64] |= UINT64_C(1) << number % 64;
    hold(gelf, message->peer, message->peer->blocks + blocks);
}

/* Copies the chunks of a complete message in order. */
static void put_together(struct gelf *gelf, const struct gelf_message *message) {
    const struct gelf_block *chunks[GELF_CHUNKS_MAX];
    for (const struct gelf_block *block = message->first; block;) {
        chunks[block->number] = block;
        for (uint32_t i = blocks_of(block->size); i > 0; i--)
            block = block->next;
    }
    uint8_t *out = gelf->message;
    for (uint32_t i = 0; i < message->count; i++) {
        const struct gelf_block *block = chunks[i];
        for (size_t left = block->size; left > 0; block = block->next) {
            const size_t part = left < GELF_BLOCK_BYTES ? left : GELF_BLOCK_BYTES;
            memcpy(out, block->bytes, part);
            out += part;
            left -= part;
        }
    }
}

bool gelf_take(struct gelf *gelf, const struct sink *sink, int64_t now_ns, const uint8_t *bytes,
               size_t size, const uint8_t **whole, size_t *whole_size) {
    *whole = NULL;
    const uint8_t number = size < GELF_HEADER_BYTES ? 0 : bytes[10];
    const uint8_t count = size < GELF_HEADER_BYTES ? 0 : bytes[11];
    if (count > GELF_CHUNKS_MAX || number >= count || size > UINT16_MAX)
        return sink_reject(sink, bytes, size, REJECT_GELF_CHUNK, size);
    const uint8_t *part = bytes + GELF_HEADER_BYTES;
    const size_t part_size = size - GELF_HEADER_BYTES;
    if (count == 1) { /* some clients send all messages so */
        *whole = part;
        *whole_size = part_size;
        return true;
    }
    if (!gelf_expire(gelf, sink, now_ns)) return false;
    const struct port_address ip = address_of(sink->origin);
    uint64_t id;
    memcpy(&id, bytes + 2, sizeof id);
    struct gelf_message *message = find(gelf, &ip, id);
    const bool seen = message && (message->seen[number / 64] >> number % 64 & 1);
    if (message && message->peer && message->count != count)
        return sink_reject(sink, bytes, size, REJECT_GELF_CHUNK, size);
    if (message && (!message->peer || seen)) {
        gelf->ignored++;
        return true;
    }
    if (message && (message->bytes + part_size > gelf->message_max ||
                    message->blocks + blocks_of(part_size) > GELF_PEER_BLOCKS))
        return reject(gelf, sink, message, now_ns, REJECT_OVERSIZED);
    const bool known = message != NULL;
    if (!make_room(gelf, sink, now_ns, &ip, blocks_of(part_size), &message)) return false;
    if (known && !message) return true; /* it was the one that was given up */
    if (!message) message = begin(gelf, sink->origin, &ip, id, count, now_ns);
    add(gelf, message, number, part, part_size);
    if (message->received < count) return true;
    put_together(gelf, message);
    *whole = gelf->message;
    *whole_size = message->bytes;
    end(gelf, message, now_ns);
    return true;
}

bool gelf_expire(struct gelf *gelf, const struct sink *sink, int64_t now_ns) {
    while (gelf->unfinished.first && gelf_due_ns(gelf) <= now_ns)
        if (!reject(gelf, sink, gelf->unfinished.first, now_ns, REJECT_GELF_INCOMPLETE))
            return false;
    while (gelf->ended.first && gelf->ended.first->since_ns <= now_ns - GELF_TIMEOUT_NS)
        forget_ended(gelf, gelf->ended.first);
    return true;
}

int64_t gelf_due_ns(const struct gelf *gelf) {
    return gelf->unfinished.first ? gelf->unfinished.first->since_ns + GELF_TIMEOUT_NS : INT64_MAX;
}
