/* kept_stream.c - see kept_stream.h. */
#include "writer/keep/kept_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/keep/late_recovery.h"
#include "writer/segment/segment_name.h"

struct kept_stream {
    struct stream *live;
    struct keeper *keeper;
    struct late_recovery *late_recovery;
    bool finishing, keeper_finishing;
    /* For the keeper: */
    char name[STREAM_NAME_MAX + 1];
    char folder[PATH_BYTES_MAX], pack_path[PATH_BYTES_MAX];
};

/* Once the last segment is closed, lets the keeper record what is not in the manifest yet. */
static void finish_keeper(struct kept_stream *s) {
    if (!s->finishing || s->keeper_finishing || stream_busy(s->live)) return;
    s->keeper_finishing = true;
    keeper_finish(s->keeper);
}

static void segment_closed(void *context) {
    struct kept_stream *s = context;
    keeper_closed(s->keeper);
    finish_keeper(s);
}

static void segment_recovered(void *context) {
    struct kept_stream *s = context;
    if (!s->finishing) keeper_look(s->keeper);
}

static int open_late_recovery(struct port *port, const struct kept_stream_options *options,
                              struct kept_stream *s) {
    const struct late_recovery_options late_options = {.folder = s->folder,
                                                       .last_sequence = options->last_sequence,
                                                       .left = options->unrecovered,
                                                       .recovered = segment_recovered,
                                                       .context = s};
    return late_recovery_open(port, &late_options, &s->late_recovery);
}

static int open_keeper(struct port *port, const struct kept_stream_options *options,
                       struct kept_stream *s) {
    char pack_file[STREAM_NAME_MAX + 16];
    strcat(strcpy(pack_file, s->name), ".pack");
    if (!path_join(s->folder, options->directory, s->name, NULL) ||
        !path_join(s->pack_path, options->directory, "state", pack_file))
        return ERR_NAME_TOO_LONG;
    const struct keeper_options keeper_options = {.directory = options->directory,
                                                  .stream = s->name,
                                                  .folder = s->folder,
                                                  .pack_path = s->pack_path,
                                                  .last_sequence = options->last_sequence,
                                                  .rules = options->rules,
                                                  .manifest = options->manifest,
                                                  .lanes = options->lanes};
    return keeper_open(port, &keeper_options, &s->keeper);
}

int kept_stream_open(struct port *port, const struct kept_stream_options *options,
                     struct kept_stream **stream) {
    assert(stream_name_valid(options->name));
    struct kept_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return ERR_NO_MEMORY;
    strcpy(s->name, options->name);
    const struct stream_options stream_options = {.directory = options->directory,
                                                  .name = s->name,
                                                  .sizes = options->sizes,
                                                  .folder_bytes_max = options->folder_bytes_max,
                                                  .last_sequence = options->last_sequence,
                                                  .segment_closed = segment_closed,
                                                  .context = s};
    int error = stream_open(port, &stream_options, &s->live);
    if (!error) error = open_keeper(port, options, s);
    if (!error) error = open_late_recovery(port, options, s);
    if (error) {
        if (s->live != NULL) stream_free(s->live);
        if (s->keeper != NULL) keeper_free(s->keeper);
        free(s);
        return error;
    }
    keeper_look(s->keeper);
    *stream = s;
    return 0;
}

struct stream *kept_stream_live(const struct kept_stream *stream) {
    return stream->live;
}

void kept_stream_change(struct kept_stream *stream, const struct stream_sizes *sizes,
                        const struct keeper_rules *rules) {
    keeper_set_rules(stream->keeper, rules);
    stream_resize(stream->live, sizes);
}

void kept_stream_finish(struct kept_stream *stream) {
    stream->finishing = true;
    keeper_stop_moving(stream->keeper);
    late_recovery_stop(stream->late_recovery);
    stream_finish(stream->live);
    finish_keeper(stream);
}

bool kept_stream_stop_indexing(struct kept_stream *stream) {
    const bool busy = keeper_at_work(stream->keeper);
    keeper_stop_indexing(stream->keeper);
    return busy;
}

void kept_stream_abandon(struct kept_stream *stream) {
    keeper_stop(stream->keeper);
    late_recovery_stop(stream->late_recovery);
    stream_abandon(stream->live);
}

bool kept_stream_busy(const struct kept_stream *stream) {
    return stream_busy(stream->live) || (stream->finishing && keeper_busy(stream->keeper)) ||
           (stream->finishing && late_recovery_busy(stream->late_recovery));
}

void kept_stream_free(struct kept_stream *stream) {
    assert(!kept_stream_busy(stream));
    stream_free(stream->live);
    keeper_free(stream->keeper);
    late_recovery_free(stream->late_recovery);
    free(stream);
}

struct kept_stream_counts kept_stream_counts(const struct kept_stream *stream) {
    return (struct kept_stream_counts){.live = stream_counts(stream->live),
                                       .kept = keeper_counts(stream->keeper),
                                       .unrecovered = late_recovery_left(stream->late_recovery)};
}
