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
static _Atomic bool with_severity;
static _Atomic uint64_t dropped;            /* messages that standard error did not take */
static _Atomic(system_message_sink *) sink; /* NULL: standard error */
static _Atomic(void *) sink_context;        /* set before `sink` */

void system_name(const char *name) {
    atomic_store_explicit(&program_name, name, memory_order_release);
}

void system_messages_never_wait(void) {
    atomic_store_explicit(&never_wait, true, memory_order_release);
}

void system_messages_with_severity(void) {
    atomic_store_explicit(&with_severity, true, memory_order_release);
}

void system_messages_to(system_message_sink *to, void *context) {
    atomic_store_explicit(&sink_context, context, memory_order_relaxed);
    atomic_store_explicit(&sink, to, memory_order_release);
}

/* "<4>", or nothing. */
static size_t put_severity(char text[4], enum message_severity severity) {
    if (!atomic_load_explicit(&with_severity, memory_order_acquire)) return 0;
    memcpy(text, "<0>", 3);
    text[1] = (char)('0' + severity);
    return 3;
}

/* Counts what is lost, and says so with the next message that is not: in one write, so that a
 * short notice does not take the room of a message. */
static void try_to_write(const char *name, const char *line, size_t size) {
    char text[LINE_BYTES_MAX];
    const uint64_t lost = atomic_exchange_explicit(&dropped, 0, memory_order_relaxed);
    if (lost > 0) {
        size_t used = put_severity(text, MESSAGE_WARNING);
        used +=
            (size_t)snprintf(text + used, sizeof text - used,
                             "%.100s: %llu message%s not printed: standard error was not read\n",
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

FORMATS(2, 0)
static void say_as(enum message_severity severity, const char *format, va_list arguments) {
    char line[LINE_BYTES_MAX];
    const char *name = atomic_load_explicit(&program_name, memory_order_acquire);
    const size_t head = put_severity(line, severity);
    size_t used = head + (size_t)snprintf(line + head, sizeof line - head, "%s: ", name);
    const int length = vsnprintf(line + used, sizeof line - used, format, arguments);
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

void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_as(MESSAGE_WARNING, format, arguments);
    va_end(arguments);
}

void say_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_as(MESSAGE_ERROR, format, arguments);
    va_end(arguments);
}

void say_info(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_as(MESSAGE_INFO, format, arguments);
    va_end(arguments);
}
