#!/usr/bin/env python3
"""validate_tree_test.py WEIR SOURCE: every policy of the tree that checks, through `weir check --validate`. With
WEIR_VALIDATE_TIME=5m and WEIR_VALIDATE_SEED=7 in the environment it tries longer, and other packets."""
import json
import os
import subprocess
import unittest

from command_case import SOURCE, WEIR, CommandCase

TIME = os.environ.get("WEIR_VALIDATE_TIME", "20s")
SEED = os.environ.get("WEIR_VALIDATE_SEED", "1")
FRAMES = "4000000" if "WEIR_VALIDATE_TIME" in os.environ else "6000"     # of a policy
LEAST = 60     # policies of the tree that check; fewer: they were not found


def policies():
    for folder in ("rules", "tests"):
        for path in sorted((SOURCE / folder).rglob("*.rules")):
            if not any(part.startswith("build") for part in path.relative_to(SOURCE).parts):
                yield path


class ValidateTree(CommandCase):
    def test_no_policy_of_the_tree_is_translated_wrongly(self):
        tried = packets = boundaries = 0
        for path in policies():
            checked = subprocess.run([WEIR, "check", "--quiet", path], capture_output=True, timeout=120)
            if checked.returncode != 0:
                continue     # cases of mistakes
            done = subprocess.run([WEIR, "check", "--validate", "--format", "json", "--time", TIME, "--frames", FRAMES, "--seed", SEED,
                                   "--pcap-out", self.folder / "differs.pcapng", path], capture_output=True, text=True, timeout=1200)
            with self.subTest(policy=str(path.relative_to(SOURCE))):
                self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
            said = json.loads(done.stdout.splitlines()[-1])
            tried += 1
            packets += said["packets"]
            boundaries += said["boundaries"]["tried"]
        print(f"{tried} policies, {packets} packets, {boundaries} boundaries")
        self.assertGreater(tried, LEAST)


if __name__ == "__main__":
    unittest.main()
