/* batch.h - whole lines on their way from the network into a file.
 *
 * The owner fills an open batch with runs of lines, then hands it to a worker, which validates
 * every record in place (batch_check), and compresses the valid ones, and the invalid ones as
 * quarantine objects, into frames (batch_pack).  Only the owner fills; checking and packing touch
 * nothing but the batch (and quarantine's budget, which is atomic) and may run on any thread. */
#ifndef WRITER_LIVE_BATCH_H
#define WRITER_LIVE_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "schema/record/forward.h"
#include "writer/live/quarantine.h"
#include "writer/live/schema_gate.h"
#include "writer/live/waiters.h"
#include "writer/segment/span.h"

#define BATCH_BYTES_MIN           (1u << 20) /* a batch is sealed when this is full ... */
#define BATCH_RUNS_MAX            8192       /* ... or holds this many runs */
/* Rejected records are collected as text until they fill a frame. */
#define BATCH_REJECT_TEXT_BYTES   (1u << 20)
/* Limit of the compressed frames of rejected records; more are dropped as quarantine_full.  Unused
 * memory is never touched. */
#define BATCH_REJECT_PACKED_BYTES (4u << 20)

/* A record that was rejected: the number of its line in the report, from 1, and the reason.  A line
 * that is no record has the reason JSON_BLANK. */
struct batch_fault {
    uint32_t line, reason;
    uint64_t offset; /* as quarantine has it */
};

/* What became of what one sender has put into a batch: for senders that are answered so.  A worker
 * fills it in. */
struct batch_report {
    struct batch_report *next; /* in batch->reports */
    bool claimed;              /* by its owner: it stays when the batch is reset */
    uint32_t lines;            /* blank ones included; a record that contains newlines is one */
    uint32_t stored, rejected;
    struct batch_fault first; /* the first that was rejected */
    bool each;                /* all faults are wanted */
    bool incomplete;          /* there was no memory for them */
    struct batch_fault *faults;
    uint32_t fault_count, fault_room;
    bool in_line;     /* while it is checked: the line began ... */
    uint64_t records; /* ... when so many records of the batch were counted */
};

/* The sender of a stretch of lines, and when it was received. */
struct batch_origin {
    int64_t received_ns; /* since 1970 */
    struct port_address peer;
    const char *peer_name; /* from its certificate, lives as long as the program; NULL: none */
    uint32_t listener;     /* index into batch_rules.listeners */
    struct batch_report *report; /* of this batch; NULL: none */
};

enum batch_run_kind {
    BATCH_LINES,     /* whole lines to be validated */
    BATCH_RECORD,    /* one record that contains newlines; stored on one line */
    BATCH_FORWARD,   /* one entry of the forward protocol (forward.h), which becomes an object */
    BATCH_SET_ASIDE, /* one record that its protocol has rejected: its beginning and a newline */
};

struct batch_run {
    struct batch_origin origin;
    enum batch_run_kind kind;
    uint32_t offset, size;
    /* Room after the record and a newline: of BATCH_RECORD for newlines in strings that become \n, of
     * BATCH_FORWARD for its JSON. */
    uint32_t spare;
    uint32_t stored; /* bytes that batch_check has left of it */
    uint32_t reason; /* of BATCH_SET_ASIDE, and the size of the record */
    uint64_t record_size;
};

/* What the lines of a listener are validated by. */
struct batch_listener {
    const char *name; /* for quarantine */
    /* How to find a line's time and level; NULL: they are not looked for. */
    const struct facts_rules *facts;
    bool ijson;               /* a line must be I-JSON too (schema/json/ijson.h) */
    struct schema_gate *gate; /* the schema of its lines; NULL: none */
    bool monitor; /* a line that the schema rejects is stored all the same, and counted */
    /* The header of syslog before an object is stored with it, as `_syslog`. */
    bool syslog_fields;
    char forward_time_key[FORWARD_TIME_KEY_MAX + 1]; /* as in forward.h; "": the usual one */
    bool wrap;       /* text is stored as {"message":...}, with `_syslog` if it has such a header */
    uint32_t stamps; /* that its records are stored with (stamp.h); 0: none */
    /* `facts` name a stamp: of what is added later nothing is known while a record is validated. */
    bool facts_of_stamps;
};

/* How much the records of these listeners may grow: together, with their newlines, to `eighths`
 * eighths of their bytes and `record_bytes` for each of them.  All zero: they do not grow. */
struct batch_growth {
    uint32_t eighths, record_bytes;
};

struct batch_rules {
    const struct batch_listener *listeners;
    uint32_t line_bytes_max;
    /* Bytes of text that quarantine may still take; workers take from it, the owner fills it. */
    _Atomic int64_t *reject_budget;
};

/* What happened to a batch's records: records = stored + rejected + quarantine_full. */
struct batch_counts {
    uint64_t records, stored, rejected, quarantine_full;
    uint64_t monitored;               /* of those stored: rejected by a schema that only monitors */
    uint64_t reasons[REJECT_REASONS]; /* of rejected and quarantine_full together */
};

/* Frames ready for one stream.  STREAM_SPARE_BYTES follow `size`. */
struct batch_frames {
    uint8_t *bytes;
    size_t size;
    uint64_t raw_size, lines;
    struct span span;
};

/* A stored line that a monitoring schema rejects. */
struct batch_sample {
    struct batch_origin origin;
    struct schema_verdict verdict;
};
#define BATCH_SAMPLES_MAX 4 /* per batch, each of another keyword */

struct batch {
    /* JSON_PADDING readable bytes follow; then scratch and stored.bytes, in the same memory. */
    uint8_t *raw;
    uint32_t raw_size, raw_max;
    uint32_t raw_limit; /* of stored lines together; at most raw_max */
    uint32_t run_count;
    struct batch_run *runs;
    const struct batch_rules *rules; /* of all its runs */
    struct waiter
        *waiters; /* for its records to be stored; the owner's, whoever has the batch ... */
    bool awaited; /* ... the same: a sender waits for that */
    struct batch_report *reports;
    int acceleration; /* LZ4's; 1 after batch_reset: the best compression */
    struct batch_counts counts;
    /* Records that are stored with a number, and the number of the first: set it between batch_check
     * and batch_pack if there are any. */
    uint64_t numbered, first_number;
    struct batch_frames stored, rejects;
    struct batch_sample samples[BATCH_SAMPLES_MAX];
    uint32_t sample_count;
    /* batch.c's own */
    struct batch_growth growth;
    uint64_t planned;      /* bytes that its records may become ... */
    uint32_t planned_size; /* ... those in so much of raw */
    bool unplanned;
    uint8_t *original;        /* the beginning of a record as it was received */
    struct schema_gate *gate; /* whose checker it holds while it validates */
    struct schema_checker *checker;
    struct facts_memory facts_memory;
    size_t stored_size;
    char *reject_text;
    size_t reject_text_size;
    uint64_t reject_text_lines;
    void *scratch;
};

int batch_create(uint32_t line_bytes_max, struct batch *batch);
/* One that is only filled and reset, for counting what a protocol finds: of lines up to raw_max. */
int batch_create_to_count(uint32_t raw_max, struct batch *batch);
void batch_free(struct batch *batch);
/* The most bytes that one batch takes. */
size_t batch_memory(uint32_t line_bytes_max);
size_t batch_memory_to_count(uint32_t raw_max);

/* For the lines of one sender: an origin may name it until the batch is reset, which frees it unless it
 * was claimed.  NULL: out of memory. */
struct batch_report *batch_report_add(struct batch *batch, bool each);
/* The last one that was added, of which nothing was used. */
void batch_report_undo(struct batch *batch);
/* After checking: those that were not claimed are freed. */
void batch_reports_leave(struct batch *batch);
void batch_report_free(struct batch_report *report); /* claimed; NULL: does nothing */

/* Empties it for its next use.  The rules have the line_bytes_max of batch_create. */
void batch_reset(struct batch *batch, const struct batch_rules *rules);
/* Adds what this listener may add to its records. */
void batch_growth_add(struct batch_growth *growth, const struct batch_listener *listener);
/* From the next line on its records take this many bytes together as they are stored, and a longer
 * one is taken alone: so that a segment that must not be larger can hold them.  Until batch_reset. */
void batch_limit(struct batch *batch, uint64_t raw_bytes, struct batch_growth growth);
/* How many bytes of whole lines fit, however many lines they are. */
uint32_t batch_room(struct batch *batch);
/* The longest line that fits, with its newline: an empty batch holds any of line_bytes_max. */
uint32_t batch_line_room(struct batch *batch);
/* Until it is called with false, the bytes are taken as they are, whatever may be added to them: for
 * a few bytes that must be taken at once. */
void batch_unplanned(struct batch *batch, bool unplanned);
/* Adds a run of that size (lines <= batch_room, one line <= batch_line_room) and returns where its
 * bytes go; the caller fills all of them before the next call.  Runs of one origin that follow each
 * other become one. */
uint8_t *batch_add(struct batch *batch, const struct batch_origin *origin, uint32_t size);
/* One record: its bytes, which may contain newlines, without one at their end.  Newlines between its
 * tokens become spaces.  spare: newlines inside its strings are escaped, and there are at most this
 * many; 0: they make the record invalid.  size + spare + 1 <= batch_line_room. */
uint8_t *batch_add_record(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                          uint32_t spare);
/* One entry of the forward protocol, of `size` bytes, whose JSON takes at most json_bytes; a longer
 * one is oversized.  BATCH_FORWARD_BYTES(size, json_bytes) <= batch_line_room. */
#define BATCH_FORWARD_BYTES(size, json_bytes) (((size) > (json_bytes) ? (size) : (json_bytes)) + 1)
uint8_t *batch_add_forward(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                           uint32_t json_bytes);
uint8_t *batch_add_aside(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                         uint32_t reason, uint64_t record_size);

/* Validates the records, as JSON and by their listener's schema.  A header of syslog before an object
 * (schema/record/syslog.h) is removed.  Afterwards raw holds only the
 * valid ones, trimmed, one per line; the invalid ones are in rejects, as frames; counts is filled
 * in. */
void batch_check(struct batch *batch);
/* Stamps the valid ones and compresses them into stored. */
void batch_pack(struct batch *batch);

#endif
