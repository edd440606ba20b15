#!/usr/bin/env python3
"""explain_test.py WEIR SOURCE: `weir explain FILE` as docs/cli.md has it."""
import json
import unittest

from command_case import CommandCase, pcap, run, tcp_frame

POLICY = """rule web { when tcp.dport == 80 then pass }
rule again { when tcp and count(ip.src, in 10s) > 2 then drop }
"""


class Explain(CommandCase):
    def setUp(self):
        super().setUp()
        self.policy = self.file("p.rules", POLICY)
        self.capture = self.folder / "p.pcap"
        self.capture.write_bytes(pcap([tcp_frame(22)] * 4))

    def test_a_packet(self):
        for engine in ([], ["--engine", "native"], ["--engine", "oracle"], ["--engine", "all"]):
            if engine == ["--engine", "all"] and run("explain", self.policy, "--packet", "tcp 1.2.3.4:5 -> 1.2.3.5:22", "--engine",
                                                     "kernel").returncode == 3:
                continue
            said = run("explain", self.policy, "--packet", "tcp 1.2.3.4:5 -> 1.2.3.5:22", "--format", "json", *engine)
            self.assertEqual(said.returncode, 0, said.stderr)
            account = json.loads(said.stdout)
            self.assertEqual((account["verdict"], account["rule"], account["alerts"]), ("pass", None, []))
            self.assertEqual([rule["name"] for rule in account["rules"]], ["web", "again"])
            self.assertEqual(account["rules"][0]["failed"],
                             {"file": str(self.policy), "line": 1, "column": 17, "text": "tcp.dport == 80", "value": "22"})
        said = run("explain", "-", "--packet", "udp 1.2.3.4:5 -> 1.2.3.5:80", stdin=POLICY)
        self.assertIn("^^^^^^^^^^^^^^^ the packet does not have it\n", said.stdout)
        self.assertTrue(said.stdout.endswith("\npass by default\n"), said.stdout)

    def test_a_frame_of_a_capture_has_the_state_of_those_before_it(self):
        for number, rule in ((1, None), (2, None), (3, "again"), (4, "again")):
            said = run("explain", self.policy, "--pcap", self.capture, "--frame", number, "--format", "json")
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertEqual(json.loads(said.stdout)["rule"], rule)
            if rule is None:
                self.assertEqual(json.loads(said.stdout)["rules"][1]["failed"]["value"], str(number))

    def test_a_frame_of_the_host_itself_is_on_its_way_out(self):
        self.policy.write_text("rule out { egress when tcp then drop }\nrule come { when tcp then drop }\n")
        for local, rule in (("198.51.100.0/24", "out"), ("192.0.2.1", "come")):
            said = run("explain", self.policy, "--pcap", self.capture, "--frame", "1", "--local", local, "--format", "json")
            account = json.loads(said.stdout)
            self.assertEqual((account["rule"], account["packet"].startswith("out ")), (rule, rule == "out"), said.stderr)
        self.assertEqual(run("explain", self.policy, "--pcap", self.capture, "--frame", "1", "--local", "x").returncode, 2)

    def test_wrong_usage_and_wrong_packets(self):
        for arguments in (["--packet", "tcp 1.2.3.4:5"], ["--packet", "tcp 1.2.3.4:5 -> 1.2.3.5:{1..9}"],
                          ["--pcap", self.capture], ["--frame", "1"], ["--pcap", self.capture, "--frame", "5"],
                          ["--pcap", self.capture, "--frame", "1", "--packet", "tcp 1.2.3.4:5 -> 1.2.3.5:1"]):
            said = run("explain", self.policy, *arguments)
            self.assertEqual(said.returncode, 2, (arguments, said.stderr))
            self.assertEqual(said.stdout, "")
            self.assertNotEqual(said.stderr, "")
        self.assertEqual(run("explain", "/nonexistent.rules", "--packet", "tcp 1.2.3.4:5 -> 1.2.3.5:1").returncode, 3)
        self.assertEqual(run("explain", self.policy, "--pcap", "/nonexistent.pcap", "--frame", "1").returncode, 3)
        self.assertIn("--packet", run("explain", self.policy).stderr)


if __name__ == "__main__":
    unittest.main()
