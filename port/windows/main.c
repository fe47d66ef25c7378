/* main.c - wmain(): arguments in UTF-8, binary standard streams, and a crash that never exits 0. */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>

#include "port/system.h"
#include "port/windows/console.h"
#include "port/windows/crash.h"
#include "port/windows/output_queue.h"
#include "port/windows/text.h"

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv) {
    crashes_end_the_process();
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    console_prepare();

    char **arguments = calloc((size_t)argc + 1, sizeof(*arguments));
    bool converted = arguments != NULL;
    for (int i = 0; converted && i < argc; i++) {
        arguments[i] = text_of_wide(argv[i]);
        converted = arguments[i] != NULL;
    }
    if (!converted) {
        fputs("out of memory\n", stderr);
        return EXIT_CRASHED;
    }
    const int code = program_main(argc, arguments);
    output_queue_flush(1000);
    return code;
}
