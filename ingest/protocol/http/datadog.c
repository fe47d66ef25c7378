/* datadog.c - logs of Datadog's clients: an object, an array or lines. */
#include <stdio.h>

#include "ingest/protocol/http/rows.h"

static size_t write_result(struct http *http, char *out, size_t room) {
    return http->status < 400
               ? (size_t)snprintf(out, room, "{}\n")
               : (size_t)snprintf(out, room,
                                  "{\"errors\":[{\"status\":\"%u\",\"title\":\"%s\"}]}\n",
                                  http->status, http_problem(http));
}

static size_t write_valid(struct http *http, char *out, size_t room) {
    return http->status < 400 ? (size_t)snprintf(out, room, "{\"valid\":true}\n")
                              : write_result(http, out, room);
}

#define LOGS(pattern)                                                                              \
    {                                                                                              \
        .methods = HTTP_POST, .path = pattern, .reader = &http_reader_any, .status = 202,          \
        .write = write_result                                                                      \
    }

static const struct http_route rows[] = {
    LOGS("/api/v2/logs"),
    LOGS("/v1/input"),
    LOGS("/v1/input/*"),
    {.methods = HTTP_GET, .path = "/api/v1/validate", .status = 200, .write = write_valid}};

const struct http_rows http_rows_datadog = HTTP_ROWS(rows);
