/* elastic.c - what clients of Elasticsearch request before they send, and the answers to what they
 * send. */
#include <stdio.h>

#include "ingest/protocol/http/rows.h"
#include "writer/live/quarantine.h"

/* Clients refuse a server that does not name the product so. */
#define PRODUCT        "X-Elastic-Product: Elasticsearch\r\n"
/* No item takes more bytes. */
#define ITEM_BYTES_MAX 320

static const char *type_of(uint16_t status) {
    switch (status) {
    case 401:
    case 403: return "security_exception";
    case 404: return "resource_not_found_exception";
    case 429: return "es_rejected_execution_exception";
    case 503: return "unavailable_shards_exception";
    default: return "illegal_argument_exception";
    }
}

static size_t write_error(struct http *http, char *out, size_t room) {
    return (size_t)snprintf(
        out, room,
        "{\"error\":{\"root_cause\":[],\"type\":\"%s\",\"reason\":\"%s\"},\"status\":%u}\n",
        type_of(http->status), http_problem(http), http->status);
}

/* ---- questions ---- */

static size_t answer_with(struct http *http, char *out, size_t room, const char *text) {
    return http->status >= 400 ? write_error(http, out, room)
                               : (size_t)snprintf(out, room, "%s\n", text);
}

static size_t write_info(struct http *http, char *out, size_t room) {
    return answer_with(
        http, out, room,
        "{\"name\":\"logport\",\"cluster_name\":\"logport\",\"cluster_uuid\":"
        "\"bG9ncG9ydGxvZ3BvcnRsb2dw\","
        "\"version\":{\"number\":\"8.19.0\",\"build_flavor\":\"default\",\"build_type\":\"tar\","
        "\"build_hash\":\"0000000000000000000000000000000000000000\","
        "\"build_date\":\"2025-01-01T00:00:00.000Z\",\"build_snapshot\":false,"
        "\"lucene_version\":\"9.12.2\",\"minimum_wire_compatibility_version\":\"7.17.0\","
        "\"minimum_index_compatibility_version\":\"7.0.0\"},\"tagline\":\"You Know, for Search\"}");
}

static size_t write_license(struct http *http, char *out, size_t room) {
    return answer_with(
        http, out, room,
        "{\"license\":{\"status\":\"active\",\"uid\":\"00000000-0000-0000-0000-000000000000\","
        "\"type\":\"basic\",\"issue_date\":\"2025-01-01T00:00:00.000Z\","
        "\"issue_date_in_millis\":1735689600000,\"max_nodes\":1000,\"issued_to\":\"logport\","
        "\"issuer\":\"elasticsearch\",\"start_date_in_millis\":-1}}");
}

static size_t write_health(struct http *http, char *out, size_t room) {
    return answer_with(
        http, out, room,
        "{\"cluster_name\":\"logport\",\"status\":\"green\",\"timed_out\":false,"
        "\"number_of_nodes\":1,\"number_of_data_nodes\":1,\"active_primary_shards\":1,"
        "\"active_shards\":1,\"relocating_shards\":0,\"initializing_shards\":0,"
        "\"unassigned_shards\":0,\"delayed_unassigned_shards\":0,\"number_of_pending_tasks\":0,"
        "\"number_of_in_flight_fetch\":0,\"task_max_waiting_in_queue_millis\":0,"
        "\"active_shards_percent_as_number\":100.0}");
}

/* Templates and policies are acknowledged and forgotten; one that is looked for is there. */
static size_t write_acknowledged(struct http *http, char *out, size_t room) {
    return answer_with(http, out, room, "{\"acknowledged\":true}");
}

static size_t write_nothing(struct http *http, char *out, size_t room) {
    return answer_with(http, out, room, "{}");
}

/* ---- documents ---- */

static size_t write_document(struct http *http, char *out, size_t room) {
    return answer_with(http, out, room,
                       "{\"_index\":\"logport\",\"_id\":\"\",\"_version\":1,\"result\":\"created\","
                       "\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":0,"
                       "\"_primary_term\":1}");
}

static size_t write_item(const struct http_item *item, char *out, size_t room) {
    static const char *const names[] = {[BULK_INDEX] = "index",
                                        [BULK_CREATE] = "create",
                                        [BULK_UPDATE] = "update",
                                        [BULK_DELETE] = "delete"};
    const char *const name = names[item->action];
    if (item->reason == 0)
        return (size_t)snprintf(
            out, room, "{\"%s\":{\"_index\":\"logport\",\"result\":\"created\",\"status\":201}}",
            name);
    return (size_t)snprintf(out, room,
                            "{\"%s\":{\"_index\":\"logport\",\"status\":400,\"error\":{\"type\":\"%"
                            "s\",\"reason\":\"%s: "
                            "%s\"}}}",
                            name,
                            item->reason == REJECT_BULK_ACTION ? "illegal_argument_exception"
                                                               : "document_parsing_exception",
                            item->reason == JSON_BLANK ? "blank" : reject_reason_name(item->reason),
                            item->reason == JSON_BLANK ? "the document is empty"
                                                       : reject_reason_sentence(item->reason));
}

/* cursor: 1 and the next item. */
static size_t write_bulk(struct http *http, char *out, size_t room) {
    const struct http_items *items = &http->items;
    size_t size = 0;
    if (http->status >= 400) return write_error(http, out, room);
    if (http->cursor == 0) {
        bool errors = false;
        for (uint32_t i = 0; i < items->count && !errors; i++)
            errors = items->list[i].reason != 0;
        size = (size_t)snprintf(out, room, "{\"took\":0,\"errors\":%s,\"items\":[",
                                errors ? "true" : "false");
        http->cursor = 1;
    }
    for (; http->cursor <= items->count; http->cursor++) {
        if (room - size < ITEM_BYTES_MAX) {
            http->more = true;
            return size;
        }
        if (http->cursor > 1) out[size++] = ',';
        size += write_item(&items->list[http->cursor - 1], out + size, room - size);
    }
    return size + (size_t)snprintf(out + size, room - size, "]}\n");
}

#define BULK(pattern)                                                                              \
    {                                                                                              \
        .methods = HTTP_POST | HTTP_PUT, .path = pattern, .reader = &http_reader_bulk,             \
        .any_type = true, .status = 200, .fields = PRODUCT, .write = write_bulk                    \
    }
#define DOCUMENT(pattern)                                                                          \
    {                                                                                              \
        .methods = HTTP_POST | HTTP_PUT, .path = pattern, .reader = &http_reader_json,             \
        .status = 201, .fields = PRODUCT, .write = write_document                                  \
    }
#define QUESTION(pattern, writer)                                                                  \
    { .methods = HTTP_GET, .path = pattern, .status = 200, .fields = PRODUCT, .write = writer }
#define SETTING(pattern)                                                                           \
    QUESTION(pattern, write_nothing), {                                                            \
        .methods = HTTP_PUT | HTTP_POST, .path = pattern, .any_type = true, .status = 200,         \
        .fields = PRODUCT, .write = write_acknowledged                                             \
    }

static const struct http_route rows[] = {BULK("/_bulk"),
                                         BULK("/*/_bulk"),
                                         DOCUMENT("/*/_doc"),
                                         DOCUMENT("/*/_doc/*"),
                                         DOCUMENT("/*/_create/*"),
                                         QUESTION("/", write_info),
                                         QUESTION("/_license", write_license),
                                         QUESTION("/_cluster/health", write_health),
                                         QUESTION("/_cluster/health/*", write_health),
                                         SETTING("/_index_template/*"),
                                         SETTING("/_component_template/*"),
                                         SETTING("/_template/*"),
                                         SETTING("/_ilm/policy/*"),
                                         SETTING("/_data_stream/*"),
                                         SETTING("/_ingest/pipeline/*")};

const struct http_rows http_rows_elastic = HTTP_ROWS(rows);
