/* verify_manifest.h - `logport verify --manifest`: finds segments that are missing, changed or
 * added.  Part of the command verify. */
#ifndef TOOLS_COMMANDS_VERIFY_MANIFEST_H
#define TOOLS_COMMANDS_VERIFY_MANIFEST_H

#include "tools/commands/command.h"

/* Compares every line of every closed segment in the call's directories with their manifests.
 * Returns the exit code. */
int verify_manifests(struct call *call, bool verbose);

#endif
