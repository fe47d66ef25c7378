/* is_record.h - tells records from text, in files of other programs.  Segments hold only records. */
#ifndef TOOLS_QUERY_IS_RECORD_H
#define TOOLS_QUERY_IS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory for a copy of a line; starts as all zero. */
struct is_record {
    uint8_t *bytes;
    size_t room;
};
void is_record_close(struct is_record *check);

/* Is this line (without its newline) one JSON object?  Then the white space around it is removed
 * from *line and *size. */
bool is_record(struct is_record *check, const uint8_t **line, size_t *size);

#endif
