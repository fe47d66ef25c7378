/* tail_list.c - lists the files for tail, and finds which of them belong to which stream. */
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/tail_internal.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"

/* Folders are listed half as often as files are read; listing a large folder takes at most
 * 1/LIST_SHARE of the time, unless that means waiting longer than LIST_PAUSE_NS_MAX. */
#define LIST_POLLS        2
#define LIST_SHARE        20
#define LIST_PAUSE_NS_MAX INT64_C(2000000000)

/* The folder that a stream's segments share, including archived ones; returns its length. */
static size_t home_of(const struct segment_file *file, const char **home) {
    *home = file->home != NULL ? file->home : file->path;
    if (file->home != NULL) return strlen(file->home);
    return (size_t)(path_name(file->path) - file->path);
}

/* Folder and stream name, or the path of a file that is not a segment. */
static char *key_of(const struct segment_file *file) {
    const char *home;
    if (file->name.stream[0] == '\0') return copy_text(file->path, strlen(file->path));
    const size_t size = home_of(file, &home), more = strlen(file->name.stream);
    char *key = allocate(size + more + 1);
    memcpy(key, home, size);
    memcpy(key + size, file->name.stream, more + 1);
    return key;
}

bool tail_belongs(const struct tailed *t, const struct segment_file *file) {
    const char *home;
    if (file->name.stream[0] == '\0') return strcmp(t->key, file->path) == 0;
    const size_t size = home_of(file, &home);
    return strncmp(t->key, home, size) == 0 && strcmp(t->key + size, file->name.stream) == 0;
}

static struct tailed *find_tailed(struct tail *tail, const struct segment_file *file) {
    for (uint32_t i = 0; i < tail->count; i++)
        if (tail_belongs(&tail->tailed[i], file)) return &tail->tailed[i];
    return NULL;
}

static void add_tailed(struct tail *tail, const struct segment_file *file) {
    if (tail->count == tail->room) {
        tail->room = tail->room > 0 ? tail->room * 2 : 8;
        tail->tailed = reallocate(tail->tailed, tail->room * sizeof *tail->tailed);
    }
    struct tailed *t = &tail->tailed[tail->count++];
    memset(t, 0, sizeof *t);
    t->key = key_of(file);
    t->left = UINT64_MAX;
    t->last_ns = INT64_MIN;
}

/* The oldest segment newer than the open one, or NULL. */
const struct segment_file *tail_newer(const struct tail *tail, const struct tailed *t) {
    const struct segment_file *found = NULL;
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (t->begun && file->name.sequence <= t->sequence) continue;
        if (found != NULL && found->name.sequence <= file->name.sequence) continue;
        if (tail_belongs(t, file)) found = file;
    }
    return found;
}

const struct segment_file *tail_current(const struct tail *tail, const struct tailed *t) {
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (file->name.sequence == t->sequence && tail_belongs(t, file)) return file;
    }
    return NULL;
}

/* Does any newer segment contain a readable line? */
bool tail_newer_has_lines(const struct tail *tail, const struct tailed *t) {
    bool has = false;
    for (uint32_t i = tail->list.count; i-- > 0 && !has;) {
        const struct segment_file *file = &tail->list.files[i];
        struct segment_reader reader;
        enum segment_damage damage;
        if (file->name.sequence <= t->sequence || !tail_belongs(t, file)) continue;
        if (segment_reader_open(tail->call->files, file->path, &reader) != 0) continue;
        /* A damaged frame was a frame: the segment is in use. */
        has = segment_reader_next(&reader, &damage) > 0 || damage == SEGMENT_BAD_DATA;
        segment_reader_close(&reader);
    }
    return has;
}

/* With -f, waits for a path that does not exist yet. */
static void report_missing(struct tail *tail, const char *path, int status) {
    if (tail->follow && status == ERR_NOT_FOUND) {
        say("%s: does not exist yet; waiting for it", path);
        return;
    }
    report_path_error(&tail->call->paths, path, status);
    tail->failed = true;
}

void tail_list(struct tail *tail, bool first) {
    const struct call *call = tail->call;
    const int64_t begun_ns = system_now_ns();
    segment_list_free(&tail->list);
    memset(&tail->list, 0, sizeof tail->list);
    tail->listings++;
    for (int i = 0; i < call->paths.path_count; i++) {
        const char *path = call->paths.paths[i];
        bool all = true;
        const int status = list_path_of(&call->paths, path, &tail->list, first ? &all : NULL);
        if (!all && !tail->follow) tail->failed = true;
        if (first && status < 0) report_missing(tail, path, status);
        if (first && status == 0 && tail->follow && tail->list.count == 0)
            say("%s: no records yet; waiting for them", path);
    }
    segment_list_sort(&tail->list);
    if (first && !streams_exist(tail->query.streams, &tail->list) && !tail->follow)
        tail->failed = true;
    for (uint32_t i = 0; i < tail->list.count; i++) {
        const struct segment_file *file = &tail->list.files[i];
        if (!query_wants_stream(&tail->query, file->name.stream)) continue;
        if (find_tailed(tail, file) == NULL) add_tailed(tail, file);
    }
    if (several_streams(tail->query.streams, &tail->list)) render_streams(&tail->render);
    const int64_t now_ns = system_now_ns();
    int64_t pause_ns = (now_ns - begun_ns) * LIST_SHARE;
    if (pause_ns > LIST_PAUSE_NS_MAX) pause_ns = LIST_PAUSE_NS_MAX;
    const int64_t every_ns = (int64_t)tail->poll_ms * 1000000 * LIST_POLLS;
    tail->list_next_ns = now_ns + (pause_ns > every_ns ? pause_ns : every_ns);
}
