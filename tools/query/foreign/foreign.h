/* foreign.h - reads files that logportd has not written: text, and text compressed by gzip, zstd or
 * lz4, recognized by their content.  Returns blocks of whole lines in bounded memory.  What cannot
 * be read is reported on stderr; everything before it is returned.  Blocking; one thread at a time.
 *
 * A byte order mark at the beginning is left out, and a newline after the last line is added.  Lines
 * longer than FOREIGN_LINE_MAX are cut, which is reported. */
#ifndef TOOLS_QUERY_FOREIGN_FOREIGN_H
#define TOOLS_QUERY_FOREIGN_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"
#include "tools/query/progress.h"
#include "writer/segment/segment_list.h"

#define FOREIGN_LINE_MAX (16u << 20)
/* The path of standard input. */
#define FOREIGN_INPUT    "-"

struct foreign;

enum foreign_opened {
    FOREIGN_SEGMENT, /* a segment: use segment_reader.h; nothing is open */
    FOREIGN_OPEN,
    FOREIGN_FAILED, /* a message was printed; nothing is open */
};
/* A file with a segment's name is a segment, whatever it contains; a pipe (file->pipe) never is one,
 * and is waited for.  Standard input that was not named by the user (file->named) must not be
 * empty. */
enum foreign_opened foreign_open(struct files *files, const struct segment_file *file,
                                 struct progress *progress, struct foreign **foreign);
/* True: *lines is valid until the next call.  False: there are no more now; a later call looks
 * whether a file of text has grown. */
bool foreign_next(struct foreign *foreign, const uint8_t **lines, size_t *size);
/* Something could not be read; a message was printed. */
bool foreign_failed(const struct foreign *foreign);
/* Bytes of the file that are read; for progress. */
uint64_t foreign_position(const struct foreign *foreign);
/* From now on, what follows the last newline is returned only when its newline arrives. */
void foreign_follow(struct foreign *foreign);
/* The end of the file's lines, although what follows the last newline may have none. */
void foreign_end(struct foreign *foreign);
/* While it is followed: what was read is not in the file any more, because another program has
 * shortened and perhaps filled it again.  Nothing is read any more then. */
bool foreign_is_rewritten(const struct foreign *foreign);
void foreign_close(struct foreign *foreign); /* NULL: does nothing */

#endif
