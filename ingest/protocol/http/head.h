/* head.h - the head of an HTTP/1 request (RFC 9112 sections 2 to 6), one line at a time.
 *
 * Strict where leniency lets two servers read the same bytes differently (RFC 9112 section 11.2): each
 * line ends in CRLF, there is no white space before a colon, no folded line and no control character;
 * a length is given once, by digits or by `chunked`, never by both.  Only what is needed is kept: a
 * field that is not known is checked and not kept.  Pure. */
#ifndef INGEST_PROTOCOL_HTTP_HEAD_H
#define INGEST_PROTOCOL_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of one line, and of all lines of a head or of the trailer of a chunked body. */
#define HTTP_LINE_BYTES_MAX 8192
#define HTTP_HEAD_BYTES_MAX 16384
#define HTTP_FIELDS_MAX     100

enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_DELETE = 16,
    HTTP_OPTIONS = 32,
    HTTP_PATCH = 64,
};

enum http_coding { HTTP_IDENTITY, HTTP_GZIP, HTTP_DEFLATE, HTTP_ZSTD, HTTP_CODING_UNKNOWN };

/* What Content-Type says of a body. */
enum http_type {
    HTTP_TYPE_OPEN,  /* nothing, text, or what programs such as curl send by default */
    HTTP_TYPE_JSON,  /* one JSON text */
    HTTP_TYPE_LINES, /* JSON texts on lines */
    HTTP_TYPE_OTHER, /* anything else, such as protobuf or forms */
};

struct http_text {
    const uint8_t *at;
    size_t size;
};

struct http_request {
    uint16_t status;     /* 0; or what the request is answered because its head is not accepted */
    const char *problem; /* a sentence about that */
    uint8_t method;      /* of enum http_method; 0: another one */
    bool is_1_0, close, keep_alive;
    bool has_length, chunked, expects_continue;
    bool has_type, has_coding, has_expect, has_transfer;
    bool from_page; /* a browser sent it for a page */
    uint8_t hosts;  /* fields Host */
    uint8_t coding, type;
    uint16_t fields;
    uint32_t bytes; /* of the head so far */
    uint64_t length;
};

/* The request line, without its CRLF.  False: request->status is set. */
bool http_request_line(struct http_request *request, const uint8_t *line, size_t size,
                       struct http_text *host, struct http_text *path, struct http_text *query);
/* A line of a field, without its CRLF.  *name is as it was sent; *value has no white space around
 * it. */
bool http_field_line(struct http_request *request, const uint8_t *line, size_t size,
                     struct http_text *name, struct http_text *value);
/* Notes what a field of the head says.  False: request->status is set. */
bool http_field(struct http_request *request, const struct http_text *name,
                const struct http_text *value);
/* The empty line after the fields. */
bool http_head_ends(struct http_request *request);

/* Does it contain only letters, digits and what else a host and port consist of? */
bool http_host_is_valid(const struct http_text *host);
/* The same text, in any case of its letters? */
bool http_text_is(const struct http_text *text, const char *word);
bool http_text_begins(const struct http_text *text, const char *word);

/* Sets the first status of a request; returns false. */
bool http_refuse(struct http_request *request, uint16_t status, const char *problem);

#endif
