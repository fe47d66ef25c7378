/* threads.h - how this folder starts its threads. */
#ifndef PORT_WINDOWS_THREADS_H
#define PORT_WINDOWS_THREADS_H

#include <stdint.h>
#include <windows.h>

#include "port/thread.h"

/* The thread's handle, which the caller closes; NULL: there is none.  THREAD_LOWEST also gets the
 * lowest priority for memory and for the disk. */
HANDLE thread_begin(thread_run *run, void *context, enum thread_priority priority);

/* Windows runs a thread on the processors of one group only, at most 64, and before Windows 11 all
 * threads of a process in the same one.  Moves this thread to the group that thread `number` of many
 * equal ones belongs to.  Does nothing if there is one group, or if the process was confined to some
 * processors. */
void processors_spread(HANDLE thread, uint32_t number);

/* The group of thread `number`, so that each group gets threads in proportion to its processors;
 * processors[i]: how many group i has. */
uint32_t processors_group(uint32_t number, const uint32_t *processors, uint32_t groups);

#endif
