/* counters.c - the counters as one line of JSON, the same at stop, every
 * stats_s and for `logport status`. */
#include "ingest/pipeline/counters.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "port/format.h"
#include "port/port.h"

const char *drop_reason_name(enum drop_reason reason) {
    switch (reason) {
    case DROP_QUARANTINE_FULL: return "quarantine_full";
    case DROP_STOPPED: return "stopped";
    case DROP_DENIED: return "denied";
    case DROP_PEER_BYTES: return "peer_bytes";
    case DROP_PEER_RECORDS: return "peer_records";
    case DROP_REASONS: break;
    }
    assert(!"no such reason");
    return "";
}

struct json_line_writer {
    char *text;
    size_t size, length;
    bool first;
};

FORMATS(2, 3) static void put(struct json_line_writer *writer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size =
        vsnprintf(writer->text + writer->length, writer->size - writer->length, format, arguments);
    va_end(arguments);
    assert(size >= 0 && (size_t)size < writer->size - writer->length);
    writer->length += (size_t)size;
}

static void number(struct json_line_writer *writer, const char *name, uint64_t value) {
    put(writer, "%s\"%s\":%llu", writer->first ? "" : ",", name, (unsigned long long)value);
    writer->first = false;
}

/* PORT_DROPS_UNKNOWN is null. */
static void drops(struct json_line_writer *writer, const char *name, uint64_t value) {
    if (value != PORT_DROPS_UNKNOWN) {
        number(writer, name, value);
        return;
    }
    put(writer, "%s\"%s\":null", writer->first ? "" : ",", name);
    writer->first = false;
}

static void open_object(struct json_line_writer *writer, const char *name) {
    put(writer, "%s\"%s\":{", writer->first ? "" : ",", name);
    writer->first = true;
}

static void close_object(struct json_line_writer *writer) {
    put(writer, "}");
    writer->first = false;
}

/* own: NULL if the records are counted elsewhere in the line. */
static void stream(struct json_line_writer *writer, const char *name,
                   const struct counters_stream *own, const struct kept_stream_counts *counts) {
    open_object(writer, name);
    if (own) number(writer, "stored", own->stored);
    if (own) number(writer, "bytes_stored", own->bytes_stored);
    number(writer, "bytes_written", counts->live.bytes_written);
    number(writer, "segments_opened", counts->live.segments_opened);
    number(writer, "segments_closed", counts->live.segments_closed);
    number(writer, "segments_suspect", counts->live.segments_suspect);
    number(writer, "segments_unrecovered", counts->unrecovered);
    number(writer, "segments_indexed",
           counts->live.segments_indexed + counts->kept.segments_indexed);
    number(writer, "segments_archived", counts->kept.segments_archived);
    number(writer, "segments_moved", counts->kept.segments_moved);
    number(writer, "move_failures", counts->kept.move_failures);
    number(writer, "segments_handed_over", counts->kept.handed.segments);
    number(writer, "archive_command_failures", counts->kept.handed.failures);
    number(writer, "blocks_held", counts->live.appends_held);
    number(writer, "write_failures", counts->live.write_failures);
    number(writer, "sync_failures", counts->live.sync_failures);
    close_object(writer);
}

size_t counters_write(const struct counters *c, const struct counters_context *context, char *text,
                      size_t size) {
    struct json_line_writer writer = {.text = text, .size = size, .first = true};
    put(&writer, "{");
    number(&writer, "received", c->received);
    number(&writer, "stored", c->stored);
    number(&writer, "rejected", c->rejected);
    open_object(&writer, "dropped");
    for (int i = 0; i < DROP_REASONS; i++)
        if (c->dropped[i]) number(&writer, drop_reason_name(i), c->dropped[i]);
    close_object(&writer);
    number(&writer, "in_flight", c->in_flight);
    number(&writer, "bytes_received", c->bytes_received);
    drops(&writer, "udp_kernel_drops", context->udp_kernel_drops);
    number(&writer, "datagrams", c->datagrams);
    number(&writer, "datagrams_truncated", c->datagrams_truncated);
    number(&writer, "datagrams_dropped", c->datagrams_dropped);
    number(&writer, "gelf_chunks", c->gelf_chunks);
    number(&writer, "gelf_chunks_ignored", c->gelf_chunks_ignored);
    open_object(&writer, "reasons");
    for (uint32_t i = JSON_BLANK + 1; i < REJECT_REASONS; i++)
        if (c->reasons[i]) number(&writer, reject_reason_name(i), c->reasons[i]);
    close_object(&writer);
    number(&writer, "schema_monitored", c->schema_monitored);
    number(&writer, "bytes_stored", c->bytes_stored);
    number(&writer, "connections", context->connections);
    number(&writer, "connections_accepted", c->connections_accepted);
    number(&writer, "connections_failed", c->connections_failed);
    number(&writer, "connections_refused", c->connections_refused);
    number(&writer, "connections_denied", c->connections_denied);
    number(&writer, "connections_over_limit", c->connections_over_limit);
    number(&writer, "connections_idle", c->connections_idle);
    number(&writer, "connections_unfinished", c->connections_unfinished);
    number(&writer, "rate_waits", c->rate_waits);
    number(&writer, "proxy_headers", c->proxy_headers);
    number(&writer, "proxy_failures", c->proxy_failures);
    number(&writer, "acknowledged", c->acknowledged);
    number(&writer, "acknowledgements_failed", c->acknowledgements_failed);
    number(&writer, "answers_unread", c->answers_unread);
    number(&writer, "http_requests", c->http.requests);
    number(&writer, "http_refused", c->http.refused);
    number(&writer, "http_failed", c->http.failed);
    number(&writer, "tls_connections", c->tls_connections);
    number(&writer, "tls_failures", c->tls_failures);
    number(&writer, "tls_waits", c->tls_waits);
    number(&writer, "tls_refused", c->tls_refused);
    number(&writer, "accept_pauses", c->accept_pauses);
    number(&writer, "receive_pauses", c->receive_pauses);
    number(&writer, "batches", c->batches);
    stream(&writer, STREAM_MAIN, NULL, &context->streams[0]);
    stream(&writer, STREAM_REJECTS, NULL, &context->rejects);
    open_object(&writer, "streams");
    for (uint32_t i = 0; i < context->stream_count; i++)
        stream(&writer, context->stream_names[i], &c->streams[i], &context->streams[i]);
    close_object(&writer);
    number(&writer, "archives_hung", context->archives_hung);
    number(&writer, "archive_hangs", context->archive_hangs);
    number(&writer, "uptime_s", (uint64_t)(context->uptime_ns / 1000000000));
    number(&writer, "memory_bytes", context->memory_bytes);
    put(&writer, "}");
    return writer.length;
}
