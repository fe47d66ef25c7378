/* unpack.c - see unpack.h. */
#include "ingest/protocol/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/inflate.h"
#include "port/error.h"
#include "port/memory.h"

#define IN_BYTES_MIN  (128u << 10) /* two of the largest datagrams */
#define OUT_BYTES_MIN (512u << 10)
/* CR, LF and NUL after the record. */
#define END_BYTES     3

uint32_t unpack_message_max(uint32_t line_bytes_max) {
    /* Incompressible data grows by 5 bytes in 16 KiB (zlib.net/zlib_tech.html); then a header, which
     * in gzip may hold a file name. */
    const uint32_t most = line_bytes_max + line_bytes_max / 1024 + 1024;
    return most < (64u << 10) ? 64u << 10 : most;
}

static uint32_t in_bytes(uint32_t line_bytes_max) {
    const uint32_t message = unpack_message_max(line_bytes_max);
    return message > IN_BYTES_MIN ? message : IN_BYTES_MIN;
}

static uint32_t out_bytes(uint32_t line_bytes_max) {
    const uint32_t line = line_bytes_max + END_BYTES;
    return line > OUT_BYTES_MIN ? line : OUT_BYTES_MIN;
}

size_t unpack_memory(uint32_t line_bytes_max) {
    if (!inflate_library()) return 0;
    return in_bytes(line_bytes_max) + out_bytes(line_bytes_max) + INFLATE_MEMORY_BYTES +
           UNPACK_MESSAGES_MAX * sizeof(struct unpack_message);
}

int unpack_create(uint32_t line_bytes_max, struct unpack *unpack) {
    *unpack = (struct unpack){.line_bytes_max = line_bytes_max};
    if (!inflate_library()) return 0;
    unpack->in_max = in_bytes(line_bytes_max);
    unpack->out_max = out_bytes(line_bytes_max);
    unpack->in = malloc(unpack->in_max);
    unpack->out = malloc(unpack->out_max);
    unpack->messages = malloc(UNPACK_MESSAGES_MAX * sizeof(struct unpack_message));
    unpack->inflater = inflate_create();
    if (unpack->in && unpack->out && unpack->messages && unpack->inflater) return 0;
    unpack_free(unpack);
    return ERR_NO_MEMORY;
}

void unpack_free(struct unpack *unpack) {
    free(unpack->in);
    free(unpack->out);
    free(unpack->messages);
    inflate_free(unpack->inflater);
    *unpack = (struct unpack){0};
}

static bool is_gzip(const uint8_t *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

/* Method 8 (deflate), a window of at most 32 KiB, no preset dictionary, and a multiple of 31. */
static bool is_zlib(const uint8_t *bytes, size_t size) {
    return size >= 2 && (bytes[0] & 0x0F) == 8 && bytes[0] >> 4 <= 7 && (bytes[1] & 0x20) == 0 &&
           (bytes[0] << 8 | bytes[1]) % 31 == 0;
}

bool unpack_begins(const uint8_t *bytes, size_t size) {
    return (is_gzip(bytes, size) || is_zlib(bytes, size)) && inflate_library() != NULL;
}

bool unpack_add(struct unpack *unpack, const struct batch_origin *origin, const uint8_t *bytes,
                size_t size) {
    if (unpack->count == UNPACK_MESSAGES_MAX || size > unpack->in_max - unpack->in_used)
        return false;
    unpack->messages[unpack->count++] = (struct unpack_message){
        .origin = *origin, .in = unpack->in_used, .in_size = (uint32_t)size};
    memcpy(unpack->in + unpack->in_used, bytes, size);
    unpack->in_used += (uint32_t)size;
    return true;
}

/* ---- on a worker ---- */

/* Text may begin like zlib data: "x^", "XG", "HK".  Compressed data contains control characters. */
static bool is_text(const uint8_t *bytes, size_t size) {
    if (bytes[1] > '~') return false;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < ' ' && bytes[i] != '\t' && bytes[i] != '\n' && bytes[i] != '\r')
            return false;
    return true;
}

static bool is_padding(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != '\0' && bytes[i] != '\r' && bytes[i] != '\n') return false;
    return true;
}

/* Decompresses all of `io`; gzip may have several members.  INFLATE_MORE: it is cut off, or there is
 * no more room. */
static enum inflate_status expand(struct inflater *inflater, struct inflate_io *io) {
    for (;;) { /* ends: each turn consumes input or room, or returns */
        const bool gzip = is_gzip(io->in, io->in_size);
        enum inflate_status status = INFLATE_MORE;
        inflate_begin(inflater, gzip ? INFLATE_GZIP : INFLATE_ZLIB);
        for (size_t before = SIZE_MAX;
             status == INFLATE_MORE && io->in_size + io->out_room < before;) {
            before = io->in_size + io->out_room;
            status = inflate_step(inflater, io);
        }
        if (status != INFLATE_END || is_padding(io->in, io->in_size)) return status;
        if (!gzip || !is_gzip(io->in, io->in_size)) return INFLATE_DAMAGED;
    }
}

/* False: it needs more room than is left. */
static bool run_message(struct unpack *unpack, struct unpack_message *message) {
    const uint64_t by_ratio = (uint64_t)message->in_size * EXPAND_RATIO_MAX;
    const uint64_t most = by_ratio > EXPAND_FREE_BYTES ? by_ratio : EXPAND_FREE_BYTES;
    const uint32_t line = unpack->line_bytes_max + END_BYTES;
    const uint32_t limit = most < line ? (uint32_t)most : line;
    const uint32_t left = unpack->out_max - unpack->out_used;
    const uint32_t room = left < limit ? left : limit;
    struct inflate_io io = {unpack->in + message->in, message->in_size,
                            unpack->out + unpack->out_used, room};
    const enum inflate_status status = expand(unpack->inflater, &io);
    if (status == INFLATE_MORE && io.out_room == 0 && room < limit) return false;
    message->out = unpack->out_used;
    message->out_size = room - (uint32_t)io.out_room;
    if (status == INFLATE_MORE && io.out_room == 0)
        message->reason = limit == line ? REJECT_OVERSIZED : REJECT_EXPANSION;
    else if (status != INFLATE_END) {
        message->is_text = is_text(unpack->in + message->in, message->in_size);
        message->reason = REJECT_INFLATE;
    }
    const uint8_t *text = unpack->out + message->out;
    while (message->out_size > 0 && is_padding(text + message->out_size - 1, 1))
        message->out_size--;
    if (message->reason == 0 && message->out_size > unpack->line_bytes_max)
        message->reason = REJECT_OVERSIZED;
    unpack->out_used += message->out_size;
    return true;
}

void unpack_run(struct unpack *unpack) {
    while (unpack->run < unpack->count && run_message(unpack, &unpack->messages[unpack->run]))
        unpack->run++;
}

/* ---- giving ---- */

static bool give(struct unpack *unpack, const struct unpack_message *message,
                 const struct protocol *protocol, const struct sink *sink) {
    const uint8_t *in = unpack->in + message->in, *out = unpack->out + message->out;
    if (message->is_text)
        return protocol_take_datagram(protocol, &unpack->session, &unpack->taken, sink, in,
                                      message->in_size);
    if (message->reason == REJECT_INFLATE) /* what was sent shows more than what came of it */
        return sink_reject(sink, in, message->in_size, message->reason, message->in_size);
    if (message->reason)
        return sink_reject(sink, out, message->out_size, message->reason, message->out_size);
    return protocol_take_datagram(protocol, &unpack->session, &unpack->taken, sink, out,
                                  message->out_size);
}

bool unpack_give(struct unpack *unpack, const struct protocol *protocol, const struct sink *sink) {
    struct sink from = *sink;
    for (; unpack->given < unpack->run; unpack->given++) {
        const struct unpack_message *message = &unpack->messages[unpack->given];
        from.origin = &message->origin;
        if (!give(unpack, message, protocol, &from)) return false;
        unpack->session.refused = 0;
    }
    unpack->out_used = 0;
    if (unpack->given == unpack->count)
        unpack->count = unpack->run = unpack->given = unpack->in_used = 0;
    return true;
}
