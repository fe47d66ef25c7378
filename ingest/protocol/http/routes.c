/* routes.c - the table of requests. */
#include <string.h>

#include "ingest/protocol/http/rows.h"

static const struct http_route records[] = {
    {.methods = HTTP_POST | HTTP_PUT, .path = "/", .reader = &http_reader_any, .status = 200},
};
static const struct http_rows own = HTTP_ROWS(records);

static const struct http_rows *const tables[] = {
    &own,           &http_rows_elastic, &http_rows_splunk,
    &http_rows_seq, &http_rows_datadog, &http_rows_unfolding};

/* Segments of a path are compared as they are: none of these needs %-escapes. */
static bool matches(const char *pattern, const struct http_text *path) {
    const uint8_t *at = path->at, *const end = at + path->size;
    while (*pattern) {
        if (*pattern == '*') {
            if (pattern[1] == '\0') return at < end;
            if (at == end || *at == '/') return false;
            while (at < end && *at != '/')
                at++;
            pattern++;
        } else if (at == end || *at++ != (uint8_t)*pattern++) {
            return false;
        }
    }
    return at == end;
}

const struct http_route *http_route_find(uint8_t method, const struct http_text *path,
                                         uint8_t *allowed) {
    static const uint8_t root[] = "/";
    const struct http_text whole = path->size > 0 ? *path : (struct http_text){root, 1};
    const struct http_route *found = NULL;
    *allowed = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct http_route *row = &tables[i]->rows[j];
            if (!matches(row->path, &whole)) continue;
            uint8_t methods = row->methods;
            if (methods & HTTP_GET) methods |= HTTP_HEAD;
            *allowed |= methods;
            if (!found && (methods & method)) found = row;
        }
    return found;
}
