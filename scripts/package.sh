#!/usr/bin/env bash
# Builds the Debian packages weir and libweir-dev into build/package/, with the flags that Debian builds with: those harden what faces the
# network (_FORTIFY_SOURCE, stack protector, RELRO), so the objects of the usual build are not taken. Without hardening, `cpack` in build/
# makes the same packages of those (tests/package/contents_test.py does). WEIR_PACKAGE_REVISION=2 is the revision (0.1.0-2); arguments go to
# the package's `cmake` configuration.
set -euo pipefail
cd "$(dirname "$0")/.."

# One source, the same bytes: dates in the packages are the commit's, and without git the changelog's.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || stat --format=%Y CHANGELOG.md)}"
export SOURCE_DATE_EPOCH
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
export DEB_BUILD_MAINT_OPTIONS=hardening=+all DEB_CFLAGS_MAINT_STRIP="-g -O2" DEB_CXXFLAGS_MAINT_STRIP="-g -O2"
flag() { dpkg-buildflags --get "$1"; }
sections="-ffunction-sections -fdata-sections"      # so that the linker can leave out what nobody calls

cmake -S . -B build/package -G Ninja -DCMAKE_BUILD_TYPE=Release -DWEIR_TESTS=OFF \
    -DCMAKE_C_FLAGS="$(flag CFLAGS) $(flag CPPFLAGS) $sections" -DCMAKE_CXX_FLAGS="$(flag CXXFLAGS) $(flag CPPFLAGS) $sections" \
    -DCMAKE_C_FLAGS_RELEASE="-O2 -DNDEBUG" -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -DCMAKE_EXE_LINKER_FLAGS="$(flag LDFLAGS)" -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR="lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)" \
    -DWEIR_PACKAGE_REVISION="${WEIR_PACKAGE_REVISION:-1}" "$@" >/dev/null
cmake --build build/package
cd build/package
cpack >/dev/null
ls -l -- *.deb
