/* top.c - see top.h. */
#include "tools/render/top.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"
#include "tools/render/output.h"

#define ROOM_MIN 1024 /* powers of two only */

static uint64_t hash_of(const uint8_t *text, size_t size) {
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ text[i]) * 0x100000001b3;
    return hash ^ hash >> 32;
}

static struct top_value *place_of(struct top *top, uint64_t hash, const uint8_t *text,
                                  size_t size) {
    uint32_t i = (uint32_t)hash & (top->room - 1);
    for (;; i = (i + 1) & (top->room - 1)) { /* ends: the table is never full */
        struct top_value *value = &top->values[i];
        if (value->count == 0) return value;
        if (value->hash == hash && value->size == size &&
            memcmp(top->texts + value->text, text, size) == 0)
            return value;
    }
}

static void grow(struct top *top) {
    const struct top before = *top;
    top->room = before.room > 0 ? before.room * 2 : ROOM_MIN;
    top->values = allocate(top->room * sizeof *top->values);
    memset(top->values, 0, top->room * sizeof *top->values);
    for (uint32_t i = 0; i < before.room; i++) {
        const struct top_value *value = &before.values[i];
        if (value->count > 0)
            *place_of(top, value->hash, top->texts + value->text, value->size) = *value;
    }
    free(before.values);
}

static uint32_t keep_text(struct top *top, const uint8_t *text, size_t size) {
    if (top->texts == NULL || top->texts_room - top->texts_used < size) {
        top->texts_room = (top->texts_room + size) * 2;
        top->texts = reallocate(top->texts, top->texts_room);
    }
    memcpy(top->texts + top->texts_used, text, size);
    top->texts_used += size;
    return (uint32_t)(top->texts_used - size);
}

void top_add(struct top *top, const uint8_t *text, size_t size) {
    if (size > TOP_VALUE_BYTES_MAX) size = TOP_VALUE_BYTES_MAX;
    if (top->used * 2 >= top->room) grow(top);
    const uint64_t hash = hash_of(text, size);
    struct top_value *value = place_of(top, hash, text, size);
    if (value->count > 0) {
        value->count++;
    } else if (top->used == TOP_VALUES_MAX) {
        top->others++;
    } else {
        top->used++;
        *value = (struct top_value){hash, 1, keep_text(top, text, size), (uint32_t)size};
    }
}

/* qsort passes no context, so each value points to its text. */
struct sortable_value {
    struct top_value value;
    const uint8_t *text;
};

static int compare(const void *a, const void *b) {
    const struct sortable_value *x = a, *y = b;
    if (x->value.count != y->value.count) return x->value.count > y->value.count ? -1 : 1;
    const uint32_t size = x->value.size < y->value.size ? x->value.size : y->value.size;
    const int order = memcmp(x->text, y->text, size);
    return order != 0 ? order : (x->value.size > y->value.size) - (x->value.size < y->value.size);
}

uint32_t top_sort(struct top *top) {
    struct sortable_value *sorted = allocate(top->used * sizeof *sorted);
    uint32_t count = 0;
    for (uint32_t i = 0; i < top->room; i++)
        if (top->values[i].count > 0)
            sorted[count++] =
                (struct sortable_value){top->values[i], top->texts + top->values[i].text};
    qsort(sorted, count, sizeof *sorted, compare);
    for (uint32_t i = 0; i < count; i++)
        top->values[i] = sorted[i].value;
    free(sorted);
    return count;
}

void top_free(struct top *top) {
    free(top->values);
    free(top->texts);
    memset(top, 0, sizeof *top);
}
