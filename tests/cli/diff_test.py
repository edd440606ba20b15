#!/usr/bin/env python3
"""diff_test.py WEIR SOURCE: two policies compared, as people, pull requests and programs read it."""
import json
import re
import unittest

from command_case import SOURCE, CommandCase, pcap, run, tcp_frame

OLD = """rule telnet { when tcp.dport == 23 then alert telnet, drop }
rule web { when tcp.dport in { 80, 443 } then pass }
rule ssh { when tcp.dport == 22 and rate(ip.src) > 10/min then drop }
alert telnet { message "telnet from {ip.src}" }
"""
NEW = """rule web { when tcp.dport in { 80, 443, 8080 } then pass }
rule ssh { when tcp.dport == 22 and rate(ip.src) > 20/min then drop }
"""


def lines_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


class Diff(CommandCase):
    def setUp(self):
        super().setUp()
        self.old, self.new = self.file("old.rules", OLD), self.file("new.rules", NEW)

    def test_people_read_conditions_and_examples(self):
        done = run("diff", self.old, self.new)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, """4 classes of packets are judged otherwise

pass by default -> pass by web
    packets: tcp.dport == 8080
    example: tcp 192.0.2.1:49152 -> 192.0.2.2:8080

pass by default -> drop by ssh
    packets: tcp.dport == 22 and rate(ip.src) <= 10/min and rate(ip.src) > 20/min
    example: no frame found

drop by telnet, alert telnet -> pass by default
    packets: tcp.dport == 23
    example: tcp 192.0.2.1:49152 -> 192.0.2.2:23

drop by ssh -> pass by default
    packets: tcp.dport == 22 and rate(ip.src) > 10/min and rate(ip.src) <= 20/min
    example: 11 x tcp 192.0.2.1:49152 -> 192.0.2.2:22

some classes read state: what rates, counts, sets and flows hold then is not known
""")

    def test_the_same_policy_differs_in_nothing(self):
        done = run("diff", self.old, self.old)
        self.assertEqual((done.returncode, done.stdout), (0, "no packet is judged otherwise\n"))

    def test_a_file_and_its_canonical_layout_differ_in_nothing(self):
        for path in sorted((SOURCE / "rules").rglob("*.rules")):
            formatted = run("fmt", "-", stdin=path.read_text())
            beside = path.parent
            done = run("diff", path, "-", "-I", beside, "-q", stdin=formatted.stdout)
            self.assertEqual(done.returncode, 0, f"{path}: {done.stdout}{done.stderr}")

    def test_json_has_a_line_for_each_class_and_one_for_the_whole(self):
        done = run("diff", self.old, self.new, "--format", "json")
        *classes, whole = lines_of(done)
        self.assertEqual(classes[0]["old"], {"verdict": "pass", "rule": None, "alerts": []})
        self.assertEqual(classes[0]["new"], {"verdict": "pass", "rule": "web", "alerts": []})
        self.assertEqual(classes[0]["packets"], "tcp.dport == 8080")
        self.assertEqual(classes[0]["witness"]["text"], "tcp 192.0.2.1:49152 -> 192.0.2.2:8080")
        self.assertEqual(len(bytes.fromhex(classes[0]["witness"]["hex"])), 54)
        self.assertIsNone(classes[0]["captured"])
        self.assertTrue(classes[0]["exact"])
        self.assertEqual(classes[2]["old"]["alerts"], ["telnet"])
        self.assertEqual(whole["classes"], 4)
        self.assertEqual(whole["state_reset"], [])
        self.assertFalse(whole["exact"])  # two classes read a rate

    def test_all_packets_are_true_and_a_redirect_says_where(self):
        one = self.file("one.rules", 'rule x { when true then redirect("eth1") }\n')
        two = self.file("two.rules", "rule x { when true then drop }\n")
        changed, whole = lines_of(run("diff", one, two, "--format", "json"))
        self.assertEqual(changed["packets"], "true")
        self.assertEqual(changed["old"], {"verdict": "redirect", "to": "eth1", "rule": "x", "alerts": []})
        self.assertTrue(whole["exact"])

    def test_a_malformed_packet_with_addresses_is_shown(self):
        one = self.file("one.rules", "rule x { when ip.src in 10.0.0.0/8 then drop }\n")
        two = self.file("two.rules", "malformed pass\n")
        *classes, _ = lines_of(run("diff", one, two, "--format", "json"))
        self.assertEqual([changed["packets"] for changed in classes],
                         ["ip.src in 10.0.0.0/8 and not malformed", "malformed and ip.src in 10.0.0.0/8"])
        self.assertTrue(all(changed["witness"] for changed in classes))

    def test_state_that_a_reload_forgets_is_a_difference(self):
        one = self.file("one.rules", "rule x { when tcp and rate(ip.src) > 10/min then drop }\n")
        two = self.file("two.rules", "rule x { when tcp and rate(ip.dst) > 10/min then drop }\n")
        whole = lines_of(run("diff", one, two, "--format", "json"))[-1]
        self.assertEqual(whole["state_reset"], ["rule x: rate(ip.src) per 1m"])

    def test_what_no_packet_shows(self):
        base = "set s : ip\nrule x { when tcp then add ip.src to s for %s, drop }\n"
        one, two = self.file("one.rules", base % "1h"), self.file("two.rules", base % "2h")
        done = run("diff", one, two)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "no packet is judged otherwise\n\n"
                         "rule x: add ip.src to s for 2h, before add ip.src to s for 1h\n")

    def test_packets_of_a_capture_are_counted_by_class(self):
        capture = self.folder / "some.pcap"
        capture.write_bytes(pcap([tcp_frame(port) for port in (23, 23, 80, 8080, 22)]))
        done = run("diff", self.old, self.new, "--pcap", capture, "--engine", "oracle", "--format", "json")
        *classes, whole = lines_of(done)
        self.assertEqual([one["captured"] for one in classes], [1, 0, 2, 0])
        self.assertEqual((whole["captured"], whole["changed"], whole["unclassed"]), (5, 3, 0))

    def test_examples_have_the_packets_that_leave_what_the_last_one_finds(self):
        one = self.file("one.rules", """set blocked : ip
rule scan { when tcp.dport == 23 then add ip.src to blocked for 1h, drop }
rule known { when tcp.dport == 99 and ip.src in blocked then drop }
rule reply { when flow.established and tcp.dport == 8080 then drop }
rule sweep { when udp and distinct(udp.dport, by ip.src, in 10s) > 5 then drop }
""")
        two = self.file("two.rules", """set blocked : ip
rule scan { when tcp.dport == 23 then add ip.src to blocked for 1h, drop }
rule known { when tcp.dport == 99 and ip.src in blocked then pass }
rule reply { when flow.established and tcp.dport == 8080 then pass }
rule sweep { when udp and distinct(udp.dport, by ip.src, in 10s) > 5 then pass }
""")
        *classes, _ = lines_of(run("diff", one, two, "--format", "json"))
        by_rule = {line["old"]["rule"]: line["witness"] for line in classes}
        self.assertRegex(by_rule["known"]["before"][0], r"^tcp 192\.0\.2\.1:\d+ -> 192\.0\.2\.2:23( |$)")
        self.assertNotIn("given", by_rule["known"])
        self.assertTrue(by_rule["known"]["text"].startswith(by_rule["known"]["before"][0] + "; then "))
        self.assertRegex(by_rule["reply"]["text"], r"tcp \S+ -> \S+:8080 .*; then out tcp \S+:8080 -> ")
        self.assertEqual(len(by_rule["sweep"]["before"]), 1)  # a range of ports
        out = self.folder / "examples.pcapng"
        run("diff", one, two, "--pcap-out", out)
        rules = [[json.loads(line)["rule"] for line in run("replay", policy, out, "--engine", "oracle", "--format", "json")
                  .stdout.splitlines()] for policy in (one, two)]
        self.assertTrue({"scan", "known", "reply", "sweep"} <= set(rules[0]) & set(rules[1]), rules)

    def test_the_examples_are_a_capture_that_differs(self):
        out = self.folder / "examples.pcapng"
        self.assertEqual(run("diff", self.old, self.new, "--pcap-out", out).returncode, 1)
        verdicts = [[json.loads(line) for line in run("replay", policy, out, "--engine", "oracle", "--format", "json")
                     .stdout.splitlines()] for policy in (self.old, self.new)]
        self.assertEqual([one["rule"] for one in verdicts[0]], [None, "telnet", *[None] * 10, "ssh"])
        self.assertEqual([one["rule"] for one in verdicts[1]], ["web", None, *[None] * 11])

    def test_a_pull_request_gets_a_table(self):
        done = run("diff", self.old, self.new, "--format", "markdown")
        lines = done.stdout.splitlines()
        self.assertTrue(lines[0].startswith("### `") and lines[0].endswith("4 classes of packets are judged otherwise"))
        self.assertEqual(lines[2], "| packets | before | after | example |")
        self.assertEqual(lines[4], "| `tcp.dport == 8080` | **pass** by default | **pass** by `web` | "
                         "`tcp 192.0.2.1:49152 -> 192.0.2.2:8080` |")

    def test_no_text_of_a_policy_is_markdown_of_its_own(self):
        """A comment of a bot: nothing in a literal may end the code that it stands in, mention somebody, or be HTML."""
        old = self.file("a``b`@octocat.rules", r'''rule a { when payload contains "``@octocat <img src=x> | [x](y)" then drop }
rule b { when iface == "x`y|z" then redirect("e```t|h") }
rule c { when payload contains "a```` @octocat" then alert c, drop }
rule d { when payload contains "`" then drop }
rule e { when payload contains "\x1b[2J\n|" then drop }
alert c { message "`@octocat`" }
''')
        done = run("diff", old, self.file("new.rules", "default pass\n"), "--format", "markdown")
        self.assertEqual(done.returncode, 1)
        heading, _, *rows = done.stdout.splitlines()
        self.assertGreaterEqual(len(rows), 2 + 5)
        spans = 0
        for line in [heading[4:], *rows]:
            # As CommonMark reads it: a code span ends at the next run of as many backticks as began it.
            while (begins := re.search("`+", line)) is not None:
                self.assertNotRegex(line[:begins.start()], "octocat|<img|payload|iface")
                ends = re.search(f"(?<!`){begins[0]}(?!`)", line[begins.end():])
                self.assertIsNotNone(ends, line)
                self.assertNotRegex(line[begins.end():begins.end() + ends.start()], r"(?<!\\)\|")  # no end of a cell
                line = line[begins.end() + ends.end():]
                spans += 1
            self.assertNotRegex(line, "octocat|<img|payload|iface")
        self.assertGreater(spans, 12)

    def test_findings_stand_at_the_rule_that_decides_now(self):
        document = json.loads(run("diff", self.old, self.new, "--format", "sarif").stdout)
        result = document["runs"][0]["results"][0]
        self.assertEqual(result["ruleId"], "packets-change")
        self.assertEqual(result["locations"][0]["physicalLocation"]["region"]["startLine"], 1)
        self.assertEqual(result["level"], "warning")
        entries = json.loads(run("diff", self.old, self.new, "--format", "gitlab").stdout)
        self.assertEqual([(one["check_name"], one["severity"]) for one in entries], [("packets-change", "minor")] * 4)
        self.assertEqual(len({one["fingerprint"] for one in entries}), 4)
        lines = run("diff", self.old, self.new, "--format", "github").stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertTrue(all(line.startswith("::warning ") for line in lines))

    def test_statuses(self):
        bad = self.file("bad.rules", "rule r { when tcp.dprot == 23 then drop }\n")
        self.assertEqual(run("diff", self.old, bad).returncode, 1)
        self.assertEqual(run("diff", self.old, "/nonexistent.rules").returncode, 3)
        self.assertEqual(run("diff", self.old).returncode, 2)
        self.assertEqual(run("diff", "-", "-").returncode, 2)
        self.assertEqual(run("diff", self.old, self.new, "--pcap", "/nonexistent.pcap").returncode, 3)


if __name__ == "__main__":
    unittest.main()
