/* tokens.h - what a filter knows about a line: its tokens, as hashes of 52 bits (bits 12 to 63; bit
 * 11 is TOKEN_HASH_WINDOW's).
 *
 * A token is a run of ASCII letters, digits, '_', '-' and bytes above 0x7F, as long as possible, at
 * least 3 bytes; keys, words, numbers, ids and the parts of paths are tokens.  ASCII letters count
 * as lower case, so that one filter serves searches with and without case.  A token of TOKEN_LONG
 * bytes or more is known by some of its 8-byte windows instead.  They are chosen so that a search
 * for any TOKEN_LONG bytes of it knows at least one of them: an id can be searched without the
 * quotes around it.  The hashes are stored in files: they never change (tokens_test pins them).
 * Pure: any thread. */
#ifndef WRITER_INDEX_TOKENS_H
#define WRITER_INDEX_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SHORTEST     3
#define TOKEN_LONG         16
/* The hash itself; the bits below are flags, or a set's own. */
#define TOKEN_HASH_MASK    (~(uint64_t)0xFFF)
/* Set in the hash of a window: often the only hash of a search, so it may set more bits. */
#define TOKEN_HASH_WINDOW  0x800u
/* More hashes of one literal would exclude nothing more. */
#define TOKENS_LITERAL_MAX 32

/* The hashes that a group of lines must hold if one of its lines contains the literal, in any ASCII
 * case: the tokens that are whole inside it (one at the literal's ends may be longer in a line),
 * and windows of every run of TOKEN_LONG bytes or more.  Returns how many, at most max; 0: every
 * group may contain it. */
uint32_t tokens_of_literal(const uint8_t *literal, size_t size, uint64_t *hashes, uint32_t max);

/* ---- for the index's builder ---- */

/* The tokens of many lines, each once.  tokens_open allocates all memory. */
struct token_set {
    uint64_t *hashes; /* the set's, in order of appearance; count of them */
    uint32_t count;
    uint32_t max;  /* how many it holds; further ones are not kept */
    uint32_t lost; /* tokens that were not kept */
    /* Private from here on. */
    uint64_t *places;
    uint32_t round, place_bits, place_bits_max;
};
int tokens_open(struct token_set *set, uint32_t max);
void tokens_close(struct token_set *set);
void tokens_clear(struct token_set *set);
/* Adds all tokens of these bytes; a token does not continue into the next call. */
void tokens_add(struct token_set *set, const uint8_t *bytes, size_t size);

#endif
