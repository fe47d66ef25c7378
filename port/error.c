/* error.c - the texts of the errors, from the one table in error.h. */
#include "port/error.h"

const char *error_text(int error) {
    switch (error) {
    case 0: return "no error";
#define X(name, text)                                                                              \
    case name: return text;
        ERROR_TABLE(X)
#undef X
    default: return "unknown error";
    }
}
