#!/usr/bin/env bash
# What knowing flows costs, end to end: weir and nftables, each once without and once with it, in the same run:
# flows_peers.sh [BUILD]. Each filter sits at the receiving end of a veth pair of its own and passes all; a sender sends
# the same 8,192 frames of as many flows to each in turn. A figure is the round's best ns a packet, less that of the pair
# without a filter. nftables asks the kernel's connection tracking.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
weir=$PWD/$build/weir send=$PWD/$build/tests/bench/bench_send
prefix=weirflow$$
work=$(mktemp -d)
engines=()
pairs=(none weir weir_flows nft nft_ct)

refuse() { echo "flows_peers: $1" >&2; exit 3; }
[ "$(id -u)" -eq 0 ] || refuse "root is needed, for namespaces and filters"
command -v nft >/dev/null || refuse "nft is missing: apt-get install nftables"
in_space() { local space=$1; shift; nsenter --net="/run/netns/$prefix-$space" "$@"; }
cleanup() {
    local engine pair
    for engine in "${engines[@]}"; do kill -TERM "$engine" 2>/dev/null && wait "$engine" 2>/dev/null || true; done
    for pair in send "${pairs[@]}"; do ip netns delete "$prefix-$pair" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

ip netns add "$prefix-send"
for pair in "${pairs[@]}"; do
    ip netns add "$prefix-$pair"
    in_space "$pair" ip link add peer0 address 02:00:00:00:00:02 type veth peer name "to-$pair" netns "$prefix-send"
    in_space "$pair" ip link set peer0 up
    in_space send ip link set "to-$pair" up
    in_space "$pair" "$send" --gro peer0
done
echo 'rule all { when ip.ttl > 0 then pass }' >"$work/weir"
echo 'rule all { when flow.established or ip.ttl > 0 then pass }' >"$work/weir_flows"
for pair in weir weir_flows; do
    nsenter --net="/run/netns/$prefix-$pair" "$weir" run "$work/$pair" -i peer0 --mode native --name "$prefix-$pair" >/dev/null 2>"$work/$pair.err" &
    engines+=($!)
    for _ in $(seq 600); do
        in_space "$pair" ip link show peer0 | grep -q xdp && break
        kill -0 "${engines[-1]}" 2>/dev/null || refuse "weir did not attach: $(head -1 "$work/$pair.err")"
        sleep 0.1
    done
done
chain='table inet bench { chain rules { type filter hook prerouting priority 0; policy accept;'
in_space nft nft -f - <<<"$chain ip ttl gt 0 accept; } }"
in_space nft_ct nft -f - <<<"$chain ct state established accept; ip ttl gt 0 accept; } }"
for _ in $(seq "${ROUNDS:-3}"); do
    for pair in "${pairs[@]}"; do echo "$pair $(in_space send timeout 120 "$send" "to-$pair" acl 10)" >>"$work/figures"; done
done
python3 - "$work/figures" <<'PY'
import sys
best = {}
for line in open(sys.argv[1]):
    pair, least = line.split()[:2]
    best[pair] = min(best.get(pair, 1e9), float(least))
for pair in ("weir", "weir_flows", "nft", "nft_ct"):
    print(f"{pair:<12} {best[pair] - best['none']:>8.0f} ns more than no filter")
print(f"flows cost   {best['weir_flows'] - best['weir']:>8.0f} ns in weir, {best['nft_ct'] - best['nft']:.0f} ns in nftables")
PY
