/* top.h - counts how often each value occurs and finds the most frequent ones.  At most
 * TOP_VALUES_MAX different values are counted separately; further ones are counted together in
 * `others`. */
#ifndef TOOLS_RENDER_TOP_H
#define TOOLS_RENDER_TOP_H

#include <stddef.h>
#include <stdint.h>

#define TOP_VALUES_MAX      100000
#define TOP_VALUE_BYTES_MAX 256 /* longer values are compared up to this length */

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

/* The struct starts as all zero. */
void top_add(struct top *top, const uint8_t *text, size_t size);
/* Sorts by frequency, then by text.  Returns the number of values; nothing can be added
 * afterwards. */
uint32_t top_sort(struct top *top);
void top_free(struct top *top);

#endif
