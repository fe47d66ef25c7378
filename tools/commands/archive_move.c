/* archive_move.c - see archive_move.h. */
#include "tools/commands/archive_move.h"

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/manifest.h"
#include "writer/keep/move.h"
#include "writer/segment/archives.h"
#include "writer/segment/segment_list.h"

struct archive_moves {
    const struct call *call;
    const char *directory, *archive;
    struct manifest *manifest;
    uint8_t chance[ARCHIVES_ID_BYTES];
    uint64_t *moved;
};

/* If the archive itself fails, no further segment is tried. */
static bool move_one(struct archive_moves *m, const struct segment_file *file, bool *try_next) {
    struct move move = {.files = m->call->files,
                        .manifest = m->manifest,
                        .directory = m->directory,
                        .archive = m->archive,
                        .chance = m->chance,
                        .now_ns = system_wall_ns()};
    const int error = move_segment(&move, &file->name);
    *m->moved += error == 0;
    if (error == 0 || (error == ERR_NOT_FOUND && !move.of_archive)) return true;
    *try_next = !move.of_archive;
    if (move.of_archive)
        say("archive %s: %s; nothing more is moved", m->archive, archives_error_text(error));
    else
        say("%s: %s; not moved", file->path, move_error_text(error));
    return false;
}

static bool move_all(struct archive_moves *m) {
    struct segment_list list = {0};
    int error = manifest_open(m->call->files, m->directory, &m->manifest);
    if (!error) error = segment_list_add(m->call->files, m->directory, &list);
    if (error) say("%s: %s", m->directory, error_text(error));
    bool ok = error == 0, try_next = true;
    for (uint32_t i = 0; i < list.count && try_next && !error; i++) {
        const struct segment_file *file = &list.files[i];
        if (file->name.part || file->name.stream[0] == '\0') continue;
        if (!move_one(m, file, &try_next)) ok = false;
    }
    segment_list_free(&list);
    manifest_close(m->manifest);
    m->manifest = NULL;
    return ok;
}

/* A daemon holds this lock while it runs. */
static bool move_directory(struct archive_moves *m) {
    char path[PATH_BYTES_MAX], state[PATH_BYTES_MAX];
    struct files *files = m->call->files;
    struct file_status there;
    struct file lock;
    int error = path_join(state, m->directory, "state", NULL) &&
                        path_join(path, m->directory, "state", "lock")
                    ? file_status_of(files, state, &there)
                    : ERR_NAME_TOO_LONG;
    if (error == ERR_NOT_FOUND || error == ERR_NOT_DIRECTORY) {
        say("%s: not a daemon's directory, which --archive-dir needs; nothing is moved",
            m->directory);
        return false;
    }
    if (!error) error = file_lock(files, path, &lock);
    if (error == ERR_LOCKED)
        say("%s: a daemon is running on this directory; set its archive_dir instead", m->directory);
    else if (error)
        say("%s: %s", path, error_text(error));
    if (error) return false;
    const bool ok = move_all(m);
    file_close(&lock);
    return ok;
}

bool archive_move(const struct call *call, const char *archive, uint64_t *moved) {
    char path[PATH_BYTES_MAX];
    struct archive_moves m = {.call = call, .archive = path, .moved = moved};
    const int error = system_absolute_path(archive, path, sizeof path);
    if (error) {
        say("--archive-dir: %s", error_text(error));
        return false;
    }
    system_random(m.chance, sizeof m.chance);
    bool ok = true;
    for (int i = 0; i < call->paths.path_count; i++) {
        m.directory = call->paths.paths[i];
        if (!move_directory(&m)) ok = false;
    }
    return ok;
}
