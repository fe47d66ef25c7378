/* top.h - how often each value occurs, and the most frequent ones.  At most
 * TOP_VALUES_MAX different ones are told apart; what comes beyond them is counted as `others`. */
#ifndef TOOLS_RENDER_TOP_H
#define TOOLS_RENDER_TOP_H

#include <stddef.h>
#include <stdint.h>

#define TOP_VALUES_MAX      100000
#define TOP_VALUE_BYTES_MAX 256 /* longer ones are told apart by so many bytes */

struct top_value {
    uint64_t hash, count;
    uint32_t text, size; /* texts[text .. text + size) */
};

struct top {
    struct top_value *values; /* a hash table; count 0: free */
    uint32_t room, used;
    uint8_t *texts;
    size_t texts_used, texts_room;
    uint64_t others;
};

/* Begins as all zero. */
void top_add(struct top *top, const uint8_t *text, size_t size);
/* The most frequent first, the same often by their text; nothing can be added then.  Returns
 * their number. */
uint32_t top_sort(struct top *top);
void top_free(struct top *top);

#endif
