/* flat.c - the two formats made of name=value pairs: logfmt, and the pretty line of time, level,
 * logger, message and the remaining fields.  Objects are flattened into dotted names; arrays stay
 * JSON. A pretty line shows every control character as an escape, also when it is not printed to a
 * terminal. */
#include <string.h>

#include "tools/render/render_internal.h"
#include "tools/render/visible.h"

/* Objects below longer names are not flattened: a hostile record of 1 MiB could otherwise grow to
 * gigabytes, with one long name in front of each of many members. */
#define FLAT_PATH_MAX 256

#define STYLE_TIME    "2"
#define STYLE_LOGGER  "2"
#define STYLE_MESSAGE "1"
#define STYLE_NAME    "36"
#define STYLE_MARK    "1;31"

typedef void emit_function(struct render *render, const struct value *value);

/* Calls `emit` for each field that is not an object, with its name in parts->path. */
static void flatten(struct render *render, const struct value *value, const struct head *head,
                    emit_function *emit) {
    struct render_parts *const parts = render->parts;
    struct members members = members_of(value);
    struct member member;
    size_t before;
    if (value->kind != VALUE_OBJECT || parts->path.used > FLAT_PATH_MAX ||
        !members_next(&members, &member)) {
        emit(render, value);
        return;
    }
    do { /* recursion is limited by json_check_line: JSON_DEPTH_MAX */
        if (head != NULL && head_holds(head, &member.value)) continue;
        path_enter(parts, &member, 0, &before);
        if (!path_hidden(parts)) flatten(render, &member.value, NULL, emit);
        path_leave(parts, before);
    } while (members_next(&members, &member));
}

/* The same for the fields in --fields, in that order; without --fields for all. */
static void flatten_chosen(struct render *render, const struct value *root, const struct head *head,
                           emit_function *emit) {
    struct render_parts *const parts = render->parts;
    if (parts->fields.count == 0) {
        const struct members members = members_of(root);
        struct members look = members;
        struct member member;
        if (members_next(&look, &member)) flatten(render, root, head, emit);
        return;
    }
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        const struct path *path = &parts->fields.list[i];
        struct value value;
        if (!value_find(root, path->text, path->size, &value)) continue;
        if (head != NULL && head_holds(head, &value)) continue;
        parts->path.used = 0;
        text_add(&parts->path, path->text, path->size);
        flatten(render, &value, NULL, emit);
        parts->path.used = 0;
    }
}

/* Writes the value to parts->plain: a string without its quotes, anything else as JSON. */
static void plain_value(struct render_parts *parts, const struct value *value) {
    if (value->kind == VALUE_STRING) {
        decode_string(parts, value->begin + 1, value->end - 1);
        return;
    }
    const size_t used = parts->line.used;
    write_json(parts, value, NULL);
    parts->plain.used = 0;
    text_add(&parts->plain, parts->line.bytes + used, parts->line.used - used);
    parts->line.used = used;
}

static void part_from_last(struct render_parts *parts) {
    if (parts->line.used > 0) text_add_byte(&parts->line, ' ');
}

/* ---- logfmt ---- */

/* The rule of go-logfmt (needsQuotedValueRune), the most used library. */
static bool wants_quotes(const struct text *text) {
    if (text->used == 0) return true;
    if (text->used == 4 && memcmp(text->bytes, "null", 4) == 0) return true;
    for (size_t i = 0; i < text->used; i++) {
        const uint8_t byte = text->bytes[i];
        if (byte <= ' ' || byte == '=' || byte == '"' || byte == 0x7f) return true;
    }
    return false;
}

/* Names cannot be quoted; characters that would end them become _. */
static void add_name(struct text *line, const struct text *name) {
    if (name->used == 0) text_add_byte(line, '_');
    for (size_t i = 0; i < name->used; i++) {
        const uint8_t byte = name->bytes[i];
        const bool ends = byte <= ' ' || byte == '=' || byte == '"' || byte == 0x7f;
        text_add_byte(line, ends ? '_' : byte);
    }
}

static void emit_logfmt(struct render *render, const struct value *value) {
    struct render_parts *const parts = render->parts;
    part_from_last(parts);
    add_name(&parts->line, &parts->path);
    text_add_byte(&parts->line, '=');
    plain_value(parts, value);
    if (value->kind != VALUE_NULL && wants_quotes(&parts->plain))
        text_add_json_string(&parts->line, parts->plain.bytes, parts->plain.used);
    else
        text_add(&parts->line, parts->plain.bytes, parts->plain.used);
}

void render_logfmt(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size) {
    struct render_parts *const parts = render->parts;
    if (root != NULL) {
        flatten_chosen(render, root, NULL, emit_logfmt);
    } else if (parts->fields.count == 0) {
        text_add_text(&parts->line, "message=");
        text_add_json_string(&parts->line, text, size);
    }
    text_add_byte(&parts->line, '\n');
}

/* ---- the pretty line ---- */

static void set_style(struct render *render, const char *style) {
    struct text *const line = &render->parts->line;
    render->parts->style = style;
    if (!render->color) return;
    text_add_text(line, "\033[");
    text_add_text(line, style);
    text_add_text(line, "m");
}

/* Adds untrusted text with control characters escaped; quoted: also with \ before " and \. */
static void add_visible(struct text *line, const uint8_t *p, const uint8_t *end, bool quoted) {
    char shown[VISIBLE_BYTES_MAX];
    while (p < end) {
        const uint8_t *next = visible_next(p, end);
        for (; quoted && p < next; p++) {
            if (*p == '"' || *p == '\\') text_add_byte(line, '\\');
            text_add_byte(line, *p);
        }
        text_add(line, p, (size_t)(next - p));
        p = next;
        if (p == end) break;
        const size_t size = visible_escape(p, end, shown);
        const size_t character = size > 0 ? size : utf8_character(p, end);
        if (*p == '\n')
            text_add_text(line, "\\n");
        else if (*p == '\t')
            text_add_text(line, "\\t");
        else if (size > 0)
            text_add_text(line, shown);
        else
            text_add(line, p, character);
        p += character;
    }
}

/* The same, with matches highlighted. */
static void add_marked(struct render *render, const uint8_t *p, size_t size, bool quoted) {
    struct text *const line = &render->parts->line;
    const char *const style = render->parts->style;
    size_t begin, end;
    while (render->color && render->mark.find != NULL && size > 0 &&
           render->mark.find(render->mark.context, p, size, &begin, &end)) {
        add_visible(line, p, p + begin, quoted);
        set_style(render, STYLE_MARK);
        add_visible(line, p + begin, p + end, quoted);
        set_style(render, "");
        if (*style != '\0') set_style(render, style);
        p += end;
        size -= end;
    }
    render->parts->style = style;
    add_visible(line, p, p + size, quoted);
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end) {
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Could this string be mistaken for a number, true, false or null? */
static bool looks_bare(const struct text *text) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++)
        if (text->used == strlen(words[i]) && memcmp(text->bytes, words[i], text->used) == 0)
            return true;
    const uint8_t *p = text->bytes, *const end = p + text->used;
    if (p < end && *p == '-') p++;
    if (p == end || *p < '0' || *p > '9') return false;
    p = skip_digits(p, end);
    if (p < end && *p == '.') p = skip_digits(p + 1, end);
    if (p < end && (*p == 'e' || *p == 'E')) p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    return skip_digits(p, end) == end;
}

static void emit_pretty(struct render *render, const struct value *value) {
    struct render_parts *const parts = render->parts;
    part_from_last(parts);
    set_style(render, STYLE_NAME);
    add_visible(&parts->line, parts->path.bytes, parts->path.bytes + parts->path.used, false);
    set_style(render, "");
    text_add_byte(&parts->line, '=');
    plain_value(parts, value);
    const bool quoted =
        value->kind == VALUE_STRING && (wants_quotes(&parts->plain) || looks_bare(&parts->plain));
    if (quoted) text_add_byte(&parts->line, '"');
    add_marked(render, parts->plain.bytes, parts->plain.used, quoted);
    if (quoted) text_add_byte(&parts->line, '"');
}

static const char *level_style(uint8_t level) {
    static const char *const styles[] = {"2", "34", "32", "33", "31", "1;37;41"};
    return level >= 1 && level <= 24 ? styles[(level - 1) / 4] : "";
}

static void add_head(struct render *render, const struct head *head) {
    struct render_parts *const parts = render->parts;
    char text[TIMESTAMP_TEXT_MAX + 8];
    if (head->has[HEAD_TIME]) {
        set_style(render, STYLE_TIME);
        text_add_text(&parts->line, head_time(render, head->time_ns, text));
        set_style(render, "");
    }
    if (head->has[HEAD_LEVEL]) {
        part_from_last(parts);
        set_style(render, level_style(head->level));
        text_add_text(&parts->line, head_level(head->level));
        set_style(render, "");
        /* Pad, so that the next column is aligned. */
        for (size_t i = strlen(head_level(head->level)); i < 5; i++)
            text_add_byte(&parts->line, ' ');
    }
    for (int part = HEAD_LOGGER; part <= HEAD_MESSAGE; part++) {
        if (!head->has[part]) continue;
        part_from_last(parts);
        plain_value(parts, &head->value[part]);
        set_style(render, part == HEAD_LOGGER ? STYLE_LOGGER : STYLE_MESSAGE);
        add_marked(render, parts->plain.bytes, parts->plain.used, false);
        if (part == HEAD_LOGGER) text_add_byte(&parts->line, ':');
        set_style(render, "");
    }
}

void render_pretty(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size) {
    struct render_parts *const parts = render->parts;
    parts->style = "";
    if (root != NULL) {
        struct head head;
        head_find(parts, root, &head);
        add_head(render, &head);
        flatten_chosen(render, root, &head, emit_pretty);
    }
    /* The record is not an object, or is an empty one. */
    if (parts->line.used == 0 && (root == NULL || parts->fields.count + parts->hide.count == 0))
        add_marked(render, text, size, false);
    while (parts->line.used > 0 && parts->line.bytes[parts->line.used - 1] == ' ')
        parts->line.used--;
    text_add_byte(&parts->line, '\n');
}
