/* gzip_absent.c - in place of gzip.c, in a build without zlib. */
#include "tools/query/foreign/codec.h"

const struct codec codec_gzip = {.name = "gzip"};
