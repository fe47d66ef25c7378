/* idna.h - labels of host names beyond ASCII: IDNA2008 (RFC 5891, 5892) and Punycode (RFC 3492).
 *
 * Checks which characters a label has, their contexts, and its length.  Does not check the rule for
 * bidirectional names (RFC 5893) and normalization (NFC).  Pure, no allocation: any thread. */
#ifndef SCHEMA_FORMAT_IDNA_H
#define SCHEMA_FORMAT_IDNA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limit of a label in its wire form, in bytes. */
#define IDNA_LABEL_MAX 63

/* True for a U-label.  *wire_size: the bytes of its A-label, at most IDNA_LABEL_MAX. */
bool idna_is_u_label(const uint32_t *points, size_t count, size_t *wire_size);
/* True for an A-label: "xn--" in any case, then the Punycode of a U-label. */
bool idna_is_a_label(const char *label, size_t size);

#endif
