/* credentials.h - who a request says it is from: tokens in the fields and queries in which the
 * clients of Splunk, Seq, Datadog, Elasticsearch and others send them.  Nothing of them is kept. */
#ifndef INGEST_PROTOCOL_HTTP_CREDENTIALS_H
#define INGEST_PROTOCOL_HTTP_CREDENTIALS_H

#include "ingest/protocol/http/request.h"

/* Both set http->has_token if it is one that is known, and http->has_channel. */
void http_field_credentials(struct http *http, const struct http_text *name,
                            const struct http_text *value);
void http_query_credentials(struct http *http, const struct http_text *query);

/* Is there a decompressor for it in this build? */
bool http_coding_is_known(uint8_t coding);

#endif
