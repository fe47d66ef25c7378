/* groups.c - see groups.h. */
#include "tools/query/groups.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"
#include "writer/index/tokens.h"
#include "writer/index/word_parts.h"

static size_t bytes_of(const struct groups *groups) {
    return INDEX_CANDIDATES_BYTES(groups->index.count);
}

static void want(uint8_t *wanted, uint32_t group, bool is) {
    if (is)
        wanted[group / 8] |= (uint8_t)(1u << (group % 8));
    else
        wanted[group / 8] &= (uint8_t) ~(1u << (group % 8));
}

/* The groups that may contain all of these tokens; without tokens, all groups.  So too with an
 * index whose filters do not know decoded text: any character may be written as \uXXXX. */
static void find_tokens(struct groups *groups, struct file *file, const uint64_t *hashes,
                        uint32_t count, uint8_t *found) {
    if (count == 0 || !groups->index.decoded ||
        index_candidates(file, &groups->index, hashes, count, found) < 0)
        memset(found, 0xff, bytes_of(groups));
}

/* Leaves those that may contain the parts of words (word_parts.h) that the literal has. */
static void find_parts(struct groups *groups, struct file *file, const uint8_t *literal,
                       size_t size, uint8_t *found) {
    uint64_t hashes[WORD_PARTS_LITERAL_MAX];
    const uint32_t count = word_parts_of_literal(literal, size, hashes, WORD_PARTS_LITERAL_MAX);
    if (count == 0) return;
    uint8_t *const with_parts = allocate(bytes_of(groups));
    find_tokens(groups, file, hashes, count, with_parts);
    for (uint32_t i = 0; i < groups->index.count; i++)
        if (groups->index.groups[i].parts && !index_candidate(with_parts, i)) want(found, i, false);
    free(with_parts);
}

/* Adds the groups that may contain a match of this pattern. */
static void add_candidates(struct groups *groups, struct file *file,
                           const struct query_pattern *pattern, uint8_t *room) {
    uint64_t hashes[TOKENS_LITERAL_MAX];
    if (pattern->needles.count == 0) memset(groups->wanted, 0xff, bytes_of(groups));
    for (uint32_t i = 0; i < pattern->needles.count; i++) {
        const struct needle *needle = &pattern->needles.needles[i];
        const uint32_t count =
            tokens_of_literal(needle->bytes, needle->size, hashes, TOKENS_LITERAL_MAX);
        find_tokens(groups, file, hashes, count, room);
        find_parts(groups, file, needle->bytes, needle->size, room);
        for (size_t k = 0; k < bytes_of(groups); k++)
            groups->wanted[k] |= room[k];
    }
}

static void choose_by_patterns(struct groups *groups, struct file *file,
                               const struct query *query) {
    if (query->invert || query->any_line) {
        memset(groups->wanted, 0xff, bytes_of(groups));
        return;
    }
    uint8_t *room = allocate(bytes_of(groups));
    for (uint32_t i = 0; i < query->pattern_count; i++)
        add_candidates(groups, file, &query->patterns[i], room);
    free(room);
}

/* The groups that may contain this text. */
static void find_text(struct groups *groups, struct file *file, const struct need *need,
                      uint8_t *found) {
    uint64_t hashes[TOKENS_LITERAL_MAX];
    const uint32_t count = need_tokens(need, hashes, TOKENS_LITERAL_MAX);
    find_tokens(groups, file, hashes, count, found);
    if (need->kind == NEED_TEXT) find_parts(groups, file, need->text, need->size, found);
}

/* The groups that may contain what is needed. */
static void find_need(struct groups *groups, struct file *file, const struct need *need,
                      uint8_t *found) {
    if (need->kind == NEED_TEXT || need->kind == NEED_NUMBER) {
        find_text(groups, file, need, found);
        return;
    }
    memset(found, need->kind == NEED_ONE ? 0 : 0xff, bytes_of(groups));
    uint8_t *part = allocate(bytes_of(groups));
    for (uint32_t i = 0; i < need->count; i++) {
        find_need(groups, file, &need->parts[i], part);
        for (size_t k = 0; k < bytes_of(groups); k++)
            found[k] = need->kind == NEED_ONE ? found[k] | part[k] : found[k] & part[k];
    }
    free(part);
}

static void choose_by_filter(struct groups *groups, struct file *file, const struct query *query) {
    choose_by_patterns(groups, file, query);
    if (query->need.kind == NEED_NOTHING) return;
    uint8_t *found = allocate(bytes_of(groups));
    find_need(groups, file, &query->need, found);
    for (size_t k = 0; k < bytes_of(groups); k++)
        groups->wanted[k] &= found[k];
    free(found);
}

static struct known known_of(const struct groups *groups, const struct index_group *group) {
    return (struct known){.span = &group->span,
                          .counts = groups->index.counted ? &group->counts : NULL,
                          .stream = groups->stream};
}

/* Removes groups by time, level and condition; counts each skipped group once. */
static void choose_by_span(struct groups *groups, const struct query *query,
                           const struct facts_rules *facts, struct select_report *report) {
    for (uint32_t i = 0; i < groups->index.count; i++) {
        const struct index_group *group = &groups->index.groups[i];
        const struct known known = known_of(groups, group);
        const enum query_reason reason = query_check_span(query, facts, &known);
        report->groups++;
        if (group->damaged) {
            want(groups->wanted, i, true);
        } else if (!index_candidate(groups->wanted, i)) {
            report->groups_by_filter++;
        } else if (reason != QUERY_WANTED) {
            want(groups->wanted, i, false);
            report->groups_by_time += reason == QUERY_TIME;
            report->groups_by_level += reason == QUERY_LEVEL;
            report->groups_by_condition += reason == QUERY_CONDITION;
        }
    }
}

/* How many lines of a group have one of the wanted levels.  False: the index does not know. */
static bool count_levels(const struct index_group *group, uint32_t wanted, uint64_t *lines) {
    const uint32_t levels = group->span.levels & ~SPAN_UNRECOGNISED;
    *lines = (wanted & 1) != 0 ? group->counts.levels[0] : 0;
    for (uint32_t i = 1; i < COUNTS_LEVELS; i++) {
        const uint32_t four = levels & UINT32_C(15) << (4 * i - 3); /* counted together */
        if ((four & wanted) == 0) continue;
        if ((four & ~wanted) != 0) return false;
        *lines += group->counts.levels[i];
    }
    return true;
}

/* What the index knows about the matching lines of a group.  False: they must be read. */
static bool count_group(const struct groups *groups, const struct query *query,
                        const struct facts_rules *facts, const struct select_settings *settings,
                        const struct index_group *group, struct counts *counts) {
    const bool counted = groups->index.counted && facts->id == facts_rules_usual.id;
    const struct known known = known_of(groups, group);
    uint32_t wanted;
    if (group->damaged || !query_wanted_levels(query, facts, &known, &wanted)) return false;
    const uint32_t unwanted = group->span.levels & ~SPAN_UNRECOGNISED & ~wanted;
    *counts = settings->tally ? group->counts : (struct counts){.lines = group->span.lines};
    if (unwanted == 0) return !settings->tally || counted;
    return !settings->tally && counted && count_levels(group, wanted, &counts->lines);
}

/* The matches of groups that need not be read, if only their number is asked for. */
static void count_known(struct groups *groups, const struct query *query,
                        const struct facts_rules *facts, const struct select_settings *settings,
                        struct select_report *report) {
    groups->known_groups = allocate(bytes_of(groups));
    memset(groups->known_groups, 0, bytes_of(groups));
    if (!settings->count) return;
    for (uint32_t i = 0; i < groups->index.count; i++) {
        const struct index_group *group = &groups->index.groups[i];
        struct counts counts;
        if (!index_candidate(groups->wanted, i)) continue;
        if (!count_group(groups, query, facts, settings, group, &counts)) continue;
        counts_add(&groups->known_counts, &counts);
        groups->known_bytes += group->raw_size;
        want(groups->known_groups, i, true);
        want(groups->wanted, i, false);
        report->groups_counted++;
    }
}

/* Context lines are printed too, so the groups around a match must be read: in one direction, up to
 * `lines_around` lines after each found group, and as many from the segment's end, because the
 * match may be in the neighbouring segment. */
static void want_context(struct groups *groups, const uint8_t *found, bool forward,
                         uint64_t lines_around) {
    const struct segment_index *index = &groups->index;
    uint64_t left = lines_around;
    for (uint32_t i = 0; i < index->count; i++) {
        const uint32_t group = forward ? i : index->count - 1 - i;
        const uint64_t next =
            group + 1 < index->count ? index->groups[group + 1].first_line : index->lines;
        const uint64_t lines = next - index->groups[group].first_line;
        if (index_candidate(found, group)) {
            left = lines_around;
        } else if (left > 0) {
            want(groups->wanted, group, true);
            left = lines < left ? left - lines : 0;
        }
    }
}

static void choose_context(struct groups *groups, const struct select_settings *settings) {
    uint8_t *found = allocate(bytes_of(groups));
    memcpy(found, groups->wanted, bytes_of(groups));
    want_context(groups, found, true, settings->after);
    want_context(groups, found, false, settings->before);
    free(found);
}

void groups_open(struct groups *groups, struct file *file, const char *stream,
                 const struct query *query, const struct facts_rules *facts,
                 const struct select_settings *settings, struct select_report *report) {
    *groups = (struct groups){.stream = stream};
    if (index_load(file, &groups->index) != 0) return;
    groups->known = true;
    groups->wanted = allocate(bytes_of(groups));
    memset(groups->wanted, 0, bytes_of(groups));
    choose_by_filter(groups, file, query);
    choose_by_span(groups, query, facts, report);
    count_known(groups, query, facts, settings, report);
    if (settings->context && settings->by_time)
        memset(groups->wanted, 0xff, bytes_of(groups));
    else if (settings->context)
        choose_context(groups, settings);
}

void groups_close(struct groups *groups) {
    if (groups->known) index_free(&groups->index);
    free(groups->wanted);
    free(groups->known_groups);
    memset(groups, 0, sizeof *groups);
}

bool groups_is_known(const struct groups *groups, uint32_t group) {
    return index_candidate(groups->known_groups, group);
}

bool groups_any_wanted(const struct groups *groups) {
    for (uint32_t i = 0; i < groups->index.count; i++)
        if (index_candidate(groups->wanted, i)) return true;
    return false;
}

const struct index_group *groups_next(struct groups *groups, uint64_t offset, bool *gap) {
    for (; groups->next < groups->index.count; groups->next++) {
        const struct index_group *group = &groups->index.groups[groups->next];
        if (offset >= group->offset + group->size) continue;
        if (index_candidate(groups->wanted, groups->next)) return group;
        *gap = true;
    }
    return NULL;
}

uint64_t groups_end(const struct groups *groups) {
    const uint32_t next = groups->next + 1;
    return next < groups->index.count ? groups->index.groups[next].offset : groups->index.data_size;
}
