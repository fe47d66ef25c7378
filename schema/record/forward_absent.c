/* forward_absent.c - in place of forward.c, in a build without msgpack-c: the forward protocol is
 * refused as MessagePack. */
#include <assert.h>

#include "schema/record/forward.h"

const char *forward_library(void) {
    return NULL;
}

enum forward_result forward_write(const uint8_t *entry, size_t entry_size, const char *time_key,
                                  int64_t received_ns, uint8_t *out, size_t *size, size_t *bad) {
    (void)entry, (void)entry_size, (void)time_key, (void)received_ns, (void)out, (void)size,
        (void)bad;
    assert(!"built without msgpack-c");
    return FORWARD_BAD_ENTRY;
}
