#!/usr/bin/env python3
"""frames.py FOLDER: each packet of the tests' captures as a file of its own, and frames with tags, sessions, labels and
extension headers, for the fuzz target `frame` to begin with."""
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent


def packets(capture):
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<"}.get(capture[:4])
    at = 24
    while order and at + 16 <= len(capture):
        length = struct.unpack_from(order + "I", capture, at + 8)[0]
        yield capture[at + 16:at + 16 + length]
        at += 16 + length


def made():
    macs = bytes.fromhex("020000000002020000000001")
    udp = struct.pack(">HHHH", 4000, 53, 12, 0) + b"abcd"
    ip4 = bytes.fromhex("450000201234000040110000c6336407c0000201") + udp
    route = bytes.fromhex("470000281234000040110000c6336407c0000201830704c000020100") + udp
    chain = bytes.fromhex("3c00010400000000") + bytes.fromhex("2b00010400000000") + bytes.fromhex("2c00000000000000") + \
        bytes.fromhex("1100000101020304") + udp
    ip6 = struct.pack(">IHBB", 6 << 28, len(chain), 0, 64) + bytes(32) + chain
    for datagram, kind, ppp in ((ip4, 0x0800, 0x21), (route, 0x0800, 0x21), (ip6, 0x86DD, 0x57)):
        plain = struct.pack(">H", kind) + datagram
        yield macs + plain
        yield macs + bytes.fromhex("88a8000591000006") + plain
        yield macs + struct.pack(">HHHHH", 0x8864, 0x1100, 7, 2 + len(datagram), ppp) + datagram
        for labels in ("00064140", "0006404000071140", "000640400007104000081040000911ff"):
            yield macs + bytes.fromhex("8847" + labels) + datagram


def main():
    out = pathlib.Path(sys.argv[1])
    frames = [frame for path in sorted(HERE.parent.glob("**/*.pcap")) if path.stat().st_size < 65536
              for frame in packets(path.read_bytes())]
    for number, frame in enumerate(frames + list(made())):
        (out / f"frame-{number}").write_bytes(frame[:4096])


if __name__ == "__main__":
    main()
