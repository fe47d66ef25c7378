/* message.c - messages to the operator, one line each. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "port/system.h"

#define LINE_BYTES_MAX 4096

/* State of the process on purpose: standard error is the process's, and any thread may report
 * something, also one that has no port.  The owner sets these while workers run, so each is
 * atomic. */
static _Atomic(const char *) program_name = "logport";
static _Atomic bool never_wait;
static _Atomic uint64_t dropped;            /* messages that standard error did not take */
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

/* Counts what is lost, and says so with the next message that is not: in one write, so that a
 * short notice does not take the room of a message. */
static void try_to_write(const char *name, const char *line, size_t size) {
    char text[LINE_BYTES_MAX];
    const uint64_t lost = atomic_exchange_explicit(&dropped, 0, memory_order_relaxed);
    if (lost > 0) {
        size_t used = (size_t)snprintf(
            text, sizeof text, "%.100s: %llu message%s not printed: standard error was not read\n",
            name, (unsigned long long)lost, lost == 1 ? " was" : "s were");
        const size_t room = sizeof text - used;
        memcpy(text + used, line, size < room ? size : room);
        used += size < room ? size : room;
        text[used - 1] = '\n';
        line = text;
        size = used;
    }
    if (stream_write_within(STREAM_ERROR, line, size, 0) != 0)
        atomic_fetch_add_explicit(&dropped, lost + 1, memory_order_relaxed);
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
        try_to_write(name, line, used);
    else
        stream_write(STREAM_ERROR, line, used);
}
