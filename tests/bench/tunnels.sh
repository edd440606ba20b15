#!/usr/bin/env bash
# What fields of the packet in the packet cost: tunnels.sh [BUILD] [ROUNDS]. ns a packet of the policy with them over the
# same policy without, medians of ROUNDS, on VXLAN and on packets of other protocols. The targets are 60 ns and 5 ns.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build} rounds=${2:-7}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "$work" "$build" "$rounds" <<'PY'
import json, random, statistics, struct, subprocess, sys
work, build, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
R = random.Random(7)
members = [R.getrandbits(32) for _ in range(10_000)]
def eth(body): return bytes(12) + b"\x08\x00" + body
def ip(protocol, body, to=None):
    return struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(body), R.getrandbits(16), 0, 64, protocol, 0, R.getrandbits(32),
                       R.getrandbits(32) if to is None else to) + body
def udp(port, body): return struct.pack(">HHHH", R.randint(1024, 65535), port, 8 + len(body), 0) + body
def tcp(body=b""): return struct.pack(">HHIIBBHHH", R.randint(1024, 65535), R.choice([22, 80, 443]), R.getrandbits(32),
                                      R.getrandbits(32), 0x50, 0x10, 512, 0, 0) + body
def inner(): return eth(ip(6, tcp(bytes(R.randint(0, 64))), R.choice(members) if R.random() < 0.5 else None))
def vxlan(): return eth(ip(17, udp(4789, b"\x08\0\0\0" + struct.pack(">I", R.getrandbits(24) << 8) + inner())))
def other():
    kind = R.randrange(4)
    if kind == 0: return eth(ip(17, udp(R.choice([53, 123, 443]), bytes(R.randint(0, 64)))))
    if kind == 1: return eth(ip(1, b"\x08\0" + R.randbytes(30)))
    return eth(ip(6, tcp(bytes(R.randint(0, 64)))))
for name, make in (("VXLAN", vxlan), ("other", other)):
    with open(f"{work}/{name}.pcap", "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for _ in range(4096):
            frame = make()
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
with open(f"{work}/members", "w") as file:
    for member in members: file.write(".".join(str(member >> shift & 255) for shift in (24, 16, 8, 0)) + "\n")
rest = "rule r { when tcp.dport == 22 and ip.src in 10.0.0.0/8 then drop }\n"
policies = {
    "without": rest,
    "inner.ip.dst in SET": f'set s : ip from "members"\nrule i {{ when inner.ip.dst in s then drop }}\n' + rest,
    "inner.tcp.dport == 80": "rule i { when inner.tcp.dport == 80 then drop }\n" + rest,
    "vxlan.vni == 42": "rule i { when vxlan.vni == 42 then drop }\n" + rest,
}
def measure(policy, frames):
    with open(f"{work}/policy.rules", "w") as file: file.write(policies[policy])
    done = subprocess.run([f"{build}/weir", "bench", "--format", "json", "--pcap", f"{work}/{frames}.pcap", f"{work}/policy.rules"],
                          stdout=subprocess.PIPE, check=True, timeout=300)
    figures = json.loads(done.stdout.splitlines()[0])
    return figures["ns_per_packet"]["p50"] - figures["baseline_ns"], figures["verified_insns"], figures["load_ms"]
print(f'{"frames":<8} {"policy":<24} {"ns over":>8} {"more":>6} {"verified":>9} {"load ms":>8}')
for frames in ("VXLAN", "other"):
    seen = {policy: [] for policy in policies}
    for _ in range(rounds):
        for policy in policies: seen[policy].append(measure(policy, frames))
    bare = statistics.median(row[0] for row in seen["without"])
    for policy, rows in seen.items():
        ns = statistics.median(row[0] for row in rows)
        print(f"{frames:<8} {policy:<24} {ns:>8.1f} {ns - bare:>6.1f} {rows[0][1]:>9} {statistics.median(row[2] for row in rows):>8.1f}")
PY
