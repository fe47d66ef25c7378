/* move.c - see move.h. */
#include "writer/keep/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/segment/leftovers.h"

#define PIECE_BYTES (256u << 10)

struct segment_move {
    struct move *move;
    char from_folder[PATH_BYTES_MAX], from[PATH_BYTES_MAX];
    char to_folder[PATH_BYTES_MAX], to[PATH_BYTES_MAX];
    char copy[PATH_BYTES_MAX];
    bool next_to_name; /* the copy is */
    uint8_t *bytes;    /* two pieces */
    struct manifest_work work;
    uint64_t id; /* file id of the original that was copied */
};

/* A copy that has its name is not given up: another move would not know of it. */
static bool stopped(const struct segment_move *m) {
    const atomic_bool *stop = m->work.naming ? NULL : m->move->stop;
    return (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed)) ||
           atomic_load_explicit(&m->work.deleted, memory_order_relaxed);
}

static bool find_paths(struct segment_move *m, const struct segment_name *name) {
    const struct move *move = m->move;
    char file[SEGMENT_NAME_MAX], copy[STREAM_NAME_MAX + 16];
    segment_name_format(name, file);
    snprintf(copy, sizeof copy, "%s.copy", name->stream);
    return path_join(m->from_folder, move->directory, name->stream, NULL) &&
           path_join(m->from, move->directory, name->stream, file) &&
           path_join(m->to_folder, move->archive, name->stream, NULL) &&
           path_join(m->to, move->archive, name->stream, file) &&
           path_join(m->copy, move->archive, "state", copy);
}

/* The copy must be on the volume of its final name.  If the stream's folder in the archive is a link
 * to another volume than the archive's state folder, it is written next to that name. */
static int copy_next_to_name(struct segment_move *m) {
    if (strlen(m->to) + sizeof LEFTOVERS_COPY > sizeof m->copy) return ERR_NAME_TOO_LONG;
    strcat(strcpy(m->copy, m->to), LEFTOVERS_COPY);
    m->next_to_name = true;
    return 0;
}

/* ---- the copy ---- */

/* An error of reading is not of_archive. */
static int copy_bytes(struct segment_move *m, struct file *from, struct file *to) {
    for (uint64_t offset = 0;;) { /* ends: the file does */
        if (stopped(m)) return ERR_CANCELLED;
        lane_progress_made(m->move->progress);
        const int64_t got = file_read_at(from, m->bytes, PIECE_BYTES, offset);
        if (got < 0) m->move->of_archive = false;
        if (got <= 0) return (int)got;
        const int error = file_write_at(to, m->bytes, (size_t)got, offset);
        if (error) return error;
        offset += (uint64_t)got;
    }
}

/* 0: the same bytes; ERR_INVALID: others. */
static int compare_bytes(struct segment_move *m, struct file *from, struct file *to) {
    uint8_t *other = m->bytes + PIECE_BYTES;
    for (uint64_t offset = 0;;) { /* ends: the file does */
        if (stopped(m)) return ERR_CANCELLED;
        lane_progress_made(m->move->progress);
        const int64_t got = file_read_at(from, m->bytes, PIECE_BYTES, offset);
        if (got < 0) m->move->of_archive = false;
        if (got < 0) return (int)got;
        const int64_t had = file_read_at(to, other, PIECE_BYTES, offset);
        if (had < 0) return (int)had;
        if (got != had || memcmp(m->bytes, other, (size_t)got) != 0) return ERR_INVALID;
        if (got == 0) return 0;
        offset += (uint64_t)got;
    }
}

/* Next to the segments, `logport archive` removes what a killed process has left, unless it is locked
 * (leftovers.h).  Where a volume has no locks, that cannot lock it either, and leaves it. */
static int open_copy(struct segment_move *m, struct file *to) {
    struct files *files = m->move->files;
    int error = m->next_to_name ? leftovers_lock(files, m->copy, to) : ERR_NO_LOCKS;
    if (error == ERR_BUSY) m->move->of_archive = false; /* it is just being removed */
    if (error != ERR_NO_LOCKS && error != ERR_UNSUPPORTED) {
        if (!error) error = file_truncate(to, 0);
        if (error) file_close(to);
        return error;
    }
    error = file_remove(files, m->copy); /* a crash may have left it */
    if (error && error != ERR_NOT_FOUND) return error;
    return file_open(files, m->copy, FILE_WRITE_NEW, to);
}

/* *to: the copy, open even after an error. */
static int fill_copy(struct segment_move *m, struct file *from, struct file *to) {
    int error = copy_bytes(m, from, to);
    if (!error) file_permissions_like(to, from);
    if (!error) error = file_sync(to);
    if (!error) error = compare_bytes(m, from, to);
    return error == ERR_INVALID ? ERR_IO : error; /* it reads back differently */
}

/* With other bytes, but the same lines, one of the two was re-packed since. */
static int has_same_lines(const struct segment_move *m, bool *same) {
    struct manifest_record here, there;
    int error = manifest_describe(m->move->files, m->from, &here);
    if (!error) error = manifest_describe(m->move->files, m->to, &there);
    *same = !error && here.lines == there.lines && here.xxh3 == there.xxh3;
    return error;
}

/* *there: an earlier move has already put the same file into the archive.  ERR_EXISTS: a segment
 * with other lines has its name there, for example from a copied log directory; it is kept. */
static int is_there(struct segment_move *m, struct file *from, bool *there) {
    struct file to;
    struct file_status here, status;
    *there = false;
    int error = file_open(m->move->files, m->to, FILE_READ, &to);
    if (error) return error == ERR_NOT_FOUND ? 0 : error;
    error = file_status(&to, &status);
    if (!error) error = file_status(from, &here);
    if (!error && status.size == here.size) {
        error = compare_bytes(m, from, &to);
        *there = error == 0;
        if (error == ERR_INVALID) error = 0;
    }
    file_close(&to);
    bool same = true;
    if (!error && !*there) error = has_same_lines(m, &same);
    if (same) return error;
    m->move->of_archive = false;
    return error ? error : ERR_EXISTS;
}

/* From now on the segment may be in both places: if it is deleted from the log directory, this move
 * removes the copy.  ERR_NOT_FOUND: it was deleted already. */
static int begin_naming(struct segment_move *m, const struct segment_name *name) {
    struct file_status status;
    int error = manifest_lock(m->move->manifest);
    if (error) return error;
    error = file_status_of(m->move->files, m->from, &status);
    if (!error && status.id != m->id) error = ERR_BUSY;
    if (!error) error = manifest_note_copy_locked(m->move->manifest, name);
    m->work.naming = !error;
    if (error) m->move->of_archive = false;
    manifest_unlock(m->move->manifest);
    return error;
}

/* Compares again under the final name: two daemons that use one archive by mistake share the
 * temporary file too, so the renamed file need not be the compared one. */
static int name_copy(struct segment_move *m, struct file *from) {
    bool there = false;
    int error = file_rename(m->move->files, m->copy, m->to);
    if (error) return error;
    m->move->of_archive = false; /* other moves may continue if this one fails */
    error = is_there(m, from, &there);
    return error || there ? error : ERR_IO;
}

/* Two mounts of one file system look alike: then the rename fails, and the copy is made again. */
static bool crosses_volumes(const struct segment_move *m) {
    struct volume_space state, folder;
    char path[PATH_BYTES_MAX];
    return path_join(path, m->move->archive, "state", NULL) &&
           free_space(m->move->files, path, &state) == 0 &&
           free_space(m->move->files, m->to_folder, &folder) == 0 && state.volume != folder.volume;
}

static int copy_and_name(struct segment_move *m, const struct segment_name *name,
                         struct file *from) {
    struct file to = {0};
    int error = open_copy(m, &to);
    if (error) return error;
    error = fill_copy(m, from, &to);
    if (!m->next_to_name) file_close(&to); /* else it is locked until it has its name */
    if (!error && stopped(m)) error = ERR_CANCELLED;
    if (!error) error = begin_naming(m, name);
    if (!error) error = name_copy(m, from);
    if (error) (void)file_remove(m->move->files, m->copy);
    file_close(&to);
    return error;
}

/* Stores the segment in the archive under its name, so that it survives a power failure. */
static int bring_there(struct segment_move *m, const struct segment_name *name) {
    struct files *files = m->move->files;
    struct file from;
    struct file_status status;
    bool there;
    int error = file_open(files, m->from, FILE_READ, &from);
    if (error) return error;
    error = file_status(&from, &status);
    m->id = status.id;
    m->move->of_archive = !error;
    if (!error) error = directory_make(files, m->to_folder);
    if (!error) error = directory_sync_above(files, m->to_folder); /* it may have existed */
    if (!error) error = is_there(m, &from, &there);
    if (!error && !there) {
        if (crosses_volumes(m)) error = copy_next_to_name(m);
        if (!error) error = copy_and_name(m, name, &from);
        const bool again = error == ERR_OTHER_VOLUME && !m->next_to_name;
        if (again) error = copy_next_to_name(m);
        if (again && !error) error = copy_and_name(m, name, &from);
    } else if (!error) {
        error = begin_naming(m, name);
    }
    file_close(&from);
    const int synced = error ? error : directory_sync(files, m->to_folder);
    m->move->of_archive = synced && (!error || m->move->of_archive);
    return synced;
}

/* ---- the manifest, and the original ---- */

/* The record to append; its event is MANIFEST_NONE if the manifest has it already. */
static int find_record(struct segment_move *m, const struct segment_name *name,
                       struct manifest_record *record) {
    const struct move *move = m->move;
    int error = manifest_find(move->manifest, name->stream, name->sequence, record);
    const bool moved =
        !error && (record->event == MANIFEST_MOVED || record->event == MANIFEST_HANDED);
    if (moved && strcmp(record->folder, m->to_folder) == 0) {
        record->event = MANIFEST_NONE;
        return manifest_make_durable(move->manifest); /* an earlier process may have appended it */
    }
    if (error && error != ERR_NOT_FOUND && error != ERR_INVALID) return error;
    /* It may have been re-packed since its last line. */
    error = manifest_describe(move->files, m->from, record);
    record->event = MANIFEST_MOVED;
    record->time_ns = move->now_ns;
    strcpy(record->folder, m->to_folder);
    return error;
}

/* Records the move and deletes the original, unless that was deleted or re-packed meanwhile. */
static int take_over(struct segment_move *m, const struct manifest_record *record) {
    struct files *files = m->move->files;
    struct file_status status;
    int error = manifest_lock(m->move->manifest);
    if (error) return error;
    error = file_status_of(files, m->from, &status);
    if (!error && status.id != m->id) error = ERR_BUSY;
    if (!error && record->event != MANIFEST_NONE)
        error = manifest_append_locked(m->move->manifest, record);
    if (!error) error = file_remove(files, m->from);
    manifest_unlock(m->move->manifest);
    return error ? error : directory_sync(files, m->from_folder);
}

/* The original was deleted after its copy got its name: removes the copy, and appends the last line
 * of the deletion, which is left to this move (manifest_work.naming). */
static int take_back(struct segment_move *m, const struct segment_name *name) {
    struct manifest_record record;
    struct manifest *manifest = m->move->manifest;
    int error = file_remove(m->move->files, m->to);
    if (error == ERR_NOT_FOUND) error = 0;
    if (!error) error = directory_sync(m->move->files, m->to_folder);
    if (error) return error; /* retention does it when it lists the archive again */
    error = manifest_lock(manifest);
    if (error) return error;
    m->work.naming = false;
    error = manifest_find_locked(manifest, name->stream, name->sequence, &record);
    /* After a change of the archive, a second move may have named a copy in another one. */
    const bool last = !manifest_naming_locked(manifest, name);
    if (!error && last && record.event == MANIFEST_DELETING) {
        record.event = MANIFEST_DELETED;
        record.time_ns = m->move->now_ns;
        error = manifest_append_locked(manifest, &record);
    }
    manifest_unlock(manifest);
    return error;
}

/* Another move to the same archive, under another name, has finished: its file is ours. */
static bool is_the_moved_one(struct segment_move *m, const struct segment_name *name) {
    struct manifest_record record;
    struct file_status ours, moved;
    char path[PATH_BYTES_MAX], file[SEGMENT_NAME_MAX];
    if (manifest_find(m->move->manifest, name->stream, name->sequence, &record)) return false;
    if (record.event != MANIFEST_MOVED && record.event != MANIFEST_HANDED) return false;
    if (!path_join(path, record.folder, segment_name_format(name, file), NULL)) return false;
    return file_status_of(m->move->files, m->to, &ours) == 0 &&
           file_status_of(m->move->files, path, &moved) == 0 && ours.id == moved.id;
}

/* The original is gone.  known: the manifest has the move already, so that a missing original is
 * expected, unless retention has deleted the segment. */
static int was_deleted(struct segment_move *m, const struct segment_name *name, bool known) {
    const enum manifest_event event =
        manifest_state(m->move->manifest, name->stream, name->sequence, NULL);
    if (known && event != MANIFEST_DELETING && event != MANIFEST_DELETED) return 0;
    const int error = m->work.naming && !is_the_moved_one(m, name) ? take_back(m, name) : 0;
    return error ? error : ERR_NOT_FOUND;
}

static int claim(struct move *move) {
    struct archives *archives = malloc(sizeof *archives);
    if (archives == NULL) return ERR_NO_MEMORY;
    bool remembered = false;
    int error = manifest_lock(move->manifest);
    if (!error) {
        error = archives_prepare(move->files, move->directory, move->archive, move->chance,
                                 archives, &remembered);
        manifest_unlock(move->manifest);
    }
    if (!error) error = archives_mark(move->files, archives, move->archive, remembered);
    if (!error && !remembered) error = manifest_lock(move->manifest);
    if (!error && !remembered) {
        error = archives_remember(move->files, move->directory, move->archive, archives);
        manifest_unlock(move->manifest);
    }
    free(archives);
    return error;
}

static int move_it(struct segment_move *m, const struct segment_name *name) {
    struct move *move = m->move;
    struct manifest_record record;
    int error = claim(move);
    lane_progress_made(move->progress);
    if (error) return error;
    move->of_archive = false;
    error = bring_there(m, name);
    lane_progress_made(move->progress);
    record.event = MANIFEST_DELETED;
    if (!error) error = find_record(m, name, &record);
    if (!error) error = take_over(m, &record);
    if (!move->of_archive && (error == ERR_NOT_FOUND || atomic_load(&m->work.deleted)))
        error = was_deleted(m, name, record.event == MANIFEST_NONE);
    return error;
}

int move_segment(struct move *move, const struct segment_name *name) {
    struct segment_move m = {
        .move = move, .bytes = malloc(2 * PIECE_BYTES), .work = {.name = *name}};
    move->of_archive = true;
    int error = m.bytes == NULL ? ERR_NO_MEMORY : find_paths(&m, name) ? 0 : ERR_NAME_TOO_LONG;
    if (!error) {
        manifest_work_begin(move->manifest, &m.work);
        error = move_it(&m, name);
        manifest_work_end(move->manifest, &m.work);
    }
    free(m.bytes);
    return error;
}

const char *move_error_text(int error) {
    return error == ERR_EXISTS ? "other lines have its name in the archive" : error_text(error);
}

int move_clear(struct files *files, const char *directory, const char *archive,
               const char *stream) {
    char path[PATH_BYTES_MAX], copy[STREAM_NAME_MAX + 16];
    snprintf(copy, sizeof copy, "%s.copy", stream);
    if (!path_join(path, archive, "state", copy)) return ERR_NAME_TOO_LONG;
    struct archives *archives = malloc(sizeof *archives);
    if (archives == NULL) return ERR_NO_MEMORY;
    int error = archives_read(files, directory, archives);
    if (!error) error = archives_check(files, archives, archive);
    free(archives);
    if (error) return error;
    error = file_remove(files, path);
    return error == ERR_NOT_FOUND ? 0 : error;
}
