/* output_queue.h - standard error for a program that must not wait: a thread of its own writes what is
 * queued, so that a pipe that is not read, or a selection in the console, stops that thread only. */
#ifndef PORT_WINDOWS_OUTPUT_QUEUE_H
#define PORT_WINDOWS_OUTPUT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The queue goes to `write` from now on, which returns 0 or an ERR_: for a service, which has no
 * standard error.  Before anything is queued. */
typedef int output_write(const uint8_t *bytes, size_t size);
void output_queue_to(output_write *write);

/* True: something has been queued, so everything must be, to stay in order. */
bool output_queue_is_used(void);

/* Queues all of it or nothing.  0 once it is written, or queued if timeout_ms is 0; ERR_TIMED_OUT: no
 * room, or not written so soon; or the error of an earlier write.  Any thread. */
int output_queue_write(const void *bytes, size_t size, uint32_t timeout_ms);

/* Before the process ends: waits until all is written, at most for this long. */
void output_queue_flush(uint32_t timeout_ms);

#endif
