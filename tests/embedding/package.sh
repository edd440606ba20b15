#!/usr/bin/env bash
# package.sh BUILD SOURCE: installs weir to a place of its own, and builds the examples from outside, with find_package and with
# pkg-config. The program there works from an empty environment.
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

export PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name weir-tooling.pc)")
read -ra flags <<<"$(pkg-config --cflags --libs weir-tooling)"
c++ -std=c++20 "$source/tests/embedding/judge.cpp" "${flags[@]}" -o "$work/judge"
bash "$source/tests/embedding/judge.sh" "$work/judge" "$source"
for part in weir-compiler weir-runtime; do pkg-config --cflags --libs $part >/dev/null; done

env -i "$work/prefix/bin/weir" --version
env -i "$work/prefix/bin/weir" test --quiet --engine oracle "$work/prefix/share/weir/rules/std/login-guessing.rules"
grep -q "^ExecStart=$work/prefix/bin/weir run " "$work/prefix/lib/systemd/system/weir@.service"
[ -f "$work/prefix/etc/weir/example.env" ]
