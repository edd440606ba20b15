"""The flight recorder and captures of a running engine: the files that weir writes, as weir and Wireshark read them."""
import base64
import json
import pathlib
import shutil
import struct
import subprocess
import unittest

import live_case
from live_case import NAME, LiveCase, udp_frame

POLICY = """record 128 bytes, 1024 packets
rule telnet {{ when udp.dport == 23 then capture before 4 per ip.src, alert seen, drop }}
rule quiet  {{ when udp.dport == 24 then alert seen, drop }}
alert seen {{ message "{{rule}} from {{ip.src}}" to lines, packets }}
sink lines = eve("{folder}/eve.json")
sink packets = pcap("{folder}/alerts.pcapng", rotate 1MB, keep 3)
"""


class Record(LiveCase):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY.format(folder=self.folder))

    def fields(self, path, *names):
        """What tshark reads of each packet; None where it is not installed."""
        if shutil.which("tshark") is None:
            return None
        command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=|"]
        for name in names:
            command += ["-e", name]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(said.returncode, 0, said.stderr)
        return [line.split("|") for line in said.stdout.splitlines()]

    def ports(self, path):
        """The UDP port of each packet of a pcapng file, in order; blocks must be whole."""
        bytes_, ports = path.read_bytes(), []
        while bytes_:
            kind, length = struct.unpack("<II", bytes_[:8])
            self.assertEqual(struct.unpack("<I", bytes_[length - 4:length]), (length,))
            if kind == 6:
                ports.append(struct.unpack(">H", bytes_[28 + 36:28 + 38])[0])
            bytes_ = bytes_[length:]
        return ports

    def test_captures_and_what_was_before(self):
        self.start()
        for port in (50, 51, 52, 53, 54):
            self.send(port, 1)
        self.send(23, 1, b"x" * 300)
        self.send(24, 1)
        eve = self.folder / "eve.json"
        self.wait_until(lambda: eve.exists() and len(eve.read_text().splitlines()) == 2, "two events")
        first, second = map(json.loads, eve.read_text().splitlines())
        self.assertEqual(base64.b64decode(first["packet"]), udp_frame(23, b"x" * 300)[:256])
        self.assertEqual(first["packet_info"], {"linktype": 1})
        before = first["weir"]["before"]
        self.assertEqual([base64.b64decode(one["packet"]) for one in before],
                         [udp_frame(port) for port in (51, 52, 53, 54)])
        self.assertEqual({(one["rule"], one["verdict"], one["in_iface"]) for one in before}, {("default", "pass", "c0")})
        self.assertNotIn("packet", second)
        self.assertNotIn("before", second["weir"])
        pcap = self.folder / "alerts.pcapng"
        self.assertEqual(self.ports(pcap), [51, 52, 53, 54, 23])
        accounts = {sink["name"]: sink for sink in self.status()["sinks"]}
        self.assertEqual((accounts["packets"]["delivered"], accounts["packets"]["state"]), (2, "ok"))
        read = self.fields(pcap, "udp.dstport", "frame.len", "frame.interface_name", "frame.packet_flags_direction",
                           "frame.comment")
        if read is not None:
            self.assertEqual([one[0] for one in read], ["51", "52", "53", "54", "23"])
            self.assertEqual({one[2] for one in read}, {"c0"})
            self.assertEqual({int(one[3], 0) for one in read}, {1})
            self.assertEqual(read[-1][1], "342")
            self.assertEqual(read[0][4], "pass by default, 4 before alert seen")
            self.assertEqual(read[-1][4], "drop by telnet, alert seen: telnet from 10.97.0.1")

    def test_both_ways(self):
        self.policy.write_text("""record 128 bytes, 1024 packets
rule asked {{ egress when udp.dport == 5353 then capture before 3 per eth.src, alert seen, drop }}
alert seen {{ message "{{udp.dport}}" }}
sink packets = pcap("{folder}/out.pcapng")
""".format(folder=self.folder))
        self.start()
        self.send(50, 1)
        frames = [udp_frame(port, b"z" * size) for port, size in ((60, 10), (61, 900), (5353, 300))]
        code = ("import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c0',0))\n"
                f"for f in {[frame.hex() for frame in frames]!r}:\n try: s.send(bytes.fromhex(f))\n"
                " except OSError: pass")                # ENOBUFS: it was dropped
        self.assertEqual(live_case.inside(live_case.sys.executable, "-c", code).returncode, 0)
        out = self.folder / "out.pcapng"
        self.wait_until(lambda: out.exists() and len(self.ports(out)) == 4, "a capture of what goes out")
        self.assertEqual(self.ports(out), [50, 60, 61, 5353])   # all have the same MAC address
        everything = self.folder / "all.pcapng"
        self.assertEqual(self.ask("record", "dump", everything).returncode, 0)
        read = self.fields(everything, "udp.dstport", "frame.packet_flags_direction", "frame.cap_len", "frame.comment")
        if read is not None:
            self.assertEqual({one[0]: (int(one[1], 0), int(one[2]), one[3]) for one in read},
                             {"50": (1, 42, "pass by default"), "60": (2, 52, "pass by default egress"),
                              "61": (2, 128, "pass by default egress"), "5353": (2, 128, "drop by asked")})

    def test_dump(self):
        self.start()
        for port in (50, 23, 24, 51):
            self.send(port, 2, b"y" * 200)
        out = self.folder / "all.pcapng"
        said = self.ask("record", "dump", out)
        self.assertEqual((said.returncode, said.stdout), (0, f"8 of 8 recorded packets are in {out}\n"), said.stderr)
        recorder = self.status()["record"]
        held = [cpu["packets"] for cpu in recorder["cpus"]]
        self.assertEqual((recorder["bytes"], recorder["packets"], sum(held)), (128, 1024, 8))
        self.assertEqual(recorder["memory_bytes"], len(held) * 1025 * (48 + 8 + 128))     # a key of `capture before`
        said = self.ask("status").stdout
        self.assertRegex(said, r"\nrecorder: 128 bytes of the last 1024 packets of each CPU, [0-9.]+ MB; now \d of CPU \d+")
        self.assertEqual(sorted(self.ports(out)), sorted([50, 23, 24, 51] * 2))
        read = self.fields(out, "udp.dstport", "frame.len", "frame.cap_len", "frame.interface_name", "frame.comment")
        if read is not None:
            comments = {one[0]: one[4] for one in read}
            self.assertEqual(comments, {"50": "pass by default", "51": "pass by default", "23": "drop by telnet",
                                        "24": "drop by quiet"})
            self.assertEqual({tuple(one[1:4]) for one in read}, {("242", "128", "c0")})
        if shutil.which("capinfos") is not None:
            facts = subprocess.run(["capinfos", "-c", "-M", str(out)], capture_output=True, text=True, timeout=60)
            self.assertEqual(facts.returncode, 0, facts.stderr)
            self.assertIn("8", facts.stdout)
        for choice, count in ((("udp.dport", "23"), 2), (("ip.src", "10.97.0.0/24"), 8), (("ip.src", "10.97.0.9"), 0),
                              (("port.dst", "50..51"), 4), (("iface", "c0"), 8), (("iface", "c1"), 0),
                              (("payload.len", "200"), 8)):
            said = self.ask("record", "dump", out, "--format", "json", "--for", *choice)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertEqual(json.loads(said.stdout), {"file": str(out), "packets": count, "recorded": 8}, choice)

    def test_what_cannot_be_dumped(self):
        self.start()
        out = self.folder / "out.pcapng"
        for choice in (("ip.scr", "10.0.0.1"), ("ip.src", "x"), ("ip.src", "1.1.1.1 or true"), ("dns.qname", "a.example"),
                       ("payload", "x")):
            said = self.ask("record", "dump", out, "--for", *choice)
            self.assertEqual(said.returncode, 2, (choice, said.stdout, said.stderr))
            self.assertFalse(out.exists())
        said = self.ask("record", "dump", self.folder / "no" / "out.pcapng")
        self.assertEqual(said.returncode, 3, said.stderr)
        self.policy.write_text(live_case.FIRST)
        self.assertEqual(self.ask("reload").returncode, 0)
        said = self.ask("record", "dump", out)
        self.assertEqual(said.returncode, 1, said.stderr)
        self.assertIn("records no packets", said.stderr)
        self.assertFalse(out.exists())
        refused = self.request({"command": "record"})
        self.assertEqual((refused["ok"], refused["status"]), (False, 2))

    def test_recorded_packets_outlive_a_reload_and_a_kill(self):
        self.start()
        self.send(50, 3)
        self.policy.write_text(self.policy.read_text().replace("rule quiet", "rule silent"))
        self.assertEqual(self.ask("reload").returncode, 0)
        self.send(24, 1)
        self.running.kill()
        self.running.wait()
        self.running.stdout.close(), self.running.stderr.close()
        self.start()
        self.send(23, 1)
        out = self.folder / "all.pcapng"
        said = self.ask("record", "dump", out, "--format", "json")
        self.assertEqual(json.loads(said.stdout)["packets"], 5, said.stderr)
        self.assertEqual(self.ports(out), [50] * 3 + [24, 23])
        read = self.fields(out, "frame.comment")
        if read is not None:
            self.assertEqual([one[0] for one in read],
                             ["pass by default"] * 3 + ["drop by silent", "drop by telnet"])
        events = [json.loads(line) for line in (self.folder / "eve.json").read_text().splitlines()]
        self.assertEqual(len(events[-1]["weir"]["before"]), 4)

    def test_names_of_packets_reach_no_terminal(self):
        out = pathlib.Path(str(self.folder / "a\x1b]0;x\x07.pcapng"))
        self.start()
        said = self.ask("record", "dump", out)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertNotIn("\x1b", said.stdout)
        self.assertTrue(out.exists())


if __name__ == "__main__":
    live_case.main()
