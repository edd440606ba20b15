#!/usr/bin/env python3
"""fix_test.py WEIR SOURCE: `check --fix`, `fmt --diff` and the formats of `fmt --check`: what they write, and what they leave."""
import json
import os
import shutil
import subprocess
import unittest

from command_case import WEIR, CommandCase, run

WRONG = "rule a { when tcp && tcp.dport == 22 then drop }\nrule b { when tcp.dprot == 23 then drop }\n"
RIGHT = "rule a { when tcp and tcp.dport == 22 then drop }\nrule b { when tcp.dprot == 23 then drop }\n"
ROUGH = "rule a{when tcp\nthen drop}#c\n"


class Fix(CommandCase):
    def test_it_applies_what_is_certain_and_says_what_is_left(self):
        wrong, good = self.file("wrong.rules", WRONG), self.file("good.rules", "rule a { when tcp then drop }\n")
        wrong.chmod(0o640)
        link = self.folder / "link.rules"
        link.symlink_to("wrong.rules")
        before = good.stat()
        said = run("check", "--fix", link, good)
        self.assertEqual(said.returncode, 1)
        self.assertEqual(wrong.read_text(), RIGHT)
        self.assertEqual(wrong.stat().st_mode & 0o777, 0o640)
        self.assertTrue(link.is_symlink())
        self.assertIn(f"{link}:1: E104: replaced `&&` with `and`\n{link}: 1 fix applied, 1 error and 0 warnings left\n", said.stdout)
        self.assertIn("E201", said.stderr)                # left: a guess
        after = good.stat()
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["good.rules", "link.rules", "wrong.rules"])
        again = wrong.stat()
        self.assertEqual(run("check", "--fix", wrong).returncode, 1)     # nothing certain is left: not touched
        self.assertEqual((again.st_ino, again.st_mtime_ns), (wrong.stat().st_ino, wrong.stat().st_mtime_ns))

    def test_formats(self):
        said = run("check", "--fix", "--format", "json", self.file("wrong.rules", WRONG))
        self.assertEqual(json.loads(said.stdout), {"file": str(self.folder / "wrong.rules"), "fixed": 1, "errors": 1, "warnings": 0})
        self.assertEqual(json.loads(said.stderr)["code"], "E201")
        said = run("check", "--fix", "--format", "sarif", self.file("wrong.rules", WRONG))
        self.assertEqual([r["ruleId"] for r in json.loads(said.stdout)["runs"][0]["results"]], ["E201"])

    def test_standard_input(self):
        said = run("check", "--fix", "-", stdin=WRONG)
        self.assertEqual((said.returncode, said.stdout), (1, RIGHT))
        self.assertIn("1 fix applied", said.stderr)
        good = "rule a { when tcp then drop }\n"
        self.assertEqual(run("check", "--fix", "-", stdin=good).stdout, good)
        self.assertEqual(run("check", "--fix", "--format", "sarif", "-", stdin=good).returncode, 2)

    def test_a_file_that_cannot_be_written(self):
        wrong = self.file("wrong.rules", WRONG)
        wrong.chmod(0o440)
        # Root may write any file, but for this capability.
        without = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
        said = subprocess.run([*without, WEIR, "check", "--fix", str(wrong)], capture_output=True, text=True, timeout=120)
        self.assertEqual(said.returncode, 3)
        self.assertIn("cannot be written", said.stderr)
        self.assertEqual(wrong.read_text(), WRONG)

    def test_a_full_disk_leaves_the_file(self):
        wrong = self.file("wrong.rules", "# " + "x" * 5000 + "\n" + WRONG)
        before = wrong.read_text()
        said = subprocess.run(["bash", "-c", 'ulimit -f 2; exec "$0" check --fix "$1"', WEIR, str(wrong)], capture_output=True, text=True, timeout=120)
        self.assertEqual(said.returncode, 3, said.stderr)
        self.assertEqual(wrong.read_text(), before)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["wrong.rules"])

    def test_diff(self):
        rough, other = self.file("rough.rules", ROUGH), self.file("other.rules", "default drop\n")
        said = run("fmt", "--diff", rough, other)
        self.assertEqual(said.returncode, 1)
        self.assertEqual(said.stdout, f"--- {rough}\n+++ {rough}\n@@ -1,2 +1,4 @@\n-rule a{{when tcp\n-then drop}}#c\n"
                                      "+rule a {\n+    when tcp\n+    then drop\n+}  #c\n")
        self.assertEqual(rough.read_text(), ROUGH)
        self.assertEqual((run("fmt", "--diff", other).returncode, run("fmt", "--diff", other).stdout), (0, ""))
        piped = run("fmt", "--diff", "-", stdin=ROUGH)
        self.assertEqual(piped.returncode, 1)
        self.assertIn("--- <stdin>\n", piped.stdout)
        self.assertEqual(run("fmt", "--diff", self.file("bad.rules", "rule {\n")).returncode, 1)
        if shutil.which("patch"):
            formatted = run("fmt", "-", stdin=ROUGH).stdout
            subprocess.run(["patch", "--silent", str(rough)], input=said.stdout, text=True, check=True, timeout=60, cwd=self.folder)
            self.assertEqual(rough.read_text(), formatted)

    def test_check_in_every_format(self):
        rough, other = self.file("rough.rules", "default drop\n" + ROUGH), self.file("other.rules", "default drop\n")
        bad = self.file("bad rules.rules", "rule {\n")
        said = run("fmt", "--check", "--format", "json", rough, other)
        self.assertEqual((said.returncode, json.loads(said.stdout)), (1, {"file": str(rough), "canonical": False, "line": 2}))
        said = run("fmt", "--check", "--format", "github", rough)
        self.assertRegex(said.stdout, r"^::error file=.*rough\.rules,line=2,.*title=layout::not in the canonical layout")
        said = run("fmt", "--check", "--format", "sarif", bad, rough, other)
        self.assertEqual((said.returncode, said.stderr), (1, ""))
        results = json.loads(said.stdout)["runs"][0]["results"]
        self.assertEqual([r["ruleId"] for r in results], ["E101", "layout"])
        self.assertIn("bad%20rules.rules", results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        self.assertEqual(run("fmt", "--format", "sarif", "-", stdin=ROUGH).returncode, 2)


if __name__ == "__main__":
    unittest.main()
