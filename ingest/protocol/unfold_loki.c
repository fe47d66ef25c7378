/* unfold_loki.c - pushes of Loki as JSON (grafana.com/docs/loki, "Ingest logs"):
 *
 *     {"streams": [{"stream": {LABELS}, "values": [[TIME, LINE], [TIME, LINE, {METADATA}]]}]}
 *
 * A line that is a JSON object gives its members to the record, byte for byte; any other line is
 * `message`.  Members with a name that the record itself needs are kept in `line`. */
#include <string.h>

#include "ingest/protocol/unfold_internal.h"
#include "schema/json/text.h"
#include "schema/record/facts.h"
#include "writer/live/quarantine.h"

static const char *begin(struct unfold *unfold) {
    const uint8_t *at = unfold->body;
    struct json_pair pair;
    bool empty = true, found = false;
    for (; json_next_pair(&at, unfold->end, &pair); empty = false) /* each round advances */
        if (json_name_is(&pair, "streams")) {
            found = unfold_open(&unfold->lists[0], pair.value, pair.end) || *pair.value == 'n';
            if (!found) return "\"streams\" is not an array";
        }
    return found || empty ? NULL : "there is no member \"streams\"";
}

/* What gives a record its level, if its line does not: in this order. */
static const char *const level_labels[] = {"level", "severity", "severity_text", "detected_level"};
#define LEVEL_LABELS ((int)(sizeof level_labels / sizeof *level_labels))

/* The value of the first of them that is a string. */
static struct json_slice find_level(struct json_slice object) {
    struct json_slice found = {NULL, NULL};
    int best = LEVEL_LABELS;
    struct json_pair pair;
    while (object.at && json_next_pair(&object.at, object.end, &pair)) { /* each round advances */
        const int at = unfold_name(&pair, level_labels, best + (best < LEVEL_LABELS));
        if (at < 0 || *pair.value != '"') continue;
        best = at;
        found = (struct json_slice){pair.value, pair.end};
    }
    return found;
}

/* An object with members; otherwise at is NULL. */
static struct json_slice members_of(struct json_slice value) {
    const struct json_slice none = {NULL, NULL};
    if (value.at == NULL || *value.at != '{') return none;
    return *json_space_end(value.at + 1, value.end) == '}' ? none : value;
}

static const char *open_stream(struct unfold *unfold, struct json_slice stream) {
    struct json_slice labels = {NULL, NULL}, values = labels;
    static const char *const names[] = {"stream", "values"};
    struct json_pair pair;
    bool unknown = false;
    if (*stream.at != '{') return "a stream is not an object";
    const uint8_t *at = stream.at;
    while (json_next_pair(&at, stream.end, &pair)) { /* each round advances */
        const struct json_slice value = {pair.value, pair.end};
        const int name = unfold_name(&pair, names, 2);
        if (name == 0) labels = value;
        if (name == 1) values = value;
        if (name < 0) unknown = true;
    }
    if (!slice_is_null(labels) && *labels.at != '{') return "\"stream\" is not an object of labels";
    /* Without values, but with `entries` of an older form, for example. */
    if (!unfold_open(&unfold->lists[1], values.at, values.end) &&
        (!slice_is_null(values) || unknown))
        return "a stream has no array \"values\"";
    labels = members_of(labels);
    const struct json_slice level = find_level(labels);
    unfold->shared[0] = (struct unfold_shared){
        .exists = labels.at != NULL, .at = labels.at, .end = labels.end, .size = SIZE_MAX};
    unfold->level = level.at;
    unfold->level_end = level.end;
    return NULL;
}

static bool next(struct unfold *unfold, struct unfold_event *event) {
    struct json_slice value;
    while (!unfold_element(&unfold->lists[1], &value)) { /* each round takes a stream */
        if (!unfold_element(&unfold->lists[0], &value)) return false;
        event->problem = open_stream(unfold, value);
        if (event->problem) break;
    }
    event->at = value.at;
    event->end = value.end;
    return true;
}

/* ---- a record ---- */

struct entry {
    struct json_slice time, line, metadata, level; /* at is NULL: there is none */
    bool has_labels;
    int64_t ns;
    size_t own_size; /* of the line's members that are kept in `line` */
};

static const char *read_entry(const struct unfold *unfold, struct json_slice event,
                              struct entry *entry) {
    struct unfold_list list;
    struct json_slice extra = {NULL, NULL};
    *entry = (struct entry){.has_labels = unfold->shared[0].exists,
                            .level = {unfold->level, unfold->level_end}};
    if (!unfold_open(&list, event.at, event.end)) return "an entry is not an array";
    if (!unfold_element(&list, &entry->time) || !unfold_element(&list, &entry->line))
        return "an entry has no line";
    if (unfold_element(&list, &extra) && unfold_element(&list, &event))
        return "an entry has more than three elements";
    if (!slice_time(entry->time, &entry->ns))
        return "the time of an entry is not a number of nanoseconds";
    if (!slice_is_string(entry->line)) return "the line of an entry is not a string";
    if (!slice_is_null(extra) && *extra.at != '{')
        return "the metadata of an entry is not an object";
    entry->metadata = members_of(extra);
    if (entry->level.at == NULL) entry->level = find_level(entry->metadata);
    return NULL;
}

static bool is_own(const struct entry *entry, const struct json_pair *pair) {
    return unfold_named(pair, "@timestamp") || unfold_named(pair, "line") ||
           (entry->level.at && unfold_named(pair, "level")) ||
           (entry->has_labels && unfold_named(pair, "labels")) ||
           (entry->metadata.at && unfold_named(pair, "metadata"));
}

static bool is_space(uint32_t point) {
    return point == ' ' || point == '\t' || point == '\r' || point == '\n';
}

/* Does the text begin as an object does?  Most lines that are none are not decoded. */
static bool may_be_object(struct json_slice text) {
    const char *at = (const char *)text.at, *const end = (const char *)text.end;
    uint32_t point = ' ';
    while (at < end && is_space(point)) /* each round advances */
        point = text_next_point(&at, end);
    return point == '{';
}

/* Decodes the text at out->at.  Stops when it is full. */
static void decode(struct json_slice text, struct unfold_out *out) {
    const char *at = (const char *)text.at, *const end = (const char *)text.end;
    while (at < end && !out->full) { /* each round advances */
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        if (escape == NULL) escape = end;
        unfold_put(out, at, (size_t)(escape - at));
        at = escape;
        if (at == end) return;
        char bytes[sizeof "\\ud83d\\ude00"];
        (void)text_next_point(&at, end);
        unfold_put(out, bytes, text_decode(escape, (size_t)(at - escape), bytes));
    }
}

/* Decodes the line at out->at and leaves it there if it is one object, with white space around it. */
static bool put_object(struct json_slice text, struct unfold_out *out, struct json_slice *object,
                       bool *has_level) {
    struct json_line line;
    struct json_found found;
    struct facts facts;
    struct facts_places places;
    if (!may_be_object(text)) return false;
    uint8_t *begin = out->at;
    decode(text, out);
    if (out->full) return true;
    uint8_t *end = out->at;
    out->at = begin;
    while (is_space(end[-1])) /* ends: it contains a brace */
        end--;
    while (is_space(*begin))
        begin++;
    *end = '\n'; /* UNFOLD_PADDING bytes are there */
    json_check_line_names(begin, end + 1, false, &facts_rules_usual.names, &line, &found);
    if (line.reason != JSON_OK || line.next != end + 1) return false;
    facts_of_found_at(&facts_rules_usual, &found, line.end, &facts, &places);
    *has_level = places.level != NULL || facts.unrecognised;
    *object = (struct json_slice){line.begin, line.end};
    return true;
}

/* Moves the object's members, the record's own ones or the others, to out->at, which is at or before
 * the object.  Returns how many they are. */
static uint32_t put_members(const struct entry *entry, struct json_slice object, bool own,
                            struct unfold_out *out) {
    struct json_pair pair;
    uint32_t count = 0;
    while (json_next_pair(&object.at, object.end, &pair)) { /* each round advances */
        if (is_own(entry, &pair) != own) continue;
        const size_t size = (size_t)(pair.end - pair.name) + 1;
        if (count++ > 0) *out->at++ = ',';
        memmove(out->at, pair.name - 1, size);
        out->at += size;
    }
    return count;
}

/* Bytes of the object's members that the record needs for itself, each with a comma. */
static size_t own_size(const struct entry *entry, struct json_slice object) {
    struct json_pair pair;
    size_t size = 0;
    while (json_next_pair(&object.at, object.end, &pair)) /* each round advances */
        if (is_own(entry, &pair)) size += (size_t)(pair.end - pair.name) + 2;
    return size;
}

/* Moves them to the end of the room, which ends before them then. */
static void keep_own(struct entry *entry, struct json_slice object, struct unfold_out *out) {
    if (entry->own_size > (size_t)(out->end - object.end)) out->full = true;
    if (out->full) return;
    out->end -= entry->own_size;
    put_members(entry, object, true, &(struct unfold_out){.at = out->end});
}

/* Writes `,` and the members of the line, or `message`. */
static void put_line(struct entry *entry, struct unfold_out *out) {
    struct json_slice object;
    bool has_level;
    unfold_text(out, ",");
    if (out->full) return;
    if (!put_object(slice_inside(entry->line), out, &object, &has_level)) {
        unfold_text(out, "\"message\":");
        unfold_slice(out, entry->line);
        return;
    }
    if (out->full) return;
    if (has_level) entry->level.at = NULL;
    entry->own_size = own_size(entry, object);
    if (entry->own_size > 0) {
        keep_own(entry, object, out);
        if (!out->full && put_members(entry, object, false, out) == 0) out->at--;
        return;
    }
    const uint8_t *const first = json_space_end(object.at + 1, object.end);
    const uint8_t *const last = object.end - 1; /* its brace */
    if (first >= last) {
        out->at--; /* without members, without a comma */
        return;
    }
    memmove(out->at, first, (size_t)(last - first));
    out->at += last - first;
}

static const char *write_labels(const struct unfold_shared *labels, struct unfold_out *out) {
    unfold_text(out, ",\"labels\":");
    unfold_put(out, labels->at, (size_t)(labels->end - labels->at));
    return NULL;
}

/* Members of the line that the record needs for itself. */
static void put_own(const struct entry *entry, struct unfold_out *out) {
    const size_t size = entry->own_size - 1; /* without the last comma */
    if (entry->own_size == 0) return;
    unfold_text(out, ",\"line\":{");
    if (out->full) return;
    memmove(out->at, out->end, size);
    out->at += size;
    out->end += entry->own_size;
    unfold_text(out, "}");
}

static const char *write(struct unfold *unfold, struct json_slice event, struct unfold_out *out) {
    static unfold_writer *const writers[UNFOLD_SHARED] = {write_labels};
    struct entry entry;
    const char *problem = read_entry(unfold, event, &entry);
    if (problem) return problem;
    unfold_text(out, "{\"@timestamp\":");
    unfold_time(out, entry.ns);
    put_line(&entry, out);
    if (entry.level.at) {
        unfold_text(out, ",\"level\":");
        unfold_slice(out, entry.level);
    }
    if (entry.metadata.at) {
        unfold_text(out, ",\"metadata\":");
        unfold_slice(out, entry.metadata);
    }
    put_own(&entry, out);
    return unfold_share(unfold, writers, out);
}

const struct unfold_format unfold_loki = {
    .reason = REJECT_LOKI, .begin = begin, .next = next, .write = write};
