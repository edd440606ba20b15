#!/usr/bin/env bash
# The same rules, all with the verdict pass, and the same frames, through weir and through other filters, end to end:
# peers.sh [BUILD] [SHAPE COUNT]… . Each filter sits at the receiving end of a veth pair of its own; a sender in one
# namespace sends to each in turn, several rounds, so that what disturbs one disturbs all. A filter's figure is its
# round's best ns a packet, less that of the pair without a filter.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
shift || true
cases=("$@")
[ ${#cases[@]} -gt 0 ] || cases=(acl 10 acl 100 acl 1000 acl 10000 exact 10000)
rounds=${ROUNDS:-3}
weir=$PWD/$build/weir tools=$PWD/$build/tests/bench
prefix=weirpeer$$
work=$(mktemp -d)
engines=()
pairs=()

refuse() { echo "peers: $1" >&2; exit 3; }
[ "$(id -u)" -eq 0 ] || refuse "root is needed, for namespaces and filters"
for program in nft iptables-legacy iptables-legacy-restore iptables-nft iptables-nft-restore; do
    command -v $program >/dev/null || refuse "$program is missing: apt-get install nftables iptables"
done

in_space() { local space=$1; shift; nsenter --net="/run/netns/$prefix-$space" "$@"; }
tear_down() {
    local engine
    for engine in "${engines[@]}"; do kill -TERM "$engine" 2>/dev/null && wait "$engine" 2>/dev/null || true; done
    for pair in "${pairs[@]}"; do in_space send ip link delete "to-$pair" 2>/dev/null || true; done   # a namespace's devices go later
    for pair in "${pairs[@]}"; do ip netns delete "$prefix-$pair" 2>/dev/null || true; done
    engines=() pairs=()
}
cleanup() { tear_down; ip netns delete "$prefix-send" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
ip netns add "$prefix-send"

# A pair: `to-NAME` with the sender, `peer0` in NAME's own namespace, ready to take frames.
make_pair() {
    ip netns add "$prefix-$1"
    pairs+=("$1")
    in_space "$1" ip link add peer0 address 02:00:00:00:00:02 type veth peer name "to-$1" netns "$prefix-send"
    in_space "$1" ip link set lo up
    in_space "$1" ip link set peer0 up
    in_space send ip link set "to-$1" up
    in_space "$1" "$tools/bench_send" --gro peer0
}
attach_weir() {
    local name=$1 mode=$2
    nsenter --net="/run/netns/$prefix-$name" "$weir" run "$work/weir" -i peer0 --mode "$mode" --name "$prefix-$name" >/dev/null 2>"$work/$name.err" &
    engines+=($!)
    for _ in $(seq 600); do
        in_space "$name" ip link show peer0 | grep -q xdp && return
        kill -0 "${engines[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    refuse "weir did not attach: $(head -1 "$work/$name.err")"
}
# The hook is made last, once its rules stand.
hook_nft() {
    in_space "$1" nft -f "$2"
    in_space "$1" nft add chain netdev weirbench ingress '{ type filter hook ingress device "peer0" priority 0; }'
    in_space "$1" nft add rule netdev weirbench ingress jump rules
}

measure() {
    local name=$1 shape=$2 count=$3
    in_space send timeout 120 "$tools/bench_send" "to-$name" "$shape" "$count" >"$work/sent"
    echo "$name $(cat "$work/sent")" >>"$work/figures"
}

for ((i = 0; i < ${#cases[@]}; i += 2)); do
    shape=${cases[i]} count=${cases[i + 1]}
    for form in weir nft iptables; do "$tools/bench_peer_rules" $form "$shape" "$count" >"$work/$form"; done
    make_pair none
    make_pair native
    attach_weir native native
    make_pair generic
    attach_weir generic generic
    make_pair nft
    hook_nft nft "$work/nft"
    if "$tools/bench_peer_rules" nft-set "$shape" "$count" >"$work/nft-set" 2>/dev/null; then
        make_pair nftset
        hook_nft nftset "$work/nft-set"
    fi
    make_pair ipt
    in_space ipt iptables-legacy-restore "$work/iptables"
    make_pair iptnft
    in_space iptnft iptables-nft-restore "$work/iptables"
    : >"$work/figures"
    for _ in $(seq "$rounds"); do for pair in "${pairs[@]}"; do measure "$pair" "$shape" "$count"; done; done
    python3 tests/bench/peers.py "$shape" "$count" <"$work/figures"
    tear_down
done
