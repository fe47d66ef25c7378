/* call.c - the arguments of a command's run: which of them are PATHs (command.h). */
#include <assert.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"

/* Without a PATH, standard input is read if it is a pipe or a file, and there is no directory to
 * read: neither $LOGPORT_DIR nor ./logs.  A script may have any standard input. */
static bool reads_input(const struct call *call) {
    struct file_status status;
    const char *variable = system_environment("LOGPORT_DIR");
    if (!call->paths.any_file || (variable != NULL && *variable != '\0')) return false;
    return stream_is_piped(STREAM_INPUT) &&
           file_status_of(call->files, call->directory, &status) == ERR_NOT_FOUND;
}

void call_set_paths(struct call *call) {
    static const char *const input = "-";
    wildcard_free(&call->expanded);
    call->paths.named = call->words > 0;
    if (call->words == 0 && reads_input(call)) {
        call->paths.paths = &input;
        call->paths.path_count = 1;
        return;
    }
    call->paths.paths = call->words > 0 ? (const char *const *)call->word : &call->directory;
    call->paths.path_count = call->words > 0 ? call->words : 1;
    expand_paths(&call->paths, &call->expanded);
}

const char *call_take_word(struct call *call) {
    const char *word = call->word[0];
    assert(call->words > 0);
    call->words--;
    call->word++;
    call_set_paths(call);
    return word;
}
