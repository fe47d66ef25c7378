/* need.c - see need.h.
 *
 * In a JSON string, characters from 0x20 to 0x7E but for " and \ are written as themselves or as
 * \u0020 to \u007E; a / also as \/.  A character above 0x7F is written as itself or as \uXXXX; " and
 * \ and those below 0x20 always with a backslash. */
#include "tools/query/need.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/exponents.h"
#include "tools/query/allocate.h"
#include "writer/index/tokens.h"

/* A literal of fewer bytes, quotes included, is not worth a search. */
#define SPELLED_MIN 3

struct need need_text(const void *text, size_t size, bool begins, bool ends) {
    struct need need = {.kind = NEED_TEXT, .size = size, .begins = begins, .ends = ends};
    need.text = allocate(size + 1);
    if (size > 0) memcpy(need.text, text, size);
    return need;
}

struct need need_number(const void *number, size_t size) {
    char text[INTEGER_BYTES_MAX];
    const size_t text_size = integer_part(number, size, text);
    if (text_size < SPELLED_MIN) return (struct need){0};
    struct need need = need_text(text, text_size, false, false);
    need.kind = NEED_NUMBER;
    return need;
}

void need_add(struct need *need, enum need_kind kind, struct need part) {
    need->kind = kind;
    need->parts = reallocate(need->parts, (need->count + 1) * sizeof *need->parts);
    need->parts[need->count++] = part;
}

void need_free(struct need *need) {
    for (uint32_t i = 0; i < need->count; i++)
        need_free(&need->parts[i]);
    free(need->parts);
    free(need->text);
    *need = (struct need){0};
}

/* ---- literals ---- */

/* A part of the text, and the bytes that a line contains if it writes the part otherwise. */
struct run {
    size_t begin, end;
    bool opens, closes; /* with the quote before it, after it */
    bool plain;         /* printable ASCII without / */
};

static size_t run_score(const struct run *run) {
    return run->end - run->begin + run->opens + run->closes;
}

static bool is_written_plainly(uint8_t byte, bool plain) {
    if (byte < 0x20 || byte == '"' || byte == '\\') return false;
    return !plain || (byte < 0x7f && byte != '/');
}

static struct run longest_run(const struct need *need, bool plain) {
    struct run best = {0};
    size_t begin = 0;
    for (size_t i = 0; i <= need->size; i++) {
        if (i < need->size && is_written_plainly(need->text[i], plain)) continue;
        const struct run run = {.begin = begin,
                                .end = i,
                                .opens = begin == 0 && need->begins,
                                .closes = i == need->size && need->ends,
                                .plain = plain};
        if (run.end > run.begin && run_score(&run) > run_score(&best)) best = run;
        begin = i + 1;
    }
    return best;
}

static struct run chosen_run(const struct need *need) {
    /* An empty string is always "". */
    if (need->size == 0 && need->begins && need->ends)
        return (struct run){.opens = true, .closes = true, .plain = true};
    const struct run plain = longest_run(need, true);
    return run_score(&plain) >= SPELLED_MIN ? plain : longest_run(need, false);
}

static void add_bytes(struct needle_set *set, const void *bytes, size_t size) {
    if (needle_set_add(set, bytes, size, false) < 0) allocate(SIZE_MAX); /* ends the program */
}

/* What a line contains if it writes a character of the run with an escape. */
static void add_escapes(struct needle_set *set, const struct need *need, const struct run *run) {
    if (!run->plain) add_bytes(set, "\\u", 2);
    for (size_t i = run->begin; i < run->end; i++) {
        const char escape[] = {'\\', 'u', '0', '0', (char)('0' + (need->text[i] >> 4))};
        if (need->text[i] == '/') add_bytes(set, "\\/", 2);
        if (run->plain) add_bytes(set, escape, sizeof escape);
    }
}

static void add_run(struct needle_set *set, const struct need *need, const struct run *run) {
    const size_t size = run->end - run->begin;
    uint8_t *const bytes = allocate(size + 2);
    size_t used = 0;
    if (run->opens) bytes[used++] = '"';
    if (size > 0) memcpy(bytes + used, need->text + run->begin, size);
    used += size;
    if (run->closes) bytes[used++] = '"';
    add_bytes(set, bytes, used);
    free(bytes);
    add_escapes(set, need, run);
}

/* The length of the shortest literal that need_spell adds, without escapes; 0: it adds none. */
static size_t score_of(const struct need *need) {
    size_t best = 0;
    if (need->kind == NEED_NUMBER) return need->size;
    if (need->kind == NEED_TEXT) {
        const struct run run = chosen_run(need);
        return run_score(&run);
    }
    for (uint32_t i = 0; i < need->count; i++) {
        const size_t score = score_of(&need->parts[i]);
        if (i == 0 || (need->kind == NEED_ALL ? score > best : score < best)) best = score;
    }
    return best;
}

static void spell(const struct need *need, struct needle_set *set, bool *exponents) {
    if (need->kind == NEED_NUMBER) {
        add_bytes(set, need->text, need->size);
        *exponents = true;
        return;
    }
    if (need->kind == NEED_TEXT) {
        const struct run run = chosen_run(need);
        add_run(set, need, &run);
        return;
    }
    const size_t best = score_of(need);
    for (uint32_t i = 0; i < need->count && set->count <= NEEDLES_MAX; i++) {
        if (need->kind == NEED_ALL && score_of(&need->parts[i]) < best) continue;
        spell(&need->parts[i], set, exponents);
        if (need->kind == NEED_ALL) return;
    }
}

bool need_spell(const struct need *need, struct needle_set *set, bool *exponents) {
    *exponents = false;
    if (score_of(need) < 2) return false;
    spell(need, set, exponents);
    return set->count <= NEEDLES_MAX;
}

/* ---- tokens ---- */

uint32_t need_tokens(const struct need *text, uint64_t *hashes, uint32_t max) {
    const bool is_number = text->kind == NEED_NUMBER;
    uint8_t *const bytes = allocate(text->size + 2);
    size_t size = 0;
    if (text->begins || is_number) bytes[size++] = '"';
    if (text->size > 0) memcpy(bytes + size, text->text, text->size);
    size += text->size;
    if (text->ends || is_number) bytes[size++] = '"';
    const uint32_t count = tokens_of_literal(bytes, size, hashes, max);
    free(bytes);
    return count;
}
