/* framing.c - see framing.h. */
#include "tools/load/framing.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_HEADER_BYTES 12 /* 1E 0F, the message's ID, the chunk's number, their count */

static const char *const names[FRAMINGS] = {"newline",        "nul",          "json-seq",
                                            "octet-counting", "concatenated", "gelf-chunks"};

enum framing framing_find(const char *name) {
    enum framing framing = FRAMING_NEWLINE;
    while (framing < FRAMINGS && strcmp(name, names[framing]) != 0)
        framing++;
    return framing;
}

/* What is sent before each line, and how many of the line's bytes: its newline may be left out. */
static size_t before(enum framing framing, size_t line_bytes, char text[32]) {
    if (framing == FRAMING_SEQUENCE) return (size_t)snprintf(text, 32, "\x1E");
    if (framing == FRAMING_OCTETS) return (size_t)snprintf(text, 32, "%zu ", line_bytes - 1);
    return 0;
}

static bool ends_in_newline(enum framing framing) {
    return framing != FRAMING_OCTETS && framing != FRAMING_CONCATENATED;
}

size_t framing_record_bytes(enum framing framing, size_t line_bytes) {
    char text[32];
    if (framing == FRAMING_CHUNKS) return line_bytes + FRAMING_CHUNKED * CHUNK_HEADER_BYTES;
    return before(framing, line_bytes, text) + line_bytes - !ends_in_newline(framing);
}

size_t framing_datagram_bytes(enum framing framing, size_t line_bytes) {
    const size_t record = framing_record_bytes(framing, line_bytes);
    return framing == FRAMING_CHUNKS ? record / FRAMING_CHUNKED : record;
}

static uint8_t *chunks_write(const uint8_t *line, size_t line_bytes, uint32_t connection,
                             uint64_t seq, uint8_t *to) {
    const size_t size = line_bytes / FRAMING_CHUNKED;
    for (uint8_t chunk = 0; chunk < FRAMING_CHUNKED; chunk++) {
        memcpy(to, "\x1E\x0F", 2);
        for (int i = 0; i < 2; i++)
            to[2 + i] = (uint8_t)(connection >> 8 * i);
        for (int i = 0; i < 6; i++)
            to[4 + i] = (uint8_t)(seq >> 8 * i);
        to[10] = chunk;
        to[11] = FRAMING_CHUNKED;
        memcpy(to + CHUNK_HEADER_BYTES, line + chunk * size, size);
        to += CHUNK_HEADER_BYTES + size;
    }
    return to;
}

void framing_write(enum framing framing, const uint8_t *bytes, uint32_t lines, size_t line_bytes,
                   uint32_t connection, uint64_t seq, uint8_t *to) {
    char text[32];
    const size_t head = before(framing, line_bytes, text);
    const size_t part = line_bytes - !ends_in_newline(framing);
    for (uint32_t i = 0; i < lines; i++, bytes += line_bytes) {
        if (framing == FRAMING_CHUNKS) {
            to = chunks_write(bytes, line_bytes, connection, seq + i, to);
            continue;
        }
        memcpy(to, text, head);
        memcpy(to + head, bytes, part);
        to += head + part;
        if (framing == FRAMING_NUL) to[-1] = '\0';
    }
}
