/* unfold_internal.h - what the formats of unfold.h share.  All text is JSON that json.h has
 * accepted. */
#ifndef INGEST_PROTOCOL_UNFOLD_INTERNAL_H
#define INGEST_PROTOCOL_UNFOLD_INTERNAL_H

#include "ingest/protocol/unfold.h"
#include "schema/json/member.h"

/* A value. */
struct json_slice {
    const uint8_t *at, *end;
};

/* A record that is being written.  full: it does not fit, and what was written is useless. */
struct unfold_out {
    uint8_t *at, *end;
    bool full;
    size_t size; /* all that was put, also what did not fit */
};

struct unfold_format {
    uint32_t reason; /* of events that are not as they should be */
    /* Begins the lists; the problem, or NULL. */
    const char *(*begin)(struct unfold *unfold);
    /* Moves to the next event: at, end and problem.  False: there is none. */
    bool (*next)(struct unfold *unfold, struct unfold_event *event);
    /* Writes its record; the problem, or NULL. */
    const char *(*write)(struct unfold *unfold, struct json_slice event, struct unfold_out *out);
};

/* ---- reading ---- */

/* Begins to iterate over an array.  False: the value is not an array. */
bool unfold_open(struct unfold_list *list, const uint8_t *at, const uint8_t *end);
/* The next element; false: there is none. */
bool unfold_element(struct unfold_list *list, struct json_slice *element);
/* One of these names, in this case: its number, or -1. */
int unfold_name(const struct json_pair *pair, const char *const *names, int count);
/* Is this the name, in any case of the letters A to Z?  The name is in lower case. */
bool unfold_named(const struct json_pair *pair, const char *lower);

static inline bool slice_is_null(struct json_slice value) {
    return value.at == NULL || *value.at == 'n';
}
static inline bool slice_is_string(struct json_slice value) {
    return value.at != NULL && *value.at == '"';
}
static inline bool slice_is_empty_string(struct json_slice value) {
    return slice_is_string(value) && value.end - value.at == 2;
}
/* Without its quotes, if it has some. */
static inline struct json_slice slice_inside(struct json_slice value) {
    if (slice_is_string(value)) return (struct json_slice){value.at + 1, value.end - 1};
    return value;
}
/* An integer as JSON writes it, without fraction and exponent. */
bool slice_is_integer(struct json_slice digits);
/* Nanoseconds as digits, with or without quotes.  False: they are none, or beyond 2262. */
bool slice_time(struct json_slice value, int64_t *ns);

/* ---- writing ---- */

void unfold_put(struct unfold_out *out, const void *bytes, size_t size);
void unfold_text(struct unfold_out *out, const char *text);
void unfold_slice(struct unfold_out *out, struct json_slice value);
void unfold_time(struct unfold_out *out, int64_t ns);

/* Ends a record with what it shares, `,"NAME":VALUE` each, and a brace; writers[i] writes
 * unfold->shared[i].  Nothing that may fail comes after it: what is shared may be much larger than an
 * event, and must not be written for events that are rejected.  The problem, or NULL. */
typedef const char *unfold_writer(const struct unfold_shared *shared, struct unfold_out *out);
const char *unfold_share(struct unfold *unfold, unfold_writer *const *writers,
                         struct unfold_out *out);

#endif
