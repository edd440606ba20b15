#!/usr/bin/env python3
"""kernel_compare.py WEIR [--packets N] [--seed S] [--legacy] CASE…: the kernel's own iptables or nft beside the policy
that `weir import` makes of the same rules.

A CASE is a folder: rules.v4, rules.v6 and sets.ipset (iptables), or rules.nft (nft), and case.json: {"hook": "input",
"forward" or "output"}. The rules are loaded into a network namespace; frames are sent to it by a veth pair, or from raw
sockets in it where its output is judged. Sets of nftables,
filled just before and just behind the chains of the rules, hold the number of each packet (its IP id, or flow label)
that came there from a link: what came there and did not leave was refused. Answers of the namespace to itself (an
address of a subnet, 2001:db8::, is one of its own) have numbers that the kernel chose. The same frames go through `weir replay` with all
evaluators. A packet that never came to the rules (the kernel found it wrong before) is not compared, and counted.
Status 1 where verdicts differ, 77 where namespaces or a program are missing."""
import argparse
import ctypes
import ipaddress
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import packets

BATCH = 20_000
OBSERVER = """
table ip weir_seen {{
    set before {{ typeof ip id; size 65535; }}
    set after {{ typeof ip id; size 65535; }}
    chain first {{ type filter hook {hook} priority -310; {which} update @before {{ ip id }}; }}
    chain last {{ type filter hook {hook} priority 310; {which} update @after {{ ip id }}; }}
}}
table ip6 weir_seen {{
    set before {{ typeof ip6 flowlabel; size 65535; }}
    set after {{ typeof ip6 flowlabel; size 65535; }}
    chain first {{ type filter hook {hook} priority -310; {which} update @before {{ ip6 flowlabel }}; }}
    chain last {{ type filter hook {hook} priority 310; {which} update @after {{ ip6 flowlabel }}; }}
}}
"""


MARK = 7
WHICH = {"input": 'iifname "eth*"', "forward": 'iifname "eth*"', "output": f'oifname "eth*" meta mark {MARK}'}


def run(*words, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()[:400]}")
    return done.stdout


class Namespace:
    """A network namespace with eth0 and eth1; their other ends, peer0 and peer1, stand in one of their own."""
    def __init__(self):
        self.name = f"weir-import-{os.getpid()}"
        self.peer = self.name + "-p"
        for one in (self.name, self.peer):
            run("ip", "netns", "add", one)
        for i in (0, 1):
            run("ip", "-n", self.peer, "link", "add", f"peer{i}", "type", "veth", "peer", "name", f"eth{i}", "netns", self.name)
            run("ip", "-n", self.peer, "link", "set", f"peer{i}", "address", "02:00:00:00:00:02", "arp", "off")
            self.inside("ip", "link", "set", f"eth{i}", "address", "02:00:00:00:00:01", "arp", "off")
        for key in ("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0",
                    "net.ipv4.conf.eth1.rp_filter=0", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.eth0.accept_dad=0",
                    "net.ipv6.conf.eth1.accept_dad=0", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                    "net.ipv4.conf.all.accept_source_route=0", "net.ipv4.conf.all.accept_redirects=0",
                    "net.netfilter.nf_conntrack_checksum=0"):
            self.inside("sysctl", "-qw", key, check=False)
        self.inside("ip", "link", "set", "lo", "up")
        for i in (0, 1):
            run("ip", "-n", self.peer, "link", "set", f"peer{i}", "up")
            self.inside("ip", "link", "set", f"eth{i}", "up")
        for version, mac in (("-4", "192.0.2.254"), ("-6", "2001:db8::fe")):
            self.inside("ip", version, "address", "add", f"{packets.OWN4 if version == '-4' else packets.OWN6}/{24 if version == '-4' else 64}", "dev", "eth0", "nodad" if version == "-6" else "broadcast", *([] if version == "-6" else ["192.0.2.255"]))
            self.inside("ip", version, "neigh", "add", mac, "lladdr", "02:00:00:00:00:02", "dev", "eth0")
            self.inside("ip", version, "route", "add", "default", "via", mac, "dev", "eth0")

    def inside(self, *words, check=True, **more):
        words = ("ip", "netns", "exec", self.name, *words)
        if not check:
            return subprocess.run([str(w) for w in words], capture_output=True)
        return run(*words, **more)

    def sockets(self):
        """Raw sockets on peer0 and peer1."""
        def make():
            made = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for _ in (0, 1)]
            for i, one in enumerate(made):
                one.bind((f"peer{i}", 0))
            return made
        return within(self.peer, make)

    def senders(self):
        """By version, raw sockets of the host itself: their packets come with their IP header."""
        def make():
            made = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                    6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}
            for one in made.values():
                one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            return made
        return within(self.name, make)

    def close(self):
        for one in (self.name, self.peer):
            subprocess.run(["ip", "netns", "del", one], capture_output=True)


def within(name, make):
    """What `make` makes in a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}") as there, open("/proc/self/ns/net") as here:
        if libc.setns(there.fileno(), 0x40000000) != 0:
            raise RuntimeError("setns failed")
        try:
            return make()
        finally:
            libc.setns(here.fileno(), 0x40000000)


def seen(space, family, name):
    said = json.loads(space.inside("nft", "-j", "list", "set", family, "weir_seen", name))
    elements = next(one["set"] for one in said["nftables"] if "set" in one).get("elem", [])
    return {one if isinstance(one, int) else one["elem"]["val"] for one in elements}


# A packet of each version that the host sends to itself, numbered 1.
TO_ITSELF = """
import socket
for family, own, head in ((socket.AF_INET, "127.0.0.1", "450000140001000040fd00007f0000017f000001"),
                          (socket.AF_INET6, "::1", "600000010000fd40" + 2 * "00000000000000000000000000000001")):
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
        try:
            out.sendto(bytes.fromhex(head), (own, 0))
        except PermissionError:
            pass        # the rules refuse it
"""


def counts_only_frames(space):
    """The sets, just emptied, do not take what the host sends to itself."""
    space.inside(sys.executable, "-c", TO_ITSELF)
    time.sleep(0.1)
    return not any(1 in seen(space, family, name) for family in ("ip", "ip6") for name in ("before", "after"))


def load(space, case, legacy):
    if (case / "sets.ipset").exists():
        if not shutil.which("ipset"):
            sys.exit(77)
        space.inside("ipset", "restore", input=(case / "sets.ipset").read_text())
    kind = "-legacy" if legacy else "-nft"
    for name, program in (("rules.v4", f"iptables{kind}-restore"), ("rules.v6", f"ip6tables{kind}-restore")):
        if (case / name).exists():
            space.inside(program, input=(case / name).read_text())
    if (case / "rules.nft").exists():
        space.inside("nft", "-f", "-", input=(case / "rules.nft").read_text())


def targets_of(space, values, version, hook):
    """Destinations: of the host itself where its input is judged, else of others."""
    own = packets.OWN4 if version == 4 else packets.OWN6
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    usable = [n for n in (values.v4 if version == 4 else values.v6)
              if not (kind(n).is_multicast or kind(n).is_loopback or kind(n).is_unspecified or kind(n).is_link_local
                      or (version == 4 and (n >> 24 == 0 or n >> 28 >= 14)))]
    if hook == "output":    # every other one leaves by eth1
        targets = [n for n in usable[::2] if n != int(own)][:100] or [int(own) + 1]
        for n in targets[::2]:
            space.inside("ip", f"-{version}", "route", "replace", str(kind(n)), "dev", "eth1")
        return targets
    if hook == "forward":
        return [n for n in usable[::2] if n != int(own)] or [int(own) + 1]      # the others are sources
    usable = usable[::4][:100]      # the others are sources: a source of the host's own would be refused before the rules
    for n in usable:
        space.inside("ip", f"-{version}", "route", "replace", "local", str(kind(n)), "dev", "lo", check=False)
    return usable + [int(own)] * (1 + len(usable) // 4)


def imported(weir, case, space, folder, hook):
    """The policy, and what it says in its comments."""
    out = folder / "imported.rules"
    options = ["-o", out, "--chain", "forward" if hook == "forward" else "input"]
    if (case / "rules.nft").exists():
        listed = folder / "ruleset.json"
        listed.write_text(space.inside("nft", "-j", "list", "ruleset"))
        done = subprocess.run([weir, "import", "nft", listed, *options], capture_output=True, text=True)
    else:
        files = [case / n for n in ("rules.v4", "rules.v6", "sets.ipset") if (case / n).exists()]
        done = subprocess.run([weir, "import", "iptables", *files, *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return out, done.stderr


def send_out(sender, data, version):
    target = (ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(packets.target_of(data, version))
    try:
        sender.sendto(data[14:], (str(target), 0))
    except OSError:
        pass        # the rules refuse it, or the kernel does before them


def compare(weir, case, count, seed, legacy):
    facts = json.loads((case / "case.json").read_text()) if (case / "case.json").exists() else {}
    hook = facts.get("hook", "input")
    text = "\n".join(p.read_text() for p in sorted(case.iterdir()) if p.name.startswith(("rules.", "sets.")))
    chance, values = random.Random(seed), packets.Values(text)
    space = Namespace()
    try:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            load(space, case, legacy)
            policy, said = imported(weir, case, space, folder, hook)
            space.inside("nft", "-f", "-", input=OBSERVER.format(hook=hook, which=WHICH[hook]))
            targets = {version: targets_of(space, values, version, hook) for version in (4, 6)}
            values.v4 = [n for n in values.v4 if n not in targets[4]] or [0xcb007109]
            values.v6 = [n for n in values.v6 if n not in targets[6]] or [0x20010db8 << 96 | 9]
            versions = facts.get("versions", [4, 6])
            sockets = space.sockets() if hook != "output" else None
            senders = space.senders() if hook == "output" else None
            done = differ = skipped = refused = 0
            talk = packets.Conversations(chance, values) if facts.get("stateful") else None
            if talk:
                space.inside("nft", "-f", "-", input="table inet weir_quiet { chain c { type filter hook output priority -450; drop; }\n}")
                count = min(count, 50_000)      # of one run of the evaluators: their state is not carried over
            while done < count:
                batch = []
                for number in range(1, min(count if talk else BATCH, count - done) + 1):
                    if talk:
                        interface, data = talk.frame(number)
                        batch.append((4, number, interface, data))
                        continue
                    version = chance.choice(versions)
                    data = packets.frame(chance, values, number, version, targets[version])
                    if senders:
                        interface = int(packets.target_of(data, version) in targets[version][::2])
                    else:
                        interface = chance.randrange(2) if facts.get("interfaces", 2) == 2 else 0
                    batch.append((version, number, interface, data))
                at, recorded = time.time_ns(), []
                for i, (version, _, interface, data) in enumerate(batch):
                    if senders:
                        send_out(senders[version], data, version)
                    else:
                        sockets[interface].send(data)
                    recorded.append((at + i, interface, data, senders is not None))
                    if i % 200 == 199:
                        time.sleep(0.002)
                time.sleep(0.3)
                before = {4: seen(space, "ip", "before"), 6: seen(space, "ip6", "before")}
                after = {4: seen(space, "ip", "after"), 6: seen(space, "ip6", "after")}
                for family in ("ip", "ip6"):
                    for name in ("before", "after"):
                        space.inside("nft", "flush", "set", family, "weir_seen", name)
                capture = folder / "sent.pcapng"
                capture.write_bytes(packets.pcapng(recorded))
                judged = subprocess.run([weir, "replay", "--format", "json", policy, capture], capture_output=True, text=True)
                lines = [json.loads(line) for line in judged.stdout.splitlines()]
                if judged.returncode != 0 or len(lines) != len(batch):
                    raise RuntimeError(f"weir replay: {judged.stderr[:400]}")
                for (version, number, interface, data), line in zip(batch, lines):
                    if number not in before[version]:
                        skipped += 1
                        continue
                    passed = number in after[version]
                    refused += not passed
                    if passed != (line["verdict"] == "pass"):
                        differ += 1
                        if differ <= 5:
                            print(f"  the kernel {'accepts' if passed else 'refuses'}, weir says {line['verdict']} by {line['rule']}: eth{interface} {data.hex()}")
                done += len(batch)
            alone = counts_only_frames(space)
    finally:
        space.close()
    note = f", {said.splitlines()[0]}" if said else ""
    print(f"{'WRONG' if differ else 'ok   '} {case.name}{' (legacy)' if legacy else ''}: {done} packets, {done - skipped} came to the rules, {refused} refused, {differ} verdicts differ{note}")
    if not alone:
        print(f"WRONG {case.name}: packets of the host to itself are taken for frames that were sent")
    return differ == 0 and alone and done - skipped > done // 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weir")
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--legacy", action="store_true")
    parser.add_argument("cases", nargs="*", type=pathlib.Path)
    arguments = parser.parse_intermixed_args()
    if os.geteuid() != 0 or not all(shutil.which(p) for p in ("nft", "iptables-restore", "ip")):
        print("network namespaces, nft and iptables are needed: skipped")
        return 77
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})     # frames of both interfaces arrive in the order they were sent
    here = pathlib.Path(__file__).parent
    cases = arguments.cases or sorted(p.parent for p in here.glob("*/*/case.json"))
    good = [compare(os.path.abspath(arguments.weir), case, arguments.packets, arguments.seed, arguments.legacy) for case in cases]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
