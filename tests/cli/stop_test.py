#!/usr/bin/env python3
"""stop_test.py WEIR SOURCE: weir stop, and engines that were killed and still enforce. Skipped as live_case.py says."""
import json
import os
import pathlib
import signal
import subprocess

from live_case import NAME, WEIR, LiveCase, inside, main


def weir(*arguments):
    return subprocess.run([WEIR, *arguments], capture_output=True, text=True, timeout=60)


class Stop(LiveCase):
    def is_attached(self):
        return "xdp" in inside("ip", "link", "show", "c0").stdout

    def kill(self):
        process, self.running = self.running, None
        process.kill()
        process.communicate(timeout=20)

    def test_a_running_engine_stops_by_its_name(self):
        process = self.start()
        said = self.ask("stop")
        # It has ended, not only heard of it.
        self.assertEqual(process.wait(0.5), 0)
        self.assertEqual((said.returncode, said.stdout), (0, f"{NAME}: stopped; no policy of it is on c0 now\n"), said.stderr)
        self.assertFalse(self.is_attached())
        self.end()
        self.start()
        said = weir("stop", "--format", "json")
        self.assertEqual((said.returncode, json.loads(said.stdout)), (0, {"name": NAME, "interfaces": ["c0"]}), said.stderr)
        self.end()
        said = self.ask("stop")
        self.assertEqual(said.returncode, 3)
        self.assertIn(f"no engine named `{NAME}` runs here", said.stderr)

    def test_interrupted_while_the_engine_does_not_end(self):
        process = self.start()
        # Who asks gets no status either, but the signal is sent all the same once the time for that has passed.
        os.kill(process.pid, signal.SIGSTOP)
        stop = subprocess.Popen([WEIR, "stop", "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(stop.kill)
        pending = lambda: int(next(line for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("ShdPnd")).split()[1], 16)
        self.wait_until(lambda: pending() & 1 << (signal.SIGTERM - 1), "SIGTERM was sent", 30)
        stop.send_signal(signal.SIGINT)
        _, err = stop.communicate(timeout=20)
        self.assertEqual(stop.returncode, 3, err)
        self.assertIn("is still stopping", err)
        os.kill(process.pid, signal.SIGCONT)
        self.assertEqual(process.wait(20), 0)
        self.end()

    def test_a_killed_engine_is_listed_and_detached(self):
        self.start()
        said = self.ask("stop", "--leave")
        self.assertEqual(said.returncode, 3)
        self.assertIn("runs: --leave is for what a killed one left", said.stderr)
        self.kill()
        self.assertTrue(self.is_attached())
        for said in (self.ask("status"), weir("status")):
            self.assertEqual(said.returncode, 3)
            self.assertIn("the policy that a killed engine left is in force on c0", said.stderr)
            self.assertIn(f"weir stop --leave --name {NAME}", said.stderr)
        said = weir("status", "--format", "json")
        self.assertEqual((said.returncode, json.loads(said.stdout)), (3, {"killed": [{"name": NAME, "interfaces": ["c0"]}]}))
        self.assertIn("weir stop --leave", self.ask("stop").stderr)
        said = weir("status", "--name", "nosuch")
        self.assertEqual(said.returncode, 3)
        self.assertIn(f"killed, its policy still in force: {NAME}", said.stderr)
        said = weir("stop", "--leave")
        self.assertEqual((said.returncode, said.stdout), (0, f"{NAME}: detached what a killed engine had left in force on c0\n"), said.stderr)
        self.assertFalse(self.is_attached())
        self.assertFalse(os.path.exists(f"/sys/fs/bpf/weir/{NAME}"))
        self.assertIn("no engine of weir runs here", weir("status").stderr)
        self.assertEqual(self.ask("stop", "--leave").returncode, 3)

    def test_beside_others_that_run(self):
        inside("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
        self.addCleanup(inside, "ip", "link", "delete", "d0")
        self.start(name=NAME)
        self.kill()
        first, self.running = self.running, None
        others = [subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", link, "--name", f"{NAME}{link}"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for link in ("d0", "d1")]
        try:
            self.wait_until(lambda: all(weir("status", "--name", f"{NAME}{link}").returncode == 0 for link in ("d0", "d1")), "both run")
            said = weir("status", "--name", f"{NAME}d0")
            self.assertIn(f"{NAME}: no engine runs; the policy that a killed engine left is in force on c0", said.stdout)
            said = weir("status", "--name", f"{NAME}d0", "--format", "json")
            self.assertEqual(json.loads(said.stdout)["killed"], [{"name": NAME, "interfaces": ["c0"]}])
            said = weir("status", "--name", "nosuch")
            self.assertIn(f"running: {NAME}d0, {NAME}d1; killed, its policy still in force: {NAME}", said.stderr)
            self.assertIn(f"{NAME}d0, {NAME}d1", weir("status").stderr)
        finally:
            for other in others:
                other.terminate()
                other.communicate(timeout=20)
            self.assertEqual(self.ask("stop", "--leave").returncode, 0)


if __name__ == "__main__":
    main()
