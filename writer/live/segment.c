/* segment.c - opens, cuts and closes segment files.  The sequence is stored before the file that
 * uses it is made, so that no crash can make two segments with one sequence.  Closing is a list of
 * steps, each of which may fail and be tried again. */
#include "writer/live/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/index/index.h"
#include "writer/segment/frame.h"

#define SEQUENCE_TEXT_MAX 64

int sequence_read(struct files *files, const char *path, uint64_t *sequence) {
    char *text, *end;
    size_t size;
    *sequence = 0;
    const int error = file_read_all(files, path, SEQUENCE_TEXT_MAX, &text, &size);
    if (error) return error == ERR_TOO_LARGE ? ERR_INVALID : error;
    const unsigned long long value = strtoull(text, &end, 10);
    const bool digits = text[0] >= '0' && text[0] <= '9' && strchr(end, '\n') != NULL;
    /* An operator may have written it: with blanks, or with "\r\n". */
    const bool whole = end + strspn(end, " \r\n") == text + size;
    free(text);
    if (!digits || !whole || value > SEQUENCE_CONTINUED_MAX) return ERR_INVALID;
    *sequence = value;
    return 0;
}

static int sequence_write(struct segment *segment) {
    char text[32];
    const int size =
        snprintf(text, sizeof text, "%llu\n", (unsigned long long)segment->name.sequence);
    return file_replace(segment->files, segment->state_path, text, (size_t)size, false);
}

static int segment_path(const struct segment *segment, bool part, char *path) {
    struct segment_name name = segment->name;
    name.part = part;
    char text[SEGMENT_NAME_MAX];
    return path_join(path, segment->folder, segment_name_format(&name, text), NULL)
               ? 0
               : ERR_NAME_TOO_LONG;
}

int segment_open(struct segment *segment) {
    /* An operator may have deleted folders: they are made again. */
    segment->failing = segment->folder;
    int made = directory_make(segment->files, segment->folder);
    if (!made) segment->failing = segment->state_folder;
    if (!made) made = directory_make(segment->files, segment->state_folder);
    if (made) return made;
    for (;;) { /* ends: sequences are finite, and so are the files of a folder */
        if (segment->name.sequence > SEGMENT_SEQUENCE_MAX) return ERR_TOO_LARGE;
        segment->failing = segment->state_path;
        int error = sequence_write(segment);
        if (!error) error = segment_path(segment, true, segment->path);
        if (error) return error;
        segment->failing = segment->path;
        error = file_open(segment->files, segment->path, FILE_WRITE_NEW, &segment->file);
        if (error != ERR_EXISTS) return error;
        segment->name.sequence++;
    }
}

int segment_enter(struct segment *segment) {
    if (segment->entered) return 0;
    const int error = directory_sync(segment->files, segment->folder);
    if (error && error != ERR_NOT_FOUND) return error; /* a missing folder is noticed later */
    segment->entered = true;
    return 0;
}

/* What a program has cut off reads as zeros after the next append. */
static bool holds_zeros(struct segment *segment, uint64_t offset) {
    uint8_t bytes[FRAME_COVER_BYTES] = {1};
    static const uint8_t zeros[FRAME_COVER_BYTES];
    const int64_t got = file_read_at(&segment->file, bytes, sizeof bytes, offset);
    return got == (int64_t)sizeof bytes && memcmp(bytes, zeros, sizeof bytes) == 0;
}

int64_t segment_look(struct segment *segment, uint64_t mark) {
    struct file_status open, named;
    int error = file_status(&segment->file, &open);
    if (!error) error = file_status_of(segment->files, segment->path, &named);
    if (!error && open.id != named.id) error = ERR_NOT_FOUND;
    if (error) return error == ERR_NOT_FOUND ? error : ERR_IO;
    return holds_zeros(segment, mark) ? ERR_INVALID : (int64_t)open.size;
}

void segment_say_shortened(const struct segment *segment, uint64_t written, int64_t looked) {
    char to[40] = "";
    if (looked >= 0) snprintf(to, sizeof to, " to %lld", (long long)looked);
    say("%s: was shortened by another program, from %llu bytes%s; it stays .part, and the next "
        "start recovers what is left; continuing in a new segment",
        segment->path, (unsigned long long)written, to);
}

/* A cover is within one page, so it is there or it is not. */
static enum segment_rest cover_again(struct segment *segment) {
    uint8_t first[FRAME_COVER_BYTES], found[FRAME_COVER_BYTES];
    struct frame_header header;
    frame_cover(segment->rest_size, first);
    if (!file_write_at(&segment->file, first, sizeof first, segment->size)) return REST_COVERED;
    const int64_t got = file_read_at(&segment->file, found, sizeof found, segment->size);
    if (got < 0) return REST_DOUBTFUL;
    if (got < (int64_t)sizeof found) return REST_COVERED; /* too short to be a frame */
    const int error = frame_header(found, sizeof found, &header);
    if (!error && header.magic == FRAME_MAGIC_COVER) return REST_COVERED;
    return error == ERR_CLOSED ? REST_SHOWN : REST_DOUBTFUL; /* a data frame's header is longer */
}

int segment_cut(struct segment *segment) {
    if (segment->rest == REST_NONE || segment->rest == REST_SHOWN) return 0;
    const int error = file_truncate(&segment->file, segment->size);
    if (!error)
        segment->rest = REST_NONE;
    else if (segment->rest == REST_DOUBTFUL)
        segment->rest = cover_again(segment);
    return error;
}

/* ---- closing ---- */

/* The lines are synced.  A failure from here on loses the index, never the lines: it is cut off
 * again, and the keeper or `logport archive` makes it later. */
bool segment_add_index(struct file *file, const char *path, uint64_t size,
                       const struct span *after_lid) {
    const struct index_options options = {.rest = after_lid};
    int error = index_append(file, &options);
    if (!error) error = file_sync(file);
    if (!error) return true;
    say("%s: index: %s; closing it without one", path, error_text(error));
    (void)file_truncate(file, size);
    return false;
}

bool segment_left(const struct segment *segment) {
    const bool left = segment->suspect || segment->uncut || segment->shortened;
    return left && !segment->gone && segment->size > 0;
}

/* The last look was up to a second ago.  A status that cannot be read is no reason not to close. */
static void look_at_size(struct segment *segment) {
    struct file_status status;
    if (segment->shortened || segment->gone || file_status(&segment->file, &status)) return;
    segment->shortened = status.size < segment->size;
    if (segment->shortened) segment_say_shortened(segment, segment->size, (int64_t)status.size);
}

static int step_cut(struct segment *segment) {
    look_at_size(segment);
    /* A cut would make a shortened file longer. */
    const int error = segment->size > 0 && !segment->shortened ? segment_cut(segment) : 0;
    return segment->uncut ? 0 : error;
}

static int step_enter(struct segment *segment) {
    if (segment->suspect || segment->gone || segment->size == 0) return 0;
    const int error = segment_enter(segment);
    return segment->uncut ? 0 : error;
}

static int step_sync(struct segment *segment) {
    if (segment->suspect || segment->size == 0) return 0;
    const int error = file_sync(&segment->file);
    if (error) segment->suspect = true; /* see segment.h: never synced twice */
    return error;
}

static void step_index(struct segment *segment) {
    if (segment_left(segment) || segment->gone || segment->size == 0) return;
    if (segment->raw_size > SEGMENT_INDEX_AT_ONCE_BYTES) return;
    segment->indexed =
        segment_add_index(&segment->file, segment->path, segment->size, &segment->after_lid);
}

static int name_finally(struct segment *segment) {
    if (segment->size == 0) return file_remove(segment->files, segment->path);
    char final[PATH_BYTES_MAX];
    int error = segment_path(segment, false, final);
    if (!error) error = file_rename(segment->files, segment->path, final);
    if (error) return error;
    segment->name.part = false;
    memcpy(segment->path, final, sizeof final);
    return 0;
}

static int step_rename(struct segment *segment) {
    if (segment->gone || segment_left(segment)) return 0;
    const int error = name_finally(segment);
    if (error != ERR_NOT_FOUND) return error;
    say("%s: was deleted or moved before it was closed, with %llu lines", segment->path,
        (unsigned long long)segment->lines);
    segment->gone = true;
    return 0;
}

struct folder {
    const struct segment *segment;
    uint64_t bytes;
    uint64_t oldest;
    char oldest_path[PATH_BYTES_MAX];
};

static bool weigh_entry(void *context, const char *entry, bool directory) {
    struct folder *folder = context;
    struct segment_name name;
    struct file_status status;
    char path[PATH_BYTES_MAX];
    if (directory || !segment_name_parse(entry, &name)) return true;
    if (!path_join(path, folder->segment->folder, entry, NULL)) return true;
    if (file_status_of(folder->segment->files, path, &status)) return true;
    if (status.directory || status.special) return true; /* no file: not ours to delete */
    folder->bytes += status.size;
    if (!name.part && name.sequence < folder->oldest) {
        folder->oldest = name.sequence;
        memcpy(folder->oldest_path, path, sizeof path);
    }
    return true;
}

/* The oldest go first, never the one that was just closed. */
static int step_limit(struct segment *segment) {
    if (!segment->folder_bytes_max) return 0;
    for (;;) { /* ends: each turn removes a file or returns */
        struct folder folder = {.segment = segment, .oldest = UINT64_MAX};
        int error = directory_list(segment->files, segment->folder, weigh_entry, &folder);
        if (error) return error;
        if (folder.bytes <= segment->folder_bytes_max || folder.oldest >= segment->name.sequence)
            return 0;
        error = file_remove(segment->files, folder.oldest_path);
        if (error == ERR_BUSY) return 0; /* a program reads it; the next closing deletes it */
        if (error) return error;
        say_info("%s: deleted: the oldest segment of %s, whose limit is %llu bytes",
                 folder.oldest_path, segment->folder,
                 (unsigned long long)segment->folder_bytes_max);
    }
}

int segment_close(struct segment *segment) {
    while (segment->step != CLOSE_DONE) {
        int error = 0;
        switch (segment->step) {
        case CLOSE_CUT: error = step_cut(segment); break;
        case CLOSE_ENTER: error = step_enter(segment); break;
        case CLOSE_SYNC: error = step_sync(segment); break;
        case CLOSE_INDEX: step_index(segment); break;
        case CLOSE_FILE: file_close(&segment->file); break;
        case CLOSE_RENAME: error = step_rename(segment); break;
        case CLOSE_DIRECTORY:
            if (!segment->gone) error = directory_sync(segment->files, segment->folder);
            break;
        case CLOSE_LIMIT: error = step_limit(segment); break;
        case CLOSE_DONE: break;
        }
        if (error) return error;
        segment->step++;
    }
    return 0;
}
