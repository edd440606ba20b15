#!/usr/bin/env bash
# package.sh BUILD SOURCE: installs weir to a place of its own, and builds the examples from outside with find_package.
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$source/tests/embedding/consumer" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build"
# They run: without an interface the first says how it is used, status 2.
status=0
"$work/build/example" 2>"$work/usage" || status=$?
[ $status -eq 2 ]
grep -q '^usage: example INTERFACE$' "$work/usage"
bash "$source/tests/embedding/judge.sh" "$work/build/judge" "$source"
"$work/prefix/bin/weir" --version
