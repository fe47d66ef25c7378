/* output.h - buffered standard output, and the progress line.  Errors are sticky: after one,
 * nothing more is written and output_failed returns true, so a command checks once per piece
 * instead of after every call. */
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
    int status;         /* 0, or the ERR_ of the first failed write */
    bool terminal;      /* escape control characters in records */
    bool color;         /* a terminal, and NO_COLOR is not set */
    bool paged;         /* the terminal belongs to a pager, which shows progress itself */
    bool progress;      /* the progress line is visible; it is cleared before anything is printed */
    int64_t printed_ns; /* time of the last print to a terminal; monotonic; 0: none */
    bool memory;        /* for tests: all output stays in bytes[0..used) */
};

void output_open(struct output *out);
void output_open_memory(struct output *out);
void output_close(struct output *out); /* without flushing */

/* Writes the bytes unchanged. */
void output_bytes(struct output *out, const void *bytes, size_t size);
void output_text(struct output *out, const char *text);
void output_format(struct output *out, const char *format, ...) FORMATS(2, 3);
/* Writes untrusted bytes: unchanged, but to a terminal with all control characters except tab and
 * newline as escapes (visible.h). */
void output_records(struct output *out, const void *bytes, size_t size);
/* Writes untrusted text within a line of ours: control characters are always escaped. */
void output_visible(struct output *out, const char *text);
void output_visible_bytes(struct output *out, const void *bytes, size_t size);
void output_flush(struct output *out);
bool output_failed(const struct output *out);
/* Flushes.  Returns `code`, or prints an error and returns 2; a closed pipe is not an error. */
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

/* Shows the line after one second, and only while no records are printed to a terminal.  `out` must
 * outlive it.  Nothing needs to be closed. */
void progress_line_open(struct progress_line *line, struct output *out);

#endif
