#!/usr/bin/env python3
"""kept_test.py WEIR SOURCE: weir run --state. Skipped as live_case.py says."""
import json
import pathlib
import signal
import stat

from live_case import NAME, LiveCase, dns_query, inside, main, WEIR

POLICY = """set banned : ip size 1000 ttl 1h
set pairs : (ip, port)
rule ban { when ip.src in banned then drop }
rule pair { when (ip.src, udp.dport) in pairs then drop }
rule guessing { when udp.dport == 9 then add ip.src to banned, drop }
"""


class Kept(LiveCase):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY)
        self.state = self.folder / "state"
        self.file = self.state / NAME / "sets"

    def begin(self, *more):
        return self.start("--state", str(self.state), *more)

    def test_a_ban_outlasts_a_stop(self):
        self.begin()
        self.send(9, 1)
        self.assertEqual(self.ask("set", "add", "pairs", "10.97.0.9, 22", "2001:db8::1, 80").returncode, 0)
        said = self.status()["sets_file"]
        self.assertEqual(said, {"path": str(self.file), "saved_at": "", "entries": 0, "restored": 0, "skipped": 0, "state": "ok"})
        self.assertIn(f"    sets are saved in {self.file}: not written yet\n", self.ask("status").stdout)
        self.assertEqual(self.end()[0], 0)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.file.parent.stat().st_mode) & 0o027, 0)
        self.assertEqual([path.name for path in self.file.parent.iterdir()], ["sets"])

        self.begin()
        self.send(10, 2)
        self.assertEqual(self.rules(), {"ban": 2, "pair": 0, "guessing": 0})
        self.assertRegex(self.ask("set", "list", "banned").stdout, r"^10\.97\.0\.1 for 59m\d+s\n$")
        self.assertEqual(sorted(self.ask("set", "list", "pairs").stdout.splitlines()), ["10.97.0.9, 22", "2001:db8::1, 80"])
        self.assertEqual(self.status()["sets_file"]["restored"], 3)
        self.assertIn("3 set entries restored, 0 expired since 20", self.end()[2])

        self.policy.write_text(POLICY.replace("(ip, port)", "(ip, u16)").replace("udp.dport) in", "udp.len) in"))
        self.begin()
        self.assertEqual({s["name"]: s["entries"] for s in self.status()["sets"]}, {"banned": 1, "pairs": 0})
        self.assertIn("`set pairs: (ip, port)`: 2 saved entries are skipped: it is `set pairs: (ip, u16)` now", self.end()[2])

    def test_entries_of_a_file_have_no_end(self):
        (self.folder / "list").write_text("10.97.0.1\n")
        self.policy.write_text('set listed : ip ttl 1h size 10 from "list"\nrule ban { when ip.src in listed then drop }\n')
        self.begin()
        self.assertEqual(self.ask("set", "add", "listed", "10.97.0.1", "10.97.0.2").returncode, 0)
        self.assertRegex(self.ask("set", "list", "listed").stdout, r"10\.97\.0\.1 for 59m")
        self.end()
        self.begin()
        self.assertRegex("".join(sorted(self.ask("set", "list", "listed").stdout.splitlines(True))), r"^10\.97\.0\.1\n10\.97\.0\.2 for 59m\d+s\n$")

    def test_nets(self):
        (self.folder / "list").write_text("192.0.2.0/24\n")
        self.policy.write_text('set listed : net from "list"\nset bad : net size 3\nrule listed { when ip.src in listed then drop }\nrule bad { when ip.src in bad then drop }\n')
        self.begin()
        self.send(9, 1)
        said = self.ask("set", "add", "bad", "10.0.0.0/8", "2001:db8::/32", "for", "1h")
        self.assertEqual((said.returncode, said.stdout), (0, "2 added\n"), said.stderr)
        self.send(9, 2)
        self.assertEqual(self.rules()["bad"], 2)
        for words, fault in ((("add", "bad", "10.0.0.1/8"), "the network is 10.0.0.0/8"), (("add", "listed", "10.0.0.0/8"), "does not change while the policy runs")):
            said = self.ask("set", *words)
            self.assertEqual(said.returncode, 2)
            self.assertIn(fault, said.stderr)
        said = self.ask("set", "add", "bad", "10.0.0.0/9", "10.0.0.0/10")
        self.assertEqual((said.returncode, said.stdout), (3, "1 added\n"))
        self.assertIn("1 had no room", said.stderr)
        self.end()
        self.begin()
        self.send(9, 2)
        self.assertEqual(self.rules()["bad"], 2)
        self.assertRegex("".join(sorted(self.ask("set", "list", "bad").stdout.splitlines(True))), r"^10\.0\.0\.0/8 for 59m\d+s\n10\.0\.0\.0/9\n2001:db8::/32 for 59m\d+s\n$")
        self.assertEqual(self.ask("set", "remove", "bad", "10.0.0.0/8", "10.0.0.0/9").stdout, "2 removed\n")
        self.send(9, 1)
        self.assertEqual(self.rules()["bad"], 2)
        self.assertEqual({s["name"]: s["entries"] for s in self.status()["sets"]}, {"listed": 1, "bad": 1})

    def test_networks_that_packets_add(self):
        self.policy.write_text('set bad : net ttl 1h = { 192.0.2.0/24 }\nrule ban { when udp.dport == 7 then add ip.src/8 to bad }\nrule bad { when ip.src in bad then drop }\n')
        self.begin()
        self.send(7, 1)
        listed = r"^10\.0\.0\.0/8 for 59m\d+s\n192\.0\.2\.0/24\n$"
        self.assertRegex("".join(sorted(self.ask("set", "list", "bad").stdout.splitlines(True))), listed)
        self.assertEqual(self.ask("set", "remove", "bad", "192.0.2.0/24").stdout, "1 removed\n")
        self.end()
        self.begin()
        self.assertRegex("".join(sorted(self.ask("set", "list", "bad").stdout.splitlines(True))), listed)
        self.send(9, 2)
        self.assertEqual(self.rules()["bad"], 2)

    def test_names(self):
        (self.folder / "list").write_text("One.test.\n")
        self.policy.write_text('set listed : domain from "list"\nset bad : domain size 3\nrule listed { when dns.qname in listed then drop }\nrule bad { when dns.qname in bad then drop }\n')
        process = self.begin()
        names = lambda: sorted(self.ask("set", "list", "bad").stdout.splitlines())
        query = lambda name: self.send(53, 1, dns_query(name))
        query("www.one.test")
        query("two.test")
        self.assertEqual(self.rules(), {"listed": 1, "bad": 0})
        said = self.ask("set", "add", "bad", "Two.test.", "three.test")
        self.assertEqual((said.returncode, said.stdout), (0, "2 added\n"), said.stderr)
        for name in ("two.test", "a.b.two.test", "xtwo.test", "test", "three.test"):
            query(name)
        self.assertEqual(self.rules(), {"listed": 1, "bad": 3})
        for words, fault in ((("add", "bad", "*.two.test"), "write `two.test`"), (("add", "bad", "a..b"), "two dots stand together"), (("remove", "bad", "b\u00fccher.test"), "xn--bcher-kva.test"),
                             (("add", "listed", "two.test"), "does not change while the policy runs")):
            said = self.ask("set", *words)
            self.assertEqual(said.returncode, 2)
            self.assertIn(fault, said.stderr)
        said = self.ask("set", "add", "bad", "four.test", "five.test")
        self.assertEqual((said.returncode, said.stdout), (3, "1 added\n"))
        self.assertIn("1 had no room", said.stderr)
        self.assertEqual(self.ask("set", "remove", "bad", "THREE.test", "six.test").stdout, "1 removed\n")
        self.assertEqual(self.ask("set", "add", "bad", "five.test", "for", "1h").stdout, "1 added\n")
        self.policy.write_text(self.policy.read_text() + "rule other { when udp.dport == 7 then drop }\n")
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(names()[1:], ["four.test", "two.test"])
        self.assertRegex(names()[0], r"^five\.test for 59m\d+s$")
        self.assertEqual({s["name"]: s["entries"] for s in self.status()["sets"]}, {"listed": 1, "bad": 3})

        process.kill()                                    # another engine takes over what is in the kernel
        process.communicate()
        self.running = None
        self.begin()
        self.assertEqual(names()[1:], ["four.test", "two.test"])
        query("x.four.test")
        query("three.test")
        self.assertEqual(self.rules()["bad"], 4)
        self.assertEqual(self.ask("set", "add", "bad", "two.test").stdout, "1 added\n")
        self.policy.write_text(self.policy.read_text().replace("size 3", "size 5000"))
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(len(names()), 3)
        self.assertEqual(self.ask("set", "add", "bad", *(f"n{i}.{i % 7}.test" for i in range(2000))).stdout, "2000 added\n")
        self.assertEqual(self.ask("set", "remove", "bad", *(f"n{i}.{i % 7}.test" for i in range(2000))).stdout, "2000 removed\n")
        self.end()                                        # and one after a stop what is on the disk
        self.begin()
        self.assertEqual(names()[1:], ["four.test", "two.test"])
        query("a.five.test")
        self.assertEqual(self.rules()["bad"], 1)

    def test_without_it_nothing_is_kept(self):
        self.start()
        self.send(9, 1)
        self.assertNotIn("sets_file", self.status())
        self.end()
        self.assertFalse(pathlib.Path("/var/lib/weir", NAME).exists())
        self.start()
        self.send(10, 1)
        self.assertEqual(self.rules()["ban"], 0)

    def test_killed_engine_and_what_was_written(self):
        process = self.begin("--keep-every", "100ms")
        self.assertEqual(self.ask("set", "add", "banned", "10.97.0.1", "10.97.0.2").returncode, 0)
        self.wait_until(lambda: self.status()["sets_file"]["entries"] == 2, "two entries are written")
        self.assertRegex(self.ask("status").stdout, rf"(?m)^    sets are saved in {self.file}: 2 entries, at 20\d\d-.*Z$")
        self.assertEqual(self.ask("set", "remove", "banned", "10.97.0.1").returncode, 0)
        process.kill()
        process.communicate()
        self.running = None
        self.begin()
        self.assertRegex(self.ask("set", "list", "banned").stdout, r"^10\.97\.0\.2 for 59m\d+s\n$")

    def test_a_place_that_nothing_can_be_written_to(self):
        self.state.write_text("a file")
        self.begin("--keep-every", "100ms")
        self.send(9, 1)
        self.wait_until(lambda: self.status()["sets_file"]["state"] != "ok", "the fault is said")
        self.assertIn("Not a directory", self.ask("status").stdout)
        self.assertEqual(self.rules()["guessing"], 1)
        status, _, err = self.end()
        self.assertEqual(status, 0)
        self.assertIn("set entries cannot be saved: making", err)

    def test_words_of_the_command_line(self):
        said = inside(WEIR, "run", str(self.policy), "-i", "c0", "--state", str(self.state), "--keep-every", "often")
        self.assertEqual(said.returncode, 2)
        self.assertIn("`often` is not a time", said.stderr)


if __name__ == "__main__":
    main()
