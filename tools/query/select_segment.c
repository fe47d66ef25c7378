/* select_segment.c - a segment that is open while pieces of it are searched. */
#include <stdlib.h>

#include "tools/query/allocate.h"
#include "tools/query/select_internal.h"

struct open_segment *select_open_file(struct select *s, const struct segment_file *segment,
                                      const struct segment_file *shown) {
    struct open_segment *open = allocate(sizeof *open);
    *open = (struct open_segment){.uses = 1,
                                  .cutter = {.shown = shown,
                                             .query = s->query,
                                             .settings = s->settings,
                                             .any_file = s->request->any_file,
                                             .report = s->report,
                                             .progress = s->progress}};
    const bool wanted = cutter_open(&open->cutter, s->request->files, segment);
    if (!s->settings->newest_first) s->shown = open->cutter.shown;
    if (wanted) return open;
    s->gap = true;
    s->bytes_passed += segment->size;
    free(open);
    return NULL;
}

void select_release(struct select *s, struct open_segment *open) {
    if (--open->uses > 0) return;
    if (open->read_rest && !s->enough) select_read_rest(s, open);
    cutter_close(&open->cutter);
    free(open->returned);
    free(open);
}
