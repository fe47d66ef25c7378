/* forward.h - entries of the forward protocol of Fluentd and Fluent Bit (MessagePack) as JSON objects.
 *
 * An entry is written as one object on one line: the members of its record, then its tag as `_tag`,
 * then its time, in RFC 3339 with nanoseconds.  A member of the record that has the name of either,
 * also after underscores, gets another underscore before its name, so that no value is lost and no
 * name occurs twice ("time" becomes "_time", "_time" becomes "__time").
 *
 *   integers                   as they are, all 64 bits of them
 *   float 32 and 64            a decimal that is the same number as a double (1.0, 0.1)
 *   NaN and the infinities     "NaN", "Infinity", "-Infinity"
 *   strings                    strings; bytes that are not UTF-8 become U+FFFD
 *   binary data                a string if it is UTF-8 (Fluentd writes text so), else {"base64":"..."}
 *   EventTime, timestamp       a time as text; other ext types {"ext":TYPE,"base64":"..."}
 *   names that are no strings  their text: "1", "true", "null"; an array or map makes it invalid
 *
 * Names that a map repeats are repeated in JSON.  Pure: any thread.  No allocation. */
#ifndef SCHEMA_RECORD_FORWARD_H
#define SCHEMA_RECORD_FORWARD_H

#include <stddef.h>
#include <stdint.h>

/* The name of the time's member: 1 to FORWARD_TIME_KEY_MAX bytes of printable ASCII without '"' and
 * '\\', and not `tag`, also after underscores. */
#define FORWARD_TIME_KEY     "time"
#define FORWARD_TIME_KEY_MAX 31
#define FORWARD_TAG_KEY      "_tag"

/* The first byte of an entry: an array of three. */
#define FORWARD_ENTRY         0x93
#define FORWARD_TAG_BYTES_MAX 1024

enum forward_result {
    FORWARD_OK,
    FORWARD_NO_ROOM,   /* the object is longer than there is room */
    FORWARD_BAD_ENTRY, /* not a time and a map */
    FORWARD_BAD_NAME,  /* the name of a member is an array or a map */
    FORWARD_TOO_DEEP,  /* nested more deeply than JSON_DEPTH_MAX */
};

/* The version of msgpack-c; NULL: built without it, and nothing else here may be called. */
const char *forward_library(void);

/* entry: an array of the tag (at most FORWARD_TAG_BYTES_MAX), the time and the record, as in the
 * protocol's message mode.  received_ns: the time of an entry whose own is
 * nil or 0.  *size: the room at `out`, then what was written.  *bad: where the entry is invalid. */
enum forward_result forward_write(const uint8_t *entry, size_t entry_size, const char *time_key,
                                  int64_t received_ns, uint8_t *out, size_t *size, size_t *bad);

#endif
