# Run by CPack when the files of the packages are in place: what Debian's policy asks of every package.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)   # of SOURCE_DATE_EPOCH, where it is set
find_program(gzip gzip REQUIRED)
unset(ENV{DESTDIR})                                        # CPack's own: all paths here are whole
function(compress)
  if(ARGN)
    execute_process(COMMAND ${gzip} -9nf ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endfunction()

set(packaging ${CPACK_WEIR_SOURCE}/packaging/debian)
set(version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
foreach(package ${CPACK_COMPONENTS_ALL})
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${package})
  set(doc ${root}/usr/share/doc/${package})
  file(INSTALL DESTINATION ${doc} TYPE FILE FILES ${packaging}/copyright)
  file(WRITE ${doc}/changelog.Debian
       "weir (${version}) unstable; urgency=medium\n\n  * weir ${CPACK_PACKAGE_VERSION}: changelog.gz of the package weir has what is new.\n\n"
       " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  file(CHMOD ${doc}/changelog.Debian PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  compress(${doc}/changelog.Debian)
  file(GLOB_RECURSE pages ${root}/usr/share/man/*)
  compress(${pages})
  if(EXISTS ${doc}/CHANGELOG.md)
    file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
    compress(${doc}/changelog)
  endif()
  if(EXISTS ${packaging}/${package}.lintian-overrides)
    file(INSTALL DESTINATION ${root}/usr/share/lintian/overrides TYPE FILE FILES ${packaging}/${package}.lintian-overrides
         RENAME ${package})
  endif()
  # CPack strips programs, not archives.
  file(GLOB_RECURSE archives ${root}/usr/lib/*.a)
  foreach(archive ${archives})
    execute_process(COMMAND ${CPACK_WEIR_OBJCOPY} --strip-debug --enable-deterministic-archives ${archive} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endforeach()
