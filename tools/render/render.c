/* render.c - see render.h: settings, choice of format, and JSON. Each record is validated first, as
 * the daemon does; valid JSON is read in place, anything else is printed as text.  A line is built
 * in memory and printed at once. */
#include "tools/render/render.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/render/render_internal.h"
#include "tools/render/visible.h"

#define MARK_ON  "\033[1;31m"
#define MARK_OFF "\033[m"

/* ---- settings ---- */

static int choose_format(const char *name, bool selects, const struct output *out,
                         enum render_format *format) {
    static const char *const names[] = {"raw", "json", "pretty", "csv", "logfmt"};
    *format = out->terminal ? RENDER_PRETTY : selects ? RENDER_JSON : RENDER_RAW;
    if (name == NULL) return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *format = (enum render_format)i;
        if (*format != RENDER_RAW || !selects) return 0;
        say("--output raw cannot be combined with --fields or --hide");
        return ERR_INVALID;
    }
    say("--output %s: not a format (raw, json, pretty, csv or logfmt)", name);
    return ERR_INVALID;
}

static int choose_color(const char *when, const struct output *out, bool *color) {
    *color = out->color;
    if (when == NULL || strcmp(when, "auto") == 0) return 0;
    *color = strcmp(when, "always") == 0;
    if (*color || strcmp(when, "never") == 0) return 0;
    say("--color %s: expected auto, always or never", when);
    return ERR_INVALID;
}

static int add_path(struct paths *paths, const char *text, size_t size) {
    if (size == 0) {
        say("--fields and --hide: a field name is missing before or after a comma");
        return ERR_INVALID;
    }
    paths->list = reallocate(paths->list, (paths->count + 1) * sizeof *paths->list);
    paths->list[paths->count++] = (struct path){text, size};
    if (paths->size_max < size) paths->size_max = size;
    return 0;
}

static int add_paths(struct paths *paths, const struct option_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        for (const char *p = list->texts[i];; p++) { /* ends at the end of the text */
            const size_t size = strcspn(p, ",");
            const int status = add_path(paths, p, size);
            if (status < 0) return status;
            p += size;
            if (*p == '\0') break;
        }
    return 0;
}

int render_open(struct render *render, const struct render_settings *settings, struct output *out) {
    const bool selects = settings->fields.count > 0 || settings->hide.count > 0;
    memset(render, 0, sizeof *render);
    render->out = out;
    render->local = settings->local && !settings->utc;
    struct render_parts *const parts = allocate(sizeof *parts);
    memset(parts, 0, sizeof *parts);
    render->parts = parts;
    parts->style = "";
    parts->facts = &facts_rules_usual;
    if (choose_format(settings->format, selects, out, &render->format) < 0 ||
        choose_color(settings->color, out, &render->color) < 0 ||
        add_paths(&parts->fields, &settings->fields) < 0 ||
        add_paths(&parts->hide, &settings->hide) < 0) {
        render_close(render);
        return ERR_INVALID;
    }
    out->color = render->color;
    return 0;
}

void render_facts(struct render *render, const struct facts_rules *facts) {
    render->parts->facts = facts;
}

void render_zone(struct render *render, const struct zone *zone) {
    render->parts->zone = zone;
    render->local = !zone_is_utc(zone);
}

void render_close(struct render *render) {
    struct render_parts *const parts = render->parts;
    if (parts == NULL) return;
    free(parts->record.bytes);
    free(parts->line.bytes);
    free(parts->path.bytes);
    free(parts->plain.bytes);
    free(parts->fields.list);
    free(parts->hide.list);
    free(parts);
    memset(render, 0, sizeof *render);
}

void render_page(struct render *render, const struct render_settings *settings) {
    struct output *const out = render->out;
    if (!out->terminal || out->memory || settings->no_pager) return;
    if (system_pager_start() == 0) out->paged = true;
}

/* ---- fields and their paths ---- */

void decode_string(struct render_parts *parts, const uint8_t *inside, const uint8_t *inside_end) {
    parts->plain.used = 0;
    for (const uint8_t *p = inside; p < inside_end;) {
        const uint8_t *escape = memchr(p, '\\', (size_t)(inside_end - p));
        uint8_t bytes[4];
        if (escape == NULL) escape = inside_end;
        text_add(&parts->plain, p, (size_t)(escape - p));
        p = escape;
        if (p < inside_end) text_add(&parts->plain, bytes, string_decode(&p, inside_end, bytes));
    }
}

void path_enter(struct render_parts *parts, const struct member *member, uint64_t number,
                size_t *before) {
    char digits[24];
    *before = parts->path.used;
    if (*before > 0) text_add_byte(&parts->path, '.');
    if (member->name == NULL) {
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
        text_add_text(&parts->path, digits);
        return;
    }
    decode_string(parts, member->name, member->name_end);
    text_add(&parts->path, parts->plain.bytes, parts->plain.used);
}

void path_leave(struct render_parts *parts, size_t before) {
    parts->path.used = before;
}

bool path_hidden(const struct render_parts *parts) {
    for (uint32_t i = 0; i < parts->hide.count; i++)
        if (parts->hide.list[i].size == parts->path.used &&
            memcmp(parts->hide.list[i].text, parts->path.bytes, parts->path.used) == 0)
            return true;
    return false;
}

/* ---- JSON ---- */

static void write_members(struct render_parts *parts, const struct value *value,
                          const struct head *head) {
    struct members members = members_of(value);
    struct member member;
    bool first = true;
    text_add_byte(&parts->line, members.named ? '{' : '[');
    for (uint64_t number = 0; members_next(&members, &member); number++) {
        size_t before;
        if (head != NULL && head_holds(head, &member.value)) continue;
        path_enter(parts, &member, number, &before);
        if (!path_hidden(parts)) {
            if (!first) text_add_byte(&parts->line, ',');
            first = false;
            if (members.named) {
                text_add(&parts->line, member.name - 1,
                         (size_t)(member.name_end - member.name) + 2);
                text_add_byte(&parts->line, ':');
            }
            write_json(parts, &member.value, NULL);
        }
        path_leave(parts, before);
    }
    text_add_byte(&parts->line, members.named ? '}' : ']');
}

/* Below a path longer than every hidden one nothing can be hidden, so nothing is compared: the cost
 * stays proportional to the record's length, however deeply it is nested. */
void write_json(struct render_parts *parts, const struct value *value, const struct head *head) {
    const bool nested = value->kind == VALUE_OBJECT || value->kind == VALUE_ARRAY;
    const bool may_hide = parts->hide.count > 0 && parts->path.used < parts->hide.size_max;
    if (nested && (may_hide || head != NULL))
        write_members(parts, value, head);
    else
        text_add(&parts->line, value->begin, (size_t)(value->end - value->begin));
}

static void write_chosen(struct render_parts *parts, const struct value *root) {
    bool first = true;
    text_add_byte(&parts->line, '{');
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        const struct path *path = &parts->fields.list[i];
        struct value value;
        if (!value_find(root, path->text, path->size, &value)) continue;
        if (!first) text_add_byte(&parts->line, ',');
        first = false;
        text_add_json_string(&parts->line, (const uint8_t *)path->text, path->size);
        text_add_byte(&parts->line, ':');
        parts->path.used = 0;
        text_add(&parts->path, path->text, path->size);
        write_json(parts, &value, NULL);
        parts->path.used = 0;
    }
    text_add_byte(&parts->line, '}');
}

static void render_json(struct render *render, const struct value *root, const struct value *any,
                        const uint8_t *text, size_t size) {
    struct render_parts *const parts = render->parts;
    if (any == NULL)
        text_add_json_string(&parts->line, text, size);
    else if (root != NULL && parts->fields.count > 0)
        write_chosen(parts, root);
    else
        write_json(parts, any, NULL);
    text_add_byte(&parts->line, '\n');
}

/* ---- one record ---- */

/* Unchanged, with matches highlighted. */
static void print_marked(struct render *render, const uint8_t *p, size_t size) {
    size_t begin, end;
    while (render->color && render->mark.find != NULL && size > 0 &&
           render->mark.find(render->mark.context, p, size, &begin, &end)) {
        output_records(render->out, p, begin);
        output_text(render->out, MARK_ON);
        output_records(render->out, p + begin, end - begin);
        output_text(render->out, MARK_OFF);
        p += end;
        size -= end;
    }
    output_records(render->out, p, size);
}

/* False: the line is blank. */
static bool validate(struct render_parts *parts, const uint8_t *record, size_t size,
                     struct json_line *line) {
    static const uint8_t padding[JSON_PADDING] = {0};
    parts->record.used = 0;
    text_add(&parts->record, record, size);
    text_add_byte(&parts->record, '\n');
    text_add(&parts->record, padding, sizeof padding);
    json_check_line(parts->record.bytes, parts->record.bytes + size + 1, true, line);
    return line->reason != JSON_BLANK;
}

void render_record(struct render *render, const uint8_t *record, size_t size) {
    struct render_parts *const parts = render->parts;
    struct json_line line;
    if (render->format == RENDER_RAW) {
        print_marked(render, record, size);
        output_text(render->out, "\n");
        return;
    }
    if (!validate(parts, record, size, &line)) return; /* blank lines are skipped */
    const bool good = line.reason == JSON_OK && line.next == parts->record.bytes + size + 1;
    const struct value value = good ? value_of(line.begin, line.end) : (struct value){0};
    const struct value *const any = good ? &value : NULL;
    const struct value *const root = good && value.kind == VALUE_OBJECT ? &value : NULL;
    const uint8_t *const text = good ? line.begin : parts->record.bytes;
    const size_t text_size = good ? (size_t)(line.end - line.begin) : size;
    parts->line.used = 0;
    parts->path.used = 0;
    switch (render->format) {
    case RENDER_RAW: break;
    case RENDER_JSON: render_json(render, root, any, text, text_size); break;
    case RENDER_PRETTY: render_pretty(render, root, text, text_size); break;
    case RENDER_CSV: render_csv(render, root, text, text_size); break;
    case RENDER_LOGFMT: render_logfmt(render, root, text, text_size); break;
    }
    if (render->format == RENDER_PRETTY) /* already escaped and highlighted */
        output_bytes(render->out, parts->line.bytes, parts->line.used);
    else
        print_marked(render, parts->line.bytes, parts->line.used);
}

void render_lines(struct render *render, const uint8_t *lines, size_t size) {
    const uint8_t *p = lines, *const end = lines + size;
    if (render->format == RENDER_RAW && (!render->color || render->mark.find == NULL)) {
        output_records(render->out, lines, size);
        return;
    }
    while (p < end) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *const stop = newline != NULL ? newline : end;
        render_record(render, p, (size_t)(stop - p));
        p = newline != NULL ? newline + 1 : end;
    }
}
