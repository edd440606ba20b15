# weir_bpf_template(NAME SOURCE TARGET ARGS…): compiles a C template to LLVM bitcode with clang-19 when the project is
# built, with ARGS (the target and its flags), and embeds the bytes in library TARGET as weir_template_NAME_begin/_end.
function(weir_bpf_template name source target)
  set(bitcode ${CMAKE_CURRENT_BINARY_DIR}/${name}.bc)
  add_custom_command(
    OUTPUT ${bitcode}
    COMMAND ${WEIR_CLANG} ${ARGN} -std=gnu11 -O2 -g -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR}
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -fdebug-compilation-dir=. -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -emit-llvm -c ${source} -o ${bitcode} -MD -MF ${bitcode}.d
    DEPENDS ${source}
    DEPFILE ${bitcode}.d
    COMMENT "Template ${name}.bc"
    VERBATIM)
  set(assembly ${CMAKE_CURRENT_BINARY_DIR}/${name}.S)
  file(CONFIGURE OUTPUT ${assembly} CONTENT [[
.section .rodata
.global weir_template_@name@_begin
.global weir_template_@name@_end
.balign 16
weir_template_@name@_begin: .incbin "@bitcode@"
weir_template_@name@_end: .byte 0
.section .note.GNU-stack,"",@progbits
]] @ONLY)
  set_source_files_properties(${assembly} PROPERTIES LANGUAGE C OBJECT_DEPENDS ${bitcode}
                              COMPILE_OPTIONS "-xassembler")
  target_sources(${target} PRIVATE ${assembly} ${bitcode})
endfunction()
