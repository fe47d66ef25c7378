/* compiler.h - what GCC and Clang can do, but not Clang with Microsoft's headers and libraries
 * (clang-cl), which has neither the intrinsics of instruction sets that the whole file is not compiled
 * for, nor the function that __builtin_cpu_supports calls. */
#ifndef PORT_COMPILER_H
#define PORT_COMPILER_H

/* Single functions can be compiled for AVX2 or AVX-512, and called on CPUs that have it. */
#if defined(__x86_64__) && !defined(_MSC_VER)
#define HAS_WIDE_VECTORS
#endif

#endif
