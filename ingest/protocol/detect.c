/* detect.c - finds out from the first bytes of a connection or datagram which protocol it speaks;
 * from then on that is fixed.
 *
 * Detection looks at the first object, not at bytes anywhere: what follows the object tells how
 * objects are separated.  Until then the bytes wait as an unfinished record, which is bounded like
 * any other, and every protocol can continue with it.  What no protocol accepts is refused, also if
 * the listener has a fixed protocol.  docs/protocols.md lists the rules. */
#include <assert.h>
#include <string.h>

#include "ingest/protocol/foreign.h"
#include "ingest/protocol/protocol.h"
#include "schema/record/forward.h"

#define RECORD_SEPARATOR 0x1E /* RFC 7464 section 2.1 */
/* The longest length that is taken for octet counting; octets.c refuses those that no record has. */
#define COUNT_DIGITS_MAX 20
_Static_assert(COUNT_DIGITS_MAX + 2 <= DETECT_HEAD_BYTES, "room for a length and what follows");
_Static_assert(FOREIGN_HEAD_BYTES <= DETECT_HEAD_BYTES, "room for the bytes that foreign.h needs");

enum step {
    START,      /* blank lines and a byte order mark, if anything */
    HEAD,       /* the first bytes that are not white space */
    TEXT,       /* no JSON: a first line, which may be a request line of HTTP */
    SYSLOG,     /* a header of syslog */
    MESSAGE,    /* text after it */
    MESSAGE_LF, /* the same, after a newline in a datagram */
    ARRAY,      /* "[" */
    OBJECT,     /* the first object */
    OBJECT_NUL, /* in it, after a NUL */
    LINE_END,   /* in it, outside its strings, after a newline */
    AFTER,      /* after it */
    LOG4JS,     /* after it, in what may be log4js' separator */
    NEXT_LINE,  /* after the newline that ended it */
};

enum verdict {
    WAIT,          /* for the next byte */
    BLANK,         /* what there is so far is no record */
    LINE,          /* this newline ends the first record: a line */
    NEWLINE,       /* from the first byte on */
    NUL,           /* from the first byte on */
    NUL_NEXT,      /* from this byte on */
    NUL_CUT,       /* the byte before was a NUL, which ended the first record */
    SEQUENCE,      /* from the first byte on; it is in head */
    OCTETS,        /* the same */
    RELP,          /* the same */
    LUMBERJACK,    /* the same */
    FORWARD,       /* the same */
    FIXED,         /* the same, for the listener's protocol */
    OBJECTS,       /* the first record is complete; this byte is not part of it */
    IN_OBJECT,     /* in the first object, of which this byte is part */
    IN_ARRAY,      /* this byte begins the first object of an array */
    HEAD_IN_ARRAY, /* the same, for an earlier byte; all are in head */
    FOREIGN,
};

/* ---- one byte ---- */

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

/* Digits, a space, and what a record begins with.  WAIT: it may become that. */
static enum verdict count_in_head(const struct detect_state *state) {
    const uint8_t *head = state->head;
    uint8_t digits = 0;
    while (digits < state->head_size && is_digit(head[digits]))
        digits++;
    if (head[0] == '0' || digits > COUNT_DIGITS_MAX) return NEWLINE;
    if (digits == state->head_size) return WAIT;
    if (head[digits] != ' ') return NEWLINE;
    if (digits + 1 == state->head_size) return WAIT;
    return head[digits + 1] == '{' || head[digits + 1] == '<' ? OCTETS : NEWLINE;
}

static enum verdict object_byte(struct detect_state *state, uint8_t byte) {
    struct depth *depth = &state->depth;
    if (state->step == OBJECT_NUL) {
        if (byte == '{') return NUL_CUT;
        state->step = OBJECT;
    }
    if (byte == '\0') {
        state->step = OBJECT_NUL;
        return WAIT;
    }
    if (depth->in_string) {
        /* No string contains a newline, except those of senders of GELF that end in NUL. */
        const bool begins = byte == '{' || (byte == '<' && state->header.at > 0);
        if (state->previous == '\n' && begins) return NEWLINE;
    } else if (byte == '\n') {
        state->step = LINE_END;
        return WAIT;
    }
    switch (depth_step(depth, byte)) {
    case DEPTH_INSIDE: break;
    case DEPTH_COMPLETE: state->step = AFTER; break;
    case DEPTH_BREAK: /* how objects are separated is not known yet: part of this one */
        depth->open++;
        depth->last = byte;
        break;
    }
    return WAIT;
}

/* May this byte follow depth->last in an object that is written on many lines? */
static bool continues(uint8_t last, uint8_t byte) {
    switch (last) {
    case '{': return byte == '"' || byte == '}';
    case '[':
    case ',':
    case ':': return byte != '}' && byte != ',' && byte != ':';
    default: return byte == ',' || byte == ':' || byte == '}' || byte == ']';
    }
}

/* A newline in the first object: it is written on many lines, or the first line was cut off. */
static enum verdict line_end_byte(const struct detect_state *state, uint8_t byte) {
    if (depth_space(byte)) return WAIT;
    if (byte == '{' && state->previous == '\n') return NEWLINE;
    if (byte == '<') return NEWLINE;
    return continues(state->depth.last, byte) ? IN_OBJECT : NEWLINE;
}

static enum verdict after_byte(struct detect_state *state, uint8_t byte) {
    switch (byte) {
    case ' ':
    case '\t':
    case '\r': return WAIT;
    case '\n': return LINE;
    case '\0': return NUL_NEXT;
    case '{':
    case '[':
    case '<':
    case RECORD_SEPARATOR: return OBJECTS;
    case '_':
        state->step = LOG4JS;
        state->marker = 1;
        return WAIT;
    default: return NEWLINE;
    }
}

static enum verdict log4js_byte(struct detect_state *state, uint8_t byte) {
    if (byte != (uint8_t)FOREIGN_LOG4JS[state->marker]) return NEWLINE;
    return FOREIGN_LOG4JS[++state->marker] == '\0' ? FOREIGN : WAIT;
}

static enum verdict array_byte(uint8_t byte) {
    return depth_space(byte) ? WAIT : byte == '{' ? IN_ARRAY : NEWLINE;
}

/* A byte of JSON, in any step but START, HEAD and TEXT. */
static enum verdict json_byte(struct detect_state *state, uint8_t byte, uint32_t *foreign) {
    switch (state->step) {
    case ARRAY: return array_byte(byte);
    case OBJECT:
    case OBJECT_NUL: return object_byte(state, byte);
    case LINE_END: return line_end_byte(state, byte);
    case AFTER: return after_byte(state, byte);
    case LOG4JS: *foreign = REJECT_LOG4JS; return log4js_byte(state, byte);
    default: return byte == '\0' ? NUL_NEXT : NEWLINE; /* NEXT_LINE */
    }
}

/* A datagram of syslog is one message (RFC 5426 section 3.1), also if it is text of many lines, but
 * some senders put many messages into one. */
static enum verdict message_byte(struct detect_state *state, uint8_t byte, bool datagram) {
    if (byte == '\0') return NUL_NEXT;
    if (state->step == MESSAGE_LF && byte == '<') return NEWLINE;
    state->step = MESSAGE;
    if (byte != '\n') return WAIT;
    if (!datagram) return LINE;
    state->step = MESSAGE_LF;
    return WAIT;
}

static enum verdict syslog_byte(struct detect_state *state, uint8_t byte, bool datagram) {
    if (byte == '\0' || byte == '\n') {
        struct syslog_header header = state->header;
        return syslog_end(&header) == SYSLOG_NONE ? NEWLINE : message_byte(state, byte, datagram);
    }
    switch (syslog_step(&state->header, byte)) {
    case SYSLOG_MORE: return WAIT;
    case SYSLOG_OBJECT:
        state->step = OBJECT;
        depth_step(&state->depth, byte);
        return WAIT;
    case SYSLOG_TEXT: state->step = MESSAGE; return WAIT;
    default: return NEWLINE;
    }
}

/* Protocols that can continue with a first line of text. */
static bool takes_text(const struct protocol *protocol) {
    return protocol == &protocol_newline || protocol == &protocol_nul;
}

/* head begins with bytes that are not foreign. */
static enum verdict known_head(struct detect_state *state, uint32_t *foreign) {
    const uint8_t first = state->head[0];
    if (first == '<' && !state->fixed) {
        state->step = SYSLOG;
        enum verdict verdict = WAIT;
        for (uint8_t i = 0; i < state->head_size; i++) /* two: only the last can decide */
            verdict = syslog_byte(state, state->head[i], false);
        return verdict;
    }
    const bool text = first > ' ' && first < 0x7F && first != '{' && first != '[';
    if (text && (!state->fixed || takes_text(state->fixed))) {
        const uint8_t last = state->head[state->head_size - 1];
        state->step = TEXT;
        return last == '\n' || last == '\0' ? NEWLINE : WAIT;
    }
    if (state->fixed) return FIXED;
    if (first == RECORD_SEPARATOR) return SEQUENCE;
    if (first != '{' && first != '[') return NEWLINE;
    enum verdict verdict = WAIT;
    state->previous = first;
    state->step = first == '{' ? OBJECT : ARRAY;
    if (first == '{') depth_step(&state->depth, first);
    /* Only the last byte can decide: foreign.h needs four at most to see that it is not UTF-16.  Except
     * after the first two that it needs to see that an array is not of log4js. */
    for (uint8_t i = 1; i < state->head_size && verdict == WAIT; i++) {
        verdict = json_byte(state, state->head[i], foreign);
        state->previous = state->head[i];
        if (verdict == IN_ARRAY && i + 1 < state->head_size) return HEAD_IN_ARRAY;
    }
    return verdict;
}

static enum verdict head_byte(struct detect_state *state, uint8_t byte, uint32_t *foreign) {
    if (state->head_size < DETECT_HEAD_BYTES) state->head[state->head_size++] = byte;
    *foreign = foreign_kind(state->head, state->head_size);
    if (*foreign == FOREIGN_UNDECIDED) return WAIT;
    if (*foreign) return FOREIGN;
    if (!state->fixed && is_digit(state->head[0])) return count_in_head(state);
    return known_head(state, foreign);
}

/* RFC 9112 section 3: a request line of any method ends in its version. */
static bool is_request_line(const struct detect_state *state) {
    static const char version[] = " HTTP/1.";
    const size_t size = sizeof version - 1;
    const size_t end = state->head_size;
    return end >= size + 1 && memcmp(state->head + end - size - 1, version, size) == 0 &&
           is_digit(state->head[end - 1]);
}

/* head holds the last bytes of the line. */
static enum verdict text_byte(struct detect_state *state, uint8_t byte, uint32_t *foreign) {
    *foreign = REJECT_HTTP;
    if (byte == '\n') return is_request_line(state) ? FOREIGN : NEWLINE;
    if (byte == '\0') return NEWLINE;
    if (byte == '\r') return WAIT;
    if (state->head_size == DETECT_HEAD_BYTES)
        memmove(state->head, state->head + 1, --state->head_size);
    state->head[state->head_size++] = byte;
    return WAIT;
}

static enum verdict start_byte(struct detect_state *state, uint8_t byte, uint32_t *foreign) {
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF}; /* U+FEFF, RFC 3629 section 6 */
    const bool first = state->previous == 0 || state->byte_order_mark > 0;
    if (first && state->byte_order_mark < 3 && byte == mark[state->byte_order_mark]) {
        if (++state->byte_order_mark < 3) return WAIT;
        return BLANK;
    }
    if (state->byte_order_mark == 1 || state->byte_order_mark == 2) { /* text */
        memcpy(state->head, mark, state->byte_order_mark);
        state->head_size = state->byte_order_mark;
        state->step = HEAD;
        return head_byte(state, byte, foreign);
    }
    if (byte == '\n') return BLANK;
    if (depth_space(byte)) return WAIT;
    state->step = HEAD;
    return head_byte(state, byte, foreign);
}

/* The forward protocol: an array of 2 to 4, and a string, the tag. */
static bool begins_message(const struct detect_state *state) {
    const uint8_t first = state->head[0], second = state->head[1];
    const bool text = (second >= 0xA0 && second <= 0xBF) || (second >= 0xD9 && second <= 0xDB);
    return state->head_size == 2 && first >= 0x92 && first <= 0x94 && text;
}

static enum verdict detect_byte(struct session *session, uint8_t byte, uint32_t *foreign) {
    struct detect_state *state = &session->state.detect;
    enum verdict verdict = WAIT;
    switch (state->step) {
    case START: verdict = start_byte(state, byte, foreign); break;
    case HEAD: verdict = head_byte(state, byte, foreign); break;
    case TEXT: verdict = text_byte(state, byte, foreign); break;
    case SYSLOG: verdict = syslog_byte(state, byte, session->datagram); break;
    case MESSAGE:
    case MESSAGE_LF: verdict = message_byte(state, byte, session->datagram); break;
    default: verdict = json_byte(state, byte, foreign); break;
    }
    state->previous = byte;
    const bool takes_relp = !state->fixed || state->fixed == &protocol_relp;
    if (verdict == FOREIGN && *foreign == REJECT_RELP && takes_relp && !session->datagram)
        return RELP;
    const bool takes_lumberjack = !state->fixed || state->fixed == &protocol_lumberjack;
    if (verdict == FOREIGN && *foreign == REJECT_LUMBERJACK && takes_lumberjack &&
        !session->datagram)
        return LUMBERJACK;
    const bool takes_forward =
        (!state->fixed || state->fixed == &protocol_forward) && forward_library() != NULL;
    if (verdict == FOREIGN && *foreign == REJECT_MSGPACK && takes_forward && !session->datagram &&
        begins_message(state))
        return FORWARD;
    return verdict;
}

/* ---- what a verdict does ---- */

/* The bytes of this call, the first record's first byte in them, and the byte that decided. */
struct place {
    const uint8_t *bytes;
    size_t size, start, at;
};

static void become(struct session *session, const struct protocol *protocol) {
    session->protocol = protocol;
    memset(&session->state, 0, sizeof session->state);
}

/* Takes the rest as that protocol, which is already active. */
static size_t take_from(struct session *session, const struct sink *sink, const struct place *place,
                        size_t from) {
    if (from == place->size) return from;
    return from + session_take(session, sink, place->bytes + from, place->size - from);
}

/* The protocol continues with the bytes that wait as an unfinished record. */
static size_t go_on(struct session *session, const struct sink *sink, const struct place *place,
                    const struct protocol *protocol) {
    become(session, protocol);
    return take_from(session, sink, place, place->start);
}

/* The protocol takes the first bytes anew: `head`, unless they are all in this call. */
static size_t begin_anew(struct session *session, const struct sink *sink,
                         const struct place *place, const struct protocol *protocol) {
    uint8_t head[DETECT_HEAD_BYTES];
    const size_t size = session->state.detect.head_size;
    if (session->partial.size == 0) {
        struct place first = *place; /* white space before it is not in `head` either */
        while (first.start < first.at && depth_space(first.bytes[first.start]))
            first.start++;
        return go_on(session, sink, &first, protocol);
    }
    /* So few bytes fit into an empty batch, whatever segment_bytes_max is (at least 1024) and may be
     * added to them. */
    if (sink->batch->raw_size > 0 &&
        (sink_room(sink) < 4 * DETECT_HEAD_BYTES || sink->batch->run_count + size > BATCH_RUNS_MAX))
        return place->start;
    memcpy(head, session->state.detect.head, size);
    partial_forget(&session->partial, sink->memory);
    become(session, protocol);
    batch_unplanned(sink->batch, true);
    const size_t taken = session_take(session, sink, head, size);
    batch_unplanned(sink->batch, false);
    assert(taken == size);
    return take_from(session, sink, place, place->at + 1);
}

/* The first record ends before the byte that decided, and the protocol takes the rest. */
static size_t end_first(struct session *session, const struct sink *sink, const struct place *place,
                        size_t end, const struct protocol *protocol) {
    const size_t size = end > place->start ? end - place->start : 0;
    const enum sink_form form = protocol == &protocol_nul ? SINK_ESCAPE : SINK_TEXT;
    if (session->partial.size + size > 0 &&
        !partial_finish(&session->partial, sink, place->bytes + place->start, size, form))
        return place->start;
    become(session, protocol);
    return take_from(session, sink, place, place->at);
}

static size_t in_object(struct session *session, const struct sink *sink,
                        const struct place *place) {
    const struct depth depth = session->state.detect.depth;
    partial_add(&session->partial, sink, place->bytes + place->start, place->at - place->start);
    become(session, &protocol_concatenated);
    concatenated_resume(session, &depth);
    return take_from(session, sink, place, place->at);
}

static size_t in_array(struct session *session, const struct sink *sink,
                       const struct place *place) {
    if (session->partial.size == 0) return go_on(session, sink, place, &protocol_concatenated);
    partial_forget(&session->partial, sink->memory);
    become(session, &protocol_concatenated);
    session->state.concatenated.in_array = true;
    return take_from(session, sink, place, place->at);
}

static size_t refuse(struct session *session, const struct sink *sink, const struct place *place,
                     uint32_t reason) {
    const uint8_t *rest = place->bytes + place->start;
    const size_t size = place->size - place->start;
    if (reason == REJECT_HTTP && foreign_is_form(place->bytes, place->size)) reason = REJECT_FORM;
    if (!partial_reject(&session->partial, sink, rest, size, reason)) return place->start;
    session->refused = reason;
    return place->size;
}

static size_t decide(struct session *session, const struct sink *sink, const struct place *place,
                     enum verdict verdict, uint32_t foreign) {
    struct detect_state *state = &session->state.detect;
    switch (verdict) {
    case NEWLINE:
        return go_on(session, sink, place, state->fixed ? state->fixed : &protocol_newline);
    case NUL_NEXT: return end_first(session, sink, place, place->at, &protocol_nul);
    case NUL_CUT:
        /* The NUL is the byte before, in this call or the one before it. */
        if (place->at > place->start)
            return end_first(session, sink, place, place->at - 1, &protocol_nul);
        if (!state->nul_cut)
            partial_cut(&session->partial, sink->memory, session->partial.size - 1);
        state->nul_cut = true;
        return end_first(session, sink, place, place->at, &protocol_nul);
    case SEQUENCE: return begin_anew(session, sink, place, &protocol_sequence);
    case OCTETS: return begin_anew(session, sink, place, &protocol_octets);
    case RELP: return begin_anew(session, sink, place, &protocol_relp);
    case LUMBERJACK: return begin_anew(session, sink, place, &protocol_lumberjack);
    case FORWARD: return begin_anew(session, sink, place, &protocol_forward);
    case FIXED:
        if (state->fixed == &protocol_newline) return go_on(session, sink, place, state->fixed);
        return begin_anew(session, sink, place, state->fixed);
    case OBJECTS: return end_first(session, sink, place, place->at, &protocol_concatenated);
    case IN_OBJECT: return in_object(session, sink, place);
    case IN_ARRAY: return in_array(session, sink, place);
    case HEAD_IN_ARRAY: return begin_anew(session, sink, place, &protocol_concatenated);
    case FOREIGN: return refuse(session, sink, place, foreign);
    default: assert(!"no decision"); return place->start;
    }
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct detect_state *state = &session->state.detect;
    struct detect_state before = *state; /* at `start` */
    struct place place = {.bytes = bytes, .size = size};
    for (place.at = 0; place.at < size; place.at++) {
        uint32_t foreign = 0;
        const enum verdict verdict = detect_byte(session, bytes[place.at], &foreign);
        size_t end = place.at + 1;
        if (verdict == WAIT) continue;
        if (verdict == LINE) {
            end = place.start +
                  protocol_newline.take(session, sink, bytes + place.start, end - place.start);
            state->step = NEXT_LINE;
        } else if (verdict == BLANK) {
            partial_forget(&session->partial, sink->memory);
        } else {
            end = decide(session, sink, &place, verdict, foreign);
            if (end == place.start && session->protocol == &protocol_detect && !session->refused) {
                before.nul_cut = state->nul_cut;
                *state = before; /* no room */
            }
            return end;
        }
        if (end <= place.at) { /* no room */
            *state = before;
            return end;
        }
        place.start = end;
        before = *state;
    }
    partial_add(&session->partial, sink, bytes + place.start, size - place.start);
    return size;
}

/* Too short to tell: it is what it would be if a newline came next; or one object, as in a datagram
 * of GELF, or a datagram of syslog. */
static bool end(struct session *session, const struct sink *sink) {
    const uint8_t step = session->state.detect.step;
    const bool whole = step == AFTER || step == MESSAGE || step == MESSAGE_LF;
    return partial_end(&session->partial, sink, whole ? SINK_ESCAPE : SINK_LINE);
}

/* One object on one line, as most datagrams are: nothing in it, in a string or not, looks like the
 * end of an object before its last byte. */
static bool is_plain_datagram(const uint8_t *bytes, size_t size) {
    if (bytes[0] != '{') return false;
    if (size > 1 && bytes[size - 1] == '\n') size--;
    if (bytes[size - 1] != '}') return false;
    uint8_t odd = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        const uint8_t next = bytes[i + 1];
        const uint8_t ends =
            (next <= ' ') | (next == '{') | (next == '[') | (next == '_') | (next == '<');
        const uint8_t closes = (bytes[i] == '}') | (bytes[i] == ']'); /* depth.h takes either */
        odd |= (uint8_t)((bytes[i] < 0x20) | (closes & ends));
    }
    return odd == 0;
}

const struct protocol protocol_detect = {
    .name = "auto", .take = take, .end = end, .is_plain_datagram = is_plain_datagram};
