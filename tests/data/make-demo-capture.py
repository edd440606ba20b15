#!/usr/bin/env python3
"""Writes demo.pcap, which scripts/demo.sh replays: `make-demo-capture.py demo.pcap`. The same bytes each time."""
import ipaddress
import struct
import sys

CLIENT, SERVER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(kind, payload):
    return SERVER + CLIENT + struct.pack("!H", kind) + payload


def ip(source, target, protocol, payload, ttl=64, fragment=0, total=None):
    source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if source.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(payload) if total is None else total, protocol, ttl)
        return ethernet(0x86DD, head + source.packed + target.packed + payload)
    length = 20 + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, 1, fragment, ttl, protocol, 0) + source.packed + target.packed
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ethernet(0x0800, head + payload)


def with_checksum(source, target, protocol, segment, at):
    source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
    pseudo = source.packed + target.packed + struct.pack("!II", len(segment), protocol)
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2:]


def tcp(source, sport, target, dport, flags, payload=b""):
    segment = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, flags, 64240, 0, 0) + payload
    return ip(source, target, 6, with_checksum(source, target, 6, segment, 16))


def udp(source, sport, target, dport, payload):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return ip(source, target, 17, with_checksum(source, target, 17, segment, 6))


def echo(source, target):
    message = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"weir"
    return ip(source, target, 1, message[:2] + struct.pack("!H", checksum(message)) + message[4:])


SYN, ACK = 2, 16
FRAMES = [
    tcp("10.99.0.1", 40000, "10.99.0.2", 80, SYN),
    tcp("10.99.0.1", 40000, "10.99.0.2", 80, ACK, b"GET / HTTP/1.1\r\n"),
    tcp("10.99.0.1", 40001, "10.99.0.2", 23, SYN),
    echo("10.99.0.1", "10.99.0.2"),
    tcp("198.51.100.100", 40002, "10.99.0.2", 443, SYN),
    tcp("2001:db8:bad::7", 40003, "fd99::2", 443, SYN),
    tcp("fd99::1", 40004, "fd99::2", 8080, SYN),
    udp("10.99.0.1", 40005, "10.99.0.2", 9, b"HELP me"),
    udp("10.99.0.1", 40006, "10.99.0.2", 53, b"a question"),
    ip("10.99.0.1", "10.99.0.2", 6, b"only 12 byte"),                  # a TCP header that is cut short
    ip("10.99.0.1", "10.99.0.2", 6, b"A" * 20, fragment=185),          # a later fragment: no ports
    ip("10.99.0.1", "10.99.0.2", 17, b"B" * 8, total=2000),            # longer than its frame
    ethernet(0x0806, bytes.fromhex("0001080006040001") + CLIENT + bytes([10, 99, 0, 1]) + bytes(6) + bytes([10, 99, 0, 2])),
]

with open(sys.argv[1], "wb") as capture:
    capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for number, frame in enumerate(FRAMES):
        capture.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame)
