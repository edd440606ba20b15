# Run at each build: writes OUTPUT with the commit that SOURCE stands at, where it is a git work tree, or that an archive of `git
# archive` was made of; only if it changed. A git work tree around SOURCE that is not its own says nothing of it.
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 "--exclude=*"
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
else()
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/archive_commit.txt commit LIMIT_COUNT 1)
  string(REGEX MATCH "^[0-9a-f]+$" commit "${commit}")
  string(SUBSTRING "${commit}" 0 12 commit)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define WEIR_COMMIT \"${commit}\"\n")
