/* select.h - runs a query over segments: several threads look for the records, which come
 * back in the order of storage, on the thread that asked.  An index, where a segment has
 * one, says what need not be read.  Damage is told on stderr and passed over. */
#ifndef TOOLS_QUERY_SELECT_H
#define TOOLS_QUERY_SELECT_H

#include "tools/query/query.h"
#include "tools/query/read.h"
#include "tools/query/selection.h"
#include "writer/segment/segment_list.h"

/* Over these files; the request's paths are not looked at. */
void select_files(const struct read_request *request, const struct segment_list *list,
                  const struct query *query, const struct select_settings *settings,
                  select_visit *visit, void *context, struct select_report *report);
/* Over the files that the request's paths mean. */
void select_run(const struct read_request *request, const struct query *query,
                const struct select_settings *settings, select_visit *visit, void *context,
                struct select_report *report);
/* --explain: what was read, what was passed over, and why; to stderr. */
void select_explain(const struct select_report *report);

#endif
