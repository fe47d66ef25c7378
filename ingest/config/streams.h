/* streams.h - which streams there are, and what each one's keys come to: its own, and where it has
 * none those of all. */
#ifndef INGEST_CONFIG_STREAMS_H
#define INGEST_CONFIG_STREAMS_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"
#include "ingest/config/text.h"

/* Each of the table's options that are OPTION_FOR_PARTS, once; a list's once for each text. */
#define STREAM_KEYS_MAX (32 + OPTION_LIST_MAX)
struct stream_key {
    const struct option *option;
    const char *text;
    struct text_position at;
};
/* A stream that the file names: in "streams", or as the stream of a listener. */
struct stream_object {
    struct stream_object *next;
    char name[STREAM_NAME_MAX + 1];
    bool configured; /* in "streams" */
    struct text_position at;
    struct stream_key keys[STREAM_KEYS_MAX];
    uint32_t key_count;
};

/* Finds the object of this name, or adds one.  ERR_INVALID, and `problem` (CONFIG_PROBLEM_MAX
 * bytes) says why there can be none. */
int config_stream_object(struct config *config, const char *name, struct stream_object **object,
                         char *problem);
/* Sets an option that is OPTION_FOR_PARTS to this text, which option_set accepted; adds it to a
 * list. */
void config_stream_set(struct stream_object *object, const struct option *option, const char *text,
                       struct text_position at);

/* Fills config->streams, others and retention.streams.  Listeners and the keys of all streams are
 * resolved before, except segment_age_s. */
int config_streams_resolve(const struct host *host, struct config *config, char *error);
void config_streams_free(struct config *config);
/* segment_age_s as given, or the default. */
uint64_t config_segment_age_s(uint64_t given, const struct schedule *schedule);

#endif
