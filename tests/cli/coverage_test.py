#!/usr/bin/env python3
"""coverage_test.py WEIR SOURCE: `weir test --coverage` as docs/cli.md has it."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
sys.argv.pop(1)

POLICY = """rule web { when tcp.dport == 80 then pass }
rule rest { when tcp then drop }
test "web" { tcp 1.2.3.4:5 -> 1.2.3.5:80 => pass by web }
"""


def run(*arguments):
    return subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True, timeout=60)


class Coverage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.policy = pathlib.Path(folder.name, "p.rules")
        self.policy.write_text(POLICY)

    def test_people_read_what_is_not_covered_at_its_place(self):
        said = run("test", "--engine", "oracle", "--coverage", self.policy)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("coverage: 1 of 2 rules matched\n    never matched: rest\n", said.stdout)
        self.assertIn(f" --> {self.policy}:2:1\n2 | rule rest {{ when tcp then drop }}\n  | ^^^^\n", said.stderr)
        self.assertIn(f" --> {self.policy}:1:17\n", said.stderr)

    def test_machines_read_objects(self):
        said = run("test", "--engine", "oracle", "--coverage", "--format", "json", self.policy)
        coverage = json.loads(said.stdout.splitlines()[-1])["coverage"]
        self.assertEqual(coverage["rules"], {"met": 1, "all": 2})
        self.assertEqual(coverage["conditions"], {"met": 1, "all": 4})
        findings = [json.loads(line) for line in said.stderr.splitlines()]
        self.assertIn((2, 1, "rest"), [(one["line"], one["column"], one.get("rule")) for one in findings])
        self.assertEqual({one["finding"] for one in findings}, {"not-covered"})
        sarif = json.loads(run("test", "--engine", "oracle", "--coverage", "--format", "sarif", self.policy).stdout)
        self.assertEqual({one["ruleId"] for one in sarif["runs"][0]["results"]}, {"not-covered"})
        github = run("test", "--engine", "oracle", "--coverage", "--format", "github", self.policy).stdout
        self.assertIn("::warning file=", github)

    def test_the_threshold(self):
        for threshold, status in ((0, 0), (25, 0), (99, 1)):
            said = run("test", "--engine", "oracle", "--coverage", "--threshold", threshold, self.policy)
            self.assertEqual(said.returncode, status, said.stderr)
        self.assertEqual(run("test", "--coverage", "--threshold", "101", self.policy).returncode, 2)
        self.assertEqual(run("test", "--threshold", "50", self.policy).returncode, 2)


if __name__ == "__main__":
    unittest.main()
