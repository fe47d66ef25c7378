/* level_text.h - the text of a level as loggers write it: in any case, with spaces, brackets and
 * colours around it.  Pure. */
#ifndef SCHEMA_RECORD_LEVEL_TEXT_H
#define SCHEMA_RECORD_LEVEL_TEXT_H

#include <stddef.h>

/* Copies the inside of a JSON string without spaces and brackets around it and without the escape
 * sequences that colour it: "[\u001b[32mINFO\u001b[39m]" gives "INFO".  Decodes escapes of ASCII
 * characters and keeps others.  Writes at most room - 1 bytes and a NUL; returns the size without
 * the NUL.  A longer text is cut. */
size_t level_strip(const char *text, size_t size, char *out, size_t room);

#endif
