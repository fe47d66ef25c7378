/* codec.h - one compression format, as a stream of bytes.  Each format is one file, the only one
 * that includes its library.  Pure; a state belongs to one thread. */
#ifndef TOOLS_QUERY_FOREIGN_CODEC_H
#define TOOLS_QUERY_FOREIGN_CODEC_H

#include <stddef.h>
#include <stdint.h>

enum codec_status {
    CODEC_MORE, /* inside a frame: continue with more input or more room */
    CODEC_END,  /* between frames: the input may end here */
    CODEC_DAMAGED,
    CODEC_NO_MEMORY,
};

/* codec->step consumes from the front of `in` and appends to `out`, and advances both. */
struct codec_io {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_room;
};

struct codec {
    const char *name;    /* of the format, for messages */
    void *(*open)(void); /* NULL: out of memory */
    enum codec_status (*step)(void *state, struct codec_io *io);
    void (*close)(void *state);
    const char *(*version)(void); /* of the library */
};

/* open and version are NULL: logport was built without this library. */
extern const struct codec codec_gzip, codec_zstd, codec_lz4;

#endif
