/* tail_foreign.c - files of other programs and standard input for tail: they grow, are rewritten, or
 * are renamed while another file takes their name. */
#include "port/system.h"
#include "tools/commands/tail_internal.h"
#include "tools/query/read.h"

/* A program may still write to a file that was renamed, until it opens the new one. */
#define OLDER_FILE_NS INT64_C(10000000000)

static void print_foreign_lines(struct tail *tail, struct tailed *t, const uint8_t *lines,
                                size_t size) {
    tail_print(tail, t, lines, size);
    if (!tail->following) return;
    held_pass_on(&tail->held, system_now_ns(), tail_print_sorted, tail);
    render_flush(&tail->render);
    output_flush(tail->call->out);
}

void tail_close_foreign(struct tail *tail, struct foreign **foreign) {
    if (*foreign == NULL) return;
    if (foreign_failed(*foreign)) tail->failed = true;
    foreign_close(*foreign);
    *foreign = NULL;
}

/* False: it is a segment, or cannot be read. */
bool tail_open_foreign(struct tail *tail, struct tailed *t, const struct segment_file *file) {
    const struct call *const call = tail->call;
    const enum foreign_opened opened =
        foreign_open(call->files, file, call->paths.progress, &t->foreign);
    if (opened == FOREIGN_SEGMENT) return false;
    struct file_status status = {.id = file->id};
    (void)file_status_of(call->files, file->path, &status);
    t->id = status.id;
    t->facts = record_rules_of(tail->query.rules, file);
    t->ended = opened == FOREIGN_FAILED || file->pipe;
    if (opened == FOREIGN_FAILED) tail->failed = true;
    if (opened == FOREIGN_OPEN && tail->follow) foreign_follow(t->foreign);
    return true;
}

/* Keeps the last lines.  With -f, all lines of a pipe are new: it has no present end. */
void tail_find_last_lines(struct tail *tail, struct tailed *t) {
    const uint8_t *lines;
    size_t size;
    t->last.max = tail->lines;
    if (t->foreign == NULL || (t->ended && tail->follow)) return;
    while (foreign_next(t->foreign, &lines, &size)) {
        const struct tail_lines wanted = tail_wanted_of(tail, t, lines, size);
        last_lines_add(&t->last, wanted.begin, (size_t)(wanted.end - wanted.begin), wanted.count);
    }
}

static void print_new_lines(struct tail *tail, struct tailed *t, struct foreign *foreign) {
    const uint8_t *lines;
    size_t size;
    while (!output_failed(tail->call->out) && foreign_next(foreign, &lines, &size)) {
        const struct tail_lines wanted = tail_wanted_of(tail, t, lines, size);
        print_foreign_lines(tail, t, wanted.begin, (size_t)(wanted.end - wanted.begin));
    }
}

/* Prints what may follow the last newline, too. */
static void finish_file(struct tail *tail, struct tailed *t, struct foreign **foreign) {
    if (*foreign == NULL) return;
    foreign_end(*foreign);
    print_new_lines(tail, t, *foreign);
    tail_close_foreign(tail, foreign);
}

/* The file that has the name now is another one: what is still written to the one before is printed,
 * too. */
static bool is_renamed(const struct tail *tail, const struct tailed *t) {
    struct file_status status;
    const struct segment_file *const now = t->ended ? NULL : tail_current(tail, t);
    return now != NULL && file_status_of(tail->call->files, now->path, &status) == 0 &&
           status.id != t->id;
}

static void follow_file(struct tail *tail, struct tailed *t) {
    if (t->older != NULL) print_new_lines(tail, t, t->older);
    if (system_now_ns() >= t->older_until_ns) finish_file(tail, t, &t->older);
    while (t->foreign != NULL && !output_failed(tail->call->out)) { /* ends: files do */
        print_new_lines(tail, t, t->foreign);
        if (t->ended) { /* a pipe, which was read to its end */
            finish_file(tail, t, &t->foreign);
            return;
        }
        const struct segment_file *const now = tail_current(tail, t);
        if (now != NULL && foreign_is_rewritten(t->foreign)) {
            finish_file(tail, t, &t->foreign);
        } else if (is_renamed(tail, t)) {
            finish_file(tail, t, &t->older);
            t->older = t->foreign;
            t->foreign = NULL;
            t->older_until_ns = system_now_ns() + OLDER_FILE_NS;
        } else {
            return;
        }
        if (!tail_open_foreign(tail, t, now)) return;
    }
}

void tail_print_foreign(struct tail *tail, struct tailed *t) {
    last_lines_cut(&t->last);
    if (t->last.size > 0) print_foreign_lines(tail, t, t->last.bytes, t->last.size);
    last_lines_free(&t->last);
    if (tail->following) follow_file(tail, t);
}
