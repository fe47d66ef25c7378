/* batch.c - fills, validates and compresses a batch.
 * One copy: bytes are received once, validated in place, moved only if something before them was
 * removed, and compressed into frames. */
#include "writer/live/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/memory.h"
#include "schema/json/ijson.h"
#include "schema/record/syslog.h"
#include "writer/live/stream.h"
#include "writer/segment/frame.h"

#define SPARE_BYTES       STREAM_SPARE_BYTES
/* What a batch takes at least: detect.c gives it several short records at once. */
#define GROWING_BYTES_MIN 1024

static uint32_t raw_bytes_max(uint32_t line_bytes_max) {
    const uint32_t line = line_bytes_max + 2; /* CR and LF */
    return line > BATCH_BYTES_MIN ? line : BATCH_BYTES_MIN;
}

/* To the next cache line. */
static size_t rounded(size_t size) {
    return (size + 63) / 64 * 64;
}

static size_t packed_bytes_max(uint32_t raw_max) {
    return frames_bytes_max(raw_max) + SPARE_BYTES;
}

static size_t main_memory(uint32_t raw_max) {
    return rounded(raw_max + JSON_PADDING) + rounded(frame_scratch_bytes()) +
           packed_bytes_max(raw_max);
}

size_t batch_memory(uint32_t line_bytes_max) {
    return main_memory(raw_bytes_max(line_bytes_max)) + BATCH_RUNS_MAX * sizeof(struct batch_run) +
           BATCH_REJECT_TEXT_BYTES + BATCH_REJECT_PACKED_BYTES + SPARE_BYTES + QUARANTINE_KEEP_MAX +
           1;
}

int batch_create(uint32_t line_bytes_max, struct batch *batch) {
    const uint32_t raw_max = raw_bytes_max(line_bytes_max);
    assert(raw_max <= FRAME_RAW_MAX);
    *batch = (struct batch){
        .raw = memory_take(main_memory(raw_max)),
        .raw_max = raw_max,
        .runs = malloc(BATCH_RUNS_MAX * sizeof(struct batch_run)),
        .rejects.bytes = malloc(BATCH_REJECT_PACKED_BYTES + SPARE_BYTES),
        .reject_text = malloc(BATCH_REJECT_TEXT_BYTES),
        .original = malloc(QUARANTINE_KEEP_MAX + 1),
    };
    if (!batch->raw || !batch->runs || !batch->rejects.bytes || !batch->reject_text ||
        !batch->original) {
        batch_free(batch);
        return ERR_NO_MEMORY;
    }
    batch->scratch = batch->raw + rounded(raw_max + JSON_PADDING);
    batch->stored.bytes = (uint8_t *)batch->scratch + rounded(frame_scratch_bytes());
    return 0;
}

void batch_free(struct batch *batch) {
    memory_give_back(batch->raw); /* and scratch and stored.bytes */
    free(batch->runs);
    free(batch->rejects.bytes);
    free(batch->reject_text);
    free(batch->original);
    *batch = (struct batch){0};
}

/* ---- filling ---- */

void batch_reset(struct batch *batch, const struct batch_rules *rules) {
    assert(!batch->waiters);
    memset(batch->raw + batch->raw_max, 0, JSON_PADDING);
    batch->rules = rules;
    batch->acceleration = 1;
    batch->raw_size = 0;
    batch->raw_limit = batch->raw_max;
    batch->grows = false;
    batch->run_count = 0;
    batch->counts = (struct batch_counts){0};
    batch->stored.size = batch->rejects.size = 0;
    batch->stored.raw_size = batch->rejects.raw_size = 0;
    batch->stored.lines = batch->rejects.lines = 0;
    batch->stored.span = batch->rejects.span = (struct span){0};
    batch->sample_count = 0;
    batch->stored_size = 0;
    batch->reject_text_size = 0;
    batch->reject_text_lines = 0;
}

void batch_limit(struct batch *batch, uint64_t raw_bytes, bool grows) {
    batch->grows = grows;
    batch->raw_limit = raw_bytes < batch->raw_max ? (uint32_t)raw_bytes : batch->raw_max;
    if (!grows) return;
    batch->raw_limit /= BATCH_GROWTH;
    if (batch->raw_limit < GROWING_BYTES_MIN) batch->raw_limit = GROWING_BYTES_MIN;
}

uint32_t batch_room(const struct batch *batch) {
    if (batch->run_count == BATCH_RUNS_MAX || batch->raw_size >= batch->raw_limit) return 0;
    return batch->raw_limit - batch->raw_size;
}

uint32_t batch_line_room(const struct batch *batch) {
    return batch->raw_size == 0 ? batch->raw_max : batch_room(batch);
}

static bool same_origin(const struct batch_origin *a, const struct batch_origin *b) {
    return a->received_ns == b->received_ns && a->listener == b->listener &&
           a->peer_name == b->peer_name && address_equal(&a->peer, &b->peer);
}

uint8_t *batch_add(struct batch *batch, const struct batch_origin *origin, uint32_t size) {
    assert(size > 0 && size <= batch_line_room(batch));
    uint8_t *place = batch->raw + batch->raw_size;
    struct batch_run *last = batch->run_count ? &batch->runs[batch->run_count - 1] : NULL;
    if (last && last->kind == BATCH_LINES && same_origin(&last->origin, origin))
        last->size += size;
    else
        batch->runs[batch->run_count++] =
            (struct batch_run){.origin = *origin, .offset = batch->raw_size, .size = size};
    batch->raw_size += size;
    return place;
}

uint8_t *batch_add_record(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                          uint32_t spare) {
    const uint32_t room = size + spare + 1;
    assert(size > 0 && room <= batch_line_room(batch));
    uint8_t *place = batch->raw + batch->raw_size;
    batch->runs[batch->run_count++] = (struct batch_run){.origin = *origin,
                                                         .kind = BATCH_RECORD,
                                                         .offset = batch->raw_size,
                                                         .size = room,
                                                         .spare = spare};
    batch->raw_size += room;
    return place;
}

uint8_t *batch_add_aside(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                         uint32_t reason, uint64_t record_size) {
    assert(size > 0 && size <= batch_line_room(batch) && reason);
    uint8_t *place = batch->raw + batch->raw_size;
    batch->runs[batch->run_count++] = (struct batch_run){.origin = *origin,
                                                         .kind = BATCH_SET_ASIDE,
                                                         .offset = batch->raw_size,
                                                         .size = size,
                                                         .reason = reason,
                                                         .record_size = record_size};
    batch->raw_size += size;
    return place;
}

/* ---- rejects ---- */

static bool reject_text_to_frame(struct batch *batch) {
    struct batch_frames *rejects = &batch->rejects;
    if (batch->reject_text_size == 0) return true;
    if (rejects->size + frames_bytes_max(batch->reject_text_size) > BATCH_REJECT_PACKED_BYTES)
        return false;
    rejects->size +=
        frames_encode(batch->scratch, (const uint8_t *)batch->reject_text, batch->reject_text_size,
                      batch->acceleration, rejects->bytes + rejects->size);
    rejects->raw_size += batch->reject_text_size;
    rejects->lines += batch->reject_text_lines;
    batch->reject_text_size = 0;
    batch->reject_text_lines = 0;
    return true;
}

static bool quarantine(struct batch *batch, const struct reject *reject) {
    const size_t most = quarantine_bytes_max(reject);
    if (atomic_load_explicit(batch->rules->reject_budget, memory_order_relaxed) <= 0) return false;
    if (batch->reject_text_size + most > BATCH_REJECT_TEXT_BYTES && !reject_text_to_frame(batch))
        return false;
    /* There must be room for the last text too. */
    if (batch->rejects.size + frames_bytes_max(batch->reject_text_size + most) >
        BATCH_REJECT_PACKED_BYTES)
        return false;
    char *begin = batch->reject_text + batch->reject_text_size;
    const size_t size = (size_t)(quarantine_write(begin, reject) - begin);
    batch->reject_text_size += size;
    batch->reject_text_lines++;
    span_add_line(&batch->rejects.span, size, reject->received_ns, &(struct facts){0});
    atomic_fetch_sub_explicit(batch->rules->reject_budget, (int64_t)size, memory_order_relaxed);
    return true;
}

/* The fields that come from the run are filled in here. */
static void reject(struct batch *batch, const struct batch_run *run, struct reject reject) {
    batch->counts.reasons[reject.reason]++;
    reject.received_ns = run->origin.received_ns;
    reject.peer = &run->origin.peer;
    reject.peer_name = run->origin.peer_name;
    reject.listener = batch->rules->listeners[run->origin.listener].name;
    if (quarantine(batch, &reject))
        batch->counts.rejected++;
    else
        batch->counts.quarantine_full++;
}

/* The line's own size: without its newline, and without the CR before it. */
static size_t line_size(const uint8_t *begin, const uint8_t *next) {
    const size_t size = (size_t)(next - begin) - 1;
    return size > 0 && begin[size - 1] == '\r' ? size - 1 : size;
}

/* Validates one line, and finds its facts if the rules ask for them. */
static inline void check_line(const struct facts_rules *rules, const uint8_t *text,
                              const uint8_t *text_end, struct json_line *line,
                              struct facts_memory *memory, struct facts *facts) {
    if (rules == NULL) {
        json_check_line(text, text_end, false, line);
        return;
    }
    struct json_found found;
    json_check_line_names(text, text_end, false, &rules->names, line, &found);
    if (line->reason == JSON_OK) facts_of_next_found(rules, &found, line->end, memory, facts);
}

/* A reader that does not know our rules uses the usual ones: it must find the line by those too. */
static void add_to_span(struct span *span, const struct facts_rules *rules,
                        const struct batch_run *run, const uint8_t *record, size_t size,
                        const struct facts *facts) {
    if (rules == NULL) {
        const struct span unknown = span_unknown(1, size + 1);
        span_add(span, &unknown);
        return;
    }
    span->rules = span_rules(span, rules->id);
    span_add_line(span, size + 1, run->origin.received_ns, facts);
    if (rules == &facts_rules_usual) return;
    struct facts usual;
    facts_of_record(record, size, &facts_rules_usual, &usual);
    if (!usual.has_time) { /* then readers use the receive time */
        usual.has_time = true;
        usual.time_ns = run->origin.received_ns;
    }
    span_widen(span, &usual);
}

/* ---- validating by schema ---- */

/* If lines of listeners with different schemas alternate, a worker releases one checker and takes
 * another; otherwise it keeps one to the end of the batch. */
static void use_gate(struct batch *batch, struct schema_gate *gate) {
    if (batch->gate == gate) return;
    if (batch->gate) schema_gate_give_back(batch->gate, batch->checker);
    batch->gate = gate;
    batch->checker = gate ? schema_gate_take(gate) : NULL;
}

static void add_sample(struct batch *batch, const struct batch_run *run,
                       const struct schema_verdict *verdict) {
    for (uint32_t i = 0; i < batch->sample_count; i++)
        if (strcmp(batch->samples[i].verdict.schema, verdict->schema) == 0) return;
    if (batch->sample_count == BATCH_SAMPLES_MAX) return;
    batch->samples[batch->sample_count++] =
        (struct batch_sample){.origin = run->origin, .verdict = *verdict};
}

/* False: the line was rejected. */
static bool passes_gate(struct batch *batch, const struct batch_run *run,
                        const struct json_line *line, const uint8_t *text, size_t size) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    struct schema_verdict verdict;
    use_gate(batch, listener->gate);
    if (schema_check(batch->checker, (const char *)line->begin, (size_t)(line->end - line->begin),
                     &verdict))
        return true;
    if (listener->monitor) {
        batch->counts.monitored++;
        add_sample(batch, run, &verdict);
        return true;
    }
    reject(batch, run,
           (struct reject){.reason = REJECT_SCHEMA,
                           .record_size = size,
                           .verdict = &verdict,
                           .bytes = text,
                           .size = size});
    return false;
}

/* ---- validating ---- */

/* A record as it was received: `size` bytes, of which at least what quarantine keeps can be read. */
struct received {
    const uint8_t *bytes;
    size_t size;
};

/* One byte more than is kept shows whether a character is cut. */
static size_t kept_bytes(size_t size) {
    return size <= QUARANTINE_KEEP_MAX ? size : QUARANTINE_KEEP_MAX + 1;
}

static void reject_received(struct batch *batch, const struct batch_run *run,
                            const struct received *received, uint32_t reason, uint64_t offset) {
    reject(batch, run,
           (struct reject){.reason = reason,
                           .offset = offset,
                           .record_size = received->size,
                           .bytes = received->bytes,
                           .size = received->size});
}

/* Counts a record that was validated.  False: it is rejected.  fault: the offset in it of the byte
 * that JSON does not allow. */
static bool accept(struct batch *batch, const struct batch_run *run, const struct json_line *line,
                   const struct received *received, size_t fault) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    batch->counts.records++;
    if (received->size > batch->rules->line_bytes_max) {
        reject_received(batch, run, received, REJECT_OVERSIZED, batch->rules->line_bytes_max);
        return false;
    }
    if (line->reason != JSON_OK) {
        reject_received(batch, run, received, line->reason, fault);
        return false;
    }
    return !listener->gate || passes_gate(batch, run, line, received->bytes, received->size);
}

/* Stores a record at `out`, which is never above what is still to be read. */
static uint8_t *keep(struct batch *batch, const struct batch_run *run, const struct json_line *line,
                     const struct facts *facts, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    const size_t record = (size_t)(line->end - line->begin);
    add_to_span(&batch->stored.span, listener->facts, run, line->begin, record, facts);
    if (out != line->begin) memmove(out, line->begin, record);
    out += record;
    *out++ = '\n';
    batch->counts.stored++;
    return out;
}

/* ---- messages of syslog, and text ---- */

/* What a line that is no object is. */
struct message {
    enum { MESSAGE_NONE, MESSAGE_BLANK, MESSAGE_OBJECT, MESSAGE_TEXT } kind;
    bool has_header;
    struct syslog_header header;
    const uint8_t *header_begin;
    const uint8_t *begin, *end; /* of the object or text */
};

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* text[0 .. size) is no object.  Senders may write a NUL before or after a message, as well as a
 * newline. */
static void find_message(const struct batch_listener *listener, const uint8_t *text, size_t size,
                         struct message *message) {
    const uint8_t *begin = text, *end = text + size;
    message->kind = MESSAGE_NONE;
    message->has_header = false;
    while (end > begin && (is_space(end[-1]) || end[-1] == '\0'))
        end--;
    while (begin < end && (is_space(*begin) || *begin == '\0'))
        begin++;
    if (begin == end) message->kind = MESSAGE_BLANK; /* a NUL after the newline of a message */
    if (begin == end || *begin == '{') return;
    message->begin = message->header_begin = begin;
    message->end = end;
    const size_t object = syslog_cookie(begin, (size_t)(end - begin));
    if (object > 0) {
        message->begin = begin + object;
        message->kind = MESSAGE_OBJECT;
        return;
    }
    enum syslog_step step = SYSLOG_NONE;
    if (*begin == '<') step = syslog_parse(begin, (size_t)(end - begin), &message->header);
    if (step == SYSLOG_NONE) {
        message->begin = text;
        message->kind = listener->wrap ? MESSAGE_TEXT : MESSAGE_NONE;
        return;
    }
    message->has_header = true;
    message->begin = begin + message->header.message;
    message->kind = step == SYSLOG_OBJECT ? MESSAGE_OBJECT : MESSAGE_TEXT;
}

/* Has this object a `_syslog` of its own, from a sender that has already removed the header? */
static bool has_own_header(const struct json_line *line) {
    static const char name[] = "\"_syslog\"";
    const size_t size = sizeof name - 1;
    const uint8_t *at = line->begin;
    while ((size_t)(line->end - at) > size &&
           (at = memchr(at, '"', (size_t)(line->end - at) - size)) != NULL &&
           memcmp(at, name, size) != 0) /* each round advances by a quote */
        at++;
    if (at == NULL || (size_t)(line->end - at) <= size) return false;
    struct json_names names = {.count = 0};
    struct json_found found;
    struct json_line again;
    json_names_add(&names, "_syslog", 7, true);
    json_check_line_names(line->begin, line->next, false, &names, &again, &found);
    return found.mask != 0;
}

static void write_text(struct syslog_out *out, const char *text) {
    syslog_write_bytes(out, text, strlen(text));
}

/* The record with what is added to it, in memory that is not used before batch_pack. */
static void build(struct batch *batch, const struct message *message,
                  const struct json_line *object, struct syslog_out *out) {
    *out = (struct syslog_out){.at = batch->stored.bytes,
                               .end = batch->stored.bytes + batch->rules->line_bytes_max};
    const char *comma = "";
    if (object != NULL) {
        const uint8_t *first = object->begin + 1;
        while (is_space(*first))
            first++;
        syslog_write_bytes(out, object->begin, (size_t)(object->end - object->begin) - 1);
        if (*first != '}') comma = ",";
    } else {
        write_text(out, "{\"message\":");
        syslog_write_text(out, message->begin, (size_t)(message->end - message->begin));
        comma = ",";
    }
    if (message->has_header) {
        write_text(out, comma);
        write_text(out, "\"_syslog\":");
        syslog_write(out, &message->header, message->header_begin);
    }
    write_text(out, "}");
}

/* Stores it before `next`, which is still to be read.  object: it has passed the schema; NULL: the
 * message is text. */
static uint8_t *keep_built(struct batch *batch, const struct batch_run *run,
                           const struct message *message, const struct json_line *object,
                           const struct received *received, const uint8_t *next, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    struct syslog_out built;
    struct json_line line;
    struct facts facts;
    build(batch, message, object, &built);
    if (built.full || built.at - batch->stored.bytes >= next - out) {
        reject_received(batch, run, received, REJECT_OVERSIZED, batch->rules->line_bytes_max);
        return out;
    }
    *built.at = '\n';
    check_line(listener->facts, batch->stored.bytes, built.at + 1, &line, &batch->facts_memory,
               &facts);
    assert(line.reason == JSON_OK);
    if (object == NULL) {
        if (listener->ijson) ijson_check_line(&line);
        if (line.reason != JSON_OK) {
            reject_received(batch, run, received, line.reason, 0);
            return out;
        }
        if (listener->gate && !passes_gate(batch, run, &line, received->bytes, received->size))
            return out;
    }
    return keep(batch, run, &line, &facts, out);
}

static uint8_t *keep_text(struct batch *batch, const struct batch_run *run,
                          const struct message *message, const struct received *received,
                          const uint8_t *next, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    batch->counts.records++;
    if (received->size > batch->rules->line_bytes_max)
        reject_received(batch, run, received, REJECT_OVERSIZED, batch->rules->line_bytes_max);
    else if (!listener->wrap)
        reject_received(batch, run, received, REJECT_SYSLOG_TEXT, message->header.message);
    else
        return keep_built(batch, run, message, NULL, received, next, out);
    return out;
}

/* An object after a header. */
static uint8_t *keep_object(struct batch *batch, const struct batch_run *run,
                            const struct message *message, const struct json_line *object,
                            const struct facts *facts, const struct received *received,
                            size_t fault, const uint8_t *next, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    if (!accept(batch, run, object, received, fault)) return out;
    if (!listener->syslog_fields || !message->has_header || has_own_header(object))
        return keep(batch, run, object, facts, out);
    return keep_built(batch, run, message, object, received, next, out);
}

/* A line that is no object. */
static uint8_t *check_message(struct batch *batch, const struct batch_run *run, uint8_t *text,
                              const struct json_line *line, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    const struct received received = {text, line_size(text, line->next)};
    struct message message;
    find_message(listener, text, received.size, &message);
    if (message.kind == MESSAGE_TEXT)
        return keep_text(batch, run, &message, &received, line->next, out);
    if (message.kind == MESSAGE_BLANK) return out;
    if (message.kind == MESSAGE_NONE) {
        accept(batch, run, line, &received, (size_t)(line->bad - text));
        return out;
    }
    /* NULs after the object are white space here, but not in quarantine. */
    uint8_t *after = text + (message.end - text), *end = text + received.size;
    const bool nul = after < end && memchr(after, '\0', (size_t)(end - after)) != NULL;
    struct json_line object;
    struct facts facts;
    if (nul) {
        memcpy(batch->original, text, kept_bytes(received.size));
        memset(after, ' ', (size_t)(end - after));
    }
    const struct received sent = {nul ? batch->original : text, received.size};
    check_line(listener->facts, message.begin, line->next, &object, &batch->facts_memory, &facts);
    if (listener->ijson && object.reason == JSON_OK) ijson_check_line(&object);
    const size_t fault = object.reason == JSON_OK ? 0 : (size_t)(object.bad - text);
    return keep_object(batch, run, &message, &object, &facts, &sent, fault, line->next, out);
}

/* Validates a run's lines and moves the valid ones down to `out`. */
static uint8_t *check_lines(struct batch *batch, const struct batch_run *run, uint8_t *out) {
    uint8_t *text = batch->raw + run->offset;
    const uint8_t *text_end = text + run->size;
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    struct json_line line;
    struct facts facts;
    for (; text < text_end; text += line.next - text) {
        check_line(listener->facts, text, text_end, &line, &batch->facts_memory, &facts);
        if (listener->ijson && line.reason == JSON_OK) ijson_check_line(&line);
        if (line.reason == JSON_BLANK) continue;
        const struct received received = {text, line_size(text, line.next)};
        if (line.reason != JSON_OK)
            out = check_message(batch, run, text, &line, out);
        else if (accept(batch, run, &line, &received, 0))
            out = keep(batch, run, &line, &facts, out);
    }
    return out;
}

/* ---- records that contain newlines ---- */

/* Replaces newlines between tokens by spaces, and counts those inside strings. */
static uint32_t join_lines(uint8_t *text, size_t size) {
    bool in_string = false, escaped = false;
    uint32_t inside = 0;
    for (size_t i = 0; i < size; i++) {
        if (in_string) {
            if (text[i] == '\n' && escaped) text[i] = '\v'; /* as invalid, and no newline */
            inside += text[i] == '\n';
            if (text[i] == '"' && !escaped) in_string = false;
            escaped = text[i] == '\\' && !escaped;
        } else if (text[i] == '\n') {
            text[i] = ' ';
        } else if (text[i] == '"') {
            in_string = true;
        }
    }
    return inside;
}

/* Replaces the remaining newlines by \n, from the end on: there is room for them after the text. */
static void escape_newlines(uint8_t *text, size_t size, uint32_t count) {
    size_t to = size + count;
    for (size_t from = size; from > 0 && to > from; from--) { /* ends: all newlines are written */
        if (text[from - 1] == '\n') {
            text[--to] = 'n';
            text[--to] = '\\';
        } else {
            text[--to] = text[from - 1];
        }
    }
}

/* Where the byte at `at` of the text was in the original, of which `kept` bytes are known. */
static size_t original_offset(const uint8_t *original, size_t kept, const uint8_t *text,
                              size_t at) {
    size_t from = 0;
    for (size_t to = 0; to < at; to++, from++)
        if (from < kept && original[from] == '\n' && text[to] == '\\') to++;
    return from;
}

/* Without line ends after it. */
static size_t trimmed(const uint8_t *text, size_t size) {
    while (size > 1 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    return size;
}

/* Writes the newlines of an object so that it is one line; returns how many bytes that adds. */
static uint32_t one_line(uint8_t *text, size_t size, uint32_t spare) {
    const uint32_t inside = join_lines(text, size);
    if (inside > 0 && spare >= inside) {
        escape_newlines(text, size, inside);
        return inside;
    }
    if (inside > 0) { /* a control character, like any other in a string */
        for (size_t i = 0; i < size; i++)
            if (text[i] == '\n') text[i] = '\v';
    }
    return 0;
}

static uint8_t *check_record(struct batch *batch, const struct batch_run *run, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    uint8_t *text = batch->raw + run->offset;
    const uint8_t *next = text + run->size;
    const struct received received = {batch->original, trimmed(text, run->size - run->spare - 1)};
    size_t size = received.size;
    struct message message;
    find_message(listener, text, size, &message);
    size_t kept = kept_bytes(size);
    memcpy(batch->original, text, kept);
    if (message.kind == MESSAGE_BLANK) return out;
    if (message.kind == MESSAGE_TEXT) return keep_text(batch, run, &message, &received, next, out);
    size_t before = 0; /* the object */
    if (message.kind == MESSAGE_OBJECT) {
        before = (size_t)(message.begin - text);
        size = (size_t)(message.end - text);
    }
    text += before;
    size -= before;
    kept = kept > before ? kept - before : 0;
    const size_t length = size + one_line(text, size, run->spare);
    text[length] = '\n';
    struct json_line line;
    struct facts facts;
    check_line(listener->facts, text, text + length + 1, &line, &batch->facts_memory, &facts);
    if (listener->ijson && line.reason == JSON_OK) ijson_check_line(&line);
    if (line.reason == JSON_BLANK) return out;
    size_t fault = 0;
    if (line.reason != JSON_OK)
        fault = before +
                original_offset(batch->original + before, kept, text, (size_t)(line.bad - text));
    if (message.kind == MESSAGE_OBJECT)
        return keep_object(batch, run, &message, &line, &facts, &received, fault, next, out);
    return accept(batch, run, &line, &received, fault) ? keep(batch, run, &line, &facts, out) : out;
}

/* Records that grow must not reach what is still to be read: it is moved to the end. */
static void make_room(struct batch *batch) {
    const uint32_t room = batch->raw_max - batch->raw_size;
    memmove(batch->raw + room, batch->raw, batch->raw_size);
    for (uint32_t i = 0; i < batch->run_count; i++)
        batch->runs[i].offset += room;
}

void batch_check(struct batch *batch) {
    uint8_t *out = batch->raw;
    if (batch->grows) make_room(batch);
    for (uint32_t i = 0; i < batch->run_count; i++) {
        const struct batch_run *run = &batch->runs[i];
        if (run->kind == BATCH_LINES) {
            out = check_lines(batch, run, out);
            continue;
        }
        if (run->kind == BATCH_RECORD) {
            out = check_record(batch, run, out);
            continue;
        }
        batch->counts.records++;
        const uint32_t kept = run->size - 1;
        reject(batch, run,
               (struct reject){
                   .reason = run->reason,
                   .offset = run->reason == REJECT_OVERSIZED ? batch->rules->line_bytes_max : kept,
                   .record_size = run->record_size,
                   .bytes = batch->raw + run->offset,
                   .size = kept});
    }
    use_gate(batch, NULL);
    batch->stored_size = (size_t)(out - batch->raw);
    const bool fits = reject_text_to_frame(batch);
    assert(fits);
}

void batch_pack(struct batch *batch) {
    if (batch->stored_size == 0) return;
    batch->stored.size = frames_encode(batch->scratch, batch->raw, batch->stored_size,
                                       batch->acceleration, batch->stored.bytes);
    batch->stored.raw_size = batch->stored_size;
    batch->stored.lines = batch->counts.stored;
}
