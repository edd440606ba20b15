# Embeds the bytes of FILE in library TARGET as weir_template_NAME_begin/_end.
function(weir_embed name file target)
  set(assembly ${CMAKE_CURRENT_BINARY_DIR}/${name}.S)
  file(CONFIGURE OUTPUT ${assembly} CONTENT [[
.section .rodata
.global weir_template_@name@_begin
.global weir_template_@name@_end
.balign 16
weir_template_@name@_begin: .incbin "@file@"
weir_template_@name@_end: .byte 0
.section .note.GNU-stack,"",@progbits
]] @ONLY)
  set_source_files_properties(${assembly} PROPERTIES LANGUAGE C OBJECT_DEPENDS ${file} COMPILE_OPTIONS "-xassembler")
  target_sources(${target} PRIVATE ${assembly} ${file})
endfunction()

# weir_bpf_template(NAME SOURCE TARGET ARGS…): compiles a C template to LLVM bitcode with clang-19 when the project is
# built, with ARGS (the target and its flags), and embeds the bytes in library TARGET as weir_template_NAME_begin/_end.
function(weir_bpf_template name source target)
  set(bitcode ${CMAKE_CURRENT_BINARY_DIR}/${name}.bc)
  add_custom_command(
    OUTPUT ${bitcode}
    COMMAND ${WEIR_CLANG} -std=gnu11 -O2 -g ${ARGN} -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR}
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -fdebug-compilation-dir=. -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -emit-llvm -c ${source} -o ${bitcode} -MD -MF ${bitcode}.d
    DEPENDS ${source}
    DEPFILE ${bitcode}.d
    COMMENT "Template ${name}.bc"
    VERBATIM)
  weir_embed(${name} ${bitcode} ${target})
endfunction()

# The same for a program that needs no policy: to a BPF object, not to bitcode. ARGS: further flags. Its name does not end with
# .o: CMake would put it into the archive, as its first member, and linkers take an archive for what its first member is.
function(weir_bpf_object name source target)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${WEIR_CLANG} -target bpfel -mcpu=v3 ${ARGN} -std=gnu11 -O2 -g -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR}
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -fdebug-compilation-dir=. -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -c ${source} -o ${object} -MD -MF ${object}.d
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "BPF object ${name}.bpf"
    VERBATIM)
  weir_embed(${name} ${object} ${target})
endfunction()
