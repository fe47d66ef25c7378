/* idna_table.h - which characters host names may hold (RFC 5892: PVALID); see idna.h. */
#ifndef SCHEMA_FORMAT_IDNA_TABLE_H
#define SCHEMA_FORMAT_IDNA_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* What else the rules ask of a character; tools/idna-table writes these numbers. */
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

/* Each step-th from first to last. */
struct idna_run {
    uint32_t first, last;
    uint16_t step;
    uint16_t kind;
};
extern const struct idna_run idna_runs[];
extern const size_t idna_runs_count;

#endif
