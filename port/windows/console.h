/* console.h - the console: how text is written to it, and what a program changes in it, which it shares
 * with its shell. */
#ifndef PORT_WINDOWS_CONSOLE_H
#define PORT_WINDOWS_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* If there is a console: enables escape sequences (colours) until the process ends.  Before there are
 * other threads. */
void console_prepare(void);

/* From now on the console's code page is UTF-8, until the process ends: for a child process that
 * writes bytes to it.  Our own output needs no code page, see console_write.  Before there are
 * other threads. */
void console_use_utf8(void);

/* Restores the code page.  Exit and Ctrl-C do this; to be called before TerminateProcess, which runs
 * no exit handlers.  Any thread. */
void console_restore(void);

/* Writes all bytes to a standard stream: STD_OUTPUT_HANDLE or STD_ERROR_HANDLE.  On a console they
 * are text in UTF-8, which WriteConsoleW shows whatever the code page is; a character may be
 * divided between two calls.  0 or an ERR_.  Any thread. */
int console_write(uint32_t stream, const void *bytes, size_t size);

#endif
