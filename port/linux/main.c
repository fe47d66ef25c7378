/* main.c - where the process begins: hands over to program_main. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "port/system.h"

/* A program started with a standard stream closed would get it back as the
 * first file it opens, and write its messages into a log. */
static void fill_standard_streams(void) {
    for (int stream = 0; stream <= 2; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != stream)
            abort();
}

int main(int argc, char **argv) {
    fill_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* stream_write says ERR_CLOSED instead */
    signal(SIGCHLD, SIG_DFL); /* a parent's SIG_IGN would keep from us how a program has ended */
    return program_main(argc, argv);
}
