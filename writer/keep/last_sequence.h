/* last_sequence.h - the sequences after which streams continue at a start.
 *
 * A sequence is never used twice: positions would be ambiguous, and retention would take a new
 * segment's age from the manifest's line about the old one.  <dir>/state/<stream>.sequence holds
 * the last one.  A start does not rely on it, because it may be an old copy: the names in the stream's
 * folder (recover.h) and in the archives and all lines of the manifest count too.  If the file does
 * not hold the highest, it is written again. */
#ifndef WRITER_KEEP_LAST_SEQUENCE_H
#define WRITER_KEEP_LAST_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/keep/manifest.h"
#include "writer/live/recover.h"

struct last_sequence_stream {
    const char *name;
    struct recovery recovery;
    uint64_t last; /* the result; 0: none was ever used */
};

struct last_sequence_search {
    struct files *files;
    const char *directory;
    struct manifest *manifest; /* NULL: it could not be opened for writing */
    bool stay_here;            /* these streams are never archived */
    /* Archives of the configuration; those that the directory remembers are searched too.  One that
     * is not `answering` is left out. */
    const char *const *archives;
    const bool *answering;
    uint32_t archive_count;
    /* As system_run_within (system.h). */
    bool (*run_within)(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms);
};

/* Fills in `last` of each stream.  Blocking, on the log directory; an archive that does not answer
 * within 2 s is left out, and reported.  What fails is reported, and the search continues. */
void last_sequence_find(const struct last_sequence_search *search,
                        struct last_sequence_stream *streams, uint32_t count);

#endif
