/* field_values.c - see field_tree_internal.h. */
#include "tools/render/field_tree_internal.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "schema/record/facts.h"

static void note_bound(char *bound, const uint8_t *text, size_t size) {
    memcpy(bound, text, size);
    bound[size] = '\0';
}

static void add_number(struct bounds *bounds, const uint8_t *text, size_t size) {
    char number[FIELD_BOUND_TEXT];
    if (size > NUMBER_TEXT_MAX) return;
    note_bound(number, text, size);
    const double value = strtod(number, NULL);
    if (!bounds->some || value < bounds->least_number) {
        bounds->least_number = value;
        note_bound(bounds->least, text, size);
    }
    if (!bounds->some || value > bounds->most_number) {
        bounds->most_number = value;
        note_bound(bounds->most, text, size);
    }
    bounds->some = true;
}

/* Numbers in strings are no times. */
static bool is_time(const uint8_t *text, size_t size, int64_t *time_ns) {
    return size >= sizeof "2026-11-24" - 1 && size <= NUMBER_TEXT_MAX && text[4] == '-' &&
           time_parse((const char *)text, size, time_ns) == 0;
}

static void add_string(struct node *node, const uint8_t *text, size_t size) {
    struct bounds *const bounds = &node->times;
    int64_t time_ns;
    if (node->other_texts) return;
    if (!is_time(text, size, &time_ns)) {
        node->other_texts = true;
        return;
    }
    if (!bounds->some || time_ns < bounds->least_ns) {
        bounds->least_ns = time_ns;
        note_bound(bounds->least, text, size);
    }
    if (!bounds->some || time_ns > bounds->most_ns) {
        bounds->most_ns = time_ns;
        note_bound(bounds->most, text, size);
    }
    bounds->some = true;
}

static void count_value(struct field_tree *t, struct node *node, const uint8_t *text, size_t size,
                        uint64_t count) {
    bool fresh;
    if (node->top.used == VALUES_FEW && node->top.values_max == VALUES_FEW &&
        t->many < MANY_FIELDS && node->top.heap == NULL && !node->top.closed) {
        node->top.values_max = VALUES_MANY;
        t->many++;
    }
    top_add_many(&node->top, text, size, count, &fresh);
}

void field_node_add_scalar(struct field_tree *t, struct node *node, const struct value *value) {
    uint8_t text[TOP_VALUE_BYTES_MAX];
    node->listed++;
    if (t->window != 0) return;
    const size_t size = value_text(value, text, sizeof text);
    if (value->kind == VALUE_NUMBER)
        add_number(&node->numbers, value->begin, (size_t)(value->end - value->begin));
    else if (value->kind == VALUE_STRING)
        add_string(node, text, size);
    distinct_add(&node->distinct, hash_bytes((const char *)text, size));
    count_value(t, node, text, size, 1);
}

static void unite_bounds(struct bounds *into, const struct bounds *from) {
    if (!from->some) return;
    if (!into->some || from->least_number < into->least_number || from->least_ns < into->least_ns) {
        into->least_number = from->least_number;
        into->least_ns = from->least_ns;
        memcpy(into->least, from->least, sizeof into->least);
    }
    if (!into->some || from->most_number > into->most_number || from->most_ns > into->most_ns) {
        into->most_number = from->most_number;
        into->most_ns = from->most_ns;
        memcpy(into->most, from->most, sizeof into->most);
    }
    into->some = true;
}

void field_node_unite(struct field_tree *t, struct node *into, const struct node *from) {
    for (uint32_t w = 0; w < FIELD_WINDOWS; w++) {
        into->records[w] += from->records[w];
        for (uint32_t i = 0; i < FIELD_TYPES; i++)
            into->types[w][i] += from->types[w][i];
    }
    into->listed += from->listed;
    distinct_join(&into->distinct, &from->distinct);
    distinct_join(&into->keys, &from->keys);
    unite_bounds(&into->numbers, &from->numbers);
    unite_bounds(&into->times, &from->times);
    into->other_texts = into->other_texts || from->other_texts;
    for (uint32_t i = 0; i < from->top.used; i++) {
        const struct top_value *const value = &from->top.values[i];
        count_value(t, into, from->top.texts + value->text, value->size, value->count);
    }
}

/* Values that occur less often cannot be told from those that were replaced. */
uint64_t field_node_uncertain_below(const struct top *top) {
    if (top_is_approximate(top)) return top->bound + top->bound / 8 + 16;
    return top->closed ? top->bound : 0;
}
