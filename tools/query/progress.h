/* progress.h - how a scan reports its progress.  The scan knows only these three calls;
 * render/output.h implements them with a line on stderr. */
#ifndef TOOLS_QUERY_PROGRESS_H
#define TOOLS_QUERY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    void (*begin)(struct progress *progress, bool results_at_end, uint64_t total);
    void (*step)(struct progress *progress, uint64_t done);
    void (*clear)(struct progress *progress);
};

/* A scan of `total` bytes begins.  results_at_end: it prints nothing before its end. */
static inline void progress_begin(struct progress *progress, bool results_at_end, uint64_t total) {
    progress->begin(progress, results_at_end, total);
}

/* `done` of the total bytes are read. */
static inline void progress_step(struct progress *progress, uint64_t done) {
    progress->step(progress, done);
}

/* Removes what is shown.  Call it before writing to stderr, and at the end of the scan. */
static inline void progress_clear(struct progress *progress) {
    progress->clear(progress);
}

#endif
