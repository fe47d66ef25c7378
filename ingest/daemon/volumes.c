/* volumes.c - see volumes.h. */
#include "ingest/daemon/volumes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/files.h"
#include "port/remote.h"
#include "schema/json/json.h"
#include "schema/json/write.h"

#define SECOND_NS   INT64_C(1000000000)
#define MEASURE_NS  (10 * SECOND_NS)
#define FOLDERS_MAX (STREAMS_MAX + 1) /* rejects */

/* What one measurement found. */
struct measured {
    int error;
    struct volume_space space;
    int64_t time_ns; /* by the port's clock; 0: never measured */
};

/* Owns what it touches: it may outlive the daemon's other parts. */
struct folders_job {
    struct files *files;
    char directory[PATH_BYTES_MAX];
    uint32_t count;
    char streams[FOLDERS_MAX][STREAM_NAME_MAX + 1];
    struct measured found[FOLDERS_MAX];
};

struct archive_job {
    struct lane_job lane; /* first */
    struct files *files;
    char folder[PATH_BYTES_MAX];
    struct measured found;
};

struct folder {
    char stream[STREAM_NAME_MAX + 1];
    struct measured last;
};

struct archive {
    struct volumes *volumes;
    struct lane_client client;
    char *folder; /* owned; NULL: unused */
    bool configured;
    struct measured last;
};

struct volumes {
    struct port *port;
    const char *directory;
    struct archive_lanes *lanes;
    struct port_remote *remote; /* NULL: not open, for lack of memory */
    struct port_op timer, op;
    struct folders_job *job; /* in flight; NULL: none */
    bool stopping;
    struct folder folders[FOLDERS_MAX];
    uint32_t count;
    /* Those of an earlier configuration stay until another one needs the place. */
    struct archive archives[FOLDERS_MAX];
};

static void measure_due(struct port_op *op);
static void folders_measured(struct port_op *op);
static void archive_measured(struct lane_client *client, struct lane_job *ended, int64_t result,
                             bool detached);

int volumes_open(struct port *port, const char *directory, struct archive_lanes *lanes,
                 struct volumes **volumes) {
    struct volumes *v = calloc(1, sizeof *v);
    if (v == NULL) return ERR_NO_MEMORY;
    v->port = port;
    v->directory = directory;
    v->lanes = lanes;
    v->timer.done = measure_due;
    v->op.done = folders_measured;
    for (uint32_t i = 0; i < FOLDERS_MAX; i++) {
        v->archives[i].volumes = v;
        v->archives[i].client = (struct lane_client){.lanes = lanes, .done = archive_measured};
    }
    *volumes = v;
    return 0;
}

/* ---- what is measured ---- */

static void keep_archive(struct volumes *v, const char *folder) {
    struct archive *unused = NULL;
    if (folder == NULL || v->lanes == NULL) return;
    for (uint32_t i = 0; i < FOLDERS_MAX; i++) {
        struct archive *archive = &v->archives[i];
        if (archive->folder != NULL && strcmp(archive->folder, folder) == 0) {
            archive->configured = true;
            return;
        }
        if (!archive->configured && lane_client_idle(&archive->client)) unused = archive;
    }
    char *const copy = unused != NULL ? strdup(folder) : NULL;
    if (copy == NULL) return; /* it is not named until the next reload */
    free(unused->folder);
    unused->folder = copy;
    unused->configured = true;
    unused->last = (struct measured){0};
}

void volumes_set(struct volumes *volumes, const char *const *streams, uint32_t stream_count,
                 const struct config *config) {
    struct volumes *v = volumes;
    assert(stream_count <= STREAMS_MAX);
    for (uint32_t i = v->count > 0 ? v->count - 1 : 0; i <= stream_count; i++) {
        v->folders[i] = (struct folder){0}; /* streams keep their numbers */
        strcpy(v->folders[i].stream, i < stream_count ? streams[i] : STREAM_REJECTS);
    }
    v->count = stream_count + 1;
    for (uint32_t i = 0; i < FOLDERS_MAX; i++)
        v->archives[i].configured = false;
    keep_archive(v, config->others.keeper.archive_dir);
    for (uint32_t i = 0; i < config->stream_count; i++)
        keep_archive(v, config->streams[i].keeper.archive_dir);
    if (port_idle(&v->timer))
        port_timer(v->port, &v->timer, port_now_ns(v->port));
    else
        port_cancel(&v->timer); /* it comes back, and measures */
}

/* ---- the streams' folders ---- */

/* A stream's folder is made with its first segment, in the log directory. */
static int64_t folders_run(void *context) {
    struct folders_job *job = context;
    for (uint32_t i = 0; i < job->count; i++) {
        struct measured *found = &job->found[i];
        char path[PATH_BYTES_MAX];
        if (!path_join(path, job->directory, job->streams[i], NULL)) continue;
        found->error = free_space(job->files, path, &found->space);
        if (found->error == ERR_NOT_FOUND)
            found->error = free_space(job->files, job->directory, &found->space);
    }
    return 0;
}

static void measure_folders(struct volumes *v) {
    if (v->job != NULL) return; /* it hangs, or is slow */
    if (v->remote == NULL && port_remote_open(v->port, "volumes", &v->remote)) v->remote = NULL;
    struct folders_job *job = v->remote != NULL ? calloc(1, sizeof *job) : NULL;
    if (job == NULL) return; /* the next time */
    assert(strlen(v->directory) < sizeof job->directory);
    job->files = port_files(v->port);
    strcpy(job->directory, v->directory);
    job->count = v->count;
    for (uint32_t i = 0; i < v->count; i++)
        strcpy(job->streams[i], v->folders[i].stream);
    v->job = job;
    port_remote_work(v->remote, &v->op, folders_run, free, job);
}

static void folders_measured(struct port_op *op) {
    struct volumes *v = PORT_CONTAINER(struct volumes, op, op);
    struct folders_job *job = v->job;
    v->job = NULL;
    if (op->result == ERR_TIMED_OUT) return; /* abandoned: the job is not ours */
    for (uint32_t i = 0; i < job->count && i < v->count; i++) {
        if (strcmp(job->streams[i], v->folders[i].stream) != 0) continue;
        v->folders[i].last = job->found[i];
        v->folders[i].last.time_ns = port_now_ns(v->port);
    }
    free(job);
}

/* ---- archives ---- */

static int64_t archive_run(struct lane_job *lane) {
    struct archive_job *job = (struct archive_job *)lane;
    job->found.error = free_space(job->files, job->folder, &job->found.space);
    return 0;
}

static void archive_release(struct lane_job *lane) {
    free(lane);
}

static void measure_archive(struct archive *archive) {
    if (!archive->configured || !lane_client_idle(&archive->client)) return;
    struct archive_job *job = calloc(1, sizeof *job);
    if (job == NULL || strlen(archive->folder) >= sizeof job->folder) {
        free(job);
        return;
    }
    job->lane.run = archive_run;
    job->lane.release = archive_release;
    job->files = port_files(archive->volumes->port);
    strcpy(job->folder, archive->folder);
    (void)lane_client_begin(&archive->client, archive->folder, &job->lane);
}

static void archive_measured(struct lane_client *client, struct lane_job *ended, int64_t result,
                             bool detached) {
    struct archive *archive = PORT_CONTAINER(struct archive, client, client);
    const struct archive_job *job = (struct archive_job *)ended;
    (void)detached; /* none ever is */
    if (job == NULL || result < 0) return;
    archive->last = job->found;
    archive->last.time_ns = port_now_ns(archive->volumes->port);
}

/* ---- when ---- */

static void measure_due(struct port_op *op) {
    struct volumes *v = PORT_CONTAINER(struct volumes, timer, op);
    if (v->stopping) return;
    measure_folders(v);
    for (uint32_t i = 0; i < FOLDERS_MAX; i++)
        measure_archive(&v->archives[i]);
    port_timer(v->port, &v->timer, port_now_ns(v->port) + MEASURE_NS);
}

void volumes_stop(struct volumes *volumes) {
    volumes->stopping = true;
    port_cancel(&volumes->timer);
    if (volumes->job != NULL) port_remote_abandon(volumes->remote);
}

bool volumes_quiet(const struct volumes *volumes) {
    bool quiet = port_idle(&volumes->timer) && port_idle(&volumes->op);
    for (uint32_t i = 0; i < FOLDERS_MAX; i++)
        quiet = quiet && lane_client_idle(&volumes->archives[i].client);
    return quiet;
}

void volumes_free(struct volumes *volumes) {
    assert(volumes_quiet(volumes));
    if (volumes->remote != NULL) port_remote_close(volumes->remote);
    for (uint32_t i = 0; i < FOLDERS_MAX; i++)
        free(volumes->archives[i].folder);
    free(volumes);
}

/* ---- in words ---- */

struct text {
    char *at, *end;
    int64_t now_ns;
    bool first;
};

/* Names of other bytes than UTF-8, which Linux allows, are not JSON: '?' for each such byte. */
static char *write_path(char *out, const char *path) {
    char shown[PATH_BYTES_MAX];
    const size_t size = strlen(path);
    memcpy(shown, path, size);
    if (!utf8_valid((const uint8_t *)path, size))
        for (size_t i = 0; i < size; i++)
            if (shown[i] & 0x80) shown[i] = '?';
    return json_write_string(out, shown, size);
}

/* stream: NULL for an archive. */
static void write_folder(struct text *text, const char *path, const char *stream,
                         const struct measured *last) {
    char figures[384], kind[STREAM_NAME_MAX + 32] = "\"archive\":true";
    if (stream != NULL) snprintf(kind, sizeof kind, "\"stream\":\"%s\"", stream);
    const long long age_s = (long long)((text->now_ns - last->time_ns) / SECOND_NS);
    if (last->time_ns == 0)
        snprintf(figures, sizeof figures, "%s", kind);
    else if (last->error)
        snprintf(figures, sizeof figures, "%s,\"error\":\"%s\",\"age_s\":%lld", kind,
                 error_text(last->error), age_s);
    else
        snprintf(figures, sizeof figures,
                 "%s,\"volume\":\"%llx\",\"free_bytes\":%llu,\"age_s\":%lld", kind,
                 (unsigned long long)last->space.volume, (unsigned long long)last->space.free,
                 age_s);
    const size_t need = JSON_STRING_BYTES_MAX(strlen(path)) + strlen(figures) + sizeof ",:{}}";
    if ((size_t)(text->end - text->at) < need) return;
    if (!text->first) *text->at++ = ',';
    text->at = write_path(text->at, path);
    text->at += sprintf(text->at, ":{%s}", figures);
    text->first = false;
}

size_t volumes_write(const struct volumes *volumes, char *text, size_t size) {
    static const char head[] = "\"volumes\":{";
    struct text out = {text, text + size, port_now_ns(volumes->port), true};
    assert(size > sizeof head);
    memcpy(out.at, head, sizeof head - 1);
    out.at += sizeof head - 1;
    for (uint32_t i = 0; i < volumes->count; i++) {
        const struct folder *folder = &volumes->folders[i];
        char path[PATH_BYTES_MAX];
        if (path_join(path, volumes->directory, folder->stream, NULL))
            write_folder(&out, path, folder->stream, &folder->last);
    }
    for (uint32_t i = 0; i < FOLDERS_MAX; i++) {
        const struct archive *archive = &volumes->archives[i];
        if (archive->configured) write_folder(&out, archive->folder, NULL, &archive->last);
    }
    *out.at++ = '}';
    return (size_t)(out.at - text);
}
