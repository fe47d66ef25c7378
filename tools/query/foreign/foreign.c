/* foreign.c - see foreign.h. */
#include "tools/query/foreign/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/foreign/codec.h"
#include "writer/segment/frame.h"

#define INPUT_BYTES      (256u << 10)
#define OUTPUT_BYTES     (1u << 20)
#define MAGIC_BYTES      6
/* A file that is followed is compared with the last bytes that were read. */
#define RECENT_BYTES     64
/* A segment has a lid after at most this many frames, unless it is of the first version. */
#define FRAMES_LOOKED_AT 256

struct foreign {
    const char *name; /* for messages */
    struct progress *progress;
    struct file file;
    bool standard;             /* standard input */
    bool pipe;                 /* read by file_read_next */
    const struct codec *codec; /* NULL: text */
    void *state;
    enum codec_status status;
    uint8_t *input;
    size_t input_begin, input_end;
    uint8_t *output; /* [begin, returned) was returned by the last call, [returned, end) follows */
    size_t returned, end, room;
    uint64_t position;
    uint8_t recent[RECENT_BYTES]; /* the last bytes before the position */
    size_t recent_size;
    bool ended;   /* of a file of text: for now */
    bool started; /* the first bytes of the text have been examined */
    bool following, rewritten;
    bool failed;
    bool cut; /* a line was cut */
};

/* ---- is it a segment? ---- */

static bool is_magic_of_lz4(const uint8_t *head, int64_t size) {
    return size >= 4 &&
           (memcmp(head, "\x04\x22\x4D\x18", 4) == 0 || memcmp(head, "\x02\x21\x4C\x18", 4) == 0);
}

/* Does this frame hold text that does not end in a newline?  False if it is damaged. */
static bool ends_inside_line(struct file *file, uint64_t offset,
                             const struct frame_header *header) {
    const size_t size = (size_t)header->size;
    uint8_t *packed = allocate(size + header->raw_size);
    uint8_t *raw = packed + size;
    const bool inside = file_read_at(file, packed, size, offset) == (int64_t)size &&
                        frame_decode(packed, header, raw) == 0 && raw[header->raw_size - 1] != '\n';
    free(packed);
    return inside;
}

/* Looks at the beginning of the file.  A segment has frames as logportd writes them, of whole
 * lines, and soon a lid or an index.  What follows a frame and is no frame at all is damage. */
static bool is_segment(struct file *file) {
    uint8_t head[FRAME_HEADER_BYTES];
    struct frame_header header;
    uint64_t offset = 0;
    bool lines = false; /* a data frame was found */
    for (int i = 0; i < FRAMES_LOOKED_AT; i++, offset += header.size) {
        const int64_t got = file_read_at(file, head, sizeof head, offset);
        if (got <= 0) return i > 0;
        if (frame_header(head, (size_t)got, &header) != 0)
            return lines && !is_magic_of_lz4(head, got);
        if (header.kind == FRAME_DATA && !lines && ends_inside_line(file, offset, &header))
            return false;
        if (header.kind == FRAME_DATA) lines = true;
        if (lines && header.magic >= FRAME_MAGIC_LID && header.magic <= FRAME_MAGIC_FOOTER)
            return true;
    }
    return true;
}

/* ---- opening ---- */

static int64_t read_some(struct foreign *f, void *bytes, size_t size) {
    if (f->standard) return stream_read(STREAM_INPUT, bytes, size);
    if (f->pipe) return file_read_next(&f->file, bytes, size);
    return file_read_at(&f->file, bytes, size, f->position);
}

static void report(struct foreign *f, const char *what) {
    progress_clear(f->progress);
    say("%s: %s", f->name, what);
    f->failed = true;
}

/* Has another program shortened the file, or written other bytes where we have read some? */
static bool is_rewritten(struct foreign *f) {
    uint8_t now[RECENT_BYTES];
    if (f->standard || f->pipe || f->recent_size == 0) return false;
    const int64_t got = file_read_at(&f->file, now, f->recent_size, f->position - f->recent_size);
    return got >= 0 && ((size_t)got < f->recent_size || memcmp(now, f->recent, (size_t)got) != 0);
}

/* These bytes were read. */
static void keep_recent(struct foreign *f, const uint8_t *bytes, size_t size) {
    const size_t more = size < RECENT_BYTES ? size : RECENT_BYTES;
    size_t kept = RECENT_BYTES - more;
    if (kept > f->recent_size) kept = f->recent_size;
    memmove(f->recent, f->recent + f->recent_size - kept, kept);
    memcpy(f->recent + kept, bytes + size - more, more);
    f->recent_size = kept + more;
}

/* False: the input has ended, or cannot be read. */
static bool fill(struct foreign *f) {
    if (f->following && !f->rewritten) f->rewritten = is_rewritten(f);
    if (f->rewritten) return false;
    const int64_t got = read_some(f, f->input + f->input_end, INPUT_BYTES - f->input_end);
    if (got < 0) report(f, error_text((int)got));
    if (got <= 0) return false;
    keep_recent(f, f->input + f->input_end, (size_t)got);
    f->position += (uint64_t)got;
    f->input_end += (size_t)got;
    return true;
}

static bool begins_with(const struct foreign *f, const char *magic, size_t size) {
    return f->input_end >= size && memcmp(f->input, magic, size) == 0;
}

/* The formats that are recognized but not read, with what helps. */
static const struct {
    const char *magic;
    size_t size;
    const char *message;
} unsupported[] = {
    {"\xFD"
     "7zXZ\0",
     6, "compressed by xz, which logport does not read; use xz -dc FILE | logport ... -"},
    {"BZh", 3,
     "compressed by bzip2, which logport does not read; use bzip2 -dc FILE | logport ... -"},
    {"PK\3\4", 4, "a zip archive, which logport does not read; use unzip -p FILE | logport ... -"},
    {"\x1F\x9D", 2,
     "compressed by compress, which logport does not read; use gzip -dc FILE | logport ... -"},
    {"\xFF\xFE", 2, "UTF-16 text, which logport does not read; convert it to UTF-8 with iconv"},
    {"\xFE\xFF", 2, "UTF-16 text, which logport does not read; convert it to UTF-8 with iconv"},
};

static bool is_supported(struct foreign *f) {
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
        if (begins_with(f, unsupported[i].magic, unsupported[i].size)) {
            report(f, unsupported[i].message);
            return false;
        }
    return true;
}

/* A skippable frame, which lz4 and zstd share, is left to lz4 unless zstd's magic follows it. */
static const struct codec *find_codec(const struct foreign *f) {
    size_t at = 0;
    if (begins_with(f, "\x1F\x8B", 2)) return &codec_gzip;
    if (begins_with(f, "\x02\x21\x4C\x18", 4)) return &codec_lz4;
    const struct codec *codec = NULL;
    while (f->input_end - at >= 4) { /* ends: `at` rises */
        const uint8_t *p = f->input + at;
        if (memcmp(p, "\x28\xB5\x2F\xFD", 4) == 0) return &codec_zstd;
        if (memcmp(p, "\x04\x22\x4D\x18", 4) == 0) return &codec_lz4;
        if ((p[0] & 0xF0) != 0x50 || memcmp(p + 1, "\x2A\x4D\x18", 3) != 0) break;
        codec = &codec_lz4;
        if (f->input_end - at < 8) break;
        const uint64_t size =
            p[4] | (uint64_t)p[5] << 8 | (uint64_t)p[6] << 16 | (uint64_t)p[7] << 24;
        if (size > f->input_end - at - 8) break;
        at += 8 + (size_t)size;
    }
    return codec;
}

static bool open_codec(struct foreign *f) {
    char text[128];
    f->codec = find_codec(f);
    f->status = CODEC_END;
    if (f->codec == NULL) return is_supported(f);
    if (f->codec->open == NULL) {
        snprintf(text, sizeof text,
                 "compressed by %s; this logport is built without the library for it",
                 f->codec->name);
        report(f, text);
        return false;
    }
    f->state = f->codec->open();
    if (f->state == NULL) report(f, error_text(ERR_NO_MEMORY));
    return f->state != NULL;
}

static bool open_file(struct foreign *f, struct files *files, const struct segment_file *file,
                      bool *segment) {
    f->standard = strcmp(file->path, FOREIGN_INPUT) == 0;
    f->name = f->standard ? "standard input" : file->path;
    if (f->standard) return true;
    f->pipe = file->pipe;
    const int status = file_open(files, file->path, f->pipe ? FILE_READ_ANY : FILE_READ, &f->file);
    if (status < 0) report(f, error_text(status));
    *segment = status == 0 && !f->pipe && is_segment(&f->file);
    return status == 0 && !*segment;
}

enum foreign_opened foreign_open(struct files *files, const struct segment_file *file,
                                 struct progress *progress, struct foreign **foreign) {
    bool segment = false;
    *foreign = NULL;
    if (file->name.stream[0] != '\0') return FOREIGN_SEGMENT;
    struct foreign *f = allocate(sizeof *f);
    *f = (struct foreign){.progress = progress, .room = OUTPUT_BYTES};
    f->input = allocate(INPUT_BYTES);
    f->output = allocate(OUTPUT_BYTES + 1); /* and a newline */
    bool opened = open_file(f, files, file, &segment);
    while (opened && f->input_end < MAGIC_BYTES && fill(f)) {
    }
    opened = opened && !f->failed;
    if (opened && f->standard && !file->named && f->input_end == 0) {
        report(f, "no data, and ./logs does not exist; name a directory or a file");
        opened = false;
    }
    if (opened && open_codec(f)) {
        *foreign = f;
        return FOREIGN_OPEN;
    }
    foreign_close(f);
    return segment ? FOREIGN_SEGMENT : FOREIGN_FAILED;
}

void foreign_close(struct foreign *f) {
    if (f == NULL) return;
    if (f->state != NULL) f->codec->close(f->state);
    file_close(&f->file);
    free(f->input);
    free(f->output);
    free(f);
}

bool foreign_failed(const struct foreign *f) {
    return f->failed;
}

uint64_t foreign_position(const struct foreign *f) {
    return f->position;
}

void foreign_follow(struct foreign *f) {
    f->following = true;
}

void foreign_end(struct foreign *f) {
    f->following = false;
}

bool foreign_is_rewritten(const struct foreign *f) {
    return f->rewritten;
}

/* ---- bytes ---- */

static enum codec_status step(struct foreign *f, struct codec_io *io) {
    if (f->codec != NULL) return f->codec->step(f->state, io);
    const size_t size = io->in_size < io->out_room ? io->in_size : io->out_room;
    memcpy(io->out, io->in, size);
    io->in += size;
    io->in_size -= size;
    io->out += size;
    io->out_room -= size;
    return CODEC_END;
}

static void report_damage_of(struct foreign *f, enum codec_status status) {
    char text[128];
    if (status == CODEC_NO_MEMORY)
        snprintf(text, sizeof text, "%s", error_text(ERR_NO_MEMORY));
    else if (status == CODEC_MORE)
        snprintf(text, sizeof text, "the file ends inside its %s data; the rest is missing",
                 f->codec->name);
    else
        snprintf(text, sizeof text, "its %s data is damaged; the rest is skipped", f->codec->name);
    report(f, text);
    f->ended = true;
}

/* Decodes what is in `input`, as far as there is room.  False: the data is damaged. */
static bool decode_input(struct foreign *f) {
    for (;;) { /* ends: each turn consumes input or room */
        struct codec_io io = {f->input + f->input_begin, f->input_end - f->input_begin,
                              f->output + f->end, f->room - f->end};
        const size_t in_size = io.in_size, out_room = io.out_room;
        if (out_room == 0 || (in_size == 0 && f->status == CODEC_END)) return true;
        const enum codec_status status = step(f, &io);
        f->input_begin = f->input_end - io.in_size;
        f->end = f->room - io.out_room;
        if (status == CODEC_DAMAGED || status == CODEC_NO_MEMORY) {
            report_damage_of(f, status);
            return false;
        }
        f->status = status;
        if (io.in_size == in_size && io.out_room == out_room) return true;
    }
}

/* Produces more output, if the input has more.  False: there is no more. */
static bool produce(struct foreign *f) {
    const size_t before = f->end;
    while (f->end == before) { /* ends: the input does */
        if (f->codec != NULL && f->ended) return false;
        if (!decode_input(f)) return f->end > before;
        if (f->end > before) break;
        if (f->input_begin == f->input_end) f->input_begin = f->input_end = 0;
        if (f->input_end < INPUT_BYTES && fill(f)) continue;
        f->ended = true;
        if (f->codec != NULL && !f->failed && (f->status != CODEC_END || f->input_end > 0))
            report_damage_of(f, CODEC_MORE);
        return false;
    }
    return true;
}

static void leave_out_mark(struct foreign *f) {
    if (f->started || f->end < 3) return;
    f->started = true;
    if (memcmp(f->output, "\xEF\xBB\xBF", 3) == 0) f->returned = 3;
}

/* ---- lines ---- */

/* Where the last line, which has no newline yet, begins. */
static const uint8_t *last_line(const uint8_t *begin, const uint8_t *end) {
    while (end > begin && end[-1] != '\n')
        end--;
    return end;
}

static bool return_to(struct foreign *f, size_t end, const uint8_t **lines, size_t *size) {
    *lines = f->output + f->returned;
    *size = end - f->returned;
    f->returned = end;
    return true;
}

/* Everything, although no newline follows it. */
static bool return_rest(struct foreign *f, const uint8_t **lines, size_t *size) {
    f->output[f->end++] = '\n';
    return return_to(f, f->end, lines, size);
}

/* A line fills the whole buffer.  True: it is too long, and its beginning is returned. */
static bool grow(struct foreign *f, const uint8_t **lines, size_t *size) {
    if (f->room < FOREIGN_LINE_MAX) {
        f->room *= 2;
        f->output = reallocate(f->output, f->room + 1);
        return false;
    }
    if (!f->cut) {
        progress_clear(f->progress);
        say("%s: a line is longer than %u MiB; long lines are cut into several", f->name,
            FOREIGN_LINE_MAX >> 20);
    }
    f->cut = true;
    return return_rest(f, lines, size);
}

bool foreign_next(struct foreign *f, const uint8_t **lines, size_t *size) {
    memmove(f->output, f->output + f->returned, f->end - f->returned);
    f->end -= f->returned;
    f->returned = 0;
    size_t before = f->end; /* there is no newline up to here */
    for (;;) {              /* ends: the input does */
        const bool more = produce(f);
        if (more && f->end < 3) continue;
        leave_out_mark(f);
        const uint8_t *stop = last_line(f->output + before, f->output + f->end);
        if (stop > f->output + before) return return_to(f, (size_t)(stop - f->output), lines, size);
        before = f->end;
        const bool waits = f->following && f->codec == NULL;
        if (!more) return f->end > f->returned && !waits && return_rest(f, lines, size);
        if (f->end == f->room && grow(f, lines, size)) return true;
    }
}
