/* unfold_parts.c - what the formats of unfold.h share: see unfold_internal.h. */
#include <string.h>

#include "ingest/protocol/unfold_internal.h"
#include "schema/record/timestamp.h"

/* ---- reading ---- */

bool unfold_open(struct unfold_list *list, const uint8_t *at, const uint8_t *end) {
    *list = (struct unfold_list){NULL, NULL};
    if (at == NULL || *at != '[') return false;
    *list = (struct unfold_list){at, end};
    return true;
}

bool unfold_element(struct unfold_list *list, struct json_slice *element) {
    if (list->at == NULL) return false;
    const uint8_t *const at = *list->at == ']' ? list->at : json_space_end(list->at + 1, list->end);
    if (*at == ']') {
        list->at = NULL;
        return false;
    }
    element->at = at;
    element->end = json_value_end(at, list->end);
    list->at = json_space_end(element->end, list->end);
    return true;
}

/* Without escapes, so that its size says which names it may be. */
static bool is_plain(const struct json_pair *pair) {
    return memchr(pair->name, '\\', pair->name_size) == NULL;
}

int unfold_name(const struct json_pair *pair, const char *const *names, int count) {
    const bool plain = is_plain(pair);
    for (int i = 0; i < count; i++) {
        if (plain && strlen(names[i]) != pair->name_size) continue;
        if (plain ? memcmp(pair->name, names[i], pair->name_size) == 0
                  : json_name_is(pair, names[i]))
            return i;
    }
    return -1;
}

bool unfold_named(const struct json_pair *pair, const char *lower) {
    if (strlen(lower) > pair->name_size) return false; /* escapes only make it longer */
    if (strlen(lower) < pair->name_size && is_plain(pair)) return false;
    const uint8_t *at = pair->name, *const end = at + pair->name_size;
    while (at < end && *lower != '\0' && ascii_lower(json_name_byte(&at, end)) == (uint8_t)*lower)
        lower++;
    return at == end && *lower == '\0';
}

bool slice_is_integer(struct json_slice digits) {
    const uint8_t *at = digits.at + (digits.at < digits.end && *digits.at == '-');
    if (at == digits.end || (*at == '0' && at + 1 < digits.end)) return false;
    while (at < digits.end && *at >= '0' && *at <= '9')
        at++;
    return at == digits.end;
}

bool slice_time(struct json_slice value, int64_t *ns) {
    const struct json_slice digits = slice_inside(value);
    int64_t sum = 0;
    if (!slice_is_integer(digits)) return false;
    const bool negative = *digits.at == '-';
    for (const uint8_t *at = digits.at + negative; at < digits.end; at++) {
        const int64_t digit = *at - '0';
        if (sum < (INT64_MIN + digit) / 10) return false;
        sum = sum * 10 - digit;
    }
    if (!negative && sum == INT64_MIN) return false;
    *ns = negative ? sum : -sum;
    return true;
}

/* ---- writing ---- */

void unfold_put(struct unfold_out *out, const void *bytes, size_t size) {
    out->size += size;
    out->full = out->full || size > (size_t)(out->end - out->at);
    if (out->full) return;
    memcpy(out->at, bytes, size);
    out->at += size;
}

void unfold_text(struct unfold_out *out, const char *text) {
    unfold_put(out, text, strlen(text));
}

void unfold_slice(struct unfold_out *out, struct json_slice value) {
    unfold_put(out, value.at, (size_t)(value.end - value.at));
}

void unfold_time(struct unfold_out *out, int64_t ns) {
    char text[TIMESTAMP_TEXT_MAX];
    unfold_text(out, "\"");
    unfold_text(out, timestamp_format(ns, text));
    unfold_text(out, "\"");
}

/* Bytes of what is shared, as far as they are known. */
static size_t shared_size(const struct unfold *unfold) {
    size_t size = 0;
    for (int i = 0; i < UNFOLD_SHARED; i++)
        if (unfold->shared[i].exists && unfold->shared[i].size != SIZE_MAX)
            size += unfold->shared[i].size;
    return size;
}

const char *unfold_share(struct unfold *unfold, unfold_writer *const *writers,
                         struct unfold_out *out) {
    for (int i = 0; i < UNFOLD_SHARED; i++)
        if (unfold->shared[i].problem) return unfold->shared[i].problem;
    if (shared_size(unfold) + sizeof "}" - 1 > (size_t)(out->end - out->at)) out->full = true;
    for (int i = 0; i < UNFOLD_SHARED && !out->full; i++) {
        struct unfold_shared *shared = &unfold->shared[i];
        const uint8_t *const begin = out->at;
        const size_t before = out->size;
        if (!shared->exists) continue;
        if (shared->copy && shared->size > 0) {
            unfold_text(out, ","); /* in the copy it may have become a brace */
            unfold_put(out, shared->copy + 1, shared->size - 1);
        }
        if (shared->copy) continue;
        shared->problem = writers[i](shared, out);
        if (shared->problem) return shared->problem;
        shared->size = out->size - before;
        if (!out->full) shared->copy = begin;
    }
    unfold_text(out, "}");
    return NULL;
}
