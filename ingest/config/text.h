/* text.h - JSON with comments: checks its syntax and finds positions in it.
 * Pure: bytes in, positions out.  The values themselves are read in file.c. */
#ifndef INGEST_CONFIG_TEXT_H
#define INGEST_CONFIG_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text_position {
    uint32_t line, column; /* from 1; columns count bytes */
};
struct text_position text_position(const char *text, size_t offset);

/* Checks that the text is one JSON object (RFC 8259) in which // and block
 * comments may be where white space may, and blanks the comments in place.
 * 0; or ERR_INVALID, with what is wrong in *sentence and where in *offset; or
 * ERR_NO_MEMORY.  */
int config_text_check(char *text, size_t size, const char **sentence, size_t *offset);

/* Calls visit for each member of the object, or element of the array, that begins at `at`, in
 * order, with the offsets of its name (an element: of its value) and of its value.  The text has
 * passed config_text_check. */
typedef void config_text_visit(void *context, size_t name_offset, size_t value_offset);
void config_text_children(const char *text, size_t size, size_t at, config_text_visit *visit,
                          void *context);

#endif
