/* csv.c - comma-separated values, quoted as in RFC 4180; lines end in a newline only.  The first
 * line names the columns: the fields given with --fields; otherwise time, level, logger, message
 * and `other`, which holds all remaining fields as JSON, because the fields of later records are
 * not known when the first line is printed. */
#include <string.h>

#include "tools/render/render_internal.h"

/* Could a spreadsheet take a cell that begins so for a formula?  Includes the full-width forms of
 * = + - @, which some spreadsheets accept. */
static bool begins_formula(const uint8_t *p, size_t size) {
    if (size == 0) return false;
    if (memchr("=+-@\t\r", *p, 6) != NULL) return true;
    return size >= 3 && p[0] == 0xef && p[1] == 0xbc &&
           (p[2] == 0x9d || p[2] == 0x8b || p[2] == 0x8d || p[2] == 0xa0);
}

/* Quoted if necessary, or if empty: an absent value is an empty cell without quotes. */
static void add_cell(struct text *line, const uint8_t *p, size_t size, bool safe) {
    bool quoted = size == 0;
    safe = safe && begins_formula(p, size);
    for (size_t i = 0; i < size && !quoted; i++)
        quoted = p[i] == '"' || p[i] == ',' || p[i] == '\n' || p[i] == '\r';
    if (quoted) text_add_byte(line, '"');
    if (safe) text_add_byte(line, '\'');
    if (!quoted) {
        text_add(line, p, size);
        return;
    }
    for (const uint8_t *const end = p + size; p < end;) {
        const uint8_t *quote = memchr(p, '"', (size_t)(end - p));
        const uint8_t *const stop = quote != NULL ? quote + 1 : end;
        text_add(line, p, (size_t)(stop - p));
        if (quote != NULL) text_add_byte(line, '"');
        p = stop;
    }
    text_add_byte(line, '"');
}

/* A number is no formula, also with a minus sign. */
static void add_value(struct render_parts *parts, const struct value *value, uint32_t left_out) {
    if (value->kind == VALUE_NULL) return;
    if (value->kind == VALUE_STRING) {
        decode_string(parts, value->begin + 1, value->end - 1);
    } else {
        const size_t used = parts->line.used;
        write_json(parts, value, left_out);
        parts->plain.used = 0;
        text_add(&parts->plain, parts->line.bytes + used, parts->line.used - used);
        parts->line.used = used;
        if (left_out != 0 && parts->plain.used == 2) return; /* {}: there are no other fields */
    }
    add_cell(&parts->line, parts->plain.bytes, parts->plain.used,
             parts->safe_cells && value->kind == VALUE_STRING);
}

static void add_names(struct render_parts *parts) {
    if (parts->bom) text_add_text(&parts->line, "\xef\xbb\xbf");
    if (parts->fields.count == 0) text_add_text(&parts->line, "time,level,logger,message,other");
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        if (i > 0) text_add_byte(&parts->line, ',');
        add_cell(&parts->line, (const uint8_t *)parts->fields.list[i].text,
                 parts->fields.list[i].size, parts->safe_cells);
    }
    text_add_byte(&parts->line, '\n');
}

static void add_chosen(struct render *render, const struct value *root) {
    struct render_parts *const parts = render->parts;
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        struct path *const path = &parts->fields.list[i];
        struct value value;
        if (i > 0) text_add_byte(&parts->line, ',');
        if (!find_chosen(render, path, root, &value)) continue;
        parts->path.used = 0;
        text_add(&parts->path, path->text, path->size);
        if (!path_hidden(parts)) add_value(parts, &value, 0);
        parts->path.used = 0;
    }
}

static void add_all(struct render *render, const struct value *root) {
    struct render_parts *const parts = render->parts;
    const struct canonical *const fields = &parts->record_fields;
    const uint32_t shown = parts->shown;
    struct text *const line = &parts->line;
    char time[TIMESTAMP_TEXT_MAX + 8];
    if (fields->facts.has_time && (shown & FIELD_BIT(CANONICAL_TIME)) != 0)
        text_add_text(line, head_time(render, fields->facts.time_ns, time));
    text_add_byte(line, ',');
    if ((shown & FIELD_BIT(CANONICAL_LEVEL)) != 0)
        text_add_text(line, head_level(fields->facts.level));
    text_add_byte(line, ',');
    if (fields->logger.begin != NULL && (shown & FIELD_BIT(CANONICAL_LOGGER)) != 0)
        add_value(parts, &fields->logger, 0);
    text_add_byte(line, ',');
    if (fields->message.begin != NULL && (shown & FIELD_BIT(CANONICAL_MESSAGE)) != 0)
        add_value(parts, &fields->message, 0);
    text_add_byte(line, ',');
    add_value(parts, root, parts->left_out);
}

void render_csv(struct render *render, const struct value *root, const uint8_t *text, size_t size) {
    struct render_parts *const parts = render->parts;
    if (!render->begun) add_names(parts);
    render->begun = true;
    if (parts->fields.count > 0) {
        add_chosen(render, root);
    } else if (root != NULL) {
        add_all(render, root);
    } else {
        text_add_text(&parts->line, ",,,");
        add_cell(&parts->line, text, size, parts->safe_cells);
        text_add_byte(&parts->line, ',');
    }
    text_add_byte(&parts->line, '\n');
}
