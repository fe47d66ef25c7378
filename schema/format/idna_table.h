/* idna_table.h - the characters that are valid in host names (RFC 5892: PVALID); see idna.h. */
#ifndef SCHEMA_FORMAT_IDNA_TABLE_H
#define SCHEMA_FORMAT_IDNA_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Properties that the contextual rules need, as bits; tools/idna-table writes these numbers. */
enum {
    IDNA_MARK = 1, /* General_Category M */
    IDNA_VIRAMA = 2,
    IDNA_JOINS_LEFT = 4, /* Joining_Type L or D */
    IDNA_JOINS_RIGHT = 8,
    IDNA_TRANSPARENT = 16,
    IDNA_GREEK = 32,
    IDNA_HEBREW = 64,
    IDNA_KANA_OR_HAN = 128,
};

/* Every step-th code point from first to last. */
struct idna_run {
    uint32_t first, last;
    uint16_t step;
    uint16_t kind;
};
extern const struct idna_run idna_runs[];
extern const size_t idna_runs_count;

#endif
