/* input.h - reads a file or standard input, whole pieces or line by line: for
 * the commands that take what is no segment.  A file may be a pipe: <(command). */
#ifndef TOOLS_RENDER_INPUT_H
#define TOOLS_RENDER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"

/* Readable behind the newline of every line, whatever it holds. */
#define INPUT_PADDING 64

struct input {
    const char *name; /* for messages: the path, or "stdin" */
    struct file file;
    bool standard, pipe;
    uint64_t offset;
};

/* "-": standard input. */
int input_open(struct files *files, const char *path, struct input *input);
void input_close(struct input *input);
/* Bytes, 0 at the end, or an ERR_. */
int64_t input_read(struct input *input, void *bytes, size_t size);

struct input_line {
    const uint8_t *bytes;
    size_t size;     /* without the newline and a CR before it; a newline follows in memory */
    uint64_t number; /* from 1 */
    bool oversized;  /* longer than size_max: bytes are its first size_max, no newline follows */
};
/* Return false to stop. */
typedef bool input_visit(void *context, const struct input_line *line);
/* Cuts at newlines; bytes behind the last one are a line.  Returns 0, also when stopped,
 * or an ERR_. */
int input_lines(struct input *input, size_t size_max, input_visit *visit, void *context);

#endif
