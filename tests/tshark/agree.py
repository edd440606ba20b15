#!/usr/bin/env python3
"""Whether weir and tshark read the same names, requests and inner addresses in real traffic.

agree.py READ_FIELDS CAPTURE...: prints how many packets were compared and every kind of difference with its number and
an example. Status 0: each difference has a known cause (why_known); 1: one has none; 77: tshark is not installed.

tshark reads each segment alone (no reassembly), as weir does. Names of TLS that come in later segments are compared
with a second run that reassembles: weir must find each of them in the packet that tshark finds it in.
"""
import collections
import json
import shutil
import subprocess
import sys

# weir's field, tshark's.
FIELDS = [
    ("dns.qname", "dns.qry.name"),
    ("dns.qtype", "dns.qry.type"),
    ("dns.rcode", "dns.flags.rcode"),
    ("tls.sni", "tls.handshake.extensions_server_name"),
    ("http.method", "http.request.method"),
    ("http.target", "http.request.uri"),
    ("http.host", "http.host"),
    ("http.status", "http.response.code"),
    ("vxlan.vni", "vxlan.vni"),
]
INNER = ["inner.ip.src", "inner.ip.dst"]
ALONE = ["-o", "tcp.desegment_tcp_streams:FALSE", "-o", "http.desegment_headers:FALSE", "-o", "http.desegment_body:FALSE",
         "-o", "tls.desegment_ssl_records:FALSE", "-o", "ip.defragment:FALSE", "-d", "tcp.port==8000,http",
         "-d", "tcp.port==4433,tls"]
TOGETHER = ["-d", "tcp.port==4433,tls"]
PATHS = ["tcp.port", "udp.port", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "vxlan.flags", "icmp.type", "icmpv6.type"]


def tshark(capture, options, fields):
    """Of each packet a dictionary from field to the list of its values."""
    command = ["tshark", "-n", "-r", capture, *options, "-T", "fields", "-E", "separator=\x1f", "-E", "aggregator=\x1e"]
    for field in fields:
        command += ["-e", field]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in text.split("\n")[:-1]:
        yield {field: value.split("\x1e") if value else [] for field, value in zip(fields, line.split("\x1f"))}


def weir(read_fields, capture):
    fields = [ours for ours, _ in FIELDS] + INNER + ["tls.is_cut", "vxlan", "icmp.has_inner", "icmp6.has_inner", "inner",
                                                     "udp.sport", "udp.dport", "payload.len"]
    text = subprocess.run([read_fields, capture, *fields], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def number(text):
    return int(text, 16) if text.startswith("0x") else int(text)


def folded(name):
    return name.lower().removesuffix(".")


def why_known(field, kind, other):
    """The documented reason of a difference (docs/language.md), or None."""
    if field.startswith("dns.") and kind == "only tshark" and other["tcp.port"]:
        return "weir does not read DNS over TCP"
    if field.startswith("dns.") and kind == "only tshark" and "53" not in other["udp.port"]:
        return "weir reads DNS on port 53 alone"
    if field == "dns.rcode" and kind == "only weir":
        return "tshark shows the response code of responses alone, weir of queries, too"
    return None


def theirs_as_ours(ours, values, is_inner):
    """What weir would say where tshark has these values, or None. `is_inner`: the message is in a tunnel."""
    if not values or is_inner:
        return None
    value = values[0]
    if ours in ("dns.qtype", "dns.rcode", "http.status", "vxlan.vni"):
        return number(value)
    if ours == "dns.qname":
        return "" if value == "<Root>" else folded(value)
    if ours == "tls.sni":
        return folded(value)
    if ours == "http.host":
        host = value.lower()
        end = host.find(":", max(host.find("]"), 0))
        return folded(host if end < 0 else host[:end])
    return value


def is_same_later(packet, theirs, waiting):
    """Whether weir alone has a name that tshark will show later, or tshark alone one that weir had before."""
    ours = packet.get("tls.sni")
    if ours is not None and theirs is None and packet.get("tls.is_cut"):
        waiting.append(ours)
        return True
    if ours is None and theirs in waiting:
        waiting.remove(theirs)
        return True
    return False


class Tally:
    def __init__(self):
        self.packets = 0
        self.agreed = collections.Counter()
        self.known = collections.Counter()
        self.differences = collections.defaultdict(list)

    def compare(self, field, place, ours, theirs, other):
        if ours == theirs:
            if ours is not None:
                self.agreed[field] += 1
        else:
            kind = "only weir" if theirs is None else "only tshark" if ours is None else "both, and they differ"
            reason = why_known(field, kind, other)
            if reason:
                self.known[field, reason] += 1
            else:
                self.differences[field, kind].append((place, ours, theirs))


def compare_capture(read_fields, capture, tally):
    mine = weir(read_fields, capture)
    alone = list(tshark(capture, ALONE, [theirs for _, theirs in FIELDS] + PATHS))
    together = list(tshark(capture, TOGETHER, ["tls.handshake.extensions_server_name"]))
    assert len(mine) == len(alone) == len(together), (capture, len(mine), len(alone), len(together))
    waiting = []  # names of hellos whose last segment is still to come
    for at, (packet, other, whole) in enumerate(zip(mine, alone, together)):
        place = f"{capture}:{at + 1}"
        tally.packets += 1
        # Behind a tunnel, and in the packet that an ICMP error quotes, weir reads headers alone.
        is_inner = bool(other["vxlan.flags"]) or "icmp.has_inner" in packet or "icmp6.has_inner" in packet
        for ours, theirs in FIELDS:
            values = other[theirs]
            if ours == "tls.sni" and not values:
                values = whole[theirs]  # in a later segment
            theirs_value = theirs_as_ours(ours, values, is_inner and ours != "vxlan.vni")
            if ours == "tls.sni" and is_same_later(packet, theirs_value, waiting):
                tally.known[ours, "weir has the name of a cut hello at once, tshark with the last segment"] += 1
                continue
            tally.compare(ours, place, packet.get(ours), theirs_value, other)
        for end in ("src", "dst"):
            addresses = other[f"ip.{end}"] + other[f"ipv6.{end}"]
            inner = addresses[1] if len(addresses) > 1 else None
            tally.compare(f"inner.ip.{end}", place, packet.get(f"inner.ip.{end}"), inner, other)


def main():
    if shutil.which("tshark") is None:
        print("skipped: tshark is not installed")
        return 77
    tally = Tally()
    for capture in sys.argv[2:]:
        compare_capture(sys.argv[1], capture, tally)
    print(f"{tally.packets} packets; the same:", ", ".join(f"{field} {n}" for field, n in sorted(tally.agreed.items())))
    for (field, reason), count in sorted(tally.known.items()):
        print(f"{field}: {count} differ: {reason}")
    for (field, kind), found in sorted(tally.differences.items()):
        print(f"{field}: {kind}: {len(found)}; for example", *found[:3], sep="\n    ")
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
