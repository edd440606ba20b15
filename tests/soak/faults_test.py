#!/usr/bin/env python3
"""faults_test.py WEIR SOURCE: a running engine while the world fails: no memory, no room on a disk, no reader, clocks that
jump. The policy stays in force, and everything is counted. Skipped as tests/cli/live_case.py says."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cli"))
from live_case import NAME, WEIR, LiveCase, inside, main, udp_frame   # noqa: E402

YEAR_S = 365 * 86400
FAKETIME = f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1"


def memory_group(name, limit_bytes):
    """A memory cgroup of version 1 or 2; its folder, or nothing where none can be made."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(root, name)
        if not pathlib.Path(root, "cgroup.procs").exists():
            continue
        try:
            if limit == "memory.max":
                pathlib.Path(root, "cgroup.subtree_control").write_text("+memory")
            group.mkdir()
            (group / limit).write_text(str(limit_bytes))
            return group
        except OSError:
            continue
    return None


def alive(account):
    return account["pending"] == 0 and account["matched"] == account["delivered"] + account["suppressed"] + account["lost"]


class Faults(LiveCase):
    def test_maps_that_do_not_fit_in_the_memory_there_is(self):
        group = memory_group(NAME, 64 << 20)
        if group is None:
            self.skipTest("no memory cgroup can be made here")
        self.addCleanup(lambda: self.wait_until(lambda: not group.exists() or group.rmdir() is None, "the cgroup goes"))
        self.addCleanup(self.end)
        process = self.start()
        (group / "cgroup.procs").write_text(str(process.pid))
        large, small = self.folder / "large.rules", self.folder / "small.rules"
        rules = "rule banned {{ when ip.src in banned then drop }}\nrule seen {{ when udp.dport == 12 then add ip.src to banned }}\nset banned : ip size {} ttl 1h\n"
        large.write_text(rules.format(2_000_000))
        small.write_text(rules.format(1_000))
        for number in range(1, 4):
            said = self.ask("reload", large)
            self.assertEqual(said.returncode, 3, said.stderr)
            self.assertIn("the policy in force stays", said.stderr)
            self.send(9, 1)
            status = self.status()
            self.assertEqual((status["generation"], status["reload_failed"], self.rules()["marked"]), (1, number, number))
        self.assertEqual(self.ask("reload", small).returncode, 0)
        self.assertEqual(self.status()["generation"], 2)

    def test_a_sink_on_a_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        self.addCleanup(self.end)
        log = disk / "eve.json"
        self.policy.write_text(f'rule marked {{ when udp.dport == 9 then alert hit, drop }}\nalert hit {{ message "hit" }}\nsink events = eve("{log}")\n')
        self.start()
        sent = 1000                           # of about 500 bytes
        self.send(9, sent)
        self.wait_until(lambda: alive(self.status()["alerts"][0]), "all events are accounted for")
        status = self.status()
        sink, account = status["sinks"][0], status["alerts"][0]
        self.assertEqual(self.rules()["marked"], sent)
        self.assertIn("No space left on device", sink["state"])
        self.assertIn("No space left on device", self.ask("status").stdout)
        self.assertEqual((sink["delivered"] + sink["lost"], account["delivered"], account["lost"]), (sent, sink["delivered"], sink["lost"]))
        self.assertGreater(sink["lost"], 100)
        self.assertEqual(len([json.loads(line) for line in log.read_text().splitlines()]), sink["delivered"])   # whole lines only
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        self.send(9, 10)
        self.wait_until(lambda: self.status()["sinks"][0]["delivered"] == sink["delivered"] + 10, "the sink recovers")
        self.assertEqual(self.status()["sinks"][0]["state"], "ok")
        self.assertEqual(len([json.loads(line) for line in log.read_text().splitlines()]), sink["delivered"] + 10)

    def test_events_while_the_engine_stands_still(self):
        """SIGSTOP for 5 s under hundreds of thousands of events a second: packets are judged, each event is accounted for."""
        alerts, log, stopped_s = 16, self.folder / "eve.json", 5
        names = ", ".join(f"alert a{number}" for number in range(alerts))
        self.policy.write_text(f"rule marked {{ when udp.dport == 9 then {names}, drop }}\nrule kept {{ when udp.dport == 10 then pass }}\n"
                               f'sink events = eve("{log}")\nalert a0 {{ message "x"  throttle 1 per ip.src every 1s }}\n'
                               + "".join(f'alert a{number} {{ message "x" }}\n' for number in range(1, alerts)))
        process = self.start()
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        code = ("import socket,time\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c1',0))\n"
                f"a,b=bytes.fromhex('{udp_frame(9).hex()}'),bytes.fromhex('{udp_frame(10).hex()}')\nn,end=0,time.monotonic()+{stopped_s}\n"
                "while time.monotonic()<end:\n for _ in range(100): s.send(a); s.send(b)\n n+=100\nprint(n)")
        sent = int(inside(sys.executable, "-c", code).stdout)
        process.send_signal(signal.SIGCONT)
        self.wait_until(lambda: all(alive(account) for account in self.status()["alerts"]), "all events are accounted for", 60)
        self.assertEqual(self.rules(), {"marked": sent, "kept": sent})
        accounts = self.status()["alerts"]
        self.assertEqual([account["matched"] for account in accounts], [sent] * alerts)
        self.assertGreaterEqual(accounts[0]["suppressed"], sent - stopped_s - 2)
        self.assertGreater(min(account["lost"] for account in accounts[1:]), 0)
        delivered = sum(account["delivered"] for account in accounts)
        self.assertEqual(log.read_text().count("\n"), delivered)
        self.assertGreater(delivered, 1000)   # what the ring took
        print(f"{sent * alerts / stopped_s:.0f} events a second for {stopped_s} s: {delivered} delivered, the others counted")

    def test_nobody_reads_what_the_engine_says(self):
        self.policy = self.policy.rename(self.folder / ("x" * 240))   # each message names it
        self.policy.write_text("policy p\n" + self.policy.read_text())
        process = self.start(pipe_bytes=8192)
        for _ in range(40):
            self.assertEqual(self.ask("reload").returncode, 0)
        sent = 0
        while not self.status()["sinks"][0]["lost"]:    # lines are packed into what the pipe holds
            self.send(9, 100)
            sent += 100
            self.assertLess(sent, 100_000)
        self.wait_until(lambda: alive(self.status()["alerts"][0]), "all events are accounted for")
        status = self.status()
        self.assertEqual((status["generation"], self.rules()["marked"]), (41, sent))
        self.assertGreater(status["sinks"][0]["lost"], 0)
        self.assertIn("nobody reads standard output", status["sinks"][0]["state"])
        self.assertGreater(os.read(process.stderr.fileno(), 1 << 16).count(b"in force, generation"), 5)
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertIn("bytes of messages were lost, because nobody read them", self.end()[2])

    CLOCKED = ("set banned : ip ttl 1h\n"
               "rule fill { when udp.dport == 12 then add ip.src to banned }\n"
               "rule limited { when udp.dport == 9 and rate(udp.dport) > 10/h then drop }\n"
               "rule noted { when udp.dport == 10 then alert held, alert told }\n"
               'alert held { message "x"  throttle 1 per ip.src every 1h }\nalert told { message "x" }\n')

    def engine_goes_on(self):
        """Nothing stalls, nothing bursts; whoever waits for a time waits as long as ever."""
        before = {alert["name"]: alert for alert in self.status()["alerts"]}
        limited = self.rules()["limited"]
        self.send(9, 20)
        self.send(10, 5)
        self.wait_until(lambda: self.status()["alerts"][1]["delivered"] == before["told"]["delivered"] + 5, "events are delivered", 60)
        now = {alert["name"]: alert for alert in self.status()["alerts"]}
        self.assertEqual(now["held"]["delivered"], before["held"]["delivered"])
        self.assertEqual(now["held"]["suppressed"], before["held"]["suppressed"] + 5)
        self.assertEqual(self.rules()["limited"], limited + 20)
        listed = subprocess.run([WEIR, "set", "list", "banned", "--name", NAME], capture_output=True, text=True, timeout=60)
        self.assertRegex(listed.stdout, r"^10\.97\.0\.1 for (59m|1h0m)")
        self.policy.write_text(self.CLOCKED + f"rule other{time.monotonic_ns()} {{ when udp.dport == 13 then drop }}\n")
        said = self.ask("reload", "--confirm-within", "1s", "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        new = json.loads(said.stdout)["generation"]
        begin = time.monotonic()
        generation = self.status()["generation"]
        if time.monotonic() - begin < 0.9:                # the machine was quick enough to see it in force
            self.assertEqual(generation, new)
        self.wait_until(lambda: self.status()["generation"] != new, "nobody confirms", 60)

    def start_clocked(self, *before):
        self.policy.write_text(self.CLOCKED)
        self.start(before=before)
        self.send(12, 1)
        self.send(9, 20)                      # ten of them find a token
        self.send(10, 1)
        self.assertEqual(self.rules()["limited"], 10)
        self.wait_until(lambda: self.status()["alerts"][0]["delivered"] == 1, "the first alert of an hour")

    def test_clocks_that_jump(self):
        if not os.path.exists(FAKETIME):
            self.skipTest("faketime is not here")
        clock = self.folder / "clock"
        clock.write_text("+0")
        self.start_clocked("env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
                           "DONT_FAKE_MONOTONIC=1")
        for jump, years in (("+3650d", 10), ("-3650d", -10), ("+0", 0)):
            clock.write_text(jump)
            self.engine_goes_on()
            last = json.loads(self.ask("events", "--format", "json").stdout.splitlines()[-1])["timestamp"]
            self.assertLess(abs(int(last[:4]) - (time.gmtime().tm_year + years)), 2, "events have the clock's time")

    def test_another_time_in_a_namespace(self):
        """User space's monotonic clock is years ahead of the kernel's: times that both speak of stay the same."""
        offset = ("unshare", "--time", "--monotonic", str(10 * YEAR_S))
        if subprocess.run([*offset, "true"], capture_output=True).returncode != 0:
            self.skipTest("no time namespaces here")
        self.start_clocked(*offset, "--fork")
        between = self.running.pid            # unshare: it takes no SIGTERM
        self.addCleanup(os.kill, int(pathlib.Path(f"/proc/{between}/task/{between}/children").read_text()), signal.SIGTERM)
        self.engine_goes_on()


if __name__ == "__main__":
    main()
