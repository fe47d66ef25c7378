/* pager.c - a pager between the program and the terminal.  See system.h.
 *
 * Its process id is state of the process, because the handler of SIGCHLD needs it, which may run on
 * any thread at any time. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/linux.h"
#include "port/system.h"

static _Atomic pid_t pager; /* 0: none */

/* A user who has quit the pager waits for the prompt, not for the end of a long scan, which meets
 * the closed pipe only when it next prints something. */
static void child_ended(int number) {
    (void)number;
    const pid_t child = pager;
    int status;
    if (child > 0 && waitpid(child, &status, WNOHANG) == child)
        _exit(WIFEXITED(status) && WEXITSTATUS(status) >= 126 ? 2 : 0);
}

static bool is_there(const char *program) {
    const char *path = getenv("PATH");
    char file[4096];
    while (path != NULL && *path != '\0') {
        const size_t size = strcspn(path, ":");
        if (size > 0 && size + strlen(program) + 2 <= sizeof file) {
            memcpy(file, path, size);
            file[size] = '/';
            strcpy(file + size + 1, program);
            if (access(file, X_OK) == 0) return true;
        }
        path += size + (path[size] == ':');
    }
    return false;
}

static const char *command(void) {
    const char *given = getenv("PAGER"), *terminal = getenv("TERM");
    if (given != NULL) return *given != '\0' && strcmp(given, "cat") != 0 ? given : NULL;
    if (terminal == NULL || strcmp(terminal, "dumb") == 0) return NULL;
    return is_there("less") ? "less" : NULL;
}

static _Noreturn void become_pager(const char *line, int input) {
    dup2(input, STDIN_FILENO);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    setenv("LESS", "FRX", 0); /* one screen is not paged; colours pass; the screen is kept */
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

int system_pager_start(void) {
    const char *const line = command();
    int ends[2];
    if (line == NULL) return ERR_NOT_FOUND;
    if (pipe2(ends, O_CLOEXEC) < 0) return error_of_errno(errno);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = child_ended;
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigset_t child, before; /* until `pager` is set */
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    sigaction(SIGCHLD, &action, NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        become_pager(line, ends[0]);
    }
    const int status = pid < 0 ? error_of_errno(errno) : 0;
    if (pid > 0) {
        pager = pid;
        signal(SIGINT, SIG_IGN); /* Ctrl-C is for the pager: less stops reading */
        /* Messages would overwrite its screen. */
        if (isatty(STDERR_FILENO)) dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
    }
    close(ends[0]);
    close(ends[1]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

void system_pager_end(void) {
    if (pager == 0) return;
    signal(SIGCHLD, SIG_DFL);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDOUT_FILENO); /* the last copy of the pipe's end: the pager sees the end */
    dup2(null, STDERR_FILENO);
    while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
        ;
    pager = 0;
}
