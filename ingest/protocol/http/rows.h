/* rows.h - the rows of the table of requests (routes.c), by the products whose clients send them. */
#ifndef INGEST_PROTOCOL_HTTP_ROWS_H
#define INGEST_PROTOCOL_HTTP_ROWS_H

#include "ingest/protocol/http/request.h"

struct http_rows {
    const struct http_route *rows;
    size_t count;
};
#define HTTP_ROWS(array)                                                                           \
    { (array), sizeof(array) / sizeof *(array) }

extern const struct http_rows http_rows_elastic;   /* elastic.c */
extern const struct http_rows http_rows_splunk;    /* splunk.c */
extern const struct http_rows http_rows_seq;       /* seq.c */
extern const struct http_rows http_rows_datadog;   /* datadog.c */
extern const struct http_rows http_rows_unfolding; /* unfolding.c: OTLP and Loki */

/* Of _bulk (bulk.c). */
enum bulk_action { BULK_INDEX = 1, BULK_CREATE, BULK_UPDATE, BULK_DELETE };
extern const struct http_reader http_reader_bulk;

#endif
