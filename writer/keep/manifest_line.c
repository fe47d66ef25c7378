/* manifest_line.c - see manifest_line.h.  Unknown names are skipped, so that a later version may
 * add some. */
#include "writer/keep/manifest_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"

static const char *const event_names[MANIFEST_EVENTS] = {
    [MANIFEST_NONE] = "",
    [MANIFEST_CLOSED] = "closed",
    [MANIFEST_ARCHIVED] = "archived",
    [MANIFEST_MOVED] = "moved",
    [MANIFEST_HANDED] = "handed_over",
    [MANIFEST_DELETING] = "deleting",
    [MANIFEST_DELETED] = "deleted",
    [MANIFEST_DELETED_EARLIER] = "deleted_earlier",
};

const char *manifest_event_name(enum manifest_event event) {
    return event_names[event];
}

/* ---- writing ---- */

static bool known(int64_t time_ns) {
    return time_ns != INT64_MIN && time_ns != INT64_MAX;
}

static char *put_time(char *out, const char *name, int64_t time_ns) {
    char text[TIMESTAMP_TEXT_MAX];
    if (!known(time_ns)) return out + sprintf(out, ",\"%s\":null", name);
    return out + sprintf(out, ",\"%s\":\"%s\"", name, timestamp_format(time_ns, text));
}

static char *put_text(char *out, const char *name, const char *text) {
    out += sprintf(out, ",\"%s\":", name);
    return json_write_string(out, text, strlen(text));
}

size_t manifest_line_encode(const struct manifest_record *record, char line[MANIFEST_LINE_MAX]) {
    assert(record->event > MANIFEST_NONE && record->event < MANIFEST_EVENTS);
    char name[SEGMENT_NAME_MAX];
    char *out = line;
    out += sprintf(out, "{\"event\":\"%s\"", event_names[record->event]);
    out = put_time(out, "time", record->time_ns);
    out += sprintf(out, ",\"stream\":\"%s\",\"sequence\":%" PRIu64 ",\"name\":\"%s\"",
                   record->name.stream, record->name.sequence,
                   segment_name_format(&record->name, name));
    out += sprintf(out, ",\"lines\":%" PRIu64 ",\"raw_bytes\":%" PRIu64 ",\"bytes\":%" PRIu64,
                   record->lines, record->raw_bytes, record->bytes);
    if (record->segments != 0) out += sprintf(out, ",\"segments\":%" PRIu64, record->segments);
    out = put_time(out, "first_time", record->first_time_ns);
    out = put_time(out, "last_time", record->last_time_ns);
    out = put_time(out, "closed_time", record->closed_ns);
    if (record->handed_ns != 0) out = put_time(out, "handed_time", record->handed_ns);
    out += sprintf(out, ",\"xxh3\":\"%016" PRIx64 "\"", record->xxh3);
    if (record->folder[0] != '\0') out = put_text(out, "folder", record->folder);
    if (record->reason[0] != '\0') out = put_text(out, "reason", record->reason);
    out += sprintf(out, "}\n");
    assert(out < line + MANIFEST_LINE_MAX);
    return (size_t)(out - line);
}

/* ---- reading ---- */

enum name {
    NAME_EVENT,
    NAME_TIME,
    NAME_NAME,
    NAME_LINES,
    NAME_RAW_BYTES,
    NAME_BYTES,
    NAME_SEGMENTS,
    NAME_FIRST_TIME,
    NAME_LAST_TIME,
    NAME_CLOSED_TIME,
    NAME_HANDED_TIME,
    NAME_XXH3,
    NAME_FOLDER,
    NAME_REASON,
    NAMES
};
static const char *const names[NAMES] = {
    "event",      "time",      "name",        "lines",       "raw_bytes", "bytes",  "segments",
    "first_time", "last_time", "closed_time", "handed_time", "xxh3",      "folder", "reason"};

struct fields {
    struct json_found found;
    bool invalid;
};

static const char *value_of(const struct fields *fields, enum name name) {
    const bool there = fields->found.mask >> name & 1;
    return there ? (const char *)fields->found.value[name] : "";
}

static char escaped(const char **p) {
    switch (*(*p)++) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'u': {
        const char digits[5] = {(*p)[0], (*p)[1], (*p)[2], (*p)[3], '\0'};
        *p += 4;
        return (char)strtoul(digits, NULL, 16); /* the encoder writes only control characters so */
    }
    default: return (*p)[-1];
    }
}

/* The line is valid JSON, so every string ends.  False: not a string, or too long. */
static bool read_text(const char *value, char *text, size_t size) {
    size_t length = 0;
    if (*value++ != '"') return false;
    while (*value != '"') {
        if (length + 1 >= size) return false;
        const char c = *value++;
        text[length++] = c == '\\' ? escaped(&value) : c;
    }
    text[length] = '\0';
    return true;
}

static void take_text(struct fields *fields, enum name name, bool needed, char *text, size_t size) {
    const char *value = value_of(fields, name);
    text[0] = '\0';
    if (*value == '\0' && !needed) return;
    if (!read_text(value, text, size)) fields->invalid = true;
}

static uint64_t take_number(struct fields *fields, enum name name) {
    const char *value = value_of(fields, name);
    char *end;
    const uint64_t number = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || strspn(end, ",} ") == 0) fields->invalid = true;
    return number;
}

static int64_t take_time(struct fields *fields, enum name name, int64_t unknown) {
    char text[TIMESTAMP_TEXT_MAX];
    const char *value = value_of(fields, name);
    int64_t time_ns = unknown;
    if (*value == 'n') return unknown;
    if (!read_text(value, text, sizeof text) || time_parse(text, strlen(text), &time_ns) != 0)
        fields->invalid = true;
    return time_ns;
}

static uint64_t take_digest(struct fields *fields) {
    char text[17], *end;
    take_text(fields, NAME_XXH3, true, text, sizeof text);
    const uint64_t digest = strtoull(text, &end, 16);
    if (strlen(text) != 16 || *end != '\0') fields->invalid = true;
    return digest;
}

static enum manifest_event event_of(const char *text) {
    for (int event = MANIFEST_CLOSED; event < MANIFEST_EVENTS; event++)
        if (strcmp(text, event_names[event]) == 0) return (enum manifest_event)event;
    return MANIFEST_NONE;
}

int manifest_line_decode(const char *line, size_t size, struct manifest_record *record) {
    struct json_names wanted = {0};
    struct json_line validated;
    struct fields fields = {0};
    char event[32], name[SEGMENT_NAME_MAX];
    assert(size > 0 && line[size - 1] == '\n');
    for (int i = 0; i < NAMES; i++)
        json_names_add(&wanted, names[i], (uint32_t)strlen(names[i]), true);
    const uint8_t *begin = (const uint8_t *)line;
    json_check_line_names(begin, begin + size, false, &wanted, &validated, &fields.found);
    if (validated.reason != JSON_OK || validated.next != begin + size) return ERR_INVALID;

    memset(record, 0, sizeof *record);
    take_text(&fields, NAME_EVENT, true, event, sizeof event);
    record->event = event_of(event);
    if (!fields.invalid && record->event == MANIFEST_NONE) {
        take_text(&fields, NAME_NAME, false, name, sizeof name);
        if (fields.invalid || !segment_name_parse(name, &record->name))
            record->name.stream[0] = '\0';
        return ERR_UNSUPPORTED;
    }
    take_text(&fields, NAME_NAME, true, name, sizeof name);
    record->time_ns = take_time(&fields, NAME_TIME, 0);
    record->lines = take_number(&fields, NAME_LINES);
    record->raw_bytes = take_number(&fields, NAME_RAW_BYTES);
    record->bytes = take_number(&fields, NAME_BYTES);
    if (fields.found.mask >> NAME_SEGMENTS & 1)
        record->segments = take_number(&fields, NAME_SEGMENTS);
    record->first_time_ns = take_time(&fields, NAME_FIRST_TIME, INT64_MIN);
    record->last_time_ns = take_time(&fields, NAME_LAST_TIME, INT64_MAX);
    record->closed_ns = take_time(&fields, NAME_CLOSED_TIME, INT64_MAX);
    if (fields.found.mask >> NAME_HANDED_TIME & 1)
        record->handed_ns = take_time(&fields, NAME_HANDED_TIME, 0);
    record->xxh3 = take_digest(&fields);
    take_text(&fields, NAME_FOLDER, false, record->folder, sizeof record->folder);
    take_text(&fields, NAME_REASON, false, record->reason, sizeof record->reason);
    const bool named = segment_name_parse(name, &record->name) && !record->name.part;
    return fields.invalid || !named ? ERR_INVALID : 0;
}
