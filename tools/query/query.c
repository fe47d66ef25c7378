/* query.c - see query.h.  Searches blocks of lines rather than lines: it looks for what every match
 * must contain in the whole block and then examines the line around it. */
#include "tools/query/query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/json/exponents.h"
#include "schema/json/json.h"
#include "schema/record/facts.h"
#include "tools/query/allocate.h"
#include "tools/query/decoded.h"
#include "tools/query/read.h"

/* Every line must be examined for this expression, unless it has needles. */
static bool examines_lines(const struct query_pattern *pattern) {
    return !pattern->regex.over_lines || pattern->regex.looks_around;
}

/* ---- opening ---- */

static bool is_ascii(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] >= 0x80) return false;
    return true;
}

static int add_literals(struct query_pattern *pattern, bool ignore_case) {
    int status = 0;
    for (uint32_t i = 0; i < pattern->regex.literal_count && status == 0; i++) {
        const struct regex_literal *literal = &pattern->regex.literals[i];
        status = needle_set_add(&pattern->needles, literal->bytes, literal->size, ignore_case);
    }
    return status;
}

/* -i compares as regular expressions do.  Most literals need only find_set for that; letters of
 * other alphabets need an expression. */
static int open_literal(struct query_pattern *pattern, const char *text, bool ignore_case) {
    const size_t size = strlen(text);
    const bool ascii = is_ascii(text, size);
    pattern->never = strchr(text, '\n') != NULL;
    if (ignore_case && decoded_folds(text) && utf8_valid((const uint8_t *)text, size)) {
        const int status = regex_open_folded(&pattern->regex, text);
        if (status < 0) return status;
        pattern->is_regex = !ascii;
        pattern->folds = ascii;
    }
    if (pattern->is_regex) return add_literals(pattern, ignore_case);
    pattern->only_needles = size > 0;
    return size > 0 ? needle_set_add(&pattern->needles, text, size, ignore_case) : 0;
}

static int open_regex(struct query_pattern *pattern, const char *command, const char *text,
                      bool ignore_case) {
    char error[REGEX_ERROR_MAX];
    const int status = regex_open(&pattern->regex, text, ignore_case, error);
    if (status == ERR_INVALID) say("%s: -e %s: %s", command, text, error);
    if (status < 0) return status;
    pattern->is_regex = true;
    pattern->only_needles = pattern->regex.only_literals;
    return add_literals(pattern, ignore_case);
}

/* Without needles, a pattern that looks around examines every line. */
static int add_signs(struct query_pattern *pattern) {
    const bool every_line =
        pattern->needles.count == 0 && (!pattern->is_regex || examines_lines(pattern));
    const int status = every_line ? 0 : decoded_signs(&pattern->needles, &pattern->signs);
    return status < 0 ? status : needle_set_ready(&pattern->signs);
}

static int open_pattern(struct query_pattern *pattern, const char *command, const char *text,
                        const struct query_patterns *patterns) {
    memset(pattern, 0, sizeof *pattern);
    int status = patterns->regex ? open_regex(pattern, command, text, patterns->ignore_case)
                                 : open_literal(pattern, text, patterns->ignore_case);
    if (status == 0) status = needle_set_ready(&pattern->needles);
    if (status == 0) status = add_signs(pattern);
    return status;
}

static void close_pattern(struct query_pattern *pattern) {
    needle_set_close(&pattern->needles);
    needle_set_close(&pattern->signs);
    if (pattern->is_regex || pattern->folds) regex_close(&pattern->regex);
}

static int add_needles(struct needle_set *set, const struct needle_set *more) {
    int status = 0;
    for (uint32_t i = 0; i < more->count && status == 0; i++) {
        const struct needle *needle = &more->needles[i];
        status = needle_set_add(set, needle->bytes, needle->size, needle->ignore_case);
    }
    return status;
}

/* If there are several patterns, and all are literals, they are searched together. */
static int join_literals(struct query *query) {
    struct query_pattern *joined = &query->joined;
    int status = 0;
    for (uint32_t i = 0; i < query->pattern_count; i++)
        if (!query->patterns[i].only_needles || query->patterns[i].never) return 0;
    for (uint32_t i = 0; i < query->pattern_count && query->pattern_count > 1; i++) {
        if (status == 0) status = add_needles(&joined->needles, &query->patterns[i].needles);
        if (status == 0) status = add_needles(&joined->signs, &query->patterns[i].signs);
    }
    joined->only_needles = true;
    if (status == 0) status = needle_set_ready(&joined->needles);
    return status < 0 ? status : needle_set_ready(&joined->signs);
}

static int open_where(struct query *query, const char *command, const char *text, int64_t now_ns) {
    const struct where_clock clock = {now_ns, query->zone};
    char error[WHERE_ERROR_MAX];
    const int status = where_open(text, &clock, &query->where, error);
    if (status < 0) say("%s: --where %s: %s", command, text, error);
    if (status < 0) return status;
    query->where_by_spans =
        where_names(query->where, CANONICAL_TIME) || where_names(query->where, CANONICAL_LEVEL);
    query->need = where_need(query->where);
    if (!need_spell(&query->need, &query->hints, &query->hints_exponents))
        needle_set_close(&query->hints);
    return needle_set_ready(&query->hints);
}

static int open_time(const struct query *query, const char *command, const char *name,
                     const char *text, int64_t now_ns, int64_t *unix_ns) {
    if (text == NULL || query_time(text, now_ns, query->zone, unix_ns) == 0) return 0;
    say("%s: --%s %s: not a time (" QUERY_TIME_HINT ")", command, name, text);
    return ERR_INVALID;
}

static int open_times(struct query *query, const char *command,
                      const struct query_settings *settings, int64_t now_ns) {
    query->timed = settings->since != NULL || settings->until != NULL;
    query->received = settings->received;
    query->since_ns = INT64_MIN;
    query->until_ns = INT64_MAX;
    int status = open_time(query, command, "since", settings->since, now_ns, &query->since_ns);
    if (status < 0) return status;
    status = open_time(query, command, "until", settings->until, now_ns, &query->until_ns);
    const bool both = settings->since != NULL && settings->until != NULL;
    if (status == 0 && both && query->since_ns >= query->until_ns)
        say("%s: --since %s is not before --until %s: no record is selected", command,
            settings->since, settings->until);
    return status;
}

static int open_level(struct query *query, const char *command, const char *text) {
    if (text == NULL || level_parse(text, strlen(text), &query->level_min) == 0) return 0;
    say("%s: --level %s: not a level (trace, debug, info, warn, error or fatal)", command, text);
    return ERR_INVALID;
}

/* The options that say how times and levels are read. */
static int open_rules(struct query *query, const char *command,
                      const struct query_settings *settings) {
    const struct record_settings texts = {.time_keys = settings->time_keys,
                                          .level_keys = settings->level_keys,
                                          .level_names = settings->level_names,
                                          .level_scale = settings->level_scale,
                                          .zone = settings->zone};
    return record_rules_open(command, &texts, &query->rules);
}

/* No pattern, or an empty one. */
static bool matches_any_line(const struct query *query) {
    for (uint32_t i = 0; i < query->pattern_count; i++) {
        const struct query_pattern *pattern = &query->patterns[i];
        if (!pattern->is_regex && pattern->needles.count == 0) return true;
    }
    return query->pattern_count == 0;
}

/* True if every record matches. */
static bool matches_all(const struct query *query) {
    const bool restricted = query->where != NULL || query->timed || query->level_min > 0;
    return query->any_line && !restricted && !query->invert;
}

int query_open(struct query *query, const char *command, const struct query_settings *settings,
               const struct query_patterns *patterns, int64_t now_ns) {
    int status = 0;
    memset(query, 0, sizeof *query);
    assert(patterns->count <= QUERY_PATTERNS_MAX);
    query->patterns = allocate((patterns->count + 1) * sizeof *query->patterns);
    query->streams = &settings->streams;
    query->invert = patterns->invert;
    while (status == 0 && query->pattern_count < patterns->count) {
        const uint32_t i = query->pattern_count;
        status = open_pattern(&query->patterns[i], command, patterns->texts[i], patterns);
        query->pattern_count++;
    }
    query->any_line = matches_any_line(query);
    if (status == 0) status = join_literals(query);
    query->shows_zone = settings->tz != NULL;
    if (status == 0)
        status =
            open_zone(command, "tz", settings->tz != NULL ? settings->tz : "local", &query->zone);
    if (status == 0 && settings->where != NULL)
        status = open_where(query, command, settings->where, now_ns);
    if (status == 0) status = open_times(query, command, settings, now_ns);
    if (status == 0) status = open_level(query, command, settings->level);
    if (status == 0) status = open_rules(query, command, settings);
    query->all = status == 0 && matches_all(query);
    if (status == ERR_NO_MEMORY) say("%s: %s", command, error_text(status));
    if (status < 0) query_close(query);
    return status;
}

void query_close(struct query *query) {
    for (uint32_t i = 0; i < query->pattern_count; i++)
        close_pattern(&query->patterns[i]);
    close_pattern(&query->joined);
    needle_set_close(&query->hints);
    need_free(&query->need);
    free(query->patterns);
    where_close(query->where);
    zone_free(query->zone);
    record_rules_close(query->rules);
    memset(query, 0, sizeof *query);
}

int query_state_open(struct query_state *state) {
    memset(state, 0, sizeof *state);
    state->facts = &facts_rules_usual;
    query_received(state, INT64_MIN, INT64_MAX);
    return regex_state_open(&state->regex);
}

void query_state_close(struct query_state *state) {
    regex_state_close(&state->regex);
    where_state_close(&state->where);
    is_record_close(&state->is_record);
    strings_room_free(&state->strings);
}

/* ---- times, levels and conditions ---- */

void query_received(struct query_state *state, int64_t min_ns, int64_t max_ns) {
    state->received_min_ns = min_ns;
    state->received_max_ns = max_ns;
}

bool query_is_record(struct query_state *state, const uint8_t **line, size_t *size) {
    return !state->foreign || is_record(&state->is_record, line, size);
}

int64_t query_time_of(struct query_state *state, const uint8_t *record, size_t size,
                      int64_t untimed_ns) {
    struct facts facts;
    if (size > 0 && record[size - 1] == '\n') size--;
    if (!query_is_record(state, &record, &size)) return untimed_ns;
    facts_of_record(record, size, state->facts, &facts);
    return facts.has_time ? facts.time_ns : untimed_ns;
}

static bool is_within(const struct query *query, int64_t min_ns, int64_t max_ns) {
    return max_ns >= query->since_ns && min_ns < query->until_ns;
}

static bool condition_holds(const struct query *query, struct query_state *state,
                            const uint8_t *record, size_t size) {
    state->where.regex = &state->regex;
    state->where.facts = state->facts;
    state->where.stream = state->stream;
    const bool holds = where_holds(query->where, &state->where, record, size);
    if (state->where.gave_up) state->gave_up = true;
    return holds;
}

static bool is_in_time(const struct query *query, const struct query_state *state,
                       const struct facts *facts) {
    if (!query->timed) return true;
    if (!query->received && facts->has_time)
        return is_within(query, facts->time_ns, facts->time_ns);
    if (state->foreign) return false; /* when it was received is unknown for ever */
    return is_within(query, state->received_min_ns, state->received_max_ns);
}

static void note_unrecognised(struct query_state *state, const uint8_t *record, size_t size) {
    uint8_t text[UNRECOGNISED_BYTES_MAX];
    const size_t text_size = facts_unrecognised(record, size, state->facts, text, sizeof text);
    if (text_size > 0) unrecognised_add(&state->unrecognised, text, text_size, 1);
}

static bool restrictions_hold(const struct query *query, struct query_state *state,
                              const uint8_t *record, size_t size) {
    struct facts facts = {0};
    const bool by_event = query->timed && !query->received;
    if (!query->timed && query->level_min == 0 && query->where == NULL) return true;
    if (!query_is_record(state, &record, &size)) return false;
    if (by_event || query->level_min > 0) facts_of_record(record, size, state->facts, &facts);
    if (facts.level < query->level_min && !facts.unrecognised) return false;
    if (!is_in_time(query, state, &facts)) return false;
    if (query->where != NULL && !condition_holds(query, state, record, size)) return false;
    if (facts.level >= query->level_min) return true;
    note_unrecognised(state, record, size);
    return false;
}

bool query_needs_spans(const struct query *query) {
    return query->timed || query->level_min > 0 || query->where_by_spans;
}

static bool knows_facts(const struct facts_rules *facts, const struct span *span) {
    return facts->id == facts_rules_usual.id || facts->id == span->rules;
}

/* All levels, and none. */
#define ALL_LEVELS ((UINT32_C(1) << (LEVEL_MAX + 1)) - 1)

static struct where_scope scope_of(const struct facts_rules *facts, const struct known *known) {
    const struct span *span = known->span;
    const struct counts *counts = facts->id == facts_rules_usual.id ? known->counts : NULL;
    struct where_scope scope = {.stream = known->stream, .levels = ALL_LEVELS};
    query_span_times(facts, span, &scope.time_min_ns, &scope.time_max_ns);
    if (span->lines > 0 && knows_facts(facts, span)) scope.levels &= span->levels;
    if (counts == NULL) return scope;
    scope.timed = counts->timed == span->lines && span->lines > 0;
    if (counts->timed > 0) {
        scope.time_min_ns = counts->time_min_ns;
        scope.time_max_ns = counts->time_max_ns;
    }
    return scope;
}

enum query_reason query_check_span(const struct query *query, const struct facts_rules *facts,
                                   const struct known *known) {
    /* Includes SPAN_UNRECOGNISED, because such records are reported. */
    const uint32_t levels = ~((UINT32_C(1) << query->level_min) - 1);
    const struct span *const span = known->span;
    if (span->lines == 0) return QUERY_WANTED; /* nothing is known */
    if (query->timed && (knows_facts(facts, span) || query->received) &&
        !is_within(query, query->received ? span->received_min_ns : span->time_min_ns,
                   query->received ? span->received_max_ns : span->time_max_ns))
        return QUERY_TIME;
    if (query->level_min > 0 && knows_facts(facts, span) && (span->levels & levels) == 0)
        return QUERY_LEVEL;
    if (!query->where_by_spans) return QUERY_WANTED;
    const struct where_scope scope = scope_of(facts, known);
    return where_may_hold(query->where, &scope) == 0 ? QUERY_CONDITION : QUERY_WANTED;
}

void query_span_times(const struct facts_rules *facts, const struct span *span, int64_t *min_ns,
                      int64_t *max_ns) {
    const bool any = span->lines > 0 && knows_facts(facts, span);
    *min_ns = any ? span->time_min_ns : INT64_MIN;
    *max_ns = any ? span->time_max_ns : INT64_MAX;
}

static bool covers_times(const struct query *query, const struct facts_rules *facts,
                         const struct span *span) {
    if (!query->timed) return true;
    if (span->lines == 0 || (!knows_facts(facts, span) && !query->received)) return false;
    const int64_t min_ns = query->received ? span->received_min_ns : span->time_min_ns;
    const int64_t max_ns = query->received ? span->received_max_ns : span->time_max_ns;
    return min_ns >= query->since_ns && max_ns < query->until_ns;
}

bool query_wanted_levels(const struct query *query, const struct facts_rules *facts,
                         const struct known *known, uint32_t *levels) {
    const struct where_scope scope = scope_of(facts, known);
    *levels = scope.levels;
    if (!query->any_line || query->invert || !covers_times(query, facts, known->span)) return false;
    if (query->where != NULL && !where_decides(query->where, &scope, levels)) return false;
    if (query->level_min == 0) return true;
    /* Records with an unrecognised level are reported. */
    if (!knows_facts(facts, known->span) || (known->span->levels & SPAN_UNRECOGNISED) != 0)
        return false;
    *levels &= ~((UINT32_C(1) << query->level_min) - 1);
    return true;
}

bool query_wants_file(const struct query *query, const char *stream) {
    struct regex_state regex;
    struct where_scope scope = {.stream = stream,
                                .regex = &regex,
                                .levels = ALL_LEVELS,
                                .time_min_ns = INT64_MIN,
                                .time_max_ns = INT64_MAX};
    if (!streams_want(query->streams, stream)) return false;
    if (query->where == NULL || !where_names(query->where, CANONICAL_STREAM)) return true;
    if (regex_state_open(&regex) < 0) return true;
    const bool may_hold = where_may_hold(query->where, &scope) != 0;
    regex_state_close(&regex);
    return may_hold;
}

/* ---- lines ---- */

static bool matches_regex(const struct regex *regex, struct query_state *state, const uint8_t *text,
                          size_t size) {
    size_t begin, end;
    const int found = regex_find(regex, &state->regex, text, size, 0, &begin, &end);
    if (found < 0) state->gave_up = true;
    return found > 0;
}

/* Does the pattern match this text, as it is? */
static bool matches_text(const struct query_pattern *pattern, struct query_state *state,
                         const uint8_t *text, size_t size) {
    if (pattern->only_needles && find_set(&pattern->needles, text, text + size) != NULL)
        return true;
    if (pattern->only_needles && !pattern->folds) return false;
    if (!pattern->is_regex && !pattern->folds) return true; /* the empty literal */
    return matches_regex(&pattern->regex, state, text, size);
}

struct pattern_match {
    const struct query_pattern *pattern;
    struct query_state *state;
};

static bool matches_string(void *context, const uint8_t *text, size_t size) {
    const struct pattern_match *match = context;
    return matches_text(match->pattern, match->state, text, size);
}

/* Does the pattern match this single line: its bytes, or one of its strings? */
static bool matches_line(const struct query_pattern *pattern, struct query_state *state,
                         const uint8_t *line, size_t size) {
    struct pattern_match match = {pattern, state};
    const bool all = pattern->is_regex && pattern->regex.looks_around;
    return matches_text(pattern, state, line, size) ||
           decoded_matches(&state->strings, line, size, all, matches_string, &match);
}

static bool matches_any(const struct query *query, struct query_state *state, const uint8_t *line,
                        size_t size) {
    for (uint32_t i = 0; i < query->pattern_count; i++)
        if (matches_line(&query->patterns[i], state, line, size)) return true;
    return false;
}

/* A line; `next` is after its newline. */
struct line_bounds {
    const uint8_t *begin, *end, *next;
};

static struct line_bounds line_at(const uint8_t *text, const uint8_t *p, const uint8_t *end) {
    struct line_bounds line = {line_begin(text, p), NULL, line_end(p, end)};
    line.end = line.next > line.begin && line.next[-1] == '\n' ? line.next - 1 : line.next;
    return line;
}

/* The next place at or after p whose line has a needle or, without needles, may match by its bytes.
 * NULL: none. */
static const uint8_t *find_place(const struct query_pattern *pattern, struct query_state *state,
                                 const uint8_t *p, const uint8_t *end) {
    size_t begin, after;
    /* The needles of an expression may have no newline: then a line whose strings match has one. */
    if (pattern->never && (pattern->only_needles || pattern->needles.count == 0)) return NULL;
    if (pattern->needles.count > 0) return find_set(&pattern->needles, p, end);
    if (!pattern->is_regex) return p; /* the empty literal */
    if (examines_lines(pattern)) return p;
    const int found =
        regex_find(&pattern->regex, &state->regex, p, (size_t)(end - p), 0, &begin, &after);
    if (found < 0) return p;
    if (found == 0 || begin == (size_t)(end - p)) return NULL;
    return p + begin;
}

/* The next place at or after p whose line may match.  Both places are kept until p reaches them, so
 * that each byte is searched once for each. */
static const uint8_t *find_either(const struct query_pattern *pattern, struct query_state *state,
                                  struct query_next *next, const uint8_t *p, const uint8_t *end) {
    if (next->needle == NULL || next->needle < p) {
        next->needle = find_place(pattern, state, p, end);
        if (next->needle == NULL) next->needle = end;
    }
    if (next->sign == NULL || next->sign < p) {
        next->sign = pattern->signs.count > 0 ? find_set(&pattern->signs, p, end) : NULL;
        if (next->sign == NULL) next->sign = end;
    }
    return next->needle < next->sign ? next->needle : next->sign;
}

/* The next line at or after p that the pattern matches, or one of the joined patterns; begins at
 * `end` if there is none. */
static struct line_bounds find_line(const struct query *query, uint32_t number,
                                    struct query_state *state, const uint8_t *p,
                                    const uint8_t *end) {
    const bool joined = number == query->pattern_count;
    const struct query_pattern *pattern = joined ? &query->joined : &query->patterns[number];
    struct query_next *next = &state->next[number];
    while (p < end) { /* ends: p rises by a line */
        const uint8_t *place = find_either(pattern, state, next, p, end);
        if (place == end) break;
        const struct line_bounds line = line_at(p, place, end);
        const size_t size = (size_t)(line.end - line.begin);
        if (next->needle < line.next && pattern->only_needles) return line;
        if (!pattern->is_regex && pattern->signs.count == 0) return line; /* the empty literal */
        if (joined ? matches_any(query, state, line.begin, size)
                   : matches_line(pattern, state, line.begin, size))
            return line;
        p = line.next;
    }
    return (struct line_bounds){end, end, end};
}

void query_begin(struct query_state *state) {
    memset(state->next, 0, sizeof state->next);
}

/* The next place at or after p whose line may meet the condition; `end` if there is none. */
static const uint8_t *find_hint(const struct query *query, struct query_next *next,
                                const uint8_t *p, const uint8_t *end) {
    if (next->needle == NULL || next->needle < p) {
        next->needle = find_set(&query->hints, p, end);
        if (next->needle == NULL) next->needle = end;
    }
    if (!query->hints_exponents) return next->needle;
    if (next->sign == NULL || next->sign < p)
        if (exponents_next(p, end, &next->sign) == NULL) next->sign = end;
    return next->needle < next->sign ? next->needle : next->sign;
}

/* The next line at or after p that any of the patterns matches. */
static struct line_bounds find_any(const struct query *query, struct query_state *state,
                                   const uint8_t *p, const uint8_t *end) {
    struct line_bounds first = {end, end, end};
    if (query->joined.needles.count > 0)
        return find_line(query, query->pattern_count, state, p, end);
    if (query->any_line) {
        const bool some = query->hints.count > 0 && !query->invert;
        struct query_next *const next = &state->next[query->pattern_count];
        const uint8_t *place = some ? find_hint(query, next, p, end) : p;
        return place != end ? line_at(p, place, end) : first;
    }
    for (uint32_t i = 0; i < query->pattern_count; i++) {
        const uint8_t *begin = state->next[i].begin;
        if (begin == NULL || begin < p) {
            const struct line_bounds line = find_line(query, i, state, p, end);
            state->next[i].begin = begin = line.begin;
            state->next[i].end = line.next;
        }
        if (begin < first.begin)
            first = (struct line_bounds){begin, state->next[i].end - 1, state->next[i].end};
    }
    return first;
}

bool query_next(const struct query *query, struct query_state *state, const uint8_t *p,
                const uint8_t *end, const uint8_t **begin, const uint8_t **next) {
    while (p < end) { /* ends: p rises by a line */
        struct line_bounds line = find_any(query, state, p, end);
        if (query->invert) {
            if (line.begin == p) {
                p = line.next;
                continue;
            }
            line = line_at(p, p, end);
        }
        if (line.begin == end) return false;
        const size_t size = (size_t)(line.next - line.begin) - (line.next[-1] == '\n');
        if (restrictions_hold(query, state, line.begin, size)) {
            *begin = line.begin;
            *next = line.next;
            return true;
        }
        p = line.next;
    }
    return false;
}

bool query_matches(const struct query *query, struct query_state *state, const uint8_t *record,
                   size_t size) {
    const bool matches = query->pattern_count == 0 || matches_any(query, state, record, size);
    return matches != query->invert && restrictions_hold(query, state, record, size);
}

bool query_mark(const struct query *query, struct query_state *state, const uint8_t *text,
                size_t size, size_t *begin, size_t *end) {
    bool marked = false;
    if (query->invert) return false;
    for (uint32_t i = 0; i < query->pattern_count; i++) {
        const struct query_pattern *pattern = &query->patterns[i];
        size_t from = 0, to = 0;
        if (pattern->is_regex || pattern->folds) {
            if (regex_find(&pattern->regex, &state->regex, text, size, 0, &from, &to) <= 0)
                continue;
        } else {
            if (pattern->needles.count == 0) continue;
            const struct needle *needle = &pattern->needles.needles[0];
            const uint8_t *place = find(needle, text, text + size);
            if (place == NULL) continue;
            from = (size_t)(place - text);
            to = from + needle->size;
        }
        if (from == to || (marked && from >= *begin)) continue;
        *begin = from;
        *end = to;
        marked = true;
    }
    return marked;
}

bool query_wants_stream(const struct query *query, const char *stream) {
    return streams_want(query->streams, stream);
}
