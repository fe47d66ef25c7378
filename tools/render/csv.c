/* csv.c - comma-separated values, quoted as in RFC 4180; lines end in a newline only.  The first
 * line names the columns: the fields given with --fields; otherwise time, level, logger, message
 * and `other`, which holds all remaining fields as JSON, because the fields of later records are
 * not known when the first line is printed. */
#include "tools/render/csv_cell.h"
#include "tools/render/render_internal.h"

/* A number is no formula, also with a minus sign. */
static void add_value(struct render_parts *parts, const struct value *value, uint32_t left_out) {
    const size_t size = (size_t)(value->end - value->begin);
    const bool string = value->kind == VALUE_STRING;
    if (value->kind == VALUE_NULL) return;
    if (!string && value->kind != VALUE_OBJECT && value->kind != VALUE_ARRAY) {
        text_add(&parts->line, value->begin, size); /* a scalar, which needs no quotes */
        return;
    }
    if (string && memchr(value->begin, '\\', size) == NULL) {
        csv_add_cell(&parts->line, value->begin + 1, size - 2, parts->safe_cells);
        return;
    }
    if (string) {
        decode_string(parts, value->begin + 1, value->end - 1);
    } else {
        const size_t used = parts->line.used;
        write_json(parts, value, left_out);
        parts->plain.used = 0;
        text_add(&parts->plain, parts->line.bytes + used, parts->line.used - used);
        parts->line.used = used;
        if (left_out != 0 && parts->plain.used == 2) return; /* {}: there are no other fields */
    }
    csv_add_cell(&parts->line, parts->plain.bytes, parts->plain.used, parts->safe_cells && string);
}

void csv_names(struct render_parts *parts) {
    if (parts->bom) text_add_text(&parts->line, "\xef\xbb\xbf");
    if (parts->fields.count == 0) text_add_text(&parts->line, "time,level,logger,message,other");
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        if (i > 0) text_add_byte(&parts->line, ',');
        csv_add_cell(&parts->line, (const uint8_t *)parts->fields.list[i].text,
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
    if (parts->fields.count > 0) {
        add_chosen(render, root);
    } else if (root != NULL) {
        add_all(render, root);
    } else {
        text_add_text(&parts->line, ",,,");
        csv_add_cell(&parts->line, text, size, parts->safe_cells);
        text_add_byte(&parts->line, ',');
    }
    text_add_byte(&parts->line, '\n');
}
