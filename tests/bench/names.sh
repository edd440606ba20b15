#!/usr/bin/env bash
# What names and requests cost: names.sh [BUILD] [ENTRIES…]. ns a packet over the same policy without the field, on varied
# packets of that protocol, and what packets of other protocols pay. Needs root, and an idle machine. ENTRIES: sizes of the
# sets, 10,000 and 1,000,000 when not given.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
shift || true
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(10000 1000000)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 tests/bench/names.py "$work" "${sizes[@]}"

# policy's ns over a bare program, verified instructions
measure() {
    timeout 300 "$build/weir" bench --format json --pcap "$work/$2.pcap" "$work/$1.rules" >"$work/figures"
    python3 - "$work/figures" <<'PY'
import json, sys
with open(sys.argv[1]) as file:
    f = json.loads(file.readline())
print(f["ns_per_packet"]["p50"] - f["baseline_ns"], f["verified_insns"])
PY
}

printf '%-34s %-10s %8s %8s %10s\n' policy packets 'ns over' target verified
row() { # policy, the same without the field, packets, target
    read -r with verified <<<"$(measure "$1" "$3")"
    read -r without _ <<<"$(measure "$2" "$3")"
    python3 -c 'import sys
name, packets, target, with_, without, verified = sys.argv[1:]
over = float(with_) - float(without)
print(f"{name:<34} {packets:<10} {over:>8.0f} {target:>8} {verified:>10}" + (" over" if target != "-" and over > float(target) else ""))' \
        "$1" "$3" "$4" "$with" "$without" "$verified"
}
row qname_is without_dns dns 45
row qname_is without_dns dns_250 110
row qname_is without_dns dns_labels -
for size in "${sizes[@]}"; do
    target=-
    [ "$size" != 10000 ] || target=120
    row "qname_in_$size" without_dns dns "$target"
done
row request without_http http 130
row host_in without_http http -
row whole_head without_http http -
for policy in qname_is request whole_head; do
    without=without_dns
    [ "$policy" = qname_is ] || without=without_http
    row "$policy" "$without" other 5
done
