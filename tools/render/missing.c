/* missing.c - reports names of --fields and --hide that no printed record has, with the most similar
 * names of the first records: an empty result for a misspelt name would look like an answer. */
#include <string.h>

#include "port/system.h"
#include "tools/query/nearest.h"
#include "tools/render/render_internal.h"

#define SEEN_RECORDS_MAX 1000
#define SEEN_BYTES_MAX   65536

static void see_path(struct render *render, const struct value *value) {
    struct render_parts *const parts = render->parts;
    struct text *const seen = &parts->seen;
    (void)value;
    if (parts->path.used == 0 || seen->used > SEEN_BYTES_MAX) return;
    if (memchr(parts->path.bytes, 0, parts->path.used) != NULL) return;
    for (size_t at = 0; at < seen->used; at += strlen((char *)seen->bytes + at) + 1)
        if (strlen((char *)seen->bytes + at) == parts->path.used &&
            memcmp(seen->bytes + at, parts->path.bytes, parts->path.used) == 0)
            return;
    text_add(seen, parts->path.bytes, parts->path.used);
    text_add_byte(seen, 0);
}

static bool all_found(const struct paths *paths) {
    for (uint32_t i = 0; i < paths->count; i++)
        if (!paths->list[i].found) return false;
    return true;
}

/* Names that are not canonical are marked where they are found. */
static void look_at_hidden(struct render_parts *parts) {
    for (uint32_t i = 0; i < parts->hide.count; i++) {
        struct path *const hidden = &parts->hide.list[i];
        if (!hidden->canonical || hidden->found) continue;
        hidden->found = hidden->field == CANONICAL_STREAM
                            ? parts->stream != NULL
                            : parts->record_fields.parts[hidden->field].count > 0;
    }
}

/* Pretty lines have their own places for the canonical fields. */
static void look_at_columns(struct render_parts *parts) {
    struct value value;
    for (uint32_t i = 0; i < parts->fields.count; i++) {
        struct path *const shown = &parts->fields.list[i];
        if (shown->canonical && !shown->found)
            shown->found = canonical_value(&parts->record_fields, shown->field, &value);
    }
}

void missing_look(struct render *render, const struct value *root) {
    struct render_parts *const parts = render->parts;
    if (parts->fields.count + parts->hide.count == 0) return;
    look_at_hidden(parts);
    if (render->format == RENDER_PRETTY) look_at_columns(parts);
    const bool known = missing_is_known(parts);
    parts->printed++;
    if (!known && root != NULL) flatten_every(render, root, see_path);
}

bool missing_is_known(const struct render_parts *parts) {
    return parts->printed >= SEEN_RECORDS_MAX ||
           (all_found(&parts->fields) && all_found(&parts->hide));
}

static void report(const struct render_parts *parts, const char *option,
                   const struct paths *paths) {
    for (uint32_t i = 0; i < paths->count; i++) {
        const struct path *const path = &paths->list[i];
        struct nearest nearest;
        char hint[NEAREST_HINT_MAX];
        if (path->found) continue;
        nearest_begin(&nearest, path->text, path->size);
        for (uint32_t field = 0; field < CANONICAL_FIELDS && !path->canonical; field++) {
            const char *const name = canonical_name((enum canonical_field)field);
            nearest_look(&nearest, name, strlen(name));
        }
        for (size_t at = 0; at < parts->seen.used;) {
            const char *const name = (const char *)parts->seen.bytes + at;
            nearest_look(&nearest, name, strlen(name));
            at += strlen(name) + 1;
        }
        say("--%s %.*s: no printed record has this field%s", option, (int)path->size, path->text,
            nearest_hint(&nearest, hint));
    }
}

void missing_report(struct render_parts *parts) {
    if (parts->printed == 0 || parts->reported) return;
    parts->reported = true;
    report(parts, "fields", &parts->fields);
    report(parts, "hide", &parts->hide);
}
