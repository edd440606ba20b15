#!/usr/bin/env python3
"""load_test.py WEIR SOURCE: while a policy is compiled and loaded, the engine answers, ends when it is told to, and lets a
reload be withdrawn. Skipped as live_case.py says."""
import os
import pathlib
import signal
import subprocess
import time

from live_case import NAME, WEIR, LiveCase, inside, main


def slow_policy():
    """A policy whose program takes the verifier long: many conditions, each with a state of its own."""
    return "".join(f"rule r{i} {{ when udp.dport == {i} and rate(ip.src) > {i + 1}/s and payload contains \"x{i}\" then drop }}\n"
                   for i in range(48))


def children(process):
    return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_gone(process):
    """It has ended, whether or not anybody has waited for it."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


class Load(LiveCase):
    def loader(self):
        """The process that loads a program, or nothing: the engine's child that is no program of its own."""
        for child in children(self.running.pid):
            try:
                command = pathlib.Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            if command and b"compile-worker" not in command:
                return child
        return None

    def reload_and_stop_the_loader(self):
        """A reload whose load cannot end: its process is stopped while it is at it."""
        slow = self.folder / "slow.rules"
        slow.write_text(slow_policy())
        reload = subprocess.Popen([WEIR, "reload", str(slow), "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(reload.communicate)
        self.addCleanup(reload.kill)
        found = None
        while found is None:
            self.assertIsNone(reload.poll(), "the policy was loaded before it was seen")
            found = self.loader()
        os.kill(found, signal.SIGSTOP)
        return reload, found

    def test_the_engine_answers_while_a_policy_is_loaded(self):
        process = self.start()
        reload, loader = self.reload_and_stop_the_loader()
        for _ in range(3):
            self.assertEqual(self.status()["generation"], 1)
        self.send(9, 2)
        self.assertEqual(self.rules()["marked"], 2)
        self.assertIsNone(reload.poll())
        os.kill(loader, signal.SIGCONT)
        _, err = reload.communicate(timeout=100)
        self.assertEqual(reload.returncode, 0, err)
        self.assertEqual((process.poll(), self.status()["generation"]), (None, 2))
        self.wait_until(lambda: self.loader() is None, "its process ends")

    def test_the_engine_ends_while_a_policy_is_loaded(self):
        self.start()
        reload, loader = self.reload_and_stop_the_loader()
        begin = time.monotonic()
        status, _, _ = self.end()
        print(f"ended in {time.monotonic() - begin:.2f} s")
        self.assertEqual(status, 0)
        self.assertEqual(reload.wait(20), 3)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.wait_until(lambda: is_gone(loader), "its process is gone")

    def test_a_reload_whose_asker_leaves_is_withdrawn(self):
        self.start()
        reload, loader = self.reload_and_stop_the_loader()
        reload.send_signal(signal.SIGINT)
        reload.wait(20)
        self.wait_until(lambda: is_gone(loader), "its process is gone")
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 0))
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)
        self.assertIn("withdrawn", self.end()[2])

    def test_a_loader_that_dies_is_an_error_message(self):
        self.start()
        reload, loader = self.reload_and_stop_the_loader()
        os.kill(loader, signal.SIGKILL)
        _, err = reload.communicate(timeout=20)
        self.assertEqual(reload.returncode, 3)
        self.assertIn("the process that loads programs died", err)
        self.assertIn("the policy in force stays", err)
        self.assertEqual(self.status()["generation"], 1)
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)

    def test_a_policy_that_is_gone_back_from_meanwhile(self):
        self.start()
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)
        reload, loader = self.reload_and_stop_the_loader()
        self.assertEqual(self.ask("rollback").returncode, 0)
        self.assertEqual(self.status()["generation"], 1)
        os.kill(loader, signal.SIGCONT)
        _, err = reload.communicate(timeout=100)
        self.assertEqual(reload.returncode, 0, err)
        self.assertEqual(self.status()["history"][0]["generation"], 1)

    def test_first_entries_of_a_set_that_is_taken_over(self):
        self.policy.write_text('set s : ip size 100\nrule r { when udp.dport == 9 then add ip.src to s }\n')
        self.start()
        (self.folder / "list.txt").write_text("192.0.2.1\n192.0.2.2\n")
        self.policy.write_text('set s : ip size 100 from "list.txt"\nrule r { when udp.dport == 9 then add ip.src to s }\n')
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(self.status()["sets"][0]["entries"], 2)


if __name__ == "__main__":
    main()
