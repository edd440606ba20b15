"""Frames near what a ruleset names: its addresses, prefixes and ports, and what is beside them."""
import ipaddress
import random
import re
import struct

ROUTER_MAC = bytes.fromhex("020000000001")
SENDER_MAC = bytes.fromhex("020000000002")
OWN4, OWN6 = ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("2001:db8::1")
FLAGS = (0x02, 0x12, 0x10, 0x18, 0x11, 0x14, 0x04, 0x01, 0x00, 0x3f, 0x29, 0x03, 0x06, 0x42)
PORTS = (0, 1, 22, 53, 67, 68, 80, 123, 443, 1023, 1024, 5353, 8080, 32768, 65535)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def edges(first, last, top):
    return {max(first - 1, 0), first, (first + last) // 2, last, min(last + 1, top)}


class Values:
    """What the text of a ruleset compares with."""
    def __init__(self, text):
        self.v4, self.v6 = {int(OWN4), int(OWN4) + 1}, {int(OWN6), int(OWN6) + 1}
        for match in re.findall(r"(?<![\w.])(\d+\.\d+\.\d+\.\d+)(/\d+)?", text):
            try:
                net = ipaddress.ip_network(match[0] + (match[1] or "/32"), strict=False)
            except ValueError:
                continue
            self.v4 |= edges(int(net[0]), int(net[-1]), 2**32 - 1)
        for match in re.findall(r"(?<![\w.:])([0-9a-f]{0,4}:[0-9a-f:]*:[0-9a-f]{0,4}|fe80::)(/\d+)?", text):
            try:
                net = ipaddress.ip_network(match[0] + (match[1] or "/128"), strict=False)
            except ValueError:
                continue
            self.v6 |= edges(int(net[0]), int(net[-1]), 2**128 - 1)
        numbers = [int(n) for n in re.findall(r"(?<![\w.:/])(\d{1,5})(?![\w.])", text)] + [
            int(n) for pair in re.findall(r"(\d{1,5})[:-](\d{1,5})", text) for n in pair]
        numbers += [int(n) for n in re.findall(r"[,{ ](\d{1,5})(?=[,}: \n-])", text)]
        self.ports = sorted({p for n in numbers if n <= 65535 for p in (n - 1, n, n + 1) if 0 <= p <= 65535} | set(PORTS))
        self.small = sorted({n for n in numbers if n <= 255} | {1, 63, 64, 65, 255})
        self.v4, self.v6 = sorted(self.v4), sorted(self.v6)


def l4(chance, values, source, target, version):
    """(protocol, bytes) with a right checksum."""
    kind = chance.choices(("tcp", "udp", "icmp", "sctp", "other"), (10, 6, 4, 1, 1))[0]
    sport, dport = chance.choice(values.ports), chance.choice(values.ports)
    data = bytes(chance.randrange(256) for _ in range(chance.choice((0, 0, 4, 16, 40))))
    pseudo = source.packed + target.packed
    if kind == "tcp":
        options = b"\x02\x04\x05\xb4" if chance.random() < 0.3 else b""
        head = struct.pack(">HHIIBBHHH", sport, dport, chance.randrange(2**32), chance.randrange(2**32),
                           (5 + len(options) // 4) << 4, chance.choice(FLAGS), 1024, 0, 0) + options
        return 6, filled(head + data, 16, pseudo, 6, version)
    if kind == "udp":
        return 17, filled(struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data, 6, pseudo, 17, version)
    if kind == "icmp":
        number = 1 if version == 4 else 58
        types = (0, 3, 8, 11, 13) if version == 4 else (1, 2, 3, 4, 128, 129, 133, 135, 136, 143)
        one = chance.choice(types) if chance.random() < 0.8 else chance.choice(values.small)
        code = chance.choice((0, 0, 0, 1, 3, 4))
        body = struct.pack(">BBHHH", one, code, 0, chance.randrange(4), 1) + data
        return number, filled(body, 2, pseudo if version == 6 else None, number, version)
    if kind == "sctp":
        return 132, struct.pack(">HHII", sport, dport, 1, 0) + data
    return chance.choice((2, 47, 50, 89, 253)), data + bytes(8)


def filled(body, offset, pseudo, protocol, version):
    if pseudo is None:
        head = b""
    elif version == 4:
        head = pseudo + struct.pack(">BBH", 0, protocol, len(body))
    else:
        head = pseudo + struct.pack(">IHBB", len(body), 0, 0, protocol)
    value = checksum(head + body)
    if protocol == 17 and value == 0:
        value = 0xffff
    return body[:offset] + struct.pack(">H", value) + body[offset + 2:]


def frame(chance, values, number, version, targets):
    """An Ethernet frame whose IP id (or flow label) is `number`."""
    space = values.v4 if version == 4 else values.v6
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    source = kind(chance.choice(space)) if chance.random() < 0.8 else kind(chance.randrange(0x01000000, 0xdf000000) if version == 4 else (0x2001 << 112) + chance.randrange(2**80))
    target = kind(chance.choice(targets))
    protocol, body = l4(chance, values, source, target, version)
    ttl = chance.choice(values.small) or 1
    tos = chance.choice((0, 0, 0x10, 0xb8, 0x88))
    ether = ROUTER_MAC + SENDER_MAC
    if version == 4:
        head = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(body), number, 0, ttl, protocol, 0) + source.packed + target.packed
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return ether + b"\x08\x00" + head + body
    head = struct.pack(">IHBB", 0x60000000 | tos << 20 | number, len(body), protocol, ttl) + source.packed + target.packed
    return ether + b"\x86\xdd" + head + body


def target_of(frame, version):
    """The destination of a frame() as a number."""
    return int.from_bytes(frame[30:34] if version == 4 else frame[38:54], "big")


class Conversations:
    """Flows between hosts behind eth0 and hosts behind eth1, in steps that both sides would take; some begin in the middle."""
    def __init__(self, chance, values):
        self.chance, self.values, self.flows = chance, values, []

    def begin(self):
        chance = self.chance
        inner, outer = ipaddress.IPv4Address(0x0a000000 + chance.randrange(2**16)), ipaddress.IPv4Address(0xcb007100 + chance.randrange(1, 200))
        client_inside = chance.random() < 0.7
        return {"kind": chance.choice(("tcp", "tcp", "udp", "icmp")), "hosts": (inner, outer) if client_inside else (outer, inner),
                "inside": client_inside, "ports": (chance.randrange(20000, 60000), chance.choice((22, 80, 443, 53, 9999))),
                "step": chance.choice((0, 0, 0, 0, 1, 2)), "seq": [1000, 5000], "id": chance.randrange(65536)}

    def frame(self, number):
        """(interface, frame) of the next step of some flow."""
        chance = self.chance
        if len(self.flows) < 40 or chance.random() < 0.1:
            self.flows = self.flows[-200:] + [self.begin()]
        flow = chance.choice(self.flows[-60:])
        step = flow["step"]
        from_client = {0: True, 1: False, 2: True}.get(step, chance.random() < 0.5)
        if flow["kind"] != "tcp":
            from_client = step == 0 or chance.random() < 0.5
        flow["step"] += 1
        side = 0 if from_client else 1
        source, target = flow["hosts"][side], flow["hosts"][1 - side]
        sport, dport = flow["ports"][side], flow["ports"][1 - side]
        pseudo = source.packed + target.packed
        if flow["kind"] == "udp":
            protocol, body = 17, filled(struct.pack(">HHHH", sport, dport, 12, 0) + b"data", 6, pseudo, 17, 4)
        elif flow["kind"] == "icmp":
            protocol, body = 1, filled(struct.pack(">BBHHH", 8 if from_client else 0, 0, 0, flow["id"], 1), 2, None, 1, 4)
        else:
            flags = {0: 0x02, 1: 0x12, 2: 0x10}.get(step, 0x18)
            data = b"" if step < 3 else b"x" * chance.randrange(1, 40)
            seq, ack = flow["seq"][side], 0 if step == 0 else flow["seq"][1 - side]
            flow["seq"][side] += len(data) + (step < 2)
            protocol, body = 6, filled(struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 8192, 0, 0) + data, 16, pseudo, 6, 4)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), number, 0, 64, protocol, 0) + pseudo
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        interface = 0 if (flow["inside"] == from_client) else 1
        return interface, ROUTER_MAC + SENDER_MAC + b"\x08\x00" + head + body


def pcapng(packets):
    """[(time in ns, interface, frame, is outgoing)] as a capture of eth0 and eth1."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    def option(code, value):
        return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
    out = [block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))]
    for name in (b"eth0", b"eth1"):
        out.append(block(1, struct.pack("<HHI", 1, 0, 0) + option(2, name) + option(9, b"\x09") + option(0, b"")))
    for time, interface, data, is_out in packets:
        body = struct.pack("<IIIII", interface, time >> 32, time & 0xffffffff, len(data), len(data)) + data
        body += bytes(-len(body) % 4) + option(2, struct.pack("<I", 2 if is_out else 1)) + option(0, b"")
        out.append(block(6, body))
    return b"".join(out)
