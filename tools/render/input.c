/* input.c - see input.h. */
#include "tools/render/input.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/render/output.h"

#define CHUNK_BYTES (256u << 10)

int input_open(struct files *files, const char *path, struct input *input) {
    memset(input, 0, sizeof *input);
    input->standard = strcmp(path, "-") == 0;
    input->name = input->standard ? "stdin" : path;
    return input->standard ? 0 : file_open(files, path, FILE_READ_ANY, &input->file);
}

void input_close(struct input *input) {
    if (!input->standard) file_close(&input->file);
}

int64_t input_read(struct input *input, void *bytes, size_t size) {
    if (input->standard) return stream_read(STREAM_INPUT, bytes, size);
    if (input->pipe) return file_read_next(&input->file, bytes, size);
    const int64_t got = file_read_at(&input->file, bytes, size, input->offset);
    if (got == ERR_NOT_SEEKABLE) {
        input->pipe = true;
        return file_read_next(&input->file, bytes, size);
    }
    if (got > 0) input->offset += (uint64_t)got;
    return got;
}

struct line_splitter {
    uint8_t *bytes; /* [0, used), with room for the longest line and a chunk */
    size_t used;
    size_t size_max;
    uint64_t number;
    bool oversized; /* the rest of an oversized line is being skipped */
    input_visit *visit;
    void *context;
};

static bool deliver_line(struct line_splitter *lines, const uint8_t *bytes, size_t size,
                         bool ended) {
    if (ended && size > 0 && bytes[size - 1] == '\r') size--;
    const bool oversized = size > lines->size_max;
    const struct input_line line = {bytes, oversized ? lines->size_max : size, ++lines->number,
                                    oversized};
    return lines->visit(lines->context, &line);
}

/* Delivers the whole lines and moves the rest to the front. */
static bool cut_lines(struct line_splitter *lines) {
    uint8_t *p = lines->bytes, *const end = lines->bytes + lines->used;
    for (uint8_t *newline; (newline = memchr(p, '\n', (size_t)(end - p))) != NULL;
         p = newline + 1) {
        const bool rest = lines->oversized;
        lines->oversized = false;
        if (!rest && !deliver_line(lines, p, (size_t)(newline - p), true)) return false;
    }
    lines->used = (size_t)(end - p);
    memmove(lines->bytes, p, lines->used);
    if (lines->oversized) lines->used = 0;
    /* It may be too long only by its CR. */
    if (lines->used > lines->size_max + 1) {
        lines->oversized = true;
        const size_t size = lines->used;
        lines->used = 0;
        return deliver_line(lines, lines->bytes, size, false);
    }
    return true;
}

int input_lines(struct input *input, size_t size_max, input_visit *visit, void *context) {
    struct line_splitter lines = {NULL, 0, size_max, 0, false, visit, context};
    const size_t room = size_max + 1 + CHUNK_BYTES;
    int64_t got;
    lines.bytes = calloc(1, room + 1 + INPUT_PADDING); /* untouched pages use no memory */
    if (lines.bytes == NULL) return ERR_NO_MEMORY;
    bool more = true;
    while (more && (got = input_read(input, lines.bytes + lines.used, CHUNK_BYTES)) > 0) {
        lines.used += (size_t)got;
        more = cut_lines(&lines);
    }
    if (more && got == 0 && lines.used > 0) {
        lines.bytes[lines.used++] = '\n';
        cut_lines(&lines);
    }
    free(lines.bytes);
    return more && got < 0 ? (int)got : 0;
}
