/* credentials.h - finds tokens in the fields, paths and queries in which the clients of Splunk, Seq,
 * Datadog, Elasticsearch and others send them.  Keeps no token. */
#ifndef INGEST_PROTOCOL_HTTP_CREDENTIALS_H
#define INGEST_PROTOCOL_HTTP_CREDENTIALS_H

#include "ingest/protocol/http/request.h"

/* They set http->has_token if they find a token that is known, and http->has_channel. */
void http_field_credentials(struct http *http, const struct http_text *name,
                            const struct http_text *value);
void http_path_credentials(struct http *http, const struct http_text *path);
void http_query_credentials(struct http *http, const struct http_text *query);

/* Does this build have a decompressor for this coding? */
bool http_coding_is_known(uint8_t coding);

#endif
