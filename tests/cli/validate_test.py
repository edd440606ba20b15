#!/usr/bin/env python3
"""validate_test.py WEIR SOURCE: `weir check --validate`, which needs no privileges."""
import json
import unittest

from command_case import CommandCase, run

POLICY = """rule ssh { when tcp.dport == 22 and ip.src in 10.0.0.0/8 then drop }
rule shadowed { when tcp.dport == 22 and ip.src in 10.1.0.0/16 then pass }
rule web { when tcp.dport in { 80, 443 } and count(ip.src, in 10s) > 5 then alert many, drop }
alert many { message "many" throttle 2 per ip.src every 1m }
"""


class Validate(CommandCase):
    def json_of(self, *arguments):
        done = run("check", "--validate", "--format", "json", *arguments)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode, json.loads(done.stdout)

    def test_it_says_what_it_tried_and_what_not(self):
        policy = self.file("a.rules", POLICY)
        status, said = self.json_of(policy)
        self.assertEqual(status, 0)
        self.assertEqual(said["evaluators"][:2], ["oracle", "native"])
        self.assertEqual(said["rules"], {"tried": 2, "all": 3})
        self.assertEqual(said["shadowed"], ["shadowed"])
        self.assertEqual(said["not_reached"], [])
        self.assertEqual(said["terms"], {"tried": 2, "all": 2})
        self.assertGreater(said["boundaries"]["tried"], 15)
        self.assertGreater(said["packets"], 500)
        self.assertEqual((said["different_packets"], said["differences"], said["stopped"]), (0, [], None))
        text = run("check", "--validate", policy)
        self.assertIn("the same answers", text.stdout)
        self.assertIn("no packet can reach: shadowed (W401, W403)", text.stdout)
        self.assertIn("these are tests, and no proof; seed 1", text.stdout)
        self.assertEqual(list(self.folder.iterdir()), [policy])

    def test_the_same_seed_tries_the_same(self):
        policy = self.file("a.rules", POLICY)
        first, again = self.json_of("--seed", 5, policy), self.json_of("--seed", 5, policy)
        self.assertEqual(first, again)

    def test_bounds(self):
        policy = self.file("a.rules", POLICY)
        _, said = self.json_of("--frames", 600, policy)
        self.assertEqual(said["packets"], 600)
        self.assertIn("after 600 packets", said["stopped"])
        self.assertIn("stopped after 600 packets", run("check", "--validate", "--frames", 600, policy).stdout)

    def test_usage(self):
        policy, other = self.file("a.rules", POLICY), self.file("b.rules", POLICY)
        self.assertEqual(run("check", "--seed", 5, policy).returncode, 2)
        self.assertEqual(run("check", "--validate", "--time", "soon", policy).returncode, 2)
        self.assertEqual(run("check", "--validate", "--pcap-out", "x.pcapng", policy, other).returncode, 2)

    def test_a_policy_at_fault_is_not_validated(self):
        done = run("check", "--validate", self.file("a.rules", "rule x { when tcp.dprot == 1 then drop }\n"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()
