/* unfolding.h - bodies that are collected whole, and unfolded into one record for each event. */
#ifndef INGEST_PROTOCOL_HTTP_UNFOLDING_H
#define INGEST_PROTOCOL_HTTP_UNFOLDING_H

#include "ingest/protocol/http/request.h"

/* The body is unfolded or given up: frees it, but not what is known of its faults. */
void http_unfold_end(struct http *http);
/* Frees all of it; without a body it does nothing. */
void http_unfold_forget(struct http *http);
/* Is nothing of the body taken? */
bool http_unfold_refused(const struct http *http);

#endif
