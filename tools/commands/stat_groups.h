/* stat_groups.h - numbers of records for each group of values and each period of time: stat --by
 * a,b --every 1m --avg ms. */
#ifndef TOOLS_COMMANDS_STAT_GROUPS_H
#define TOOLS_COMMANDS_STAT_GROUPS_H

#include "tools/commands/command.h"
#include "tools/query/query.h"

struct stat_groups_settings {
    struct option_list by; /* each a comma-separated list of fields */
    struct option_list sum, avg, min, max, p50, p90, p95, p99, distinct;
    uint64_t every_s; /* 0: one period */
    uint64_t limit;   /* groups to print, of each period */
    const char *output, *compare;
    bool json, count, no_index;
};

/* Is a table of groups asked for, and not only the most frequent values of one field? */
bool stat_groups_wanted(const struct stat_groups_settings *settings);
/* Returns the exit code. */
int stat_groups_run(struct call *call, const struct stat_groups_settings *settings,
                    struct query *query);

#endif
