/* backlog.h - a stream's closed segments, and what is left to do with each of them.
 *
 * Segments may close in any order.  Each listing of the stream's folder adds the segments that have
 * closed since, whatever their sequence, and forgets those that are gone.  One thread at a time. */
#ifndef WRITER_KEEP_BACKLOG_H
#define WRITER_KEEP_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/keep/sequences.h"
#include "writer/segment/segment_list.h"

enum backlog_step {
    BACKLOG_RECORD, /* give it its index, and record it in the manifest */
    BACKLOG_PACK,   /* when it is old enough: re-pack it, if that is worth it */
    BACKLOG_DONE,   /* it may be moved and handed over */
};

struct backlog_entry {
    uint64_t sequence;
    int64_t opened_ns;
    const struct segment_file *file; /* in the list; valid until backlog_forget_list */
    enum backlog_step step;
    bool missed; /* its step has failed: skipped until backlog_retry */
    bool passes; /* may be moved although its step has failed: that frees space */
};

struct backlog {
    /* The folder's files.  The list is kept while work continues: listing thousands of files costs
     * more than working on a small one.  Opening a file that was deleted since just fails. */
    struct segment_list list;
    struct backlog_entry *entries; /* the closed segments, by ascending sequence */
    uint32_t count;
    bool listed; /* the list is up to date */
    /* All entries before these (from next_old on: all after it) are past the step or missed. */
    uint32_t next_new, next_old, next_pack;
};

/* Lists the folder, unless it is listed.  New entries begin with BACKLOG_RECORD. */
int backlog_list(struct backlog *backlog, struct files *files, const char *folder);
/* Frees the list; the entries stay.  The next backlog_list lists again. */
void backlog_forget_list(struct backlog *backlog);
/* The next entry to record: those above last_sequence come first, in their order, then the others,
 * the highest first.  NULL: there is none. */
struct backlog_entry *backlog_next_to_record(struct backlog *backlog, uint64_t last_sequence);
/* The next entry to re-pack: the lowest.  NULL: there is none. */
struct backlog_entry *backlog_next_to_pack(struct backlog *backlog);
/* Looks at all entries again. */
void backlog_rewind(struct backlog *backlog);
/* Steps that have failed are due again. */
void backlog_retry(struct backlog *backlog);
/* All segments are looked at for re-packing again. */
void backlog_repack(struct backlog *backlog);
bool backlog_missed(const struct backlog *backlog);
uint32_t backlog_unrecorded(const struct backlog *backlog);
/* The segments that may be moved and handed over.  NULL: no memory. */
struct sequences *backlog_ready(const struct backlog *backlog);
void backlog_free(struct backlog *backlog);

#endif
