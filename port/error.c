/* error.c - the texts of the errors, from the one table in error.h, and of codes that only the
 * system knows. */
#include "port/error.h"

#define SYSTEM_TEXT_BYTES 256

static const char *system_text(int error) {
    static _Thread_local char text[SYSTEM_TEXT_BYTES];
    error_system_text((uint32_t)(ERROR_SYSTEM_FIRST - error), text, sizeof text);
    return text;
}

const char *error_text(int error) {
    switch (error) {
    case 0: return "no error";
#define X(name, text)                                                                              \
    case name: return text;
        ERROR_TABLE(X)
#undef X
    default: return error <= ERROR_SYSTEM_FIRST ? system_text(error) : "unknown error";
    }
}
