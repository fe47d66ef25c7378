/* batch.c - fills, validates and compresses a batch.
 * One copy: bytes are received once, validated in place, moved only if something before them was
 * removed, and compressed into frames. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/ijson.h"
#include "schema/json/member.h"
#include "schema/record/syslog.h"
#include "writer/live/batch_internal.h"

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

/* ---- reports ---- */

static void add_fault(struct batch_report *report, const struct batch_fault *fault) {
    if (!report->each || report->incomplete) return;
    if (report->fault_count == report->fault_room) {
        const uint32_t room = report->fault_room ? 2 * report->fault_room : 16;
        struct batch_fault *const faults = realloc(report->faults, room * sizeof *faults);
        report->incomplete = !faults;
        if (!faults) return;
        report->faults = faults;
        report->fault_room = room;
    }
    report->faults[report->fault_count++] = *fault;
}

static void note_fault(struct batch_report *report, uint32_t reason, uint64_t offset) {
    const struct batch_fault fault = {.line = report->lines, .reason = reason, .offset = offset};
    if (report->rejected++ == 0) report->first = fault;
    add_fault(report, &fault);
}

/* The line is over: no record was counted if it is blank. */
static void close_line(const struct batch *batch, struct batch_report *report) {
    if (!report->in_line) return;
    report->in_line = false;
    if (batch->counts.records > report->records) return;
    const struct batch_fault blank = {.line = report->lines, .reason = JSON_BLANK};
    add_fault(report, &blank);
}

static void begin_line(const struct batch *batch, struct batch_report *report) {
    close_line(batch, report);
    report->in_line = true;
    report->records = batch->counts.records;
    report->lines++;
}

/* ---- rejects, continued ---- */

/* The fields that come from the run are filled in here. */
static void reject(struct batch *batch, const struct batch_run *run, struct reject reject) {
    batch->counts.reasons[reject.reason]++;
    if (run->origin.report) note_fault(run->origin.report, reject.reason, reject.offset);
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
static void add_to_span(struct span *span, const struct batch_listener *listener,
                        const struct batch_run *run, const uint8_t *record, size_t size,
                        const struct facts *facts) {
    const struct facts_rules *rules = listener->facts;
    if (rules == NULL || listener->facts_of_stamps) {
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
    add_to_span(&batch->stored.span, listener, run, line->begin, record, facts);
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

static const struct message no_message = {.kind = MESSAGE_NONE, .has_header = false};

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

/* May this object have a member `_syslog`?  Most contain neither the name nor an escape that could hide
 * one. */
static bool may_have_header(const struct json_line *line) {
    static const char name[] = "\"_syslog\"", escape[] = "\\u00";
    const uint8_t *at = line->begin, *const end = line->end;
    for (; (at = memchr(at, '"', (size_t)(end - at))) != NULL; at++) /* ends: at advances */
        if ((size_t)(end - at) >= sizeof name - 1 && memcmp(at, name, sizeof name - 1) == 0)
            return true;
    for (at = line->begin; (at = memchr(at, '\\', (size_t)(end - at))) != NULL; at++)
        if ((size_t)(end - at) >= sizeof escape - 1 && memcmp(at, escape, sizeof escape - 1) == 0)
            return true;
    return false;
}

/* Has this object a `_syslog` of its own, from a sender that has already removed the header? */
static bool has_own_header(const struct json_line *line) {
    if (!may_have_header(line)) return false;
    const uint8_t *at = line->begin;
    struct json_pair pair;
    while (json_next_pair(&at, line->end, &pair)) /* each round advances by a member */
        if (json_name_is(&pair, "_syslog")) return true;
    return false;
}

static void write_text(struct syslog_out *out, const char *text) {
    syslog_write_bytes(out, text, strlen(text));
}

/* The object's beginning, up to `end`; the names of stamps become others. */
static void write_object(struct syslog_out *out, const uint8_t *object, const uint8_t *end,
                         uint32_t stamps) {
    const uint8_t *at = object, *from = object, *name;
    while (stamps && stamp_next_name(&at, end, stamps, &name)) {
        syslog_write_bytes(out, from, (size_t)(name - from));
        write_text(out, "_");
        from = name;
    }
    syslog_write_bytes(out, from, (size_t)(end - from));
}

/* The record with what is added to it, in memory that is not used before batch_pack.  renamed: it has
 * names of these stamps. */
static void build(struct batch *batch, const struct message *message,
                  const struct json_line *object, uint32_t renamed, struct syslog_out *out) {
    *out = (struct syslog_out){.at = batch->stored.bytes,
                               .end = batch->stored.bytes + batch->rules->line_bytes_max};
    const char *comma = "";
    if (object != NULL) {
        const uint8_t *first = object->begin + 1;
        while (is_space(*first))
            first++;
        write_object(out, object->begin, object->end - 1, renamed);
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

/* Is there room for its stamps?  There is, unless line_bytes_max is nearly FRAME_RAW_MAX. */
static bool stamps_fit(const struct batch *batch, const struct batch_listener *listener,
                       size_t size) {
    const uint32_t capacity = batch_capacity(batch->raw_max);
    return listener->stamps == 0 || size + 1 + STAMP_BYTES_MAX <= capacity ||
           size + 1 + stamp_bytes_max(listener->stamps, listener->name) <= capacity;
}

/* Stores it before `next`, which is still to be read.  object: it has passed the schema; NULL: the
 * message is text. */
static uint8_t *keep_built(struct batch *batch, const struct batch_run *run,
                           const struct message *message, const struct json_line *object,
                           const struct received *received, const uint8_t *next, uint32_t renamed,
                           uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    struct syslog_out built;
    struct json_line line;
    struct facts facts;
    build(batch, message, object, renamed, &built);
    const size_t size = (size_t)(built.at - batch->stored.bytes);
    if (built.full || size >= (size_t)(next - out) || !stamps_fit(batch, listener, size)) {
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
        return keep_built(batch, run, message, NULL, received, next, 0, out);
    return out;
}

/* An object, which may be after a header. */
static uint8_t *keep_object(struct batch *batch, const struct batch_run *run,
                            const struct message *message, const struct json_line *object,
                            const struct facts *facts, const struct received *received,
                            size_t fault, const uint8_t *next, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    if (!accept(batch, run, object, received, fault)) return out;
    const size_t size = (size_t)(object->end - object->begin);
    const bool renamed = listener->stamps && stamp_names(object->begin, size, listener->stamps) > 0;
    const bool added = listener->syslog_fields && message->has_header && !has_own_header(object);
    if (!added && !renamed && stamps_fit(batch, listener, size))
        return keep(batch, run, object, facts, out);
    return keep_built(batch, run, added ? message : &no_message, object, received, next,
                      renamed ? listener->stamps : 0, out);
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
    struct batch_report *const report = run->origin.report;
    struct json_line line;
    struct facts facts;
    for (; text < text_end; text += line.next - text) {
        if (report) begin_line(batch, report);
        check_line(listener->facts, text, text_end, &line, &batch->facts_memory, &facts);
        if (listener->ijson && line.reason == JSON_OK) ijson_check_line(&line);
        if (line.reason == JSON_BLANK) continue;
        const struct received received = {text, line_size(text, line.next)};
        if (line.reason != JSON_OK)
            out = check_message(batch, run, text, &line, out);
        else if (listener->stamps)
            out = keep_object(batch, run, &no_message, &line, &facts, &received, 0, line.next, out);
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

/* Writes the newlines of an object so that it is one line; returns how many bytes that adds.  spare: so
 * many newlines of its strings may be escaped, at least all for which line_bytes_max has room; 0: none
 * may. */
static uint32_t one_line(uint8_t *text, size_t size, uint32_t spare) {
    const uint32_t inside = join_lines(text, size);
    if (inside > 0 && spare > 0) {
        if (spare >= inside) escape_newlines(text, size, inside);
        return inside; /* it is too long if they have no room */
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
    if (length > size && length > batch->rules->line_bytes_max) {
        batch->counts.records++;
        reject_received(batch, run, &received, REJECT_OVERSIZED, batch->rules->line_bytes_max);
        return out;
    }
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
    return keep_object(batch, run, &message, &line, &facts, &received, fault, next, out);
}

/* ---- entries of the forward protocol ---- */

static uint32_t forward_reason(enum forward_result result) {
    switch (result) {
    case FORWARD_NO_ROOM: return REJECT_OVERSIZED;
    case FORWARD_BAD_NAME: return REJECT_FORWARD_NAME;
    case FORWARD_TOO_DEEP: return JSON_TOO_DEEP;
    default: return REJECT_FORWARD_ENTRY;
    }
}

static uint8_t *check_forward(struct batch *batch, const struct batch_run *run, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    const char *const own = listener->forward_time_key;
    const uint32_t most = batch->rules->line_bytes_max;
    uint8_t *text = batch->raw + run->offset;
    uint8_t *const json = batch->stored.bytes; /* not used before batch_pack */
    struct received received = {text, run->size - run->spare - 1};
    size_t size = run->size - 1 < most ? run->size - 1 : most, bad;
    const enum forward_result result =
        forward_write(text, received.size, *own ? own : FORWARD_TIME_KEY, run->origin.received_ns,
                      json, &size, &bad);
    if (result != FORWARD_OK) {
        batch->counts.records++;
        reject_received(batch, run, &received, forward_reason(result),
                        result == FORWARD_NO_ROOM ? most : bad);
        return out;
    }
    memcpy(text, json, size);
    text[size] = '\n';
    received.size = size;
    struct json_line line;
    struct facts facts;
    check_line(listener->facts, text, text + size + 1, &line, &batch->facts_memory, &facts);
    if (listener->ijson && line.reason == JSON_OK) ijson_check_line(&line);
    const size_t fault = line.reason == JSON_OK ? 0 : (size_t)(line.bad - text);
    return keep_object(batch, run, &no_message, &line, &facts, &received, fault, text + run->size,
                       out);
}

/* Records that grow must not reach what is still to be read: it is moved to the end. */
static void make_room(struct batch *batch) {
    const uint32_t room = batch_capacity(batch->raw_max) - batch->raw_size;
    memmove(batch->raw + room, batch->raw, batch->raw_size);
    for (uint32_t i = 0; i < batch->run_count; i++)
        batch->runs[i].offset += room;
}

/* What its protocol has rejected. */
static void check_aside(struct batch *batch, const struct batch_run *run) {
    const uint32_t kept = run->size - 1;
    batch->counts.records++;
    reject(batch, run,
           (struct reject){.reason = run->reason,
                           .offset = run->reason == REJECT_OVERSIZED ? batch->rules->line_bytes_max
                                                                     : kept,
                           .record_size = run->record_size,
                           .bytes = batch->raw + run->offset,
                           .size = kept});
}

void batch_check(struct batch *batch) {
    uint8_t *out = batch->raw;
    if (batch->growth.eighths) make_room(batch);
    for (uint32_t i = 0; i < batch->run_count; i++) {
        struct batch_run *run = &batch->runs[i];
        uint8_t *const before = out;
        const uint64_t stored = batch->counts.stored;
        struct batch_report *const report = run->origin.report;
        if (report && run->kind != BATCH_LINES) begin_line(batch, report);
        switch (run->kind) {
        case BATCH_LINES: out = check_lines(batch, run, out); break;
        case BATCH_RECORD: out = check_record(batch, run, out); break;
        case BATCH_FORWARD: out = check_forward(batch, run, out); break;
        case BATCH_SET_ASIDE: check_aside(batch, run); break;
        }
        if (report) close_line(batch, report);
        if (report) report->stored += (uint32_t)(batch->counts.stored - stored);
        run->stored = (uint32_t)(out - before);
        if (batch->rules->listeners[run->origin.listener].stamps & STAMP_SEQ)
            batch->numbered += batch->counts.stored - stored;
    }
    use_gate(batch, NULL);
    batch->stored_size = (size_t)(out - batch->raw);
    const bool fits = reject_text_to_frame(batch);
    assert(fits);
}

void batch_pack(struct batch *batch) {
    if (batch->stored_size == 0) return;
    batch_stamp(batch);
    batch->stored.size = frames_encode(batch->scratch, batch->raw, batch->stored_size,
                                       batch->acceleration, batch->stored.bytes);
    batch->stored.raw_size = batch->stored_size;
    batch->stored.lines = batch->counts.stored;
}
