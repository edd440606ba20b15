#!/usr/bin/env python3
"""control_test.py WEIR SOURCE: what the commands of a running engine say: Ctrl-C, dry runs, lists of values, sinks, --observe,
the time of notices, a compiler that is killed. Skipped as live_case.py says."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

from live_case import FIRST, NAME, SECOND, WEIR, LiveCase, inside, main

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z "


class Control(LiveCase):
    def popen(self, *arguments, **more):
        process = subprocess.Popen([WEIR, *map(str, arguments), "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def run_weir(self, *more):
        return subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME, *more],
                              capture_output=True, text=True, timeout=100)

    def set_(self, action, *rest, text=None):
        return subprocess.run([WEIR, "set", action, "--name", NAME, *map(str, rest)], capture_output=True, text=True, timeout=60, input=text)

    def taken(self):
        """What was sent to the engine before this was read: it reads from all before it answers the third of these."""
        for _ in range(3):
            self.status()

    # ---- Ctrl-C ----

    def test_a_reload_is_withdrawn_while_it_is_compiled(self):
        self.start()
        compiler = self.compiler()
        os.kill(compiler, signal.SIGSTOP)
        self.policy.write_text(SECOND)
        reload = self.popen("reload")
        waiting = self.popen("reload")
        self.taken()
        for process in (waiting, reload):
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
            self.assertEqual((process.returncode, err), (3, "weir: withdrawn: the policy in force stays\n"))
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 0))
        # The compiler that was at it has been ended; the next reload has another.
        said = self.ask("reload")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertNotEqual(self.compiler(), compiler)
        self.assertIn("a reload was withdrawn", self.end()[2])

    def test_a_withdrawal_that_comes_too_late(self):
        self.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(f"/run/weir/{NAME}.sock")
            client.sendall(b'{"command":"reload"}\n')
            first = client.recv(1 << 16)
            client.sendall(b'{"command":"withdraw"}\n')
            self.assertEqual(json.loads(client.recv(1 << 16)), {"ok": True, "status": 0})
        self.assertEqual(json.loads(first)["generation"], 2)

    def test_a_reload_is_withdrawn_by_the_line_after_it(self):
        self.start()
        os.kill(self.compiler(), signal.SIGSTOP)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(f"/run/weir/{NAME}.sock")
            client.sendall(b'{"command":"reload"}\n{"command":"withdraw"}\n')
            said = b""
            while said.count(b"\n") < 2:
                said += client.recv(1 << 16)
        refused, withdrawn = map(json.loads, said.splitlines())
        self.assertEqual((refused["ok"], refused["status"], refused["error"]), (False, 3, "withdrawn: the policy in force stays"))
        self.assertEqual(withdrawn, {"ok": True, "status": 0})

    def test_a_start_that_is_interrupted_says_what_it_did(self):
        self.policy.write_text("".join(f"rule r{i} {{ when udp.dport == {i} and payload contains \"x{i}\" then drop }}\n" for i in range(60)))
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.running = process
        self.wait_until(lambda: os.path.exists(f"/run/weir/{NAME}.sock"), "it listens")
        status, _, err = self.end(signal.SIGINT)
        self.assertEqual(status, 0, err)
        self.assertRegex(err, r"stopped before the policy was in force: nothing was attached|stopped; its policy is no longer on c0")
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)

    def test_many_values_are_added_whole_or_not_at_all(self):
        self.policy.write_text("set blocked : ip size 20000\nrule ban { when ip.src in blocked then drop }\n")
        process = self.start()
        values = "".join(f"10.1.{n >> 8}.{n & 255}\n" for n in range(5000))
        os.kill(process.pid, signal.SIGSTOP)
        self.addCleanup(lambda: process.poll() is None and os.kill(process.pid, signal.SIGCONT))
        adding = self.popen("set", "add", "blocked", "-", stdin=subprocess.PIPE)
        adding.stdin.write(values)
        adding.stdin.close()
        adding.stdin = None
        # It blocks SIGINT once it has read them, and waits for the engine.
        blocked = lambda: int(re.search(r"SigBlk:\s*(\w+)", pathlib.Path(f"/proc/{adding.pid}/status").read_text())[1], 16)
        self.wait_until(lambda: blocked() & 1 << (signal.SIGINT - 1), "it is about to send")
        adding.send_signal(signal.SIGINT)
        _, err = adding.communicate(timeout=20)
        self.assertEqual((adding.returncode, err), (3, "weir: interrupted: nothing was changed\n"))
        os.kill(process.pid, signal.SIGCONT)
        self.assertEqual(self.status()["sets"][0]["entries"], 0)

    # ---- set ----

    def test_wrong_values_are_reported_with_their_lines(self):
        self.policy.write_text("set blocked : ip size 20000\nrule ban { when ip.src in blocked then drop }\n")
        self.start()
        good = "".join(f"10.2.{n >> 8}.{n & 255}\n" for n in range(2500))
        for lines in ("# mine\n10.0.0.1\n10.0.0.300\n\nnonsense  # no address\n", good + "10.0.0.300\n" + good.replace("10.2.", "10.3.") + "nonsense\n"):
            said = self.set_("add", "blocked", "-", text=lines)
            self.assertEqual(said.returncode, 1, said.stderr)
            wrong = [n for n, line in enumerate(lines.splitlines(), 1) if "300" in line or line.startswith("nonsense")]
            for number in wrong:
                self.assertRegex(said.stderr, rf"(?m)^-:{number}: error: .*no address")
            self.assertEqual(said.stderr.count(": error: "), 2)
            self.assertIn("2 of the values are wrong: nothing was changed", said.stderr)
            self.assertEqual(self.status()["sets"][0]["entries"], 0)
        self.assertEqual(self.set_("remove", "blocked", "-", text="10.0.0.1\nx\n").returncode, 1)
        said = self.set_("add", "blocked", "10.0.0.1", "x", "y")
        self.assertEqual((said.returncode, said.stderr.count("no address")), (2, 2), said.stderr)
        for none in (self.set_("add", "blocked", "-", text="# nothing\n"), self.set_("remove", "blocked", "-", text=""),
                     self.set_("add", "blocked", "for", "10m"), self.set_("add", "blocked")):
            self.assertEqual(none.returncode, 2, none.stderr)
        self.assertIn("there is no value", self.set_("add", "blocked", "-", text="\n").stderr)
        self.assertEqual(self.set_("add", "nowhere", "-", text=good).stderr.count("no set"), 1)
        self.assertEqual(self.set_("add", "blocked", "-", text=good).stdout, "2500 added\n")

    # ---- sinks ----

    def test_a_sink_that_cannot_open_its_file(self):
        bad = f'sink log = eve("{self.folder}/missing/eve.json")\n'
        opening = f"sink log: opening {self.folder}/missing/eve.json failed: No such file or directory"
        self.policy.write_text(FIRST + bad)
        said = self.run_weir("--strict-sinks")
        self.assertEqual(said.returncode, 3)
        self.assertIn(opening, said.stderr)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.start()
        self.assertIn("opening", self.status()["sinks"][0]["state"])
        said = self.ask("reload")
        self.assertEqual(said.returncode, 0)
        self.assertIn("weir: warning: " + opening, said.stderr)
        self.assertEqual(json.loads(self.ask("reload", "--format", "json").stdout)["problems"], [opening])
        (self.folder / "missing").mkdir()
        self.send(9, 1)
        self.wait_until(lambda: self.status()["sinks"][0]["state"] == "ok", "it can be opened now")
        self.assertRegex(self.end()[2], f"(?m){TIME}{NAME}: warning: {re.escape(opening)}")

        self.policy.write_text(FIRST)
        self.start("--strict-sinks")
        self.policy.write_text(FIRST + bad.replace("missing", "absent"))
        said = self.ask("reload")
        self.assertEqual(said.returncode, 3, said.stderr)
        self.assertIn("absent/eve.json failed", said.stderr)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"], status["sinks"][0]["name"]), (1, 1, "stdout"))
        (self.folder / "absent").mkdir()
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertTrue((self.folder / "absent" / "eve.json").exists())

    # ---- what is said ----

    def test_what_observe_does_is_said(self):
        sentence = "observe: verdicts are not enforced"
        self.start("--observe")
        self.assertTrue(self.status()["observe"])
        self.assertIn(sentence, self.ask("status").stdout)
        self.assertIn(sentence, self.ask("top", "-n", "1").stdout)
        self.assertIn(sentence, self.ask("reload").stdout)
        self.assertTrue(json.loads(self.ask("reload", "--format", "json").stdout)["observe"])
        self.assertEqual(self.end()[2].count(sentence), 3)
        self.start()
        self.assertFalse(self.status()["observe"])
        self.assertNotIn(sentence, self.ask("status").stdout + self.ask("reload").stdout)

    def test_notices_have_their_time(self):
        self.start()
        self.assertEqual(self.ask("reload").returncode, 0)
        self.running.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.status()["generation"] == 3, "reloaded")
        lines = self.end()[2].splitlines()
        for line in lines:
            self.assertRegex(line, TIME + NAME)
        self.assertRegex(lines[-1], TIME + f"{NAME}: stopped; its policy is no longer on c0$")

    def test_a_dry_run_of_the_file_in_force_says_which_packets_change(self):
        (self.folder / "part.rules").write_text("let web = 80\n")
        (self.folder / "bad.list").write_text("192.0.2.1\n")
        text = 'import "part.rules"\nset bad : ip from "bad.list"\nrule a { when tcp.dport == web or ip.src in bad then drop }\n'
        self.policy.write_text(text)
        self.start()
        changes = lambda: json.loads(self.ask("reload", "--dry-run", "--format", "json").stdout)    # noqa: E731
        self.assertEqual(changes()["classes"], [])
        (self.folder / "part.rules").write_text("let web = 81\n")
        self.assertEqual({(one["old"]["rule"], one["packets"]) for one in changes()["classes"]},
                         {("a", "ip.src not in bad and tcp.dport == 80"), (None, "ip.src not in bad and tcp.dport == 81")})
        self.assertIn("    packets: ip.src not in bad and tcp.dport == 81\n", self.ask("reload", "--dry-run").stdout)
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(changes()["classes"], [])
        # What was in force is in the memory of the compiler's process alone; where that has ended, this is said.
        self.policy.write_text(text + "rule b { when udp then drop }\n")
        os.kill(self.compiler(), signal.SIGKILL)
        self.wait_until(lambda: self.ask("reload", "--dry-run").returncode == 0, "another compiler")
        plan = changes()
        self.assertNotIn("classes", plan)
        self.assertIn("policy.rules: it has changed since, and what it was is no longer known", plan["changes"])
        self.assertEqual(plan["new_rules"], ["b"])

    def test_a_dry_run_says_what_would_change(self):
        self.policy.write_text(FIRST + "set banned : ip ttl 1h\nrule ban { when ip.src in banned then drop }\n")
        self.start()
        second = self.folder / "second.rules"
        second.write_text(SECOND)
        said = self.ask("reload", second, "--dry-run")
        self.assertEqual(said.returncode, 0, said.stderr)
        for line in ("nothing was changed; generation 1 stays in force", "    new rules: more", "    rules that go: ban",
                     "    the state of `set banned: (ip)` would be lost"):
            self.assertIn(line, said.stdout)
        plan = json.loads(self.ask("reload", second, "--dry-run", "--format", "json").stdout)
        self.assertEqual((plan["dry_run"], plan["new_rules"], plan["removed_rules"], plan["forgotten"], plan["generation"]),
                         (True, ["more"], ["ban"], ["set banned: (ip)"], 1))
        self.assertIn("more", {one["new"]["rule"] for one in plan["classes"]})
        self.assertRegex(said.stdout, r"\n\d+ classes of packets are judged otherwise\n")
        bad = self.folder / "bad.rules"
        bad.write_text("rule r {")
        self.assertEqual(self.ask("reload", bad, "--dry-run").returncode, 1)
        self.assertEqual(self.ask("reload", second, "--dry-run", "--shadow").returncode, 2)
        self.assertEqual(self.ask("reload", second, "--dry-run", "--confirm-within", "5s").returncode, 2)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 0))
        self.send(9, 2)
        self.assertEqual(self.rules(), {"marked": 2, "kept": 0, "ban": 0})
        self.assertEqual(self.ask("reload", second).returncode, 0)

    def test_a_compiler_that_is_killed_before_it_reads_the_policy(self):
        self.start()
        for generation in (2, 3):
            compiler = self.compiler()
            os.kill(compiler, signal.SIGSTOP)
            reload = self.popen("reload")
            self.taken()
            os.kill(compiler, signal.SIGKILL)
            _, err = reload.communicate(timeout=60)
            self.assertEqual((reload.returncode, err), (0, ""))
            self.assertEqual(self.status()["generation"], generation)


if __name__ == "__main__":
    main()
