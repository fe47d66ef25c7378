/* sequences.h - a sorted set of segments' sequences that does not change, shared by threads. */
#ifndef WRITER_KEEP_SEQUENCES_H
#define WRITER_KEEP_SEQUENCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sequences {
    atomic_uint holders;
    uint32_t count;
    uint64_t all[]; /* ascending */
};

/* Room for `count` sequences, none of them set yet; the caller is the only holder.  NULL: no
 * memory. */
struct sequences *sequences_make(uint32_t count);
struct sequences *sequences_hold(struct sequences *set); /* returns its argument; NULL stays NULL */
void sequences_release(struct sequences *set);           /* the last release frees it; NULL: none */
/* NULL is the empty set. */
bool sequences_have(const struct sequences *set, uint64_t sequence);
/* The lowest sequence of `set` that is not in `other`; 0: there is none. */
uint64_t sequences_lowest_added(const struct sequences *set, const struct sequences *other);

#endif
