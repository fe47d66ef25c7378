/* manifest_line.h - encodes and decodes one line of the manifest.  Pure.  Only the manifest and
 * its tests use it. */
#ifndef WRITER_KEEP_MANIFEST_LINE_H
#define WRITER_KEEP_MANIFEST_LINE_H

#include <stddef.h>

#include "schema/json/json.h"
#include "schema/json/write.h"
#include "writer/keep/manifest_record.h"

/* Limit of a line, including its newline. */
#define MANIFEST_LINE_MAX (JSON_STRING_BYTES_MAX(PATH_BYTES_MAX) + 2048)

/* Writes the line and its newline; returns its length.  Folder and reason are UTF-8. */
size_t manifest_line_encode(const struct manifest_record *record, char line[MANIFEST_LINE_MAX]);
/* `size` bytes, the last one a newline; JSON_PADDING readable bytes follow.  ERR_INVALID: not a
 * line of a manifest; ERR_UNSUPPORTED: an unknown event, written by a later version; of the record
 * only its name is set, or its stream is "". */
int manifest_line_decode(const char *line, size_t size, struct manifest_record *record);

const char *manifest_event_name(enum manifest_event event);

#endif
