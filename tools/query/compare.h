/* compare.h - --compare: the window of time that --since and --until select and an earlier one, and
 * how much a number has changed from the earlier one to the other.  Pure, except for messages. */
#ifndef TOOLS_QUERY_COMPARE_H
#define TOOLS_QUERY_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/query/query.h"

enum compare_window { COMPARE_NOW, COMPARE_BEFORE, COMPARE_WINDOWS };

struct compare {
    struct {
        int64_t since_ns, until_ns; /* [since, until) */
    } windows[COMPARE_WINDOWS];
};

/* text: the value of --compare.
 *
 *   1d            the same window one day earlier; without --since: the last day (before --until)
 *                 and the day before it
 *   TIME..TIME    from one time to another (query_time); needs --since
 *
 * ERR_INVALID after a message that starts with `command`. */
int compare_open(struct compare *compare, const char *command, const char *text,
                 const struct query *query, int64_t now_ns);
/* Sets the query to one of the windows. */
void compare_select(const struct compare *compare, enum compare_window window, struct query *query);
/* Sets the query to the time from the start of the first window to the end of the last one. */
void compare_select_both(const struct compare *compare, struct query *query);
/* By what counts of the earlier window are multiplied, because it is longer or shorter. */
double compare_scale(const struct compare *compare);

struct change {
    const char *name;    /* "new" "gone" "more" "fewer" "same" */
    double significance; /* 0: none */
};
/* Significance is the log-likelihood ratio of the two rates (Dunning 1993): of 11, for example, if
 * chance makes such a difference once in a thousand comparisons. */
struct change compare_change(uint64_t now, uint64_t before, double scale);

#endif
