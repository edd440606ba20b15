#!/usr/bin/env bash
# Real traffic in two network namespaces, as captures: make_captures.sh FOLDER. Needs root, tcpdump, curl, dig, dnsmasq
# and openssl. All that it starts ends with it.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
folder=$(realpath "$1")
mkdir -p "$folder"
client=weir-client-$$ server=weir-server-$$ started=()
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$server" 2>/dev/null || true
    rm -rf "$work"
}
work=$(mktemp -d)
trap finish EXIT
in_client() { ip netns exec "$client" "$@"; }
in_server() { ip netns exec "$server" "$@"; }
# A server, or tcpdump: `ip netns exec` becomes it, so that the number is its own.
start() {
    ip netns exec "$server" "$@" >"$work/log" 2>&1 </dev/null &
    started+=($!)
}

ip netns add "$client"
ip netns add "$server"
ip link add ethc netns "$client" type veth peer name eths netns "$server"
in_client ip addr add 10.9.0.1/24 dev ethc
in_client ip addr add fd09::1/64 dev ethc nodad
in_server ip addr add 10.9.0.2/24 dev eths
in_server ip addr add fd09::2/64 dev eths nodad
in_client ip link set ethc up
in_client ip link set lo up
in_server ip link set eths up
in_server ip link set lo up
# A VXLAN between the two, with addresses of its own.
in_client ip link add vx type vxlan id 4242 local 10.9.0.1 remote 10.9.0.2 dstport 4789
in_server ip link add vx type vxlan id 4242 local 10.9.0.2 remote 10.9.0.1 dstport 4789
in_client ip addr add 10.8.0.1/24 dev vx
in_server ip addr add 10.8.0.2/24 dev vx
in_client ip link set vx up
in_server ip link set vx up
# Merged segments would be no packets of the wire.
in_client ip link set ethc gso_max_segs 1
in_server ip link set eths gso_max_segs 1

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key" -out "$work/cert" -days 2 -subj /CN=weir 2>/dev/null
mkdir "$work/www"
echo hello >"$work/www/index.html"
start python3 -m http.server -d "$work/www" 8000
start openssl s_server -accept 4433 -key "$work/key" -cert "$work/cert" -quiet -alpn h2,http/1.1 -WWW
start dnsmasq --no-daemon --no-resolv --no-hosts --address=/example.com/192.0.2.7 --mx-host=example.com,mail.example.com \
    --txt-record=example.com,text --user=root --pid-file="$work/dnsmasq"
tcpdump_pid=
capture() {
    start tcpdump -i eths -s 0 -B 16384 -U -w "$folder/$1.pcap"
    tcpdump_pid=$!
    sleep 2
}
end_capture() {
    sleep 1
    kill "$tcpdump_pid"
    wait "$tcpdump_pid" || true
}
names=(example.com www.example.com EXAMPLE.Com a.b.c.d.example.com xn--bcher-kva.example.com _sip._tcp.example.com nothing.test
    a-rather-long-label-of-a-name-that-is-still-short-enough.example.com 7.2.0.192.in-addr.arpa .)
types=(A AAAA MX TXT NS SOA PTR SRV HTTPS ANY CAA)

capture dns
for name in "${names[@]}"; do
    for type in "${types[@]}"; do
        for case in "$name" "x$RANDOM.$name"; do echo "${case%..} $type"; done
    done
done >"$work/queries"
for _ in 1 2 3 4 5 6 7 8; do
    in_client dig @10.9.0.2 +time=1 +tries=1 +noedns -f "$work/queries" >/dev/null || true
    in_client dig @fd09::2 +time=1 +tries=1 -f "$work/queries" >/dev/null || true
done
end_capture

capture http
in_client curl -s -o /dev/null "http://10.9.0.2:8000/index.html?page=[1-1000]" || true
in_client curl -s -o /dev/null -A "scanner/1.0 (x)" -H "Host: Shop.Example:8000" "http://10.9.0.2:8000/[1-400]/admin" || true
in_client curl -g -s -o /dev/null "http://[fd09::2]:8000/index.html" || true
for method in HEAD POST PUT DELETE OPTIONS PATCH TRACE; do
    in_client curl -s -m 2 -o /dev/null -X "$method" -H "Host: $method.example." "http://10.9.0.2:8000/x?y" || true
done
in_client curl -s -m 2 -o /dev/null -H "Cookie: $(head -c 3000 /dev/zero | tr '\0' c)" http://10.9.0.2:8000/long || true
end_capture

capture tls
for name in "${names[@]:0:7}"; do
    for i in {1..20}; do
        echo | in_client timeout 5 openssl s_client -connect 10.9.0.2:4433 -servername "$name" -alpn h2,http/1.1 >/dev/null 2>&1 || true
        echo | in_client timeout 5 openssl s_client -connect 10.9.0.2:4433 -servername "$name" -tls1_2 >/dev/null 2>&1 || true
        in_client curl -sk --http1.1 -m 1 -o /dev/null --connect-to "::10.9.0.2:4433" "https://$name/$i" || true
    done
done
echo | in_client timeout 5 openssl s_client -connect 10.9.0.2:4433 -noservername >/dev/null 2>&1 || true
# Hellos of two segments, the name in the second: a large key share before it, as browsers send them.
in_client python3 "$here/split_hello.py" 10.9.0.2 4433 "${names[@]:0:7}"
# Of several, the name in the first.
in_server ip route change 10.9.0.0/24 dev eths src 10.9.0.2 advmss 200
for name in "${names[@]:0:7}"; do
    echo | in_client timeout 5 openssl s_client -connect 10.9.0.2:4433 -servername "$name" >/dev/null 2>&1 || true
done
in_server ip route change 10.9.0.0/24 dev eths src 10.9.0.2
end_capture

capture tunnels
in_client curl -s -o /dev/null "http://10.8.0.2:8000/index.html?page=[1-500]" || true
in_client dig @10.8.0.2 +time=1 +tries=1 -f "$work/queries" >/dev/null || true
in_client ping -q -i 0.01 -c 100 10.8.0.2 >/dev/null || true
in_client dig @10.9.0.2 -p 9 +time=1 +tries=1 a.example >/dev/null || true # an ICMP error
in_client dig @fd09::2 -p 9 +time=1 +tries=1 a.example >/dev/null || true
in_client ping -q -c 5 -t 1 10.9.0.2 >/dev/null || true
end_capture
