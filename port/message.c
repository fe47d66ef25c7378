/* message.c - what a program says to its operator, a line at a time. */
#include <stdio.h>

#include "port/system.h"

#define LINE_BYTES_MAX 4096

static const char *program_name = "logport";
static bool never_wait;
static system_hear *heard_by;
static void *heard_context;

void system_name(const char *name) {
    program_name = name;
}

void system_messages_never_wait(void) {
    never_wait = true;
}

void system_messages_to(system_hear *hear, void *context) {
    heard_by = hear;
    heard_context = context;
}

void say(const char *format, ...) {
    char line[LINE_BYTES_MAX];
    size_t used = (size_t)snprintf(line, sizeof line, "%s: ", program_name);
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(line + used, sizeof line - used, format, arguments);
    va_end(arguments);
    if (length > 0) used += (size_t)length;
    if (used > sizeof line - 2) used = sizeof line - 2; /* cut, but still a line */
    line[used++] = '\n';
    if (heard_by != NULL)
        heard_by(heard_context, line, used);
    else if (never_wait)
        stream_write_within(STREAM_ERROR, line, used, 0);
    else
        stream_write(STREAM_ERROR, line, used);
}
