#!/usr/bin/env python3
"""memory_test.py WEIR SOURCE: where memory ends, commands end with a sentence and status 3. Needs no rights."""
import pathlib
import resource
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
sys.argv.pop(1)
MB = 1 << 20


class Memory(unittest.TestCase):
    def test_a_policy_that_is_too_large_for_the_memory_there_is(self):
        with tempfile.TemporaryDirectory() as folder:
            policy = pathlib.Path(folder) / "big.rules"
            policy.write_text("".join(f"rule r{i} {{ when ip.src == 10.{i >> 16}.{i >> 8 & 255}.{i & 255} and packet.len > {i % 1000} then drop }}\n" for i in range(20000)))
            statuses = set()
            for megabytes in range(100, 900, 40):
                limit = (megabytes * MB, megabytes * MB)
                said = subprocess.run([WEIR, "compile", str(policy), "-o", folder + "/big.o"], capture_output=True, text=True, timeout=300,
                                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
                self.assertIn(said.returncode, (0, 3), f"{megabytes} MB: {said.stderr}")
                statuses.add(said.returncode)
                if said.returncode == 0:
                    break
                self.assertIn(f"too little memory for `weir compile {policy}", said.stderr)
            self.assertEqual(statuses, {0, 3})


if __name__ == "__main__":
    unittest.main()
