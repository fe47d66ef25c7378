/* error.c - the texts of the errors, from the one table in error.h, and of codes that only the
 * system knows. */
#include "port/error.h"

#define SYSTEM_FIRST      (-(1 << 20)) /* the error that keeps the system's code 0; below all ERR_ */
#define SYSTEM_CODES      (1u << 30)
#define SYSTEM_TEXT_BYTES 256

static const char *system_text(int error) {
    static _Thread_local char text[SYSTEM_TEXT_BYTES];
    error_system_text((uint32_t)(SYSTEM_FIRST - error), text, sizeof text);
    return text;
}

const char *error_text(int error) {
    switch (error) {
    case 0: return "no error";
#define X(name, text)                                                                              \
    case name: return text;
        ERROR_TABLE(X)
#undef X
    default: return error <= SYSTEM_FIRST ? system_text(error) : "unknown error";
    }
}

int error_of_unknown(uint32_t code) {
    return code < SYSTEM_CODES ? SYSTEM_FIRST - (int)code : ERR_OTHER;
}
