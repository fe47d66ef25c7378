/* config_parts.h - between the files that make a configuration: config.c (the table),
 * config_file.c (the file) and config_listeners.c (what each listener comes to). */
#ifndef INGEST_CONFIG_PARTS_H
#define INGEST_CONFIG_PARTS_H

#include <stddef.h>

#include "ingest/config.h"

#define CONFIG_PROBLEM_MAX 512

/* The file's texts, in one chain, freed together. */
struct config_text_kept {
    struct config_text_kept *next;
    char text[];
};
/* A copy that lives as long as the configuration; NULL: out of memory. */
const char *config_keep(struct config *config, const char *text, size_t size);

/* A listener that the file writes as an object.  It is known again by its address, the very
 * pointer: a list that the command line replaces has others. */
struct listener_object {
    struct listener_object *next;
    struct listener_keys keys;
};

/* Reads config->file into the table's fields and config->objects.  ERR_INVALID: `error` says
 * where and what. */
int config_file_read(struct files *files, struct config *config, char *error);

/* Is this a value for the key of that name, beyond what its kind says?  ERR_INVALID, and
 * `problem` (CONFIG_PROBLEM_MAX bytes) says what was expected. */
int config_value_check(const char *name, const char *text, char *problem);

/* What is written of rotation by the clock; zone_folder NULL: the system's own. */
struct config_schedule {
    const char *rotate, *rotate_zone, *zone_folder;
};
/* Reads the zone's file.  The schedule uses the zone, which is the caller's to free.  On an error
 * there is none. */
int config_schedule_settle(struct files *files, const struct config_schedule *asked,
                           struct schedule *schedule, struct zone **zone, char *error);
/* As config_value_check. */
int config_schedule_check(const char *text, char *problem);
int config_zone_check(const char *text, char *problem);

/* Fills config->listeners. */
int config_listeners_settle(struct config *config, char *error);

#endif
