/* tokens.h - what a filter knows of a line: its tokens, as hashes of 52 bits (bits 12 to 63; bit 11
 * is TOKEN_HASH_WINDOW's).
 *
 * A token is a run, as long as it goes, of ASCII letters, digits, '_', '-' and bytes above 0x7F,
 * at least 3 bytes long; keys, words, numbers, ids and the parts of paths are tokens.  ASCII
 * letters count as lower case, so that one filter serves searches with and without case.
 * A token of TOKEN_LONG bytes or more is known by some of its 8-byte windows instead, chosen so
 * that whoever looks for any TOKEN_LONG bytes of it knows at least one of them: an id that
 * is searched by itself, without the quotes around it, can be looked up as well.
 * The hashes are in files: they never change (tokens_test pins them).  Pure: any thread. */
#ifndef WRITER_INDEX_TOKENS_H
#define WRITER_INDEX_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#define TOKEN_SHORTEST     3
#define TOKEN_LONG         16
/* The hash itself; what stands below is about it, or a set's own. */
#define TOKEN_HASH_MASK    (~(uint64_t)0xFFF)
/* Set in the hash of a window: it tells more than a word does, and is asked by itself. */
#define TOKEN_HASH_WINDOW  0x800u
/* That many hashes of one literal are as good as all. */
#define TOKENS_LITERAL_MAX 32

/* The hashes of what must be in a group of lines for this literal to stand in one of them, with
 * or without regard to ASCII case: its whole inner tokens (one that the literal's ends cut
 * off may be longer in a line), and windows of every run of TOKEN_LONG bytes or more.
 * Returns how many, at most max; 0: the literal says nothing, and every group may hold it. */
uint32_t tokens_of_literal(const uint8_t *literal, size_t size, uint64_t *hashes, uint32_t max);

/* ---- for the index's builder ---- */

/* The tokens of many lines, each once.  Memory is taken at tokens_open and kept. */
struct token_set {
    uint64_t *hashes; /* the set's, in order of appearance; count of them */
    uint32_t count;
    uint32_t max;  /* what it holds; what comes behind is not kept, and count stays */
    uint32_t lost; /* tokens that were not kept */
    /* Its own from here on. */
    uint64_t *places;
    uint32_t round, place_bits, place_bits_max;
};
int tokens_open(struct token_set *set, uint32_t max);
void tokens_close(struct token_set *set);
void tokens_clear(struct token_set *set);
/* Adds all tokens of these bytes; a token does not go on from one call to the next. */
void tokens_add(struct token_set *set, const uint8_t *bytes, size_t size);

#endif
