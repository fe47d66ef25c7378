/* body.c - readers of bodies that hold records as they are stored. */
#include "ingest/protocol/http/credentials.h"
#include "ingest/protocol/http/request.h"
#include "ingest/protocol/inflate.h"
#include "ingest/protocol/zstandard.h"
#include "writer/live/quarantine.h"

bool http_reject_end(struct session *session, const struct sink *sink) {
    if (session->partial.set_aside) session->partial.set_aside = REJECT_HTTP_BODY;
    return partial_reject(&session->partial, sink, NULL, 0, REJECT_HTTP_BODY);
}

/* ---- lines, and objects: as the protocols of these names ---- */

static size_t take_lines(struct session *session, const struct sink *sink, const uint8_t *bytes,
                         size_t size) {
    return protocol_newline.take(session, sink, bytes, size);
}

static bool end_lines(struct session *session, const struct sink *sink) {
    return protocol_newline.end(session, sink);
}

const struct http_reader http_reader_lines = {.take = take_lines, .end = end_lines};

static size_t take_json(struct session *session, const struct sink *sink, const uint8_t *bytes,
                        size_t size) {
    return protocol_concatenated.take(session, sink, bytes, size);
}

static bool end_json(struct session *session, const struct sink *sink) {
    if (session->partial.size == 0 && session->state.concatenated.in_array)
        return http_reject_end(session, sink);
    return protocol_concatenated.end(session, sink);
}

const struct http_reader http_reader_json = {.take = take_json, .end = end_json};

/* ---- what the first bytes show ---- */

enum form { FORM_UNKNOWN, FORM_LINES, FORM_JSON };

/* One object over many lines is open at its first newline; anything else than that and an array is
 * lines.  True: it is known; then the bytes that were looked at are in session->partial. */
static bool look(struct session *session, const struct sink *sink, const uint8_t *bytes,
                 size_t size, size_t *taken) {
    struct http *http = http_of(session);
    for (; *taken < size && session->partial.size == 0 && depth_space(bytes[*taken]); ++*taken)
        http->lines += bytes[*taken] == '\n';
    const size_t from = *taken;
    for (; *taken < size && http->form == FORM_UNKNOWN; ++*taken) {
        const uint8_t byte = bytes[*taken];
        const bool first = session->partial.size + *taken == from;
        if (first && byte != '{') {
            http->form = byte == '[' ? FORM_JSON : FORM_LINES;
            if (http->form == FORM_JSON) http->lines = 0; /* records are counted */
            return true;
        }
        if (byte == '\n' && http->depth.open > 0 && !http->depth.in_string) {
            partial_add(&session->partial, sink, bytes + from, *taken - from);
            concatenated_resume(session, &http->depth);
            http->form = FORM_JSON;
            http->lines = 0;
            return true;
        }
        if (byte == '\n' || depth_step(&http->depth, byte) != DEPTH_INSIDE) http->form = FORM_LINES;
        if (byte == '\n') break;
    }
    partial_add(&session->partial, sink, bytes + from, *taken - from);
    return http->form != FORM_UNKNOWN;
}

static size_t take_any(struct session *session, const struct sink *sink, const uint8_t *bytes,
                       size_t size) {
    struct http *http = http_of(session);
    size_t taken = 0;
    if (http->form == FORM_UNKNOWN && http->request.type == HTTP_TYPE_LINES)
        http->form = FORM_LINES;
    if (http->form == FORM_UNKNOWN && http->request.type == HTTP_TYPE_JSON) http->form = FORM_JSON;
    if (http->form == FORM_UNKNOWN && !look(session, sink, bytes, size, &taken)) return taken;
    if (taken == size) return size;
    return taken + (http->form == FORM_JSON
                        ? take_json(session, sink, bytes + taken, size - taken)
                        : take_lines(session, sink, bytes + taken, size - taken));
}

static bool end_any(struct session *session, const struct sink *sink) {
    return http_of(session)->form == FORM_JSON ? end_json(session, sink) : end_lines(session, sink);
}

const struct http_reader http_reader_any = {.take = take_any, .end = end_any};

/* ---- nothing ---- */

static size_t take_nothing(struct session *session, const struct sink *sink, const uint8_t *bytes,
                           size_t size) {
    (void)session, (void)sink, (void)bytes;
    return size;
}

static bool end_nothing(struct session *session, const struct sink *sink) {
    (void)session, (void)sink;
    return true;
}

const struct http_reader http_reader_skip = {.take = take_nothing, .end = end_nothing};

/* ---- codings ---- */

bool http_coding_is_known(uint8_t coding) {
    switch (coding) {
    case HTTP_IDENTITY: return true;
    case HTTP_GZIP:
    case HTTP_DEFLATE: return inflate_library() != NULL;
    case HTTP_ZSTD: return zstandard_library() != NULL;
    default: return false;
    }
}
