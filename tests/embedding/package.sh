#!/usr/bin/env bash
# package.sh BUILD CONSUMER: installs weir to a place of its own, and builds the example from outside with find_package.
set -euo pipefail
build=$1 consumer=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$consumer" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build"
# It runs: without an interface it says how it is used, status 2.
status=0
"$work/build/example" 2>"$work/usage" || status=$?
[ $status -eq 2 ]
grep -q '^usage: example INTERFACE$' "$work/usage"
"$work/prefix/bin/weir" --version
