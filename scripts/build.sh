#!/usr/bin/env bash
# Configures and builds weir into build/. Arguments go to `cmake --build` (for example: --target weir).
set -euo pipefail
cd "$(dirname "$0")/.."

export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
if [ ! -f build/build.ninja ]; then
    cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
fi
exec cmake --build build "$@"
