/* format.h - says of a function that it formats as printf does, so that the
 * compiler checks its arguments.  mingw-w64's gcc takes the plain "printf" for
 * that of Windows' old run-time, which knows no %zu and which we do not use;
 * CMakeLists.txt gives it the other name. */
#ifndef PORT_FORMAT_H
#define PORT_FORMAT_H

#ifndef PRINTF_KIND
#define PRINTF_KIND printf
#endif

/* The how-manieth parameter is the format, which the first of its arguments. */
#define FORMATS(text, arguments) __attribute__((format(PRINTF_KIND, text, arguments)))

#endif
