/* input.h - reads a file or standard input in chunks or line by line, for commands whose input is
 * not a segment.  A file may be a pipe: <(command). */
#ifndef TOOLS_RENDER_INPUT_H
#define TOOLS_RENDER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"

/* Bytes that are readable after the newline of every line; their values are unspecified. */
#define INPUT_PADDING 64

struct input {
    const char *name; /* for messages: the path, or "stdin" */
    struct file file;
    bool standard, pipe;
    uint64_t offset;
};

/* "-": standard input. 0 or an ERR_. */
int input_open(struct files *files, const char *path, struct input *input);
void input_close(struct input *input);
/* Number of bytes, 0 at the end, or an ERR_. */
int64_t input_read(struct input *input, void *bytes, size_t size);

struct input_line {
    const uint8_t *bytes;
    size_t size;     /* without the newline and a CR before it; a newline follows in memory */
    uint64_t number; /* from 1 */
    bool oversized;  /* longer than size_max: bytes holds its start, and no newline follows */
};
/* Return false to stop. */
typedef bool input_visit(void *context, const struct input_line *line);
/* Splits the input at newlines; bytes after the last newline are a line too.  Returns 0, also when
 * stopped, or an ERR_. */
int input_lines(struct input *input, size_t size_max, input_visit *visit, void *context);

#endif
