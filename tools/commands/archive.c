/* archive.c - indexes, re-packs and records closed segments, with or without a daemon.
 *
 * A closed segment is never changed in place: readers have it open, and a crash must not damage it.
 * The new file is written to NAME.new, synced and renamed to NAME, so a reader sees either the old
 * file or the new one.  A running daemon may do the same with the same segment; whichever finishes
 * last has stored the same lines.  Live segments (.part) belong to the daemon. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/archive_move.h"
#include "tools/commands/archive_record.h"
#include "tools/commands/command.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "writer/index/index.h"
#include "writer/keep/repack.h"
#include "writer/segment/leftovers.h"

#define COPY_BYTES (1u << 20)
/* Not an error: the new file would not be smaller; the old one stays. */
enum { NOT_SMALLER = 1 };

struct archive_settings {
    struct common_settings common;
    bool verbose, index_only;
    uint64_t level;
    const char *archive_dir; /* NULL: segments are not moved */
};

struct archive_totals {
    uint64_t indexed, repacked, finished, open;
    uint64_t recorded;                  /* were not in the manifest */
    uint64_t moved;                     /* moved to the archive */
    uint64_t kept;                      /* re-packing would not have made them smaller */
    uint64_t bytes_before, bytes_after; /* of the re-packed segments */
};

struct archive {
    struct call *call;
    const struct archive_settings *settings;
    struct archive_totals totals;
    struct progress *progress;
    uint64_t bytes_passed;
    uint8_t *bytes; /* COPY_BYTES */
};

/* Writes the new version of the segment to the empty file `to`. */
typedef int make_copy(struct archive *a, struct file *from, struct file *to);

static int copy(struct archive *a, struct file *from, struct file *to) {
    for (uint64_t offset = 0;;) { /* ends: the file does */
        const int64_t got = file_read_at(from, a->bytes, COPY_BYTES, offset);
        if (got <= 0) return (int)got;
        const int error = file_write_at(to, a->bytes, (size_t)got, offset);
        if (error) return error;
        offset += (uint64_t)got;
    }
}

static int copy_with_index(struct archive *a, struct file *from, struct file *to) {
    const struct index_options options = {.replace = true}; /* a damaged one */
    int error = copy(a, from, to);
    if (!error) error = index_append(to, &options);
    return error ? error : file_sync(to);
}

static int copy_repacked(struct archive *a, struct file *from, struct file *to) {
    struct segment_index index;
    const struct repack_options options = {.level = (int)a->settings->level};
    int error = index_load(from, &index);
    if (error) return error;
    error = repack(from, &index, to, &options);
    index_free(&index);
    struct file_status before, after;
    if (!error) error = file_status(from, &before);
    if (!error) error = file_status(to, &after);
    if (error || after.size < before.size) return error;
    a->totals.kept++;
    return NOT_SMALLER;
}

/* The folder of `path`; free() it. */
static char *folder_of(const char *path) {
    const size_t size = (size_t)(path_name(path) - path);
    char *folder = allocate(size + 2);
    memcpy(folder, size > 0 ? path : ".", size > 0 ? size : 1);
    folder[size > 0 ? size : 1] = '\0';
    return folder;
}

/* Holds the lock until the copy is renamed. */
static int replace(struct archive *a, const char *path, make_copy *make) {
    struct files *files = a->call->files;
    const size_t size = strlen(path);
    char *copy_path = allocate(size + sizeof LEFTOVERS_COPY), *folder = folder_of(path);
    memcpy(copy_path, path, size);
    memcpy(copy_path + size, LEFTOVERS_COPY, sizeof LEFTOVERS_COPY);
    struct file from, to;
    int error = file_open(files, path, FILE_READ, &from);
    if (error) goto not_open;
    error = leftovers_lock(files, copy_path, &to);
    if (error) goto not_locked;
    error = file_truncate(&to, 0); /* left by an interrupted run */
    if (!error) error = make(a, &from, &to);
    if (!error) file_permissions_like(&to, &from);
    file_close(&from); /* Windows cannot replace an open file */
    if (!error) error = repack_take_place(files, copy_path, path);
    if (!error) error = directory_sync(files, folder);
    if (error) (void)file_remove(files, copy_path);
    file_close(&to);
not_locked:
    file_close(&from);
not_open:
    free(copy_path);
    free(folder);
    return error;
}

/* Reads the segment's index.  ERR_NOT_FOUND: it has none, or a damaged one, or (compare) one of
 * other lines. */
static int read_index(struct archive *a, const char *path, bool compare, bool *repacked,
                      uint64_t *size) {
    struct file file;
    struct segment_index index;
    struct file_status status;
    uint64_t offset;
    int error = file_open(a->call->files, path, FILE_READ, &file);
    if (error) return error;
    error = file_status(&file, &status);
    if (!error) error = index_check(&file, &offset);
    if (error == ERR_INVALID) error = ERR_NOT_FOUND;
    if (!error) error = index_load(&file, &index);
    if (!error) {
        if (compare) error = index_compare(&file, &index, true, NULL, &offset);
        if (error == ERR_INVALID) error = ERR_NOT_FOUND;
        *repacked = index.repacked;
        *size = status.size;
        index_free(&index);
    }
    file_close(&file);
    return error;
}

static void print_packed(struct archive *a, const char *path, uint64_t before, uint64_t after) {
    if (!a->settings->verbose) return;
    progress_clear(a->progress);
    output_format(a->call->out, "%s: %llu bytes re-packed into %llu\n", path,
                  (unsigned long long)before, (unsigned long long)after);
}

/* Verbose: why a segment was not re-packed. */
static void print_not_packed(struct archive *a, const char *path, const char *what) {
    if (!a->settings->verbose) return;
    progress_clear(a->progress);
    output_format(a->call->out, "%s: %s\n", path, what);
}

/* Re-packing finds out that an index is of other lines. */
static int repack_file(struct archive *a, const char *path) {
    bool repacked;
    uint64_t size;
    int error = replace(a, path, copy_repacked);
    if (error != ERR_INVALID || read_index(a, path, true, &repacked, &size) != ERR_NOT_FOUND)
        return error;
    error = replace(a, path, copy_with_index);
    if (!error) a->totals.indexed++;
    return error ? error : replace(a, path, copy_repacked);
}

/* compare: the index with the lines, even if there is nothing to do.  0 or an ERR_; on error the
 * segment is unchanged, or has only been indexed. */
static int archive_file(struct archive *a, const char *path, bool compare) {
    bool repacked = false;
    uint64_t before = 0, after = 0;
    struct file_status status;
    /* A deleted file must not look like one without an index. */
    int error = file_status_of(a->call->files, path, &status);
    if (!error) error = read_index(a, path, compare, &repacked, &before);
    const bool had_index = error == 0;
    if (error == ERR_NOT_FOUND) {
        error = replace(a, path, copy_with_index);
        if (!error) error = read_index(a, path, false, &repacked, &before);
        if (!error) a->totals.indexed++;
        if (!error && a->settings->index_only) print_not_packed(a, path, "indexed");
    }
    if (error || repacked || a->settings->index_only) {
        a->totals.finished += !error && had_index;
        if (!error && had_index)
            print_not_packed(a, path,
                             a->settings->index_only ? "already indexed" : "already re-packed");
        return error;
    }
    error = repack_file(a, path);
    if (error == NOT_SMALLER) {
        print_not_packed(a, path,
                         had_index ? "already as small as possible"
                                   : "indexed; already as small as possible");
        return 0;
    }
    if (!error) error = read_index(a, path, false, &repacked, &after);
    if (error) return error;
    a->totals.repacked++;
    a->totals.bytes_before += before;
    a->totals.bytes_after += after;
    print_packed(a, path, before, after);
    return 0;
}

static void print_totals(struct archive *a) {
    const struct archive_totals *t = &a->totals;
    struct output *out = a->call->out;
    if (a->settings->index_only) {
        output_format(out, "%llu indexed, %llu already indexed", (unsigned long long)t->indexed,
                      (unsigned long long)t->finished);
    } else {
        output_format(out, "%llu re-packed", (unsigned long long)t->repacked);
        if (t->repacked > 0)
            output_format(out, " (%llu bytes into %llu)", (unsigned long long)t->bytes_before,
                          (unsigned long long)t->bytes_after);
        output_format(out, ", %llu already re-packed", (unsigned long long)t->finished);
    }
    if (t->kept > 0)
        output_format(out, ", %llu already as small as possible", (unsigned long long)t->kept);
    if (t->recorded > 0)
        output_format(out, ", %llu recorded in the manifest", (unsigned long long)t->recorded);
    if (t->moved > 0) output_format(out, ", %llu moved", (unsigned long long)t->moved);
    if (t->open > 0) output_format(out, ", %llu live", (unsigned long long)t->open);
    output_text(out, "\n");
}

/* False: it failed and a message was printed. */
static bool archive_segment(struct archive *a, const struct segment_file *segment) {
    if (segment->name.part) {
        a->totals.open++;
        print_not_packed(a, segment->path, "live; skipped");
        return true;
    }
    const int error = archive_file(a, segment->path, segment->named);
    if (error == 0 || error == ERR_NOT_FOUND) return true; /* deleted meanwhile */
    progress_clear(a->progress);
    say("%s: %s%s; skipped", segment->path, error_text(error),
        error == ERR_INVALID ? " (damaged? see logport verify)" : "");
    return false;
}

/* Removes what a killed run has left, in the PATHs and in the folders of these segments. */
static void clear_leftovers(struct archive *a, const struct segment_list *list) {
    const char *last = "";
    size_t last_size = 0;
    for (int i = 0; i < a->call->paths.path_count; i++) {
        (void)leftovers_clear_folder(a->call->files, a->call->paths.paths[i]);
        (void)leftovers_clear_streams(a->call->files, a->call->paths.paths[i]);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const char *path = list->files[i].path;
        const size_t size = (size_t)(path_name(path) - path);
        if (size == last_size && memcmp(path, last, size) == 0) continue; /* the same folder */
        char *folder = folder_of(path);
        (void)leftovers_clear_folder(a->call->files, folder);
        free(folder);
        last = path;
        last_size = size;
    }
}

static int archive_run(struct call *call) {
    const struct archive_settings *settings = call->settings;
    struct archive archive = {.call = call,
                              .settings = settings,
                              .progress = call->paths.progress,
                              .bytes = allocate(COPY_BYTES)};
    struct segment_list list = {0};
    uint64_t total = 0;
    bool ok = list_segments(&call->paths, &list);
    clear_leftovers(&archive, &list);
    for (uint32_t i = 0; i < list.count; i++)
        total += list.files[i].size;
    progress_begin(archive.progress, !settings->verbose, total);
    for (uint32_t i = 0; i < list.count && !output_failed(call->out); i++) {
        if (!archive_segment(&archive, &list.files[i])) ok = false;
        archive.bytes_passed += list.files[i].size;
        progress_step(archive.progress, archive.bytes_passed);
    }
    progress_clear(archive.progress);
    if (!archive_record(call, &list, &archive.totals.recorded)) ok = false;
    if (settings->archive_dir != NULL &&
        !archive_move(call, settings->archive_dir, &archive.totals.moved))
        ok = false;
    const struct archive_totals *t = &archive.totals;
    if (ok || t->indexed + t->repacked + t->kept + t->finished > 0) print_totals(&archive);
    segment_list_free(&list);
    free(archive.bytes);
    return ok ? EXIT_OK : EXIT_ERROR;
}

static const struct option options[] = {
    {.name = "index_only",
     .kind = OPTION_FLAG,
     .field = offsetof(struct archive_settings, index_only),
     .help = "Only create missing indexes; re-pack nothing."},
    {.name = "level",
     .kind = OPTION_COUNT,
     .field = offsetof(struct archive_settings, level),
     .min = 3,
     .max = 12,
     .help = "Compression level (LZ4 HC), 3 to 12.",
     .unset = "4"},
    {.name = "archive_dir",
     .kind = OPTION_TEXT,
     .field = offsetof(struct archive_settings, archive_dir),
     .value = "DIR",
     .help = "Then move the segments to this directory, as a daemon with this option does. PATH "
             "must be a daemon's directory on which no daemon is running."},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .field = offsetof(struct archive_settings, verbose),
     .help = "Report what was done with each file."},
    HELP_OPTION,
};

static const struct archive_settings presets = {.level = REPACK_LEVEL_DEFAULT};

const struct command archive_command = {
    .name = "archive",
    .usage = "[OPTION…] [PATH…]",
    .summary = "Index and re-pack closed segments now.",
    .more =
        "A daemon does this by itself some time after it has closed a segment; this command\n"
        "does it at once, with or without a daemon. A segment is replaced in one step after the\n"
        "new file has been read back and compared: the same lines in the same order at the same\n"
        "positions. Readers are not disturbed. Live segments (.part), segments that are already\n"
        "re-packed, and damaged ones are left alone. The largest segment needs space for a\n"
        "copy. Segments that have moved to an archive are re-packed there. If no daemon is\n"
        "running, segments that are not in the manifest yet are recorded there.\n"
        "\n"
        "Exit code: 0 done, 2 something could not be done.\n"
        "\n"
        "Examples:\n"
        "  logport archive\n"
        "  logport archive -v ./logs/main\n"
        "  logport archive --archive-dir /mnt/cold ./logs\n",
    .options = options,
    .settings_size = sizeof(struct archive_settings),
    .presets = &presets,
    .run = archive_run,
};
