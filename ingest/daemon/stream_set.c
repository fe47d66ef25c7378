/* stream_set.c - the daemon's streams: those that its configuration names, those that it finds in its
 * directory, and rejects.  One that is open stays open until the stop, fed or not. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/daemon/daemon_internal.h"
#include "port/system.h"
#include "writer/live/recover.h"

#define REJECTS_SEGMENT_BYTES_MAX (64ull << 20)
#define REJECTS_FOLDER_BYTES_MAX  (1ull << 30)

/* ---- which there are ---- */

uint32_t streams_number(const struct daemon *daemon, const char *name) {
    uint32_t i = 0;
    while (i < daemon->stream_count && strcmp(daemon->streams[i].name, name) != 0)
        i++;
    return i;
}

/* Of the streams that are open or new. */
static int take_name(const struct daemon *daemon, struct new_streams *new, const char *name,
                     char *error) {
    if (streams_number(daemon, name) < daemon->stream_count) return 0;
    for (uint32_t i = 0; i < daemon->stream_count + new->count; i++) {
        const char *other = i < daemon->stream_count ? daemon->streams[i].name
                                                     : new->names[i - daemon->stream_count];
        if (!stream_names_alike(name, other)) continue;
        snprintf(error, CONFIG_ERROR_MAX,
                 "stream %s: there is %s already, which differs only in the case of letters: on "
                 "some systems they would be one folder",
                 name, other);
        return ERR_INVALID;
    }
    if (daemon->stream_count + new->count == STREAMS_MAX) {
        snprintf(error, CONFIG_ERROR_MAX,
                 "stream %s: %d streams are open, those included that nothing feeds any more; a "
                 "start opens those first that are named",
                 name, STREAMS_MAX);
        return ERR_TOO_LARGE;
    }
    strcpy(new->names[new->count++], name);
    return 0;
}

static int take_configured(const struct daemon *daemon, const struct config *config,
                           struct new_streams *new, char *error) {
    int result = 0;
    for (uint32_t i = 0; i < config->stream_count && !result; i++)
        result = take_name(daemon, new, config->streams[i].name, error);
    return result;
}

/* Puts the new ones' folders in order. */
static int recover_new(struct files *files, const char *dir, struct new_streams *new, char *error) {
    for (uint32_t i = 0; i < new->count; i++) {
        struct recovery recovery;
        const int result = recover_stream(files, dir, new->names[i], &recovery);
        if (result) {
            snprintf(error, CONFIG_ERROR_MAX, "%.512s/%s: %s", dir, new->names[i],
                     error_text(result));
            return result;
        }
        new->last_sequences[i] = recovery.last_sequence;
    }
    return 0;
}

int streams_find_new(const struct daemon *daemon, const struct config *config,
                     struct new_streams *new, char *error) {
    new->count = 0;
    const int result = take_configured(daemon, config, new, error);
    return result ? result : recover_new(daemon->files, daemon->config->dir, new, error);
}

/* ---- what earlier runs have left ---- */

struct search {
    const struct daemon *daemon;
    struct new_streams *new;
    const char *folder; /* that is looked at */
    bool holds_segments;
    uint32_t too_many;
    char *error;
    int result;
};

static bool found_file(void *context, const char *entry, bool directory) {
    struct search *search = context;
    struct segment_name name;
    if (!directory && segment_name_parse(entry, &name) && strcmp(name.stream, search->folder) == 0)
        search->holds_segments = true;
    return !search->holds_segments;
}

/* A folder is a stream if a segment of that name is in it; whatever else lies in the directory is
 * somebody else's. */
static bool found_folder(void *context, const char *entry, bool directory) {
    struct search *search = context;
    struct new_streams *new = search->new;
    char path[PATH_BYTES_MAX];
    if (!directory || !stream_name_valid(entry) || strcmp(entry, STREAM_REJECTS) == 0) return true;
    for (uint32_t i = 0; i < new->count; i++)
        if (strcmp(entry, new->names[i]) == 0) return true;
    if (!path_join(path, search->daemon->config->dir, entry, NULL)) return true;
    search->folder = entry;
    search->holds_segments = false;
    const int listed = directory_list(search->daemon->files, path, found_file, search);
    if (listed) say("%s: %s; whether it is a stream is unknown", path, error_text(listed));
    if (listed || !search->holds_segments) return true;
    search->result = take_name(search->daemon, new, entry, search->error);
    if (search->result != ERR_TOO_LARGE) return search->result == 0;
    search->result = 0;
    if (search->too_many++ == 0)
        say("%s: a stream that nothing feeds, beyond the %d that can be open: its files are left "
            "as they are",
            path, STREAMS_MAX);
    return true;
}

static int find_left(const struct daemon *daemon, struct new_streams *new, char *error) {
    struct search search = {.daemon = daemon, .new = new, .error = error};
    const char *dir = daemon->config->dir;
    const int result = directory_list(daemon->files, dir, found_folder, &search);
    if (result) snprintf(error, CONFIG_ERROR_MAX, "%.512s: %s", dir, error_text(result));
    if (search.too_many > 1)
        say("%s: %u more streams like that one", dir, (unsigned)search.too_many - 1);
    return result ? result : search.result;
}

/* ---- opening ---- */

static int open_one(struct daemon *daemon, const char *name, const struct stream_sizes *sizes,
                    const struct keeper_rules *rules, uint64_t folder_bytes_max,
                    uint64_t last_sequence, struct kept_stream **stream) {
    const struct kept_stream_options options = {
        .directory = daemon->config->dir,
        .name = name,
        .sizes = *sizes,
        .rules = *rules,
        .folder_bytes_max = folder_bytes_max,
        .last_sequence = last_sequence,
        /* Of quarantine, whose oldest go by its own rule, nobody keeps the books. */
        .manifest = folder_bytes_max == 0 ? daemon->upkeep.manifest : NULL,
    };
    return kept_stream_open(daemon->port, &options, stream);
}

int streams_open_new(struct daemon *daemon, const struct config *config,
                     const struct new_streams *new, char *error) {
    for (uint32_t i = 0; i < new->count; i++) {
        struct daemon_stream *added = &daemon->streams[daemon->stream_count];
        const struct stream_config *settings = config_stream(config, new->names[i]);
        strcpy(added->name, new->names[i]);
        const int result = open_one(daemon, added->name, &settings->sizes, &settings->keeper, 0,
                                    new->last_sequences[i], &added->stream);
        if (result) {
            snprintf(error, CONFIG_ERROR_MAX, "stream %s: %s", added->name, error_text(result));
            return result;
        }
        daemon->stream_count++;
        if (daemon->pipeline)
            pipeline_add_stream(daemon->pipeline, kept_stream_live(added->stream));
    }
    return 0;
}

static struct stream_sizes rejects_sizes(const struct config *config) {
    struct stream_sizes sizes = config->others.sizes;
    if (sizes.segment_bytes_max > REJECTS_SEGMENT_BYTES_MAX)
        sizes.segment_bytes_max = REJECTS_SEGMENT_BYTES_MAX;
    return sizes;
}

static int open_rejects(struct daemon *daemon, char *error) {
    const struct config *config = daemon->config;
    const struct stream_sizes sizes = rejects_sizes(config);
    struct recovery recovery;
    int result = recover_stream(daemon->files, config->dir, STREAM_REJECTS, &recovery);
    if (!result)
        result = open_one(daemon, STREAM_REJECTS, &sizes, &config->others.keeper,
                          REJECTS_FOLDER_BYTES_MAX, recovery.last_sequence, &daemon->rejects);
    if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%.512s/%s: %s", config->dir, STREAM_REJECTS,
                 error_text(result));
    return result;
}

int streams_open(struct daemon *daemon) {
    const struct config *config = daemon->config;
    char error[CONFIG_ERROR_MAX];
    struct new_streams *new = calloc(1, sizeof *new);
    if (!new) return daemon_fail("memory", ERR_NO_MEMORY);
    int result = take_configured(daemon, config, new, error);
    if (!result) result = find_left(daemon, new, error);
    if (!result) result = recover_new(daemon->files, config->dir, new, error);
    if (!result) result = streams_open_new(daemon, config, new, error);
    if (!result) result = open_rejects(daemon, error);
    if (result) say("%s", error);
    free(new);
    return result;
}

/* ---- all of them ---- */

/* rejects is the last. */
static struct kept_stream *stream_at(const struct daemon *daemon, uint32_t i) {
    return i < daemon->stream_count ? daemon->streams[i].stream : daemon->rejects;
}

void streams_resize(struct daemon *daemon) {
    const struct config *config = daemon->config;
    const struct stream_sizes rejects = rejects_sizes(config);
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        const struct stream_config *settings = config_stream(config, daemon->streams[i].name);
        kept_stream_change(daemon->streams[i].stream, &settings->sizes, &settings->keeper);
    }
    kept_stream_change(daemon->rejects, &rejects, &config->others.keeper);
}

void streams_rotate(struct daemon *daemon) {
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        stream_rotate(kept_stream_live(stream_at(daemon, i)));
}

bool streams_closing(const struct daemon *daemon) {
    bool closing = false;
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        closing = closing || stream_closing(kept_stream_live(stream_at(daemon, i)));
    return closing;
}

void streams_finish(struct daemon *daemon) {
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        kept_stream_finish(stream_at(daemon, i));
}

bool streams_busy(const struct daemon *daemon) {
    bool busy = false;
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        busy = busy || kept_stream_busy(stream_at(daemon, i));
    return busy;
}

bool streams_stop_indexing(struct daemon *daemon) {
    bool busy = false;
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        busy |= kept_stream_stop_indexing(stream_at(daemon, i));
    return busy;
}

void streams_abandon(struct daemon *daemon) {
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        kept_stream_abandon(stream_at(daemon, i));
}

void streams_free(struct daemon *daemon) {
    for (uint32_t i = 0; i <= daemon->stream_count; i++)
        kept_stream_free(stream_at(daemon, i));
}

uint64_t streams_segments_closed(const struct daemon *daemon) {
    uint64_t closed = 0;
    for (uint32_t i = 0; i < daemon->stream_count; i++)
        closed += stream_segments_closed(kept_stream_live(daemon->streams[i].stream));
    return closed;
}

void streams_count(const struct daemon *daemon, struct counters_beside *beside) {
    beside->stream_count = daemon->stream_count;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        beside->stream_names[i] = daemon->streams[i].name;
        beside->streams[i] = kept_stream_counts(daemon->streams[i].stream);
    }
    beside->rejects = kept_stream_counts(daemon->rejects);
}
