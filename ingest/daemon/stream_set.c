/* stream_set.c - see stream_set.h. */
#include "ingest/daemon/stream_set.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/keep/kept_stream.h"
#include "writer/keep/last_sequence.h"
#include "writer/live/recover.h"

#define REJECTS_SEGMENT_BYTES_MAX (64ull << 20)
#define REJECTS_FOLDER_BYTES_MAX  (1ull << 30)

struct set_stream {
    char name[STREAM_NAME_MAX + 1];
    struct kept_stream *stream;
};

struct stream_set {
    struct port *port;
    const struct host *host;
    const char *directory;
    struct manifest *manifest;
    struct archive_lanes *lanes;
    struct pipeline *pipeline;              /* NULL: not yet */
    struct set_stream streams[STREAMS_MAX]; /* by the pipeline's numbers; STREAM_MAIN first */
    uint32_t count;
    struct kept_stream *rejects;
};

/* ---- names ---- */

uint32_t stream_set_number(const struct stream_set *set, const char *name) {
    for (uint32_t i = 0; i < set->count; i++)
        if (strcmp(set->streams[i].name, name) == 0) return i;
    return STREAMS_MAX;
}

/* Adds a stream to the new ones, unless it is open or among them. */
static int take_name(const struct stream_set *set, struct new_streams *new, const char *name,
                     char *error) {
    if (stream_set_number(set, name) != STREAMS_MAX) return 0;
    for (uint32_t i = 0; i < set->count + new->count; i++) {
        const char *other = i < set->count ? set->streams[i].name : new->names[i - set->count];
        if (!stream_names_alike(name, other)) continue;
        snprintf(error, CONFIG_ERROR_MAX,
                 "stream %s: its name differs from stream %s only in upper and lower case; some "
                 "systems would store both in one folder",
                 name, other);
        return ERR_INVALID;
    }
    if (set->count + new->count == STREAMS_MAX) {
        snprintf(error, CONFIG_ERROR_MAX,
                 "stream %s: %d streams are open already, including those without a listener; "
                 "restart the daemon to open the configured streams first",
                 name, STREAMS_MAX);
        return ERR_TOO_LARGE;
    }
    strcpy(new->names[new->count++], name);
    return 0;
}

static int take_configured(const struct stream_set *set, const struct config *config,
                           struct new_streams *new, char *error) {
    int result = 0;
    for (uint32_t i = 0; i < config->stream_count && !result; i++)
        result = take_name(set, new, config->streams[i].name, error);
    return result;
}

/* Recovers one stream's folder. */
static int recover_one(const struct stream_set *set, const char *name,
                       struct last_sequence_stream *stream, char *error) {
    stream->name = name;
    const int result =
        recover_stream(port_files(set->port), set->directory, name, &stream->recovery);
    if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%.640s: %s", stream->recovery.failed_path,
                 error_text(result));
    return result;
}

struct archive_folders {
    const char *folders[STREAMS_MAX + 1];
    bool answering[STREAMS_MAX + 1];
    uint32_t count;
};

static void add_archive(const struct config *config, const char *folder,
                        struct archive_folders *archives) {
    if (folder == NULL) return;
    for (uint32_t i = 0; i < archives->count; i++)
        if (strcmp(archives->folders[i], folder) == 0) return;
    bool answers = true;
    for (uint32_t i = 0; i < config->archives_silent_count; i++)
        if (strcmp(config->archives_silent[i], folder) == 0) answers = false;
    archives->folders[archives->count] = folder;
    archives->answering[archives->count++] = answers;
}

/* config: NULL if the streams stay in the log directory. */
static void find_sequences(const struct stream_set *set, const struct config *config,
                           struct last_sequence_stream *streams, uint32_t count) {
    struct archive_folders archives = {0};
    if (config != NULL) add_archive(config, config->others.keeper.archive_dir, &archives);
    for (uint32_t i = 0; config != NULL && i < config->stream_count; i++)
        add_archive(config, config->streams[i].keeper.archive_dir, &archives);
    const struct last_sequence_search search = {.files = port_files(set->port),
                                                .directory = set->directory,
                                                .manifest = set->manifest,
                                                .stay_here = config == NULL,
                                                .archives = archives.folders,
                                                .answering = archives.answering,
                                                .archive_count = archives.count,
                                                .run_within = set->host->run_within};
    last_sequence_find(&search, streams, count);
}

/* Recovers the new streams' folders. */
static int recover_new(const struct stream_set *set, const struct config *config,
                       struct new_streams *new, char *error) {
    struct last_sequence_stream *streams = calloc(new->count + 1, sizeof *streams);
    int result = streams == NULL ? ERR_NO_MEMORY : 0;
    if (result) snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(result));
    for (uint32_t i = 0; i < new->count && !result; i++)
        result = recover_one(set, new->names[i], &streams[i], error);
    if (!result) find_sequences(set, config, streams, new->count);
    for (uint32_t i = 0; i < new->count && !result; i++) {
        new->last_sequences[i] = streams[i].last;
        new->unrecovered[i] = streams[i].recovery.left;
    }
    free(streams);
    return result;
}

int stream_set_find_new(const struct stream_set *set, const struct config *config,
                        struct new_streams *new, char *error) {
    new->count = 0;
    const int result = take_configured(set, config, new, error);
    return result ? result : recover_new(set, config, new, error);
}

/* ---- streams of earlier runs ---- */

struct folder_search {
    const struct stream_set *set;
    struct new_streams *new;
    const char *folder; /* the one being listed */
    bool holds_segments;
    uint32_t too_many;
    char *error;
    int result;
};

static bool found_file(void *context, const char *entry, bool directory) {
    struct folder_search *search = context;
    struct segment_name name;
    if (!directory && segment_name_parse(entry, &name) && strcmp(name.stream, search->folder) == 0)
        search->holds_segments = true;
    return !search->holds_segments;
}

/* A folder is a stream if it holds a segment of that name; everything else in the directory is left
 * alone. */
static bool found_folder(void *context, const char *entry, bool directory) {
    struct folder_search *search = context;
    struct new_streams *new = search->new;
    char path[PATH_BYTES_MAX];
    if (!directory || !stream_name_valid(entry) || strcmp(entry, STREAM_REJECTS) == 0) return true;
    for (uint32_t i = 0; i < new->count; i++)
        if (strcmp(entry, new->names[i]) == 0) return true;
    if (!path_join(path, search->set->directory, entry, NULL)) return true;
    search->folder = entry;
    search->holds_segments = false;
    const int listed = directory_list(port_files(search->set->port), path, found_file, search);
    if (listed)
        say("%s: %s; cannot tell whether this is a stream, ignoring it", path, error_text(listed));
    if (listed || !search->holds_segments) return true;
    search->result = take_name(search->set, new, entry, search->error);
    if (search->result != ERR_TOO_LARGE) return search->result == 0;
    search->result = 0;
    if (search->too_many++ == 0)
        say("%s: not opened: %d streams are open already and no listener feeds this one; its "
            "files stay as they are",
            path, STREAMS_MAX);
    return true;
}

static int find_earlier(const struct stream_set *set, struct new_streams *new, char *error) {
    struct folder_search search = {.set = set, .new = new, .error = error};
    const char *dir = set->directory;
    const int result = directory_list(port_files(set->port), dir, found_folder, &search);
    if (result) snprintf(error, CONFIG_ERROR_MAX, "%.512s: %s", dir, error_text(result));
    if (search.too_many > 1)
        say("%s: %u more streams are not opened", dir, (unsigned)search.too_many - 1);
    return result ? result : search.result;
}

/* ---- opening ---- */

static int open_one(struct stream_set *set, const char *name, const struct stream_sizes *sizes,
                    const struct keeper_rules *rules, uint64_t folder_bytes_max,
                    uint64_t last_sequence, uint32_t unrecovered, struct kept_stream **stream) {
    const struct kept_stream_options options = {
        .directory = set->directory,
        .name = name,
        .sizes = *sizes,
        .rules = *rules,
        .folder_bytes_max = folder_bytes_max,
        .last_sequence = last_sequence,
        .unrecovered = unrecovered,
        /* Quarantine has a limit of its own and is not in the manifest. */
        .manifest = folder_bytes_max == 0 ? set->manifest : NULL,
        .lanes = set->lanes,
    };
    return kept_stream_open(set->port, &options, stream);
}

int stream_set_open_new(struct stream_set *set, const struct config *config,
                        const struct new_streams *new, char *error) {
    for (uint32_t i = 0; i < new->count; i++) {
        struct set_stream *added = &set->streams[set->count];
        const struct stream_config *settings = config_stream(config, new->names[i]);
        strcpy(added->name, new->names[i]);
        const int result = open_one(set, added->name, &settings->sizes, &settings->keeper, 0,
                                    new->last_sequences[i], new->unrecovered[i], &added->stream);
        if (result) {
            snprintf(error, CONFIG_ERROR_MAX, "stream %s: %s", added->name, error_text(result));
            return result;
        }
        set->count++;
        if (set->pipeline) pipeline_add_stream(set->pipeline, kept_stream_live(added->stream));
    }
    return 0;
}

static struct stream_sizes rejects_sizes(const struct config *config) {
    struct stream_sizes sizes = config->others.sizes;
    if (sizes.segment_bytes_max > REJECTS_SEGMENT_BYTES_MAX)
        sizes.segment_bytes_max = REJECTS_SEGMENT_BYTES_MAX;
    return sizes;
}

static int open_rejects(struct stream_set *set, const struct config *config, char *error) {
    const struct stream_sizes sizes = rejects_sizes(config);
    struct last_sequence_stream stream;
    int result = recover_one(set, STREAM_REJECTS, &stream, error);
    if (result) return result;
    find_sequences(set, NULL, &stream, 1);
    result = open_one(set, STREAM_REJECTS, &sizes, &config->others.keeper, REJECTS_FOLDER_BYTES_MAX,
                      stream.last, stream.recovery.left, &set->rejects);
    if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%.512s/%s: %s", config->dir, STREAM_REJECTS,
                 error_text(result));
    return result;
}

static int open_all(struct stream_set *set, const struct config *config, struct new_streams *new,
                    char *error) {
    int result = take_configured(set, config, new, error);
    if (!result) result = find_earlier(set, new, error);
    if (!result) result = recover_new(set, config, new, error);
    if (!result) result = stream_set_open_new(set, config, new, error);
    return result ? result : open_rejects(set, config, error);
}

int stream_set_open(struct port *port, const struct host *host, const char *directory,
                    struct manifest *manifest, struct archive_lanes *lanes,
                    const struct config *config, struct stream_set **set, char *error) {
    struct stream_set *s = calloc(1, sizeof *s);
    struct new_streams *new = calloc(1, sizeof *new);
    int result = ERR_NO_MEMORY;
    snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(result));
    if (s && new) {
        *s = (struct stream_set){.port = port,
                                 .host = host,
                                 .directory = directory,
                                 .manifest = manifest,
                                 .lanes = lanes};
        result = open_all(s, config, new, error);
    }
    free(new);
    *set = s; /* after an error too: streams that are open cannot be freed before they finish */
    return result;
}

void stream_set_feed(struct stream_set *set, struct pipeline *pipeline) {
    set->pipeline = pipeline;
    for (uint32_t i = 0; i < set->count; i++)
        pipeline_add_stream(pipeline, kept_stream_live(set->streams[i].stream));
}

uint32_t stream_set_count_open(const struct stream_set *set) {
    return set->count;
}

uint32_t stream_set_names(const struct stream_set *set, const char *names[STREAMS_MAX]) {
    for (uint32_t i = 0; i < set->count; i++)
        names[i] = set->streams[i].name;
    return set->count;
}

struct stream *stream_set_rejects(const struct stream_set *set) {
    return kept_stream_live(set->rejects);
}

/* ---- all streams ---- */

/* rejects is the last. */
static struct kept_stream *stream_at(const struct stream_set *set, uint32_t i) {
    return i < set->count ? set->streams[i].stream : set->rejects;
}

void stream_set_change(struct stream_set *set, const struct config *config) {
    const struct stream_sizes rejects = rejects_sizes(config);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct stream_config *settings = config_stream(config, set->streams[i].name);
        kept_stream_change(set->streams[i].stream, &settings->sizes, &settings->keeper);
    }
    kept_stream_change(set->rejects, &rejects, &config->others.keeper);
}

/* rejects comes first, so that it keeps its place when streams are added. */
static struct stream *live_at(const struct stream_set *set, uint32_t i) {
    return kept_stream_live(i == 0 ? set->rejects : set->streams[i - 1].stream);
}

void stream_set_rotate(struct stream_set *set, struct stream_positions *positions) {
    positions->count = set->count + 1;
    positions->suspect = stream_set_segments_suspect(set);
    for (uint32_t i = 0; i < positions->count; i++)
        positions->appends[i] = stream_rotate(live_at(set, i));
}

const char *stream_set_unclosed(const struct stream_set *set,
                                const struct stream_positions *positions, int *error) {
    const char *name = NULL;
    *error = 0;
    for (uint32_t i = 0; i < positions->count && !*error; i++) {
        const struct stream *live = live_at(set, i);
        if (stream_closed_appends(live) >= positions->appends[i]) continue;
        name = i == 0 ? STREAM_REJECTS : set->streams[i - 1].name;
        *error = stream_failure(live);
    }
    return name;
}

uint64_t stream_set_segments_suspect(const struct stream_set *set) {
    uint64_t suspect = 0;
    for (uint32_t i = 0; i <= set->count; i++)
        suspect += stream_counts(live_at(set, i)).segments_suspect;
    return suspect;
}

void stream_set_hurry(struct stream_set *set) {
    for (uint32_t i = 0; i <= set->count; i++)
        stream_hurry(live_at(set, i));
}

void stream_set_finish(struct stream_set *set) {
    for (uint32_t i = 0; i <= set->count; i++)
        kept_stream_finish(stream_at(set, i));
}

bool stream_set_busy(const struct stream_set *set) {
    bool busy = false;
    for (uint32_t i = 0; i <= set->count; i++)
        busy = busy || kept_stream_busy(stream_at(set, i));
    return busy;
}

bool stream_set_stop_indexing(struct stream_set *set) {
    bool busy = false;
    for (uint32_t i = 0; i <= set->count; i++)
        busy |= kept_stream_stop_indexing(stream_at(set, i));
    return busy;
}

void stream_set_abandon(struct stream_set *set) {
    for (uint32_t i = 0; i <= set->count; i++)
        kept_stream_abandon(stream_at(set, i));
}

void stream_set_free(struct stream_set *set) {
    for (uint32_t i = 0; i <= set->count; i++)
        kept_stream_free(stream_at(set, i));
    free(set);
}

uint64_t stream_set_segments_moved(const struct stream_set *set) {
    uint64_t moved = 0;
    for (uint32_t i = 0; i < set->count; i++)
        moved += kept_stream_counts(set->streams[i].stream).kept.segments_moved;
    return moved;
}

uint64_t stream_set_bytes_written(const struct stream_set *set) {
    uint64_t bytes = stream_counts(kept_stream_live(set->rejects)).bytes_written;
    for (uint32_t i = 0; i < set->count; i++)
        bytes += stream_counts(kept_stream_live(set->streams[i].stream)).bytes_written;
    return bytes;
}

uint64_t stream_set_segments_closed(const struct stream_set *set) {
    uint64_t closed = 0;
    for (uint32_t i = 0; i < set->count; i++)
        closed += stream_segments_closed(kept_stream_live(set->streams[i].stream));
    return closed;
}

void stream_set_count(const struct stream_set *set, struct counters_context *context) {
    context->stream_count = set->count;
    for (uint32_t i = 0; i < set->count; i++) {
        context->stream_names[i] = set->streams[i].name;
        context->streams[i] = kept_stream_counts(set->streams[i].stream);
    }
    context->rejects = kept_stream_counts(set->rejects);
}
