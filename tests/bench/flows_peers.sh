#!/usr/bin/env bash
# What knowing flows costs, end to end: weir, nftables and the kernel's connection tracking, each without and with it, in
# the same run: flows_peers.sh [BUILD] [FLOWS]. Each filter sits at the receiving end of a veth pair of its own, in a
# namespace that forwards all to a device that drops. A sender sends packets of both ends of the same flows (4,096 at
# most) to each in turn, so that all flows are established. A figure is the round's best ns a packet.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build} flows=${2:-4096}
weir=$PWD/$build/weir send=$PWD/$build/tests/bench/bench_send
prefix=weirflow$$
work=$(mktemp -d)
engines=()
pairs=(none weir weir_flows nft nft_ct conntrack)

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
    in_space "$pair" ip tuntap add dev sink mode tun   # nobody reads it: what is sent there is dropped
    for device in lo peer0 sink; do in_space "$pair" ip link set "$device" up; done
    in_space "$pair" ip route add default dev sink
    in_space "$pair" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
    in_space send ip link set "to-$pair" up
    in_space "$pair" "$send" --gro peer0
done
echo 'rule all { when ip.ttl > 0 then pass }' >"$work/weir"
echo 'rule known { when flow.established then pass } rule all { when ip.ttl > 0 then pass }' >"$work/weir_flows"
for pair in weir weir_flows; do
    nsenter --net="/run/netns/$prefix-$pair" "$weir" run "$work/$pair" -i peer0 --mode native --name "$prefix-$pair" >/dev/null 2>"$work/$pair.err" &
    engines+=($!)
    for _ in $(seq 600); do
        in_space "$pair" ip link show peer0 2>/dev/null | grep -q xdp && break
        kill -0 "${engines[-1]}" 2>/dev/null || refuse "weir did not attach: $(head -1 "$work/$pair.err")"
        sleep 0.1
    done
done
hook() { in_space "$1" nft "add table inet bench; add chain inet bench rules { type filter hook $2 priority 0; policy accept; }; $3"; }
rule='add rule inet bench rules'
hook nft prerouting "$rule ip ttl gt 0 accept"
hook nft_ct prerouting "$rule ct state established accept; $rule ip ttl gt 0 accept"
hook conntrack output "$rule ct state established accept"   # it tracks all packets, and no rule sees those of the run
for _ in $(seq "${ROUNDS:-5}"); do
    for pair in "${pairs[@]}"; do echo "$pair $(in_space send timeout 120 "$send" "to-$pair" flows "$flows")" >>"$work/figures"; done
done
for pair in nft_ct conntrack; do
    known=$(in_space "$pair" cat /proc/net/nf_conntrack | grep -c 'src=11.*src=12' || true)
    [ "$known" -ge "$flows" ] || refuse "$pair knows $known of $flows flows"
    in_space "$pair" grep -q UNREPLIED /proc/net/nf_conntrack && refuse "$pair has flows that are not established"
done
in_space weir_flows "$weir" flows --name "$prefix-weir_flows" --top 1 >"$work/known"
python3 - "$work/figures" "$flows" <<'PY'
import sys
best = {}
for line in open(sys.argv[1]):
    pair, least = line.split()[:2]
    best[pair] = min(best.get(pair, 1e9), float(least))
print(f"{sys.argv[2]} established flows, ns a packet; {best['none']:.0f} without a filter, sender and forwarding included")
for pair in ("weir", "weir_flows", "nft", "nft_ct", "conntrack"):
    print(f"{pair:<12} {best[pair] - best['none']:>8.0f} more than no filter")
cost = {"weir": best["weir_flows"] - best["weir"], "nftables": best["nft_ct"] - best["nft"],
        "the kernel's connection tracking alone": best["conntrack"] - best["none"]}
for who, ns in cost.items():
    print(f"knowing flows costs {ns:>8.0f} ns in {who}")
PY
