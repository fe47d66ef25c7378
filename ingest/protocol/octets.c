/* octets.c - octet counting (RFC 6587 section 3.4.1): MSG-LEN SP MSG, where MSG-LEN is the number of
 * bytes of MSG in decimal digits without leading zeros.
 *
 * Some senders count a newline at the end of MSG, others send one that they do not count: both are
 * accepted, and so is a NUL.  After a length that cannot be one, nothing says where the next record
 * begins, so the connection is refused. */
#include "ingest/protocol/protocol.h"

/* Longer records are oversized in any case, and a count that no sender means would discard all that
 * follow. */
#define LENGTH_DIGITS_MAX 9

static bool refuse(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    if (!partial_reject(&session->partial, sink, bytes, size, REJECT_OCTET_COUNT)) return false;
    session->refused = REJECT_OCTET_COUNT;
    return true;
}

enum length { LENGTH_UNFINISHED, LENGTH_KNOWN, LENGTH_INVALID };

/* Takes a length, and the space after it. */
static enum length take_length(struct octet_state *state, const uint8_t *bytes, size_t size,
                               size_t *taken) {
    while (*taken < size) {
        const uint8_t byte = bytes[*taken];
        if (state->digits > 0 && byte == ' ') {
            ++*taken;
            state->left = state->length;
            return LENGTH_KNOWN;
        }
        if (byte >= '0' && byte <= '9') {
            if (state->digits == LENGTH_DIGITS_MAX || (state->digits == 0 && byte == '0'))
                return LENGTH_INVALID;
            state->length = state->length * 10 + (uint32_t)(byte - '0');
            state->digits++;
        } else if (state->digits > 0 || !(depth_space(byte) || byte == '\0')) {
            return LENGTH_INVALID;
        }
        ++*taken;
    }
    return LENGTH_UNFINISHED;
}

/* The digits that end here, except the `earlier` ones, are an unfinished record until a byte of the
 * record they announce has arrived. */
static void keep_digits(struct session *session, const struct sink *sink, const uint8_t *end,
                        uint8_t earlier) {
    const size_t size = session->state.octet.digits - earlier;
    partial_add(&session->partial, sink, end - size, size);
}

/* Returns how many bytes it took of a record that has begun; 0: no room. */
static size_t take_record(struct session *session, const struct sink *sink, const uint8_t *bytes,
                          size_t size) {
    struct octet_state *state = &session->state.octet;
    if (state->left == state->length && session->partial.size > 0)
        partial_forget(&session->partial, sink->memory);
    if (size < state->left) {
        partial_add(&session->partial, sink, bytes, size);
        state->left -= (uint32_t)size;
        return size;
    }
    const size_t part = state->left;
    const bool taken = session->partial.size == 0
                           ? sink_record(sink, bytes, part, SINK_TEXT)
                           : partial_finish(&session->partial, sink, bytes, part, SINK_TEXT);
    if (!taken) return 0;
    *state = (struct octet_state){0};
    return part;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct octet_state *state = &session->state.octet;
    size_t taken = 0;
    while (taken < size) {
        const uint8_t *at = bytes + taken;
        const size_t left = size - taken;
        size_t part = 0;
        if (state->left > 0) {
            part = take_record(session, sink, at, left);
            if (part == 0) return taken;
            taken += part;
            continue;
        }
        const struct octet_state before = *state;
        switch (take_length(state, at, left, &part)) {
        case LENGTH_KNOWN:
            if (part == left) keep_digits(session, sink, at + part - 1, before.digits);
            break;
        case LENGTH_UNFINISHED: keep_digits(session, sink, at + part, before.digits); break;
        case LENGTH_INVALID:
            if (refuse(session, sink, at, left)) return size;
            *state = before;
            return taken;
        }
        taken += part;
    }
    return taken;
}

/* Digits alone are an invalid record, too. */
static bool end(struct session *session, const struct sink *sink) {
    return partial_end(&session->partial, sink, SINK_TEXT);
}

const struct protocol protocol_octets = {.name = "octet-counting", .take = take, .end = end};
