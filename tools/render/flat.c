/* flat.c - logfmt, and the flattening of objects into dotted names that pretty lines use too; arrays
 * stay JSON. */
#include <string.h>

#include "tools/render/render_internal.h"

/* Objects below longer names are not flattened: a hostile record of 1 MiB could otherwise grow to
 * gigabytes, with one long name in front of each of many members. */
#define FLAT_PATH_MAX 256

static void flatten(struct render *render, const struct value *value, uint32_t left_out,
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
        if (left_out != 0 && head_holds(parts, left_out, &member.value)) continue;
        path_enter(parts, &member, 0, &before);
        if (!path_hidden(parts)) flatten(render, &member.value, left_out, emit);
        path_leave(parts, before);
    } while (members_next(&members, &member));
}

static void flatten_all(struct render *render, const struct value *root, uint32_t left_out,
                        emit_function *emit) {
    struct members look = members_of(root);
    struct member member;
    if (members_next(&look, &member)) flatten(render, root, left_out, emit);
}

void flatten_chosen(struct render *render, const struct value *root, uint32_t left_out,
                    emit_function *emit) {
    struct render_parts *const parts = render->parts;
    const struct value *const inner = &parts->record_fields.inner;
    if (parts->fields.count == 0) {
        flatten_all(render, root, left_out, emit);
        if ((left_out & FIELD_BIT(CANONICAL_MESSAGE)) != 0 && inner->begin != NULL)
            flatten_all(render, inner, left_out, emit);
        return;
    }
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        struct path *const path = &parts->fields.list[i];
        struct value value;
        if (path->canonical && (left_out & FIELD_BIT(path->field)) != 0) continue;
        if (!find_chosen(render, path, root, &value)) continue;
        if (left_out != 0 && head_holds(parts, left_out, &value)) continue;
        parts->path.used = 0;
        text_add(&parts->path, path->text, path->size);
        flatten(render, &value, left_out, emit);
        parts->path.used = 0;
    }
}

void flatten_every(struct render *render, const struct value *root, emit_function *emit) {
    render->parts->path.used = 0;
    flatten_all(render, root, 0, emit);
    render->parts->path.used = 0;
}

void plain_value(struct render_parts *parts, const struct value *value) {
    if (value->kind == VALUE_STRING) {
        decode_string(parts, value->begin + 1, value->end - 1);
        return;
    }
    const size_t used = parts->line.used;
    write_json(parts, value, 0);
    parts->plain.used = 0;
    text_add(&parts->plain, parts->line.bytes + used, parts->line.used - used);
    parts->line.used = used;
}

/* ---- logfmt ---- */

/* The rule of go-logfmt (needsQuotedValueRune), the most used library. */
bool wants_quotes(const struct text *text) {
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
    if (parts->line.used > 0) text_add_byte(&parts->line, ' ');
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
    if (root != NULL || parts->fields.count > 0) {
        flatten_chosen(render, root, parts->left_out, emit_logfmt);
    } else if (parts->fields.count == 0) {
        text_add_text(&parts->line, "message=");
        text_add_json_string(&parts->line, text, size);
    }
    text_add_byte(&parts->line, '\n');
}
