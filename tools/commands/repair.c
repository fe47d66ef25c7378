/* repair.c - saves the sound frames of damaged files to new files.  Every frame whose checksums
 * match is copied byte for byte, wherever it is; damaged files are never changed, and sound files
 * are skipped. */
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"
#include "writer/segment/leftovers.h"

/* As verify, which exits with 1 for damage. */
#define EXIT_NO_FRAME 1

struct repair_settings {
    struct common_settings common;
    const char *output;
};

/* Findings in one file. */
struct repair_findings {
    uint64_t frames, records, raw_bytes;
    uint64_t places, bytes_lost; /* number of damaged areas, and their size */
};

struct repair {
    struct call *call;
    const struct segment_file *segment;
    struct file copy; /* not open: only examine */
    uint64_t copied;
    uint8_t *frame;
    size_t frame_max;
    struct repair_findings found;
    bool nothing_saved; /* of a damaged file, which has no sound frame */
};

/* Appends the reader's frame to the copy. */
static int copy_frame(struct repair *r, struct segment_reader *reader) {
    const size_t size = (size_t)(reader->next_offset - reader->offset);
    if (r->copy.files == NULL) return 0;
    if (size > r->frame_max) {
        r->frame = reallocate(r->frame, size);
        r->frame_max = size;
    }
    const int64_t got = file_read_at(&reader->file, r->frame, size, reader->offset);
    if (got < 0) return (int)got;
    if ((size_t)got < size) return ERR_CLOSED; /* the file was truncated after the check */
    const int status = file_write_at(&r->copy, r->frame, size, r->copied);
    if (status == 0) r->copied += size;
    return status;
}

/* At damage: 1: a sound frame follows; 0: none; or an ERR_. */
static int skip_damage(struct repair *r, struct segment_reader *reader) {
    struct file_status status;
    const int found = segment_reader_skip_damage(reader);
    const int failed = found == 0 ? file_status(&reader->file, &status) : 0;
    if (found < 0 || failed < 0) return found < 0 ? found : failed;
    const uint64_t end = found > 0 ? reader->next_offset : status.size;
    r->found.places++;
    r->found.bytes_lost += end - reader->offset;
    return found;
}

/* An incomplete append at the end of a live segment is not damage. */
static bool is_damage(const struct repair *r, enum segment_damage damage) {
    return damage != SEGMENT_SOUND && !(damage == SEGMENT_UNFINISHED && r->segment->name.part);
}

/* Visits all sound frames. */
static int walk(struct repair *r) {
    struct segment_reader reader;
    int status = segment_reader_open(r->call->files, r->segment->path, &reader);
    memset(&r->found, 0, sizeof r->found);
    while (status == 0) { /* ends: each turn consumes a frame or damage */
        enum segment_damage damage;
        const int more = segment_reader_next(&reader, &damage);
        if (more > 0) {
            r->found.frames++;
            r->found.records += reader.raw_lines;
            r->found.raw_bytes += reader.raw_size;
            status = copy_frame(r, &reader);
        } else if (more == 0 && is_damage(r, damage)) {
            const int found = skip_damage(r, &reader);
            if (found < 0) status = found;
            if (found == 0) break;
        } else {
            status = more;
            break;
        }
    }
    segment_reader_close(&reader);
    return status;
}

/* The path of the copy, with the name of a closed segment; free() it. */
static char *path_of_copy(const struct repair *r, const char *folder) {
    char closed[SEGMENT_NAME_MAX];
    const char *name = path_name(r->segment->path);
    if (r->segment->name.part) {
        struct segment_name without = r->segment->name;
        without.part = false;
        name = segment_name_format(&without, closed);
    }
    const size_t folder_size = strlen(folder), name_size = strlen(name);
    char *path = allocate(folder_size + name_size + 2);
    memcpy(path, folder, folder_size);
    path[folder_size] = '/';
    memcpy(path + folder_size + 1, name, name_size + 1);
    return path;
}

static int fill_copy(struct repair *r) {
    int status = file_truncate(&r->copy, 0); /* left by a killed run */
    r->copied = 0;
    if (status == 0) status = walk(r);
    return status == 0 ? file_sync(&r->copy) : status;
}

/* A partial copy must not look like a repaired file: it has another name until it is complete. */
static int write_copy(struct repair *r, const char *folder, const char *path) {
    struct files *files = r->call->files;
    struct file_status there;
    const size_t size = strlen(path);
    char *unfinished = allocate(size + sizeof LEFTOVERS_COPY);
    memcpy(unfinished, path, size);
    memcpy(unfinished + size, LEFTOVERS_COPY, sizeof LEFTOVERS_COPY);
    int status = directory_make(files, folder);
    if (status == 0) status = leftovers_lock(files, unfinished, &r->copy);
    if (status < 0) goto not_locked;
    status = file_status_of(files, path, &there);
    status = status == 0 ? ERR_EXISTS : status == ERR_NOT_FOUND ? fill_copy(r) : status;
    if (status == 0) status = file_rename(files, unfinished, path);
    if (status == 0) status = directory_sync(files, folder);
    if (status < 0) (void)file_remove(files, unfinished);
    file_close(&r->copy);
not_locked:
    r->copy.files = NULL;
    free(unfinished);
    return status;
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

static void print_findings(struct repair *r, const char *path) {
    const struct repair_findings *f = &r->found;
    output_format(r->call->out, "%s: ", r->segment->path);
    if (f->places == 0)
        output_format(r->call->out, "sound, %llu frame%s; skipped\n", (unsigned long long)f->frames,
                      plural(f->frames));
    else if (path == NULL)
        output_format(r->call->out, "no sound frame in %llu bytes; nothing saved\n",
                      (unsigned long long)f->bytes_lost);
    else
        output_format(r->call->out,
                      "%llu record%s of %llu sound frame%s saved to %s; lost: %llu bytes in %llu "
                      "place%s\n",
                      (unsigned long long)f->records, plural(f->records),
                      (unsigned long long)f->frames, plural(f->frames), path,
                      (unsigned long long)f->bytes_lost, (unsigned long long)f->places,
                      plural(f->places));
}

/* False: it failed and a message was printed. */
static bool repair_file(struct repair *r) {
    const struct repair_settings *settings = r->call->settings;
    int status = walk(r);
    if (status < 0) {
        say("%s: %s", r->segment->path, error_text(status));
        return false;
    }
    if (r->found.places == 0 || r->found.frames == 0) {
        if (r->found.places > 0) r->nothing_saved = true;
        print_findings(r, NULL);
        return true;
    }
    char *path = path_of_copy(r, settings->output);
    status = write_copy(r, settings->output, path);
    if (status < 0)
        say("%s: %s", path, error_text(status));
    else
        print_findings(r, path);
    free(path);
    return status == 0;
}

static int repair_run(struct call *call) {
    struct segment_list list = {0};
    struct repair repair = {.call = call};
    bool ok = list_segments(&call->paths, &list);
    for (uint32_t i = 0; i < list.count && !output_failed(call->out); i++) {
        repair.segment = &list.files[i];
        if (!repair_file(&repair)) ok = false;
        output_flush(call->out);
    }
    free(repair.frame);
    segment_list_free(&list);
    return !ok ? EXIT_ERROR : repair.nothing_saved ? EXIT_NO_FRAME : EXIT_OK;
}

static const struct option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .field = offsetof(struct repair_settings, output),
     .preset = "./repaired",
     .value = "DIR",
     .help = "Directory for the repaired files, which keep their names. Created if missing."},
    HELP_OPTION,
};

const struct command repair_command = {
    .name = "repair",
    .usage = "[-o DIR] [PATH…]",
    .summary = "Copy the sound frames of damaged files to new files.",
    .more =
        "Every frame whose checksums match is copied byte for byte; the new file is a normal\n"
        "segment. The damaged file is not changed: replace it with the new one yourself. An\n"
        "existing file is never overwritten. Sound files are skipped, and so is the incomplete\n"
        "end of a live segment (.part), which its daemon repairs itself.\n"
        "\n"
        "Exit code: 0 all sound frames are saved, 1 a damaged file has none, so nothing of it is\n"
        "saved, 2 something could not be read or written.\n"
        "\n"
        "Examples:\n"
        "  logport repair                     damaged files in ./logs, saved to ./repaired\n"
        "  logport repair -o saved app-0000000007-20261124T073000Z.ndjson.lz4\n",
    .options = options,
    .settings_size = sizeof(struct repair_settings),
    .run = repair_run,
};
