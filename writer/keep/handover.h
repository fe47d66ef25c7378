/* handover.h - hands a stream's closed segments to a command, one after the other, of those
 * that are ready the oldest first.
 *
 * The command is a program and its arguments, run without a shell.  It has taken a segment when it
 * ends with 0; the manifest records that at once, and only then may the segment be deleted here.
 * Anything else is a failure: it is reported and counted, and the same segment is tried again after
 * a minute, and each time after twice as long, up to an hour.  A crash between its end and the
 * manifest's line runs it again for that segment: the command must allow for that.
 *
 * Looking, starting and recording run in the lane of the archive, or in that of commands
 * (archive_lanes.h); while the command runs nothing waits for it.  Every call: the port's owner. */
#ifndef WRITER_KEEP_HANDOVER_H
#define WRITER_KEEP_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"

struct archive_lanes;
struct manifest;
struct handover;

struct handover_rules {
    /* The program and its arguments, in which {path}, {stream}, {name} and {sequence} are
     * replaced; count 0: there is none. */
    const char *const *words;
    uint32_t count;
    uint64_t limit_s; /* after which it is ended, which is a failure */
    bool deletes;     /* what it has taken */
};

struct handover_options {
    struct port *port;
    struct archive_lanes *lanes;
    struct manifest *manifest;
    const char *stream;
    const char *directory; /* the log directory */
};

struct handover_counts {
    uint64_t segments, failures;
};

/* Is this a word of a command?  False: it names something in braces that is not replaced. */
bool handover_word_valid(const char *word);

/* The strings must outlive it. */
int handover_open(const struct handover_options *options, struct handover **handover);
/* From the next segment on; the words are copied.  archive_dir: where its segments are taken from,
 * copied too; NULL: from the log directory.  If it changes, work that is under way in the archive
 * before is not waited for.  ERR_NO_MEMORY: the rules stay. */
int handover_set_rules(struct handover *handover, const struct handover_rules *rules,
                       const char *archive_dir);
/* There may be something to do.  up_to: of what lies in the log directory, segments up to this one
 * are ready. */
void handover_look(struct handover *handover, uint64_t up_to);
/* Nothing new is begun; a command that runs is asked to end, or ended now. May be called again. */
void handover_stop(struct handover *handover, bool now);
bool handover_busy(const struct handover *handover);
struct handover_counts handover_counts(const struct handover *handover);
void handover_free(struct handover *handover); /* not busy */

#endif
