/* render_work.c - see render_work.h. */
#include "tools/render/render_work.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"
#include "tools/render/render_internal.h"

/* The rendering of one piece. */
struct part {
    const struct render_work *work;
    struct render render;
    struct output out;
    struct query_state *query_state; /* of the thread that renders */
    bool begun;                      /* false: the calling thread renders the piece */
    struct layout layout;            /* with which the piece begins */
    uint64_t printed;
    uint64_t lines; /* that are rendered */
};

static bool find_mark(void *context, const uint8_t *text, size_t size, size_t *begin, size_t *end) {
    struct part *part = context;
    return query_mark(part->work->query, part->query_state, text, size, begin, end);
}

static void *open_part(void *context) {
    const struct render_work *const work = context;
    const struct render *const whole = work->render;
    struct part *part = allocate(sizeof *part);
    memset(part, 0, sizeof *part);
    part->work = work;
    output_open_memory(&part->out);
    part->out.terminal = whole->out->terminal;
    part->out.color = whole->out->color;
    render_open(&part->render, work->settings, &part->out); /* it has opened before: it is valid */
    if (whole->mark.find != NULL && work->query != NULL)
        part->render.mark = (struct render_mark){find_mark, part};
    return part;
}

static void close_part(void *state) {
    struct part *part = state;
    render_close(&part->render);
    output_close(&part->out);
    free(part);
}

/* Raw records that are printed as they are need no work. */
static bool needs_work(const struct render *whole) {
    const bool marks = whole->color && whole->mark.find != NULL;
    return whole->format != RENDER_RAW || whole->out->terminal || marks;
}

static bool may_begin(const struct render *whole) {
    const bool holds = whole->format == RENDER_PRETTY && !whole->parts->released;
    return needs_work(whole) && !holds && missing_is_known(whole->parts);
}

static void copy_found(struct paths *to, const struct paths *from) {
    for (uint32_t i = 0; i < to->count; i++)
        to->list[i].found |= from->list[i].found;
}

static void begin_part(void *state) {
    struct part *part = state;
    const struct render *const whole = part->work->render;
    struct render_parts *const parts = part->render.parts, *const all = whole->parts;
    part->begun = may_begin(whole);
    part->lines = 0;
    part->out.used = 0;
    if (!part->begun) return;
    part->render.local = whole->local;
    part->render.kind = whole->kind;
    part->render.begun = true; /* the calling thread prints the names of the columns */
    parts->zone = all->zone;
    parts->columns = all->columns;
    parts->released = true;
    parts->printed = part->printed = all->printed;
    parts->layout = part->layout = all->layout;
    copy_found(&parts->fields, &all->fields);
    copy_found(&parts->hide, &all->hide);
}

static void run_part(void *state, const struct selection *selection,
                     struct query_state *query_state) {
    struct part *part = state;
    struct render_parts *const parts = part->render.parts;
    if (!part->begun) return;
    part->query_state = query_state;
    part->out.used = 0;
    parts->layout = part->layout;
    parts->printed = part->printed;
    parts->several_streams = selection->several_streams;
    render_stream(&part->render, selection->segment->name.stream);
    render_facts(&part->render, selection->facts);
    for (part->lines = 0; part->lines < selection->count; part->lines++) {
        const struct select_line *const line = &selection->lines[part->lines];
        if (part->out.used >= RENDER_WORK_BYTES_MAX) break;
        render_padded(&part->render, selection->text + line->begin, line->end - line->begin);
    }
}

/* Prints what was rendered, unless it would be different now.  Returns for how many lines. */
static uint64_t take_part(struct render *whole, const struct part *part) {
    struct render_parts *const all = whole->parts;
    const struct render_parts *const parts = part->render.parts;
    if (!part->begun || memcmp(&part->layout, &all->layout, sizeof all->layout) != 0) return 0;
    if (part->out.used > 0) render_begin(whole);
    output_bytes(whole->out, part->out.bytes, part->out.used);
    all->layout = parts->layout;
    all->printed += parts->printed - part->printed;
    copy_found(&all->fields, &parts->fields);
    copy_found(&all->hide, &parts->hide);
    return part->lines;
}

void render_work_open(struct render_work *work, struct render *render,
                      const struct render_settings *settings, const struct query *query) {
    *work = (struct render_work){.work = {.context = work,
                                          .open = open_part,
                                          .begin = begin_part,
                                          .run = run_part,
                                          .close = close_part},
                                 .render = render,
                                 .settings = settings,
                                 .query = query};
}

void render_selection(struct render_work *work, const struct selection *selection) {
    struct render *const render = work->render;
    uint64_t i = 0;
    render_facts(render, selection->facts);
    render_stream(render, selection->segment->name.stream);
    if (selection->several_streams) render_streams(render);
    if (selection->worked != NULL) i = take_part(render, selection->worked);
    while (i < selection->count) { /* lines that follow each other at once; i rises */
        const size_t begin = selection->lines[i].begin;
        size_t end = begin;
        for (; i < selection->count && selection->lines[i].begin == end; i++)
            end = selection->lines[i].end;
        render_lines(render, selection->text + begin, end - begin);
    }
}
