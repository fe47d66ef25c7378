/* crash.h - how a program ends that has a bug. */
#ifndef PORT_WINDOWS_CRASH_H
#define PORT_WINDOWS_CRASH_H

/* The exit code of abort(), too. */
#define EXIT_CRASHED 3

/* From now on an exception, a failed assert() and abort() end the process with EXIT_CRASHED.  It writes
 * one line about an exception or an assert() to standard error, but does not wait for a reader. */
void crashes_end_the_process(void);

#endif
