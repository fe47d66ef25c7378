/* render_work.h - renders the records that a search finds (tools/query/select.h) on its worker
 * threads.
 *
 * Each piece is rendered into memory by the thread that has searched it, and the calling thread only
 * copies the result to the output.  The output is the same as that of a single thread: what depends
 * on the records before a piece (the widths of the columns, the names that no record has) is taken
 * from those printed so far, and a piece for which it has changed since is rendered again. */
#ifndef TOOLS_RENDER_RENDER_WORK_H
#define TOOLS_RENDER_RENDER_WORK_H

#include "tools/query/query.h"
#include "tools/query/selection.h"
#include "tools/render/render.h"

/* Limit of the memory for one piece; the calling thread renders the records after it. */
#define RENDER_WORK_BYTES_MAX (16u << 20)

struct render_work {
    struct select_work work; /* for select_settings.work */
    struct render *render;
    const struct render_settings *settings;
    const struct query *query; /* whose matches are highlighted; NULL: none */
};

/* All of them must outlive the search; the settings are those of render_open. */
void render_work_open(struct render_work *work, struct render *render,
                      const struct render_settings *settings, const struct query *query);
/* For `visit`: prints all records of the selection. */
void render_selection(struct render_work *work, const struct selection *selection);

#endif
