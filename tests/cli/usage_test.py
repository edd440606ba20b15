#!/usr/bin/env python3
"""usage_test.py WEIR SOURCE: wrong usage is named with what is near it; --version, --quiet, --help; what every command that
takes files does with none, a folder, a missing one and several."""
import json
import os
import re
import shutil
import subprocess
import unittest

from command_case import SOURCE, CommandCase, run

GOOD = """rule a { when tcp.dport == 23 then drop }
test "holds" { tcp 1.2.3.4:5 -> 1.2.3.5:23 syn => drop by a }
"""
WARNS = "rule a { when tcp then drop }\nrule b { when tcp.dport == 22 then pass }\n"
FAILS = 'rule a { when tcp then drop }\ntest "no" { tcp 1.2.3.4:5 -> 1.2.3.5:23 syn => pass }\ntest "yes" { udp 1.2.3.4:5 -> 1.2.3.5:23 => pass }\n'


class Usage(CommandCase):
    def commands(self):
        return re.findall(r"^  ([a-z]+) ", run("--help").stdout.split("Subcommands:")[1], re.M)

    def refused(self, *arguments):
        said = run(*arguments)
        self.assertEqual((said.returncode, said.stdout), (2, ""), arguments)
        self.assertTrue(said.stderr.startswith("weir: "), said.stderr)
        return said.stderr

    def test_the_nearest_command_and_option(self):
        for words, sentence in (
                (["chekc"], "unknown command `chekc`; did you mean `check`?"),
                (["replya", "a", "b"], "unknown command `replya`; did you mean `replay`?"),
                (["frobnicate"], "unknown command `frobnicate`\n"),
                (["-q", "chekc"], "unknown command `chekc`; did you mean `check`?"),
                (["set", "lst", "x"], "unknown command `lst` of `weir set`; did you mean `list`?"),
                (["set"], "`weir set` needs a command"),
                ([], "`weir` needs a command"),
                (["check", "--fromat", "json", "a"], "unknown option `--fromat` of `weir check`; did you mean `--format`?"),
                (["check", "--fromat=json", "a"], "unknown option `--fromat` of `weir check`; did you mean `--format`?"),
                (["--verison"], "unknown option `--verison`; did you mean `--version`?"),
                (["check", "--zzzzzz", "a"], "unknown option `--zzzzzz` of `weir check`\n"),
                (["check", "--format", "xml", "a"], "check: --format: xml not in {human,json,sarif,github,gitlab}"),
                (["check"], "check: FILE is required")):
            self.assertIn(sentence, self.refused(*words), words)
        self.assertIn("`weir set --help`", self.refused("set", "lst"))
        self.assertNotIn("\x1b", self.refused("\x1b[31mchekc"))

    def test_version(self):
        said = run("--version")
        self.assertEqual(said.returncode, 0)
        self.assertRegex(said.stdout, r"\Aweir \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|from an archive), \w*\)\n"
                                      r"LLVM 19\.\d+\.\d+, libbpf \d+\.\d+, kernel \S+, policy ABI \d+\n\Z")
        self.assertIn(f"kernel {os.uname().release},", said.stdout)
        abi = re.search(r"#define WEIR_ABI_VERSION (\d+)", (SOURCE / "bpf/abi.h").read_text())[1]
        self.assertTrue(said.stdout.endswith(f"policy ABI {abi}\n"))
        for words in (["--version", "--format", "json"], ["--format=json", "--version"]):
            told = json.loads(run(*words).stdout)
            commit = "from an archive" if told["commit"] is None else told["commit"] + ("-dirty" if told["changed"] else "")
            self.assertEqual(f"weir {told['version']} ({commit}, {told['build_type']})\nLLVM {told['llvm']}, libbpf {told['libbpf']}, "
                             f"kernel {told['kernel']}, policy ABI {told['abi']}\n", said.stdout, words)

    def test_the_commit_of_a_build(self):
        made = lambda source, script: (cmake("-DSOURCE=" + str(source), f"-DOUTPUT={self.folder}/id.h", "-P", str(script)),
                                       (self.folder / "id.h").read_text())[1]
        cmake = lambda *words: subprocess.run(["cmake", *words], check=True, capture_output=True)
        shutil.copytree(SOURCE / "cmake", self.folder / "cmake")
        script, archive = self.folder / "cmake/build_id.cmake", self.folder / "cmake/archive_commit.txt"
        # Sources without git, as they are; and as `git archive` writes that file.
        self.assertEqual(made(self.folder, script), '#define WEIR_COMMIT ""\n')
        archive.write_text("0123456789abcdef0123456789abcdef01234567\n")
        self.assertEqual(made(self.folder, script), '#define WEIR_COMMIT "0123456789ab"\n')
        if (SOURCE / ".git").exists():
            self.assertRegex(made(SOURCE, script), r'WEIR_COMMIT "[0-9a-f]{12}(-dirty)?"')

    def test_every_command_has_help_and_quiet(self):
        commands = self.commands()
        self.assertIn("replay", commands)
        self.assertNotIn("__complete", commands)
        for command in commands:
            said = run(command, "--help")
            self.assertEqual(said.returncode, 0)
            self.assertIn("--quiet", said.stdout, command)

    def test_quiet(self):
        good, warns, fails = self.file("good.rules", GOOD), self.file("warns.rules", WARNS), self.file("fails.rules", FAILS)
        for words in (["check", "--quiet", good], ["--quiet", "check", good], ["check", "-q", warns]):
            said = run(*words)
            self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""), words)
        self.assertIn("W401", run("check", "-q", "--deny", "warnings", warns).stderr)
        self.assertEqual(json.loads(run("check", "-q", "--format", "json", warns).stderr)["code"], "W401")
        bad = run("check", "-q", self.file("bad.rules", "rule r { when tcp.dprot == 1 then drop }\n"))
        self.assertIn("E201", bad.stderr)
        said = run("test", "-q", "--engine", "oracle", fails)
        self.assertEqual(said.returncode, 1)
        self.assertIn("FAILED  no", said.stdout)
        self.assertNotIn("yes", said.stdout)
        self.assertIn("1 passed, 1 failed", said.stdout)
        rough = self.file("rough.rules", "default   drop\n")
        self.assertEqual(run("fmt", "-q", rough).stdout, "")
        self.assertEqual(rough.read_text(), "default drop\n")

    def test_no_file_a_folder_a_missing_one_and_several(self):
        good, missing = self.file("good.rules", GOOD), self.folder / "missing.rules"
        bad = self.file("bad.rules", "rule {\n")
        for command in (["check"], ["test", "--engine", "oracle"], ["fmt"], ["fmt", "--check"], ["fmt", "--diff"],
                        ["check", "--fix"], ["compile", "--emit", "decision"], ["compile", "--emit", "ast"], ["bench"]):
            self.assertIn("FILE is required", self.refused(*command))
            for path, why in ((self.folder, "it is a directory"), (missing, "No such file or directory")):
                said = run(*command, path)
                self.assertEqual((said.returncode, said.stdout.replace("no tests\n", "")), (3, ""), command)
                self.assertEqual(said.stderr, f"weir: {path} cannot be read: {why}\n", command)
        for command in (["check"], ["test", "--engine", "oracle"], ["fmt"], ["fmt", "--check"], ["fmt", "--diff"], ["check", "--fix"]):
            self.file("good.rules", GOOD)
            # Each of them is looked at, in order; the status is that of the worst.
            said = run(*command, missing, bad, good)
            self.assertEqual(said.returncode, 3, command)
            self.assertLess(said.stderr.index("missing.rules"), said.stderr.index("bad.rules"), command)
            self.assertEqual(run(*command, bad, good).returncode, 1, command)
            self.assertIn("name `-` once", self.refused(*command, "-", "-"))
        self.assertIn("PCAP is required", self.refused("replay", good))
        for policy, capture, named in ((missing, good, missing), (self.folder, good, self.folder), (good, missing, missing),
                                       (good, self.folder, self.folder), (good, good, good)):
            said = run("replay", "--engine", "oracle", policy, capture)
            self.assertEqual((said.returncode, said.stdout), (3, ""))
            self.assertIn(f"weir: {named} cannot be read: ", said.stderr)
        self.assertIn("name `-` once", self.refused("replay", "-", "-"))


if __name__ == "__main__":
    unittest.main()
