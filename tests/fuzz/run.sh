#!/usr/bin/env bash
# Fuzzes one target for some time, from what the tree has of its kind: run.sh TARGET [SECONDS]; docs/fuzzing.md has the
# targets. Needs clang-19 and Debian's libclang-rt-19-dev. Finds stay in build-fuzz/finds.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${1:?run.sh TARGET [SECONDS]}
seconds=${2:-60}
cmake --preset fuzz >/dev/null
cmake --build build-fuzz --target "fuzz_$target"
corpus=build-fuzz/corpus-$target
mkdir -p "$corpus" build-fuzz/finds
if [ "$target" = capture ]; then
    seeds=()
    # A copy: the captures lie between policies.
    find tests \( -name '*.pcap' -o -name '*.pcapng' \) -size -64k -exec cp -t "$corpus" --backup=numbered {} +
elif [ "$target" = messages ]; then
    seeds=()
    printf '\1\0GET /a?b HTTP/1.1\r\nHost: www.example.com:80\r\nUser-Agent: a b\r\n\r\n' >"$corpus/request"
    printf '\1\0HTTP/1.1 200 OK\r\n\r\n' >"$corpus/response"
    python3 tests/fuzz/hellos.py "$corpus"
    printf '\0\0\1\2\1\0\0\1\0\0\0\0\0\0\3wwW\7example\3com\0\0\1\0\1' >"$corpus/query"
elif [ "$target" = headers ]; then
    seeds=()
    python3 tests/fuzz/frames.py "$corpus"
elif [ "$target" = layout ] || [ "$target" = front_end ]; then
    seeds=(rules/examples rules/sets rules/demo -dict=tests/fuzz/rules.dict)
else
    seeds=()
fi
[ ! -d "tests/fuzz/corpus/$target" ] || seeds+=("tests/fuzz/corpus/$target")
exec nice "build-fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -max_len=4096 \
    -artifact_prefix=build-fuzz/finds/ -print_final_stats=1 "$corpus" "${seeds[@]}"
