#!/usr/bin/env python3
"""answers_test.py WEIR SOURCE: commands that need no network. What docs/cli.md promises, read as another program would."""
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from command_case import SOURCE, WEIR, pcap, tcp_frame

GOOD = """rule telnet { when tcp.dport == 23 then alert telnet, drop }
rule seen { observe when tcp then drop }
alert telnet { message "telnet from {ip.src}" }
test "telnet is closed" { tcp 198.51.100.7:4000 -> 192.0.2.1:23 syn => drop by telnet, alert telnet }
test "the web is not" { tcp 198.51.100.7:4000 -> 192.0.2.1:80 syn => pass by default, no alert }
"""
BAD = "rule r { when tcp.dprot == 23 then drop }\n"


def run(*arguments, stdin=None, env=None):
    return subprocess.run([WEIR, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


class Answers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, content):
        path = pathlib.Path(self.folder.name, name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def test_statuses(self):
        good, bad = self.file("good.rules", GOOD), self.file("bad.rules", BAD)
        self.assertEqual(run("check", good).returncode, 0)
        self.assertEqual(run("check", bad).returncode, 1)
        self.assertEqual(run("check", good, bad).returncode, 1)
        self.assertEqual(run("check", "/nonexistent.rules").returncode, 3)
        self.assertEqual(run("check", self.folder.name).returncode, 3)
        self.assertEqual(run("check", self.file("imports.rules", 'import "nowhere.rules"\n')).returncode, 1)
        self.assertEqual(run("check").returncode, 2)
        self.assertEqual(run("no-such-command").returncode, 2)
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run("check", "--no-such-option", good).returncode, 2)
        self.assertEqual(run("--help").returncode, 0)

    def test_diagnostics_go_to_standard_error(self):
        said = run("check", self.file("bad.rules", BAD))
        self.assertEqual(said.stdout, "")
        self.assertIn("error[E201]: unknown field `tcp.dprot`", said.stderr)
        self.assertIn("tcp.dport", said.stderr)

    def test_diagnostics_as_json(self):
        said = run("check", "--format", "json", self.file("bad.rules", BAD))
        self.assertEqual(said.stdout, "")
        object_ = json.loads(said.stderr)
        self.assertEqual((object_["code"], object_["severity"], object_["line"], object_["column"], object_["end_line"],
                          object_["end_column"], object_["fix"]), ("E201", "error", 1, 15, 1, 24, {"replace": "tcp.dport"}))

    def test_diagnostics_as_sarif_and_for_github(self):
        bad = self.file("bad.rules", BAD)
        other = self.file("other.rules", BAD + 'test "t" { arp 1.2.3.4 -> 1.2.3.5 => drop }\n')
        sarif = json.loads(run("check", "--format", "sarif", bad, other).stdout)
        self.assertEqual(sarif["version"], "2.1.0")
        results = sarif["runs"][0]["results"]
        self.assertEqual([r["ruleId"] for r in results], ["E201", "E201"])
        self.assertEqual(results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"], "tcp.dport")
        for command in (("replay", bad, "none.pcap"), ("compile", bad), ("test", bad)):
            said = run(command[0], "--format", "sarif", *command[1:])
            self.assertEqual(said.returncode, 1)
            self.assertEqual(len(json.loads(said.stdout)["runs"][0]["results"]), 1)
        clean = run("check", "--format", "sarif", self.file("good.rules", GOOD))
        self.assertEqual((clean.returncode, json.loads(clean.stdout)["runs"][0]["results"]), (0, []))
        self.assertRegex(run("check", "--format", "github", bad).stderr, r"^::error file=.*bad\.rules,line=1,col=15,.*E201")

    def test_warnings(self):
        shadowed = self.file("shadowed.rules", "rule a { when tcp then drop }\nrule b { when tcp.dport == 22 then pass }\n")
        self.assertEqual(run("check", shadowed).returncode, 0)
        self.assertEqual(run("check", "--deny", "warnings", shadowed).returncode, 1)
        object_ = json.loads(run("check", "--format", "json", shadowed).stderr)
        self.assertEqual((object_["code"], object_["rule"], object_["blockers"]), ("W401", "b", ["a"]))

    def test_tests(self):
        good = self.file("good.rules", GOOD)
        for engine in ("oracle", "native"):
            lines = [json.loads(line) for line in run("test", "--engine", engine, "--format", "json", good).stdout.splitlines()]
            self.assertEqual([(l["test"], l["ok"], l["engine"], l["line"]) for l in lines],
                             [("telnet is closed", True, engine, 4), ("the web is not", True, engine, 5)])
        failing = self.file("failing.rules", 'test "no" {\n    tcp 1.2.3.4:5 -> 1.2.3.5:6 syn => pass\n    udp 1.2.3.4:5 -> 1.2.3.5:6 => drop\n}\n')
        said = run("test", "--engine", "native", "--format", "json", failing)
        self.assertEqual(said.returncode, 1)
        result = json.loads(said.stdout)
        self.assertEqual((result["ok"], result["step"], result["expected"], result["got"]), (False, 2, "drop", "pass by default"))

    def test_failed_tests_in_every_format(self):
        failing = self.file("failing.rules", 'default drop\ntest "no" {\n    tcp 1.2.3.4:5 -> 1.2.3.5:6 syn => pass\n}\n')
        good, bad, out = self.file("good.rules", GOOD), self.file("bad.rules", BAD), pathlib.Path(self.folder.name, "out.xml")
        said = run("test", "--engine", "native", "--format", "sarif", good, failing, bad)
        self.assertEqual(said.returncode, 1)
        results = json.loads(said.stdout)["runs"][0]["results"]
        self.assertEqual([r["ruleId"] for r in results], ["E201", "test-failed"])
        self.assertEqual(results[1]["locations"][0]["physicalLocation"]["region"]["startLine"], 3)
        said = run("test", "--engine", "native", "--format", "github", failing)
        self.assertRegex(said.stdout, r"(?m)^::error file=.*failing\.rules,line=3,.*title=test failed::test \"no\": step 1 .*expected pass, got drop by default$")
        said = run("test", "--engine", "native", "--junit", out, good, failing, bad, "/nonexistent.rules")
        self.assertEqual(said.returncode, 3)
        suites = {pathlib.Path(s.get("name")).name: s for s in xml.etree.ElementTree.parse(out).getroot()}
        self.assertEqual({n: (s.get("tests"), s.get("failures"), s.get("errors")) for n, s in suites.items()},
                         {"good.rules": ("2", "0", "0"), "failing.rules": ("1", "1", "0"), "bad.rules": ("1", "0", "1"), "nonexistent.rules": ("1", "0", "1")})
        self.assertIn("E201", suites["bad.rules"].find("testcase/error").get("message"))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be nobody")
    def test_tests_that_could_not_run_are_errors_in_junit(self):
        good, out = self.file("good.rules", GOOD), pathlib.Path(self.folder.name, "out.xml")
        os.chmod(self.folder.name, 0o777)
        said = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", WEIR, "test", "--engine", "kernel",
                               "--junit", str(out), str(good)], capture_output=True, text=True, timeout=60)
        if not os.path.exists(out):
            self.skipTest("nobody may not start the program: " + said.stderr)
        self.assertEqual(said.returncode, 3)
        suite = xml.etree.ElementTree.parse(out).getroot().find("testsuite")
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("1", "0", "1"))
        self.assertIn("Operation not permitted", suite.find("testcase/error").get("message"))

    def test_filter_coverage_and_junit(self):
        good, out = self.file("good.rules", GOOD), pathlib.Path(self.folder.name, "out.xml")
        said = run("test", "--engine", "native", "--filter", "telnet*", "--coverage", "--junit", out, good)
        self.assertEqual(said.returncode, 0)
        self.assertIn("1 passed, 0 failed", said.stdout)
        self.assertIn("coverage: 1 of 2 rules matched\n    never matched: seen\n", said.stdout)
        suite = xml.etree.ElementTree.parse(out).getroot().find("testsuite")
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("1", "0"))
        self.assertEqual(run("test", "--junit", "/nonexistent/out.xml", good).returncode, 3)

    def test_replay(self):
        good = self.file("good.rules", GOOD)
        capture = self.file("some.pcap", pcap([tcp_frame(23), tcp_frame(80), tcp_frame(80)[:20], b"short"]))
        annotated = pathlib.Path(self.folder.name, "out.pcapng")
        for engine in ("oracle", "native"):
            said = run("replay", "--engine", engine, "--format", "json", "--out", annotated, good, capture)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertEqual([json.loads(line) for line in said.stdout.splitlines()], [
                {"packet": 1, "direction": "in", "verdict": "drop", "rule": "telnet", "matched": ["telnet"], "alerts": ["telnet"]},
                {"packet": 2, "direction": "in", "verdict": "pass", "rule": None, "matched": ["seen"], "alerts": []},
                {"packet": 3, "direction": "in", "verdict": "pass", "rule": "malformed", "matched": [], "alerts": []},
                {"packet": 4, "direction": "in", "verdict": "pass", "rule": "malformed", "matched": [], "alerts": []}])
            self.assertIn(b"drop by telnet, alert telnet", annotated.read_bytes())
            # What it writes, it reads.
            self.assertEqual(run("replay", "--engine", engine, "--format", "json", good, annotated).stdout, said.stdout)
        self.assertIn("4 packets", run("replay", "--engine", "native", good, capture).stdout)
        self.assertEqual(run("replay", "--engine", "native", good, "/nonexistent.pcap").returncode, 3)
        self.assertEqual(run("replay", "--engine", "native", good, self.file("raw.pcap", pcap([b""], 101))).returncode, 3)
        self.assertEqual(run("replay", "--engine", "native", good, self.file("cut.pcap", pcap([tcp_frame(23)])[:-3])).returncode, 3)

    def test_fmt(self):
        rough = self.file("rough.rules", "rule a{when tcp\nthen drop}#c\n")
        self.assertEqual(run("fmt", "--check", rough).returncode, 1)
        piped = run("fmt", "-", stdin=rough.read_text())
        self.assertEqual(piped.returncode, 0)
        self.assertEqual(run("fmt", rough).returncode, 0)
        self.assertEqual(rough.read_text(), piped.stdout)
        self.assertEqual(run("fmt", "--check", rough).returncode, 0)
        bad = self.file("bad.rules", "rule {\n")
        self.assertEqual(run("fmt", bad).returncode, 1)
        self.assertEqual(bad.read_text(), "rule {\n")

    def test_fmt_keeps_mode_and_links(self):
        rough = self.file("rough.rules", "default   drop\n\n\n\n")
        rough.chmod(0o640)
        link = pathlib.Path(self.folder.name, "link.rules")
        link.symlink_to(rough)
        self.assertEqual(run("fmt", link).returncode, 0)
        self.assertTrue(link.is_symlink())
        self.assertEqual(rough.stat().st_mode & 0o777, 0o640)

    def test_compile(self):
        good, out = self.file("good.rules", GOOD), pathlib.Path(self.folder.name, "out.o")
        self.assertEqual(run("compile", "-o", out, good).returncode, 0)
        self.assertEqual(out.read_bytes()[:4], b"\x7fELF")
        self.assertIn("telnet", run("compile", "--emit", "ast", good).stdout)
        self.assertIn("structure", run("compile", "--emit", "decision", good).stdout)
        self.assertIn("define", run("compile", "--emit", "llvm", good).stdout)
        self.assertIn("exit", run("compile", "--emit", "asm", good).stdout)
        self.assertEqual(run("compile", "-o", "/nonexistent/out.o", good).returncode, 3)

    def test_explain(self):
        self.assertIn("unknown field", run("explain", "e201").stdout)
        self.assertEqual(run("explain", "E000").returncode, 2)

    def test_what_explain_refers_to_is_there(self):
        def anchors(page):
            lines = (SOURCE / page).read_text().splitlines()
            return {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-") for line in lines if line.startswith("#")}

        rows = re.findall(r'WEIR_DIAGNOSTIC\((\w\d+), \w+, "((?:[^"\\]|\\.)+)"', (SOURCE / "grammar/diagnostics.def").read_text())
        self.assertGreater(len(rows), 70)
        commands, options = run("--help").stdout, {}
        pages = 0
        for code, title in rows:
            said = run("explain", code)
            self.assertEqual(said.returncode, 0)
            self.assertTrue(said.stdout.startswith(f"{code}"), code)
            self.assertGreater(len(said.stdout.splitlines()), 3, code)                 # not the title alone
            self.assertNotIn("](", said.stdout, code)
            for page, anchor in re.findall(r"docs/([\w/-]+\.md)(?:#([\w-]+))?", said.stdout):
                pages += 1
                self.assertTrue((SOURCE / "docs" / page).is_file(), (code, page))
                if anchor:
                    self.assertIn(anchor, anchors(f"docs/{page}"), (code, page))
            for other in re.findall(r"\b([EW]\d{3})\b", said.stdout):
                self.assertIn(other, [row[0] for row in rows], code)
            for command, rest in re.findall(r"`weir ([a-z]+)([^`]*)`", said.stdout):
                self.assertRegex(commands, rf"(?m)^  {command} ", code)
                if command not in options:
                    options[command] = run(command, "--help").stdout
                    for part in re.findall(r"(?m)^  ([a-z]+) ", options[command].partition("Subcommands:")[2].partition("Exit status")[0]):
                        options[command] += run(command, part, "--help").stdout
                for option in re.findall(r"--[a-z-]+", rest):
                    self.assertIn(option, options[command], code)
        self.assertGreater(pages, 5)

    def test_standard_input_and_output(self):
        self.assertEqual(run("check", "-", stdin=GOOD).returncode, 0)
        with open("/dev/full", "w") as full:
            done = subprocess.run([WEIR, "compile", "--emit", "decision", self.file("good.rules", GOOD)], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot be written", done.stderr)

    def test_messages_that_cannot_be_written_change_no_status(self):
        bad = self.file("bad.rules", BAD)
        for command, status in ((("check", bad), 1), (("check", "/no/such.rules"), 3), (("test", bad), 1),
                                (("check", "--no-such-option"), 2), (("status", "--name", "no-such-engine"), 3)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([WEIR, *command], stdout=subprocess.PIPE, stderr=full, timeout=60)
            self.assertEqual(done.returncode, status, command)

    def test_colour_only_on_a_terminal(self):
        bad = self.file("bad.rules", BAD)
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            reader, writer = pty.openpty()
            subprocess.run([WEIR, "check", bad], stderr=writer, stdout=writer, timeout=60,
                           env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **env})
            os.close(writer)
            said = os.read(reader, 65536)
            os.close(reader)
            self.assertEqual(b"\x1b[" in said, coloured)
        self.assertNotIn("\x1b[", run("check", bad).stderr)

    def test_the_service_is_confined(self):
        unit = SOURCE / "packaging" / "systemd" / "weir@.service"
        said = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=29", str(unit)], capture_output=True, text=True, timeout=60)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertIn("Overall exposure level", said.stdout)

    def test_the_service_leaves_sinks_what_they_need(self):
        lines = (SOURCE / "packaging" / "systemd" / "weir@.service").read_text().splitlines()
        unit = {name: value for name, _, value in (line.partition("=") for line in lines if not line.startswith("#"))}
        self.assertNotIn("IPAddressDeny", unit)                                # peers of syslog, nats, kafka, webhook, llm
        self.assertNotIn("PrivateNetwork", unit)
        self.assertLessEqual({"AF_UNIX", "AF_INET", "AF_INET6"}, set(unit["RestrictAddressFamilies"].split()))
        self.assertEqual(unit["RestrictNamespaces"], "pid")                    # exec: all that a program started ends with it
        limits = (SOURCE / "runtime" / "sinks" / "exec_run.cpp").read_text()
        of_a_user = int(re.search(r"kMaxProcesses = (\d+);", limits)[1])
        self.assertGreaterEqual(int(unit["TasksMax"]), of_a_user + 128)        # the engine can go on beside it
        self.assertEqual(unit["EnvironmentFile"], "-/etc/weir/%i.env")
        self.assertEqual(unit["ExecStart"].split()[-1], "$WEIR_OPTIONS")


if __name__ == "__main__":
    unittest.main()
