#!/usr/bin/env python3
"""replay_test.py WEIR SOURCE: captures of all kinds through `weir replay` and `weir test`, and what they leave behind."""
import gzip
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))

POLICY = """rule ssh { when tcp.dport == 22 then drop }
rule many { when udp and count(ip.src, in 10s) > 2 then drop }
"""


def run(*arguments, stdin=None, env=None):
    return subprocess.run([WEIR, *map(str, arguments)], stdin=stdin, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


def frame(protocol, port, payload=b""):
    if protocol == 6:
        l4 = struct.pack(">HHIIBBHHH", 4000, port, 0, 0, 0x50, 2, 0, 0, 0) + payload
    else:
        l4 = struct.pack(">HHHH", 4000, port, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 0, 0, 64, protocol, 0, bytes([198, 51, 100, 7]), bytes([192, 0, 2, 1]))
    return bytes(12) + b"\x08\x00" + ip + l4


def pcap(frames, link_type=1, originals=None):
    originals = originals or [len(f) for f in frames]
    packets = b"".join(struct.pack("<IIII", 1, i, len(f), n) + f for i, (f, n) in enumerate(zip(frames, originals)))
    return struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link_type) + packets


def pcapng(interface, packet):
    """One packet of an interface that has a name."""
    def block(kind, body):
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    def padded(data):
        return data + bytes(-len(data) % 4)
    name = interface.encode()
    return (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
            + block(1, struct.pack("<HHIHH", 1, 0, 0, 2, len(name)) + padded(name) + bytes(4))
            + block(6, struct.pack("<IIIII", 0, 0, 0, len(packet), len(packet)) + padded(packet)))


def lengths(pcapng):
    """(captured, original) of each packet of what weir wrote."""
    at, found = 0, []
    while at < len(pcapng):
        kind, length = struct.unpack_from("<II", pcapng, at)
        if kind == 6:
            found.append(struct.unpack_from("<II", pcapng, at + 20))
        at += length
    return found


class Replay(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.policy = self.file("policy.rules", POLICY.encode())
        self.ssh = pcap([frame(6, 22), frame(6, 80)])

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def verdicts(self, capture, *options, **more):
        said = run("replay", "--format", "json", *options, self.policy, capture, **more)
        self.assertEqual(said.returncode, 0, said.stderr)
        return [json.loads(line)["verdict"] for line in said.stdout.splitlines()]

    def test_out_may_be_its_own_input(self):
        capture = self.file("a.pcap", self.ssh)
        self.assertEqual(self.verdicts(capture, "--out", capture), ["drop", "pass"])
        self.assertIn(b"drop by ssh", capture.read_bytes())
        self.assertEqual(self.verdicts(capture), ["drop", "pass"])
        link = self.folder / "link.pcap"
        link.symlink_to("a.pcap")
        self.assertEqual(self.verdicts(capture, "--out", link), ["drop", "pass"])
        self.assertTrue(link.is_symlink())
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["a.pcap", "link.pcap", "policy.rules"])

    def test_out_stays_where_the_replay_fails(self):
        old = self.file("old.pcapng", b"precious")
        text, cut = self.file("text", b"no capture"), self.file("cut.pcap", self.ssh[:-3])
        raw = self.file("raw.pcap", pcap([frame(6, 22)[14:]], 101))
        for capture in (self.folder / "missing.pcap", text, cut, raw):
            said = run("replay", "--format", "json", "--out", old, self.policy, capture)
            self.assertEqual((said.returncode, said.stdout), (3, ""), capture)
            self.assertEqual(old.read_bytes(), b"precious", capture)
        bad = self.file("bad.rules", b"rule {\n")
        self.assertEqual(run("replay", "--out", old, bad, self.file("a.pcap", self.ssh)).returncode, 1)
        self.assertEqual(old.read_bytes(), b"precious")
        self.assertEqual(run("replay", "--out", "/nonexistent/o", self.policy, self.file("a.pcap", self.ssh)).returncode, 3)

    def test_out_on_a_full_disk(self):
        said = run("replay", "--out", "/dev/full", self.policy, self.file("a.pcap", self.ssh))
        self.assertEqual(said.returncode, 3)
        self.assertIn("No space left", said.stderr)

    def test_original_lengths_and_short_frames(self):
        short = self.file("short.pcap", pcap([frame(6, 22), frame(6, 80)], originals=[454, 54]))
        out = self.folder / "o.pcapng"
        said = run("replay", "--out", out, self.policy, short)
        self.assertEqual(said.returncode, 0)
        self.assertIn("note: 1 of 2 frames were captured short", said.stderr)
        self.assertEqual(lengths(out.read_bytes()), [(54, 454), (54, 54)])
        self.assertNotIn("captured short", run("replay", self.policy, self.file("a.pcap", self.ssh)).stderr)

    def test_interfaces(self):
        policy = self.file("iface.rules", b'rule a { when iface == "eth1" then drop }\n'
                                          b'test "t" { replay "named.pcapng" => drop by a }\n')
        plain = self.file("plain.pcap", self.ssh)
        self.file("named.pcapng", pcapng("eth1", frame(6, 22)))

        def verdicts(capture, *options):
            engines = ["--engine", "all"] if os.geteuid() == 0 else []
            said = run("replay", "--format", "json", *engines, *options, policy, capture)
            self.assertEqual(said.returncode, 0, said.stderr)
            return [json.loads(line)["verdict"] for line in said.stdout.splitlines()]
        self.assertEqual(verdicts(plain), ["pass", "pass"])
        self.assertEqual(verdicts(plain, "--iface", "eth1"), ["drop", "drop"])
        self.assertEqual(verdicts(plain, "--iface", "eth2"), ["pass", "pass"])
        self.assertEqual(verdicts(self.folder / "named.pcapng"), ["drop"])
        out = self.folder / "o.pcapng"
        self.assertEqual(verdicts(self.folder / "named.pcapng", "--iface", "eth2", "--out", out), ["pass"])
        self.assertEqual(verdicts(plain, "--iface", "eth1", "--out", out), ["drop", "drop"])
        self.assertEqual(verdicts(out), ["drop", "drop"])  # it keeps them
        self.assertEqual(run("replay", "--iface", "", policy, plain).returncode, 2)
        self.assertEqual(run("test", policy).returncode, 0)

    def test_gzip_pipes_and_standard_input(self):
        packed = self.file("a.pcap.gz", gzip.compress(self.ssh))
        self.assertEqual(self.verdicts(packed), ["drop", "pass"])
        with packed.open("rb") as opened:
            self.assertEqual(self.verdicts("-", stdin=opened), ["drop", "pass"])
        reader, writer = os.pipe()
        os.write(writer, self.ssh)
        os.close(writer)
        self.assertEqual(self.verdicts("-", stdin=reader), ["drop", "pass"])
        os.close(reader)
        self.assertEqual(run("replay", self.policy, "/dev/zero").returncode, 3)
        self.assertEqual(run("replay", self.policy, self.file("b.gz", gzip.compress(self.ssh)[:-20])).returncode, 3)

    def test_other_link_types(self):
        for link_type, name in ((101, "raw IP"), (113, "Linux cooked"), (147, "link type 147")):
            said = run("replay", self.policy, self.file("x.pcap", pcap([frame(6, 22)[14:]], link_type)))
            self.assertEqual(said.returncode, 3)
            self.assertIn(name, said.stderr)
            self.assertNotIn("damaged", said.stderr)
            # It renames the type and leaves the bytes: then an IP header is read as MAC addresses.
            self.assertNotIn("editcap", said.stderr)

    def test_frames_that_the_kernel_does_not_take_share_one_state(self):
        long = frame(17, 9, bytes(4000))
        for frames, verdicts in (([frame(17, 9), long, frame(17, 9), long], ["pass", "pass", "drop", "drop"]),
                                 ([frame(17, 9), b"runt", frame(17, 9), frame(17, 9)], ["pass", "pass", "pass", "drop"])):
            capture = self.file("long.pcap", pcap(frames))
            for options in ((), ("--engine", "native"), ("--engine", "oracle")):
                self.assertEqual(self.verdicts(capture, *options), verdicts)
        said = run("replay", self.policy, capture)
        if "judged by the kernel" in run("replay", self.policy, self.file("a.pcap", self.ssh)).stdout:
            self.assertIn("note: the kernel takes no test run of one of the frames", said.stderr)
            self.assertIn("judged by the native evaluator", said.stdout)
            said = run("replay", "--engine", "all", self.policy, capture)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn("judged by the native and oracle evaluators: they agree", said.stdout)
            said = run("replay", "--engine", "all", self.policy, self.folder / "a.pcap")
            self.assertIn("judged by the kernel, native and oracle evaluators: they agree", said.stdout)

    def test_a_capture_of_a_test_that_cannot_be_read_fails_its_step(self):
        for name, content in (("lie.pcap", pcap([])[:24] + struct.pack("<IIII", 1, 1, 0xfffffff0, 1)), ("p.rules", b"x")):
            self.file(name, content)
            test = self.file("t.rules", f'test "t" {{ after 1s\n replay "{name}" => pass }}\n'.encode())
            said = run("test", "--format", "json", test)
            self.assertEqual(said.returncode, 1)
            result = json.loads(said.stdout)
            self.assertEqual((result["ok"], result["step"]), (False, 2))
            self.assertIn(name, result["got"])


if __name__ == "__main__":
    unittest.main()
