/* format.h - marks a function that formats as printf does, so that the compiler checks its
 * arguments.
 *
 * mingw-w64's gcc takes "printf" to mean that of Windows' old run-time, which has no %zu and is
 * not used here; CMakeLists.txt sets PRINTF_KIND to the other one. */
#ifndef PORT_FORMAT_H
#define PORT_FORMAT_H

#ifndef PRINTF_KIND
#define PRINTF_KIND printf
#endif

/* The numbers of two parameters: the format, and the first of its arguments. */
#define FORMATS(text, arguments) __attribute__((format(PRINTF_KIND, text, arguments)))

#endif
