/* unfolding.c - pushes of Loki and exports of OTLP logs: see unfolding.h. */
#include "ingest/protocol/http/unfolding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/http/rows.h"
#include "ingest/protocol/unfold_job.h"
#include "schema/json/write.h"
#include "writer/live/quarantine.h"

/* ---- memory ---- */

/* What all bodies may take together, beyond one of any size. */
static bool take_memory(struct http *http, size_t size) {
    struct http_shared *shared = http_settings_shared(http->settings);
    if (shared->unfold_memory > 0 && shared->unfold_memory + size > HTTP_UNFOLD_MEMORY_BYTES)
        return false;
    shared->unfold_memory += size;
    http->unfold_memory += size;
    return true;
}

void http_unfold_end(struct http *http) {
    if (!http->unfold) return;
    unfold_job_end(http->unfold);
    http_settings_shared(http->settings)->unfold_memory -= http->unfold_memory;
    http->unfold_memory = 0;
}

void http_unfold_forget(struct http *http) {
    http_unfold_end(http);
    free(http->unfold);
    http->unfold = NULL;
}

bool http_unfold_refused(const struct http *http) {
    return http->unfold && http->unfold->refused;
}

/* ---- collecting ---- */

#define BODY_BYTES_MIN (16u << 10)

static bool grow(struct http *http, size_t size) {
    struct unfold_job *job = http->unfold;
    size_t room = job->room ? job->room : BODY_BYTES_MIN;
    while (room < size) /* ends: it doubles */
        room *= 2;
    if (!take_memory(http, room - job->room)) return false;
    uint8_t *const body = realloc(job->body, room + UNFOLD_PADDING);
    if (!body) return false;
    job->body = body;
    job->room = room;
    return true;
}

static size_t collect(struct session *session, const struct unfold_format *format,
                      const uint8_t *bytes, size_t size) {
    struct http *http = http_of(session);
    if (!http->unfold) http->unfold = calloc(1, sizeof *http->unfold);
    struct unfold_job *job = http->unfold;
    if (job && job->size + size > HTTP_UNFOLD_BODY_BYTES_MAX) {
        http_give_up(session, 413, "the body is longer than 8 MiB");
    } else if (!job || (job->size + size > job->room && !grow(http, job->size + size))) {
        http_give_up(session, 429, "too many bodies are being received");
    } else {
        memcpy(job->body + job->size, bytes, size);
        job->size += size;
        job->format = format;
        return size;
    }
    http_unfold_end(http);
    return size;
}

static size_t take(struct session *session, const struct unfold_format *format,
                   const struct sink *sink, const uint8_t *bytes, size_t size) {
    if (session->unfold) return unfold_job_give(session->unfold, sink, bytes, size);
    return collect(session, format, bytes, size);
}

static size_t take_loki(struct session *session, const struct sink *sink, const uint8_t *bytes,
                        size_t size) {
    return take(session, &unfold_loki, sink, bytes, size);
}

static size_t take_otlp(struct session *session, const struct sink *sink, const uint8_t *bytes,
                        size_t size) {
    return take(session, &unfold_otlp, sink, bytes, size);
}

/* The connection has it unfolded now. */
static bool end(struct session *session, const struct sink *sink) {
    struct http *http = http_of(session);
    struct unfold_job *job = http->unfold;
    if (!job) return true; /* an empty body */
    if (!take_memory(http, unfold_job_bytes(job, sink->line_bytes_max)) ||
        !unfold_job_begin(job, sink->line_bytes_max)) {
        http_give_up(session, 429, "too many bodies are being received");
        http_unfold_end(http);
        return true;
    }
    session->unfold = job;
    return true;
}

static const struct http_reader reader_loki = {.take = take_loki, .end = end};
static const struct http_reader reader_otlp = {.take = take_otlp, .end = end};

/* ---- answers ---- */

/* The problem in one sentence: at most PROBLEM_BYTES. */
#define PROBLEM_BYTES 300

static void describe(const struct http *http, const char *what, const char *several, char *out) {
    const struct unfold_job *job = http->unfold;
    const struct batch_fault *first = &http->first;
    const unsigned long long at = job ? job->first_at : 0;
    if (http->rejected == 0 || (http->status >= 400 && http->status != 400))
        snprintf(out, PROBLEM_BYTES, "%s", http->problem ? http->problem : "");
    else if (job && job->refused)
        snprintf(out, PROBLEM_BYTES, "nothing was stored; at byte %llu of the body: %s", at,
                 job->first_problem);
    else if (job && job->first_number > 0 && job->first_number <= first->line)
        snprintf(out, PROBLEM_BYTES, "%llu of %llu %s were rejected; %s %llu, at byte %llu: %s",
                 (unsigned long long)http->rejected, (unsigned long long)http->lines, several, what,
                 (unsigned long long)job->first_number, at, job->first_problem);
    else
        snprintf(out, PROBLEM_BYTES, "%llu of %llu %s were rejected; %s %u: %s",
                 (unsigned long long)http->rejected, (unsigned long long)http->lines, several, what,
                 first->line, reject_reason_sentence(first->reason));
}

static size_t write_loki(struct http *http, char *out, size_t room) {
    char problem[PROBLEM_BYTES];
    describe(http, "entry", "entries", problem);
    return (size_t)snprintf(out, room, "%s\n", problem);
}

/* google.rpc.Code of a status (googleapis' rpc/code.proto). */
static int code_of(uint16_t status) {
    switch (status) {
    case 400:
    case 411:
    case 413:
    case 415: return 3; /* INVALID_ARGUMENT */
    case 401: return 16;
    case 403: return 7;
    case 404: return 5;
    case 405:
    case 501: return 12; /* UNIMPLEMENTED */
    case 408:
    case 429:
    case 503: return 14; /* UNAVAILABLE: the sender tries again */
    default: return 2;   /* UNKNOWN */
    }
}

static size_t write_otlp(struct http *http, char *out, size_t room) {
    char problem[PROBLEM_BYTES], text[JSON_STRING_BYTES_MAX(PROBLEM_BYTES) + 1];
    describe(http, "log record", "log records", problem);
    *json_write_string(text, problem, strlen(problem)) = '\0';
    if (http->status != 200)
        return (size_t)snprintf(out, room, "{\"code\":%d,\"message\":%s}\n", code_of(http->status),
                                text);
    if (http->rejected == 0) return (size_t)snprintf(out, room, "{\"partialSuccess\":{}}\n");
    return (size_t)snprintf(
        out, room, "{\"partialSuccess\":{\"rejectedLogRecords\":\"%llu\",\"errorMessage\":%s}}\n",
        (unsigned long long)http->rejected, text);
}

/* ---- rows ---- */

static const struct http_route rows[] = {
    {.methods = HTTP_POST,
     .path = "/loki/api/v1/push",
     .reader = &reader_loki,
     .status = 204,
     .type = "text/plain; charset=utf-8",
     .wrong_type = "a push of Loki is expected as JSON (application/json), not as protobuf",
     .write = write_loki},
    {.methods = HTTP_POST,
     .path = "/v1/logs",
     .reader = &reader_otlp,
     .partly = true,
     .status = 200,
     .wrong_type = "OTLP is expected as JSON: set OTEL_EXPORTER_OTLP_PROTOCOL=http/json, or put an "
                   "OpenTelemetry Collector with encoding: json in front",
     .write = write_otlp},
};
const struct http_rows http_rows_unfolding = HTTP_ROWS(rows);
