/* select.h - runs a query over segments. Worker threads search pieces of segments; the results come
 * back on the calling thread in storage order.  Indexes and lids exclude what need not be read.
 * Damage is reported on stderr and skipped.  These calls block. */
#ifndef TOOLS_QUERY_SELECT_H
#define TOOLS_QUERY_SELECT_H

#include "tools/query/query.h"
#include "tools/query/read.h"
#include "tools/query/selection.h"
#include "writer/segment/segment_list.h"

/* Searches these files; the request's paths are ignored. */
void select_files(const struct read_request *request, const struct segment_list *list,
                  const struct query *query, const struct select_settings *settings,
                  select_visit *visit, void *context, struct select_report *report);
/* Searches the files that the request names. */
void select_run(const struct read_request *request, const struct query *query,
                const struct select_settings *settings, select_visit *visit, void *context,
                struct select_report *report);
/* Reports on stderr the records that --level has left out because their level is not recognised. */
void report_unrecognised(const char *command, const struct unrecognised *unrecognised);
/* --explain: prints to stderr what was read, what was skipped, and why. */
void select_explain(const struct select_report *report);

#endif
