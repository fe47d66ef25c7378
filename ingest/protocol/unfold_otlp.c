/* unfold_otlp.c - exports of OTLP logs as JSON (opentelemetry.io/docs/specs/otlp, "JSON Protobuf
 * Encoding"; opentelemetry-proto's logs/v1/logs.proto):
 *
 *     {"resourceLogs": [{"resource": R, "scopeLogs": [{"scope": S, "logRecords": [RECORD]}]}]}
 *
 * A record's attributes are members of the stored record; those with a name that the record itself
 * needs are in `attributes`.  Values lose their types' names ({"intValue":"7"} becomes 7), never their
 * digits.  What is null or the default of protobuf counts as absent. */
#include <string.h>

#include "ingest/protocol/unfold_internal.h"
#include "schema/record/facts.h"
#include "writer/live/quarantine.h"

/* ---- messages: objects whose members have known names ---- */

#define COUNT(names) ((int)(sizeof(names) / sizeof *(names)))

/* The values of these names, those that are not null.  False: it is no object.  *unknown: it has other
 * members too; may be NULL. */
static bool read_message(struct json_slice message, const char *const *names, int count,
                         struct json_slice *values, bool *unknown) {
    struct json_pair pair;
    if (*message.at != '{') return false;
    for (int i = 0; i < count; i++)
        values[i] = (struct json_slice){NULL, NULL};
    if (unknown) *unknown = false;
    while (json_next_pair(&message.at, message.end, &pair)) { /* each round advances */
        const int i = unfold_name(&pair, names, count);
        if (i >= 0) values[i] = (struct json_slice){pair.value, pair.end};
        if (i >= 0 && *pair.value == 'n') values[i].at = NULL;
        if (i < 0 && unknown) *unknown = true;
    }
    return true;
}

/* Begins a list that may be absent. */
static bool open_list(struct unfold_list *list, struct json_slice value) {
    return unfold_open(list, value.at, value.end) || value.at == NULL;
}

/* ---- the lists ---- */

static const char *const request_names[] = {"resourceLogs"};

/* Members that are not known are ignored, as the specification says, but not where they may be what
 * holds the records. */
static const char *begin(struct unfold *unfold) {
    const struct json_slice request = {unfold->body, unfold->end};
    struct json_slice list;
    bool unknown;
    read_message(request, request_names, 1, &list, &unknown);
    if (unknown && list.at == NULL) return "there is no member \"resourceLogs\"";
    return open_list(&unfold->lists[0], list) ? NULL : "\"resourceLogs\" is not an array";
}

enum { RESOURCE, SCOPE_LOGS, RESOURCE_SCHEMA, RESOURCE_LOGS_NAMES };
static const char *const resource_logs_names[] = {"resource", "scopeLogs", "schemaUrl"};
enum { SCOPE, LOG_RECORDS, SCOPE_SCHEMA, SCOPE_LOGS_NAMES };
static const char *const scope_logs_names[] = {"scope", "logRecords", "schemaUrl"};

static struct unfold_shared shared_of(struct json_slice value, struct json_slice schema) {
    return (struct unfold_shared){.exists = value.at || schema.at,
                                  .at = value.at,
                                  .end = value.end,
                                  .schema = schema.at,
                                  .schema_end = schema.end,
                                  .size = SIZE_MAX};
}

static const char *open_resource(struct unfold *unfold, struct json_slice logs) {
    struct json_slice values[RESOURCE_LOGS_NAMES];
    bool unknown;
    if (!read_message(logs, resource_logs_names, RESOURCE_LOGS_NAMES, values, &unknown))
        return "an element of \"resourceLogs\" is not an object";
    if (unknown && values[SCOPE_LOGS].at == NULL)
        return "an element of \"resourceLogs\" has no \"scopeLogs\"";
    if (!open_list(&unfold->lists[1], values[SCOPE_LOGS])) return "\"scopeLogs\" is not an array";
    unfold->shared[1] = shared_of(values[RESOURCE], values[RESOURCE_SCHEMA]);
    return NULL;
}

static const char *open_scope(struct unfold *unfold, struct json_slice logs) {
    struct json_slice values[SCOPE_LOGS_NAMES];
    bool unknown;
    if (!read_message(logs, scope_logs_names, SCOPE_LOGS_NAMES, values, &unknown))
        return "an element of \"scopeLogs\" is not an object";
    if (unknown && values[LOG_RECORDS].at == NULL)
        return "an element of \"scopeLogs\" has no \"logRecords\"";
    if (!open_list(&unfold->lists[2], values[LOG_RECORDS])) return "\"logRecords\" is not an array";
    unfold->shared[0] = shared_of(values[SCOPE], values[SCOPE_SCHEMA]);
    return NULL;
}

static bool next(struct unfold *unfold, struct unfold_event *event) {
    struct json_slice value;
    while (!unfold_element(&unfold->lists[2], &value)) { /* each round takes an element */
        if (unfold_element(&unfold->lists[1], &value))
            event->problem = open_scope(unfold, value);
        else if (unfold_element(&unfold->lists[0], &value))
            event->problem = open_resource(unfold, value);
        else
            return false;
        if (event->problem) break;
    }
    event->at = value.at;
    event->end = value.end;
    return true;
}

/* ---- numbers ---- */

/* A number, which may be in a string.  Its default, 0, counts as absent.  False: it is something
 * else. */
static bool is_integer(struct json_slice value) {
    return slice_is_integer(slice_inside(value));
}
static bool is_zero(struct json_slice value) {
    const struct json_slice inside = slice_inside(value);
    const bool negative = inside.at < inside.end && *inside.at == '-';
    return inside.end - inside.at == 1 + negative && inside.at[negative] == '0';
}

/* ---- values ---- */

enum { STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES, VALUE_NAMES };
static const char *const value_names[] = {"stringValue", "boolValue",   "intValue",  "doubleValue",
                                          "arrayValue",  "kvlistValue", "bytesValue"};
static const char *const pair_names[] = {"key", "value"};
static const char *const list_names[] = {"values"};

static const char *put_value(struct unfold_out *out, struct json_slice value);

static bool is_number(struct json_slice text) {
    struct json_line line;
    uint8_t copy[256 + 1 + JSON_PADDING] = {0};
    const size_t size = (size_t)(text.end - text.at);
    if (size == 0 || size > 256 || (*text.at != '-' && (*text.at < '0' || *text.at > '9')))
        return false;
    memcpy(copy, text.at, size);
    copy[size] = '\n';
    json_check_line(copy, copy + size + 1, true, &line);
    return line.reason == JSON_OK && (size_t)(line.end - line.begin) == size;
}

static bool is_text(struct json_slice value, const char *text) {
    const size_t size = strlen(text);
    return (size_t)(value.end - value.at) == size && memcmp(value.at, text, size) == 0;
}

static const char *put_double(struct unfold_out *out, struct json_slice value) {
    const struct json_slice inside = slice_inside(value);
    if (is_text(inside, "NaN") || is_text(inside, "Infinity") || is_text(inside, "-Infinity"))
        unfold_slice(out, value);
    else if (*value.at == '-' || (*value.at >= '0' && *value.at <= '9') || is_number(inside))
        unfold_slice(out, inside);
    else
        return "a doubleValue is not a number";
    return NULL;
}

/* The list in {"values": LIST}. */
static const char *open_values(struct unfold_list *list, struct json_slice value) {
    struct json_slice values;
    if (!read_message(value, list_names, 1, &values, NULL) || !open_list(list, values))
        return "an arrayValue or kvlistValue has no array \"values\"";
    return NULL;
}

static const char *put_array(struct unfold_out *out, struct json_slice value) {
    struct unfold_list list = {NULL, NULL};
    const char *problem = open_values(&list, value), *comma = "[";
    while (!problem && unfold_element(&list, &value)) { /* each round advances */
        unfold_text(out, comma);
        problem = put_value(out, value);
        comma = ",";
    }
    unfold_text(out, *comma == '[' ? "[]" : "]");
    return problem;
}

static const char *read_pair(struct json_slice element, struct json_slice pair[2]) {
    if (!read_message(element, pair_names, 2, pair, NULL)) return "an attribute is not an object";
    if (pair[0].at && *pair[0].at != '"') return "the key of an attribute is not a string";
    return NULL;
}

static const char *put_pair(struct unfold_out *out, const struct json_slice pair[2]) {
    if (pair[0].at)
        unfold_slice(out, pair[0]);
    else
        unfold_text(out, "\"\"");
    unfold_text(out, ":");
    return put_value(out, pair[1]);
}

/* A list of keys and values becomes an object. */
static const char *put_pairs(struct unfold_out *out, struct unfold_list list) {
    struct json_slice element, pair[2];
    const char *problem = NULL, *comma = "{";
    while (!problem && unfold_element(&list, &element)) { /* each round advances */
        problem = read_pair(element, pair);
        if (problem) return problem;
        unfold_text(out, comma);
        problem = put_pair(out, pair);
        comma = ",";
    }
    unfold_text(out, *comma == '{' ? "{}" : "}");
    return problem;
}

static const char *put_kvlist(struct unfold_out *out, struct json_slice value) {
    struct unfold_list list = {NULL, NULL};
    const char *problem = open_values(&list, value);
    return problem ? problem : put_pairs(out, list);
}

/* Its kind; -1: it has no value; VALUE_NAMES: it is not understood. */
static int find_value(struct json_slice *value) {
    struct json_pair pair;
    struct json_slice message = *value;
    int found = -1;
    if (value->at == NULL || *value->at == 'n') return -1;
    if (*value->at != '{') return VALUE_NAMES;
    while (json_next_pair(&message.at, message.end, &pair)) { /* each round advances */
        if (*pair.value == 'n') continue;
        const int kind = unfold_name(&pair, value_names, VALUE_NAMES);
        if (kind < 0 || found >= 0) return VALUE_NAMES;
        found = kind;
        *value = (struct json_slice){pair.value, pair.end};
    }
    return found;
}

/* An AnyValue.  Calls itself for those inside: JSON_DEPTH_MAX bounds how deep. */
static const char *put_value(struct unfold_out *out, struct json_slice value) {
    const int kind = find_value(&value);
    switch (kind) {
    case -1: unfold_text(out, "null"); return NULL;
    case ARRAY: return put_array(out, value);
    case KVLIST: return put_kvlist(out, value);
    case DOUBLE: return put_double(out, value);
    case STRING:
        if (*value.at != '"') return "a stringValue is not a string";
        break;
    case BYTES:
        if (*value.at != '"') return "a bytesValue is not a string";
        break;
    case BOOL:
        if (*value.at != 't' && *value.at != 'f') return "a boolValue is neither true nor false";
        break;
    case INT:
        if (!is_integer(value)) return "an intValue is not an integer";
        value = slice_inside(value);
        break;
    default: return "a value has not exactly one of the members stringValue, intValue ...";
    }
    unfold_slice(out, value);
    return NULL;
}

/* ---- what records share ---- */

static bool present(struct json_slice value) {
    return value.at && !slice_is_empty_string(value);
}

/* `,"NAME":` before a value, and whether it is a string or number. */
static const char *put_string(struct unfold_out *out, const char *name, struct json_slice value) {
    if (!present(value)) return NULL;
    if (*value.at != '"') return "a member that must be a string is none";
    unfold_text(out, name);
    unfold_slice(out, value);
    return NULL;
}

static const char *put_count(struct unfold_out *out, const char *name, struct json_slice value) {
    if (value.at == NULL || is_zero(value)) return NULL;
    if (!is_integer(value)) return "a member that must be an integer is none";
    unfold_text(out, name);
    unfold_slice(out, slice_inside(value));
    return NULL;
}

enum { ATTRIBUTES, DROPPED, RESOURCE_NAMES };
static const char *const resource_names[] = {"attributes", "droppedAttributesCount"};

static const char *write_resource(const struct unfold_shared *shared, struct unfold_out *out) {
    const struct json_slice value = {shared->at, shared->end};
    const struct json_slice schema = {shared->schema, shared->schema_end};
    struct json_slice resource[RESOURCE_NAMES] = {{NULL, NULL}};
    struct unfold_list attributes = {NULL, NULL};
    const char *problem = NULL;
    if (value.at && !read_message(value, resource_names, RESOURCE_NAMES, resource, NULL))
        return "\"resource\" is not an object";
    if (!open_list(&attributes, resource[ATTRIBUTES])) return "\"attributes\" is not an array";
    if (attributes.at && *json_space_end(attributes.at + 1, attributes.end) != ']') {
        unfold_text(out, ",\"resource\":");
        problem = put_pairs(out, attributes);
    }
    if (!problem)
        problem = put_count(out, ",\"resource_dropped_attributes_count\":", resource[DROPPED]);
    if (!problem) problem = put_string(out, ",\"resource_schema_url\":", schema);
    return problem;
}

enum { SCOPE_ATTRIBUTES, SCOPE_DROPPED, NAME, VERSION, SCOPE_NAMES };
static const char *const scope_names[] = {"attributes", "droppedAttributesCount", "name",
                                          "version"};

/* Each member with a comma; the caller replaces the first one by a brace. */
static const char *write_scope_members(const struct json_slice *scope, struct unfold_out *out) {
    struct unfold_list attributes = {NULL, NULL};
    const char *problem = put_string(out, ",\"name\":", scope[NAME]);
    if (!problem) problem = put_string(out, ",\"version\":", scope[VERSION]);
    if (!open_list(&attributes, scope[SCOPE_ATTRIBUTES])) return "\"attributes\" is not an array";
    if (!problem && attributes.at && *json_space_end(attributes.at + 1, attributes.end) != ']') {
        unfold_text(out, ",\"attributes\":");
        problem = put_pairs(out, attributes);
    }
    if (!problem) problem = put_count(out, ",\"dropped_attributes_count\":", scope[SCOPE_DROPPED]);
    return problem;
}

static const char *write_scope(const struct unfold_shared *shared, struct unfold_out *out) {
    const struct json_slice value = {shared->at, shared->end};
    const struct json_slice schema = {shared->schema, shared->schema_end};
    struct json_slice scope[SCOPE_NAMES] = {{NULL, NULL}};
    if (value.at && !read_message(value, scope_names, SCOPE_NAMES, scope, NULL))
        return "\"scope\" is not an object";
    struct unfold_out before = *out;
    unfold_text(out, ",\"scope\":");
    uint8_t *const first = out->at;
    const size_t size = out->size;
    const char *problem = write_scope_members(scope, out);
    if (!problem) problem = put_string(out, ",\"schema_url\":", schema);
    if (out->size == size) *out = before; /* it has no members */
    if (out->size > size && out->at > first) *first = '{';
    if (out->size > size) unfold_text(out, "}");
    return problem;
}

/* ---- records ---- */

enum {
    TIME,
    OBSERVED,
    SEVERITY,
    SEVERITY_TEXT,
    BODY,
    RECORD_ATTRIBUTES,
    RECORD_DROPPED,
    FLAGS,
    TRACE,
    SPAN,
    EVENT,
    RECORD_NAMES
};
static const char *const record_names[] = {
    "timeUnixNano", "observedTimeUnixNano",   "severityNumber", "severityText", "body",
    "attributes",   "droppedAttributesCount", "flags",          "traceId",      "spanId",
    "eventName"};

/* Names of the stored record, in lower case.  The last ones are never an attribute's. */
enum {
    OWN_TIMESTAMP,
    OWN_LEVEL,
    OWN_SEVERITY_TEXT,
    OWN_SEVERITY_NUMBER,
    OWN_MESSAGE,
    OWN_BODY,
    OWN_EVENT_NAME,
    OWN_TRACE_ID,
    OWN_SPAN_ID,
    OWN_TRACE_FLAGS,
    OWN_OBSERVED,
    OWN_DROPPED,
    OWN_ALWAYS,
    OWN_NAMES = OWN_ALWAYS + 5
};
static const char *const own_names[] = {"@timestamp",
                                        "level",
                                        "severity_text",
                                        "severity_number",
                                        "message",
                                        "body",
                                        "eventname",
                                        "trace_id",
                                        "span_id",
                                        "trace_flags",
                                        "observed_timestamp",
                                        "dropped_attributes_count",
                                        "attributes",
                                        "resource",
                                        "resource_dropped_attributes_count",
                                        "resource_schema_url",
                                        "scope"};

struct log_record {
    struct json_slice all, values[RECORD_NAMES];
    int64_t time_ns, observed_ns; /* 0: absent */
    uint32_t severity;            /* 1 to 24; 0: there is none of these */
    bool has_number;              /* but there is another number */
    bool used[OWN_NAMES];         /* names that the stored record has */
};

static const char *read_time(struct json_slice value, int64_t *ns) {
    *ns = 0;
    if (value.at == NULL || slice_is_empty_string(value)) return NULL;
    return slice_time(value, ns) && *ns >= 0 ? NULL : "a time is not a number of nanoseconds";
}

#define SEVERITY_BYTES_MAX 8

/* "info" for 9, "info2" for 10 ... */
static const char *severity_name(uint32_t severity, char *text) {
    const char *plain = level_name((uint8_t)severity);
    const size_t size = strlen(plain);
    memcpy(text, plain, size + 1);
    if ((severity - 1) % 4 == 0) return text;
    text[size] = (char)('1' + (severity - 1) % 4);
    text[size + 1] = '\0';
    return text;
}

/* Is it protobuf's name of this number, SEVERITY_NUMBER_INFO2? */
static bool is_severity(struct json_slice text, uint32_t severity) {
    static const char prefix[] = "SEVERITY_NUMBER_";
    char name[SEVERITY_BYTES_MAX];
    const size_t size = strlen(severity_name(severity, name));
    const uint8_t *at = text.at + sizeof prefix - 1;
    if ((size_t)(text.end - text.at) != sizeof prefix - 1 + size) return false;
    if (memcmp(text.at, prefix, sizeof prefix - 1) != 0) return false;
    for (size_t i = 0; i < size; i++)
        if (ascii_lower(at[i]) != (uint8_t)name[i]) return false;
    return true;
}

static const char *read_severity(struct log_record *record) {
    const struct json_slice value = record->values[SEVERITY], text = slice_inside(value);
    if (!present(value)) return NULL;
    if (is_integer(value)) {
        record->has_number = !is_zero(value);
        if (text.end - text.at > 2 || *text.at == '-') return NULL;
        for (const uint8_t *at = text.at; at < text.end; at++)
            record->severity = 10 * record->severity + (uint32_t)(*at - '0');
        if (record->severity > LEVEL_MAX) record->severity = 0;
        return NULL;
    }
    if (is_text(text, "SEVERITY_NUMBER_UNSPECIFIED")) return NULL;
    for (uint32_t i = 1; i <= LEVEL_MAX; i++)
        if (is_severity(text, i)) record->severity = i;
    return record->severity ? NULL : "severityNumber is not a number";
}

static const char *read_record(struct json_slice event, struct log_record *record) {
    *record = (struct log_record){.all = event};
    if (!read_message(event, record_names, RECORD_NAMES, record->values, NULL))
        return "a log record is not an object";
    const struct json_slice *const values = record->values;
    const char *problem = read_time(values[TIME], &record->time_ns);
    if (!problem) problem = read_time(values[OBSERVED], &record->observed_ns);
    if (!problem) problem = read_severity(record);
    struct json_slice body = values[BODY];
    const int kind = find_value(&body);
    const bool text = present(values[SEVERITY_TEXT]);
    record->used[OWN_TIMESTAMP] = record->time_ns || record->observed_ns;
    record->used[OWN_OBSERVED] = record->observed_ns;
    record->used[OWN_LEVEL] = record->severity || text;
    record->used[OWN_SEVERITY_TEXT] = record->severity && text;
    record->used[OWN_SEVERITY_NUMBER] = record->has_number && !record->severity;
    record->used[OWN_MESSAGE] = kind == STRING;
    record->used[OWN_BODY] = kind >= 0 && kind != STRING;
    record->used[OWN_EVENT_NAME] = present(values[EVENT]);
    record->used[OWN_TRACE_ID] = present(values[TRACE]);
    record->used[OWN_SPAN_ID] = present(values[SPAN]);
    record->used[OWN_TRACE_FLAGS] = values[FLAGS].at && !is_zero(values[FLAGS]);
    record->used[OWN_DROPPED] = values[RECORD_DROPPED].at && !is_zero(values[RECORD_DROPPED]);
    for (int i = OWN_ALWAYS; i < OWN_NAMES; i++)
        record->used[i] = true;
    return problem;
}

/* A key, which may be absent, as a name. */
static struct json_pair name_of(struct json_slice key) {
    static const uint8_t empty[] = "";
    if (key.at == NULL) return (struct json_pair){.name = empty};
    return (struct json_pair){.name = key.at + 1, .name_size = (size_t)(key.end - key.at) - 2};
}

static bool is_own(const struct log_record *record, const struct json_pair *name) {
    for (int i = 0; i < OWN_NAMES; i++)
        if (record->used[i] && unfold_named(name, own_names[i])) return true;
    return false;
}

/* Writes those attributes, and those members that OTLP does not define, that have a name of the record,
 * or the others; each with a comma before it, the first one after `begin`. */
static const char *put_attributes(const struct log_record *record, bool own, const char *begin,
                                  struct unfold_out *out, bool *any) {
    struct unfold_list list = {NULL, NULL};
    struct json_slice element, pair[2], rest = record->all;
    struct json_pair name;
    const char *problem = NULL;
    if (!open_list(&list, record->values[RECORD_ATTRIBUTES]))
        return "\"attributes\" is not an array";
    *any = false;
    while (!problem && unfold_element(&list, &element)) { /* each round advances */
        problem = read_pair(element, pair);
        if (problem) return problem;
        name = name_of(pair[0]);
        if (is_own(record, &name) != own) continue;
        unfold_text(out, *any ? "," : begin);
        *any = true;
        problem = put_pair(out, pair);
    }
    while (!problem && json_next_pair(&rest.at, rest.end, &name)) { /* each round advances */
        if (unfold_name(&name, record_names, RECORD_NAMES) >= 0) continue;
        if (is_own(record, &name) != own) continue;
        unfold_text(out, *any ? "," : begin);
        *any = true;
        unfold_put(out, name.name - 1, (size_t)(name.end - name.name) + 1);
    }
    return problem;
}

static void put_level(const struct log_record *record, struct unfold_out *out) {
    char name[SEVERITY_BYTES_MAX];
    if (record->severity) {
        unfold_text(out, ",\"level\":\"");
        unfold_text(out, severity_name(record->severity, name));
        unfold_text(out, "\"");
    }
}

static void put_time(struct unfold_out *out, const char *name, int64_t ns) {
    if (ns == 0) return;
    unfold_text(out, name);
    unfold_time(out, ns);
}

static const char *put_body(const struct log_record *record, struct unfold_out *out) {
    if (record->used[OWN_MESSAGE])
        unfold_text(out, ",\"message\":");
    else if (record->used[OWN_BODY])
        unfold_text(out, ",\"body\":");
    else
        return NULL;
    return put_value(out, record->values[BODY]);
}

/* Each member with a comma before it. */
static const char *put_record(const struct log_record *record, struct unfold_out *out) {
    const struct json_slice *const values = record->values;
    bool any;
    put_time(out, ",\"@timestamp\":", record->time_ns ? record->time_ns : record->observed_ns);
    put_level(record, out);
    const char *const text = record->severity ? ",\"severity_text\":" : ",\"level\":";
    const char *problem = put_string(out, text, values[SEVERITY_TEXT]);
    if (!problem && record->used[OWN_SEVERITY_NUMBER])
        problem = put_count(out, ",\"severity_number\":", values[SEVERITY]);
    if (!problem) problem = put_body(record, out);
    if (!problem) problem = put_string(out, ",\"eventName\":", values[EVENT]);
    if (!problem) problem = put_attributes(record, false, ",", out, &any);
    if (!problem) problem = put_string(out, ",\"trace_id\":", values[TRACE]);
    if (!problem) problem = put_string(out, ",\"span_id\":", values[SPAN]);
    if (!problem) problem = put_count(out, ",\"trace_flags\":", values[FLAGS]);
    put_time(out, ",\"observed_timestamp\":", record->observed_ns);
    if (!problem)
        problem = put_count(out, ",\"dropped_attributes_count\":", values[RECORD_DROPPED]);
    return problem;
}

static const char *write(struct unfold *unfold, struct json_slice event, struct unfold_out *out) {
    static unfold_writer *const writers[UNFOLD_SHARED] = {write_scope, write_resource};
    struct log_record record;
    bool any = false;
    uint8_t *const begin = out->at;
    const char *problem = read_record(event, &record);
    if (!problem) problem = put_record(&record, out);
    if (!problem) problem = put_attributes(&record, true, ",\"attributes\":{", out, &any);
    if (any) unfold_text(out, "}");
    if (!problem) problem = unfold_share(unfold, writers, out);
    if (out->at - begin == 1) unfold_text(out, "}"); /* it has no members */
    if (out->at > begin) *begin = '{';               /* instead of the first comma */
    return problem;
}

const struct unfold_format unfold_otlp = {
    .reason = REJECT_OTLP, .begin = begin, .next = next, .write = write};
