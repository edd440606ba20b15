#!/usr/bin/env bash
# Shows what weir does: builds it, replays a capture through a policy, and, where this kernel lets us, puts the policy on
# a live interface between two network namespaces of its own, sends traffic through it and swaps the policy meanwhile.
# Leaves nothing behind, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/install-dependencies.sh
bash scripts/build.sh --target weir

weir=$PWD/build/weir
policy=rules/demo/edge.rules
closed=rules/demo/edge-closed.rules
name=weirdemo$$
server=$name-server
client=$name-client
near=10.99.0.1
far=10.99.0.2
started=()          # processes to end
work=$(mktemp -d)

cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
    for space in "$server" "$client"; do ip netns delete "$space" 2>/dev/null || true; done
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1;36m' dim=$'\e[2m' plain=$'\e[0m'; fi
heading() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; }
# Arrays, not functions: what goes into the background is then the process itself, and can be ended by its number.
in_server=(nsenter --net="/run/netns/$server")
in_client=(nsenter --net="/run/netns/$client")

heading "The policy"
sed -n '/^default/,/^alert/p' "$policy" | sed '$d'
show weir test $policy
"$weir" test "$policy"

heading "A capture, replayed: no privileges needed"
show weir replay $policy tests/data/demo.pcap
"$weir" replay "$policy" tests/data/demo.pcap

heading "A live interface"
skip() {
    echo "skipped: $1"
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip "only root may attach programs and make network namespaces"
status=0
"$weir" test --engine kernel "$policy" >"$work/kernel" 2>&1 || status=$?
[ "$status" -ne 3 ] || skip "this kernel lets us load no BPF program: $(tail -n 1 "$work/kernel")"
[ "$status" -eq 0 ] || { cat "$work/kernel" >&2; exit "$status"; }
{ ip netns add "$server" && ip netns add "$client"; } 2>"$work/netns" || skip "no network namespaces here: $(tail -n 1 "$work/netns")"

ip link add name far0 netns "$server" type veth peer name near0 netns "$client"
"${in_server[@]}" ip address add $far/24 dev far0
"${in_server[@]}" ip address add fd99::2/64 dev far0 nodad
"${in_client[@]}" ip address add $near/24 dev near0
"${in_client[@]}" ip address add 198.51.100.70/32 dev near0       # one of the sources that the policy knows as bad
"${in_client[@]}" ip address add fd99::1/64 dev near0 nodad
for link in lo far0; do "${in_server[@]}" ip link set $link up; done
for link in lo near0; do "${in_client[@]}" ip link set $link up; done
"${in_server[@]}" ip route add 198.51.100.70/32 dev far0          # so that it is the policy that keeps it unanswered
for port in 80 8080; do
    "${in_server[@]}" nc -k -l $far $port >/dev/null 2>&1 </dev/null &
    started+=($!)
done

# What a connection attempt came to, in one word.
connect() {
    if "${in_client[@]}" nc -z -w 1 "$1" "$2" 2>/dev/null; then echo "open"; else echo "no answer"; fi
}
replies() { sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\2 of \1 answered/p' "$1"; }

show "weir run $policy -i far0"
"${in_server[@]}" "$weir" run "$policy" -i far0 --name "$name" > >(exec sed -u 's/^/    weir: /') 2>&1 &
engine=$!
started+=($engine)
ready=no
for _ in $(seq 100); do
    if "$weir" status --name "$name" >/dev/null 2>&1; then ready=yes; break; fi
    kill -0 $engine 2>/dev/null || break
    sleep 0.05
done
[ $ready = yes ] || { echo "weir run did not start" >&2; exit 1; }

heading "Traffic: what passes, and what does not"
"${in_client[@]}" ping -q -c 3 -i 0.05 -W 1 $far >"$work/ping" || true
echo "ping                            $(replies "$work/ping")"
echo "port 80                         $(connect $far 80)"
echo "port 8080                       $(connect $far 8080)"
echo "port 23 (telnet)                $(connect $far 23)"
"${in_client[@]}" ping -q -c 1 -W 1 -I 198.51.100.70 $far >"$work/ping" || true
echo "ping from a known bad source    $(replies "$work/ping")"
echo "HELP, a scanner's first words" | "${in_client[@]}" nc -u -w 0 $far 9 2>/dev/null || true
sleep 0.2

heading "Another policy, swapped in under traffic: port 8080 closes, no packet is lost"
"${in_client[@]}" ping -q -c 1000 -i 0.002 -W 1 $far >"$work/ping" &
pinging=$!
started+=($pinging)
sleep 0.5
show "weir reload $closed"
"$weir" reload "$closed" --name "$name"
echo "port 80                         $(connect $far 80)"
echo "port 8080                       $(connect $far 8080)"
wait $pinging || true
echo "ping through the swap           $(replies "$work/ping")"
sleep 0.2

heading "The counters"
show weir status
"$weir" status --name "$name"

heading "SIGTERM: the policy leaves, and leaves nothing behind"
kill -TERM $engine
wait $engine 2>/dev/null || true
echo "port 8080                       $(connect $far 8080)"
