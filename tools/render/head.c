/* head.c - the canonical fields of a record: their parts, and how time and level are shown. */
#include <stdio.h>
#include <string.h>

#include "port/system.h"
#include "tools/render/render_internal.h"

#define SECOND_NS 1000000000

/* UTC offsets change only at quarters of an hour. */
#define ZONE_STEP_S 900

bool head_holds(const struct render_parts *parts, uint32_t fields, const struct value *value) {
    for (uint32_t field = 0; fields >> field != 0; field++) {
        const struct canonical_parts *const list = &parts->record_fields.parts[field];
        if ((fields >> field & 1) == 0) continue;
        for (uint32_t i = 0; i < list->count; i++)
            if (list->list[i].begin == value->begin) return true;
    }
    return false;
}

bool head_touches(const struct render_parts *parts, uint32_t fields, const struct value *value) {
    for (uint32_t field = 0; fields >> field != 0; field++) {
        const struct canonical_parts *const list = &parts->record_fields.parts[field];
        if ((fields >> field & 1) == 0) continue;
        for (uint32_t i = 0; i < list->count; i++)
            if (list->list[i].begin >= value->begin && list->list[i].begin < value->end)
                return true;
    }
    return false;
}

bool head_has_inner(const struct render_parts *parts, const struct value *value) {
    const struct canonical_parts *const list = &parts->record_fields.parts[CANONICAL_MESSAGE];
    return parts->record_fields.inner.begin != NULL && list->count > 0 &&
           list->list[list->count - 1].begin == value->begin;
}

/* ---- time and level ---- */

static int32_t shown_offset_s(struct render_parts *parts, int64_t time_s) {
    struct zone_span *const span = &parts->zone_span;
    if (time_s >= span->from_s && time_s < span->to_s) return span->offset_s;
    if (parts->zone != NULL) {
        span->from_s = time_s;
        span->offset_s = zone_offset_s(parts->zone, time_s, &span->to_s);
    } else {
        span->from_s = time_s - time_s % ZONE_STEP_S - (time_s < 0 ? ZONE_STEP_S : 0);
        span->to_s = span->from_s + ZONE_STEP_S;
        span->offset_s = system_zone_offset_s(time_s);
    }
    return span->offset_s;
}

const char *head_time(struct render *render, int64_t time_ns, char *text) {
    const int32_t offset_s = render->local ? shown_offset_s(render->parts, time_ns / SECOND_NS) : 0;
    return render->local ? timestamp_format_offset(time_ns, offset_s, text)
                         : timestamp_format(time_ns, text);
}

const char *head_level(uint8_t level) {
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    return level >= 1 && level <= 24 ? names[(level - 1) / 4] : "";
}
