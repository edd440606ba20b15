# What `cmake --install` puts below a prefix, in two parts: `weir`, for hosts that run policies, and `libweir-dev`, for programs
# that use the libraries. packages.cmake makes a package of each.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME libweir-dev)
set(weir_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

# weir::compiler, weir::runtime, weir::tooling and weir::service for other CMake projects.
install(TARGETS weir_base weir_grammar weir_object weir_compiler weir_runtime weir_tooling weir_service EXPORT weirTargets
        ARCHIVE COMPONENT libweir-dev)
install(EXPORT weirTargets NAMESPACE weir:: DESTINATION ${weir_cmake_dir})
configure_package_config_file(cmake/weirConfig.cmake.in ${CMAKE_BINARY_DIR}/weirConfig.cmake
                              INSTALL_DESTINATION ${weir_cmake_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/weirConfig.cmake ${CMAKE_BINARY_DIR}/weirConfigVersion.cmake DESTINATION ${weir_cmake_dir})
foreach(room grammar compiler runtime tooling service bpf)
  install(DIRECTORY ${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir FILES_MATCHING PATTERN "*.h" PATTERN "*.def"
          PATTERN templates EXCLUDE PATTERN page EXCLUDE)
endforeach()

# The same for pkg-config: weir-runtime alone, weir-compiler, weir-tooling (both, and the evaluators). The prefix is where the
# files are, so that they can be moved.
set(weir_requires libbpf fmt)
if(CURL_FOUND)
  list(APPEND weir_requires libcurl)
endif()
if(KAFKA_FOUND)
  list(APPEND weir_requires rdkafka)
endif()
if(OPENSSL_FOUND)
  list(APPEND weir_requires libssl)
endif()
list(JOIN weir_requires " " weir_requires)
string(REGEX REPLACE "[^/]+" ".." weir_up ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(part runtime compiler tooling)
  configure_file(packaging/pkgconfig/weir-${part}.pc.in ${CMAKE_BINARY_DIR}/pkgconfig/weir-${part}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/pkgconfig/weir-${part}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# What a host needs.
install(TARGETS weir RUNTIME COMPONENT weir)
install(DIRECTORY rules/std rules/examples rules/demo rules/sets DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/rules COMPONENT weir)
install(FILES packaging/prometheus/weir.rules.yml DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/prometheus COMPONENT weir)
install(FILES packaging/grafana/weir.json DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/grafana COMPONENT weir)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs COMPONENT weir FILES_MATCHING PATTERN "*.md")
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT weir)
install(FILES packaging/sysusers.d/weir.conf DESTINATION lib/sysusers.d COMPONENT weir)

# Manual pages and completions are what the program says of itself.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  set(weir_told ${CMAKE_BINARY_DIR}/share)
  file(GLOB weir_pages CONFIGURE_DEPENDS docs/*.md)
  add_custom_command(
    OUTPUT ${weir_told}/stamp
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/packaging/man/pages.py $<TARGET_FILE:weir> ${PROJECT_SOURCE_DIR}/docs
            ${PROJECT_VERSION} ${weir_told}
    COMMAND ${CMAKE_COMMAND} -E touch ${weir_told}/stamp
    DEPENDS weir packaging/man/pages.py packaging/man/markdown.py ${weir_pages}
    COMMENT "Manual pages and completions"
    VERBATIM)
  add_custom_target(weir_pages ALL DEPENDS ${weir_told}/stamp)
  foreach(section 1 5)
    install(DIRECTORY ${weir_told}/man${section} DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT weir)
  endforeach()
  install(FILES ${weir_told}/weir.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME weir COMPONENT weir)
  install(FILES ${weir_told}/_weir DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT weir)
  install(FILES ${weir_told}/weir.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT weir)
endif()

# The unit names the program where it is installed, and that is known at the installation alone. Below /usr, the files of /etc
# are in /etc; below another prefix they are in its etc/.
install(CODE "set(source \"${PROJECT_SOURCE_DIR}\")\nset(bindir \"${CMAKE_INSTALL_BINDIR}\")" COMPONENT weir)
install(SCRIPT cmake/install_host.cmake COMPONENT weir)
