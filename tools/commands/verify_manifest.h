/* verify_manifest.h - logport verify --manifest: nothing is missing, changed or added. */
#ifndef TOOLS_COMMANDS_VERIFY_MANIFEST_H
#define TOOLS_COMMANDS_VERIFY_MANIFEST_H

#include "tools/commands/command.h"

/* Holds the daemons' directories that the words name against their manifests, every line of every
 * closed segment.  Returns the exit code. */
int verify_manifests(struct call *call, bool verbose);

#endif
