#!/usr/bin/env bash
# What `payload contains` costs: contains.sh [BUILD] [COUNT…]. ns a packet over a bare program, for 1, 4 and 64 literals on
# UDP packets of 512 bytes of payload that match none of them: text, and random bytes. The targets are 350 ns for one
# literal and 2,500 ns for 64.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
shift || true
counts=("$@")
[ ${#counts[@]} -gt 0 ] || counts=(1 2 3 4 16 64)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "$work" <<'PY'
import random, struct, sys
random.seed(7)
words = "the quick request of a host index page session value content length accept encoding user agent 42 2026".split()
def text(length):
    made = ""
    while len(made) < length:
        made += random.choice(words) + random.choice([" ", " ", "\r\n", "=", ": "])
    return made[:length].encode()
def frame(payload):
    udp = struct.pack(">HHHH", 4000, 5000, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([198, 51, 100, 7]), bytes([192, 0, 2, 1]))
    return bytes(12) + b"\x08\x00" + ip + udp
for kind, make in (("text", text), ("random", random.randbytes)):
    with open(f"{sys.argv[1]}/{kind}.pcap", "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for _ in range(256):
            bytes_ = frame(make(512))
            file.write(struct.pack("<IIII", 0, 0, len(bytes_), len(bytes_)) + bytes_)
PY

printf '%-8s %8s %8s %8s %10s %10s\n' payload literals 'ns over' target verified undisturb
for count in "${counts[@]}"; do
    python3 - "$count" >"$work/policy.rules" <<'PY'
import random, sys
random.seed(11)
names = ["passwd", "cmd.exe", "union select", "wp-login", "etc/shadow", "xp_shell", "../..", "<script", "jndi:", "eval("]
for i in range(int(sys.argv[1])):
    literal = names[i] if i < len(names) else "".join(random.choice("abcdefghijklmnopqrstuvwxyz/_.-") for _ in range(4 + i % 12))
    print(f'rule r{i} {{ when payload contains "{literal}" then drop }}')
PY
    for kind in text random; do
        timeout 300 "$build/weir" bench --format json --pcap "$work/$kind.pcap" "$work/policy.rules" >"$work/figures"
        python3 - "$kind" "$count" "$work/figures" <<'PY'
import json, sys
kind, count, path = sys.argv[1:]
with open(path) as file:
    f = json.loads(file.readline())
over = f["ns_per_packet"]["p50"] - f["baseline_ns"]
target = {"1": 350, "64": 2500}.get(count)
print(f"{kind:<8} {count:>8} {over:>8.0f} {target or '-':>8} {f['verified_insns']:>10} {f.get('undisturbed', 1) * 100:>9.0f}%"
      + (" over" if target and over > target else ""))
PY
    done
done
