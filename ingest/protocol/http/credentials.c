/* credentials.c - see credentials.h. */
#include "ingest/protocol/http/credentials.h"

#include <string.h>

static void check(struct http *http, const uint8_t *token, size_t size) {
    if (http_token_is_known(http->settings, token, size)) http->has_token = true;
}

static int value_of(uint8_t byte) {
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* RFC 4648 section 4; returns how many bytes, 0 if it is no base64 or too long. */
static size_t decode(const struct http_text *text, uint8_t out[HTTP_TOKEN_BYTES_MAX]) {
    uint32_t bits = 0, count = 0;
    size_t size = text->size, written = 0;
    while (size > 0 && text->at[size - 1] == '=' && text->size - size < 2)
        size--;
    for (size_t i = 0; i < size; i++) {
        const int value = value_of(text->at[i]);
        if (value < 0 || written == HTTP_TOKEN_BYTES_MAX) return 0;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out[written++] = (uint8_t)(bits >> count);
    }
    return written;
}

/* "SCHEME CREDENTIALS" */
static void authorization(struct http *http, const struct http_text *value) {
    static const char *const schemes[] = {"bearer ", "splunk ", "apikey "};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const size_t size = strlen(schemes[i]);
        if (http_text_begins(value, schemes[i])) check(http, value->at + size, value->size - size);
    }
    if (!http_text_begins(value, "basic ")) return;
    uint8_t decoded[HTTP_TOKEN_BYTES_MAX];
    const struct http_text encoded = {value->at + 6, value->size - 6};
    const size_t size = decode(&encoded, decoded);
    /* "user:password", or the password alone is the token. */
    check(http, decoded, size);
    const uint8_t *const colon = memchr(decoded, ':', size);
    if (colon) check(http, colon + 1, size - (size_t)(colon + 1 - decoded));
    memset(decoded, 0, sizeof decoded);
}

void http_field_credentials(struct http *http, const struct http_text *name,
                            const struct http_text *value) {
    if (http_text_is(name, "authorization")) authorization(http, value);
    if (http_text_is(name, "x-seq-apikey") || http_text_is(name, "dd-api-key"))
        check(http, value->at, value->size);
    if (http_text_is(name, "x-splunk-request-channel") && value->size > 0) http->has_channel = true;
}

/* Datadog's older clients: /v1/input/KEY */
void http_path_credentials(struct http *http, const struct http_text *path) {
    static const char before[] = "/v1/input/";
    const size_t size = sizeof before - 1;
    if (http_text_begins(path, before)) check(http, path->at + size, path->size - size);
}

void http_query_credentials(struct http *http, const struct http_text *query) {
    static const char *const names[] = {"apikey=", "dd-api-key=", "token="};
    const uint8_t *at = query->at, *const end = at + query->size;
    while (at < end) { /* ends: each turn takes a parameter */
        const uint8_t *const next = memchr(at, '&', (size_t)(end - at));
        const struct http_text pair = {at, (size_t)((next ? next : end) - at)};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const size_t size = strlen(names[i]);
            if (http_text_begins(&pair, names[i])) check(http, pair.at + size, pair.size - size);
        }
        if (http_text_begins(&pair, "channel=") && pair.size > 8) http->has_channel = true;
        at = next ? next + 1 : end;
    }
}
