/* archive_move.h - `logport archive --archive-dir`: moves closed segments as the daemon does.  Part
 * of the command archive. */
#ifndef TOOLS_COMMANDS_ARCHIVE_MOVE_H
#define TOOLS_COMMANDS_ARCHIVE_MOVE_H

#include "tools/commands/command.h"

/* Moves all closed segments, except rejects, of the call's directories to the archive, which has
 * one folder per stream.  They must be daemons' directories on which no daemon is running,
 * because their manifests are written.  Adds to *moved.  False: something failed and a message
 * was printed. */
bool archive_move(const struct call *call, const char *archive, uint64_t *moved);

#endif
