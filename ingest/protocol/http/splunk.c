/* splunk.c - Splunk's HTTP Event Collector: events, raw lines, and acknowledgement.
 *
 * An event is stored as the client sends it: an object with the member "event" and others.  Answers come
 * when the events are stored, so an id of an acknowledgement that was given is true at once. */
#include <stdio.h>

#include "ingest/protocol/http/rows.h"

static size_t write_code(char *out, size_t room, const char *text, uint32_t code) {
    return (size_t)snprintf(out, room, "{\"text\":\"%s\",\"code\":%u}\n", text, code);
}

static size_t write_problem(struct http *http, char *out, size_t room) {
    if (http_has_rejected(http))
        return (size_t)snprintf(
            out, room,
            "{\"text\":\"Invalid data format\",\"code\":6,\"invalid-event-number\":%u}\n",
            http->first.line - 1);
    switch (http->status) {
    case 401: return write_code(out, room, "Token is required", 2);
    case 429:
    case 503: return write_code(out, room, "Server is busy", 9);
    default: return write_code(out, room, http_problem(http), 6);
    }
}

static size_t write_success(struct http *http, char *out, size_t room) {
    if (http->status >= 400) return write_problem(http, out, room);
    if (!http->has_channel) return write_code(out, room, "Success", 0);
    return (size_t)snprintf(out, room, "{\"text\":\"Success\",\"code\":0,\"ackId\":%llu}\n",
                            (unsigned long long)http_settings_shared(http->settings)->answers++);
}

static size_t write_health(struct http *http, char *out, size_t room) {
    return http->status >= 400 ? write_problem(http, out, room)
                               : write_code(out, room, "HEC is healthy", 17);
}

/* ---- {"acks":[0,1,2]} ---- */

/* Numbers of one request; each is answered. */
#define IDS_MAX    4096
#define ID_ROOM    64 /* bytes of one in the answer */
#define DIGITS_MAX 19

enum step { BEFORE, LIST, DIGITS, AFTER };

static bool end_number(struct session *session) {
    struct http *http = http_of(session);
    http->ids.digits = 0;
    if (http->ids.count < IDS_MAX && http_id_add(http)) return true;
    http_give_up(session, http->ids.count == IDS_MAX ? 413 : 429, "too many ids");
    return false;
}

static size_t take_ids(struct session *session, const struct sink *sink, const uint8_t *bytes,
                       size_t size) {
    struct http_ids *ids = &http_of(session)->ids;
    (void)sink;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = bytes[i];
        if (ids->step == BEFORE || ids->step == AFTER) {
            if (byte == '[' && ids->step == BEFORE) ids->step = LIST;
            continue;
        }
        if (byte >= '0' && byte <= '9' && ids->digits < DIGITS_MAX) {
            ids->number = ids->number * 10 + (uint64_t)(byte - '0');
            ids->digits++;
            continue;
        }
        if (byte != ',' && byte != ']' && !depth_space(byte)) {
            http_give_up(session, 400, "acks is not a list of numbers");
            return size;
        }
        if (ids->digits > 0 && !end_number(session)) return size;
        if (byte == ']') ids->step = AFTER;
    }
    return size;
}

static bool end_ids(struct session *session, const struct sink *sink) {
    (void)sink;
    if (http_of(session)->ids.step != AFTER)
        http_give_up(session, 400, "acks is not a list of numbers");
    else if (!http_of(session)->has_channel)
        http_give_up(session, 400, "Data channel is missing");
    return true;
}

static const struct http_reader reader_ids = {.take = take_ids, .end = end_ids};

static size_t write_ids(struct http *http, char *out, size_t room) {
    const struct http_ids *ids = &http->ids;
    const uint64_t given = http_settings_shared(http->settings)->answers;
    size_t size = 0;
    if (http->status >= 400) return write_problem(http, out, room);
    if (http->cursor == 0) size = (size_t)snprintf(out, room, "{\"acks\":{");
    for (; http->cursor < ids->count; http->cursor++) {
        if (room - size < ID_ROOM) {
            http->more = true;
            return size;
        }
        const uint64_t id = ids->list[http->cursor];
        size += (size_t)snprintf(out + size, room - size, "%s\"%llu\":%s", http->cursor ? "," : "",
                                 (unsigned long long)id, id < given ? "true" : "false");
    }
    return size + (size_t)snprintf(out + size, room - size, "}}\n");
}

#define EVENTS(pattern, how)                                                                       \
    {                                                                                              \
        .methods = HTTP_POST, .path = pattern, .reader = &how, .any_type = true, .status = 200,    \
        .write = write_success                                                                     \
    }
#define HEALTH(pattern)                                                                            \
    { .methods = HTTP_GET, .path = pattern, .is_open = true, .status = 200, .write = write_health }

static const struct http_route rows[] = {EVENTS("/services/collector", http_reader_json),
                                         EVENTS("/services/collector/event", http_reader_json),
                                         EVENTS("/services/collector/event/1.0", http_reader_json),
                                         EVENTS("/services/collector/raw", http_reader_lines),
                                         EVENTS("/services/collector/raw/1.0", http_reader_lines),
                                         HEALTH("/services/collector/health"),
                                         HEALTH("/services/collector/health/1.0"),
                                         {.methods = HTTP_POST,
                                          .path = "/services/collector/ack",
                                          .reader = &reader_ids,
                                          .any_type = true,
                                          .status = 200,
                                          .write = write_ids}};

const struct http_rows http_rows_splunk = HTTP_ROWS(rows);
