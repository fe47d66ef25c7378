/* bulk.c - bodies of Elasticsearch's _bulk: a line for an action, and after it a line for its document.
 *
 *     {"index":{"_index":"logs","_id":"1"}}
 *     {"message":"hello"}
 *
 * The documents of `index` and `create` are the records.  What else the line of an action says is not
 * used: neither names nor ids mean anything here.  Nothing can be changed or deleted, so the document
 * of an `update` and the line of a `delete` are rejected records.  Every item is one line of the batch,
 * so the number of a fault is that of its item. */
#include <string.h>

#include "ingest/protocol/http/rows.h"

enum step { ACTION, DOCUMENT };

/* Of the line of an action, byte by byte: {"NAME":... and as many brackets closed as opened. */
enum word { BEFORE, NAME_NEXT, NAME, COLON, REST, AFTER, BROKEN };

static void begin_action(struct http_bulk *bulk) {
    *bulk = (struct http_bulk){.step = ACTION};
}

static void action_byte(struct http_bulk *bulk, uint8_t byte) {
    const bool space = depth_space(byte);
    if (bulk->word == BEFORE && space) return;
    if (bulk->word == BEFORE && byte != '{') bulk->word = BROKEN;
    if (bulk->word == AFTER && !space) bulk->word = BROKEN;
    if (bulk->word >= AFTER) return;
    const enum depth_step step = depth_step(&bulk->depth, byte);
    if (step == DEPTH_BREAK) bulk->word = BROKEN;
    if (step == DEPTH_COMPLETE) bulk->word = bulk->word == REST ? AFTER : BROKEN;
    switch (bulk->word) {
    case BEFORE: bulk->word = NAME_NEXT; break;
    case NAME_NEXT:
        if (!space) bulk->word = byte == '"' ? NAME : BROKEN;
        break;
    case NAME:
        if (byte == '"')
            bulk->word = COLON;
        else if (bulk->name_size < sizeof bulk->name)
            bulk->name[bulk->name_size++] = byte;
        else
            bulk->word = BROKEN;
        break;
    case COLON:
        if (!space) bulk->word = byte == ':' ? REST : BROKEN;
        break;
    default: break;
    }
}

/* 0: there is none. */
static uint8_t action_of(const struct http_bulk *bulk) {
    static const char *const names[] = {[BULK_INDEX] = "index",
                                        [BULK_CREATE] = "create",
                                        [BULK_UPDATE] = "update",
                                        [BULK_DELETE] = "delete"};
    if (bulk->word != AFTER) return 0;
    for (uint8_t i = BULK_INDEX; i <= BULK_DELETE; i++)
        if (bulk->name_size == strlen(names[i]) &&
            memcmp(bulk->name, names[i], bulk->name_size) == 0)
            return i;
    return 0;
}

/* ---- items ---- */

static bool add_item(struct session *session, const struct sink *sink, uint8_t action) {
    struct http *http = http_of(session);
    if (http_item_add(http, action)) return true;
    partial_forget(&session->partial, sink->memory);
    if (http->items.count == HTTP_ITEMS_MAX)
        http_give_up(session, 413, "the request has more than 65536 items");
    else
        http_give_up(session, 429, "too many items are waiting for answers");
    return false;
}

/* Whatever its length, so that the reason does not depend on how the bytes were cut. */
static bool reject(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    if (session->partial.set_aside) session->partial.set_aside = REJECT_BULK_ACTION;
    return partial_reject(&session->partial, sink, bytes, size, REJECT_BULK_ACTION);
}

/* What the line of an action says, at its end.  False: no room. */
static bool end_action(struct session *session, const struct sink *sink, const uint8_t *bytes,
                       size_t size) {
    struct http *http = http_of(session);
    struct http_bulk *bulk = &http->bulk;
    const uint8_t action = action_of(bulk);
    if (bulk->word == BEFORE) { /* a blank line */
        partial_forget(&session->partial, sink->memory);
        return true;
    }
    if (!action) {
        if (!reject(session, sink, bytes, size)) return false;
        http_give_up(session, 400,
                     "the line of an action is not an object with the member index or create");
        return true;
    }
    if (action == BULK_DELETE) {
        if (!add_item(session, sink, action)) return true;
        if (!reject(session, sink, bytes, size)) {
            http->items.count--;
            return false;
        }
        begin_action(bulk);
        return true;
    }
    partial_forget(&session->partial, sink->memory);
    bulk->action = action;
    bulk->step = DOCUMENT;
    return true;
}

/* The same for a document. */
static bool end_document(struct session *session, const struct sink *sink, const uint8_t *bytes,
                         size_t size) {
    struct http *http = http_of(session);
    const bool whole = session->partial.size == 0 && size <= sink->line_bytes_max;
    static const uint8_t blank[] = " ";
    if (!add_item(session, sink, http->bulk.action)) return true;
    bool taken;
    if (http->bulk.action == BULK_UPDATE)
        taken = reject(session, sink, bytes, size);
    else if (!whole)
        taken = partial_finish(&session->partial, sink, bytes, size, SINK_LINE);
    else if (size > 0)
        taken = sink_record(sink, bytes, size, SINK_LINE);
    else
        taken = sink_record(sink, blank, 1, SINK_LINE); /* it counts as a line that is no record */
    if (!taken)
        http->items.count--;
    else
        begin_action(&http->bulk);
    return taken;
}

/* ---- lines ---- */

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct http *http = http_of(session);
    struct http_bulk *bulk = &http->bulk;
    size_t taken = 0;
    while (taken < size && !http_is_answered(session)) {
        const uint8_t *const at = bytes + taken;
        const uint8_t *const newline = memchr(at, '\n', size - taken);
        const size_t part = newline ? (size_t)(newline - at) : size - taken;
        const struct http_bulk before = *bulk;
        for (size_t i = 0; i < part && bulk->step == ACTION; i++)
            action_byte(bulk, at[i]);
        if (!newline) {
            partial_add(&session->partial, sink, at, part);
            return size;
        }
        if (!(bulk->step == ACTION ? end_action : end_document)(session, sink, at, part)) {
            *bulk = before;
            return taken;
        }
        taken += part + 1;
    }
    return size;
}

static bool end(struct session *session, const struct sink *sink) {
    struct http_bulk *bulk = &http_of(session)->bulk;
    static const uint8_t none[1];
    if (bulk->step == ACTION && !end_action(session, sink, none, 0)) return false;
    if (bulk->step == ACTION || http_is_answered(session)) return true;
    if (session->partial.size > 0) return end_document(session, sink, none, 0);
    http_give_up(session, 400, "the last action has no document");
    return true;
}

const struct http_reader http_reader_bulk = {.each = true, .take = take, .end = end};
