#!/usr/bin/env python3
"""tls.py [WEIR]: what a policy that looks up names of servers costs over the same policy without the field: hellos as
browsers send them, their extensions shuffled, about half of them with the name in the second segment. Needs root."""
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

WEIR = sys.argv[1] if len(sys.argv) > 1 else "build/weir"
NAMES, CONNECTIONS, SEGMENT, ROUNDS = 10_000, 2048, 1400, 5
AT_MOST = 110
order = random.Random(1)


def extension(kind, data=b""):
    return struct.pack(">HH", kind, len(data)) + data


def counted(data, size=2):
    return len(data).to_bytes(size, "big") + data


def hello(name):
    """Chrome's, with a key share of X25519MLKEM768: about 1,750 bytes."""
    shares = b"\x2a\x2a\0\1\0" + struct.pack(">H", 0x11EC) + counted(order.randbytes(1216)) + struct.pack(">H", 29) + counted(order.randbytes(32))
    extensions = [extension(0, counted(b"\0" + counted(name))), extension(23), extension(0xFF01, b"\0"), extension(10, counted(bytes(10))),
                  extension(11, b"\1\0"), extension(35), extension(16, counted(b"\2h2\x08http/1.1")), extension(5, b"\1\0\0\0\0"),
                  extension(13, counted(bytes(16))), extension(18), extension(51, counted(shares)), extension(45, b"\1\1"),
                  extension(43, b"\6\x3a\x3a\3\4\3\3"), extension(27, b"\2\0\2"), extension(0x44CD, b"\0\3\2h2"), extension(0xFE0D, bytes(186))]
    order.shuffle(extensions)
    body = b"\3\3" + order.randbytes(32) + counted(order.randbytes(32), 1) + counted(bytes(32)) + b"\1\0"
    body += counted(extension(0x3A3A) + b"".join(extensions) + extension(0xAAAA, b"\0"))
    return b"\x16\3\1" + counted(b"\1" + counted(body, 3))


def frame(source, port, sequence, payload, to=443):
    tcp = struct.pack(">HHIIBBHHH", port, to, sequence & 0xFFFFFFFF, 0, 0x50, 0x18, 512, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, source, bytes([192, 0, 2, 1]))
    return bytes(12) + b"\x08\0" + ip + tcp + payload


def write(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for one in frames:
            file.write(struct.pack("<IIII", 0, 0, len(one), len(one)) + one)


def some_name(number):
    return f"{'www' if number % 3 else 'api'}.{order.choice('abcdefgh')}site{number}.{order.choice(['com', 'net', 'org', 'example'])}".encode()


def ns(policy, capture):
    said = subprocess.run([WEIR, "bench", "--pcap", capture, "--packets", "1000000", "--format", "json", policy], capture_output=True, text=True)
    if said.returncode != 0:
        sys.exit(said.stderr)
    answer = json.loads(said.stdout)
    return answer["ns_per_packet"]["p50"], answer["verified_insns"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names = [some_name(number) for number in range(NAMES)]
        (folder / "names").write_bytes(b"\n".join(names) + b"\n")
        (folder / "with.rules").write_text('set names : domain from "names"\nrule r { when tcp.dport == 443 and tls.sni in names then drop }\n')
        (folder / "without.rules").write_text("rule r { when tcp.dport == 443 and tcp.sport == 1 then drop }\n")
        hellos, heads = [], []
        for number in range(CONNECTIONS):
            source, port, sequence = order.randbytes(4), order.randint(1024, 65535), order.getrandbits(32)
            name = order.choice(names) if number % 2 else some_name(number + NAMES)
            whole = hello(name)
            hellos += [frame(source, port, sequence, whole[:SEGMENT]), frame(source, port, sequence + SEGMENT, whole[SEGMENT:])]
            heads.append(frame(source, port, sequence, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 80))
        write(folder / "hellos.pcap", hellos)
        write(folder / "heads.pcap", heads)
        for what, capture, at_most in (("hellos in two segments, 10,000 names", "hellos.pcap", AT_MOST), ("requests of HTTP", "heads.pcap", 5)):
            over = []
            for _ in range(ROUNDS):
                bare, _ = ns(folder / "without.rules", folder / capture)
                whole, verified = ns(folder / "with.rules", folder / capture)
                over.append(whole - bare)
            print(f"{'tls.sni in SET: ' + what:<58} {sorted(over)[ROUNDS // 2]:>10.1f} ns over the policy without it (at most {at_most})")
        print(f"{'    verified instructions':<58} {verified:>10}")


main()
