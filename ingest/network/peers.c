/* peers.c - see peers.h. */
#include "ingest/network/peers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/cidr.h"
#include "port/error.h"

#define NO_PEER   UINT32_MAX
#define SECOND_NS INT64_C(1000000000)

static uint32_t room_for(uint32_t connections) {
    return connections + PEERS_IDLE_MAX;
}

static uint32_t buckets_for(uint32_t room) {
    uint32_t count = 1;
    while (count < room) /* ends: room is far below UINT32_MAX / 2 */
        count *= 2;
    return count;
}

int peers_create(uint32_t connections, uint64_t seed, struct peers *peers) {
    const uint32_t room = room_for(connections), buckets = buckets_for(room);
    *peers = (struct peers){.all = malloc((size_t)room * sizeof(struct peer)),
                            .buckets = malloc((size_t)buckets * sizeof(uint32_t)),
                            .bucket_count = buckets,
                            .room = room,
                            .free = NO_PEER,
                            .idle_first = NO_PEER,
                            .idle_last = NO_PEER,
                            .seed = seed};
    if (!peers->all || !peers->buckets) {
        peers_free(peers);
        return ERR_NO_MEMORY;
    }
    memset(peers->buckets, 0xFF, (size_t)buckets * sizeof(uint32_t));
    return 0;
}

void peers_free(struct peers *peers) {
    free(peers->all);
    free(peers->buckets);
    *peers = (struct peers){0};
}

size_t peers_memory(uint32_t connections) {
    const uint32_t room = room_for(connections);
    return (size_t)room * sizeof(struct peer) + (size_t)buckets_for(room) * sizeof(uint32_t);
}

/* ---- keys ---- */

static uint64_t number_of(const uint8_t bytes[8]) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

static bool is_mapped(uint64_t high, uint64_t low) {
    return high == 0 && low >> 32 == 0xFFFF;
}

static bool key_of(const struct port_address *address, uint64_t *high, uint64_t *low) {
    uint8_t ip[CIDR_BYTES];
    if (!cidr_address(address, ip)) return false;
    *high = number_of(ip);
    *low = number_of(ip + 8);
    const bool link_local = *high >> 54 == 0xFE80 >> 6; /* fe80::/10 */
    if (!is_mapped(*high, *low) && !link_local) *low = 0;
    return true;
}

static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9); /* the finalizer of SplitMix64 */
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint32_t *bucket_of(const struct peers *peers, uint64_t high, uint64_t low) {
    const uint64_t hash = mixed(mixed(high ^ peers->seed) ^ low);
    return &peers->buckets[hash & (peers->bucket_count - 1)];
}

/* ---- the idle ones, longest unused first ---- */

static uint32_t number(const struct peers *peers, const struct peer *peer) {
    return (uint32_t)(peer - peers->all);
}

static void idle_remove(struct peers *peers, const struct peer *peer) {
    if (peer->previous_idle == NO_PEER)
        peers->idle_first = peer->next_idle;
    else
        peers->all[peer->previous_idle].next_idle = peer->next_idle;
    if (peer->next_idle == NO_PEER)
        peers->idle_last = peer->previous_idle;
    else
        peers->all[peer->next_idle].previous_idle = peer->previous_idle;
    peers->idle_count--;
}

static void idle_append(struct peers *peers, struct peer *peer, int64_t now_ns) {
    peer->used_ns = now_ns;
    peer->next_idle = NO_PEER;
    peer->previous_idle = peers->idle_last;
    if (peers->idle_last == NO_PEER)
        peers->idle_first = number(peers, peer);
    else
        peers->all[peers->idle_last].next_idle = number(peers, peer);
    peers->idle_last = number(peers, peer);
    peers->idle_count++;
}

static void forget_oldest(struct peers *peers) {
    struct peer *peer = &peers->all[peers->idle_first];
    uint32_t *link = bucket_of(peers, peer->high, peer->low);
    idle_remove(peers, peer);
    while (*link != number(peers, peer)) /* ends: it is in this list */
        link = &peers->all[*link].next;
    *link = peer->next;
    peer->next = peers->free;
    peers->free = number(peers, peer);
}

static bool may_forget(const struct peer *peer, int64_t now_ns) {
    return now_ns - peer->used_ns >= PEERS_FORGET_NS ||
           (peer->full_ns[PEER_BYTES] <= now_ns && peer->full_ns[PEER_RECORDS] <= now_ns);
}

/* ---- finding ---- */

static struct peer *find(const struct peers *peers, uint64_t high, uint64_t low) {
    uint32_t i = *bucket_of(peers, high, low);
    while (i != NO_PEER && (peers->all[i].high != high || peers->all[i].low != low))
        i = peers->all[i].next;
    return i == NO_PEER ? NULL : &peers->all[i];
}

/* There is room: at most PEERS_IDLE_MAX are idle, and each other one has a connection. */
static struct peer *add(struct peers *peers, uint64_t high, uint64_t low) {
    uint32_t *bucket = bucket_of(peers, high, low);
    uint32_t i = peers->free;
    if (i != NO_PEER)
        peers->free = peers->all[i].next;
    else
        i = peers->used++;
    assert(i < peers->room);
    peers->all[i] = (struct peer){.high = high, .low = low, .next = *bucket};
    *bucket = i;
    return &peers->all[i];
}

struct peer *peers_connect(struct peers *peers, const struct port_address *address) {
    uint64_t high, low;
    if (!key_of(address, &high, &low)) return NULL;
    struct peer *peer = find(peers, high, low);
    if (!peer)
        peer = add(peers, high, low);
    else if (peer->connections == 0)
        idle_remove(peers, peer);
    peer->connections++;
    return peer;
}

void peers_disconnect(struct peers *peers, struct peer *peer, int64_t now_ns) {
    assert(peer->connections > 0);
    if (--peer->connections > 0) return;
    if (peers->idle_count == PEERS_IDLE_MAX) forget_oldest(peers);
    idle_append(peers, peer, now_ns);
}

struct peer *peers_find(struct peers *peers, const struct port_address *address, int64_t now_ns) {
    uint64_t high, low;
    if (!key_of(address, &high, &low)) return NULL;
    struct peer *peer = find(peers, high, low);
    if (peer && peer->connections > 0) return peer;
    if (peer) {
        idle_remove(peers, peer);
    } else {
        if (peers->idle_count == PEERS_IDLE_MAX) {
            if (!may_forget(&peers->all[peers->idle_first], now_ns)) return &peers->others;
            forget_oldest(peers);
        }
        peer = add(peers, high, low);
    }
    idle_append(peers, peer, now_ns);
    return peer;
}

/* ---- allowances ---- */

static uint64_t rate(const struct peer_limits *limits, enum peer_allowance allowance) {
    return allowance == PEER_BYTES ? limits->bytes_per_s : limits->records_per_s;
}

int64_t peer_wait_ns(const struct peer *peer, enum peer_allowance allowance,
                     const struct peer_limits *limits, int64_t now_ns) {
    if (rate(limits, allowance) == 0) return 0;
    const int64_t due_ns = peer->full_ns[allowance] - SECOND_NS + 1;
    return due_ns <= now_ns ? 0 : due_ns;
}

/* The time in which this amount is earned, rounded up: then a second never allows one more. */
static int64_t earning_ns(uint64_t amount, uint64_t per_s) {
    assert(amount <= UINT32_MAX && per_s <= PEER_RATE_MAX);
    return (int64_t)((amount * (uint64_t)SECOND_NS + per_s - 1) / per_s);
}

void peers_refill(struct peers *peers) {
    for (uint32_t i = 0; i < peers->used; i++)
        memset(peers->all[i].full_ns, 0, sizeof peers->all[i].full_ns);
    memset(peers->others.full_ns, 0, sizeof peers->others.full_ns);
}

void peer_use(struct peer *peer, enum peer_allowance allowance, const struct peer_limits *limits,
              uint64_t amount, int64_t now_ns) {
    const uint64_t per_s = rate(limits, allowance);
    if (per_s == 0) return;
    int64_t *full_ns = &peer->full_ns[allowance];
    if (*full_ns < now_ns) *full_ns = now_ns;
    const int64_t more = earning_ns(amount, per_s), most = INT64_MAX / 2;
    *full_ns = *full_ns < most - more ? *full_ns + more : most;
}
