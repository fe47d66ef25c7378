/* output.c - see output.h. */
#include "tools/render/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/render/visible.h"

#define OUTPUT_ROOM       (128u << 10)
#define PROGRESS_AFTER_NS 1000000000
#define PROGRESS_EVERY_NS 100000000

void output_open(struct output *out) {
    const char *no_color = system_environment("NO_COLOR"), *kind = system_environment("TERM");
    const bool dumb = kind != NULL && strcmp(kind, "dumb") == 0;
    memset(out, 0, sizeof *out);
    out->room = OUTPUT_ROOM;
    out->bytes = allocate(out->room);
    out->terminal = stream_is_terminal(STREAM_OUTPUT);
    out->color = out->terminal && !dumb && (no_color == NULL || *no_color == '\0');
}

void output_open_memory(struct output *out) {
    memset(out, 0, sizeof *out);
    out->room = OUTPUT_ROOM;
    out->bytes = allocate(out->room);
    out->memory = true;
}

void output_close(struct output *out) {
    free(out->bytes);
    memset(out, 0, sizeof *out);
}

static void clear_progress(struct output *out) {
    static const char blank[] = "\r                                \r";
    if (out->progress) stream_write(STREAM_ERROR, blank, sizeof blank - 1);
    out->progress = false;
}

void output_flush(struct output *out) {
    if (out->memory) return;
    if (out->used > 0 && out->status == 0) {
        clear_progress(out);
        out->status = stream_write(STREAM_OUTPUT, out->bytes, out->used);
        if (out->terminal) out->printed_ns = system_now_ns();
    }
    out->used = 0;
}

static void make_room(struct output *out, size_t size) {
    if (!out->memory) {
        output_flush(out);
        return;
    }
    while (out->room - out->used < size)
        out->room *= 2;
    out->bytes = reallocate(out->bytes, out->room);
}

void output_bytes(struct output *out, const void *bytes, size_t size) {
    if (size == 0) return;
    if (out->room - out->used < size) make_room(out, size);
    if (out->room - out->used < size) {
        /* Larger than the buffer, which is empty now. */
        clear_progress(out);
        if (out->status == 0) out->status = stream_write(STREAM_OUTPUT, bytes, size);
        return;
    }
    memcpy(out->bytes + out->used, bytes, size);
    out->used += size;
}

void output_text(struct output *out, const char *text) {
    output_bytes(out, text, strlen(text));
}

void output_format(struct output *out, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size < 0) return;
    if ((size_t)size < sizeof text) {
        output_bytes(out, text, (size_t)size);
        return;
    }
    char *longer = allocate((size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(longer, (size_t)size + 1, format, arguments);
    va_end(arguments);
    output_bytes(out, longer, (size_t)size);
    free(longer);
}

/* lines: newlines and tabs are not escaped. */
static void write_visible(struct output *out, const uint8_t *p, size_t size, bool lines) {
    const uint8_t *const end = p + size, *plain = p;
    char shown[VISIBLE_BYTES_MAX];
    while ((p = visible_next(p, end)) < end) {
        const bool stays = lines && (*p == '\n' || *p == '\t');
        const size_t control = stays ? 0 : visible_escape(p, end, shown);
        if (control == 0) {
            p += utf8_character(p, end);
            continue;
        }
        output_bytes(out, plain, (size_t)(p - plain));
        output_text(out, shown);
        p += control;
        plain = p;
    }
    output_bytes(out, plain, (size_t)(end - plain));
}

void output_records(struct output *out, const void *bytes, size_t size) {
    if (out->terminal)
        write_visible(out, bytes, size, true);
    else
        output_bytes(out, bytes, size);
}

void output_visible(struct output *out, const char *text) {
    output_visible_bytes(out, text, strlen(text));
}

void output_visible_bytes(struct output *out, const void *bytes, size_t size) {
    write_visible(out, bytes, size, false);
}

bool output_failed(const struct output *out) {
    return out->status != 0;
}

int output_finish(struct output *out, int code) {
    output_flush(out);
    if (out->paged) system_pager_end();
    if (out->status == 0 || out->status == ERR_CLOSED) return code;
    say("standard output: %s", error_text(out->status));
    return 2;
}

/* ---- progress ---- */

static struct progress_line *line_of(struct progress *progress) {
    return (struct progress_line *)(void *)progress;
}

static void line_begin(struct progress *progress, bool results_at_end, uint64_t total) {
    struct progress_line *line = line_of(progress);
    const struct output *out = line->out;
    line->total = total;
    line->mixed = out->terminal && !results_at_end;
    line->wanted = !out->memory && !out->paged && total > 0 && stream_is_terminal(STREAM_ERROR);
    if (line->wanted) line->next_ns = system_now_ns() + PROGRESS_AFTER_NS;
}

static void line_step(struct progress *progress, uint64_t done) {
    struct progress_line *line = line_of(progress);
    char text[120];
    if (!line->wanted) return;
    const int64_t now_ns = system_now_ns();
    if (now_ns < line->next_ns) return;
    line->next_ns = now_ns + PROGRESS_EVERY_NS;
    if (line->mixed && now_ns - line->out->printed_ns < PROGRESS_AFTER_NS) return;
    line->out->progress = true;
    if (done > line->total) done = line->total;
    const int size = snprintf(text, sizeof text, "\r%3u %% of %.1f MiB \r",
                              (unsigned)((double)done * 100 / (double)line->total),
                              (double)line->total / 1048576);
    stream_write(STREAM_ERROR, text, (size_t)size);
}

static void line_clear(struct progress *progress) {
    clear_progress(line_of(progress)->out);
}

void progress_line_open(struct progress_line *line, struct output *out) {
    *line = (struct progress_line){
        .progress = {.begin = line_begin, .step = line_step, .clear = line_clear}, .out = out};
}
