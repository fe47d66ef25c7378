/* inflate_absent.c - in place of inflate.c, in a build without zlib. */
#include <assert.h>

#include "ingest/protocol/inflate.h"

const char *inflate_library(void) {
    return NULL;
}

struct inflater *inflate_create(void) {
    return NULL;
}

void inflate_free(struct inflater *inflater) {
    (void)inflater;
}

void inflate_begin(struct inflater *inflater, enum inflate_format format) {
    (void)inflater, (void)format;
    assert(!"built without zlib");
}

enum inflate_status inflate_step(struct inflater *inflater, struct inflate_io *io) {
    (void)inflater, (void)io;
    assert(!"built without zlib");
    return INFLATE_DAMAGED;
}
