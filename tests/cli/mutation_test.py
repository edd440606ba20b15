#!/usr/bin/env python3
"""mutation_test.py WEIR SOURCE: `weir test --mutate` and `--suggest` as docs/testing-policies.md has them."""
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
"""
TEST = 'test "web" { tcp 1.2.3.4:5 -> 1.2.3.5:80 => pass by web }\n'


def run(*arguments):
    return subprocess.run([WEIR, "test", "--engine", "oracle", *map(str, arguments)], capture_output=True, text=True, timeout=60)


class Mutation(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.policy = pathlib.Path(folder.name, "p.rules")
        self.policy.write_text(POLICY + TEST)

    def test_what_is_printed_can_be_pasted(self):
        said = run("--mutate", "--threshold", 90, self.policy)
        self.assertEqual(said.returncode, 1)
        self.assertIn("a change that no test notices: `rest` with `pass` instead of `drop`\n", said.stderr)
        self.assertIn(f" --> {self.policy}:2:27\n", said.stderr)
        self.assertIn("mutants: ", said.stdout)
        tests = said.stdout[said.stdout.index("\ntest "):said.stdout.rindex("}\n") + 2]
        self.policy.write_text(POLICY + TEST + tests)
        again = run("--mutate", "--threshold", 100, self.policy)
        self.assertEqual((again.returncode, again.stderr), (0, ""), again.stdout)

    def test_machines_read_objects(self):
        said = run("--mutate", "--format", "json", self.policy)
        lines = [json.loads(line) for line in said.stdout.splitlines()]
        mutation = next(line["mutation"] for line in lines if "mutation" in line)
        findings = [json.loads(line) for line in said.stderr.splitlines()]
        self.assertEqual(mutation["mutants"] - mutation["noticed"], len(findings))
        self.assertEqual({one["finding"] for one in findings}, {"mutant-not-noticed"})
        self.assertTrue(all(line["suggested"]["steps"] for line in lines if "suggested" in line))

    def test_one_document_has_all_and_nothing_stands_beside_it(self):
        for form in ("sarif", "gitlab"):
            for options in (["--mutate"], ["--coverage"], ["--suggest"], ["--mutate", "--quiet"]):
                document = json.loads(run(*options, "--format", form, self.policy).stdout)
                if "--mutate" in options:
                    found = document["runs"][0]["results"] if form == "sarif" else document
                    self.assertIn("mutant-not-noticed", json.dumps(found), (form, options))

    def test_a_test_that_fails_judges_no_mutants(self):
        self.policy.write_text(POLICY + 'test "wrong" { tcp 1.2.3.4:5 -> 1.2.3.5:80 => drop }\n')
        said = run("--mutate", self.policy)
        self.assertEqual(said.returncode, 1)
        self.assertIn('test "wrong" fails', said.stderr)
        self.assertNotIn("mutants:", said.stdout)

    def test_suggestions_for_rules_that_no_packet_matches(self):
        said = run("--suggest", self.policy)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn('\ntest "rest" {\n    tcp ', said.stdout)
        self.assertIn(" => drop by rest\n}\n", said.stdout)
        self.assertNotIn('test "web"', said.stdout)


if __name__ == "__main__":
    unittest.main()
