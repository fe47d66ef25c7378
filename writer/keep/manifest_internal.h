/* manifest_internal.h - what manifest.c (the table, appending) and manifest_file.c (reading it
 * whole, writing it anew) share; nobody else's. */
#ifndef WRITER_KEEP_MANIFEST_INTERNAL_H
#define WRITER_KEEP_MANIFEST_INTERNAL_H

#include "port/thread.h"
#include "writer/keep/manifest.h"

/* Of a segment: where its last line stands, and what it says. */
struct manifest_entry {
    uint64_t sequence, offset;
    int64_t closed_ns, handed_ns;
    uint32_t size;
    uint8_t event; /* MANIFEST_NONE: its first line is being written, or failed */
    bool copied;   /* a move has begun to name its copy in an archive */
};

struct manifest_stream {
    char name[STREAM_NAME_MAX + 1];
    struct manifest_entry *entries; /* their sequences rise */
    uint32_t count, room;
    uint64_t last_before; /* the highest sequence when the file was read */
};

struct manifest {
    struct monitor monitor; /* guards all that follows */
    atomic_uint holders;
    bool closed;
    struct manifest_work *works;
    struct files *files;
    char directory[PATH_BYTES_MAX], folder[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX], new_path[PATH_BYTES_MAX];
    bool reads_only;
    struct file file; /* open if it reads only */
    struct manifest_stream *streams;
    uint32_t stream_count, stream_room;
    uint64_t size;        /* as far as whole lines reach */
    uint64_t compact_at;  /* when it is larger it may be written anew */
    uint64_t compact_min; /* MANIFEST_COMPACT_BYTES; a test's, less */
    uint64_t damaged;
    bool torn;    /* behind `size` there may be the rest of a failed append */
    bool suspect; /* a sync has failed: nothing is appended before it is written anew */
};

/* Forgets the table and reads the file; none is as good as an empty one.  Unless it reads only,
 * a torn end is cut off. */
int manifest_load(struct manifest *m);
/* Writes it anew, if that makes it half as large, or if it is suspect. */
int manifest_compact(struct manifest *m);

void manifest_forget(struct manifest *m);
int manifest_note(struct manifest *m, const struct manifest_record *record, uint64_t offset,
                  size_t size);
/* The entry's line, of entry->size bytes. */
int manifest_line_at(struct file *file, const struct manifest_entry *entry, char *line);

#endif
