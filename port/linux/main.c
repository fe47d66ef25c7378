/* main.c - main(): prepares the process and calls program_main. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "port/system.h"

/* If a program is started with a standard stream closed, the first file that it opens gets that
 * descriptor, and messages would be written into a log. */
static void fill_standard_streams(void) {
    for (int stream = 0; stream <= 2; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != stream)
            abort();
}

int main(int argc, char **argv) {
    fill_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* stream_write returns ERR_CLOSED instead */
    signal(SIGXFSZ, SIG_IGN); /* a write beyond ulimit -f returns ERR_TOO_LARGE instead */
    signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would discard exit codes of programs */
    return program_main(argc, argv);
}
