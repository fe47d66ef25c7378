/* request.h - HTTP/1.1 (RFC 9110, RFC 9112) as a protocol: requests in, records and answers out.
 *
 * One request of a connection is processed at a time.  Its answer is due when all its records are
 * stored as the listener promises; meanwhile nothing more is received.  A row of the table in routes.c
 * says, for a method and a path, how records are found in the body and what the answer is.
 *
 * A head needs no batch, so requests without records are answered also while none is free.  A request
 * that waits too long for a batch, or for its records to be stored, is answered 429 (RFC 6585 section
 * 4), and its sender has to send it again.  Owner only. */
#ifndef INGEST_PROTOCOL_HTTP_REQUEST_H
#define INGEST_PROTOCOL_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/http/chunks.h"
#include "ingest/protocol/http/head.h"
#include "ingest/protocol/http/settings.h"
#include "ingest/protocol/protocol.h"

/* Limit of a body as it is sent, compressed or not; the default of Elasticsearch. */
#define HTTP_BODY_BYTES_MAX  (100u << 20)
/* A request is answered 429 after this many nudges (one each ANSWERS_NUDGE_NS). */
#define HTTP_NUDGES_MAX      4
#define HTTP_RETRY_AFTER_S   5
/* Limit of an answer's head; the room that a row needs to write a piece of its body. */
#define HTTP_ANSWER_HEAD_MAX 640
#define HTTP_ANSWER_ROOM_MIN 1024

struct http;

/* How records are found in a body.  Both work as those of a protocol: the unfinished record is
 * session->partial, and session->state.concatenated is theirs. */
struct http_reader {
    bool each; /* its answer has a result for each record (http_items) */
    size_t (*take)(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size);
    bool (*end)(struct session *session, const struct sink *sink);
};

extern const struct http_reader http_reader_any;   /* an object, an array, or lines: as it begins */
extern const struct http_reader http_reader_json;  /* objects, or arrays of them */
extern const struct http_reader http_reader_lines; /* one record on each line */
extern const struct http_reader http_reader_skip;  /* ignores the body */

/* A row of the table of requests. */
struct http_route {
    uint8_t methods; /* of enum http_method */
    /* `*` is one segment, or at the end any further ones. */
    const char *path;
    const struct http_reader *reader; /* NULL: the request has no body, or it is skipped */
    bool is_open;                     /* needs no token */
    bool any_type;                    /* the body may have any Content-Type */
    const char *wrong_type;           /* the problem of other types; NULL: the usual one */
    bool partly;                      /* rejected records do not make the request fail */
    uint16_t status;                  /* of a request that does not fail */
    const char *fields;               /* of the answer's head, each with its CRLF; NULL: none */
    const char *type;                 /* Content-Type; NULL: application/json */
    /* Writes the body of the answer to http->status, or its next piece: at least
     * HTTP_ANSWER_ROOM_MIN bytes fit.  More will follow if it sets http->more; http->cursor is its
     * own and 0 at first.  NULL: http_write_result. */
    size_t (*write)(struct http *http, char *out, size_t room);
};

struct http_item {
    uint8_t action, reason;
};
/* The result of each record of a request, if reader->each is set. */
#define HTTP_ITEMS_MAX 65536
struct http_items {
    struct http_item *list;
    uint32_t count, room;
};

/* State of the reader of Elasticsearch's bulk, ... */
struct http_bulk {
    uint8_t step, word, action;
    uint8_t name[8], name_size; /* of the action whose line is read */
    struct depth depth;
};
/* ... of a list of events that is a member of an object ... */
struct http_wrapped {
    uint8_t step, at;
    bool in_string, escaped, closed;
    uint32_t open;
};
/* ... and of a list of numbers. */
struct http_ids {
    uint8_t step, digits;
    uint64_t number, *list;
    uint32_t count, room;
};

/* State of a connection: its current request. */
struct http {
    struct http_settings *settings;
    struct http_request request;
    const struct http_route *route; /* NULL: none yet, or there is none */
    uint8_t step;
    uint8_t allowed; /* methods of its path */
    bool has_host, host_is_known, has_token, has_channel;
    uint8_t *line;      /* of the head, whose end has not arrived; NULL: none */
    uint32_t line_size; /* bytes */
    uint64_t body_left; /* of Content-Length */
    struct http_chunks chunks;
    bool expanding; /* its compressed body has begun */
    bool ending;    /* all of the body was taken; its end waits for room */
    bool complete;  /* all was taken, and answered */
    /* Of its reader. */
    uint8_t form;
    struct depth depth;
    struct http_bulk bulk;
    struct http_wrapped wrapped;
    struct http_ids ids;
    uint64_t token, committed; /* numbers of stretches of records: taken, stored */
    int64_t received_ns;       /* its head, since 1970 */
    uint8_t nudges;
    /* The results of its records. */
    uint64_t lines, stored, rejected;
    struct batch_fault first;
    bool uncertain; /* the results of some are not known */
    struct http_items items;
    struct unfold_job *unfold; /* its body, if it is collected; NULL: none */
    size_t unfold_memory;
    /* The answer. */
    uint16_t status;
    const char *problem;
    uint64_t number; /* for the row: an id of the answer */
    uint64_t cursor;
    bool interim, begun, more, chunked, closes;
};

/* The row of a method and path, NULL if there is none; *allowed: the methods of rows with this path. */
const struct http_route *http_route_find(uint8_t method, const struct http_text *path,
                                         uint8_t *allowed);

/* The default body: the counts of stored and rejected records, or the problem, as JSON. */
size_t http_write_result(struct http *http, char *out, size_t room);
/* Was the request complete, and were records of it rejected?  False if it was given up. */
bool http_has_rejected(const struct http *http);
/* The problem as part of a JSON string. */
const char *http_problem(const struct http *http);
/* The next piece of an answer, with its head before the first; clears http->more at its end. */
size_t http_answer_write(struct http *http, uint8_t *bytes, size_t size);

/* Counts memory in http->settings->shared.  False: all requests together have reached the limit. */
bool http_memory_take(struct http *http, size_t size);
void http_memory_give_back(struct http *http, size_t size);

/* Adds an item; its record is the next one that is put into the batch.  False: there are too many, or
 * no memory. */
bool http_item_add(struct http *http, uint8_t action);
/* Adds http->ids.number, which is 0 afterwards. */
bool http_id_add(struct http *http);

/* The body ends too early: what there is of its next record, if anything, is rejected.  False: no
 * room. */
bool http_reject_end(struct session *session, const struct sink *sink);

/* The request has failed before its end: nothing more of it is taken, and the connection is closed
 * after this answer. */
void http_give_up(struct session *session, uint16_t status, const char *problem);
/* True: it was given up, and the rest of its body is ignored. */
bool http_is_answered(const struct session *session);

static inline struct http *http_of(const struct session *session) {
    return session->state.http.http;
}

#endif
