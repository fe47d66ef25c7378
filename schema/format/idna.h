/* idna.h - labels of host names beyond ASCII: IDNA2008 (RFC 5891, 5892) and Punycode (RFC 3492).
 *
 * Which characters, where they may stand, and the length; neither the rule for names that mix
 * directions (RFC 5893) nor normalization (NFC) is checked.  Pure, no allocation: any thread. */
#ifndef SCHEMA_FORMAT_IDNA_H
#define SCHEMA_FORMAT_IDNA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a label, in the form that goes over the wire. */
#define IDNA_LABEL_MAX 63

/* Is it a U-label?  *wire_size: how many bytes its A-label has, at most IDNA_LABEL_MAX. */
bool idna_is_u_label(const uint32_t *points, size_t count, size_t *wire_size);
/* Is it an A-label, "xn--" in any case and the Punycode of a U-label? */
bool idna_is_a_label(const char *label, size_t size);

#endif
