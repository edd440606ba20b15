#!/usr/bin/env bash
# live.sh EXAMPLE: runs the example on a veth pair in two network namespaces. Status 77 (skipped) where that is not allowed.
set -euo pipefail
example=$1
bpftool prog list >/dev/null 2>&1 || exit 77
name=weirembed$$
work=$(mktemp -d)
{ ip netns add $name-a && ip netns add $name-b; } 2>/dev/null || exit 77
cleanup() {
    ip netns delete $name-a 2>/dev/null || true
    ip netns delete $name-b 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
ip link add name a0 netns $name-a type veth peer name b0 netns $name-b
a=(nsenter --net=/run/netns/$name-a)
b=(nsenter --net=/run/netns/$name-b)
"${a[@]}" ip address add 10.98.0.1/24 dev a0
"${b[@]}" ip address add 10.98.0.2/24 dev b0
"${a[@]}" ip link set a0 up
"${b[@]}" ip link set b0 up

"${b[@]}" timeout 20 "$example" b0 >"$work/events" &
running=$!
for _ in $(seq 100); do
    "${b[@]}" ip link show b0 | grep -q xdp && break
    sleep 0.05
done
# The first policy drops pings and says so; the second lets them pass and says where they go.
for _ in $(seq 20); do
    "${a[@]}" ping -q -c 1 -W 1 10.98.0.2 >>"$work/pings" || true
    kill -0 $running 2>/dev/null || break
done
wait $running
cat "$work/events"
[ "$(head -n 1 "$work/events")" = "ping: from 10.98.0.1" ]
[ "$(tail -n 1 "$work/events")" = "late: 10.98.0.2" ]
grep -q ' 0 received' "$work/pings"
grep -q ' 1 received' "$work/pings"
! "${b[@]}" ip link show b0 | grep -q xdp
