/* process.h - external programs: starts them without a shell, and polls whether they have ended.
 *
 * A program runs at the lowest priority, with an empty standard input; its output goes to our
 * standard error.  It inherits no other file or socket.  Starting one may wait for a disk; the
 * other calls never wait.  Any thread; at most one call at a time per program. */
#ifndef PORT_PROCESS_H
#define PORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process {
    intptr_t handle, group; /* private to the system's part */
};

/* Starts programs: the system does (processes_of_system), or a simulator. */
struct processes {
    /* words: the program (searched on the PATH if it has no '/'; on Windows never in the current
     * directory), its arguments, NULL.  Returns 0, or an ERR_ and there is no process.
     * ERR_UNSUPPORTED: a word for which process_word_allowed is false.  Windows: scripts (.cmd,
     * .bat, .ps1) are started by their interpreters. */
    int (*start)(struct processes *, const char *const *words, struct process *process);
    /* True: it has ended with this exit code (128 and above: by a signal), and `process` is
     * free. */
    bool (*ended)(struct processes *, struct process *process, int *code);
    /* Asks the program and its children to end; now: kills them.  Windows: kills them always. */
    void (*end)(struct processes *, struct process *process, bool now);
};

struct processes *processes_of_system(void);

/* True if `start` would find this program now.  May wait for a disk. */
bool process_program_found(const char *program);

/* False on Windows for words with '"', '%' or a line break if the program is a .cmd or .bat:
 * cmd.exe would change them.  May wait for a disk. */
bool process_word_allowed(const char *program, const char *word);

#endif
