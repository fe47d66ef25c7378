# mingw-w64.cmake - toolchain: Windows (x86-64) programs built on Debian, tests
# run by Wine.  The libraries come from tools/windows-libraries; a program that
# comes out needs no DLL but Windows' own.

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# The plain name is the alternatives' choice of thread model; we use neither
# (no <threads.h>, no <pthread.h>), so both work.
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

# An absolute path: a -D on the command line cannot override a plain set(), so
# there is a variable of our own for those who keep the libraries elsewhere.
get_filename_component(LOGPORT_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
if(NOT LOGPORT_WINDOWS_LIBRARIES)
  set(LOGPORT_WINDOWS_LIBRARIES "${LOGPORT_ROOT}/build-windows-libraries")
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LOGPORT_WINDOWS_LIBRARIES)
set(CMAKE_FIND_ROOT_PATH "${LOGPORT_WINDOWS_LIBRARIES}" /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# tests/wine.sh sets what a run without a display needs, then runs wine64.
set(CMAKE_CROSSCOMPILING_EMULATOR "${LOGPORT_ROOT}/tests/wine.sh")
