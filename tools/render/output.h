/* output.h - standard output in large pieces, and the progress line.
 * A failure stays: after it nothing more is written, and output_failed says so,
 * so that a command looks once a piece, not after every call. */
#ifndef TOOLS_RENDER_OUTPUT_H
#define TOOLS_RENDER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/format.h"
#include "tools/query/progress.h"

struct output {
    uint8_t *bytes;
    size_t used, room;
    int status;         /* 0, or why no more can be written */
    bool terminal;      /* control characters in records are shown, not obeyed */
    bool color;         /* a terminal, and NO_COLOR is not set */
    bool paged;         /* the terminal is a pager's, who shows how far it is */
    bool progress;      /* its line stands on the terminal: taken away before anything is printed */
    int64_t printed_ns; /* when something was, last; monotonic; 0: nothing yet */
    bool memory;        /* for tests: everything stays in bytes[0..used) */
};

void output_open(struct output *out);
void output_open_memory(struct output *out);
void output_close(struct output *out); /* without flushing */

/* These bytes, whatever they are. */
void output_bytes(struct output *out, const void *bytes, size_t size);
void output_text(struct output *out, const char *text);
void output_format(struct output *out, const char *format, ...) FORMATS(2, 3);
/* Bytes that others made: as they are, but for a terminal, which gets what it would
 * obey, other than tab and newline, as escapes (visible.h). */
void output_records(struct output *out, const void *bytes, size_t size);
/* Text of others within a line of ours: control characters are always shown as escapes. */
void output_visible(struct output *out, const char *text);
void output_flush(struct output *out);
bool output_failed(const struct output *out);
/* Flushes.  Returns `code`, or says what went wrong and returns 2; a closed
 * pipe is nothing wrong. */
int output_finish(struct output *out, int code);

/* ---- how far a long scan is: one line on stderr, if that is a terminal ---- */

struct progress_line {
    struct progress progress; /* first: this is what scans see */
    struct output *out;
    bool wanted;
    bool mixed; /* records are printed to a terminal during the scan */
    int64_t next_ns;
    uint64_t total;
};

/* The line appears after one second, and not while printed records show by themselves that the
 * scan advances.  `out` must outlive it.  Nothing needs to be closed. */
void progress_line_open(struct progress_line *line, struct output *out);

#endif
