#!/usr/bin/env bash
# What finding a rule costs, by number of rules and their shape: classify.sh [BUILD] [SIZE…]. ns a packet over a bare
# program against its target; then what it takes to bring such a policy into force.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
shift || true
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(10 1000 10000 100000)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ns over bare, by shape and number of rules.
target() {
    case $1-$2 in
        exact-10 | acl-10) echo 30 ;; exact-1000 | acl-1000) echo 60 ;; exact-10000 | acl-10000) echo 90 ;; exact-100000 | acl-100000) echo 190 ;;
        firewall-10) echo 40 ;; firewall-1000) echo 85 ;; firewall-10000) echo 115 ;; firewall-100000) echo 250 ;;
        ip6-10) echo 55 ;; ip6-1000) echo 110 ;; ip6-10000) echo 150 ;; ip6-100000) echo 300 ;;
        *) echo - ;;
    esac
}

printf '%-9s %7s %8s %7s %8s %10s %9s %10s %9s %9s\n' shape rules 'ns over' target 'p99 over' 'compile ms' 'load ms' 'memory KB' verified undisturb
for shape in exact acl firewall ip6; do
    for size in "${sizes[@]}"; do
        "$build/tests/bench/bench_generate" "$shape" "$size" >"$work/policy.rules"
        if ! timeout 600 "$build/weir" bench --format json "$work/policy.rules" >"$work/figures" 2>"$work/errors"; then
            printf '%-9s %7s %s\n' "$shape" "$size" "$(head -1 "$work/errors")"
            continue
        fi
        python3 - "$shape" "$size" "$(target "$shape" "$size")" "$work/figures" <<'PY'
import json, sys
shape, size, target, path = sys.argv[1:]
with open(path) as file:
    f = json.loads(file.readline())
over = f["ns_per_packet"]["p50"] - f["baseline_ns"]
p99 = f["ns_per_packet"]["p99"] - f["baseline_ns"]
miss = " over" if target != "-" and over > float(target) else ""
print(f"{shape:<9} {size:>7} {over:>8.1f} {target:>7} {p99:>8.1f} {f['compile_ms']:>10.1f} {f['load_ms']:>9.1f} "
      f"{f['memory_bytes'] / 1e3:>10.1f} {f['verified_insns']:>9} {f.get('undisturbed', 1) * 100:>8.0f}%{miss}")
PY
    done
done
