/* config_internal.h - between the files that make a configuration: config.c (the table),
 * file.c (the file), archive.c (where closed files go), listeners.c and streams.c (what each listener and each
 * stream come to). */
#ifndef INGEST_CONFIG_CONFIG_INTERNAL_H
#define INGEST_CONFIG_CONFIG_INTERNAL_H

#include <stddef.h>

#include "ingest/config/config.h"
#include "ingest/config/text.h"

#define CONFIG_PROBLEM_MAX 512

/* The file's texts, in one chain, freed together. */
struct config_text_kept {
    struct config_text_kept *next;
    struct text_position at; /* where it stands in the file */
    char text[];
};
/* A copy that lives as long as the configuration; NULL: out of memory. */
const char *config_keep(struct config *config, const char *text, size_t size,
                        struct text_position at);
/* Where a text of the configuration stands in the file, known again by the very pointer; line 0:
 * it is none of the file's. */
struct text_position config_position(const struct config *config, const char *text);

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

/* From what is written to a path that others, and the manifest, find from wherever they are; NULL:
 * none. */
int config_archive_settle(struct files *files, struct config *config, const char **archive_dir,
                          char *error);
/* *missing: there is such a command, and its program cannot be found now. */
int config_command_settle(const struct option_list *words, bool *missing, char *error);

/* ---- streams ---- */

/* Each of the table's options that are OPTION_FOR_PARTS, once; a list's once for each text. */
#define STREAM_KEYS_MAX (32 + OPTION_LIST_MAX)
struct stream_key {
    const struct option *option;
    const char *text;
    struct text_position at;
};
/* A stream that the file names: in "streams", or as where a listener's lines go. */
struct stream_object {
    struct stream_object *next;
    char name[STREAM_NAME_MAX + 1];
    bool configured; /* in "streams" */
    struct text_position at;
    struct stream_key keys[STREAM_KEYS_MAX];
    uint32_t key_count;
};

/* May a stream have this name?  As config_value_check. */
int config_stream_check(const char *name, char *problem);
/* The one of this name, made if it is new.  ERR_INVALID, and `problem` (CONFIG_PROBLEM_MAX bytes)
 * says why there can be none. */
int config_stream_object(struct config *config, const char *name, struct stream_object **object,
                         char *problem);
/* The option, which is OPTION_FOR_PARTS, has this text there, a list this one too; it did well in
 * option_set. */
void config_stream_set(struct stream_object *object, const struct option *option, const char *text,
                       struct text_position at);

/* Fills config->streams, others and retention.streams; the listeners, and what holds for all, are
 * settled, but for segment_age_s. */
int config_streams_settle(struct files *files, struct config *config, char *error);
void config_streams_free(struct config *config);
/* What it comes to where none is given: 0. */
uint64_t config_segment_age_s(uint64_t given, const struct schedule *schedule);

#endif
