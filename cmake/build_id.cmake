# Run at each build: writes OUTPUT with the commit that SOURCE stands at, where it is a git work tree; only if it changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 "--exclude=*"
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define WEIR_COMMIT \"${commit}\"\n")
