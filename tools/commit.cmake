# commit.cmake - writes OUTPUT, a C file with the commit of the sources, and leaves it as it is if
# nothing has changed.  Run by every build: cmake -DSOURCE=... -DOUTPUT=... -DCOMMIT=... -P commit.cmake
#
# COMMIT is used if it is given (LOGPORT_COMMIT, for packages).  Otherwise Git is asked, if SOURCE is
# the top of its working tree: a release archive in another project's repository has no commit.

if(NOT COMMIT)
  execute_process(COMMAND git rev-parse --show-toplevel WORKING_DIRECTORY "${SOURCE}"
    OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  get_filename_component(source "${SOURCE}" REALPATH)
  if(top)
    get_filename_component(top "${top}" REALPATH)
  endif()
  if(top STREQUAL source)
    execute_process(COMMAND git describe --always --dirty --abbrev=12 "--exclude=*"
      WORKING_DIRECTORY "${SOURCE}"
      OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
string(REGEX REPLACE "[^0-9A-Za-z.+_-]" "" COMMIT "${COMMIT}")
file(WRITE "${OUTPUT}.new"
  "#include \"ingest/config/version.h\"\n\nconst char source_commit[] = \"${COMMIT}\";\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${OUTPUT}.new" "${OUTPUT}")
file(REMOVE "${OUTPUT}.new")
