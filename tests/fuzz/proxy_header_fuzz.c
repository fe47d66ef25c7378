/* proxy_header_fuzz.c - random bytes as a header of the PROXY protocol: cut anywhere it is read as in one
 * piece, nothing after it is taken, and its limits hold. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/transport/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t take(struct proxy_header *header, const uint8_t *bytes, size_t size) {
    uint8_t *piece = malloc(size ? size : 1); /* so that a read after its end is found */
    assert(piece);
    if (size > 0) memcpy(piece, bytes, size);
    const size_t taken = proxy_header_take(header, piece, size);
    free(piece);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct proxy_header whole = {.state = PROXY_MORE}, cut = {.state = PROXY_MORE};
    if (size == 0) return 0;
    const size_t first = data[0] % (size + 1); /* the cut */
    const size_t taken = take(&whole, data, size);
    size_t at = take(&cut, data, first);
    if (cut.state == PROXY_MORE) at += take(&cut, data + at, size - at);
    assert(at == taken && whole.size == taken && memcmp(&whole, &cut, sizeof whole) == 0);
    assert(taken == size || whole.state != PROXY_MORE);
    assert(taken <= (data[0] == 'P' ? PROXY_V1_MAX : PROXY_V2_FIXED + 65535));
    assert((whole.state == PROXY_BROKEN) == (whole.problem != NULL));
    assert(whole.state == PROXY_DONE || (whole.client.family == 0 && !whole.client_name[0]));
    if (whole.client_name[0]) assert(strlen(whole.client_name) < PROXY_NAME_MAX);
    return 0;
}
