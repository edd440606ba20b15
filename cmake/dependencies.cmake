# Debian 12's packages; scripts/install-dependencies.sh installs them.
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(pegtl REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LLVM 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/llvm)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(NETTLE REQUIRED IMPORTED_TARGET nettle)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
pkg_check_modules(CURL IMPORTED_TARGET libcurl>=7.87)   # without it, sinks of HTTP are refused by name
pkg_check_modules(KAFKA IMPORTED_TARGET rdkafka>=2.0)   # sinks `kafka`
find_package(OpenSSL 3.0 REQUIRED)                     # signatures of policies, NATS
pkg_check_modules(NATS IMPORTED_TARGET libnats>=3.4)    # their tests: another client
find_program(WEIR_CLANG NAMES clang-19 REQUIRED)
find_program(WEIR_CCACHE NAMES ccache)
if(WEIR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${WEIR_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
endif()
