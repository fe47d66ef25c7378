/* archive.c - gives closed segments their index, without a daemon.
 *
 * A closed file is never written to: who reads it has it open, and a crash in the middle must
 * not harm it.  So it is copied beside itself, to NAME.new, the copy gets the index and is synced, and
 * takes the old one's name.  Everybody sees the one file or the other.  A daemon that is at
 * work writes only to its .part files, and those are left to it. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/command.h"
#include "tools/read.h"
#include "writer/index.h"

#define COPY_BYTES (1u << 20)

struct archive_settings {
    struct common_settings common;
    bool verbose;
};

struct tally {
    uint64_t indexed, had_one, open;
    uint64_t index_bytes;
};

struct archive {
    struct call *call;
    struct tally tally;
    uint8_t *bytes; /* COPY_BYTES */
};

static int copy(struct archive *a, struct file *from, struct file *to) {
    int error = file_truncate(to, 0);    /* what an interrupted try has left */
    for (uint64_t offset = 0; !error;) { /* ends: the file does */
        const int64_t got = file_read_at(from, a->bytes, COPY_BYTES, offset);
        if (got <= 0) return (int)got;
        error = file_write_at(to, a->bytes, (size_t)got, offset);
        offset += (uint64_t)got;
    }
    return error;
}

static int copy_with_index(struct archive *a, struct file *from, struct file *to) {
    struct segment_index index;
    int error = copy(a, from, to);
    if (!error && index_load(to, &index) == 0) { /* it is damaged: another */
        error = file_truncate(to, index.data_size);
        index_free(&index);
    }
    if (!error) error = index_append(to, NULL);
    if (!error) error = file_sync(to);
    if (!error) error = index_load(to, &index);
    if (error) return error;
    a->tally.index_bytes += index.index_bytes;
    index_free(&index);
    return 0;
}

/* `path` as far as its last separator; free() it. */
static char *folder_of(const char *path) {
    const size_t size = (size_t)(segment_file_name(path) - path);
    char *folder = allocate(size + 2);
    memcpy(folder, size > 0 ? path : ".", size > 0 ? size : 1);
    folder[size > 0 ? size : 1] = '\0';
    return folder;
}

/* Locks the copy, so that two of us do not write one.  Another may have finished it and given it the
 * segment's name between our opening and our locking it: then it is not the copy any more. */
static int lock_copy(struct archive *a, const char *copy_path, struct file *to) {
    struct file_status locked, named;
    int error = file_lock(a->call->files, copy_path, to);
    if (error) return error;
    error = file_status(to, &locked);
    if (!error) error = file_status_of(a->call->files, copy_path, &named);
    if (error == ERR_NOT_FOUND || (!error && locked.id != named.id)) error = ERR_BUSY;
    if (error) file_close(to);
    return error;
}

/* The lock is kept until the copy has the segment's name. */
static int replace(struct archive *a, struct file *from, const char *path) {
    struct files *files = a->call->files;
    struct file_status status;
    const size_t size = strlen(path);
    char *copy_path = allocate(size + sizeof ".new"), *folder = folder_of(path);
    memcpy(copy_path, path, size);
    memcpy(copy_path + size, ".new", sizeof ".new");
    struct file to;
    int error = lock_copy(a, copy_path, &to);
    if (!error) {
        error = copy_with_index(a, from, &to);
        /* Retention may have deleted it meanwhile: it must not come back. */
        if (!error) error = file_status_of(files, path, &status);
        file_close(from); /* on Windows an open file cannot be replaced */
        if (!error) error = file_rename(files, copy_path, path);
        if (error) (void)file_remove(files, copy_path);
        file_close(&to);
        if (!error) error = directory_sync(files, folder);
    }
    free(copy_path);
    free(folder);
    return error;
}

/* 0, or an ERR_ with which it stayed as it was. */
static int archive_file(struct archive *a, const struct segment_file *segment) {
    struct file file;
    uint64_t offset;
    int error = file_open(a->call->files, segment->path, FILE_READ, &file);
    if (error) return error;
    error = index_check(&file, &offset);
    if (error == 0) {
        a->tally.had_one++;
    } else if (error == ERR_NOT_FOUND || error == ERR_INVALID) {
        error = replace(a, &file, segment->path);
        if (!error) a->tally.indexed++;
    }
    file_close(&file);
    return error;
}

static void tell(struct archive *a) {
    const struct tally *t = &a->tally;
    output_format(a->call->out, "%llu indexed (%llu bytes), %llu had an index",
                  (unsigned long long)t->indexed, (unsigned long long)t->index_bytes,
                  (unsigned long long)t->had_one);
    if (t->open > 0) output_format(a->call->out, ", %llu still open", (unsigned long long)t->open);
    output_text(a->call->out, "\n");
}

static int archive_run(struct call *call) {
    const struct archive_settings *settings = call->settings;
    struct archive archive = {.call = call, .bytes = allocate(COPY_BYTES)};
    struct segment_list list = {0};
    bool well = list_segments(call, &list);
    for (uint32_t i = 0; i < list.count && !output_failed(call->out); i++) {
        const struct segment_file *segment = &list.files[i];
        if (segment->name.part) {
            archive.tally.open++;
            continue;
        }
        const uint64_t before = archive.tally.indexed;
        const int error = archive_file(&archive, segment);
        if (error == ERR_NOT_FOUND) continue; /* deleted meanwhile */
        if (error) {
            say("%s: %s%s; left as it is", segment->path, error_text(error),
                error == ERR_INVALID ? " (damaged? logport verify tells)" : "");
            well = false;
        } else if (settings->verbose && archive.tally.indexed > before) {
            output_format(call->out, "%s: indexed\n", segment->path);
        }
    }
    if (well || archive.tally.indexed + archive.tally.had_one > 0) tell(&archive);
    segment_list_free(&list);
    free(archive.bytes);
    return well ? EXIT_FINE : EXIT_TROUBLE;
}

static const struct option options[] = {
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .field = offsetof(struct archive_settings, verbose),
     .help = "name each file that gets an index"},
    HELP_OPTION,
};

const struct command archive_command = {
    .name = "archive",
    .usage = "[-v] [PATH…]",
    .summary = "Give closed segments their index now, so that search can skip in them.",
    .more =
        "A daemon does so whenever it closes a segment; this is for files that have none: from\n"
        "an earlier version, closed while the disk was full, or whose index is damaged. A file\n"
        "is replaced in one step by a copy that has the index, with the same lines at the same\n"
        "positions; readers and a running daemon are not disturbed. Files that are being written\n"
        "(.part) and those that have an index are left alone. It needs room for one copy.\n"
        "Exit code: 0 all have an index, 2 something could not be done.\n"
        "\n"
        "Examples:\n"
        "  logport archive\n"
        "  logport archive -v ./logs/main\n",
    .options = options,
    .settings_size = sizeof(struct archive_settings),
    .run = archive_run,
};
