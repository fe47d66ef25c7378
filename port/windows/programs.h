/* programs.h - finds programs, never in the current directory, and writes the command lines that
 * start them. */
#ifndef PORT_WINDOWS_PROGRAMS_H
#define PORT_WINDOWS_PROGRAMS_H

#include "port/windows/text.h"

enum program_kind {
    PROGRAM_IMAGE,      /* .exe, .com */
    PROGRAM_BATCH,      /* .cmd, .bat: run by cmd.exe */
    PROGRAM_POWERSHELL, /* .ps1: run by powershell.exe */
};

struct program {
    enum program_kind kind;
    wchar_t path[PATH_WIDE_MAX];   /* absolute */
    wchar_t runner[PATH_WIDE_MAX]; /* absolute: what CreateProcessW starts */
};

/* A name without a directory is searched in the folder of this process, in those of the system and in
 * the absolute ones of PATH; with one, it is relative to the current directory.  The endings .exe,
 * .com, .cmd, .bat and .ps1 may be missing.  ERR_NOT_FOUND, ERR_INVALID, ERR_NO_MEMORY. */
int program_find(const char *name, struct program *program);

/* The command line for CreateProcessW: `words`, of which the first is the program's; free() it.
 * ERR_NAME_TOO_LONG, ERR_NO_MEMORY; ERR_UNSUPPORTED: process_word_allowed is false for one. */
int program_line(const struct program *program, const char *const *words, wchar_t **line);

#endif
