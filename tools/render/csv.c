/* csv.c - comma-separated values, quoted as in RFC 4180; lines end in a newline only.  The first
 * line names the columns: the fields given with --fields; otherwise time, level, logger, message
 * and `other`, which holds all remaining fields as JSON, because the fields of later records are
 * not known when the first line is printed. */
#include <string.h>

#include "tools/render/render_internal.h"

/* Quoted if necessary, or if empty: an absent value is an empty cell without quotes. */
static void add_cell(struct text *line, const uint8_t *p, size_t size) {
    bool quoted = size == 0;
    for (size_t i = 0; i < size && !quoted; i++)
        quoted = p[i] == '"' || p[i] == ',' || p[i] == '\n' || p[i] == '\r';
    if (!quoted) {
        text_add(line, p, size);
        return;
    }
    text_add_byte(line, '"');
    for (const uint8_t *const end = p + size; p < end;) {
        const uint8_t *quote = memchr(p, '"', (size_t)(end - p));
        const uint8_t *const stop = quote != NULL ? quote + 1 : end;
        text_add(line, p, (size_t)(stop - p));
        if (quote != NULL) text_add_byte(line, '"');
        p = stop;
    }
    text_add_byte(line, '"');
}

static void add_value(struct render_parts *parts, const struct value *value,
                      const struct head *head) {
    if (value->kind == VALUE_NULL) return;
    if (value->kind == VALUE_STRING) {
        decode_string(parts, value->begin + 1, value->end - 1);
    } else {
        const size_t used = parts->line.used;
        write_json(parts, value, head);
        parts->plain.used = 0;
        text_add(&parts->plain, parts->line.bytes + used, parts->line.used - used);
        parts->line.used = used;
        if (head != NULL && parts->plain.used == 2) return; /* {}: there are no other fields */
    }
    add_cell(&parts->line, parts->plain.bytes, parts->plain.used);
}

static void add_names(struct render_parts *parts) {
    if (parts->fields.count == 0) text_add_text(&parts->line, "time,level,logger,message,other");
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        if (i > 0) text_add_byte(&parts->line, ',');
        add_cell(&parts->line, (const uint8_t *)parts->fields.list[i].text,
                 parts->fields.list[i].size);
    }
    text_add_byte(&parts->line, '\n');
}

static void add_chosen(struct render_parts *parts, const struct value *root) {
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        const struct path *path = &parts->fields.list[i];
        struct value value;
        if (i > 0) text_add_byte(&parts->line, ',');
        if (root == NULL || !value_find(root, path->text, path->size, &value)) continue;
        parts->path.used = 0;
        text_add(&parts->path, path->text, path->size);
        if (!path_hidden(parts)) add_value(parts, &value, NULL);
        parts->path.used = 0;
    }
}

static void add_all(struct render *render, const struct value *root) {
    struct render_parts *const parts = render->parts;
    struct text *const line = &parts->line;
    struct head head;
    char time[TIMESTAMP_TEXT_MAX + 8];
    head_find(parts, root, &head);
    if (head.has[HEAD_TIME]) text_add_text(line, head_time(render, head.time_ns, time));
    text_add_byte(line, ',');
    if (head.has[HEAD_LEVEL]) text_add_text(line, head_level(head.level));
    text_add_byte(line, ',');
    if (head.has[HEAD_LOGGER]) add_value(parts, &head.value[HEAD_LOGGER], NULL);
    text_add_byte(line, ',');
    if (head.has[HEAD_MESSAGE]) add_value(parts, &head.value[HEAD_MESSAGE], NULL);
    text_add_byte(line, ',');
    add_value(parts, root, &head);
}

void render_csv(struct render *render, const struct value *root, const uint8_t *text, size_t size) {
    struct render_parts *const parts = render->parts;
    if (!render->begun) add_names(parts);
    render->begun = true;
    if (parts->fields.count > 0) {
        add_chosen(parts, root);
    } else if (root != NULL) {
        add_all(render, root);
    } else {
        text_add_text(&parts->line, ",,,");
        add_cell(&parts->line, text, size);
        text_add_byte(&parts->line, ',');
    }
    text_add_byte(&parts->line, '\n');
}
