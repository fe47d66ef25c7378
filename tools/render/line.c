/* line.c - the pretty line: time, level, stream, logger and message in columns, and the other fields
 * after them.  Further lines of the message and fields with several lines are indented below.  A
 * pretty line shows every control character as an escape, also when it is not printed to a terminal.
 *
 *   2026-11-24T07:30:00.500Z ERROR db:   query failed attempt=3
 *       stack_trace:
 *         java.lang.IllegalStateException: no row
 *             at com.example.Db.find(Db.java:7) */
#include <stdio.h>
#include <string.h>

#include "tools/render/render_internal.h"
#include "tools/render/visible.h"
#include "tools/render/width.h"

#define STYLE_TIME    "2"
#define STYLE_STREAM  "35"
#define STYLE_LOGGER  "2"
#define STYLE_MESSAGE "1"
#define STYLE_NAME    "36"
#define STYLE_MARK    "1;31"
#define STYLE_CONTEXT "2"

#define LEVEL_COLUMNS         5
#define LOGGER_COLUMNS_MAX    32
/* Terminals with fewer columns get shorter times and loggers. */
#define NARROW_COLUMNS        80
#define NARROW_LOGGER_COLUMNS 16
#define LINE_INDENT           4
#define FIELD_INDENT          6
#define TAB_COLUMNS           4

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
    const bool marks = render->color && render->mark.find != NULL && render->kind != RENDER_CONTEXT;
    while (marks && size > 0 && render->mark.find(render->mark.context, p, size, &begin, &end)) {
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

/* ---- the other fields ---- */

static void add_spaces(struct text *line, size_t count) {
    for (size_t i = 0; i < count; i++)
        text_add_byte(line, ' ');
}

static void part_from_last(struct render_parts *parts) {
    if (parts->line.used > 0 && parts->line.bytes[parts->line.used - 1] != ' ')
        text_add_byte(&parts->line, ' ');
}

static void add_field_name(struct render *render) {
    struct render_parts *const parts = render->parts;
    set_style(render, STYLE_NAME);
    add_visible(&parts->line, parts->path.bytes, parts->path.bytes + parts->path.used, false);
    set_style(render, "");
}

/* Adds [p, end) as lines of the output, each indented; tabs become spaces. */
static void add_lines(struct render *render, const uint8_t *p, const uint8_t *end,
                      uint32_t indent) {
    struct text *const line = &render->parts->line;
    while (p < end) { /* p rises by a line */
        const uint8_t *const newline = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *stop = newline != NULL ? newline : end;
        text_add_byte(line, '\n');
        const size_t begin = line->used;
        add_spaces(line, indent);
        if (stop > p && stop[-1] == '\r') stop--;
        for (; p < stop && *p == '\t'; p++)
            add_spaces(line, TAB_COLUMNS);
        add_marked(render, p, (size_t)(stop - p), false);
        if (line->used == begin + indent) line->used = begin; /* an empty line */
        p = newline != NULL ? newline + 1 : end;
    }
}

/* The end of a text without newlines at its end. */
static size_t without_newlines(const struct text *text) {
    size_t size = text->used;
    while (size > 0 &&
           (text->bytes[size - 1] == '\n' || (text->bytes[size - 1] == '\r' && size < text->used)))
        size--;
    return size;
}

/* A field of several lines is written to parts->blocks. */
static void emit_block(struct render *render, size_t size) {
    struct render_parts *const parts = render->parts;
    const size_t before = parts->line.used;
    text_add_byte(&parts->line, '\n');
    add_spaces(&parts->line, LINE_INDENT);
    add_field_name(render);
    text_add_byte(&parts->line, ':');
    add_lines(render, parts->plain.bytes, parts->plain.bytes + size, FIELD_INDENT);
    text_add(&parts->blocks, parts->line.bytes + before, parts->line.used - before);
    parts->line.used = before;
}

static void emit_text(struct render *render, const struct value *value) {
    struct render_parts *const parts = render->parts;
    plain_value(parts, value);
    const size_t size = without_newlines(&parts->plain);
    if (value->kind == VALUE_STRING && memchr(parts->plain.bytes, '\n', size) != NULL) {
        emit_block(render, size);
        return;
    }
    part_from_last(parts);
    add_field_name(render);
    text_add_byte(&parts->line, '=');
    const bool quoted =
        value->kind == VALUE_STRING && (wants_quotes(&parts->plain) || looks_bare(&parts->plain));
    if (quoted) text_add_byte(&parts->line, '"');
    add_marked(render, parts->plain.bytes, parts->plain.used, quoted);
    if (quoted) text_add_byte(&parts->line, '"');
}

/* OpenTelemetry's {"stringValue":"x"}; false: another value. */
static bool any_value(const struct value *object, struct value *value) {
    static const char *const names[] = {"stringValue", "intValue",   "doubleValue", "boolValue",
                                        "arrayValue",  "bytesValue", "kvlistValue", NULL};
    struct members members = members_of(object);
    struct member member, second;
    if (object->kind != VALUE_OBJECT || !members_next(&members, &member)) return false;
    if (members_next(&members, &second)) return false;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (!name_equals(&member, names[i], strlen(names[i]))) continue;
        *value = member.value;
        /* 64-bit integers are strings in OTLP's JSON. */
        if (i == 1 && value->kind == VALUE_STRING && value->end - value->begin > 2) {
            value->kind = VALUE_NUMBER;
            value->begin++;
            value->end--;
        }
        return true;
    }
    return false;
}

/* {"key":"a.b","value":{...}} of OpenTelemetry's attributes. */
static bool attribute_of(const struct value *object, struct value *key, struct value *value) {
    struct members members = members_of(object);
    struct member member;
    struct value any = {VALUE_NULL, NULL, NULL};
    key->begin = NULL;
    if (object->kind != VALUE_OBJECT) return false;
    while (members_next(&members, &member)) { /* each round advances by a member */
        if (name_equals(&member, "key", 3))
            *key = member.value;
        else if (name_equals(&member, "value", 5))
            any = member.value;
        else
            return false;
    }
    return key->begin != NULL && key->kind == VALUE_STRING && any.begin != NULL &&
           any_value(&any, value);
}

/* False: the list holds something else. */
static bool emit_attributes(struct render *render, const struct value *list) {
    struct render_parts *const parts = render->parts;
    struct members look = members_of(list), members = look;
    struct member member;
    struct value key, value;
    uint64_t count = 0;
    for (; members_next(&look, &member); count++)
        if (!attribute_of(&member.value, &key, &value)) return false;
    while (members_next(&members, &member)) { /* each round advances by an element */
        if (!attribute_of(&member.value, &key, &value)) return false;
        const size_t used = parts->path.used;
        struct text path = parts->path; /* the attribute's key is the name, without a prefix */
        decode_string(parts, key.begin + 1, key.end - 1);
        parts->path = (struct text){0};
        text_add(&parts->path, parts->plain.bytes, parts->plain.used);
        if (!path_hidden(parts)) emit_text(render, &value);
        text_free(&parts->path);
        parts->path = path;
        parts->path.used = used;
    }
    return count > 0;
}

static void emit_pretty(struct render *render, const struct value *value) {
    if (value->kind == VALUE_ARRAY && emit_attributes(render, value)) return;
    emit_text(render, value);
}

/* ---- the columns ---- */

static const char *level_style(uint8_t level) {
    static const char *const styles[] = {"2", "34", "32", "33", "31", "1;37;41"};
    return level >= 1 && level <= 24 ? styles[(level - 1) / 4] : "";
}

static bool is_narrow(const struct render_parts *parts) {
    return parts->columns > 0 && parts->columns < NARROW_COLUMNS;
}

/* In milliseconds, so that all times have the same width; on a narrow terminal 11-24 07:30:00.500
 * without year and zone. */
static const char *column_time(struct render *render, char *text) {
    const struct render_parts *const parts = render->parts;
    head_time(render, parts->record_fields.facts.time_ns, text);
    char *const point = strchr(text, '.');
    const char *rest = point + 1 + strspn(point + 1, "0123456789");
    if (is_narrow(parts)) {
        point[4] = '\0';
        text[strcspn(text, "T")] = ' ';
        return text + 5;
    }
    memmove(point + 4, rest, strlen(rest) + 1);
    return text;
}

/* Writes the logger to parts->plain: com.example.Shop as c.e.Shop if it is too long, and at most as
 * many columns. */
static void short_logger(struct render_parts *parts, const struct value *logger, uint32_t most) {
    struct text *const plain = &parts->plain;
    plain_value(parts, logger);
    size_t used = 0;
    for (size_t at = 0; width_of_text(plain->bytes, plain->used) > most;) {
        /* Shorten the first part that is longer than a character; ends: `at` rises. */
        const uint8_t *const dot =
            at < plain->used ? memchr(plain->bytes + at, '.', plain->used - at) : NULL;
        if (dot == NULL) break;
        const size_t character = utf8_character(plain->bytes + at, plain->bytes + plain->used);
        used = at + (character > 0 ? character : 1);
        const size_t rest = (size_t)(plain->bytes + plain->used - dot);
        if ((size_t)(dot - plain->bytes) > used) {
            memmove(plain->bytes + used, dot, rest);
            plain->used = used + rest;
        }
        at = used + 1;
    }
    size_t cut = 0;
    while (width_of_text(plain->bytes + cut, plain->used - cut) > most - (cut > 0)) {
        const size_t character = utf8_character(plain->bytes + cut, plain->bytes + plain->used);
        cut += character > 0 ? character : 1;
    }
    if (cut == 0) return;
    struct text whole = *plain;
    *plain = (struct text){0};
    text_add_text(plain, "\xe2\x80\xa6");
    text_add(plain, whole.bytes + cut, whole.used - cut);
    text_free(&whole);
}

static uint32_t logger_columns_max(const struct render_parts *parts) {
    return is_narrow(parts) ? NARROW_LOGGER_COLUMNS : LOGGER_COLUMNS_MAX;
}

static bool shows(const struct render_parts *parts, enum canonical_field field) {
    return (parts->shown & FIELD_BIT(field)) != 0;
}

static void widen(uint32_t *columns, size_t width) {
    if (*columns < width) *columns = (uint32_t)width;
}

/* Writes parts->plain as it is shown, unstyled, and returns its width. */
static size_t visible_width(struct render_parts *parts) {
    const size_t before = parts->line.used;
    add_visible(&parts->line, parts->plain.bytes, parts->plain.bytes + parts->plain.used, false);
    const size_t width = width_of_text(parts->line.bytes + before, parts->line.used - before);
    parts->line.used = before;
    return width;
}

void line_measure(struct render *render) {
    struct render_parts *const parts = render->parts;
    const struct canonical *const fields = &parts->record_fields;
    struct layout *const layout = &parts->layout;
    char text[TIMESTAMP_TEXT_MAX + 8];
    if (fields->facts.has_time && shows(parts, CANONICAL_TIME))
        widen(&layout->time, strlen(column_time(render, text)));
    if (fields->facts.level != LEVEL_NONE && shows(parts, CANONICAL_LEVEL))
        layout->level = LEVEL_COLUMNS;
    if (parts->several_streams && fields->stream != NULL && shows(parts, CANONICAL_STREAM))
        widen(&layout->stream, strlen(fields->stream));
    if (fields->logger.begin == NULL || !shows(parts, CANONICAL_LOGGER)) return;
    short_logger(parts, &fields->logger, logger_columns_max(parts));
    widen(&layout->logger, visible_width(parts) + 1);
}

/* Fills the column that began at `begin` up to `columns`, and adds the space after it. */
static void end_column(struct render_parts *parts, size_t begin, uint32_t columns) {
    const size_t width = width_of_text(parts->line.bytes + begin, parts->line.used - begin);
    add_spaces(&parts->line, (width < columns ? columns - width : 0) + 1);
}

static void add_styled(struct render *render, const char *style, const char *text) {
    set_style(render, style);
    text_add_text(&render->parts->line, text);
    set_style(render, "");
}

static void add_columns(struct render *render) {
    struct render_parts *const parts = render->parts;
    const struct canonical *const fields = &parts->record_fields;
    const struct layout *const layout = &parts->layout;
    char text[TIMESTAMP_TEXT_MAX + 8];
    size_t begin = parts->line.used;
    if (layout->time > 0) {
        if (fields->facts.has_time) add_styled(render, STYLE_TIME, column_time(render, text));
        end_column(parts, begin, layout->time);
    }
    begin = parts->line.used;
    if (layout->level > 0) {
        const uint8_t level = fields->facts.level;
        if (level != LEVEL_NONE) add_styled(render, level_style(level), head_level(level));
        end_column(parts, begin, layout->level);
    }
    begin = parts->line.used;
    if (layout->stream > 0) {
        if (fields->stream != NULL) add_styled(render, STYLE_STREAM, fields->stream);
        end_column(parts, begin, layout->stream);
    }
    begin = parts->line.used;
    if (layout->logger == 0) return;
    if (fields->logger.begin != NULL) {
        short_logger(parts, &fields->logger, logger_columns_max(parts));
        set_style(render, STYLE_LOGGER);
        add_marked(render, parts->plain.bytes, parts->plain.used, false);
        text_add_byte(&parts->line, ':');
        set_style(render, "");
    }
    end_column(parts, begin, layout->logger);
}

/* The first line; the others go to parts->blocks.  record_text: a record that is no object; else
 * NULL. */
static void add_message(struct render *render, const uint8_t *record_text, size_t text_size) {
    struct render_parts *const parts = render->parts;
    const struct canonical *const fields = &parts->record_fields;
    if (fields->message.begin == NULL || !shows(parts, CANONICAL_MESSAGE)) return;
    if (record_text == NULL) {
        plain_value(parts, &fields->message);
    } else { /* with its bytes that are not UTF-8 */
        parts->plain.used = 0;
        text_add(&parts->plain, record_text, text_size);
    }
    const size_t size = without_newlines(&parts->plain);
    const uint8_t *const text = parts->plain.bytes;
    const uint8_t *const newline = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t first = newline != NULL ? (size_t)(newline - text) : size;
    if (newline != NULL && first > 0 && text[first - 1] == '\r') first--;
    if (record_text == NULL) set_style(render, STYLE_MESSAGE);
    add_marked(render, text, first, false);
    if (record_text == NULL) set_style(render, "");
    if (newline == NULL) return;
    const size_t before = parts->line.used;
    add_lines(render, newline + 1, text + size, LINE_INDENT);
    text_add(&parts->blocks, parts->line.bytes + before, parts->line.used - before);
    parts->line.used = before;
}

/* ---- the whole ---- */

/* Wraps each line of parts->line, from `begin` on, at the terminal's width. */
static void wrap(struct render_parts *parts, uint32_t hang) {
    struct text wrapped = {0};
    const uint8_t *p = parts->line.bytes, *const end = p + parts->line.used;
    if (width_of_text(p, parts->line.used) <= parts->columns) return;
    for (bool first = true; p < end; first = false) { /* p rises by a line */
        const uint8_t *const newline = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *const stop = newline != NULL ? newline : end;
        width_wrap(p, (size_t)(stop - p), parts->columns, first ? hang : FIELD_INDENT + LINE_INDENT,
                   &wrapped);
        if (newline != NULL) text_add_byte(&wrapped, '\n');
        p = stop + (newline != NULL);
    }
    const struct text line = parts->line;
    parts->line = wrapped;
    wrapped = line;
    text_free(&wrapped);
}

static void drop_spaces(struct text *line, size_t begin) {
    while (line->used > begin && line->bytes[line->used - 1] == ' ')
        line->used--;
}

/* Marks what a record is to a search with context. */
static void add_kind(struct render *render) {
    if (render->kind == RENDER_MATCH) text_add_text(&render->parts->line, "> ");
    if (render->kind == RENDER_CONTEXT) add_styled(render, STYLE_CONTEXT, "- ");
}

void render_pretty(struct render *render, const struct value *root, const uint8_t *text,
                   size_t size) {
    struct render_parts *const parts = render->parts;
    const bool whole = parts->fields.count + parts->hide.count == 0;
    parts->style = "";
    parts->blocks.used = 0;
    line_measure(render);
    add_kind(render);
    const size_t kind_end = parts->line.used;
    add_columns(render);
    const size_t columns_end = parts->line.used;
    const size_t hang = width_of_text(parts->line.bytes, parts->line.used);
    add_message(render, root == NULL ? text : NULL, size);
    if (root != NULL || parts->fields.count > 0)
        flatten_chosen(render, root, parts->left_out, emit_pretty);
    /* An empty object. */
    if (parts->line.used == columns_end && parts->blocks.used == 0 && whole &&
        columns_end == kind_end && root != NULL)
        add_marked(render, text, size, false);
    drop_spaces(&parts->line, kind_end);
    text_add(&parts->line, parts->blocks.bytes, parts->blocks.used);
    if (parts->columns > 0) wrap(parts, 2 * hang <= parts->columns ? (uint32_t)hang : LINE_INDENT);
    text_add_byte(&parts->line, '\n');
}
