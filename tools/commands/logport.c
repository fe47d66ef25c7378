/* logport.c - main of the reader: see commands.c. */
#include <stdio.h>
#include <string.h>

#include "ingest/config/version.h"
#include "port/files.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/query/foreign/codec.h"
#include "tools/render/output.h"

static int print_version(struct output *out) {
    char text[VERSION_TEXT_MAX], more[128];
    snprintf(more, sizeof more, ", %s %.40s, %s %.40s", codec_gzip.version ? "zlib" : "without",
             codec_gzip.version ? codec_gzip.version() : "zlib",
             codec_zstd.version ? "zstd" : "without",
             codec_zstd.version ? codec_zstd.version() : "zstd");
    version_text("logport", source_commit, more, text);
    output_text(out, text);
    return output_finish(out, EXIT_OK);
}

int program_main(int argc, char **argv) {
    struct output out;
    system_name("logport");
    output_open(&out);
    const bool version =
        argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0);
    const int code =
        version ? print_version(&out) : command_line_run(files_of_system(), &out, argc, argv);
    output_close(&out);
    return code;
}
