/* last_sequence.c - see last_sequence.h.  Each archive is searched on a thread of its own, because it
 * may hang. */
#include "writer/keep/last_sequence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/segment/archives.h"

/* How long a start waits for an archive, and after one has not answered, for each other one. */
#define ANSWER_MS      2000
#define ANSWER_NEXT_MS 200

struct search {
    const struct last_sequence_search *options;
    struct last_sequence_stream *streams;
    uint32_t count;
    uint32_t wait_ms;
};

static bool is_sound(const struct last_sequence_stream *stream) {
    return stream->recovery.sequence == SEQUENCE_SOUND;
}

static void keep_higher(uint64_t *last, uint64_t sequence) {
    if (sequence > *last && sequence <= SEQUENCE_CONTINUED_MAX) *last = sequence;
}

/* ---- the manifest ---- */

static void search_manifest(struct search *s) {
    struct manifest *manifest = s->options->manifest, *read = NULL;
    const int error = manifest != NULL
                          ? manifest_ready(manifest)
                          : manifest_read(s->options->files, s->options->directory, &read);
    if (error && error != ERR_NOT_FOUND)
        say("%s/state/" MANIFEST_FILE ": %s; the next sequences are chosen without it",
            s->options->directory, error_text(error));
    if (error) return;
    if (manifest == NULL) manifest = read;
    for (uint32_t i = 0; i < s->count; i++)
        keep_higher(&s->streams[i].last,
                    manifest_last_sequence(manifest, s->streams[i].name, SEQUENCE_CONTINUED_MAX));
    manifest_close(read);
}

/* ---- archives ---- */

/* Owns everything it touches, because it may never end. */
struct archive_job {
    struct files *files;
    char folder[PATH_BYTES_MAX];
    struct archives own; /* only the id, which shows whose archive it is */
    int error;
    uint32_t count;
    struct archive_names {
        char stream[STREAM_NAME_MAX + 1];
        bool sound;
        uint64_t last;
    } streams[];
};

static bool found_name(void *context, const char *entry, bool directory) {
    struct archive_names *names = context;
    struct segment_name name;
    if (!directory && segment_name_parse(entry, &name) && strcmp(name.stream, names->stream) == 0)
        keep_higher(&names->last, name.sequence);
    return true;
}

/* The archive of another log directory, which is configured by mistake, says nothing about our
 * sequences.  It counts only if the stream has no sequence of its own. */
static void list_names(void *context) {
    struct archive_job *job = context;
    const bool foreign =
        job->own.id[0] != '\0' && archives_check(job->files, &job->own, job->folder) == ERR_EXISTS;
    for (uint32_t i = 0; i < job->count && !job->error; i++) {
        char path[PATH_BYTES_MAX];
        if (foreign && job->streams[i].sound) continue;
        if (!path_join(path, job->folder, job->streams[i].stream, NULL)) continue;
        job->error = directory_list(job->files, path, found_name, &job->streams[i]);
        if (job->error == ERR_NOT_FOUND || job->error == ERR_NOT_DIRECTORY) job->error = 0;
    }
}

static struct archive_job *make_job(const struct search *s, const struct archives *own,
                                    const char *folder) {
    struct archive_job *job = calloc(1, sizeof *job + s->count * sizeof *job->streams);
    if (job == NULL || strlen(folder) >= sizeof job->folder) {
        free(job);
        return NULL;
    }
    job->files = s->options->files;
    strcpy(job->folder, folder);
    strcpy(job->own.id, own->id);
    job->count = s->count;
    for (uint32_t i = 0; i < s->count; i++) {
        strcpy(job->streams[i].stream, s->streams[i].name);
        job->streams[i].sound = is_sound(&s->streams[i]);
    }
    return job;
}

static void take_names(struct search *s, const struct archive_job *job) {
    for (uint32_t i = 0; i < s->count; i++)
        keep_higher(&s->streams[i].last, job->streams[i].last);
}

static void report_left_out(const char *folder, const char *why) {
    say("archive %s: %s; the next sequences are chosen without its segments", folder, why);
}

static void search_archive(struct search *s, const struct archives *own, const char *folder) {
    struct archive_job *job = make_job(s, own, folder);
    if (job == NULL) {
        report_left_out(folder, error_text(ERR_NO_MEMORY));
    } else if (s->options->run_within(list_names, free, job, s->wait_ms)) {
        take_names(s, job);
        if (job->error) report_left_out(folder, error_text(job->error));
        free(job);
    } else {
        report_left_out(folder, "no answer");
        s->wait_ms = ANSWER_NEXT_MS;
    }
}

static bool is_remembered(const struct archives *archives, const char *folder) {
    for (uint32_t i = 0; i < archives->count; i++)
        if (strcmp(archives->folders[i], folder) == 0) return true;
    return false;
}

/* Is it configured, and does it not answer? */
static bool is_silent(const struct search *s, const char *folder) {
    const struct last_sequence_search *options = s->options;
    for (uint32_t i = 0; i < options->archive_count; i++)
        if (strcmp(options->archives[i], folder) == 0) return !options->answering[i];
    return false;
}

/* Also those that may not be ours: with the state folder, the id that shows it may be lost. */
static void search_archives(struct search *s) {
    const struct last_sequence_search *options = s->options;
    struct archives *archives = calloc(1, sizeof *archives);
    if (archives == NULL) return;
    const int error = archives_read(options->files, options->directory, archives);
    if (error)
        say("%s/state/" ARCHIVES_FILE
            ": %s; the next sequences are chosen without the archives in it",
            options->directory, error_text(error));
    if (error) archives->count = 0;
    for (uint32_t i = 0; i < archives->count; i++) {
        if (is_silent(s, archives->folders[i]))
            report_left_out(archives->folders[i], "no answer");
        else
            search_archive(s, archives, archives->folders[i]);
    }
    for (uint32_t i = 0; i < options->archive_count; i++)
        if (options->answering[i] && !is_remembered(archives, options->archives[i]))
            search_archive(s, archives, options->archives[i]);
    free(archives);
}

/* ---- the file ---- */

static const char *what_is_wrong(const struct recovery *recovery) {
    if (recovery->sequence == SEQUENCE_SOUND) return "outdated";
    if (recovery->sequence == SEQUENCE_MISSING) return "missing";
    return recovery->sequence_error ? error_text(recovery->sequence_error)
                                    : "damaged, does not hold a sequence";
}

static void write_file(const struct search *s, const struct last_sequence_stream *stream) {
    char path[PATH_BYTES_MAX], file[STREAM_NAME_MAX + 16], text[32];
    const struct recovery *recovery = &stream->recovery;
    const bool is_new = recovery->sequence == SEQUENCE_MISSING && stream->last == 0;
    const bool is_right = is_sound(stream) && stream->last == recovery->stored_sequence;
    if (is_new || is_right) return;
    snprintf(file, sizeof file, "%s.sequence", stream->name);
    if (!path_join(path, s->options->directory, "state", file)) return;
    say("%s: %s; the stream continues after sequence %llu, the highest known", path,
        what_is_wrong(recovery), (unsigned long long)stream->last);
    const int size = snprintf(text, sizeof text, "%llu\n", (unsigned long long)stream->last);
    const int error = file_replace(s->options->files, path, text, (size_t)size, false);
    if (error) say("%s: %s; the next segment writes it", path, error_text(error));
}

void last_sequence_find(const struct last_sequence_search *search,
                        struct last_sequence_stream *streams, uint32_t count) {
    struct search s = {.options = search, .streams = streams, .count = count, .wait_ms = ANSWER_MS};
    for (uint32_t i = 0; i < count; i++)
        streams[i].last = streams[i].recovery.last_sequence;
    search_manifest(&s);
    if (!search->stay_here) search_archives(&s);
    for (uint32_t i = 0; i < count; i++)
        write_file(&s, &streams[i]);
}
