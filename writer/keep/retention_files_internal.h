/* retention_files_internal.h - what the parts of a struct retention share: retention_files.c (the
 * look, and deleting), retention_list.c (listing) and retention_finish.c (deletions begun
 * elsewhere).  No other file includes it. */
#ifndef WRITER_KEEP_RETENTION_FILES_INTERNAL_H
#define WRITER_KEEP_RETENTION_FILES_INTERNAL_H

#include "writer/keep/deletion.h"
#include "writer/keep/retention_files.h"

struct retention {
    struct files *files;
    struct retention_folders configured;
    struct archives archives;
    /* The places of the present look; NULL: none, or unavailable. */
    const char *folders[RETENTION_PLACES];
    uint64_t ids[RETENTION_PLACES]; /* of these folders; 0: unknown */
    uint32_t seen; /* bit p: the contents of place p are known, under that number or another */
    uint32_t away; /* bit p: archive p was unavailable, and that was reported */
    struct manifest *manifest;
    const struct retention_rules *rules;
    bool reaches_all;
    struct retention_reach reach;
    /* Results of the last look. */
    struct retention_segment *segments;
    uint32_t count, room;
    struct listed_stream {
        struct retention_stream stream; /* with its effective limits */
        bool unread;                    /* a folder of it could not be listed: it is left alone */
    } * streams;
    uint32_t stream_count, stream_room;
    struct retention_space *spaces;
    uint32_t space_count, space_room;
    struct retention_segment **order;
    uint32_t going, next;
    struct retention_tally tally;
    bool looked;                      /* at least once */
    int64_t now_ns;                   /* of the present look or step */
    struct retention_reports reports; /* of files that could not be deleted, and so on */
    char failed_path[PATH_BYTES_MAX]; /* what the present look or step is busy with */
    /* A deleted segment whose deletion is not in the manifest yet. */
    struct segment_name unrecorded; /* stream "": none */
};

/* Lists all places in reach, adds what is known of the others, and counts the segments. */
int retention_list(struct retention *r);
/* Finishes deletions whose segment is gone from the log directory, while a copy that a move made may
 * be in an archive. */
int retention_finish_begun(struct retention *r, int64_t now_ns);

/* An error that follows is about <directory>/state/<file>. */
void retention_busy_with_state(struct retention *r, const char *file);
/* Is this place listed at each look? */
bool retention_lists(const struct retention *r, uint32_t place);
/* stream_count: it is not among those that were found. */
uint32_t retention_stream_number(const struct retention *r, const char *name);
struct segment_name retention_name_of(const struct retention *r,
                                      const struct retention_segment *segment);
/* In all places together. */
uint64_t retention_bytes_of(const struct retention_segment *segment);
static inline struct deletion retention_deletion(const struct retention *r, const char *reason,
                                                 int64_t now_ns) {
    return (struct deletion){
        .files = r->files, .manifest = r->manifest, .reason = reason, .now_ns = now_ns};
}

#endif
