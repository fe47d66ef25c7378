/* handover_command.h - archive_command: its words, and starting it for a segment. */
#ifndef WRITER_KEEP_HANDOVER_COMMAND_H
#define WRITER_KEEP_HANDOVER_COMMAND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "port/process.h"
#include "writer/segment/segment_name.h"

/* As configured. */
struct handover_rules {
    /* The program and its arguments; {path}, {stream}, {name} and {sequence} in them are replaced.
     * count 0: no command. */
    const char *const *words;
    uint32_t count;
    uint64_t limit_s; /* a command that runs for longer is ended, and has failed */
    bool deletes;     /* delete segments that were handed over */
};

/* False: it contains an unknown name in braces. */
bool handover_word_valid(const char *word);

/* A copy, shared by the owner and its jobs. */
struct handover_command {
    atomic_uint holders;
    char **words; /* ends with NULL */
    uint32_t count;
    uint64_t limit_s;
    bool deletes;
    char archive[PATH_BYTES_MAX]; /* "": none */
};

/* Copies the rules; archive: NULL: none.  NULL: no memory. */
struct handover_command *handover_command_keep(const struct handover_rules *rules,
                                               const char *archive);
struct handover_command *handover_command_hold(struct handover_command *command);
/* The last release frees it.  NULL: nothing happens. */
void handover_command_release(struct handover_command *command);
/* Starts it for the segment at this path; may hang with the volume of the program.  ERR_CANCELLED:
 * *stop became true before. */
int handover_command_start(const struct handover_command *command, struct processes *processes,
                           const struct segment_name *segment, const char *segment_path,
                           const atomic_bool *stop, struct process *process);

#endif
