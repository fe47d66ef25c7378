/* message.c - messages to the operator, one line each. */
#include <stdatomic.h>
#include <stdio.h>

#include "port/system.h"

#define LINE_BYTES_MAX 4096

/* State of the process on purpose: standard error is the process's, and any thread may report
 * something, also one that has no port.  The owner sets these while workers run, so each is
 * atomic. */
static _Atomic(const char *) program_name = "logport";
static _Atomic bool never_wait;
static _Atomic(system_message_sink *) sink; /* NULL: standard error */
static _Atomic(void *) sink_context;        /* set before `sink` */

void system_name(const char *name) {
    atomic_store_explicit(&program_name, name, memory_order_release);
}

void system_messages_never_wait(void) {
    atomic_store_explicit(&never_wait, true, memory_order_release);
}

void system_messages_to(system_message_sink *to, void *context) {
    atomic_store_explicit(&sink_context, context, memory_order_relaxed);
    atomic_store_explicit(&sink, to, memory_order_release);
}

void say(const char *format, ...) {
    char line[LINE_BYTES_MAX];
    const char *name = atomic_load_explicit(&program_name, memory_order_acquire);
    size_t used = (size_t)snprintf(line, sizeof line, "%s: ", name);
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(line + used, sizeof line - used, format, arguments);
    va_end(arguments);
    if (length > 0) used += (size_t)length;
    if (used > sizeof line - 2) used = sizeof line - 2; /* cut, but still a line */
    line[used++] = '\n';
    system_message_sink *to = atomic_load_explicit(&sink, memory_order_acquire);
    if (to != NULL)
        to(atomic_load_explicit(&sink_context, memory_order_relaxed), line, used);
    else if (atomic_load_explicit(&never_wait, memory_order_acquire))
        stream_write_within(STREAM_ERROR, line, used, 0);
    else
        stream_write(STREAM_ERROR, line, used);
}
