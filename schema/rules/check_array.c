/* check_array.c - arrays: each item against the schema of its position, contains, and
 * uniqueItems. */
#include "schema/rules/check.h"

#include <assert.h>
#include <string.h>

#include "schema/json/equal.h"

static const char *check_items(struct schema_checker *checker, const struct node *node,
                               const char *p, struct marks *marks, uint32_t *count);
static bool check_counts(struct schema_checker *checker, const struct node *node, const char *p,
                         uint32_t count, uint32_t contained);

const char *check_array(struct schema_checker *checker, const struct node *node, const char *p,
                        const uint32_t *quote, struct marks *marks) {
    const struct array_rules *rules = node->array;
    uint32_t count = 0;
    if (UNLIKELY(checker->depth == CHECK_DEPTH_MAX)) return check_give_up(checker, GIVE_UP_DEPTH);
    checker->depth++;
    checker->quote = quote;
    const char *end = check_items(checker, node, p, marks, &count);
    if (end && rules->unique && !check_unique(checker, node, p, count)) end = NULL;
    if (end && marks && rules->items) marks->all = true;
    checker->depth--;
    return end;
}

/* The schema of an item's position, or NULL. */
static const struct node *node_at(const struct array_rules *rules, uint32_t position) {
    return position < rules->prefix_count ? rules->prefix[position] : rules->items;
}

/* The item has been visited before; quote: checker->quote at its start. */
static bool is_contained(struct schema_checker *checker, const struct node *wanted, const char *p,
                         const uint32_t *quote) {
    const uint32_t *quote_after = checker->quote;
    checker->quote = quote;
    checker->quiet++;
    const bool contained = check_value(checker, wanted, p, NULL) != NULL;
    checker->quiet--;
    checker->quote = quote_after;
    return contained;
}

static const char *check_items(struct schema_checker *checker, const struct node *node,
                               const char *p, struct marks *marks, uint32_t *count) {
    const struct array_rules *rules = node->array;
    const char *item = scan_space(p + 1);
    uint32_t contained = 0;
    if (*item == ']') return check_counts(checker, node, p, 0, 0) ? item + 1 : NULL;
    for (;;) { /* ends at the array's end */
        if (UNLIKELY(--checker->steps < 0)) return check_give_up(checker, GIVE_UP_STEPS);
        const struct node *its = node_at(rules, *count);
        const uint32_t *quote = checker->quote;
        const char *end = its ? check_value(checker, its, item, NULL) : check_skip(checker, item);
        if (UNLIKELY(!end)) return NULL;
        if (marks && *count < rules->prefix_count) check_mark(marks, *count);
        if (rules->contains && is_contained(checker, rules->contains, item, quote)) {
            contained++;
            if (marks) check_mark(marks, *count);
        }
        if (UNLIKELY(checker->given_up)) return NULL;
        (*count)++;
        item = scan_space(end);
        if (*item != ',') break;
        item = scan_space(item + 1);
    }
    return check_counts(checker, node, p, *count, contained) ? item + 1 : NULL;
}

static bool check_counts(struct schema_checker *checker, const struct node *node, const char *p,
                         uint32_t count, uint32_t contained) {
    const struct array_rules *rules = node->array;
    if (UNLIKELY(count < rules->items_min))
        return check_failed(checker, node, p, KEYWORD_MIN_ITEMS, count, rules->items_min, NULL) !=
               NULL;
    if (UNLIKELY(count > rules->items_max))
        return check_failed(checker, node, p, KEYWORD_MAX_ITEMS, count, rules->items_max, NULL) !=
               NULL;
    if (!rules->contains) return true;
    if (UNLIKELY(contained < rules->contains_min))
        return check_failed(checker, node, p,
                            rules->contains_min == 1 ? KEYWORD_CONTAINS : KEYWORD_MIN_CONTAINS,
                            contained, rules->contains_min, NULL) != NULL;
    if (UNLIKELY(contained > rules->contains_max))
        return check_failed(checker, node, p, KEYWORD_MAX_CONTAINS, contained, rules->contains_max,
                            NULL) != NULL;
    return true;
}

/* ---- uniqueItems ---- */

/* So few and small items are compared each with each. */
#define FEW_ITEMS      8
#define FEW_BYTES_EACH 512

static bool check_many(struct schema_checker *checker, const struct node *node, const char *p,
                       uint32_t count);

static bool failed_unique(struct schema_checker *checker, const struct node *node, const char *p,
                          uint32_t first, uint32_t second) {
    return check_failed(checker, node, p, KEYWORD_UNIQUE_ITEMS, first, second, NULL) != NULL;
}

/* The next item, or the closing bracket. */
static const char *next_item(const char *end) {
    const char *p = scan_space(end);
    return *p == ',' ? scan_space(p + 1) : p;
}

static bool check_few(struct schema_checker *checker, const struct node *node, const char *p,
                      uint32_t count) {
    const char *items[FEW_ITEMS], *ends[FEW_ITEMS];
    const char *item = scan_space(p + 1);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = item;
        ends[i] = scan_value(item);
        const size_t size = (size_t)(ends[i] - item);
        if (size > FEW_BYTES_EACH) return check_many(checker, node, p, count);
        for (uint32_t k = 0; k < i; k++) {
            checker->steps -= 1 + (int64_t)(size / 16);
            if (json_equal(items[k], (size_t)(ends[k] - items[k]), item, size))
                return failed_unique(checker, node, p, k, i);
        }
        item = next_item(ends[i]);
    }
    return true;
}

/* The index of the item at `wanted`. */
static uint32_t item_at(const char *array, const char *wanted) {
    uint32_t position = 0;
    for (const char *item = scan_space(array + 1); item != wanted; position++)
        item = next_item(scan_value(item));
    return position;
}

bool check_unique(struct schema_checker *checker, const struct node *node, const char *p,
                  uint32_t count) {
    return count <= FEW_ITEMS ? check_few(checker, node, p, count)
                              : check_many(checker, node, p, count);
}

/* A slot holds the upper half of the hash, and below it the item's offset in the line + 1. */
static bool check_many(struct schema_checker *checker, const struct node *node, const char *p,
                       uint32_t count) {
    size_t slots = 32;
    while (slots < (size_t)count * 2 && slots < checker->item_slots)
        slots *= 2;
    memset(checker->items, 0, slots * sizeof *checker->items);
    const char *item = scan_space(p + 1);
    for (uint32_t i = 0; i < count; i++) {
        const char *end = scan_value(item);
        const size_t size = (size_t)(end - item);
        const uint64_t hash = json_hash(item, size), upper = hash >> 32 << 32;
        checker->steps -= 1 + (int64_t)(size / 16);
        if (i >= slots / 4 * 3) return check_give_up(checker, GIVE_UP_MEMORY) != NULL;
        size_t at = (size_t)hash & (slots - 1);
        for (; checker->items[at] != 0; at = (at + 1) & (slots - 1)) {
            if (--checker->steps < 0) return check_give_up(checker, GIVE_UP_STEPS) != NULL;
            if ((checker->items[at] ^ upper) >> 32 != 0) continue;
            const char *other = checker->line + (uint32_t)checker->items[at] - 1;
            const size_t other_size = (size_t)(scan_value(other) - other);
            checker->steps -= (int64_t)(size / 16);
            if (json_equal(other, other_size, item, size))
                return failed_unique(checker, node, p, item_at(p, other), i);
        }
        checker->items[at] = upper | (uint32_t)(item - checker->line + 1);
        item = next_item(end);
    }
    return true;
}
