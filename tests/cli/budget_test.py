#!/usr/bin/env python3
"""budget_test.py WEIR SOURCE: `weir check --budget` and `--costs`. Measured as root, else estimates: both are tested."""
import json
import os
import subprocess
import unittest

from command_case import WEIR, CommandCase, run

POLICY = """rule ssh { when tcp.dport == 22 and ip.src in 10.0.0.0/8 then drop }
rule flood { when udp and rate(ip.src) > 100/s size 100000 then drop }
rule web { when tcp.dport in { 80, 443 } then pass }
"""


def as_nobody(*arguments):
    """The same without the right to load programs."""
    command = [WEIR, *map(str, arguments)]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "NO_COLOR": "1"})


class Budget(CommandCase):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.policy = self.file("a.rules", POLICY)

    def test_within_the_budget(self):
        done = run("check", "--budget", "insns=900000,memory=1GB", self.policy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("of 900000", done.stdout)

    def test_over_the_budget(self):
        done = run("check", "--budget", "memory=1MB,insns=10", "--format", "json", self.policy)
        self.assertEqual(done.returncode, 1)
        said = [json.loads(line) for line in done.stderr.splitlines()]
        over = [one for one in said if one["code"] == "E540"]
        self.assertEqual(len(over), 2)
        self.assertEqual([one for one in over if "maps take" in one["message"]][0]["line"], 2)
        costs = json.loads(done.stdout)
        self.assertGreater(costs["memory_bytes"]["value"], 6_000_000)
        self.assertEqual(costs["memory_bytes"]["budget"], 1_000_000)
        self.assertIsNone(costs["ns"]["budget"])
        self.assertGreater(costs["insns"]["value"], 100)

    def test_estimates_where_nothing_may_be_loaded(self):
        done = as_nobody("check", "--budget", "ns=1,insns=900000", self.policy)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("an estimate", done.stderr)
        self.assertIn("error[E540]", done.stderr)
        self.assertIn("estimates, since this process may not load BPF programs", done.stdout)

    def test_costs(self):
        done = as_nobody("check", "--costs", "--format", "json", self.policy)
        self.assertEqual(done.returncode, 0, done.stderr)
        costs = json.loads(done.stdout)
        self.assertEqual([rule["name"] for rule in costs["rules"]], ["ssh", "flood", "web"])
        self.assertEqual([rule["terms"] for rule in costs["rules"]], [0, 1, 0])
        self.assertEqual(costs["rules"][0]["comparisons_before"], 0)
        self.assertGreater(costs["rules"][2]["comparisons_before"], costs["rules"][1]["comparisons_before"])
        self.assertEqual(len(costs["tables"]), 1)
        text = as_nobody("check", "--costs", self.policy).stdout
        self.assertRegex(text, r"(?m)^rule +comparisons +before +terms +about ns$")
        self.assertRegex(text, r"(?m)^flood +\d+ +\d+ +1 +\d+$")

    def test_usage(self):
        for wrong in ("ns", "ns=x", "ns=0", "ns=1,ns=2", "memory=16", "speed=3", ""):
            done = run("check", "--budget", wrong, self.policy)
            self.assertEqual(done.returncode, 2, wrong)
        self.assertIn("is not a budget such as", run("check", "--budget", "ns", self.policy).stderr)


if __name__ == "__main__":
    unittest.main()
