/* checker.c - a thread's scratch memory for validation, allocated once. */
#include "schema/rules/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/quotes.h"

/* Room for the marks of so many nested containers, each with as many items as a line can hold. */
#define MARKS_NESTED 16
#define WORDS_MIN    1024

struct sizes {
    size_t quotes, guesses, words, decoded, items, scopes; /* how many of each */
};

/* An array's items take at least two bytes with the comma.  A table is more than half full only if
 * all items are of one byte, and then few of them can differ. */
static struct sizes sizes_of(const struct schema *schema, size_t line_bytes_max) {
    struct sizes sizes = {.quotes = QUOTES_MAX(line_bytes_max),
                          .guesses = schema->guess_count + 1,
                          .words = line_bytes_max / 128 * MARKS_NESTED + WORDS_MIN,
                          .decoded = schema->needs_decoding ? line_bytes_max + 1 : 1,
                          .items = 32,
                          .scopes = schema->dynamic ? CHECK_DEPTH_MAX : 1};
    while (schema->has_unique && sizes.items < line_bytes_max / 2)
        sizes.items *= 2;
    return sizes;
}

size_t schema_checker_bytes(const struct schema *schema, size_t line_bytes_max) {
    const struct sizes sizes = sizes_of(schema, line_bytes_max);
    return sizeof(struct schema_checker) + (sizes.quotes + sizes.guesses) * sizeof(uint32_t) +
           sizes.words * sizeof(uint64_t) + sizes.decoded + sizes.items * sizeof(uint64_t) +
           sizes.scopes * sizeof(uint32_t);
}

/* The first guess: names in the order of the schema. */
static void guess_names(struct schema_checker *checker) {
    for (const struct node *node = checker->schema->nodes; node; node = node->next) {
        const struct object_rules *rules = node->object;
        for (uint32_t i = 0; rules && i < rules->name_count; i++)
            checker->guesses[rules->guess + i] = i;
    }
}

int schema_checker_make(const struct schema *schema, size_t line_bytes_max,
                        struct schema_checker **out) {
    const struct sizes sizes = sizes_of(schema, line_bytes_max);
    *out = NULL;
    /* Offsets in a line have 32 bits. */
    if (line_bytes_max >= UINT32_MAX) return ERR_TOO_LARGE;
    struct schema_checker *checker = calloc(1, sizeof *checker);
    if (!checker) return ERR_NO_MEMORY;
    checker->schema = schema;
    checker->line_bytes_max = line_bytes_max;
    checker->quotes = calloc(sizes.quotes, sizeof *checker->quotes);
    checker->guesses = calloc(sizes.guesses, sizeof *checker->guesses);
    checker->words = calloc(sizes.words, sizeof *checker->words);
    checker->word_room = sizes.words;
    checker->decoded = calloc(sizes.decoded, 1);
    checker->items = calloc(sizes.items, sizeof *checker->items);
    checker->item_slots = sizes.items;
    checker->scopes = calloc(sizes.scopes, sizeof *checker->scopes);
    const bool got = checker->quotes && checker->guesses && checker->words && checker->decoded &&
                     checker->items && checker->scopes;
    if (!got || (schema->pattern_count > 0 && pattern_scratch_make(&checker->pattern_scratch))) {
        schema_checker_free(checker);
        return ERR_NO_MEMORY;
    }
    guess_names(checker);
    *out = checker;
    return 0;
}

void schema_checker_free(struct schema_checker *checker) {
    if (!checker) return;
    pattern_scratch_free(checker->pattern_scratch);
    free(checker->scopes);
    free(checker->items);
    free(checker->decoded);
    free(checker->words);
    free(checker->guesses);
    free(checker->quotes);
    free(checker);
}

uint64_t *check_take_words(struct schema_checker *checker, size_t count) {
    if (count > checker->word_room - checker->words_used) {
        (void)check_give_up(checker, GIVE_UP_MEMORY);
        return NULL;
    }
    uint64_t *words = checker->words + checker->words_used;
    checker->words_used += count;
    memset(words, 0, count * sizeof *words);
    return words;
}

bool check_take_marks(struct schema_checker *checker, size_t words, struct marks *marks) {
    *marks = (struct marks){.bits = check_take_words(checker, words), .words = words};
    return marks->bits != NULL;
}
