/* logport.c - main of the reader: see commands.c. */
#include "port/files.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/render/output.h"

int program_main(int argc, char **argv) {
    struct output out;
    system_name("logport");
    output_open(&out);
    const int code = command_line_run(files_of_system(), &out, argc, argv);
    output_close(&out);
    return code;
}
