/* process.h - other programs: started without a shell, and asked whether they have ended.
 *
 * They run at the lowest priority, read nothing, and what they print goes to our standard error.
 * No file or socket of ours is handed down to them.  Nobody waits: a call that
 * starts one may wait for the disk, the others do not. */
#ifndef PORT_PROCESS_H
#define PORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process {
    intptr_t handle, group; /* the system's */
};

/* What a home of processes owes: the system's own, or a simulator's. */
struct processes {
    /* words: the program, looked for on the PATH if it has no folder, its arguments, NULL.  On an
     * error there is no process; ERR_UNSUPPORTED: on Windows, a .bat or .cmd, which a shell would
     * run by its own rules. */
    int (*start)(struct processes *, const char *const *words, struct process *process);
    /* True: it has ended with this code (128 and more: by a signal), and is forgotten. */
    bool (*ended)(struct processes *, struct process *process, int *code);
    /* Asks it and what it has started to end; now: ends them.  Windows: ends them in any case. */
    void (*end)(struct processes *, struct process *process, bool now);
};

struct processes *processes_of_system(void);

/* Would a start find this program now?  May wait for the disk. */
bool process_program_found(const char *program);

#endif
