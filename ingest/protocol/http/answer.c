/* answer.c - writes answers (RFC 9110 sections 6 and 15): a head, then a body of known length, or of
 * chunks if it does not fit one piece. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ingest/protocol/http/request.h"
#include "writer/live/quarantine.h"

static const char *reason_of(uint16_t status) {
    static const struct {
        uint16_t status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {411, "Length Required"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"},
                   {421, "Misdirected Request"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return "Unknown";
}

/* ---- the date ---- */

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).  The days since 0000-03-01 are those of
 * Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms". */
static int put_date(char *out, size_t size, int64_t time_ns) {
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const uint64_t seconds = time_ns > 0 ? (uint64_t)time_ns / 1000000000 : 0;
    const uint32_t day = (uint32_t)(seconds / 86400), second = (uint32_t)(seconds % 86400);
    const uint32_t shifted = day + 719468, era = shifted / 146097, of_era = shifted % 146097;
    const uint32_t of_400 = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const uint32_t of_year = of_era - (365 * of_400 + of_400 / 4 - of_400 / 100);
    const uint32_t shifted_month = (5 * of_year + 2) / 153;
    const uint32_t month = shifted_month < 10 ? shifted_month + 2 : shifted_month - 10; /* from 0 */
    const uint32_t year = of_400 + era * 400 + (month < 2);
    return snprintf(out, size, "Date: %.3s, %02u %.3s %04u %02u:%02u:%02u GMT\r\n",
                    days + day % 7 * 3, of_year - (153 * shifted_month + 2) / 5 + 1,
                    months + month * 3, year, second / 3600, second / 60 % 60, second % 60);
}

/* ---- the head ---- */

static size_t put_allowed(char *out, size_t size, uint8_t allowed) {
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH}};
    size_t length = (size_t)snprintf(out, size, "Allow: OPTIONS");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (allowed & methods[i].method)
            length += (size_t)snprintf(out + length, size - length, ", %s", methods[i].name);
    return length + (size_t)snprintf(out + length, size - length, "\r\n");
}

/* Fields that a status needs. */
static size_t put_status_fields(const struct http *http, char *out, size_t size) {
    switch (http->status) {
    case 204:
    case 405: return put_allowed(out, size, http->allowed);
    case 401:
        return (size_t)snprintf(out, size,
                                "WWW-Authenticate: Bearer realm=\"logport\"\r\n"
                                "WWW-Authenticate: Basic realm=\"logport\"\r\n");
    case 415: return (size_t)snprintf(out, size, "Accept-Encoding: gzip, deflate, zstd\r\n");
    case 429:
    case 503: return (size_t)snprintf(out, size, "Retry-After: %d\r\n", HTTP_RETRY_AFTER_S);
    default: return 0;
    }
}

/* body_size: of the whole body, unless more will follow. */
static size_t put_head(struct http *http, char *out, size_t size, size_t body_size) {
    const struct http_route *route = http->route;
    const bool has_body = http->status != 204;
    size_t length = (size_t)snprintf(out, size, "HTTP/1.1 %u %s\r\nServer: logport\r\n",
                                     http->status, reason_of(http->status));
    length += (size_t)put_date(out + length, size - length, http->received_ns);
    length += put_status_fields(http, out + length, size - length);
    if (route && route->fields)
        length += (size_t)snprintf(out + length, size - length, "%s", route->fields);
    if (has_body)
        length += (size_t)snprintf(out + length, size - length, "Content-Type: %s\r\n",
                                   route && route->type ? route->type : "application/json");
    http->chunked = http->more && !http->request.is_1_0;
    if (http->more && http->request.is_1_0) http->closes = true; /* its end ends the body */
    if (http->chunked)
        length += (size_t)snprintf(out + length, size - length, "Transfer-Encoding: chunked\r\n");
    else if (has_body && !http->more)
        length +=
            (size_t)snprintf(out + length, size - length, "Content-Length: %zu\r\n", body_size);
    if (http->closes)
        length += (size_t)snprintf(out + length, size - length, "Connection: close\r\n");
    else if (http->request.is_1_0)
        length += (size_t)snprintf(out + length, size - length, "Connection: keep-alive\r\n");
    length += (size_t)snprintf(out + length, size - length, "\r\n");
    assert(length < size);
    return length;
}

/* ---- the body ---- */

bool http_has_rejected(const struct http *http) {
    return http->complete && http->rejected > 0;
}

const char *http_problem(const struct http *http) {
    return http->problem ? http->problem : "";
}

size_t http_write_result(struct http *http, char *out, size_t room) {
    size_t size = (size_t)snprintf(out, room, "{");
    if (http->problem)
        size += (size_t)snprintf(out + size, room - size, "\"error\":\"%s\"", http->problem);
    if (http->problem && !http_has_rejected(http))
        return size + (size_t)snprintf(out + size, room - size, "}\n");
    if (http->problem) out[size++] = ',';
    size += (size_t)snprintf(out + size, room - size, "\"stored\":%llu,\"rejected\":%llu",
                             (unsigned long long)http->stored, (unsigned long long)http->rejected);
    if (http_has_rejected(http))
        size += (size_t)snprintf(
            out + size, room - size,
            ",\"first_rejected\":{\"record\":%u,\"offset\":%llu,\"reason\":\"%s\"}",
            http->first.line, (unsigned long long)http->first.offset,
            reject_reason_name(http->first.reason));
    return size + (size_t)snprintf(out + size, room - size, "}\n");
}

/* "1A4\r\n" DATA "\r\n", with the last, empty chunk after the last piece. */
#define CHUNK_BYTES 16

static size_t put_chunk(const struct http *http, uint8_t *out, size_t size) {
    char *const text = (char *)out;
    char length[8];
    const size_t before = (size_t)snprintf(length, sizeof length, "%zX\r\n", size);
    size_t after = 0;
    memmove(text + before, text, size);
    memcpy(text, length, before);
    if (size > 0) after = (size_t)snprintf(text + before + size, 3, "\r\n");
    if (size == 0) return (size_t)snprintf(text, 6, "0\r\n\r\n");
    if (!http->more) after += (size_t)snprintf(text + before + size + after, 6, "0\r\n\r\n");
    return before + size + after;
}

size_t http_answer_write(struct http *http, uint8_t *bytes, size_t size) {
    const bool first = !http->begun;
    const size_t head_room = first ? HTTP_ANSWER_HEAD_MAX : 0;
    uint8_t *const body = bytes + head_room;
    const bool only_head = http->request.method == HTTP_HEAD || http->status == 204;
    size_t body_size = 0;
    assert(size >= HTTP_ANSWER_HEAD_MAX + CHUNK_BYTES + HTTP_ANSWER_ROOM_MIN);
    http->more = false;
    if (http->status != 204)
        body_size = (http->route && http->route->write ? http->route->write : http_write_result)(
            http, (char *)body, size - head_room - CHUNK_BYTES);
    size_t head = 0;
    if (first) head = put_head(http, (char *)bytes, HTTP_ANSWER_HEAD_MAX, body_size);
    http->begun = true;
    if (only_head) {
        http->more = false;
        return head;
    }
    if (http->chunked) body_size = put_chunk(http, body, body_size);
    memmove(bytes + head, body, body_size);
    return head + body_size;
}
