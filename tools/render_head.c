/* render_head.c - which of a record's fields are its time, level, logger and
 * message, and how the first two are shown. */
#include <stdio.h>
#include <string.h>

#include "port/system.h"
#include "tools/render_parts.h"

#define SECOND_NS 1000000000

/* The distance from UTC changes at quarters of an hour only. */
#define ZONE_STEP_S 900

/* The names by which the usual libraries call them, the better ones first. */
static const char *const time_names[] = {"@timestamp",
                                         "timestamp",
                                         "time",
                                         "ts",
                                         "@t",
                                         "date",
                                         "datetime",
                                         "asctime",
                                         "instant",
                                         "timeUnixNano",
                                         "__REALTIME_TIMESTAMP",
                                         NULL};
static const char *const level_names[] = {"level", "lvl",       "severity", "levelname",
                                          "@l",    "log.level", NULL};
static const char *const logger_names[] = {"logger", "logger_name", "loggerName", "log.logger",
                                           NULL};
static const char *const message_names[] = {"message",       "msg",   "@m", "@mt",
                                            "short_message", "event", NULL};

/* A name's rank among those of a part; what is not among them ranks behind all. */
static uint32_t rank_of(const struct member *member, const char *const *names) {
    uint32_t rank = 0;
    while (names[rank] != NULL && !name_equals(member, names[rank], strlen(names[rank])))
        rank++;
    return rank;
}

static bool fits(enum head_part part, const struct value *value, struct head *head) {
    switch (part) {
    case HEAD_TIME: return read_time(value, &head->time_ns);
    case HEAD_LEVEL: {
        const uint8_t level = read_level(value);
        if (level != 0) head->level = level;
        return level != 0;
    }
    default: return value->kind == VALUE_STRING;
    }
}

void head_find(struct render_parts *parts, const struct value *root, struct head *head) {
    static const char *const *const names[] = {time_names, level_names, logger_names,
                                               message_names};
    uint32_t best[HEAD_PARTS] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    struct members members = members_of(root);
    struct member member;
    memset(head, 0, sizeof *head);
    while (members_next(&members, &member))
        for (int part = 0; part < HEAD_PARTS; part++) {
            const uint32_t rank = rank_of(&member, names[part]);
            if (names[part][rank] == NULL || rank >= best[part]) continue;
            if (!fits((enum head_part)part, &member.value, head)) continue;
            best[part] = rank;
            head->value[part] = member.value;
            head->has[part] = true;
            parts->path.used = 0;
            text_add_text(&parts->path, names[part][rank]);
            if (path_hidden(parts)) head->has[part] = false;
            parts->path.used = 0;
        }
}

bool head_holds(const struct head *head, const struct value *value) {
    for (int part = 0; part < HEAD_PARTS; part++)
        if (head->has[part] && head->value[part].begin == value->begin) return true;
    return false;
}

/* ---- time and level ---- */

static int32_t zone_offset_s(struct zone *zone, int64_t time_s) {
    if (time_s < zone->from_s || time_s >= zone->to_s) {
        zone->from_s = time_s - time_s % ZONE_STEP_S - (time_s < 0 ? ZONE_STEP_S : 0);
        zone->to_s = zone->from_s + ZONE_STEP_S;
        zone->offset_s = system_zone_offset_s(time_s);
    }
    return zone->offset_s;
}

const char *head_time(struct render *render, int64_t time_ns, char *text) {
    const int32_t offset_s =
        render->local ? zone_offset_s(&render->parts->zone, time_ns / SECOND_NS) : 0;
    const int32_t minutes = offset_s / 60; /* before about 1900 there were seconds, too */
    const int64_t shift_ns = (int64_t)minutes * 60 * SECOND_NS;
    const bool fits_too =
        shift_ns < 0 ? time_ns >= INT64_MIN - shift_ns : time_ns <= INT64_MAX - shift_ns;
    if (!render->local || !fits_too) return timestamp_format(time_ns, text);
    timestamp_format(time_ns + shift_ns, text);
    const uint32_t distance = (uint32_t)(minutes < 0 ? -minutes : minutes);
    snprintf(text + strlen(text) - 1, 8, "%c%02u:%02u", minutes < 0 ? '-' : '+',
             distance / 60 % 100, distance % 60);
    return text;
}

const char *head_level(uint8_t level) {
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    return level >= 1 && level <= 24 ? names[(level - 1) / 4] : "";
}
