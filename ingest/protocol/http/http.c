/* http.c - see request.h: from the first byte of a request to the last one of its answer. */
#include "ingest/protocol/http/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/http/credentials.h"
#include "ingest/protocol/http/unfolding.h"

enum step {
    REQUEST_LINE,
    FIELDS,
    BODY,
    STORING, /* all was received; its records are not stored yet */
    ANSWER,  /* is being written */
    GONE,    /* it was answered, and nothing more is taken */
};

/* ---- memory ---- */

bool http_memory_take(struct http *http, size_t size) {
    struct http_shared *shared = http_settings_shared(http->settings);
    if (shared->memory + size > HTTP_MEMORY_BYTES) return false;
    shared->memory += size;
    return true;
}

void http_memory_give_back(struct http *http, size_t size) {
    http_settings_shared(http->settings)->memory -= size;
}

static void forget_line(struct http *http) {
    if (!http->line) return;
    free(http->line);
    http_memory_give_back(http, HTTP_LINE_BYTES_MAX);
    http->line = NULL;
    http->line_size = 0;
}

/* An array that grows by its double; false: no memory. */
static bool grow(struct http *http, void **list, uint32_t *room, size_t element) {
    const uint32_t wanted = *room ? 2 * *room : 64;
    const size_t more = (wanted - *room) * element;
    if (!http_memory_take(http, more)) return false;
    void *const grown = realloc(*list, wanted * element);
    if (!grown) {
        http_memory_give_back(http, more);
        return false;
    }
    *list = grown;
    *room = wanted;
    return true;
}

static void forget_items(struct http *http) {
    free(http->ids.list);
    http_memory_give_back(http, http->ids.room * sizeof *http->ids.list);
    http->ids = (struct http_ids){0};
    free(http->items.list);
    http_memory_give_back(http, http->items.room * sizeof *http->items.list);
    http->items = (struct http_items){0};
}

bool http_item_add(struct http *http, uint8_t action) {
    struct http_items *items = &http->items;
    if (items->count == HTTP_ITEMS_MAX) return false;
    void *list = items->list;
    if (items->count == items->room && !grow(http, &list, &items->room, sizeof *items->list))
        return false;
    items->list = list;
    items->list[items->count++] = (struct http_item){.action = action};
    return true;
}

bool http_id_add(struct http *http) {
    struct http_ids *ids = &http->ids;
    void *list = ids->list;
    if (ids->count == ids->room && !grow(http, &list, &ids->room, sizeof *ids->list)) return false;
    ids->list = list;
    ids->list[ids->count++] = ids->number;
    ids->number = 0;
    return true;
}

static bool begin(struct session *session, void *settings) {
    struct http *http = calloc(1, sizeof *http);
    if (!http) return false;
    http->settings = settings;
    http_settings_hold(settings);
    session->state.http.http = http;
    return true;
}

static void forget(struct session *session) {
    struct http *http = http_of(session);
    if (!http) return;
    forget_line(http);
    forget_items(http);
    http_unfold_forget(http);
    http_settings_release(http->settings);
    free(http);
    session->state.http.http = NULL;
}

static size_t memory(void) {
    return sizeof(struct http);
}

/* ---- answers ---- */

static bool is_over(const struct session *session) {
    return http_of(session)->step == GONE || session->given_up;
}

static void begin_answer(struct session *session, uint16_t status, const char *problem) {
    struct http *http = http_of(session);
    http->step = ANSWER;
    http->status = status;
    http->problem = problem;
    http->cursor = 0;
    http->more = true;
    http->interim = false;
    http->nudges = 0;
    session->busy = true;
    session->unfinished = false;
}

void http_give_up(struct session *session, uint16_t status, const char *problem) {
    struct http *http = http_of(session);
    if (http->step >= ANSWER) return;
    http->closes = true;
    session->abandons = true;
    begin_answer(session, status, problem);
}

/* Records that were rejected make it fail. */
static bool is_bad(const struct http *http) {
    const struct http_route *route = http->route;
    if (http->rejected == 0 || (route && route->reader && route->reader->each)) return false;
    return !route || !route->partly || http_unfold_refused(http);
}

bool http_is_answered(const struct session *session) {
    return http_of(session)->step >= ANSWER;
}

/* All of its records are stored. */
static void answer_result(struct session *session) {
    struct http *http = http_of(session);
    http->complete = true;
    http->closes =
        http->closes || http->request.close || (http->request.is_1_0 && !http->request.keep_alive);
    if (http->uncertain)
        begin_answer(session, 503, "no memory to note which records were rejected");
    else if (is_bad(http))
        begin_answer(session, 400, "records were rejected");
    else
        begin_answer(session, http->route ? http->route->status : 204, NULL);
}

static void next_request(struct session *session) {
    struct http *http = http_of(session);
    forget_items(http);
    if (!session->unfold) http_unfold_forget(http); /* else a worker may have it */
    if (http->closes) {
        http->step = GONE;
        session->given_up = true;
        session->ended = http->complete; /* else its peer may send more, and would be reset */
        return;
    }
    *http = (struct http){
        .settings = http->settings, .token = http->token, .committed = http->committed};
    session->state.concatenated = (struct concatenated_state){0};
    session->busy = false;
}

/* ---- the head ---- */

static void request_line(struct http *http, const uint8_t *line, size_t size) {
    struct http_text host, path, query;
    http->settings = http_settings_current(http->settings);
    if (!http_request_line(&http->request, line, size, &host, &path, &query)) return;
    http->route = http_route_find(http->request.method, &path, &http->allowed);
    if (host.size > 0) {
        http->has_host = true;
        http->host_is_known = http_host_is_known(http->settings, host.at, host.size);
    }
    http_path_credentials(http, &path);
    http_query_credentials(http, &query);
}

static void field(struct http *http, const uint8_t *line, size_t size) {
    struct http_text name, value;
    if (!http_field_line(&http->request, line, size, &name, &value) ||
        !http_field(&http->request, &name, &value))
        return;
    if (http_text_is(&name, "host") && !http->has_host)
        http->host_is_known = http_host_is_known(http->settings, value.at, value.size);
    http_field_credentials(http, &name, &value);
}

/* 0, or why a sound request is not served. */
static uint16_t refusal(struct http *http, const char **problem) {
    const struct http_request *request = &http->request;
    const struct http_route *route = http->route;
    if (request->hosts + http->has_host > 0 && !http->host_is_known) {
        *problem = "the server is not known by this name (see the key hosts)";
        return 421;
    }
    if (request->from_page) {
        *problem = "pages in a browser may not send to this server";
        return 403;
    }
    if (request->method == 0) {
        *problem = "this method is not known";
        return 501;
    }
    if (http->allowed == 0 && request->method != HTTP_OPTIONS) {
        *problem = "there is nothing at this path";
        return 404;
    }
    if (http_demands_token(http->settings) && !http->has_token && !(route && route->is_open)) {
        *problem = "a token is demanded, and none that is known was sent";
        return 401;
    }
    if (!route && request->method != HTTP_OPTIONS) {
        *problem = "this path does not allow this method";
        return 405;
    }
    if (request->length > HTTP_BODY_BYTES_MAX) {
        *problem = "the body is longer than 100 MiB";
        return 413;
    }
    const bool has_body = request->length > 0 || request->chunked;
    if (request->method == HTTP_POST && !request->has_length && !request->chunked) {
        *problem = "Content-Length or Transfer-Encoding is missing";
        return 411;
    }
    if (has_body && !http_coding_is_known(request->coding)) {
        *problem = "this Content-Encoding is not supported";
        return 415;
    }
    if (has_body && route && route->reader && !route->any_type &&
        request->type == HTTP_TYPE_OTHER) {
        *problem = route->wrong_type
                       ? route->wrong_type
                       : "records are expected as JSON: application/json or application/x-ndjson";
        return 415;
    }
    return 0;
}

static const struct http_reader *reader_of(const struct http *http) {
    return http->route && http->route->reader ? http->route->reader : &http_reader_skip;
}

static void end_head(struct session *session, int64_t received_ns) {
    struct http *http = http_of(session);
    struct http_request *request = &http->request;
    const char *problem = NULL;
    http->received_ns = received_ns;
    if (!request->status) http_head_ends(request);
    const bool broken = request->status != 0;
    if (!broken) {
        const uint16_t status = refusal(http, &problem);
        if (status) http_refuse(request, status, problem);
    }
    const bool has_body = request->length > 0 || request->chunked;
    if (request->status) {
        /* The body, if there is one, is not read, so nothing says where the next request begins. */
        http->closes =
            broken || has_body || request->close || (request->is_1_0 && !request->keep_alive);
        http->complete = !broken && !has_body;
        begin_answer(session, request->status, request->problem);
        return;
    }
    if (!has_body) {
        answer_result(session);
        return;
    }
    http->step = BODY;
    http->body_left = request->length;
    http->interim = request->expects_continue;
}

/* A line of the head without its CRLF. */
static void head_line(struct session *session, const uint8_t *line, size_t size,
                      int64_t received_ns) {
    struct http *http = http_of(session);
    if (size == 0 && http->step == REQUEST_LINE) { /* RFC 9112 section 2.2: it is ignored */
        http->request.bytes = 0;
        return;
    }
    if (memchr(line, '\r', size))
        http_refuse(&http->request, 400, "a line of the head contains a CR");
    if (size > 0 && http->step == REQUEST_LINE && !http->request.status)
        request_line(http, line, size);
    else if (size > 0 && !http->request.status)
        field(http, line, size);
    http->step = FIELDS;
    /* What follows a broken line cannot be trusted. */
    if (size == 0 || http->request.status == 400 || http->request.status == 505)
        end_head(session, received_ns);
}

/* Adds bytes of a line whose end has not arrived. */
static bool keep_line(struct http *http, const uint8_t *bytes, size_t size) {
    if (size > HTTP_LINE_BYTES_MAX - http->line_size)
        return http_refuse(&http->request, http->step == REQUEST_LINE ? 414 : 431,
                           "a line of the head is longer than 8 KiB");
    if (!http->line) {
        if (!http_memory_take(http, HTTP_LINE_BYTES_MAX))
            return http_refuse(&http->request, 429, "too many requests have unfinished heads");
        http->line = malloc(HTTP_LINE_BYTES_MAX);
        if (!http->line) http_memory_give_back(http, HTTP_LINE_BYTES_MAX);
        if (!http->line) return http_refuse(&http->request, 503, "out of memory");
    }
    memcpy(http->line + http->line_size, bytes, size);
    http->line_size += (uint32_t)size;
    return true;
}

static void whole_line(struct session *session, const uint8_t *line, size_t size,
                       int64_t received_ns) {
    struct http *http = http_of(session);
    if (line[size - 1] == '\n' && size > 1 && line[size - 2] == '\r') {
        head_line(session, line, size - 2, received_ns);
        return;
    }
    http_refuse(&http->request, 400, "a line of the head does not end in CRLF");
    end_head(session, received_ns);
}

static size_t take_head(struct session *session, const uint8_t *bytes, size_t size,
                        int64_t received_ns) {
    struct http *http = http_of(session);
    size_t taken = 0;
    while (taken < size && http->step <= FIELDS) {
        const uint8_t *const at = bytes + taken;
        const uint8_t *const newline = memchr(at, '\n', size - taken);
        const size_t part = newline ? (size_t)(newline - at) + 1 : size - taken;
        taken += part;
        http->request.bytes += (uint32_t)part;
        const bool whole = newline && !http->line;
        if (http->request.bytes > HTTP_HEAD_BYTES_MAX)
            http_refuse(&http->request, 431, "the head is longer than 16 KiB");
        else if (whole && part > HTTP_LINE_BYTES_MAX)
            keep_line(http, at, part);
        if (http->request.status || (!whole && !keep_line(http, at, part))) {
            end_head(session, received_ns);
        } else if (newline) {
            uint8_t *const line = http->line;
            const size_t length = line ? http->line_size : part;
            http->line = NULL;
            http->line_size = 0;
            whole_line(session, line ? line : at, length, received_ns);
            free(line);
            if (line) http_memory_give_back(http, HTTP_LINE_BYTES_MAX);
        }
    }
    if (http->step > FIELDS) forget_line(http);
    return taken;
}

/* Takes what needs no batch. */
static size_t head(struct session *session, const uint8_t *bytes, size_t size,
                   int64_t received_ns) {
    struct http *http = http_of(session);
    session->waits = false;
    if (is_over(session)) return size;
    if (session->inside) return 0;
    if (http->step == STORING || http->step == ANSWER) {
        session->waits = true;
        return 0;
    }
    const size_t taken = take_head(session, bytes, size, received_ns);
    session->unfinished = http->step <= BODY && http->request.bytes > 0;
    return taken;
}

/* ---- the body ---- */

/* One batch less than acks has room for: the end of a body must never wait for it. */
static bool may_acknowledge(const struct sink *sink, bool is_end) {
    if (is_end) return sink_may_acknowledge(sink);
    return sink_may_acknowledge(sink) &&
           (sink->acks->count + 1 < ACKS_MAX || acks_has(sink->acks, sink->batch));
}

/* Gives bytes to the reader, or the end of the body (bytes NULL).  What is stored of them becomes one
 * token.  Returns how many it took; of the end: 1, or 0: no room. */
static size_t give(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct http *http = http_of(session);
    const struct http_reader *reader = reader_of(http);
    if (reader == &http_reader_skip) return bytes ? size : 1;
    session->waits = !may_acknowledge(sink, !bytes);
    if (session->waits) return 0;
    const uint32_t filled = sink->batch->raw_size;
    struct batch_origin origin = *sink->origin;
    struct sink own = *sink;
    own.origin = &origin;
    origin.report = acks_report(sink->acks, sink->batch, reader->each);
    if (!origin.report) {
        http_give_up(session, 503, "out of memory");
        return bytes ? size : 1;
    }
    const size_t taken =
        bytes ? reader->take(session, &own, bytes, size) : reader->end(session, &own);
    if (sink->batch->raw_size > filled)
        sink_acknowledge(sink, ++http->token);
    else
        acks_report_undo(sink->acks, sink->batch);
    return taken;
}

static void body_is_taken(struct session *session) {
    struct http *http = http_of(session);
    http->step = STORING;
    session->busy = true;
    if (http->committed == http->token) answer_result(session);
}

/* All of the body was taken.  False: no room for its last record. */
static bool end_body(struct session *session, const struct sink *sink) {
    struct http *http = http_of(session);
    if (give(session, sink, NULL, 0) == 0) return false;
    session->unfinished = false;
    if (http->step != BODY) return true; /* its reader has given up */
    if (!session->unfold) body_is_taken(session);
    return true;
}

static void unfolded(struct session *session) {
    struct http *http = http_of(session);
    http_unfold_end(http);
    if (http->step == BODY) body_is_taken(session);
}

/* The same after `taken` bytes, of which one is left if there is no room. */
static size_t end_after(struct session *session, const struct sink *sink, size_t taken) {
    struct http *http = http_of(session);
    http->ending = !end_body(session, sink);
    return http->ending ? taken - 1 : taken;
}

/* The connection decompresses the next bytes, and gives what comes of them. */
static void expand(struct session *session, uint64_t size, bool more) {
    struct http *http = http_of(session);
    static const uint8_t formats[] = {
        [HTTP_GZIP] = SESSION_GZIP, [HTTP_DEFLATE] = SESSION_ZLIB, [HTTP_ZSTD] = SESSION_ZSTD};
    session->compressed = (uint32_t)size; /* at most HTTP_BODY_BYTES_MAX */
    session->compressed_more = more;
    session->compression = formats[http->request.coding];
    http->expanding = true;
}

static size_t take_counted(struct session *session, const struct sink *sink, const uint8_t *bytes,
                           size_t size) {
    struct http *http = http_of(session);
    if (http->request.coding != HTTP_IDENTITY) {
        expand(session, http->body_left, false);
        return 0;
    }
    const size_t part = size < http->body_left ? size : (size_t)http->body_left;
    const size_t taken = give(session, sink, bytes, part);
    http->body_left -= taken;
    if (http->body_left > 0 || http->step != BODY) return taken;
    return end_after(session, sink, taken);
}

static size_t invalid_body(struct session *session, size_t size) {
    http_give_up(session, 400, "the body is not valid chunked data");
    return size;
}

static size_t take_chunked(struct session *session, const struct sink *sink, const uint8_t *bytes,
                           size_t size) {
    struct http *http = http_of(session);
    struct http_chunks *chunks = &http->chunks;
    size_t taken;
    const enum http_chunks_status status = http_chunks_take(chunks, bytes, size, &taken);
    switch (status) {
    case HTTP_CHUNKS_MORE: return taken;
    case HTTP_CHUNKS_INVALID: return invalid_body(session, size);
    case HTTP_CHUNKS_DATA: break;
    case HTTP_CHUNKS_END:
        if (http->expanding) {
            session->compressed_more = false;
            return taken;
        }
        if (http->request.coding != HTTP_IDENTITY) return invalid_body(session, size);
        return end_after(session, sink, taken);
    }
    if (chunks->total > HTTP_BODY_BYTES_MAX) {
        http_give_up(session, 413, "the body is longer than 100 MiB");
        return size;
    }
    if (http->request.coding != HTTP_IDENTITY) {
        expand(session, chunks->left, true);
        http_chunks_took(chunks, chunks->left);
        return taken;
    }
    const size_t there = size - taken;
    const size_t part = there < chunks->left ? there : (size_t)chunks->left;
    const size_t given = part > 0 ? give(session, sink, bytes + taken, part) : 0;
    if (given > 0) http_chunks_took(chunks, given);
    return taken + given;
}

/* The same as an expansion that the connection has not ended yet. */
static bool is_expanded(const struct session *session) {
    return http_of(session)->expanding && session->compressed == 0 && !session->compressed_more;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct http *http = http_of(session);
    size_t taken = 0;
    session->waits = false;
    http->nudges = 0;
    while (taken < size) {
        if (is_over(session)) return size;
        const uint8_t *const at = bytes + taken;
        size_t part;
        if (http->ending) {
            http->ending = !end_body(session, sink);
            part = !http->ending;
        } else if (session->inside && http->step == BODY) {
            part = give(session, sink, at, size - taken);
        } else if (session->inside) {
            part = size - taken; /* of a body that was given up */
        } else if (http->step != BODY) {
            part = head(session, at, size - taken, sink->origin->received_ns);
        } else if (http->request.chunked) {
            part = take_chunked(session, sink, at, size - taken);
        } else {
            part = take_counted(session, sink, at, size - taken);
        }
        taken += part;
        if (part == 0 || session->waits || (!session->inside && session->compressed > 0) ||
            (!session->inside && (session->unfold || is_expanded(session))))
            return taken;
    }
    return taken;
}

/* What has begun of a record is not stored: its sender sends the request again. */
static bool end(struct session *session, const struct sink *sink) {
    return session->partial.size == 0 || http_reject_end(session, sink);
}

static bool expanded(struct session *session, const struct sink *sink, uint32_t reason) {
    struct http *http = http_of(session);
    if (http->step != BODY) {
        http->expanding = false;
        return end(session, sink);
    }
    if (reason) {
        if (!end(session, sink)) return false;
        http_give_up(session, reason == REJECT_EXPANSION ? 413 : 400,
                     reason == REJECT_EXPANSION
                         ? "the body expands too much"
                         : "the body is not what its Content-Encoding says, or is damaged");
    } else if (!end_body(session, sink)) {
        return false;
    }
    http->expanding = false;
    return true;
}

/* ---- what was stored ---- */

static void note_faults(struct http *http, const struct batch_report *report) {
    for (uint32_t i = 0; i < report->fault_count; i++) {
        const uint64_t item = http->lines + report->faults[i].line - 1;
        if (item < http->items.count)
            http->items.list[item].reason = (uint8_t)report->faults[i].reason;
    }
}

static void committed(struct session *session, const struct commit *commit) {
    struct http *http = http_of(session);
    const struct batch_report *report = commit->report;
    http->committed = commit->token;
    if (report) {
        if (report->rejected > 0 && http->rejected == 0) {
            http->first = report->first;
            http->first.line += (uint32_t)http->lines;
        }
        note_faults(http, report);
        http->uncertain = http->uncertain || report->incomplete;
        http->lines += report->lines;
        http->stored += report->stored;
        http->rejected += report->rejected;
    }
    if (http->step == STORING && http->committed == http->token) answer_result(session);
}

static const char busy[] = "records arrive faster than they can be stored, or the disk is full";

/* They will not be stored: a sync has failed, or the daemon stops. */
static void not_stored(struct session *session) {
    if (session->parked)
        http_give_up(session, 429, busy);
    else
        http_give_up(session, 503, "the records could not be stored");
}

/* ---- the answer ---- */

static bool awaited(const struct session *session) {
    return http_of(session)->step == STORING || session->parked;
}

static void nudge(struct session *session) {
    if (++http_of(session)->nudges >= HTTP_NUDGES_MAX) http_give_up(session, 429, busy);
}

/* A request was begun, and the connection ends. */
static bool is_cut_off(const struct session *session) {
    const struct http *http = http_of(session);
    return session->leaving && http->step < STORING && session->unfinished;
}

static bool owes(const struct session *session) {
    const struct http *http = http_of(session);
    return http->interim || http->step == ANSWER || is_cut_off(session);
}

static size_t reply(struct session *session, uint8_t *bytes, size_t size) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http *http = http_of(session);
    if (is_cut_off(session))
        http_give_up(session, session->overdue ? 408 : 503,
                     session->overdue ? "the request was not finished in time"
                                      : "the server ends this connection");
    if (http->interim) {
        http->interim = false;
        memcpy(bytes, go_on, sizeof go_on - 1);
        return sizeof go_on - 1;
    }
    const size_t written = http_answer_write(http, bytes, size);
    if (!http->more) {
        struct http_counts *counts = http_settings_shared(http->settings)->counts;
        counts->requests++;
        counts->refused += http->status >= 400 && http->status < 500;
        counts->failed += http->status >= 500;
        next_request(session);
    }
    return written;
}

const struct protocol protocol_http = {.name = "http",
                                       .begin = begin,
                                       .forget = forget,
                                       .memory = memory,
                                       .head = head,
                                       .take = take,
                                       .end = end,
                                       .expanded = expanded,
                                       .unfolded = unfolded,
                                       .committed = committed,
                                       .not_stored = not_stored,
                                       .awaited = awaited,
                                       .nudge = nudge,
                                       .owes = owes,
                                       .reply = reply};
