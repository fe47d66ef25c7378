/* template.h - the constant part of a message, for clustering: `user 17 left after 3.5s` and `user 4
 * left after 80ms` both become `user <*> left after <*>`.  Pure: any thread.
 *
 * These parts of a message are variable and become <*>:
 *
 *   quoted text       "..." `...` and '...', which keep their quotes; not that of msg= and message=
 *   numbers           with sign, fraction, unit and separators: -3.5s, 1,204, 10.0.0.1:5170, 99%,
 *                     2026-11-30T07:24:01.120Z; in a word, the digits at its end: node12, v1.2
 *   ids               UUIDs, hexadecimal texts of 8 digits or more, 0x..., words with digits at
 *                     other places than the end (x7k2p), base64 texts of 20 characters or more with
 *                     digits, small and capital letters
 *   addresses         IPv6, MAC and e-mail addresses
 *   names of months and weekdays next to numbers
 *
 * Other words are letters; every other character separates words.  White space becomes one space;
 * terminal colours are removed. */
#ifndef TOOLS_QUERY_TEMPLATE_H
#define TOOLS_QUERY_TEMPLATE_H

#include "tools/query/text.h"

#define TEMPLATE_VARIABLE          "<*>"
#define TEMPLATE_BYTES_MAX         512 /* longer templates are cut */
/* The rest of a longer message is not read. */
#define TEMPLATE_MESSAGE_BYTES_MAX 16384

/* Appends the template of a message to the text, which must be empty. */
void template_make(const uint8_t *message, size_t size, struct text *out);

#endif
