/* archive_record.h - records closed segments in their log directory's manifest, as a daemon does.
 * Part of the command archive. */
#ifndef TOOLS_COMMANDS_ARCHIVE_RECORD_H
#define TOOLS_COMMANDS_ARCHIVE_RECORD_H

#include "tools/commands/command.h"
#include "writer/segment/segment_list.h"

/* For the segments of the list that are in log directories on which no daemon is running; a running
 * daemon records its segments itself.  *recorded: how many the manifests did not have.  False: some
 * could not be recorded, and a message was printed. */
bool archive_record(const struct call *call, const struct segment_list *list, uint64_t *recorded);

#endif
