#!/usr/bin/env bash
# Measures the spine on this machine: run.sh [BUILD]. Prints one line a figure, with what it is to stay under.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
weir=$PWD/$build/weir
policy=tests/bench/one-rule.rules
name=weirbench$$
work=$(mktemp -d)
engine=
cleanup() {
    [ -z "$engine" ] || { kill "$engine" 2>/dev/null && wait "$engine" 2>/dev/null; } || true
    ip netns delete $name 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
line() { printf '%-58s %10s %s\n' "$1" "$2" "$3"; }

line "parser, 10,000 rules" "$("$build/tests/bench/bench_parse" 10000)" "ms (under 50)"

if ! bpftool prog list >/dev/null 2>&1; then
    echo "the rest needs a kernel that lets us load BPF programs: skipped"
    exit 0
fi

"$weir" bench --format json $policy >"$work/bench.json"
python3 - "$work/bench.json" <<'PY'
import json, sys
with open(sys.argv[1]) as file:
    bench = json.loads(file.readline())
def line(what, value, unit):
    print(f"{what:<58} {value:>10.1f} {unit}")
over = bench["ns_per_packet"]["p50"] - bench["baseline_ns"]
line("one rule, root and counters, over a bare return XDP_DROP", over, "ns a packet (at most 20)")
line("    the bare program", bench["baseline_ns"], "ns a packet")
line("recompile in a running process: compile", bench["compile_ms"], "ms")
line("recompile in a running process: load", bench["load_ms"], "ms")
line("recompile in a running process: both", bench["compile_ms"] + bench["load_ms"], "ms (under 40)")
line("swap", bench["swap_us"], "us")
PY

# From exec to attached, as an onlooker sees it: until the interface carries a program. Five times, the median.
ip netns add $name
space=(nsenter --net=/run/netns/$name)
"${space[@]}" ip link add bench0 type veth peer name bench1
"${space[@]}" ip link set bench0 up
"${space[@]}" ip link set bench1 up
for _ in 1 2 3 4 5; do
    begin=$(date +%s%N)
    "${space[@]}" "$weir" run $policy -i bench0 --name $name >/dev/null 2>"$work/run" &
    engine=$!
    until "${space[@]}" ip link show bench0 | grep -q xdp; do
        kill -0 $engine 2>/dev/null || { cat "$work/run" >&2; exit 1; }
    done
    end=$(date +%s%N)
    echo $(((end - begin) / 100000)) >>"$work/attach"
    kill -TERM $engine
    wait $engine 2>/dev/null || true
    engine=
done
median=$(sort -n "$work/attach" | sed -n 3p)
line "from exec to attached" "$((median / 10)).$((median % 10))" "ms (under 100)"
