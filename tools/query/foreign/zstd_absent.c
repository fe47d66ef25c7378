/* zstd_absent.c - in place of zstd.c, in a build without libzstd. */
#include "tools/query/foreign/codec.h"

const struct codec codec_zstd = {.name = "zstd"};
