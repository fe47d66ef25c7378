/* process.c - see process.h.  Each program leads a process group of its own, so that Ctrl-C does
 * not reach it, and its children can be ended with it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/linux.h"
#include "port/process.h"

#define LOWEST_PRIORITY 19

static int set_up(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int number = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (number == 0) number = posix_spawnattr_setsigmask(attributes, &none);
    if (number == 0) number = posix_spawnattr_setsigdefault(attributes, &all);
    if (number == 0)
        number = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (number == 0)
        number = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
    return number;
}

static int process_start(struct processes *processes, const char *const *words,
                         struct process *process) {
    (void)processes;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int number = posix_spawnattr_init(&attributes);
    if (number != 0) return error_of_errno(number);
    number = posix_spawn_file_actions_init(&actions);
    if (number == 0) {
        number = set_up(&attributes, &actions);
        if (number == 0)
            number =
                posix_spawnp(&pid, words[0], &actions, &attributes, (char *const *)words, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    if (number != 0) return error_of_errno(number);
    (void)setpriority(PRIO_PROCESS, (id_t)pid, LOWEST_PRIORITY);
    process->handle = process->group = pid;
    return 0;
}

static bool process_ended(struct processes *processes, struct process *process, int *code) {
    (void)processes;
    int status = 0;
    const pid_t ended = waitpid((pid_t)process->handle, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) return false;
    *code = 128; /* ECHILD: something else has waited for it, so its code is unknown */
    if (ended > 0 && WIFEXITED(status)) *code = WEXITSTATUS(status);
    if (ended > 0 && WIFSIGNALED(status)) *code = 128 + WTERMSIG(status);
    return true;
}

static void process_end(struct processes *processes, struct process *process, bool now) {
    (void)processes;
    (void)kill(-(pid_t)process->group, now ? SIGKILL : SIGTERM);
}

static bool can_be_run(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Searches as posix_spawnp does. */
bool process_program_found(const char *program) {
    char path[PATH_MAX];
    const char *folders = getenv("PATH");
    if (program[0] == '\0' || strchr(program, '/') != NULL) return can_be_run(program);
    if (folders == NULL) folders = "/bin:/usr/bin";
    for (;; folders++) { /* ends with the PATH */
        const int size = (int)strcspn(folders, ":");
        const int length = snprintf(path, sizeof path, "%.*s%s%s", size, folders,
                                    size > 0 ? "/" : "", program); /* "": the current directory */
        if (length < (int)sizeof path && can_be_run(path)) return true;
        folders += size;
        if (*folders == '\0') return false;
    }
}

bool process_word_allowed(const char *program, const char *word) {
    (void)program, (void)word;
    return true;
}

struct processes *processes_of_system(void) {
    static struct processes calls = {
        .start = process_start, .ended = process_ended, .end = process_end};
    return &calls;
}
