/* logport.c - the reader's main: everything it does stands in commands.c and in
 * a file a command. */
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
