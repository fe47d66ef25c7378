/* head.c - finds the time, level, logger and message of a record and formats the first two. */
#include <stdio.h>
#include <string.h>

#include "port/system.h"
#include "tools/render/render_internal.h"

#define SECOND_NS 1000000000

/* UTC offsets change only at quarters of an hour. */
#define ZONE_STEP_S 900

/* The names that common libraries use, the preferred ones first. */
static const char *const logger_names[] = {"logger", "logger_name", "loggerName", "log.logger",
                                           NULL};
static const char *const message_names[] = {"message",       "msg",   "@m", "@mt",
                                            "short_message", "event", NULL};

/* Takes the member if its name is preferred over the one found so far. */
static void take(const struct member *member, const char *const *names, uint32_t *best,
                 struct head *head, enum head_part part) {
    for (uint32_t rank = 0; names[rank] != NULL && rank < *best; rank++) {
        if (!name_equals(member, names[rank], strlen(names[rank]))) continue;
        *best = rank;
        head->has[part] = true;
        head->value[part] = member->value;
    }
}

static bool is_time_of(const struct value *value, const struct facts *facts) {
    const size_t quote = value->kind == VALUE_STRING; /* 1: skip one on each side */
    int64_t time_ns;
    return time_parse((const char *)value->begin + quote,
                      (size_t)(value->end - value->begin) - 2 * quote, &time_ns) == 0 &&
           time_ns == facts->time_ns;
}

/* Reads a level as facts_of_found does: a name or a number, quoted or not. */
static bool is_level_of(const struct value *value, const struct facts *facts,
                        enum level_scale scale) {
    const size_t quote = value->kind == VALUE_STRING;
    const char *const text = (const char *)value->begin + quote;
    const size_t size = (size_t)(value->end - value->begin) - 2 * quote;
    uint8_t level;
    int64_t number = 0;
    if (level_parse(text, size, &level) == 0 && level == facts->level) return true;
    if (size == 0 || size > 9) return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        number = number * 10 + (text[i] - '0');
    }
    return level_of_number(number, scale, &level) == 0 && level == facts->level;
}

/* Of the fields that may hold time and level, finds those the facts were taken from. */
static void find_facts(const struct facts_rules *rules, const struct json_found *found,
                       const uint8_t *end, struct head *head) {
    struct facts facts;
    facts_of_found(rules, found, end, &facts);
    head->time_ns = facts.time_ns;
    head->level = facts.level;
    for (uint32_t i = 0; i < rules->names.count; i++) {
        if ((found->mask >> i & 1) == 0) continue;
        const struct value value = value_of(found->value[i], end);
        const bool time = facts.has_time && (rules->times >> i & 1) != 0;
        const bool level = facts.level != LEVEL_NONE && (rules->levels >> i & 1) != 0;
        const enum head_part part = time ? HEAD_TIME : HEAD_LEVEL;
        if ((!time && !level) || head->has[part] || value.kind > VALUE_NUMBER) continue;
        if (value.kind < VALUE_STRING) continue;
        if (!(time ? is_time_of(&value, &facts) : is_level_of(&value, &facts, rules->scale)))
            continue;
        head->has[part] = true;
        head->value[part] = value;
    }
}

static bool hidden(struct render_parts *parts, const char *name, size_t size) {
    parts->path.used = 0;
    text_add(&parts->path, name, size);
    const bool is_hidden = path_hidden(parts);
    parts->path.used = 0;
    return is_hidden;
}

void head_find(struct render_parts *parts, const struct value *root, struct head *head) {
    uint32_t logger = UINT32_MAX, message = UINT32_MAX;
    struct members members = members_of(root);
    struct json_found found = {0};
    struct member member;
    memset(head, 0, sizeof *head);
    while (members_next(&members, &member)) {
        const size_t size = (size_t)(member.name_end - member.name);
        if (parts->hide.count > 0 && hidden(parts, (const char *)member.name, size)) continue;
        json_names_look(&parts->facts->names, member.name, size, member.value.begin, &found);
        if (member.value.kind != VALUE_STRING) continue;
        take(&member, logger_names, &logger, head, HEAD_LOGGER);
        take(&member, message_names, &message, head, HEAD_MESSAGE);
    }
    find_facts(parts->facts, &found, root->end, head);
}

bool head_holds(const struct head *head, const struct value *value) {
    for (int part = 0; part < HEAD_PARTS; part++)
        if (head->has[part] && head->value[part].begin == value->begin) return true;
    return false;
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
