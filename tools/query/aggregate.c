/* aggregate.c - see aggregate.h. */
#include "tools/query/aggregate.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "tools/query/allocate.h"
#include "tools/query/hash_table.h"
#include "tools/query/period.h"
#include "tools/query/sketch.h"
#include "tools/query/text.h"

#define GROUPS_MIN       1024 /* powers of two only */
#define NUMBER_BYTES_MAX 64
#define ABSENT           UINT32_MAX
/* More than the longest period: this close to the first and the last time that 64 bits hold, a
 * period might not begin between them.  A time that is not known is the first one. */
#define EDGE_NS          (367 * 86400 * INT64_C(1000000000))

/* What is known of one field in one group. */
struct cell {
    uint64_t numbers;
    double sum, correction; /* Neumaier's sum: the error of many additions stays small */
    double least, most;
    struct quantiles quantiles;
    struct distinct distinct;
};

struct aggregate_group {
    int64_t period; /* its first ns */
    uint64_t hash, count;
    size_t key; /* in keys: for each field its size, or ABSENT, and its text */
    uint32_t key_size;
    struct cell *cells; /* one for each path */
};

/* A field of the record, which several measures may need. */
struct path {
    const char *text;
    size_t size;
    bool is_canonical, wants_quantiles, wants_distinct;
    enum canonical_field canonical;
    uint32_t place; /* in values */
};

struct aggregate {
    const struct aggregate_settings *settings;
    struct path by[AGGREGATE_FIELDS_MAX];
    struct path paths[AGGREGATE_MEASURES_MAX];
    uint32_t path_count, path_of[AGGREGATE_MEASURES_MAX];
    struct period period;
    /* Those of `by`, then `paths`, without canonical ones; and of the current record, the values. */
    struct record_paths *record_paths;
    struct value values[AGGREGATE_FIELDS_MAX + AGGREGATE_MEASURES_MAX];
    struct aggregate_group *groups;
    uint32_t used, room;
    struct hash_table table; /* of group numbers */
    struct text keys, key;
    uint64_t left_out;
    struct canonical_rules rules;
    struct canonical canonical;
    bool canonical_read;
};

/* ---- opening ---- */

static struct path path_of(const char *text) {
    struct path path = {.text = text, .size = strlen(text)};
    path.is_canonical = canonical_named(text, path.size, &path.canonical);
    return path;
}

static uint32_t number_of_path(struct aggregate *a, const char *text) {
    uint32_t i = 0;
    while (i < a->path_count && strcmp(a->paths[i].text, text) != 0)
        i++;
    if (i == a->path_count) a->paths[a->path_count++] = path_of(text);
    return i;
}

static void place_path(struct path *path, struct value_path *texts, uint32_t *count) {
    if (path->is_canonical) return;
    path->place = *count;
    texts[(*count)++] = (struct value_path){path->text, path->size};
}

static void open_paths(struct aggregate *a) {
    struct value_path texts[AGGREGATE_FIELDS_MAX + AGGREGATE_MEASURES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->settings->by_count; i++)
        place_path(&a->by[i], texts, &count);
    for (uint32_t i = 0; i < a->path_count; i++)
        place_path(&a->paths[i], texts, &count);
    a->record_paths = record_paths_open(texts, count);
}

struct aggregate *aggregate_open(const struct aggregate_settings *settings) {
    struct aggregate *a = allocate(sizeof *a);
    memset(a, 0, sizeof *a);
    a->settings = settings;
    a->period = (struct period){.every_ns = settings->every_ns, .zone = settings->zone};
    for (uint32_t i = 0; i < settings->by_count; i++)
        a->by[i] = path_of(settings->by[i]);
    for (uint32_t i = 0; i < settings->measure_count; i++) {
        const struct measure *measure = &settings->measures[i];
        a->path_of[i] = number_of_path(a, measure->path);
        a->paths[a->path_of[i]].wants_quantiles |= measure->kind == MEASURE_PART;
        a->paths[a->path_of[i]].wants_distinct |= measure->kind == MEASURE_DISTINCT;
    }
    open_paths(a);
    return a;
}

static void free_cells(const struct aggregate *a, struct cell *cells) {
    for (uint32_t i = 0; cells != NULL && i < a->path_count; i++) {
        quantiles_free(&cells[i].quantiles);
        distinct_free(&cells[i].distinct);
    }
    free(cells);
}

void aggregate_close(struct aggregate *a) {
    for (uint32_t i = 0; i < a->used; i++)
        free_cells(a, a->groups[i].cells);
    free(a->groups);
    hash_table_free(&a->table);
    text_free(&a->keys);
    text_free(&a->key);
    canonical_close(&a->canonical);
    record_paths_close(a->record_paths);
    free(a);
}

/* ---- groups ---- */

struct wanted_group {
    const struct aggregate *a;
    int64_t period;
    const uint8_t *key;
    size_t key_size;
};

static bool is_wanted_group(const void *context, uint32_t number) {
    const struct wanted_group *const wanted = context;
    const struct aggregate_group *const group = &wanted->a->groups[number];
    return group->period == wanted->period && group->key_size == wanted->key_size &&
           (wanted->key_size == 0 ||
            memcmp(wanted->a->keys.bytes + group->key, wanted->key, wanted->key_size) == 0);
}

static uint32_t slot_of(const struct aggregate *a, int64_t period, uint64_t hash,
                        const uint8_t *key, size_t key_size) {
    const struct wanted_group wanted = {a, period, key, key_size};
    return hash_table_slot(&a->table, hash, is_wanted_group, &wanted);
}

static void grow(struct aggregate *a) {
    a->room = a->room > 0 ? a->room * 2 : GROUPS_MIN;
    a->groups = reallocate(a->groups, a->room * sizeof *a->groups);
    hash_table_grow(&a->table, a->room * 2);
}

/* The part of a group's hash that depends on its period. */
static uint64_t hash_of_period(int64_t period) {
    return (uint64_t)period * UINT64_C(0x9E3779B97F4A7C15);
}

/* The group of a->key, maybe a new one without cells.  NULL: there are too many groups. */
static struct aggregate_group *take_group(struct aggregate *a, int64_t period, uint64_t hash) {
    if (a->used == a->room && a->room < AGGREGATE_GROUPS_MAX) grow(a);
    const uint32_t slot = slot_of(a, period, hash, a->key.bytes, a->key.used);
    const uint32_t number = hash_table_number(&a->table, slot);
    if (number != HASH_TABLE_NONE) return &a->groups[number];
    if (a->used == AGGREGATE_GROUPS_MAX) return NULL;
    hash_table_put(&a->table, slot, hash, a->used);
    struct aggregate_group *group = &a->groups[a->used++];
    *group = (struct aggregate_group){
        .period = period, .hash = hash, .key = a->keys.used, .key_size = (uint32_t)a->key.used};
    text_add(&a->keys, a->key.bytes, a->key.used);
    return group;
}

static struct aggregate_group *find_group(struct aggregate *a, int64_t period) {
    const uint64_t hash =
        hash_bytes((const char *)a->key.bytes, a->key.used) ^ hash_of_period(period);
    struct aggregate_group *const group = take_group(a, period, hash);
    if (group == NULL || group->cells != NULL) return group;
    group->cells = allocate(a->path_count * sizeof *group->cells + 1);
    memset(group->cells, 0, a->path_count * sizeof *group->cells);
    return group;
}

/* ---- values ---- */

static bool find_value(struct aggregate *a, const struct path *path, const struct record *record,
                       struct value *value) {
    if (!path->is_canonical) {
        *value = a->values[path->place];
        return value->begin != NULL;
    }
    if (!a->canonical_read) canonical_read_record(&a->canonical, &a->rules, record);
    a->canonical_read = true;
    return canonical_value(&a->canonical, path->canonical, value);
}

/* A number of at most 15 digits, without an exponent: the digits and the power of ten are exact, so
 * that one division gives what strtod does.  False: another one. */
static bool short_number(const uint8_t *p, const uint8_t *end, double *number) {
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool negative = p < end && *p == '-';
    uint64_t digits = 0;
    p += negative;
    if (end - p > 15) return false;
    const uint8_t *const begin = p, *point = end;
    for (; p < end; p++) {
        if (*p == '.' && point == end && p > begin && p + 1 < end) {
            point = p;
            continue;
        }
        if (*p < '0' || *p > '9') return false;
        digits = digits * 10 + (*p - '0');
    }
    if (p == begin) return false;
    *number = (double)digits / powers[point < end ? end - point - 1 : 0];
    if (negative) *number = -*number;
    return true;
}

/* Numbers, also as texts: many loggers write durations in quotes. */
static bool number_of(const struct value *value, double *number) {
    char text[NUMBER_BYTES_MAX + 1], *after;
    uint8_t decoded[NUMBER_BYTES_MAX + 5]; /* value_text leaves room for one more character */
    const bool string = value->kind == VALUE_STRING;
    if (!string && value->kind != VALUE_NUMBER) return false;
    if (short_number(value->begin + string, value->end - string, number)) return true;
    const size_t size = value_text(value, decoded, sizeof decoded);
    if (size == 0 || size > NUMBER_BYTES_MAX) return false;
    memcpy(text, decoded, size);
    text[size] = '\0';
    if (strspn(text, "+-.0123456789eE") != size) return false; /* no "inf", no "0x10" */
    *number = strtod(text, &after);
    return *after == '\0' && *number - *number == 0; /* finite */
}

static void add_to_sum(struct cell *cell, double number) {
    const double sum = cell->sum + number;
    const bool larger = (cell->sum < 0 ? -cell->sum : cell->sum) >= (number < 0 ? -number : number);
    cell->correction += larger ? (cell->sum - sum) + number : (number - sum) + cell->sum;
    cell->sum = sum;
}

static void add_number(struct cell *cell, double number) {
    add_to_sum(cell, number);
    if (cell->numbers == 0 || number < cell->least) cell->least = number;
    if (cell->numbers == 0 || number > cell->most) cell->most = number;
    cell->numbers++;
}

static void join_cell(struct cell *cell, const struct cell *other) {
    if (other->numbers > 0) {
        add_to_sum(cell, other->sum);
        cell->correction += other->correction;
        if (cell->numbers == 0 || other->least < cell->least) cell->least = other->least;
        if (cell->numbers == 0 || other->most > cell->most) cell->most = other->most;
        cell->numbers += other->numbers;
        quantiles_join(&cell->quantiles, &other->quantiles);
    }
    distinct_join(&cell->distinct, &other->distinct);
}

static void make_key(struct aggregate *a, const struct record *record) {
    a->key.used = 0;
    for (uint32_t i = 0; i < a->settings->by_count; i++) {
        uint8_t text[AGGREGATE_VALUE_MAX];
        struct value value;
        const bool found = find_value(a, &a->by[i], record, &value);
        const uint32_t text_size = found ? (uint32_t)value_text(&value, text, sizeof text) : ABSENT;
        text_add(&a->key, &text_size, sizeof text_size);
        if (found) text_add(&a->key, text, text_size);
    }
}

static int64_t period_of(struct aggregate *a, struct record *record, int64_t time_ns) {
    const struct aggregate_settings *s = a->settings;
    struct facts facts = {0};
    if (s->every_ns == 0) return 0;
    if (!s->times_given) record_facts(record, a->rules.facts, &facts);
    if (facts.has_time) time_ns = facts.time_ns;
    if (time_ns < INT64_MIN + EDGE_NS || time_ns > INT64_MAX - EDGE_NS) return AGGREGATE_UNTIMED;
    return period_begin(&a->period, time_ns);
}

static void add_value(struct cell *cell, const struct path *path, const struct value *value) {
    double number;
    if (path->wants_distinct) {
        uint8_t text[AGGREGATE_VALUE_MAX];
        distinct_add(&cell->distinct,
                     hash_bytes((const char *)text, value_text(value, text, sizeof text)));
    }
    if (!number_of(value, &number)) return;
    add_number(cell, number);
    if (path->wants_quantiles) quantiles_add(&cell->quantiles, number);
}

void aggregate_add(struct aggregate *a, const struct facts_rules *facts, const char *stream,
                   struct record *record, int64_t time_ns) {
    if (record->kind != RECORD_OBJECT) record_trust(record, (const uint8_t *)"{}", 2);
    if (a->rules.facts != facts) canonical_open(&a->rules, facts);
    a->canonical.stream = stream;
    a->canonical_read = false;
    record_find(record, a->record_paths, a->values);
    make_key(a, record);
    struct aggregate_group *group = find_group(a, period_of(a, record, time_ns));
    if (group == NULL) {
        a->left_out++;
        return;
    }
    group->count++;
    for (uint32_t i = 0; i < a->path_count; i++) {
        struct value value;
        if (find_value(a, &a->paths[i], record, &value))
            add_value(&group->cells[i], &a->paths[i], &value);
    }
}

/* ---- parts ---- */

bool aggregate_is_full(const struct aggregate *a) {
    return a->used == AGGREGATE_GROUPS_MAX;
}

/* Takes the cells of a group that is new here. */
static void join_group(struct aggregate *a, const uint8_t *keys, struct aggregate_group *other) {
    a->key.used = 0;
    text_add(&a->key, keys + other->key, other->key_size);
    struct aggregate_group *const group = take_group(a, other->period, other->hash);
    if (group == NULL) {
        a->left_out += other->count;
        return;
    }
    group->count += other->count;
    if (group->cells == NULL) {
        group->cells = other->cells;
        other->cells = NULL;
        return;
    }
    for (uint32_t i = 0; i < a->path_count; i++)
        join_cell(&group->cells[i], &other->cells[i]);
}

void aggregate_join(struct aggregate *a, struct aggregate *part) {
    for (uint32_t i = 0; i < part->used; i++)
        join_group(a, part->keys.bytes, &part->groups[i]);
    aggregate_forget(part);
}

void aggregate_forget(struct aggregate *a) {
    for (uint32_t i = 0; i < a->used; i++)
        free_cells(a, a->groups[i].cells);
    if (a->used > 0) hash_table_clear(&a->table);
    a->used = 0;
    a->keys.used = 0;
    a->left_out = 0;
}

/* ---- results ---- */

static int compare(const void *a, const void *b) {
    const struct aggregate_group *x = a, *y = b;
    if (x->period != y->period) return x->period < y->period ? -1 : 1;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key; /* the one that occurred first */
}

uint32_t aggregate_sort(struct aggregate *a) {
    if (a->used == 0) return 0;
    qsort(a->groups, a->used, sizeof *a->groups, compare);
    hash_table_clear(&a->table);
    for (uint32_t i = 0; i < a->used; i++)
        hash_table_add(&a->table, a->groups[i].hash, i);
    return a->used;
}

const struct aggregate_group *aggregate_group(const struct aggregate *a, uint32_t i) {
    return &a->groups[i];
}

const struct aggregate_group *aggregate_find(const struct aggregate *a,
                                             const struct aggregate_group *group, int64_t time_ns) {
    struct period how = a->period;
    const int64_t period = period_begin(&how, time_ns);
    const uint64_t hash = group->hash ^ hash_of_period(group->period) ^ hash_of_period(period);
    const uint32_t slot = slot_of(a, period, hash, a->keys.bytes + group->key, group->key_size);
    const uint32_t number = hash_table_number(&a->table, slot);
    return number != HASH_TABLE_NONE ? &a->groups[number] : NULL;
}

int64_t aggregate_time_ns(const struct aggregate_group *group) {
    return group->period;
}

uint64_t aggregate_count(const struct aggregate_group *group) {
    return group->count;
}

const uint8_t *aggregate_value(const struct aggregate *a, const struct aggregate_group *group,
                               uint32_t i, size_t *size) {
    const uint8_t *p = a->keys.bytes + group->key;
    for (;; i--) { /* ends at the field */
        uint32_t text_size;
        memcpy(&text_size, p, sizeof text_size);
        p += sizeof text_size;
        if (i == 0) {
            *size = text_size == ABSENT ? 0 : text_size;
            return text_size == ABSENT ? NULL : p;
        }
        if (text_size != ABSENT) p += text_size;
    }
}

bool aggregate_number(const struct aggregate *a, const struct aggregate_group *group,
                      uint32_t number, double *result) {
    const struct measure *measure = &a->settings->measures[number];
    const struct cell *cell = &group->cells[a->path_of[number]];
    const double sum = cell->sum + cell->correction;
    if (measure->kind == MEASURE_DISTINCT) {
        *result = (double)distinct_count(&cell->distinct);
        return true;
    }
    if (cell->numbers == 0) return false;
    switch (measure->kind) {
    case MEASURE_SUM: *result = sum; break;
    case MEASURE_AVG: *result = sum / (double)cell->numbers; break;
    case MEASURE_MIN: *result = cell->least; break;
    case MEASURE_MAX: *result = cell->most; break;
    case MEASURE_PART:
        *result = quantiles_at(&cell->quantiles, measure->part);
        if (*result < cell->least) *result = cell->least;
        if (*result > cell->most) *result = cell->most;
        break;
    case MEASURE_DISTINCT: break;
    }
    return true;
}

uint64_t aggregate_left_out(const struct aggregate *a) {
    return a->left_out;
}
