/* survey.h - says why a condition has selected nothing: fields that do not exist, and comparisons
 * that never hold because the field has values of another type; and reports fields of --by and
 * others that do not exist. */
#ifndef TOOLS_QUERY_SURVEY_H
#define TOOLS_QUERY_SURVEY_H

#include "tools/query/query.h"
#include "tools/query/read.h"

/* Examines the first records of each file, SURVEY_RECORDS_MAX in all, and prints messages that
 * begin with `command` to stderr.  Does nothing without a condition.  Blocking. */
#define SURVEY_RECORDS_MAX 20000
void survey_condition(const char *command, const struct read_request *request,
                      const struct query *query);
/* The same for a field that no record of an answer has.  Names that conditions must quote are not
 * examined. */
void survey_field(const char *command, const struct read_request *request,
                  const struct query *query, const char *field);

#endif
