/* stamp.c - see stamp.h. */
#include "writer/live/stamp.h"

#include <assert.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/ascii.h"
#include "schema/json/member.h"
#include "schema/json/write.h"
#include "schema/record/level_text.h"
#include "schema/record/timestamp.h"
#include "writer/live/quarantine.h"

#define LISTENER_BYTES_MAX 140

static const struct {
    const char *name;
    uint8_t size;
} stamps_named[STAMPS] = {
#define X(constant, name) [constant##_NUMBER] = {name, sizeof name - 1},
    STAMP_TABLE(X)
#undef X
};
#define NAME_BYTES_MAX 8 /* of these */

/* ---- configuration ---- */

static bool find(const char *name, size_t size, uint32_t *stamps) {
    for (uint32_t i = 0; i < STAMPS; i++) {
        if (stamps_named[i].size != size || memcmp(stamps_named[i].name, name, size) != 0) continue;
        *stamps |= 1u << i;
        return true;
    }
    return false;
}

int stamp_parse(const char *text, uint32_t *stamps) {
    *stamps = 0;
    if (text[0] == '\0' || strcmp(text, "none") == 0) return 0;
    if (strcmp(text, "all") == 0) {
        *stamps = (1u << STAMPS) - 1;
        return 0;
    }
    for (;;) { /* ends at the end of the text */
        const size_t size = strcspn(text, ",");
        if (!find(text, size, stamps)) return ERR_INVALID;
        if (text[size] == '\0') return 0;
        text += size + 1;
    }
}

/* ---- writing ---- */

static char *put(char *out, const char *text) {
    const size_t size = strlen(text);
    memcpy(out, text, size);
    return out + size;
}

static char *put_listener(char *out, const char *listener) {
    const size_t size = strlen(listener);
    out = put(out, ",\"_listener\":");
    return json_write_string(out, listener, size < LISTENER_BYTES_MAX ? size : LISTENER_BYTES_MAX);
}

uint32_t stamp_bytes_max(uint32_t stamps, const char *listener) {
    char text[STAMP_BYTES_MAX];
    size_t most = 0;
    if (stamps & STAMP_RECEIVED) most += sizeof ",\"_received\":\"\"" + TIMESTAMP_TEXT_MAX;
    if (stamps & STAMP_PEER) most += sizeof ",\"_peer\":\"\"" + QUARANTINE_PEER_BYTES;
    if (stamps & STAMP_LISTENER) most += (size_t)(put_listener(text, listener) - text);
    if (stamps & STAMP_SEQ) most += sizeof ",\"_seq\":" + JSON_NUMBER_BYTES_MAX;
    return (uint32_t)most;
}

void stamp_begin(uint32_t stamps, int64_t received_ns, const struct port_address *peer,
                 const char *peer_name, const char *listener, struct stamp_text *text) {
    char time[TIMESTAMP_TEXT_MAX];
    char *out = text->text;
    if (stamps & STAMP_RECEIVED) {
        out = put(out, ",\"_received\":\"");
        out = put(out, timestamp_format(received_ns, time));
        *out++ = '"';
    }
    if (stamps & STAMP_PEER) {
        out = put(out, ",\"_peer\":\"");
        out = quarantine_write_peer(out, peer, peer_name);
        *out++ = '"';
    }
    if (stamps & STAMP_LISTENER) out = put_listener(out, listener);
    text->number = stamps & STAMP_SEQ;
    if (text->number) out = put(out, ",\"_seq\":");
    text->size = (uint32_t)(out - text->text);
    assert(text->size + JSON_NUMBER_BYTES_MAX + 1 <= STAMP_BYTES_MAX);
}

uint8_t *stamp_add(uint8_t *out, bool empty, const struct stamp_text *text, uint64_t number) {
    out--; /* the closing brace */
    memcpy(out, text->text + empty, text->size - empty);
    out += text->size - empty;
    if (text->number) out = (uint8_t *)json_write_number((char *)out, number);
    *out++ = '}';
    return out;
}

/* ---- names ---- */

/* One or more underscores, and the name of a stamp. */
static bool names_stamp(const uint8_t *name, size_t size, uint32_t stamps) {
    const uint8_t *at = name, *const end = name + size;
    char rest[NAME_BYTES_MAX];
    uint32_t found = 0;
    uint8_t byte = '\0', count = 0;
    while (at < end && (byte = json_name_byte(&at, end)) == '_')
        count = 1;
    if (count == 0) return false;
    for (count = 0; byte != '\0' && count < NAME_BYTES_MAX; byte = json_name_byte(&at, end)) {
        rest[count++] = (char)byte;
        if (at == end) return find(rest, count, &found) && (found & stamps) != 0;
    }
    return false;
}

/* Does a name like that of a stamp occur anywhere?  Most records contain neither such a name nor an
 * escape that could hide one. */
static bool may_name_stamp(const uint8_t *record, const uint8_t *end) {
    for (const uint8_t *at = record; (at = memchr(at, '_', (size_t)(end - at))) != NULL;) {
        at++; /* ends: each round advances */
        for (uint32_t i = 0; i < STAMPS; i++) {
            const size_t size = stamps_named[i].size;
            if ((size_t)(end - at) > size && at[size] == '"' &&
                memcmp(at, stamps_named[i].name, size) == 0)
                return true;
        }
    }
    for (const uint8_t *at = record; (at = memchr(at, '\\', (size_t)(end - at))) != NULL; at++)
        if (end - at > 4 && memcmp(at, "\\u00", 4) == 0) return true;
    return false;
}

bool stamp_next_name(const uint8_t **at, const uint8_t *end, uint32_t stamps,
                     const uint8_t **name) {
    struct json_pair pair;
    while (json_next_pair(at, end, &pair)) { /* each round advances by a member */
        if (!names_stamp(pair.name, pair.name_size, stamps)) continue;
        *name = pair.name;
        return true;
    }
    return false;
}

uint32_t stamp_names(const uint8_t *record, size_t size, uint32_t stamps) {
    const uint8_t *at = record, *const end = record + size, *name;
    uint32_t count = 0;
    if (!may_name_stamp(record, end)) return 0;
    while (stamp_next_name(&at, end, stamps, &name))
        count++;
    return count;
}

bool stamp_is_name(const char *key, size_t size, uint32_t stamps) {
    uint8_t lower[32];
    if (size > sizeof lower) return false;
    for (size_t i = 0; i < size; i++)
        lower[i] = ascii_lower((uint8_t)key[i]);
    return names_stamp(lower, size, stamps);
}
