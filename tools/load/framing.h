/* framing.h - how logport-load separates the lines that it sends.
 *
 * Each line of a block becomes a record of the same size, so that places in what is sent say how
 * many lines that is. */
#ifndef TOOLS_LOAD_FRAMING_H
#define TOOLS_LOAD_FRAMING_H

#include <stddef.h>
#include <stdint.h>

enum framing {
    FRAMING_NEWLINE,
    FRAMING_NUL,
    FRAMING_SEQUENCE,
    FRAMING_OCTETS,
    FRAMING_CONCATENATED,
    FRAMING_CHUNKS, /* UDP: each line in chunks of GELF */
    FRAMINGS
};
#define FRAMING_NAMES   "newline, nul, json-seq, octet-counting, concatenated or gelf-chunks"
#define FRAMING_CHUNKED 2 /* chunks of a line */

/* By its name; FRAMINGS: there is none. */
enum framing framing_find(const char *name);

/* Bytes on the wire for a line of line_bytes, which includes its newline. */
size_t framing_record_bytes(enum framing framing, size_t line_bytes);
/* Bytes of a datagram: a record, or a chunk of it. */
size_t framing_datagram_bytes(enum framing framing, size_t line_bytes);

/* Writes the records of these lines, of which the first is number `seq` of its connection. */
void framing_write(enum framing framing, const uint8_t *bytes, uint32_t lines, size_t line_bytes,
                   uint32_t connection, uint64_t seq, uint8_t *to);

#endif
