/* patterns.c - see patterns.h. */
#include "tools/render/patterns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json/hash.h"
#include "tools/query/allocate.h"
#include "tools/query/template.h"
#include "tools/query/text.h"
#include "tools/render/top.h"

#define WORDS_MAX    64 /* templates with more words are not joined */
#define ROUNDS_MAX   64 /* each joins at one more place */
#define JOINED_MAX   1024
#define RECOUNT_MIN  1024
#define RECOUNT_MORE 8

struct patterns {
    struct top top;         /* which templates there are, and how often in all windows */
    struct pattern *kept;   /* by id; text is NULL until patterns_sort or join_all */
    struct pattern *joined; /* templates with joined words, which take in all that fit */
    uint32_t joined_count, joined_room;
    struct pattern *rows; /* the result */
    uint32_t row_count;
    uint64_t totals[PATTERNS_WINDOWS], others[PATTERNS_WINDOWS];
    uint64_t number;
    uint64_t bound;
    uint32_t room; /* patterns that are kept at most */
    bool part, recounted;
    bool full; /* joining does not make enough room any more */
    struct text made;
};

/* ---- words of a template ---- */

struct word {
    const uint8_t *p;
    uint32_t size;
};

/* 0: it has more words than can be joined. */
static uint32_t split(const uint8_t *text, size_t size, struct word *words) {
    const uint8_t *p = text, *const end = text + size;
    uint32_t count = 0;
    while (p < end) { /* p rises */
        const uint8_t *const space = memchr(p, ' ', (size_t)(end - p));
        const uint8_t *const stop = space != NULL ? space : end;
        if (count == WORDS_MAX) return 0;
        words[count++] = (struct word){p, (uint32_t)(stop - p)};
        p = stop + 1;
    }
    return count;
}

/* Is there more than variable parts and signs in this word? */
static bool has_letter(const struct word *word) {
    for (uint32_t i = 0; i < word->size; i++) {
        const uint8_t c = word->p[i] | 0x20;
        if ((c >= 'a' && c <= 'z') || word->p[i] >= 0x80) return true;
    }
    return false;
}

/* ---- joined templates ---- */

/* Does the joined template take in these words? */
static bool fits(const struct pattern *joined, const struct word *words, uint32_t count) {
    struct word own[WORDS_MAX];
    if (split(joined->text, joined->size, own) != count) return false;
    for (uint32_t i = 0; i < count; i++) {
        if ((joined->variable >> i & 1) != 0) continue;
        if (own[i].size != words[i].size || memcmp(own[i].p, words[i].p, own[i].size) != 0)
            return false;
    }
    return true;
}

/* The joined template that takes in this one, or NULL. */
static const struct pattern *find_joined(const struct patterns *p, const uint8_t *text,
                                         size_t size) {
    struct word words[WORDS_MAX];
    const uint32_t count = p->joined_count > 0 ? split(text, size, words) : 0;
    for (uint32_t i = 0; i < p->joined_count && count > 0; i++)
        if (fits(&p->joined[i], words, count)) return &p->joined[i];
    return NULL;
}

static bool is_joined_already(const struct patterns *p, const struct pattern *row) {
    for (uint32_t i = 0; i < p->joined_count; i++)
        if (p->joined[i].size == row->size && memcmp(p->joined[i].text, row->text, row->size) == 0)
            return true;
    return false;
}

static void note_joined(struct patterns *p, const struct pattern *row) {
    if (p->joined_count == JOINED_MAX || is_joined_already(p, row)) return;
    if (p->joined_count == p->joined_room) {
        p->joined_room = p->joined_room * 2 + 16;
        p->joined = reallocate(p->joined, p->joined_room * sizeof *p->joined);
    }
    p->joined[p->joined_count++] =
        (struct pattern){.text = (uint8_t *)copy_text((const char *)row->text, row->size),
                         .size = row->size,
                         .variable = row->variable};
}

/* ---- joining ---- */

/* A place of a row: the hash of the row without the word at this place. */
struct place {
    uint64_t hash;
    uint32_t row, word;
};

/* Rows that are equal but for the word at one place: places[begin .. begin + count). */
struct family {
    uint32_t begin, count;
    bool joined; /* one of them was joined at this place before */
};

static int compare_places(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The largest ones first, then in a fixed order. */
static int compare_families(const void *a, const void *b) {
    const struct family *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int compare_texts(const struct pattern *x, const struct pattern *y) {
    const uint32_t size = x->size < y->size ? x->size : y->size;
    const int order = memcmp(x->text, y->text, size);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static int compare_by_text(const void *a, const void *b) {
    return compare_texts(a, b);
}

/* A family keeps at least one word with a letter, so that unlike messages are not joined. */
static uint32_t add_places(const struct pattern *row, uint32_t number, struct place *places) {
    struct word words[WORDS_MAX];
    uint64_t hashes[WORDS_MAX];
    uint32_t letters = 0, found = 0;
    const uint32_t count = split(row->text, row->size, words);
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = hash_bytes((const char *)words[i].p, words[i].size);
        letters += has_letter(&words[i]);
    }
    for (uint32_t k = 0; k < count; k++) {
        uint64_t hash = hash_step(count, k);
        if (letters - has_letter(&words[k]) == 0) continue;
        for (uint32_t i = 0; i < count; i++)
            if (i != k) hash = hash_step(hash, hashes[i]);
        places[found++] = (struct place){hash_end(hash, k), number, k};
    }
    return found;
}

static uint32_t find_families(const struct pattern *rows, const struct place *places,
                              uint32_t place_count, struct family *families) {
    uint32_t found = 0;
    for (uint32_t i = 0, next; i < place_count; i = next) {
        struct family family = {.begin = i};
        for (next = i; next < place_count && places[next].hash == places[i].hash; next++) {
            const struct place *place = &places[next];
            family.joined |= (rows[place->row].variable >> place->word & 1) != 0;
        }
        family.count = next - i;
        if (family.count > PATTERNS_JOINED_MIN || (family.joined && family.count > 1))
            families[found++] = family;
    }
    return found;
}

static void replace_word(struct pattern *row, uint32_t place) {
    struct word words[WORDS_MAX];
    struct text text = {0};
    const uint32_t count = split(row->text, row->size, words);
    assert(place < count);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) text_add_byte(&text, ' ');
        if (i == place)
            text_add_text(&text, TEMPLATE_VARIABLE);
        else
            text_add(&text, words[i].p, words[i].size);
    }
    free(row->text);
    row->text = text.bytes;
    row->size = (uint32_t)text.used;
    row->variable |= UINT64_C(1) << place;
}

static void free_row(struct pattern *row) {
    free(row->text);
    free(row->example);
    *row = (struct pattern){0};
}

/* Adds what is known of `from` to `row`, and forgets `from`. */
static void unite(struct pattern *row, struct pattern *from) {
    for (uint32_t i = 0; i < PATTERNS_WINDOWS; i++)
        row->counts[i] += from->counts[i];
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        row->levels[i] += from->levels[i];
    if (from->timed && (!row->timed || from->first_ns < row->first_ns))
        row->first_ns = from->first_ns;
    if (from->timed && (!row->timed || from->last_ns > row->last_ns)) row->last_ns = from->last_ns;
    row->timed = row->timed || from->timed;
    if (from->number < row->number) {
        uint8_t *const example = row->example;
        row->example = from->example;
        row->example_size = from->example_size;
        row->number = from->number;
        from->example = example;
    }
    row->variable |= from->variable;
    free_row(from);
}

/* Joins the rows of a family that are still there; false: they are too few. */
static bool join_family(struct pattern *rows, const struct place *places,
                        const struct family *family, bool *taken) {
    const struct place *const first = &places[family->begin];
    uint32_t left = 0, into = 0;
    for (uint32_t i = family->count; i-- > 0;) {
        if (taken[first[i].row]) continue;
        into = first[i].row;
        left++;
    }
    if (left < 2 || (left <= PATTERNS_JOINED_MIN && !family->joined)) return false;
    replace_word(&rows[into], first->word);
    for (uint32_t i = 0; i < family->count; i++) {
        const uint32_t row = first[i].row;
        if (row != into && !taken[row]) unite(&rows[into], &rows[row]);
        taken[row] = true;
    }
    return true;
}

/* Removes the rows without a text. */
static uint32_t without_empty(struct pattern *rows, uint32_t count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].text != NULL) rows[kept++] = rows[i];
    return kept;
}

/* Unites rows with equal texts; the rows are sorted by text. */
static uint32_t unite_equal(struct pattern *rows, uint32_t count) {
    uint32_t last = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (compare_texts(&rows[last], &rows[i]) == 0)
            unite(&rows[last], &rows[i]);
        else
            last = i;
    }
    return without_empty(rows, count);
}

/* One round; returns the new number of rows. */
static uint32_t join_once(struct pattern *rows, uint32_t count, bool *changed) {
    size_t words = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct word split_words[WORDS_MAX];
        words += split(rows[i].text, rows[i].size, split_words);
    }
    struct place *places = allocate((words + 1) * sizeof *places);
    struct family *families = allocate((words / 2 + 1) * sizeof *families);
    bool *taken = allocate(count * sizeof *taken + 1);
    uint32_t place_count = 0;
    memset(taken, 0, count * sizeof *taken);
    for (uint32_t i = 0; i < count; i++)
        place_count += add_places(&rows[i], i, places + place_count);
    if (place_count > 0) qsort(places, place_count, sizeof *places, compare_places);
    const uint32_t family_count = find_families(rows, places, place_count, families);
    if (family_count > 0) qsort(families, family_count, sizeof *families, compare_families);
    *changed = false;
    for (uint32_t i = 0; i < family_count; i++)
        if (join_family(rows, places, &families[i], taken)) *changed = true;
    free(places);
    free(families);
    free(taken);
    return without_empty(rows, count);
}

/* Joins as long as there is something to join; the result is sorted by text. */
static uint32_t join_rows(struct patterns *p, struct pattern *rows, uint32_t count) {
    bool changed = true;
    for (int round = 0; round < ROUNDS_MAX && changed; round++) {
        if (count > 0) qsort(rows, count, sizeof *rows, compare_by_text);
        count = unite_equal(rows, count);
        count = join_once(rows, count, &changed);
    }
    if (count > 0) qsort(rows, count, sizeof *rows, compare_by_text);
    count = unite_equal(rows, count);
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].variable != 0) note_joined(p, &rows[i]);
    return count;
}

/* ---- keeping ---- */

static void empty_top(struct patterns *p) {
    top_free(&p->top);
    p->top = (struct top){.values_max = p->room, .bytes_max = TEMPLATE_BYTES_MAX};
}

/* Moves everything that is kept into rows. */
static struct pattern *take_rows(struct patterns *p, uint32_t *count) {
    struct pattern *rows = allocate((p->top.used + 1) * sizeof *rows);
    *count = 0;
    for (uint32_t i = 0; i < p->top.used; i++) {
        const struct top_value *const value = &p->top.values[i];
        struct pattern *const kept = &p->kept[value->id];
        if (value->count == 0) {
            free_row(kept);
            continue;
        }
        kept->text = (uint8_t *)copy_text((const char *)p->top.texts + value->text, value->size);
        kept->size = value->size;
        rows[(*count)++] = *kept;
    }
    p->bound = p->top.bound > p->bound ? p->top.bound : p->bound;
    empty_top(p);
    memset(p->kept, 0, p->room * sizeof *p->kept);
    return rows;
}

static uint64_t count_of(const struct pattern *row) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < PATTERNS_WINDOWS; i++)
        count += row->counts[i];
    return count;
}

static void keep_row(struct patterns *p, struct pattern *row) {
    bool fresh;
    const uint32_t id = top_add_many(&p->top, row->text, row->size, count_of(row), &fresh);
    free(row->text);
    row->text = NULL;
    p->kept[id] = *row;
}

/* There is no room for another pattern: joins templates. */
static void make_room(struct patterns *p) {
    uint32_t count;
    struct pattern *rows = take_rows(p, &count);
    count = join_rows(p, rows, count);
    for (uint32_t i = 0; i < count; i++)
        keep_row(p, &rows[i]);
    free(rows);
    p->full = count > PATTERNS_MAX / 4 * 3;
}

static struct patterns *open_with_room(uint32_t room) {
    struct patterns *p = allocate(sizeof *p);
    *p = (struct patterns){.room = room};
    empty_top(p);
    p->kept = allocate(room * sizeof *p->kept);
    memset(p->kept, 0, room * sizeof *p->kept);
    return p;
}

struct patterns *patterns_open(void) {
    return open_with_room(PATTERNS_MAX);
}

struct patterns *patterns_open_part(void) {
    struct patterns *p = open_with_room(PATTERNS_OF_PART);
    p->part = true;
    return p;
}

static void free_rows(struct pattern *rows, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        free_row(&rows[i]);
    free(rows);
}

void patterns_close(struct patterns *p) {
    free_rows(p->kept, p->room);
    free_rows(p->joined, p->joined_count);
    free_rows(p->rows, p->row_count);
    top_free(&p->top);
    text_free(&p->made);
    free(p);
}

/* ---- adding ---- */

static void copy_example(struct pattern *kept, const struct pattern *from) {
    kept->example = (uint8_t *)copy_text((const char *)from->example, from->example_size);
    kept->example_size = from->example_size;
}

static void add_numbers(struct pattern *kept, const struct pattern *more) {
    for (uint32_t i = 0; i < PATTERNS_WINDOWS; i++)
        kept->counts[i] += more->counts[i];
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        kept->levels[i] += more->levels[i];
    if (!more->timed) return;
    if (!kept->timed || more->first_ns < kept->first_ns) kept->first_ns = more->first_ns;
    if (!kept->timed || more->last_ns > kept->last_ns) kept->last_ns = more->last_ns;
    kept->timed = true;
}

/* Adds messages of the template more->text, of which more->number is counted from p->number. */
static void add_pattern(struct patterns *p, const struct pattern *more) {
    const struct pattern *const joined = find_joined(p, more->text, more->size);
    const struct pattern *const as = joined != NULL ? joined : more;
    bool fresh;
    if (p->top.used == PATTERNS_MAX && !p->full) make_room(p);
    for (uint32_t i = 0; i < PATTERNS_WINDOWS; i++)
        p->totals[i] += more->counts[i];
    const uint32_t id = top_add_many(&p->top, as->text, as->size, count_of(more), &fresh);
    if (id == TOP_NONE) {
        for (uint32_t i = 0; i < PATTERNS_WINDOWS; i++)
            p->others[i] += more->counts[i];
        return;
    }
    struct pattern *const kept = &p->kept[id];
    if (fresh) {
        for (uint32_t i = 0; i < PATTERNS_WINDOWS; i++)
            p->others[i] += kept->counts[i];
        free_row(kept);
        kept->variable = as->variable;
    }
    if (kept->example == NULL) {
        copy_example(kept, more);
        kept->number = p->number + more->number;
    }
    add_numbers(kept, more);
}

/* Not within a character. */
static uint32_t example_size(const uint8_t *text, size_t size) {
    if (size <= PATTERNS_EXAMPLE_BYTES) return (uint32_t)size;
    size = PATTERNS_EXAMPLE_BYTES;
    while (size > 0 && (text[size] & 0xc0) == 0x80)
        size--;
    return (uint32_t)size;
}

bool patterns_add(struct patterns *p, const struct pattern_message *message) {
    p->made.used = 0;
    template_make(message->text, message->size, &p->made);
    if (p->part && p->top.used == p->room && !top_has(&p->top, p->made.bytes, p->made.used))
        return false;
    struct pattern one = {.text = p->made.bytes,
                          .size = (uint32_t)p->made.used,
                          .timed = message->timed,
                          .first_ns = message->time_ns,
                          .last_ns = message->time_ns,
                          .example = (uint8_t *)(uintptr_t)message->text,
                          .example_size = example_size(message->text, message->size)};
    one.counts[message->window] = 1;
    one.levels[(message->level + 3u) / 4] = 1;
    add_pattern(p, &one);
    p->number++;
    return true;
}

void patterns_unite(struct patterns *whole, struct patterns *part) {
    for (uint32_t i = 0; i < part->top.used; i++) { /* in the order of their first messages */
        const struct top_value *const value = &part->top.values[i];
        struct pattern *const kept = &part->kept[value->id];
        kept->text = part->top.texts + value->text;
        kept->size = value->size;
        add_pattern(whole, kept);
        kept->text = NULL;
        free_row(kept);
    }
    whole->number += part->number;
    part->number = 0;
    memset(part->totals, 0, sizeof part->totals);
    empty_top(part);
}

/* ---- results ---- */

bool patterns_are_approximate(const struct patterns *p) {
    return top_is_approximate(&p->top);
}

static int compare_by_count(const void *a, const void *b) {
    const struct pattern *x = a, *y = b;
    const uint64_t m = count_of(x), n = count_of(y);
    if (m != n) return m > n ? -1 : 1;
    return compare_texts(x, y);
}

void patterns_recount(struct patterns *p, uint32_t count) {
    uint32_t keep = count < PATTERNS_MAX / RECOUNT_MORE ? count * RECOUNT_MORE : PATTERNS_MAX;
    if (keep < RECOUNT_MIN) keep = RECOUNT_MIN;
    uint32_t found;
    struct pattern *rows = take_rows(p, &found);
    found = join_rows(p, rows, found);
    if (found > 0) qsort(rows, found, sizeof *rows, compare_by_count);
    if (keep < found) p->bound += count_of(&rows[keep]);
    for (uint32_t i = 0; i < found; i++) {
        if (i < keep) {
            bool fresh;
            const uint32_t id = top_add_many(&p->top, rows[i].text, rows[i].size, 0, &fresh);
            p->kept[id].variable = rows[i].variable;
        }
        free_row(&rows[i]);
    }
    free(rows);
    p->top.closed = true;
    p->recounted = true;
    memset(p->totals, 0, sizeof p->totals);
    memset(p->others, 0, sizeof p->others);
    p->number = 0;
}

bool patterns_are_recounted(const struct patterns *p) {
    return p->recounted;
}

uint32_t patterns_sort(struct patterns *p) {
    p->rows = take_rows(p, &p->row_count);
    if (!p->recounted) p->row_count = join_rows(p, p->rows, p->row_count);
    if (p->row_count > 0) qsort(p->rows, p->row_count, sizeof *p->rows, compare_by_count);
    return p->row_count;
}

const struct pattern *patterns_at(const struct patterns *p, uint32_t i) {
    return &p->rows[i];
}

uint64_t patterns_total(const struct patterns *p, uint32_t window) {
    return p->totals[window];
}

uint64_t patterns_others(const struct patterns *p, uint32_t window) {
    return p->others[window];
}

uint64_t patterns_bound(const struct patterns *p) {
    return p->bound;
}
