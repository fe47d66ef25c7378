/* record_rules.h - how times and levels of records are read: as options say, otherwise as the
 * daemon has recorded it for the stream (<dir>/state/settings.json, FORMAT.md), otherwise by the
 * usual rules.  Not for several threads; the rules that it returns are. */
#ifndef TOOLS_QUERY_RECORD_RULES_H
#define TOOLS_QUERY_RECORD_RULES_H

#include <stdbool.h>

#include "schema/record/facts.h"
#include "writer/clock/zone.h"
#include "writer/segment/segment_list.h"

/* Texts of options; NULL: not given. */
struct record_settings {
    const char *time_keys, *level_keys, *level_names, *level_scale, *zone;
};

struct record_rules;

/* The texts must outlive it.  ERR_INVALID: one is invalid, and a message that starts with `command`
 * was printed. */
int record_rules_open(const char *command, const struct record_settings *settings,
                      struct record_rules **rules);
void record_rules_close(struct record_rules *rules); /* NULL: does nothing */

/* The rules for the records of this segment, or those of the options alone (NULL).  They are valid
 * until record_rules_close.  Reads each directory's file once; blocking.  A damaged file is
 * reported, and ignored. */
const struct facts_rules *record_rules_of(struct record_rules *rules,
                                          const struct segment_file *segment);

/* Finds the zone with this name.  ERR_INVALID: a message was printed. */
int open_zone(const char *command, const char *option, const char *name, struct zone **zone);

#endif
