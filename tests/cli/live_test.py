#!/usr/bin/env python3
"""live_test.py WEIR SOURCE: weir run, reload and status on a veth pair in a network namespace of its own. Skipped as
live_case.py says."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from live_case import FIRST, NAME, SECOND, WEIR, LiveCase, inside, main


class Live(LiveCase):
    def test_run_status_reload_and_end(self):
        self.start()
        self.send(9, 5)
        self.send(10, 3)
        status = self.status()
        self.assertEqual((status["policy"], status["generation"], status["interfaces"]),
                         ("policy", 1, [{"name": "c0", "mode": "native", "attached": True, "gaps": 0, "last_gap_ms": 0}]))
        self.assertEqual(self.rules(), {"marked": 5, "kept": 3})

        second = self.folder / "second.rules"
        second.write_text(SECOND)
        said = self.ask("reload", second, "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(json.loads(said.stdout)["generation"], 2)
        self.send(9, 1)
        self.send(11, 2)
        self.assertEqual(self.rules(), {"marked": 6, "more": 2, "kept": 3})
        alert = self.status()["alerts"][0]
        self.assertEqual((alert["name"], alert["matched"]), ("hit", 6))
        self.assertEqual(alert["matched"], alert["delivered"] + alert["suppressed"] + alert["lost"] + alert["pending"])

        status, out, _ = self.end()
        self.assertEqual(status, 0)
        self.assertEqual(len([line for line in out.splitlines() if "hit from 10.97.0.1" in line]), 6)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.assertEqual(self.ask("status").returncode, 3)

    def test_the_rules_text_stands_in_the_program(self):
        self.start()
        dump = subprocess.run(["bpftool", "prog", "dump", "xlated", "name", "weir_policy"], capture_output=True, text=True, timeout=60)
        self.assertIn("; rule marked { when udp.dport == 9 then alert hit, drop }", dump.stdout)

    def test_refused_reload_changes_nothing(self):
        self.start()
        bad = self.folder / "bad.rules"
        for text, status in (("rule r { when tcp.dprot == 1 then drop }", 1), ('set s : ip from "nowhere"', 1), ("rule r {", 1), ("rule r { when tcp th", 1)):
            bad.write_text(text)
            said = self.ask("reload", bad)
            self.assertEqual(said.returncode, status)
            self.assertIn("error[", said.stderr)
        self.assertEqual(self.ask("reload", self.folder / "nowhere.rules").returncode, 3)
        bad.write_text("#" * (17 << 20))
        said = self.ask("reload", bad)
        self.assertEqual(said.returncode, 1)
        self.assertIn("error[E502]", said.stderr)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 6))
        self.assertIn("\n    6 reloads were refused\n", self.ask("status").stdout)
        self.send(9, 1)
        self.assertEqual(self.rules()["marked"], 1)

    def ticks(self, process):
        """How much of a CPU it has had, in hundredths of a second."""
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def has_ended(self, process):
        """Its descriptors are closed then, too."""
        try:
            return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
        except FileNotFoundError:
            return True

    def large_policy(self):
        large = self.folder / "large.rules"
        large.write_text("\n".join(f"rule r{i} {{ when ip.src in 10.{i >> 8 & 255}.{i & 255}.0/24 and udp.dport in {i % 999}..{i % 999 + i % 77} then drop }}"
                                   for i in range(130000)))
        return large

    def refused_reload(self, process, large, what, failed, end=None):
        compiler = self.compiler()
        begun = self.ticks(compiler)
        reload = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "reload", str(large), "--name", NAME],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if end is not None:
            self.wait_until(lambda: self.ticks(compiler) >= begun + 5, "it compiles")
            os.kill(compiler, end)
        said = reload.communicate(timeout=60)[1]
        self.assertEqual(reload.returncode, 3, said)
        self.assertIn(what, said)
        status = self.status()
        self.assertEqual((process.poll(), status["generation"], status["reload_failed"]), (None, failed, failed))
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)      # by a new process

    def test_a_compiler_that_dies_is_an_error_message(self):
        process, large = self.start(), self.large_policy()
        # The kernel sends SIGXCPU at the limit of CPU time; how much a policy takes, the machine decides.
        for failed, (what, end) in enumerate({"process died (Segmentation": signal.SIGSEGV, "took more than": signal.SIGXCPU}.items(), 1):
            with self.subTest(what):
                self.refused_reload(process, large, what, failed, end)
        compiler = self.compiler()
        os.kill(compiler, signal.SIGKILL)                                            # while it has nothing to do
        self.wait_until(lambda: self.has_ended(compiler), "it has ended")
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)

    def test_a_compiler_without_memory_is_an_error_message(self):
        process = self.start(before=("prlimit", f"--as={400 << 20}"))                # which the compiler inherits; this policy takes 600 MB
        self.refused_reload(process, self.large_policy(), "too little memory", 1)

    def test_the_compiler_is_confined(self):
        self.start()
        facts = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{self.compiler()}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual((facts["Uid"].split()[1], facts["CapEff"], facts["NoNewPrivs"], facts["Seccomp"]), ("65534", "0" * 16, "1", "2"))
        self.assertEqual(self.status()["compiler"], {"lacks": []})
        engine = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{self.running.pid}/status").read_text().splitlines() if ":\t" in line)
        cap_sys_admin, cap_sys_module, cap_bpf = 21, 16, 39
        held = int(engine["CapEff"], 16)
        self.assertEqual([held >> capability & 1 for capability in (cap_sys_admin, cap_sys_module, cap_bpf)], [0, 0, 1])
        rights = self.status()["rights"]
        self.assertEqual((rights["user"], rights["lacks"], len(rights["capabilities"])), (0, [], bin(held).count("1")))
        self.assertIn("CAP_BPF", rights["capabilities"])

    def test_signals_that_mean_nothing_end_nothing(self):
        process = self.start()
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXFSZ):
            process.send_signal(number)
            self.assertEqual(self.status()["generation"], 1)
        self.assertIsNone(process.poll())

    def test_without_standard_descriptors(self):
        self.policy.write_text(FIRST + f'sink e = eve("{self.folder}/eve.json")\n')
        self.start(before=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"))
        self.send(9, 2)
        self.wait_until(lambda: self.status()["alerts"][0]["delivered"] == 2, "two events")
        self.assertEqual((self.folder / "eve.json").read_text().count("\n"), 2)
        self.assertEqual([os.readlink(f"/proc/{self.running.pid}/fd/{fd}") for fd in range(3)], ["/dev/null"] * 3)

    def test_a_reader_that_closes_its_pipe(self):
        self.policy.write_text("set s : u32 size 50000\nrule r { when ip.len in s then drop }\n")
        self.start()
        added = self.set_("add", "s", "-", text="".join(f"{n}\n" for n in range(40000)))
        self.assertEqual(added.returncode, 0, added.stderr)
        for command in (["set", "list", "s"], ["set", "list", "s", "--format", "json"], ["status"], ["events"]):
            read = subprocess.Popen([WEIR, *command, "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            read.stdout.readline()
            read.stdout.close()
            self.assertEqual((read.wait(60), read.stderr.read()), (0, ""), command)
            read.stderr.close()

    def test_a_log_that_is_somebodys_link(self):
        victim, log = self.folder / "victim", self.folder / "eve.json"
        log.symlink_to(victim)
        os.chown(log, 12345, -1, follow_symlinks=False)
        self.policy.write_text(FIRST + f'sink e = eve("{log}")\n')
        self.start()
        self.send(9, 1)
        self.wait_until(lambda: self.status()["alerts"][0]["lost"] == 1, "the event is lost")
        self.assertIn("is a symbolic link of user 12345", self.status()["sinks"][0]["state"])
        self.assertFalse(victim.exists())
        os.chown(log, 0, -1, follow_symlinks=False)          # root's own is followed
        self.running.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.status()["generation"] == 2, "the policy is read again")
        self.send(9, 1)
        self.wait_until(lambda: victim.exists() and victim.read_text().count("\n") == 1, "the event is in root's file")

    def test_a_state_folder_that_others_can_write_to(self):
        state = self.folder / "state"
        (state / NAME).mkdir(parents=True)
        os.chmod(state / NAME, 0o777)
        self.policy.write_text("set s : ip size 10\nrule r { when ip.src in s then drop }\n")
        self.start("--state", str(state))
        self.assertEqual(self.set_("add", "s", "10.0.0.1").returncode, 0)
        status, _, err = self.end()
        self.assertIn("is not a folder that only root", err)
        self.assertFalse((state / NAME / "sets").exists())

    def test_reload_reads_its_own_standard_input(self):
        process = self.start()
        (self.folder / "list.txt").write_text("10.97.0.1\n")
        text = 'set s : ip from "list.txt"\nrule piped { when udp.dport == 9 and ip.src in s then drop }\n'
        said = subprocess.run([WEIR, "reload", "-", "--name", NAME], input=text, capture_output=True, text=True, timeout=60, cwd=self.folder)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.send(9, 2)
        self.assertEqual(self.rules(), {"piped": 2})
        again = self.ask("reload")
        self.assertEqual(again.returncode, 2)
        self.assertIn("there is no file to read again", again.stderr)
        process.send_signal(signal.SIGHUP)
        for bad, status in (("rule r {", 1), ("rule r { when tcp.dprot == 1 then drop }", 1)):
            said = subprocess.run([WEIR, "reload", "-", "--name", NAME], input=bad, capture_output=True, text=True, timeout=60, cwd=self.folder)
            self.assertEqual(said.returncode, status)
            self.assertIn(f"{self.folder}/<stdin>:1:", said.stderr)
        self.assertEqual(self.request({"command": "reload", "file": "/x/<stdin>", "attached": True})["status"], 2)
        self.assertEqual(self.status()["generation"], 2)
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)
        self.assertIn("there is no file to read again", self.end()[2])
        self.assertEqual(inside(WEIR, "run", "-", "-i", "c0").returncode, 2)

    def test_no_fifo_stops_reloads(self):
        self.start()
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        said = self.ask("reload", fifo)
        self.assertEqual(said.returncode, 3)
        self.assertIn("it is no regular file", said.stderr)
        self.policy.write_text(f'set s : ip from "{fifo}"\nrule r {{ when ip.src in s then drop }}\n')
        self.assertEqual(self.ask("reload", self.policy).returncode, 1)
        self.policy.write_text(SECOND)
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)

    def test_a_start_that_is_stopped_leaves_nothing(self):
        self.policy = self.large_policy()                     # whose compile takes longer than it takes us to say so
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running = process
        self.wait_until(lambda: pathlib.Path(f"/run/weir/{NAME}.sock").exists(), "the engine starts")
        self.assertEqual(self.end()[0], 0)
        self.assertFalse(pathlib.Path(f"/run/weir/{NAME}.sock").exists())
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)

    def test_hangup_reads_the_file_again(self):
        process = self.start()
        self.policy.write_text(SECOND)
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while self.status()["generation"] == 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(set(self.rules()), {"marked", "more", "kept"})

    def test_confirm_and_rollback(self):
        self.start()
        second = self.folder / "second.rules"
        second.write_text(SECOND)
        self.assertEqual(self.ask("confirm").returncode, 3)
        self.assertEqual(self.ask("rollback").returncode, 3)
        for nonsense in ("0s", "60", "-5s", "5x", "900h", "99999999999999999999s"):
            self.assertEqual(self.ask("reload", second, f"--confirm-within={nonsense}").returncode, 2, nonsense)
        said = self.ask("reload", second, "--confirm-within", "400ms", "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual((json.loads(said.stdout)["generation"], json.loads(said.stdout)["falls_back_to"]), (2, 1))
        self.assertEqual(self.status()["falls_back_to"], 1)
        time.sleep(0.6)
        status = self.status()
        self.assertEqual((status["generation"], status["auto_rollbacks"], status["file"]), (1, 1, str(self.policy)))
        self.assertEqual(self.ask("confirm").returncode, 3)
        said = self.ask("reload", second, "--confirm-within", "400ms")
        self.assertIn("unless `weir confirm` comes within 400ms, generation 1 will be in force again", said.stdout)
        self.assertEqual(self.ask("confirm").returncode, 0)
        time.sleep(0.6)
        status = self.status()
        self.assertEqual((status["generation"], status["history"][0]["generation"], status["file"]), (3, 1, str(second)))
        said = self.ask("rollback", "--format", "json")
        self.assertEqual(json.loads(said.stdout), {"policy": "policy", "generation": 1, "file": str(self.policy)})
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(self.status()["file"], str(self.policy))
        self.assertEqual(set(self.rules()), {"marked", "kept"})
        self.assertIn("was not confirmed in time", self.end()[2])

    def test_killed_engine_is_gone_on_with(self):
        first = self.start()
        self.send(9, 4)
        first.kill()
        heard = first.communicate()[0].count("hit from")
        self.running = None
        self.assertEqual(self.ask("status").returncode, 3)
        self.assertIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.send(9, 3)
        taken = inside(WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME + "b")
        self.assertEqual(taken.returncode, 3)
        self.assertIn(f"left by engine `{NAME}`, which was killed", taken.stderr)
        self.assertIn(f"--name {NAME}", taken.stderr)

        self.policy.write_text("rule r { when")
        refused = inside(WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("c0: the policy that a killed engine left in force stays", refused.stderr)

        self.policy.write_text(SECOND)
        self.start()
        self.assertEqual(self.status()["generation"], 2)
        self.assertEqual(self.rules(), {"marked": 7, "more": 0, "kept": 0})
        self.assertEqual(self.ask("rollback").returncode, 0)
        self.assertEqual(self.rules()["marked"], 7)
        _, out, err = self.end()
        self.assertIn("went on with what an engine that was killed left in force", err)
        self.assertIn(heard + out.count("hit from"), (7, 8))   # one that was told just before the end may come twice
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.assertFalse(pathlib.Path("/sys/fs/bpf/weir").exists())

    def test_foreign_pins_are_refused(self):
        folder = pathlib.Path("/sys/fs/bpf/weir", NAME)
        if not os.path.ismount("/sys/fs/bpf"):
            subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
        folder.mkdir(parents=True)
        subprocess.run(["bpftool", "map", "create", str(folder / "somebodys"), "type", "array", "key", "4", "value", "4", "entries", "1", "name", "x"], check=True)
        refused = inside(WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME)
        self.assertEqual(refused.returncode, 3)
        self.assertIn("did not create: somebodys", refused.stderr)
        (folder / "somebodys").unlink()
        folder.rmdir()
        folder.parent.rmdir()

    def test_the_service_manager_is_told(self):
        path = self.folder / "notify"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.settimeout(20)
        os.environ.update(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="600000")
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")
        self.addCleanup(os.environ.pop, "WATCHDOG_USEC")
        self.start()
        said = []

        def until(word):
            while not any(word in one for one in said):
                said.append(listener.recv(4096).decode())
            said.clear()

        until(f"READY=1\nSTATUS=policy policy of {self.policy}, generation 1")
        until("WATCHDOG=1")
        until("WATCHDOG=1")
        self.assertEqual(self.ask("reload").returncode, 0)
        until("RELOADING=1\nMONOTONIC_USEC=")
        until("generation 2")
        self.end()
        until("STOPPING=1")

    def test_second_engine_is_refused(self):
        self.start()
        taken = inside(WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME + "b")
        self.assertEqual(taken.returncode, 3)
        self.assertIn("c0", taken.stderr)
        named = inside(WEIR, "run", str(self.policy), "-i", "c1", "--name", NAME)
        self.assertEqual(named.returncode, 3)
        self.assertIn("runs already", named.stderr)
        self.send(9, 1)
        self.assertEqual(self.rules()["marked"], 1)

    def set_(self, *arguments, text=None):
        action, *rest = arguments
        return subprocess.run([WEIR, "set", action, "--name", NAME, *map(str, rest)], capture_output=True, text=True, timeout=60, input=text)

    def test_sets_and_state(self):
        self.policy.write_text("set blocked : ip size 200000\nset ports : port ttl 1h\n"
                               "rule ban { when ip.src in blocked then drop }\n"
                               "rule many { when udp.dport == 10 and count(ip.src, in 1d) > 5 then drop }\n"
                               "rule seen { when udp.dport == 9 then add udp.dport to ports }\n")
        self.start()
        self.send(10, 8)
        self.send(9, 1)
        self.assertEqual(self.rules()["many"], 3)
        self.assertRegex(self.set_("list", "ports").stdout, r"^9 for 59m\d+s\n$")
        many = "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(1 << 20, (1 << 20) + 100000))
        begin = time.monotonic()
        self.assertEqual(self.set_("add", "blocked", "-", text="# a comment\n" + many).stdout, "100000 added\n")
        took = time.monotonic() - begin
        print(f"100,000 entries added in {took:.2f} s")
        self.assertEqual(self.set_("add", "blocked", "10.97.0.1", "for", "1h").returncode, 0)
        self.send(9, 2)
        self.assertEqual(self.rules()["ban"], 2)
        self.assertEqual(self.set_("remove", "blocked", "10.97.0.1", "1.2.3.4").stdout, "1 removed\n")
        self.assertEqual(len(self.set_("list", "blocked", "--format", "json").stdout.splitlines()), 100000)
        for wrong, said in ((("add", "blocked", "10.0.0.300"), "no address"), (("add", "nowhere", "1"), "no set"), (("add", "ports", "1", "for", "ever"), "not a duration")):
            refused = self.set_(*wrong)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(said, refused.stderr)
        status = self.status()
        self.assertEqual({s["name"]: s["entries"] for s in status["sets"]}, {"blocked": 100000, "ports": 1})
        self.assertEqual([(t["name"], t["keys"], t["evicted"]) for t in status["terms"]], [("rule many: count(ip.src) in 1d", 1, 0)])
        shown = self.ask("status").stdout
        self.assertRegex(shown, r"(?m)^state +keys +evicted +refused\nrule many: count\(ip\.src\) in 1d +1 +0 +0$")
        self.assertRegex(shown, r"(?m)^blocked +100000 +0$")

        second = self.folder / "second.rules"
        second.write_text("rule other { when udp.dport == 10 and rate(ip.src) > 1000/s then drop }\n"
                          "rule many { when udp.dport == 10 and count(ip.src, in 1d) > 5 then drop }\nset blocked : ip size 200000\n"
                          "rule ban { when ip.src in blocked then drop }\n")
        told = subprocess.run([WEIR, "check", str(second), "--against", str(self.policy)], capture_output=True, text=True, timeout=60)
        self.assertIn("forgets the state of `set ports: (port)`", told.stderr)
        self.assertIn("`rule other: rate(ip.src) per 1s` starts empty", told.stderr)
        self.assertNotIn("many", told.stderr)
        said = self.ask("reload", second)
        self.assertIn("the state of `set ports: (port)` is gone", said.stdout)
        self.send(10, 1)
        self.assertEqual(self.rules()["many"], 4)
        self.assertEqual({s["name"]: s["entries"] for s in self.status()["sets"]}, {"blocked": 100000})

    def test_observe(self):
        self.start("--observe", "--mode", "generic")
        self.assertEqual(self.status()["interfaces"][0]["mode"], "generic")
        listener = ("import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3))\ns.bind(('c0',0))\ns.settimeout(10)\n"
                    "print('ready',flush=True)\nprint(len(s.recv(2048)))")
        heard = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", sys.executable, "-c", listener], stdout=subprocess.PIPE, text=True)
        self.assertEqual(heard.stdout.readline(), "ready\n")
        self.send(9, 1)
        self.assertNotEqual(heard.communicate(timeout=20)[0], "")
        self.assertEqual(self.rules()["marked"], 1)
        self.assertIn("would drop", self.end()[1])

    def test_faults_of_the_world(self):
        nowhere = inside(WEIR, "run", str(self.policy), "-i", "nosuch0")
        self.assertEqual(nowhere.returncode, 3)
        self.assertIn("nosuch0", nowhere.stderr)
        self.policy.write_text("rule r { when")
        self.assertEqual(inside(WEIR, "run", str(self.policy), "-i", "c0").returncode, 1)
        self.assertEqual(inside(WEIR, "run", str(self.policy)).returncode, 2)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)

    def test_the_control_socket_takes_no_nonsense(self):
        self.start()
        path = f"/run/weir/{NAME}.sock"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        for nonsense in (b"\n", b"{}\n", b"[1,2]\n", b'{"command":5}\n', b'{"command":"reload","file":7,"include":{}}\n', b"\xff\xfe\n", b"x" * 70000):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                try:
                    client.sendall(nonsense)
                    answer = client.recv(1 << 16)
                except (BrokenPipeError, ConnectionResetError):
                    continue
                if answer:
                    self.assertEqual(json.loads(answer)["status"], 2)
        self.assertEqual(self.status()["name"], NAME)

    def test_a_value_of_a_wrong_type_is_never_a_default(self):
        self.start()
        second = self.folder / "second.rules"
        second.write_text(SECOND)
        policy = {"command": "reload", "file": str(second)}
        for wrong, key in (({**policy, "confirm_within_ms": "60s"}, "confirm_within_ms"), ({**policy, "shadow": "true"}, "shadow"),
                           ({**policy, "confirm_within": 60}, "confirm_within")):
            answer = self.request(wrong)
            self.assertEqual((answer["ok"], answer["status"]), (False, 2))
            self.assertIn(f"`{key}`", answer["error"])
        self.assertEqual(self.status()["generation"], 1)
        self.assertEqual(self.request({**policy, "shadow": True})["status"], 0)
        self.send(11, 3)                      # the candidate drops them
        self.wait_until(lambda: self.status()["shadow"]["disagreements"] == 3, "three disagreements")
        self.assertEqual(self.request({"command": "promote", "if_disagreements_under": "1"})["status"], 2)
        self.assertEqual(self.request({"command": "promote", "if_disagreements_under": 1})["status"], 1)
        self.assertEqual(self.status()["generation"], 1)


if __name__ == "__main__":
    main()
