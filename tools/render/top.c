/* top.c - see top.h. */
#include "tools/render/top.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "tools/query/allocate.h"

#define ROOM_MIN     16 /* powers of two only */
/* Values that top_recount keeps at least. */
#define RECOUNT_MIN  4096
#define RECOUNT_MORE 8 /* times as many as are wanted */

/* ---- limits ---- */

static uint32_t values_max(const struct top *top) {
    return top->values_max > 0 ? top->values_max : TOP_VALUES_MAX;
}

static uint32_t bytes_max(const struct top *top) {
    return top->bytes_max > 0 ? top->bytes_max : TOP_VALUE_BYTES_MAX;
}

/* ---- the table ---- */

struct wanted_value {
    const struct top *top;
    const uint8_t *text;
    size_t size;
};

static bool is_wanted_value(const void *context, uint32_t number) {
    const struct wanted_value *const wanted = context;
    const struct top_value *const value = &wanted->top->values[number];
    return value->size == wanted->size &&
           (wanted->size == 0 ||
            memcmp(wanted->top->texts + value->text, wanted->text, wanted->size) == 0);
}

/* The value's slot, or the free one where it belongs. */
static uint32_t slot_of(const struct top *top, uint64_t hash, const uint8_t *text, size_t size) {
    const struct wanted_value wanted = {top, text, size};
    return hash_table_slot(&top->table, hash, is_wanted_value, &wanted);
}

static void grow(struct top *top) {
    top->room = top->room > 0 ? top->room * 2 : ROOM_MIN;
    top->values = reallocate(top->values, top->room * sizeof *top->values);
    hash_table_grow(&top->table, top->room * 2);
}

/* ---- texts ---- */

/* Moves the texts of all values to the front, when replaced ones have left as many bytes. */
static void compact_texts(struct top *top) {
    size_t used = 0;
    for (uint32_t i = 0; i < top->used; i++)
        used += top->values[i].size;
    top->texts_room = used * 2 + bytes_max(top);
    uint8_t *texts = allocate(top->texts_room);
    used = 0;
    for (uint32_t i = 0; i < top->used; i++) {
        struct top_value *value = &top->values[i];
        memcpy(texts + used, top->texts + value->text, value->size);
        value->text = used;
        value->room = value->size;
        used += value->size;
    }
    free(top->texts);
    top->texts = texts;
    top->texts_used = used;
}

static void keep_text(struct top *top, struct top_value *value, const uint8_t *text, size_t size) {
    if (value->room < size) {
        if (top->texts == NULL || top->texts_room - top->texts_used < size) {
            value->size = 0; /* its text is not needed any more */
            if (top->heap != NULL) compact_texts(top);
            if (top->texts_room - top->texts_used < size) {
                top->texts_room = (top->texts_room + size) * 2;
                top->texts = reallocate(top->texts, top->texts_room);
            }
        }
        value->text = top->texts_used;
        value->room = (uint32_t)size;
        top->texts_used += size;
    }
    if (size > 0) memcpy(top->texts + value->text, text, size); /* texts may be NULL otherwise */
    value->size = (uint32_t)size;
}

/* ---- the heap: each count is at least that of its parent ---- */

static void put_in_heap(struct top *top, uint32_t place, uint32_t number) {
    top->heap[place] = number;
    top->values[number].place = place;
}

/* The count of the value at this place has risen. */
static void sink(struct top *top, uint32_t place) {
    const uint32_t number = top->heap[place];
    const uint64_t count = top->values[number].count;
    for (;;) { /* ends: the place rises */
        uint32_t child = 2 * place + 1;
        if (child >= top->used) break;
        if (child + 1 < top->used &&
            top->values[top->heap[child + 1]].count < top->values[top->heap[child]].count)
            child++;
        if (top->values[top->heap[child]].count >= count) break;
        put_in_heap(top, place, top->heap[child]);
        place = child;
    }
    put_in_heap(top, place, number);
}

static void make_heap(struct top *top) {
    top->heap = allocate(top->used * sizeof *top->heap);
    for (uint32_t i = 0; i < top->used; i++)
        put_in_heap(top, i, i);
    for (uint32_t i = top->used / 2; i-- > 0;)
        sink(top, i);
}

/* ---- adding ---- */

/* Takes the place of the least frequent value. */
static uint32_t replace(struct top *top, uint64_t hash, const uint8_t *text, size_t size,
                        uint64_t count) {
    if (top->heap == NULL) make_heap(top);
    const uint32_t number = top->heap[0];
    struct top_value *value = &top->values[number];
    top->bound = value->count;
    hash_table_remove(&top->table,
                      slot_of(top, value->hash, top->texts + value->text, value->size));
    keep_text(top, value, text, size);
    value->hash = hash;
    value->error = value->count;
    value->count += count;
    hash_table_add(&top->table, hash, number);
    sink(top, 0);
    return value->id;
}

static uint32_t take(struct top *top, uint32_t slot, uint64_t hash, const uint8_t *text,
                     size_t size, uint64_t count) {
    const uint32_t id = top->used++;
    struct top_value *value = &top->values[id];
    *value = (struct top_value){.hash = hash, .count = count, .id = id};
    keep_text(top, value, text, size);
    hash_table_put(&top->table, slot, hash, id);
    return id;
}

static uint32_t add_hashed(struct top *top, uint64_t hash, const uint8_t *text, size_t size,
                           uint64_t count, bool *fresh) {
    const uint32_t max = values_max(top);
    if (top->used == top->room && !top->closed && top->room < max) grow(top);
    const uint32_t slot = slot_of(top, hash, text, size);
    const uint32_t number = hash_table_number(&top->table, slot);
    *fresh = number == HASH_TABLE_NONE;
    if (!*fresh) {
        struct top_value *value = &top->values[number];
        value->count += count;
        if (top->heap != NULL) sink(top, value->place);
        return value->id;
    }
    if (top->closed) {
        top->others += count;
        return TOP_NONE;
    }
    return top->used < max ? take(top, slot, hash, text, size, count)
                           : replace(top, hash, text, size, count);
}

uint32_t top_add_many(struct top *top, const uint8_t *text, size_t size, uint64_t count,
                      bool *fresh) {
    if (size > bytes_max(top)) size = bytes_max(top);
    return add_hashed(top, hash_bytes((const char *)text, size), text, size, count, fresh);
}

void top_add(struct top *top, const uint8_t *text, size_t size) {
    bool fresh;
    top_add_many(top, text, size, 1, &fresh);
}

bool top_is_full(const struct top *top) {
    return top->used == values_max(top);
}

void top_join(struct top *top, const struct top *part) {
    assert(part->heap == NULL);
    for (uint32_t i = 0; i < part->used; i++) {
        const struct top_value *const value = &part->values[i];
        bool fresh;
        add_hashed(top, value->hash, part->texts + value->text, value->size, value->count, &fresh);
    }
}

void top_forget(struct top *top) {
    assert(top->heap == NULL);
    if (top->used > 0) hash_table_clear(&top->table);
    top->used = 0;
    top->texts_used = 0;
}

bool top_has(const struct top *top, const uint8_t *text, size_t size) {
    if (top->used == 0) return false;
    const uint32_t slot = slot_of(top, hash_bytes((const char *)text, size), text, size);
    return hash_table_number(&top->table, slot) != HASH_TABLE_NONE;
}

bool top_is_approximate(const struct top *top) {
    return top->heap != NULL;
}

void top_recount(struct top *top, uint32_t count) {
    uint32_t keep = count < TOP_VALUES_MAX / RECOUNT_MORE ? count * RECOUNT_MORE : TOP_VALUES_MAX;
    if (keep < RECOUNT_MIN) keep = RECOUNT_MIN;
    const uint32_t values = top_sort(top);
    if (keep > values) keep = values;
    /* What is left out occurs at most as often as it was counted. */
    if (keep < values) top->bound = top->values[keep].count;
    top->used = keep;
    for (uint32_t i = 0; i < keep; i++)
        top->values[i].count = top->values[i].error = 0;
    free(top->heap);
    top->heap = NULL;
    hash_table_clear(&top->table);
    for (uint32_t i = 0; i < keep; i++)
        hash_table_add(&top->table, top->values[i].hash, i);
    top->closed = true;
}

/* ---- sorting ---- */

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
    struct sortable_value *sorted = allocate((top->used + 1) * sizeof *sorted);
    uint32_t count = 0;
    for (uint32_t i = 0; i < top->used; i++)
        if (top->values[i].count > 0)
            sorted[count++] =
                (struct sortable_value){top->values[i], top->texts + top->values[i].text};
    if (count > 0) qsort(sorted, count, sizeof *sorted, compare);
    for (uint32_t i = 0; i < count; i++)
        top->values[i] = sorted[i].value;
    top->used = count;
    free(sorted);
    return count;
}

void top_free(struct top *top) {
    free(top->values);
    hash_table_free(&top->table);
    free(top->heap);
    free(top->texts);
    memset(top, 0, sizeof *top);
}
