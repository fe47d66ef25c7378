/* verify.c - checks the checksums of all frames, lids and indexes, including those of rejects. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/record/facts.h"
#include "tools/commands/command.h"
#include "tools/commands/verify_manifest.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "writer/index/index.h"
#include "writer/segment/counts.h"
#include "writer/segment/frame.h"
#include "writer/segment/span.h"

struct verify_settings {
    struct common_settings common;
    bool verbose, manifest;
};

struct verify_totals {
    uint64_t files, frames, records, raw_bytes;
    uint64_t files_damaged, files_unread;
    uint64_t bytes_passed;
};

static void print_damage(struct output *out, const struct segment_file *segment,
                         const struct segment_reader *reader, enum segment_damage damage) {
    output_format(out, "%s: frame %llu at byte %llu: %s\n", segment->path,
                  (unsigned long long)reader->frame_number, (unsigned long long)reader->offset,
                  damage_text(damage));
}

/* ---- lids ---- */

/* What is known of the lines since the last lid. */
struct since_lid {
    uint64_t at; /* skippable frames before this offset have been read */
    uint64_t raw_size;
    bool damaged; /* a lid or a frame was lost: they cannot add up */
    struct counts counts;
};

static const char *lid_fault(const struct since_lid *since, int error, const struct span *span) {
    if (error == ERR_INVALID) return "damaged; no lines are lost by it";
    if (error || since->damaged) return NULL;
    if (since->raw_size != span->raw_size) return "not all lines before it are there";
    return span_covers(span, &since->counts) ? NULL
                                             : "not a lid of these lines: searches may miss some; "
                                               "no lines are lost by it";
}

/* Checks the lids between the data frames that end at since->at and begin at `end`.  Returns the
 * number of wrong ones, or an ERR_. */
static int64_t verify_lids(struct output *out, const struct segment_file *segment,
                           struct segment_reader *reader, struct since_lid *since, uint64_t end,
                           struct progress *progress) {
    int64_t places = 0;
    while (since->at < end) { /* each round advances by 8 bytes or more */
        uint8_t bytes[LID_BYTES];
        struct frame_header header;
        struct span span;
        uint64_t first_line;
        const int64_t got = file_read_at(&reader->file, bytes, sizeof bytes, since->at);
        if (got < 0) return got;
        /* Damage, which verify_frames reports. */
        if (frame_header(bytes, (size_t)got, &header) || header.kind == FRAME_DATA) {
            since->damaged = true;
            break;
        }
        const uint64_t at = since->at;
        since->at += header.size;
        since->damaged |= header.magic == FRAME_MAGIC_SET_ASIDE;
        if (header.magic != FRAME_MAGIC_LID || header.size > (uint64_t)got) continue;
        const int error = lid_decode(bytes, (size_t)header.size, &span, &first_line);
        const char *fault = lid_fault(since, error, &span);
        *since = (struct since_lid){.at = since->at, .damaged = error == ERR_INVALID};
        if (fault == NULL) continue;
        progress_clear(progress);
        output_format(out, "%s: lid at byte %llu: %s\n", segment->path, (unsigned long long)at,
                      fault);
        places++;
    }
    return places;
}

/* ---- frames ---- */

/* Reports all damage; returns the number of damaged places, or an ERR_. */
static int64_t verify_frames(struct output *out, const struct segment_file *segment,
                             struct segment_reader *reader, struct verify_totals *totals,
                             struct progress *progress) {
    int64_t places = 0;
    struct since_lid since = {0};
    for (;;) { /* ends: the file does */
        enum segment_damage damage;
        const int status = segment_reader_next(reader, &damage);
        progress_step(progress, totals->bytes_passed + reader->next_offset);
        if (status < 0) return status;
        const int64_t lids = verify_lids(out, segment, reader, &since, reader->offset, progress);
        if (lids < 0) return lids;
        places += lids;
        since.at = reader->next_offset;
        if (status > 0) {
            totals->frames++;
            totals->records += reader->raw_lines;
            totals->raw_bytes += reader->raw_size;
            since.raw_size += reader->raw_size;
            counts_add_lines(&since.counts, &facts_rules_usual, reader->raw, reader->raw_size);
            continue;
        }
        /* An incomplete append at the end of a live segment is not damage. */
        const bool sound =
            damage == SEGMENT_SOUND || (damage == SEGMENT_UNFINISHED && segment->name.part);
        if (!sound) {
            progress_clear(progress);
            print_damage(out, segment, reader, damage);
            places++;
        }
        if (sound) return places;
        const int found = segment_reader_skip_damage(reader);
        if (found <= 0) return found < 0 ? found : places;
        since.at = reader->next_offset;
        since.damaged = true;
    }
}

/* ---- the index ---- */

static int compare_index(struct file *file, uint64_t *offset) {
    struct segment_index index;
    int status = index_load(file, &index);
    if (status < 0) return status;
    status = index_compare(file, &index, true, NULL, offset);
    index_free(&index);
    return status;
}

/* A live segment may be getting its index just now. */
static int64_t verify_index(struct output *out, const struct segment_file *segment,
                            struct segment_reader *reader, struct progress *progress) {
    uint64_t offset;
    const char *what = "damaged";
    int status = segment->name.part ? 0 : index_check(&reader->file, &offset);
    if (status == 0 && !segment->name.part) {
        what = "not an index of these lines: searches may miss some";
        status = compare_index(&reader->file, &offset);
    }
    if (status == ERR_NOT_FOUND) return 0;
    if (status != ERR_INVALID) return status;
    progress_clear(progress);
    output_format(out, "%s: index at byte %llu: %s; no lines are lost by it\n", segment->path,
                  (unsigned long long)offset, what);
    return 1;
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

static void verify_file(struct call *call, const struct segment_file *segment,
                        struct verify_totals *totals, struct progress *progress) {
    const struct verify_settings *settings = call->settings;
    const struct verify_totals before = *totals;
    struct segment_reader reader;
    int64_t places = segment_reader_open(call->files, segment->path, &reader);
    totals->bytes_passed += segment->size;
    if (places == ERR_NOT_FOUND && !segment->named) return; /* deleted after it was listed */
    if (places == 0) {
        places = verify_frames(call->out, segment, &reader, totals, progress);
        const int64_t index = places < 0 ? 0 : verify_index(call->out, segment, &reader, progress);
        if (places >= 0) places = index < 0 ? index : places + index;
        segment_reader_close(&reader);
    }
    totals->files++;
    if (places > 0) totals->files_damaged++;
    if (places < 0) {
        totals->files_unread++;
        progress_clear(progress);
        say("%s: %s", segment->path, error_text((int)places));
    } else if (settings->verbose) {
        progress_clear(progress);
        const uint64_t frames = totals->frames - before.frames;
        const uint64_t records = totals->records - before.records;
        output_format(call->out, "%s: %s, %llu frame%s, %llu record%s\n", segment->path,
                      places > 0 ? "damaged" : "sound", (unsigned long long)frames, plural(frames),
                      (unsigned long long)records, plural(records));
    }
}

static void print_totals(struct output *out, const struct verify_totals *t) {
    output_format(
        out, "%llu file%s, %llu frame%s, %llu record%s, %llu bytes: ", (unsigned long long)t->files,
        plural(t->files), (unsigned long long)t->frames, plural(t->frames),
        (unsigned long long)t->records, plural(t->records), (unsigned long long)t->raw_bytes);
    if (t->files_damaged > 0)
        output_format(out, "%llu file%s damaged\n", (unsigned long long)t->files_damaged,
                      plural(t->files_damaged));
    else
        output_text(out, t->files_unread > 0 ? "not all could be read\n"
                         : t->files == 0     ? "no segments found\n"
                                             : "sound\n");
}

/* segment_list_add leaves out rejects; verify includes them.  False: not all could be listed. */
static bool add_rejects(struct call *call, struct segment_list *list) {
    bool all = true;
    for (int i = 0; i < call->paths.path_count; i++) {
        const char *path = call->paths.paths[i];
        struct file_status status;
        const size_t size = strlen(path);
        char *rejects = allocate(size + sizeof "/rejects");
        memcpy(rejects, path, size);
        memcpy(rejects + size, "/rejects", sizeof "/rejects");
        if (file_status_of(call->files, rejects, &status) == 0 && status.directory)
            (void)list_path(call->files, rejects, list, &all);
        free(rejects);
    }
    return all;
}

static int verify_segments(struct call *call) {
    struct segment_list list = {0};
    struct verify_totals totals = {0};
    struct progress *const progress = call->paths.progress;
    uint64_t total = 0;
    bool listed = list_segments(&call->paths, &list);
    if (!add_rejects(call, &list)) listed = false;
    for (uint32_t i = 0; i < list.count; i++)
        total += list.files[i].size;
    progress_begin(progress, true, total);
    for (uint32_t i = 0; i < list.count && !output_failed(call->out); i++)
        verify_file(call, &list.files[i], &totals, progress);
    progress_clear(progress);
    if (listed || totals.files > 0) print_totals(call->out, &totals);
    segment_list_free(&list);
    if (totals.files_damaged > 0) return EXIT_NEGATIVE;
    return listed && totals.files_unread == 0 ? EXIT_OK : EXIT_ERROR;
}

static int verify_run(struct call *call) {
    const struct verify_settings *settings = call->settings;
    return settings->manifest ? verify_manifests(call, settings->verbose) : verify_segments(call);
}

static const struct option options[] = {
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .field = offsetof(struct verify_settings, verbose),
     .help = "List sound files too."},
    {.name = "manifest",
     .kind = OPTION_FLAG,
     .field = offsetof(struct verify_settings, manifest),
     .help = "Compare a daemon's directory with its manifest: report closed segments that are "
             "missing, changed or added."},
    HELP_OPTION,
};

const struct command verify_command = {
    .name = "verify",
    .usage = "[-v] [--manifest] [PATH…]",
    .section = "Maintain",
    .summary = "Check every checksum and report which file, frame and byte is damaged.",
    .more =
        "A directory means all its streams, including rejects. An incomplete append at the\n"
        "end of a live segment (.part) is not damage. Frames are counted from 0.\n"
        "\n"
        "With --manifest, PATH is a daemon's directory. Its manifest records the number of\n"
        "lines of every closed segment and their checksum (XXH3), however they are compressed.\n"
        "A segment that retention has deleted is not missing. One that was closed in the last\n"
        "seconds, or before a kill, may not be recorded yet; -v names these.\n"
        "\n"
        "Exit code: 0 sound or no segments, 1 damaged, 2 something could not be checked.\n"
        "\n"
        "Examples:\n"
        "  logport verify\n"
        "  logport verify -v ./logs/main\n"
        "  logport verify --manifest ./logs\n",
    .options = options,
    .settings_size = sizeof(struct verify_settings),
    .run = verify_run,
};
