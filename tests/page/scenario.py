"""What the double answers: a router's policy under traffic, as docs/cli.md describes the JSON of `weir status`. Counters grow
with a clock that may run faster than the machine's, so that a picture has minutes of history after seconds."""
import hashlib
import math
import random
import time

POLICY = '''# What this router lets through, and what it says about the rest.
policy edge

import "shared.rules"

let office   = { 203.0.113.0/24, 2001:db8:113::/48 }
let new_tcp  = tcp.syn and not tcp.ack
let resolver = { 192.0.2.53, 2001:db8::53 }

default        pass
default egress pass
malformed      drop

set blocked  : ip size 20000 ttl 1h
set scanners : ip size 5000 ttl 24h

rule blocked {
    note "whoever guessed or scanned"
    when ip.src in blocked or ip.src in scanners
    then drop
}

rule ssh_guess {
    note "SSH is for the office; others get three tries a minute"
    when tcp.dport == 22 and new_tcp and ip.src not in office and rate(ip.src) > 3/min
    then alert guessing, add ip.src to blocked, drop
}

rule telnet { when tcp.dport in { 23, 2323 } then alert telnet, drop }

rule dns_amplification {
    when udp.sport == 53 and ip.len > 1200 and ip.src not in resolver
    then drop
}

rule scan {
    when new_tcp and distinct(tcp.dport, by ip.src, in 10s) > 20
    then alert scan, add ip.src to scanners, reject
}

rule tracker {
    note "names that nobody here needs"
    when tls.sni in { "tracker.example", "ads.example" }
    then alert tracker, reject
}

rule to_cache { when tcp.dport == 80 and ip.dst in office then redirect("eth1") }

rule quic_observed {
    observe
    when udp.dport == 443 and payload.len > 1200
    then drop
}

rule answers { when http.latency >= 0s then measure http.latency by port.src }
rule handshakes { when flow.opened then measure flow.rtt by ip.dst/24/64 }
rule sizes { when ip then measure packet.len }

rule web { when tcp.dport in { 80, 443 } then pass }
rule dns { when udp.dport == 53 and ip.dst in resolver then pass }
rule mail { when tcp.dport in { 25, 465, 587 } then pass }
rule ntp { when udp.dport == 123 then pass }
rule icmp_some { when icmp and rate(ip.src) <= 10/s then pass }
rule leaving_smtp { egress when tcp.dport == 25 and ip.src not in office then alert smtp_leaving, drop }

alert guessing {
    severity high
    message  "SSH guessing from {ip.src}"
    throttle 1 per ip.src every 1m
}
alert telnet { severity medium  message "telnet from {ip.src} to {ip.dst}" }
alert scan { severity high  message "{ip.src} tries many ports"  escalate to soc when 10 within 1m per ip.src }
alert tracker { severity low  message "{ip.src} asks for {tls.sni}" }
alert smtp_leaving { severity critical  message "{ip.src} sends mail by itself" }

sink log = eve("/var/log/weir/edge.json", rotate 100MB, keep 5)
sink soc = webhook("https://soc.example/weir", spool 64MB)
sink bus = kafka("kafka.example:9092", topic "alerts")
sink sys = syslog(local0)

test "telnet is closed" {
    tcp 198.51.100.7:4000 -> 192.0.2.1:23 syn => drop by telnet, alert telnet
}
'''
NEXT_POLICY = POLICY.replace("rule telnet { when tcp.dport in { 23, 2323 } then alert telnet, drop }",
                             "rule telnet { when tcp.dport in { 23, 2323, 8023 } then alert telnet, drop }\n"
                             "rule rdp { when tcp.dport == 3389 and ip.src not in office then drop }")

# name, verdict, packets a second, bytes of a packet, direction
RULES = [
    ("blocked", "drop", 410, 74, "in"), ("ssh_guess", "drop", 38, 66, "in"), ("telnet", "drop", 21, 60, "in"),
    ("dns_amplification", "drop", 160, 1380, "in"), ("scan", "reject", 27, 62, "in"), ("tracker", "reject", 6.5, 517, "in"),
    ("to_cache", "redirect", 350, 720, "in"), ("quic_observed", "drop", 900, 1290, "in"), ("answers", "", 700, 900, "in"),
    ("handshakes", "", 310, 66, "in"), ("sizes", "", 26000, 810, "in"), ("web", "pass", 19200, 930, "in"),
    ("dns", "pass", 820, 92, "in"), ("mail", "pass", 240, 610, "in"), ("ntp", "pass", 11, 90, "in"),
    ("icmp_some", "pass", 3.2, 98, "in"), ("leaving_smtp", "drop", 0.4, 66, "out"), ("shared.bogons", "drop", 2.1, 80, "in"),
    ("shared.spoofed", "drop", 0, 0, "in"), ("shared.smurf", "drop", 0, 0, "in"),
]
ALERTS = {"guessing": (38, 0.06), "telnet": (21, 1), "scan": (27, 0.4), "tracker": (6.5, 1), "smtp_leaving": (0.4, 1)}
EVENTS = [
    ("guessing", "ssh_guess", "high", "drop", "SSH guessing from {src}", 22, "TCP"),
    ("telnet", "telnet", "medium", "drop", "telnet from {src} to {dst}", 23, "TCP"),
    ("scan", "scan", "high", "reject", "{src} tries many ports", None, "TCP"),
    ("tracker", "tracker", "low", "reject", "{src} asks for tracker.example", 443, "TCP"),
    ("smtp_leaving", "leaving_smtp", "critical", "drop", "{src} sends mail by itself", 25, "TCP"),
    ("telnet", "telnet", "medium", "drop", "telnet from {src} to {dst}", 2323, "TCP"),
]


def rfc3339(seconds):
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1e6):06d}Z"


class Scenario:
    """One engine. `changes` are keys that replace those of the status; `many` more rules make it a large policy."""

    def __init__(self, speed=1.0, many=0, verdicts=True):
        self.speed, self.many, self.verdicts = speed, many, verdicts
        self.origin = time.time()
        self.random = random.Random(19)
        self.generation, self.text, self.changes = 7, POLICY, {}
        self.loaded = self.origin - 7 * 3600
        self.at = self.origin - 3600
        self.counts = {}
        self.histograms = {}
        self.event = 0
        self.sink_down = self.origin - 260     # since when the receiver of `soc` is away
        for _ in range(30):                    # an hour, coarsely
            self.advance(120)

    def now(self):
        return self.origin + (time.time() - self.origin) * self.speed

    def wave(self, name, at):
        seed = int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)
        slow = math.sin(at / 37 + seed) * 0.22 + math.sin(at / 9 + seed * 3) * 0.1
        burst = 2.5 if seed % 5 == 0 and (at + seed) % 140 < 24 else 1
        return max(0, (1 + slow) * burst * self.random.uniform(0.9, 1.1))

    def add(self, key, amount):
        self.counts[key] = self.counts.get(key, 0) + amount

    def get(self, key):
        return int(self.counts.get(key, 0))

    def advance(self, seconds):
        self.at += seconds
        for name, _, rate, size, _ in RULES + [("default", "pass", 430, 400, ""), ("malformed", "drop", 1.2, 60, ""), ("default egress", "pass", 15200, 640, "")]:
            packets = rate * self.wave(name, self.at) * seconds
            self.add(f"packets {name}", packets)
            self.add(f"bytes {name}", packets * size)
        for name, (rate, kept) in ALERTS.items():
            matched = rate * self.wave(name, self.at) * seconds
            self.add(f"matched {name}", matched)
            self.add(f"suppressed {name}", matched * (1 - kept))
        for place, (middle, spread, rate) in MEASURED.items():
            histogram = self.histograms.setdefault(place, [0] * 252)
            for _ in range(min(400, max(1, int(rate * seconds)))):
                value = self.random.lognormvariate(math.log(middle * (1 + 0.5 * math.sin(self.at / 60))), spread)
                if self.random.random() < 0.02:
                    value *= 20
                histogram[bucket_of(int(value))] += 1

    def measures(self):
        result = []
        for name, unit, by in (("answers", "ns", ["port.src"]), ("handshakes", "ns", ["ip.dst/24"]), ("sizes", "bytes", [])):
            keys = []
            for (measure, key), histogram in self.histograms.items():
                if measure != name:
                    continue
                count = sum(histogram)
                filled = max(bucket for bucket, values in enumerate(histogram) if values) + 1
                keys.append({"key": [key] if key else [], "count": count, "sum": count * 1000, **quantiles(histogram), "counts": histogram[:filled]})
            keys.sort(key=lambda one: -one["count"])
            result.append({"name": name, "unit": unit, "by": by, "keys": keys, "refused": 0})
        return result

    def rules(self):
        rows = []
        for name, verdict, _, _, direction in RULES:
            row = {"name": name, "direction": direction}
            if verdict and self.verdicts:
                row["verdict"] = verdict
            if name == "quic_observed" and self.verdicts:
                row["observed"] = True
            rows.append({**row, "packets": self.get(f"packets {name}"), "bytes": self.get(f"bytes {name}")})
        for number in range(self.many):
            packets = int((number * 7919 % 997) * (self.at - self.origin + 4000) / (1 + number % 53))
            rows.append({"name": f"customer_{number:05d}", "direction": "in", **({"verdict": "drop"} if self.verdicts else {}), "packets": packets, "bytes": packets * 90})
        return rows

    def sinks(self):
        rows = []
        delivered = sum(self.get(f"matched {name}") - self.get(f"suppressed {name}") for name in ALERTS)
        for name, kind in (("log", "eve"), ("soc", "webhook"), ("bus", "kafka"), ("sys", "syslog")):
            row = {"name": name, "kind": kind, "offered": delivered, "delivered": delivered, "lost": 0, "lost_by": {}, "pending": 0, "spooled": 0, "state": "ok", "since": ""}
            if name == "soc":
                waits = min(delivered, int((self.now() - self.sink_down) * 8))
                lost = min(waits, 1312)
                row.update(delivered=delivered - waits - lost, pending=waits, lost=lost, spooled=max(0, waits - 40), spool={"bytes": waits * 610, "max_bytes": 64_000_000},
                           lost_by={"spool full": 1200, "queue full": lost - 1200} if lost > 1200 else {"queue full": lost},
                           state="soc.example: connection refused", since=rfc3339(self.sink_down))
            rows.append(row)
        return rows

    def alerts(self):
        rows = []
        for name in ALERTS:
            matched, suppressed = self.get(f"matched {name}"), self.get(f"suppressed {name}")
            lost = 1312 if name == "telnet" else 0
            rows.append({"name": name, "matched": matched, "delivered": matched - suppressed - lost, "suppressed": suppressed, "lost": lost, "pending": 0, "repeated": 0})
        rows[2]["escalations"] = [{"sink": "soc", "escalated": 14, "delivered": 12, "lost": 0, "pending": 2, "evicted": 0}]
        rows[0]["responses"] = {"done": 2210, "would": 0, "failed": 3, "lost": 0}
        return rows

    def status(self):
        now = self.now()
        while now - self.at > 1e-6:
            self.advance(min(1.0, now - self.at))

        def end(name, verdict):
            return {"packets": self.get(f"packets {name}"), "bytes": self.get(f"bytes {name}"), **({"verdict": verdict} if self.verdicts else {})}
        entries = int(2400 + 300 * math.sin(now / 80) + (now - self.origin))
        status = {
            "name": "eth0", "policy": "edge", "generation": self.generation, "loaded_at": rfc3339(self.loaded), "file": "/etc/weir/edge.rules",
            "files": [{"path": "/etc/weir/edge.rules", "sha256": hashlib.sha256(self.text.encode()).hexdigest()},
                      {"path": "/etc/weir/shared.rules", "sha256": hashlib.sha256(b"shared").hexdigest()}],
            "observe": False, "auto_rollbacks": 0, "problems": [],
            "history": [{"generation": 6, "policy": "edge", "loaded_at": rfc3339(self.origin - 26 * 3600)}, {"generation": 4, "policy": "edge", "loaded_at": rfc3339(self.origin - 90 * 3600)}],
            "several_buffers": False,
            "interfaces": [{"name": "eth0", "mode": "native", "attached": True, "egress": True, "gaps": 0, "last_gap_ms": 0},
                           {"name": "eth2", "mode": "generic", "attached": True, "egress": True, "gaps": 1, "last_gap_ms": 40}],
            "rules": self.rules(), "default": end("default", "pass"), "malformed": end("malformed", "drop"), "default_egress": end("default egress", "pass"),
            "sets": [{"name": "blocked", "entries": entries, "refused": 0}, {"name": "scanners", "entries": entries // 9, "refused": 0}],
            "sets_file": {"path": "/var/lib/weir/eth0/sets", "saved_at": rfc3339(now - 12), "entries": entries, "restored": 2280, "skipped": 0, "state": "ok"},
            "terms": [{"name": "rule ssh_guess: rate(ip.src) per 1m", "keys": 1804, "evicted": 0, "refused": 0},
                      {"name": "rule scan: distinct(tcp.dport, by ip.src) in 10s", "keys": 640, "evicted": 12, "refused": 0},
                      {"name": "alert guessing: throttle per ip.src every 1m", "keys": 1702, "evicted": 0, "refused": 0}],
            "flows": {"size": 65536, "flows": int(18200 + 2600 * math.sin(now / 45)), "evicted": 0, "refused": 0},
            "measures": self.measures(), "alerts": self.alerts(), "sinks": self.sinks(),
            "answers": {"sent": self.get("packets scan"), "dropped": 118, "failed": 0, "not_sent": 0},
            "redirects": {"sent": self.get("packets to_cache"), "dropped": 0, "not_sent": 0, "interfaces": [{"name": "eth1", "there": True}]},
            "reload_failed": 0,
            "reloads": {"in_force": 6, "withdrawn": 0, "rolled_back": 0, "last_refused": False, "compile_ms": 31.4, "load_ms": 9.2, "commit_us": 0.21},
            "process": {"version": "0.1.0", "started_at": rfc3339(self.origin - 96 * 3600), "cpu_seconds": 410 + (now - self.origin) * 0.013, "memory_max_bytes": 61_400_000},
            "compiler": {"lacks": []},
            "rights": {"user": 997, "capabilities": ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"], "lacks": []},
        }
        status.update(self.changes)
        return status

    def policy(self):
        return {"policy": "edge", "file": "/etc/weir/edge.rules", "sha256": hashlib.sha256(self.text.encode()).hexdigest(), "text": self.text}

    def eve(self):
        alert, rule, severity, verdict, message, port, proto = EVENTS[self.random.randrange(len(EVENTS))]
        src = f"198.51.100.{self.random.randrange(1, 250)}" if self.random.random() < 0.8 else f"2001:db8:77::{self.random.randrange(1, 65535):x}"
        dst = "192.0.2.1" if ":" not in src else "2001:db8::1"
        self.event += 1
        return {
            "timestamp": rfc3339(self.now()), "event_type": "alert", "in_iface": "eth0", "src_ip": src, "src_port": self.random.randrange(1024, 65000), "dest_ip": dst,
            "dest_port": port or self.random.randrange(1, 10000), "proto": proto,
            "alert": {"action": "blocked", "signature_id": 1000 + len(alert), "signature": alert, "category": "edge", "severity": {"critical": 1, "high": 1, "medium": 2, "low": 3}[severity]},
            "verdict": {"action": "drop"},
            "weir": {"policy": "edge", "rule": rule, "alert": alert, "generation": self.generation, "suppressed": 0, "severity": severity, "verdict": verdict,
                     "message": message.format(src=src, dst=dst), "packet_len": 66, "direction": "in", "id": f"{self.event:016x}"},
        }

    def flows(self, top):
        number = random.Random(4)
        rows = []
        for place in range(min(top, 400)):
            size = int(4e9 / (place + 1) ** 1.15) + 900
            rows.append({"protocol": "udp" if place % 11 == 4 else "tcp", "client": f"198.51.100.{number.randrange(1, 250)}:{number.randrange(1024, 65000)}" if place % 6 else f"[2001:db8:77::{place:x}]:{number.randrange(1024, 65000)}",
                         "server": f"192.0.2.{number.randrange(1, 9)}:{number.choice([443, 443, 443, 80, 25, 53])}" if place % 6 else "[2001:db8::1]:443",
                         "state": number.choice(["established"] * 6 + ["answered", "new"]), "packets": size // 840 + 1, "bytes": size,
                         "age_ns": int((self.now() - self.origin + 40 + place * 3) * 1e9), "idle_ns": number.randrange(10 ** 6, 4 * 10 ** 9), "rtt_ns": number.randrange(200_000, 90_000_000)})
        return {"flows": 18200, "top": rows}

    def set_entries(self, name):
        count = {"blocked": 2400, "scanners": 266}[name]
        return {"entries": [{"value": f"198.51.{100 + i // 250}.{i % 250 + 1}" if i % 7 else f"2001:db8:77::{i:x}", "expires_in_ns": int((3600 - (i * 37 % 3500)) * 1e9)} for i in range(count)]}


MEASURED = {("answers", "443"): (9e6, 0.7, 60), ("answers", "80"): (3e6, 0.5, 22), ("answers", "8080"): (48e6, 1.0, 9), ("answers", "8443"): (16e6, 0.9, 4),
            ("handshakes", "192.0.2.0/24"): (21e6, 0.6, 40), ("handshakes", "203.0.113.0/24"): (1.2e6, 0.4, 16), ("sizes", ""): (700, 0.9, 120)}


def bucket_of(value):
    """As bpf/histogram.h has it: 0 to 3 have a bucket each, then each power of two has four."""
    power = max(2, value.bit_length() - 1)
    return value if value < 4 else 4 * (power - 1) + (value >> (power - 2)) - 4


def first_of(bucket):
    return bucket if bucket < 4 else (4 + bucket % 4) << (bucket // 4 - 1)


def quantiles(histogram):
    count, found, below = sum(histogram), {}, 0
    for bucket, values in enumerate(histogram):
        below += values
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            if name not in found and below >= share * count:
                found[name] = (first_of(bucket) + first_of(bucket + 1)) // 2
    return {**found, "max": first_of(max(bucket for bucket, values in enumerate(histogram) if values) + 1) - 1}
