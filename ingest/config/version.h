/* version.h - the answer to --version: what the program is built from. */
#ifndef INGEST_CONFIG_VERSION_H
#define INGEST_CONFIG_VERSION_H

#include <stddef.h>

#define VERSION_TEXT_MAX 512

/* The commit of the sources, from Git (tools/commit.cmake); "" if it is unknown.  Only the programs
 * define it, because its object changes with every commit. */
extern const char source_commit[];

/* Writes the version, the commit, the implementations of port.h and the libraries, one line each,
 * and returns the length.  more: further libraries (", zlib 1.2.13"). */
size_t version_text(const char *program, const char *commit, const char *more,
                    char text[VERSION_TEXT_MAX]);

#endif
