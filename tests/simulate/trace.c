/* trace.c - see trace.h. */
#include "tests/simulate/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES      400
#define LINE_BYTES 240

/* Of the run at hand. */
static struct {
    char lines[LINES][LINE_BYTES];
    uint64_t count, hash;
    bool aloud;
} trace;

static uint64_t times[REACHED_COUNT];

void trace_begin(bool aloud) {
    trace.count = 0;
    trace.hash = 0xCBF29CE484222325u;
    trace.aloud = aloud;
}

void trace_line(int64_t now_ns, const char *format, ...) {
    char *line = trace.lines[trace.count++ % LINES];
    const int used =
        snprintf(line, LINE_BYTES, "%13.6f ", (double)(now_ns % 1000000000000000) / 1e9);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, LINE_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    for (const char *p = line; *p != '\0'; p++) /* FNV-1a */
        trace.hash = (trace.hash ^ (uint8_t)*p) * 0x100000001B3u;
    if (trace.aloud) fprintf(stderr, "%s\n", line);
}

uint64_t trace_hash(void) {
    return trace.hash;
}

void trace_print(void) {
    if (trace.aloud) return;
    const uint64_t from = trace.count > LINES ? trace.count - LINES : 0;
    for (uint64_t i = from; i < trace.count; i++)
        fprintf(stderr, "%s\n", trace.lines[i % LINES]);
}

void violation(const char *format, ...) {
    va_list arguments;
    trace_print();
    fputs("VIOLATION: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void reached(enum reached what) {
    times[what]++;
}

uint64_t reached_times(enum reached what) {
    return times[what];
}

const char *reached_text(enum reached what) {
    static const char *const texts[] = {
#define X(name, text) text,
        REACHED_TABLE(X)
#undef X
    };
    return texts[what];
}
