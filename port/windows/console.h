/* console.h - what a program changes in the console that it shares with its shell. */
#ifndef PORT_WINDOWS_CONSOLE_H
#define PORT_WINDOWS_CONSOLE_H

/* If there is a console: enables escape sequences (colours) and UTF-8 until the process ends.  Before
 * there are other threads. */
void console_prepare(void);

/* Restores the code page.  Exit and Ctrl-C do this; to be called before TerminateProcess, which runs
 * no exit handlers.  Any thread. */
void console_restore(void);

#endif
