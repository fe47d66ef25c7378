/* formats_fuzz.c - arbitrary bytes checked against every format: nothing beyond them is read, and
 * formats that imply each other agree.  tests/CMakeLists.txt builds and runs it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follows(const bool *holds, enum format_kind from, enum format_kind to) {
    assert(!holds[from] || holds[to]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool holds[FORMAT_KINDS], ascii = true;
    char *const text = malloc(size > 0 ? size : 1);
    assert(text != NULL);
    memcpy(text, data, size);
    for (size_t i = 0; i < size; i++)
        ascii &= data[i] < 0x80;
    for (int kind = 0; kind < FORMAT_KINDS; kind++)
        holds[kind] = format_holds((enum format_kind)kind, text, size);
    assert(format_named(text, size) != FORMAT_UNKNOWN || holds[FORMAT_UNKNOWN]);
    follows(holds, FORMAT_HOSTNAME, FORMAT_IDN_HOSTNAME);
    follows(holds, FORMAT_EMAIL, FORMAT_IDN_EMAIL);
    follows(holds, FORMAT_IPV4, FORMAT_HOSTNAME);
    follows(holds, FORMAT_URI, FORMAT_URI_REFERENCE);
    follows(holds, FORMAT_URI, FORMAT_IRI);
    follows(holds, FORMAT_URI_REFERENCE, FORMAT_IRI_REFERENCE);
    follows(holds, FORMAT_IRI, FORMAT_IRI_REFERENCE);
    follows(holds, FORMAT_HOSTNAME, FORMAT_URI_REFERENCE);
    if (ascii) {
        follows(holds, FORMAT_IDN_HOSTNAME, FORMAT_HOSTNAME);
        follows(holds, FORMAT_IDN_EMAIL, FORMAT_EMAIL);
        follows(holds, FORMAT_IRI_REFERENCE, FORMAT_URI_REFERENCE);
    }
    if (holds[FORMAT_DATE_TIME]) {
        assert(format_holds(FORMAT_DATE, text, 10));
        assert(format_holds(FORMAT_TIME, text + 11, size - 11));
    }
    free(text);
    return 0;
}
