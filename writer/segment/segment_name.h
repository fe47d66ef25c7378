/* segment_name.h - what a segment's file name says, and back:
 * <stream>-<sequence, 10 digits>-<YYYYMMDDTHHMMSSZ>[.part].ndjson.lz4 */
#ifndef WRITER_SEGMENT_SEGMENT_NAME_H
#define WRITER_SEGMENT_SEGMENT_NAME_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_NAME_MAX        64
#define SEGMENT_NAME_MAX       (STREAM_NAME_MAX + 48)
#define SEGMENT_SEQUENCE_MAX   9999999999u
/* A stream does not continue after a higher sequence: it is not its own (no stream gets there), and
 * soon no sequence would be left. */
#define SEQUENCE_CONTINUED_MAX (SEGMENT_SEQUENCE_MAX - 1000000000u)

struct segment_name {
    char stream[STREAM_NAME_MAX + 1];
    uint64_t sequence;
    int64_t opened_ns; /* whole seconds */
    bool part;
};

/* Returns `text` (SEGMENT_NAME_MAX bytes).  The stream must be valid, the sequence at
 * most SEGMENT_SEQUENCE_MAX. */
const char *segment_name_format(const struct segment_name *name, char *text);
/* A file's name without its folder.  False: not a segment's. */
bool segment_name_parse(const char *text, struct segment_name *name);
/* The same but for the case of letters: one folder, on some systems. */
bool stream_names_alike(const char *a, const char *b);
/* Letters, digits, '_', '.' and '-', not first a '.' or '-', not last a '.', not a name
 * that Windows reserves, nor what the daemon keeps in its directory itself (`state`,
 * `logportd.run`), at most STREAM_NAME_MAX bytes. */
bool stream_name_valid(const char *text);

#endif
