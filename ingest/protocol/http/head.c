/* head.c - see head.h. */
#include "ingest/protocol/http/head.h"

#include <string.h>

bool http_refuse(struct http_request *request, uint16_t status, const char *problem) {
    if (request->status) return false;
    request->status = status;
    request->problem = problem;
    return false;
}

/* ---- characters and words ---- */

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* RFC 9110 section 5.6.2. */
static bool is_token_byte(uint8_t byte) {
    return is_letter(byte) || is_digit(byte) || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
}

bool http_text_begins(const struct http_text *text, const char *word) {
    const size_t size = strlen(word);
    if (text->size < size) return false;
    for (size_t i = 0; i < size; i++)
        if (lower(text->at[i]) != lower((uint8_t)word[i])) return false;
    return true;
}

bool http_text_is(const struct http_text *text, const char *word) {
    return text->size == strlen(word) && http_text_begins(text, word);
}

static struct http_text trimmed(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (struct http_text){at, (size_t)(end - at)};
}

/* The next element of a list with commas; false: there is none. */
static bool next_element(struct http_text *list, struct http_text *element) {
    while (list->size > 0) {
        const uint8_t *const comma = memchr(list->at, ',', list->size);
        const uint8_t *const end = list->at + list->size, *const stop = comma ? comma : end;
        *element = trimmed(list->at, stop);
        list->size = comma ? (size_t)(end - comma) - 1 : 0;
        list->at = comma ? comma + 1 : end;
        if (element->size > 0) return true;
    }
    return false;
}

/* ---- the request line ---- */

static uint8_t method_of(const uint8_t *name, size_t size) {
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET},    {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT},    {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
                   {"PATCH", HTTP_PATCH}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strlen(methods[i].name) == size && memcmp(methods[i].name, name, size) == 0)
            return (uint8_t)methods[i].method;
    return 0;
}

/* "HTTP/1.1" */
static bool version(struct http_request *request, const uint8_t *at, size_t size) {
    static const char name[] = "HTTP/";
    if (size != 8 || memcmp(at, name, 5) != 0 || !is_digit(at[5]) || at[6] != '.' ||
        !is_digit(at[7]))
        return http_refuse(request, 400, "the request line does not end in HTTP/1.1");
    if (at[5] != '1')
        return http_refuse(request, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    request->is_1_0 = at[7] == '0';
    return true;
}

/* "/path?query", "http://host/path?query" or "*" (RFC 9112 section 3.2). */
static bool target(struct http_request *request, struct http_text text, struct http_text *host,
                   struct http_text *path, struct http_text *query) {
    const uint8_t *const end = text.at + text.size;
    *host = *query = (struct http_text){end, 0};
    const size_t scheme = http_text_begins(&text, "http://")    ? 7
                          : http_text_begins(&text, "https://") ? 8
                                                                : 0;
    if (scheme > 0) {
        const uint8_t *slash = text.at + scheme;
        while (slash < end && *slash != '/' && *slash != '?')
            slash++;
        *host = (struct http_text){text.at + scheme, (size_t)(slash - text.at) - scheme};
        text = (struct http_text){slash, (size_t)(end - slash)};
        if (!http_host_is_valid(host) || host->size == 0)
            return http_refuse(request, 400, "the host of the request target is not valid");
    }
    const uint8_t *const mark = memchr(text.at, '?', text.size);
    *path = (struct http_text){text.at, mark ? (size_t)(mark - text.at) : text.size};
    if (mark) *query = (struct http_text){mark + 1, (size_t)(end - mark) - 1};
    const bool asterisk = path->size == 1 && *path->at == '*' && request->method == HTTP_OPTIONS;
    if (asterisk || (path->size > 0 && *path->at == '/') || (scheme > 0 && path->size == 0))
        return true;
    return http_refuse(request, 400, "the request target is not valid");
}

bool http_request_line(struct http_request *request, const uint8_t *line, size_t size,
                       struct http_text *host, struct http_text *path, struct http_text *query) {
    const uint8_t *const end = line + size;
    const uint8_t *const first = memchr(line, ' ', size);
    if (!first || first == line) return http_refuse(request, 400, "this is no request line");
    for (const uint8_t *at = line; at < first; at++)
        if (!is_token_byte(*at)) return http_refuse(request, 400, "this is no request line");
    const uint8_t *second = first + 1;
    for (; second < end && *second != ' '; second++)
        if (*second < '!' || *second > '~')
            return http_refuse(request, 400, "the request target is not valid");
    if (second == end || second == first + 1)
        return http_refuse(request, 400, "this is no request line");
    request->method = method_of(line, (size_t)(first - line));
    return version(request, second + 1, (size_t)(end - second) - 1) &&
           target(request, (struct http_text){first + 1, (size_t)(second - first) - 1}, host, path,
                  query);
}

/* ---- fields ---- */

bool http_field_line(struct http_request *request, const uint8_t *line, size_t size,
                     struct http_text *name, struct http_text *value) {
    const uint8_t *const end = line + size, *colon = line;
    if (++request->fields > HTTP_FIELDS_MAX)
        return http_refuse(request, 431, "the request has more than 100 header fields");
    while (colon < end && is_token_byte(*colon))
        colon++;
    if (colon == line || colon == end || *colon != ':')
        return http_refuse(request, 400, "a header field has no valid name");
    for (const uint8_t *at = colon + 1; at < end; at++)
        if ((*at < ' ' && *at != '\t') || *at == 0x7F)
            return http_refuse(request, 400, "a header field contains a control character");
    *name = (struct http_text){line, (size_t)(colon - line)};
    *value = trimmed(colon + 1, end);
    return true;
}

static bool content_length(struct http_request *request, const struct http_text *value) {
    if (request->has_length) return http_refuse(request, 400, "Content-Length is given twice");
    request->has_length = true;
    if (value->size == 0) return http_refuse(request, 400, "Content-Length is no number");
    for (size_t i = 0; i < value->size; i++) {
        if (!is_digit(value->at[i]))
            return http_refuse(request, 400, "Content-Length is no number");
        if (request->length > UINT64_MAX / 100)
            return http_refuse(request, 413, "Content-Length is too large");
        request->length = request->length * 10 + (uint64_t)(value->at[i] - '0');
    }
    return true;
}

static bool transfer_encoding(struct http_request *request, const struct http_text *value) {
    if (request->has_transfer) return http_refuse(request, 400, "Transfer-Encoding is given twice");
    request->has_transfer = true;
    request->chunked = http_text_is(value, "chunked");
    return request->chunked ||
           http_refuse(request, 501, "of transfer encodings, only chunked is supported");
}

static bool content_encoding(struct http_request *request, const struct http_text *value) {
    if (request->has_coding) return http_refuse(request, 400, "Content-Encoding is given twice");
    request->has_coding = true;
    request->coding = http_text_is(value, "gzip") || http_text_is(value, "x-gzip") ? HTTP_GZIP
                      : http_text_is(value, "deflate")                             ? HTTP_DEFLATE
                      : http_text_is(value, "zstd")                                ? HTTP_ZSTD
                      : http_text_is(value, "identity") || value->size == 0        ? HTTP_IDENTITY
                                                                            : HTTP_CODING_UNKNOWN;
    return true;
}

static bool ends_in(const struct http_text *text, const char *word) {
    const size_t size = strlen(word);
    if (text->size < size) return false;
    const struct http_text end = {text->at + text->size - size, size};
    return http_text_is(&end, word);
}

static bool content_type(struct http_request *request, const struct http_text *value) {
    static const char *const lines[] = {"application/x-ndjson",        "application/ndjson",
                                        "application/jsonl",           "application/x-jsonlines",
                                        "application/x-json-stream",   "application/jsonlines",
                                        "application/vnd.serilog.clef"};
    static const char *const open[] = {"application/x-www-form-urlencoded", "text/plain",
                                       "application/octet-stream", "text/x-log"};
    if (request->has_type) return http_refuse(request, 400, "Content-Type is given twice");
    request->has_type = true;
    const uint8_t *const semicolon = memchr(value->at, ';', value->size);
    const struct http_text type =
        trimmed(value->at, semicolon ? semicolon : value->at + value->size);
    request->type = type.size == 0 ? HTTP_TYPE_OPEN : HTTP_TYPE_OTHER;
    if (http_text_is(&type, "application/json") || http_text_is(&type, "text/json") ||
        ends_in(&type, "+json"))
        request->type = HTTP_TYPE_JSON;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (http_text_is(&type, lines[i])) request->type = HTTP_TYPE_LINES;
    if (ends_in(&type, "+x-ndjson")) request->type = HTTP_TYPE_LINES; /* of Elasticsearch */
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (http_text_is(&type, open[i])) request->type = HTTP_TYPE_OPEN;
    return true;
}

static bool connection(struct http_request *request, const struct http_text *value) {
    struct http_text list = *value, element;
    while (next_element(&list, &element)) {
        if (http_text_is(&element, "close")) request->close = true;
        if (http_text_is(&element, "keep-alive")) request->keep_alive = true;
    }
    return true;
}

static bool expect(struct http_request *request, const struct http_text *value) {
    request->expects_continue = http_text_is(value, "100-continue") && !request->is_1_0;
    return request->expects_continue || request->is_1_0 ||
           http_refuse(request, 417, "of expectations, only 100-continue is supported");
}

static bool host(struct http_request *request, const struct http_text *value) {
    if (request->hosts++ > 0) return http_refuse(request, 400, "Host is given twice");
    return http_host_is_valid(value) || http_refuse(request, 400, "Host is not valid");
}

/* Browsers send Origin with what a page posts, and Sec-Fetch-Site with all a page requests; only what
 * the user has typed is from "none" (W3C Fetch Metadata). */
static bool origin(struct http_request *request, const struct http_text *value) {
    (void)value;
    request->from_page = true;
    return true;
}

static bool fetch_site(struct http_request *request, const struct http_text *value) {
    if (!http_text_is(value, "none")) request->from_page = true;
    return true;
}

bool http_field(struct http_request *request, const struct http_text *name,
                const struct http_text *value) {
    static const struct {
        const char *name;
        bool (*note)(struct http_request *request, const struct http_text *value);
    } fields[] = {{"content-length", content_length},
                  {"transfer-encoding", transfer_encoding},
                  {"content-encoding", content_encoding},
                  {"content-type", content_type},
                  {"connection", connection},
                  {"expect", expect},
                  {"host", host},
                  {"origin", origin},
                  {"sec-fetch-site", fetch_site}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (http_text_is(name, fields[i].name)) return fields[i].note(request, value);
    return true;
}

bool http_host_is_valid(const struct http_text *text) {
    for (size_t i = 0; i < text->size; i++) {
        const uint8_t byte = text->at[i];
        if (!is_letter(byte) && !is_digit(byte) && (byte == 0 || !strchr("-._:[]%~", byte)))
            return false;
    }
    return true;
}

bool http_head_ends(struct http_request *request) {
    if (request->has_transfer && request->has_length)
        return http_refuse(request, 400, "both Content-Length and Transfer-Encoding are given");
    if (request->has_transfer && request->is_1_0)
        return http_refuse(request, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (request->hosts == 0 && !request->is_1_0)
        return http_refuse(request, 400, "Host is missing");
    return true;
}
