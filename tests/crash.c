/* crash.c - ends in the way that its argument names, for a test of how ends are reported. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"

int program_main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    if (strcmp(way, "null") == 0) *(volatile int *)0 = 1;
    if (strcmp(way, "assert") == 0) assert(argc == 0);
    if (strcmp(way, "abort") == 0) abort();
    if (strcmp(way, "exit") == 0) system_exit_now(7);
    return 0;
}
