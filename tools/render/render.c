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
    paths->texts = reallocate(paths->texts, (paths->count + 1) * sizeof *paths->texts);
    paths->values = reallocate(paths->values, (paths->count + 1) * sizeof *paths->values);
    paths->texts[paths->count] = (struct value_path){text, size};
    struct path *const path = &paths->list[paths->count++];
    *path = (struct path){.text = text, .size = size};
    path->canonical = canonical_named(text, size, &path->field);
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

static bool ignores_hidden(void *context, const uint8_t *path, size_t size) {
    struct render_parts *const parts = context;
    for (uint32_t i = 0; i < parts->hide.count; i++) {
        struct path *const hidden = &parts->hide.list[i];
        if (hidden->size != size || memcmp(hidden->text, path, size) != 0) continue;
        hidden->found = true;
        return true;
    }
    return false;
}

static uint32_t canonical_bits(const struct paths *paths) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < paths->count; i++)
        if (paths->list[i].canonical) bits |= FIELD_BIT(paths->list[i].field);
    return bits;
}

/* Which canonical fields are shown in columns, and which are needed at all. */
static void choose_fields(const struct render *render) {
    struct render_parts *const parts = render->parts;
    const uint32_t all = FIELD_BIT(CANONICAL_FIELDS) - 1;
    const uint32_t chosen = canonical_bits(&parts->fields), hidden = canonical_bits(&parts->hide);
    const bool columns =
        render->format == RENDER_PRETTY || (render->format == RENDER_CSV && !parts->fields.count);
    parts->shown = (chosen != 0 ? chosen : all) & ~hidden;
    parts->left_out = hidden | (columns ? parts->shown : 0);
    parts->reads_fields = columns || (chosen | hidden) != 0;
    if (parts->hide.count > 0) {
        parts->record_fields.ignores = ignores_hidden;
        parts->record_fields.context = parts;
    }
}

static int check_csv_options(const struct render *render, const struct render_settings *settings) {
    if (render->format == RENDER_CSV || (!settings->bom && !settings->safe_cells)) return 0;
    say("--%s needs --output csv", settings->bom ? "bom" : "safe-cells");
    return ERR_INVALID;
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
    parts->bom = settings->bom;
    parts->safe_cells = settings->safe_cells;
    canonical_open(&parts->rules, &facts_rules_usual);
    if (out->terminal && !out->memory) parts->columns = stream_columns(STREAM_OUTPUT);
    if (choose_format(settings->format, selects, out, &render->format) < 0 ||
        choose_color(settings->color, out, &render->color) < 0 ||
        check_csv_options(render, settings) < 0 ||
        add_paths(&parts->fields, &settings->fields) < 0 ||
        add_paths(&parts->hide, &settings->hide) < 0) {
        render_close(render);
        return ERR_INVALID;
    }
    parts->fields.compiled = record_paths_open(parts->fields.texts, parts->fields.count);
    choose_fields(render);
    out->color = render->color;
    return 0;
}

void render_facts(struct render *render, const struct facts_rules *facts) {
    render->parts->rules.facts = facts;
}

void render_zone(struct render *render, const struct zone *zone) {
    render->parts->zone = zone;
    render->local = !zone_is_utc(zone);
}

void render_streams(struct render *render) {
    render->parts->several_streams = true;
}

void render_columns(struct render *render, uint32_t columns) {
    render->parts->columns = columns;
}

/* Names are kept, because the caller's may be gone when a held record is printed. */
const char *render_stream(struct render *render, const char *stream) {
    struct render_parts *const parts = render->parts;
    const char *const before = parts->stream;
    if (stream != NULL && *stream == '\0') stream = NULL; /* of a file that is no segment */
    if (stream == before || stream == NULL || (before != NULL && strcmp(before, stream) == 0)) {
        if (stream == NULL) parts->stream = NULL;
        return parts->stream;
    }
    for (uint32_t i = 0; i < parts->stream_count; i++) {
        parts->stream = parts->streams[i];
        if (strcmp(parts->stream, stream) == 0) return parts->stream;
    }
    parts->streams = reallocate(parts->streams, (parts->stream_count + 1) * sizeof *parts->streams);
    parts->stream = copy_text(stream, strlen(stream));
    parts->streams[parts->stream_count++] = parts->stream;
    return parts->stream;
}

void render_page(struct render *render, const struct render_settings *settings) {
    struct output *const out = render->out;
    if (!out->terminal || out->memory || settings->no_pager) return;
    if (system_pager_start() == 0) out->paged = true;
}

static void free_paths(struct paths *paths) {
    free(paths->list);
    free(paths->texts);
    record_paths_close(paths->compiled);
    free(paths->values);
}

void render_report_missing(struct render *render) {
    if (!render->out->memory) missing_report(render->parts);
}

void render_close(struct render *render) {
    struct render_parts *const parts = render->parts;
    if (parts == NULL) return;
    render_flush(render);
    render_report_missing(render);
    record_close(&parts->record);
    text_free(&parts->copy);
    text_free(&parts->line);
    text_free(&parts->path);
    text_free(&parts->plain);
    text_free(&parts->blocks);
    text_free(&parts->held_text);
    text_free(&parts->seen);
    canonical_close(&parts->record_fields);
    for (uint32_t i = 0; i < parts->stream_count; i++)
        free(parts->streams[i]);
    free(parts->streams);
    free_paths(&parts->fields);
    free_paths(&parts->hide);
    free(parts);
    memset(render, 0, sizeof *render);
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

bool path_hidden(struct render_parts *parts) {
    return parts->hide.count > 0 && ignores_hidden(parts, parts->path.bytes, parts->path.used);
}

bool find_chosen(struct render *render, struct path *path, const struct value *root,
                 struct value *value) {
    struct render_parts *const parts = render->parts;
    struct canonical *const fields = &parts->record_fields;
    bool found;
    if (!path->canonical) {
        *value = parts->fields.values[path - parts->fields.list];
        found = root != NULL && value->begin != NULL;
    } else {
        found = canonical_value(fields, path->field, value);
        if (found && path->field == CANONICAL_TIME && render->local) {
            char time[TIMESTAMP_TEXT_MAX + 8];
            head_time(render, fields->facts.time_ns, time);
            snprintf(fields->time_text, sizeof fields->time_text, "\"%s\"", time);
            value->end = value->begin + strlen(fields->time_text);
        }
    }
    path->found |= found;
    return found;
}

/* ---- JSON ---- */

/* A member of the line that left nothing but {} because parts of canonical fields were left out is
 * removed. */
static bool is_emptied(const struct text *line, size_t value_begin, const struct value *value) {
    return line->used - value_begin == 2 && line->bytes[value_begin] == '{' &&
           value->end - value->begin > 2;
}

static void write_member(struct render_parts *parts, const struct member *member, uint32_t left_out,
                         bool *first) {
    struct text *const line = &parts->line;
    const struct value *const inner = &parts->record_fields.inner;
    const size_t before = line->used;
    struct value value = member->value;
    if (left_out != 0 && head_holds(parts, left_out, &value)) {
        /* The rest of the record that is the text of this member. */
        if (inner->begin == NULL || value.kind != VALUE_STRING || !head_has_inner(parts, &value))
            return;
        value = *inner;
    }
    if (!*first) text_add_byte(line, ',');
    if (member->name != NULL) {
        text_add(line, member->name - 1, (size_t)(member->name_end - member->name) + 2);
        text_add_byte(line, ':');
    }
    const size_t value_begin = line->used;
    write_json(parts, &value, left_out);
    if (left_out != 0 && is_emptied(line, value_begin, &value))
        line->used = before;
    else
        *first = false;
}

static void write_members(struct render_parts *parts, const struct value *value,
                          uint32_t left_out) {
    struct members members = members_of(value);
    struct member member;
    bool first = true;
    text_add_byte(&parts->line, members.named ? '{' : '[');
    for (uint64_t number = 0; members_next(&members, &member); number++) {
        size_t before;
        path_enter(parts, &member, number, &before);
        if (!path_hidden(parts)) write_member(parts, &member, left_out, &first);
        path_leave(parts, before);
    }
    text_add_byte(&parts->line, members.named ? '}' : ']');
}

/* Below a path longer than every hidden one nothing can be hidden, so nothing is compared: the cost
 * stays proportional to the record's length, however deeply it is nested. */
void write_json(struct render_parts *parts, const struct value *value, uint32_t left_out) {
    const bool nested = value->kind == VALUE_OBJECT || value->kind == VALUE_ARRAY;
    const bool may_hide = parts->hide.count > 0 && parts->path.used < parts->hide.size_max;
    if (left_out != 0 && !head_touches(parts, left_out, value)) left_out = 0;
    if (nested && (may_hide || left_out != 0))
        write_members(parts, value, left_out);
    else
        text_add(&parts->line, value->begin, (size_t)(value->end - value->begin));
}

static void write_chosen(struct render *render, const struct value *root) {
    struct render_parts *const parts = render->parts;
    bool first = true;
    text_add_byte(&parts->line, '{');
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        struct path *const path = &parts->fields.list[i];
        struct value value;
        if (!find_chosen(render, path, root, &value)) continue;
        if (!first) text_add_byte(&parts->line, ',');
        first = false;
        text_add_json_string(&parts->line, path->text, path->size);
        text_add_byte(&parts->line, ':');
        parts->path.used = 0;
        text_add(&parts->path, path->text, path->size);
        write_json(parts, &value, 0);
        parts->path.used = 0;
    }
    text_add_byte(&parts->line, '}');
}

static void render_json(struct render *render, const struct value *root, const struct value *any,
                        const uint8_t *text, size_t size) {
    struct render_parts *const parts = render->parts;
    if (parts->fields.count > 0)
        write_chosen(render, root);
    else if (any == NULL)
        text_add_json_string(&parts->line, text, size);
    else
        write_json(parts, any, parts->left_out);
    text_add_byte(&parts->line, '\n');
}

/* ---- one record ---- */

/* Unchanged, with matches highlighted. */
static void print_marked(struct render *render, const uint8_t *p, size_t size) {
    size_t begin, end;
    while (render->color && render->mark.find != NULL && render->kind != RENDER_CONTEXT &&
           size > 0 && render->mark.find(render->mark.context, p, size, &begin, &end)) {
        output_records(render->out, p, begin);
        output_text(render->out, MARK_ON);
        output_records(render->out, p + begin, end - begin);
        output_text(render->out, MARK_OFF);
        p += end;
        size -= end;
    }
    output_records(render->out, p, size);
}

/* A line, and what is known of it. */
struct checked_record {
    struct value value;  /* begin NULL: no JSON */
    const uint8_t *text; /* without white space around it, if it is JSON */
    size_t size;
};

/* A line as it was given: with a newline and padding after it, or not. */
struct given_line {
    const uint8_t *text;
    size_t size; /* without the newline */
    bool padded;
};

/* The line with what record_read needs. */
static const uint8_t *pad(struct render_parts *parts, const struct given_line *line) {
    static const uint8_t padding[JSON_PADDING] = {0};
    if (line->padded) return line->text;
    parts->copy.used = 0;
    text_add(&parts->copy, line->text, line->size);
    text_add_byte(&parts->copy, '\n');
    text_add(&parts->copy, padding, sizeof padding);
    return parts->copy.bytes;
}

/* False: the line is blank. */
static bool check_record(struct render_parts *parts, const struct given_line *line,
                         struct checked_record *checked) {
    struct record *const record = &parts->record;
    const uint8_t *const text = pad(parts, line), *const end = text + line->size + 1;
    record_read(record, text, end);
    if (record->next != end) record->kind = RECORD_TEXT; /* a newline inside */
    const bool good = record->kind == RECORD_OBJECT || record->kind == RECORD_VALUE;
    checked->value = good ? record->value : (struct value){0};
    checked->text = good ? record->value.begin : text;
    checked->size = good ? (size_t)(record->value.end - record->value.begin) : line->size;
    return record->kind != RECORD_BLANK;
}

/* A text is a message, whatever it begins with. */
static void read_fields(struct render_parts *parts, const struct checked_record *checked) {
    if (parts->record.kind == RECORD_OBJECT)
        canonical_read_record(&parts->record_fields, &parts->rules, &parts->record);
    else
        canonical_read_text(&parts->record_fields, checked->text, checked->size);
}

void render_begin(struct render *render) {
    struct render_parts *const parts = render->parts;
    if (render->format != RENDER_CSV || render->begun) return;
    render->begun = true;
    parts->line.used = 0;
    csv_names(parts);
    print_marked(render, parts->line.bytes, parts->line.used);
}

static void print_record(struct render *render, const struct given_line *line) {
    struct render_parts *const parts = render->parts;
    struct checked_record checked;
    if (!check_record(parts, line, &checked)) return; /* blank lines are skipped */
    render_begin(render);
    const struct value *const any = checked.value.begin != NULL ? &checked.value : NULL;
    const struct value *const root = any != NULL && any->kind == VALUE_OBJECT ? any : NULL;
    parts->record_fields.stream = parts->stream;
    if (parts->reads_fields) read_fields(parts, &checked);
    if (root != NULL && parts->fields.count > 0)
        record_find(&parts->record, parts->fields.compiled, parts->fields.values);
    parts->line.used = 0;
    parts->path.used = 0;
    switch (render->format) {
    case RENDER_RAW: break;
    case RENDER_JSON: render_json(render, root, any, checked.text, checked.size); break;
    case RENDER_PRETTY: render_pretty(render, root, checked.text, checked.size); break;
    case RENDER_CSV: render_csv(render, root, checked.text, checked.size); break;
    case RENDER_LOGFMT: render_logfmt(render, root, checked.text, checked.size); break;
    }
    missing_look(render, root);
    if (render->format == RENDER_PRETTY) /* already escaped and highlighted */
        output_bytes(render->out, parts->line.bytes, parts->line.used);
    else
        print_marked(render, parts->line.bytes, parts->line.used);
}

/* ---- records that are held until the widths of the columns are known ---- */

static bool holds(const struct render *render) {
    return render->format == RENDER_PRETTY && !render->parts->released;
}

/* size SIZE_MAX: a separator. */
static void hold(struct render *render, const uint8_t *record, size_t size) {
    struct render_parts *const parts = render->parts;
    struct held_record *const held = &parts->held[parts->held_count++];
    *held = (struct held_record){parts->held_text.used, SIZE_MAX, render->kind, parts->stream,
                                 parts->rules.facts};
    if (size != SIZE_MAX) {
        text_add(&parts->held_text, record, size);
        held->end = parts->held_text.used;
    }
    if (parts->held_count == HELD_MAX || parts->held_text.used > HELD_BYTES_MAX)
        render_flush(render);
}

static void measure(struct render *render, const struct checked_record *checked) {
    struct render_parts *const parts = render->parts;
    parts->record_fields.stream = parts->stream;
    read_fields(parts, checked);
    line_measure(render);
}

static struct given_line held_line(const struct render_parts *parts,
                                   const struct held_record *held) {
    return (struct given_line){parts->held_text.bytes + held->begin, held->end - held->begin,
                               false};
}

static void begin_held(struct render *render, const struct held_record *held) {
    render->kind = held->kind;
    render->parts->stream = held->stream;
    render->parts->rules.facts = held->facts;
}

static void measure_held(struct render *render) {
    struct render_parts *const parts = render->parts;
    for (uint32_t i = 0; i < parts->held_count; i++) {
        const struct held_record *const held = &parts->held[i];
        struct checked_record checked;
        if (held->end == SIZE_MAX) continue;
        begin_held(render, held);
        const struct given_line line = held_line(parts, held);
        if (check_record(parts, &line, &checked)) measure(render, &checked);
    }
}

void render_flush(struct render *render) {
    struct render_parts *const parts = render->parts;
    const enum render_kind kind = render->kind;
    char *const stream = parts->stream;
    const struct facts_rules *const facts = parts->rules.facts;
    if (parts->held_count == 0) return;
    measure_held(render);
    parts->released = true;
    for (uint32_t i = 0; i < parts->held_count; i++) {
        const struct held_record *const held = &parts->held[i];
        begin_held(render, held);
        if (held->end == SIZE_MAX) {
            output_text(render->out, "--\n");
            continue;
        }
        const struct given_line line = held_line(parts, held);
        print_record(render, &line);
    }
    parts->held_count = 0;
    parts->held_text.used = 0;
    render->kind = kind;
    parts->stream = stream;
    parts->rules.facts = facts;
}

void render_separator(struct render *render) {
    if (holds(render))
        hold(render, NULL, SIZE_MAX);
    else
        output_text(render->out, "--\n");
}

static void render_line(struct render *render, const struct given_line *line) {
    if (render->format == RENDER_RAW) {
        print_marked(render, line->text, line->size);
        output_text(render->out, "\n");
    } else if (holds(render)) {
        hold(render, line->text, line->size);
    } else {
        print_record(render, line);
    }
}

void render_record(struct render *render, const uint8_t *record, size_t size) {
    const struct given_line line = {record, size, false};
    render_line(render, &line);
}

static void render_all(struct render *render, const uint8_t *lines, size_t size, bool padded) {
    const uint8_t *p = lines, *const end = lines + size;
    const bool marks = render->color && render->mark.find != NULL && render->kind != RENDER_CONTEXT;
    if (render->format == RENDER_RAW && !marks) {
        output_records(render->out, lines, size);
        return;
    }
    while (p < end) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *const stop = newline != NULL ? newline : end;
        const struct given_line line = {p, (size_t)(stop - p), padded};
        render_line(render, &line);
        p = newline != NULL ? newline + 1 : end;
    }
}

void render_lines(struct render *render, const uint8_t *lines, size_t size) {
    render_all(render, lines, size, false);
}

void render_padded(struct render *render, const uint8_t *lines, size_t size) {
    render_all(render, lines, size, true);
}
