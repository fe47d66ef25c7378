/* zstandard_absent.c - in place of zstandard.c, in a build without libzstd. */
#include <assert.h>

#include "ingest/protocol/zstandard.h"

const char *zstandard_library(void) {
    return NULL;
}

struct zstandard *zstandard_create(int window_log_max) {
    (void)window_log_max;
    return NULL;
}

void zstandard_free(struct zstandard *zstandard) {
    (void)zstandard;
}

enum inflate_status zstandard_step(struct zstandard *zstandard, struct inflate_io *io) {
    (void)zstandard, (void)io;
    assert(!"built without libzstd");
    return INFLATE_DAMAGED;
}
