/* archive_move.h - logport archive --archive-dir: moves closed segments as the daemon would. */
#ifndef TOOLS_COMMANDS_ARCHIVE_MOVE_H
#define TOOLS_COMMANDS_ARCHIVE_MOVE_H

#include "tools/commands/command.h"

/* Moves all closed segments of the words' directories, but rejects, to the archive, in which each has a
 * folder of its stream's name.  Each is a daemon's directory in which none is at work: its
 * manifest is written to.  Adds to *moved; false: something could not be done, which has been said. */
bool archive_move(const struct call *call, const char *archive, uint64_t *moved);

#endif
