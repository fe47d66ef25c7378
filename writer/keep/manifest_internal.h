/* manifest_internal.h - what manifest.c (the table, appending) and manifest_file.c (loading and
 * compacting the file) share.  No other file includes it. */
#ifndef WRITER_KEEP_MANIFEST_INTERNAL_H
#define WRITER_KEEP_MANIFEST_INTERNAL_H

#include "port/thread.h"
#include "writer/keep/manifest.h"

/* A segment: offset and size of its last line, and the line's main facts. */
struct manifest_entry {
    uint64_t sequence, offset;
    int64_t closed_ns, handed_ns;
    uint32_t size;
    uint8_t event; /* MANIFEST_NONE: its first line is being written, or that failed */
    bool copied;   /* manifest_note_copy_locked was called */
};

/* A line that is kept as it is. */
struct manifest_span {
    uint64_t offset;
    uint32_t size; /* 0: none */
};

struct manifest_stream {
    char name[STREAM_NAME_MAX + 1];
    struct manifest_span earlier; /* its line MANIFEST_DELETED_EARLIER, up to `earlier_last` */
    uint64_t earlier_last;
    uint64_t foreign_last;          /* the highest sequence in a line of an unknown event */
    struct manifest_entry *entries; /* sorted by sequence */
    uint32_t count, room;
    uint64_t last_before; /* the highest sequence when the file was read */
};

struct manifest {
    struct monitor monitor; /* guards all fields below */
    atomic_uint holders;
    bool closed;
    struct manifest_work *works;
    struct files *files;
    char directory[PATH_BYTES_MAX], folder[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX], new_path[PATH_BYTES_MAX];
    bool reads_only;
    struct file file; /* open if reads_only */
    struct manifest_stream *streams;
    uint32_t stream_count, stream_room;
    struct manifest_span *foreign; /* lines of events that this version does not know */
    uint32_t foreign_count, foreign_room;
    uint64_t size;        /* of the whole lines */
    uint64_t compact_at;  /* at a larger size, compacting is tried */
    uint64_t compact_min; /* MANIFEST_COMPACT_BYTES; less in tests */
    uint64_t damaged;
    /* Reading the file failed: the table is empty, and says nothing about any segment.  manifest_lock
     * reads it again. */
    bool unread;
    bool torn; /* the rest of a failed append may follow `size` */
    /* What the disk holds of the file is unknown: it was loaded, or a sync has failed.  The bytes up
     * to `size` must be written again before anything relies on them. */
    bool suspect;
    bool unnamed; /* it is not certain which file has the name after a power failure */
};

/* Clears the table and reads the file; a missing file counts as empty.  Cuts off a torn end, unless
 * reads_only.  After an error the manifest is unread. */
int manifest_load(struct manifest *m);
/* Makes all lines durable, if the file is suspect. */
int manifest_renew(struct manifest *m);
/* Writes the file again without outdated lines, if that halves its size. */
int manifest_compact(struct manifest *m);

/* Clears the table. */
void manifest_forget(struct manifest *m);
/* Enters a line that is stored at `offset` into the table. */
int manifest_note(struct manifest *m, const struct manifest_record *record, uint64_t offset,
                  size_t size);
/* Notes a line of an unknown event.  name->stream "": it is not about a segment. */
int manifest_note_foreign(struct manifest *m, const struct segment_name *name, uint64_t offset,
                          size_t size);
/* The stream's highest sequence in any line, up to a limit; 0: none. */
uint64_t manifest_stream_last(const struct manifest_stream *stream, uint64_t max);
/* Reads a line of the table.  ERR_INVALID: there is none at this offset. */
int manifest_line_at(struct file *file, uint64_t offset, uint32_t size, char *line);
/* The same, and decodes it.  `line`: MANIFEST_LINE_MAX + JSON_PADDING bytes. */
int manifest_record_at(struct file *file, const struct manifest_entry *entry, char *line,
                       struct manifest_record *record);

#endif
