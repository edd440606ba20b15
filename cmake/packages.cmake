# Debian packages, by `cpack` in the build folder: weir and libweir-dev. scripts/package.sh builds for them and calls it.
set(WEIR_PACKAGE_REVISION 1 CACHE STRING "Revision of the Debian packages: what follows the version's hyphen")
set(WEIR_PACKAGE_CONTACT "the weir authors <weir@packages.debian.org>" CACHE STRING "Maintainer of the Debian packages")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")        # the first line of each description is its own
set(CPACK_PACKAGE_CONTACT ${WEIR_PACKAGE_CONTACT})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)                        # parts of the packages are in /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL weir libweir-dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_files.cmake)
set(CPACK_WEIR_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_WEIR_OBJCOPY ${CMAKE_OBJCOPY})

set(CPACK_DEBIAN_PACKAGE_RELEASE ${WEIR_PACKAGE_REVISION})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

set(CPACK_DEBIAN_WEIR_PACKAGE_NAME weir)
set(CPACK_DEBIAN_WEIR_PACKAGE_SECTION net)
set(CPACK_DEBIAN_WEIR_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_WEIR_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_WEIR_PACKAGE_SUGGESTS "bpftool, logrotate")
set(CPACK_DEBIAN_WEIR_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/postinst
    ${PROJECT_SOURCE_DIR}/packaging/debian/prerm ${PROJECT_SOURCE_DIR}/packaging/debian/postrm
    ${PROJECT_SOURCE_DIR}/packaging/debian/conffiles)
set(CPACK_COMPONENT_WEIR_DESCRIPTION
    "language and rule engine for packet inspection at XDP
weir compiles policies, rules in a small language of their own, to eBPF,
attaches them to XDP and to the egress hook, swaps them without losing a
packet, and delivers their alerts to files, syslog, webhooks, Kafka and NATS.
.
Policies test themselves; weir says which packets a change would judge
otherwise, and imports rules of iptables, nftables and Suricata.")

set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_NAME libweir-dev)
set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_SECTION libdevel)
set(weir_dev_depends libbpf-dev libelf-dev libfmt-dev libmicrohttpd-dev libpugixml-dev llvm-${LLVM_VERSION_MAJOR}-dev nettle-dev nlohmann-json3-dev
    pkg-config tao-pegtl-dev zlib1g-dev)
if(CURL_FOUND)
  list(APPEND weir_dev_depends libcurl4-openssl-dev)
endif()
if(KAFKA_FOUND)
  list(APPEND weir_dev_depends librdkafka-dev)
endif()
if(OPENSSL_FOUND)
  list(APPEND weir_dev_depends libssl-dev)
endif()
list(JOIN weir_dev_depends ", " CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_SUGGESTS weir)
set(CPACK_COMPONENT_LIBWEIR-DEV_DESCRIPTION
    "language and rule engine for packet inspection at XDP: libraries
The libraries of weir with their headers, for programs that compile policies,
put them in force, or judge packets: weir::compiler, weir::runtime and
weir::tooling for CMake, and the same for pkg-config.")
include(CPack)
