#!/usr/bin/env python3
"""tests_first_test.py WEIR SOURCE: the tests of a policy run before it is put in force. Skipped as live_case.py says."""
import json
import signal
import subprocess
import time

from live_case import FIRST, NAME, WEIR, LiveCase, inside, main

HOLDS = 'test "marked" { udp 10.97.0.1:1 -> 10.97.0.2:9 => drop by marked }\n'
FAILS = 'test "kept" {\n    udp 10.97.0.1:1 -> 10.97.0.2:9 => drop\n    udp 10.97.0.1:1 -> 10.97.0.2:10 => drop\n}\n'
# More than any machine judges in 5 s: the oracle looks at each rule for each of a million packets.
ENDLESS = ("".join(f"rule r{i} {{ when udp.sport == {i + 10} and udp.dport == 77 then drop }}\n" for i in range(5000)) +
           'test "long" { 900000 x udp 10.97.0.1:1 -> 10.97.0.2:9 => pass }\n')


class TestsFirst(LiveCase):
    def refused(self, status, place, said):
        self.assertEqual(status, 1, said)
        self.assertIn(f'{place}: test "kept" failed in step 2: expected drop, got pass by kept', said)

    def run_refused(self, *more):
        return subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME, *more],
                              capture_output=True, text=True, timeout=100)

    def test_a_policy_whose_test_fails_does_not_start(self):
        self.policy.write_text(FIRST + FAILS)
        said = self.run_refused()
        self.refused(said.returncode, f"{self.policy}:6", said.stderr)
        self.assertIn("1 of the policy's 1 tests failed", said.stderr)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        said = self.run_refused("--format", "json")
        self.assertEqual((said.returncode, json.loads(said.stderr)["step"]), (1, 2))
        self.start("--no-tests")
        # Nor do its reloads by signal run them; a reload by hand does.
        self.running.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.status()["generation"] == 2, "the second generation")
        self.refused(self.ask("reload").returncode, f"{self.policy}:6", self.ask("reload").stderr)
        self.assertEqual(self.ask("reload", "--no-tests").returncode, 0)
        self.assertEqual(self.status()["generation"], 3)

    def test_a_reload_whose_test_fails_is_refused(self):
        self.policy.write_text(FIRST + HOLDS)
        self.start("--watch")
        self.policy.write_text(FIRST + FAILS)
        self.wait_until(lambda: self.status()["reload_failed"] == 1, "the watcher's reload is refused")
        said = self.ask("reload")
        self.refused(said.returncode, f"{self.policy}:6", said.stderr)
        self.running.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.status()["reload_failed"] == 3, "the signal's reload is refused")
        self.assertEqual(self.ask("reload", "--shadow").returncode, 1)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 4))
        self.assertEqual(self.ask("reload", "--no-tests").returncode, 0)
        self.assertEqual(self.status()["generation"], 2)
        self.refused(1, f"{self.policy}:6", self.end()[2])

    def test_tests_without_an_end_refuse_the_policy_and_the_engine_answers_meanwhile(self):
        self.start()
        endless = self.folder / "endless.rules"
        endless.write_text(ENDLESS)
        reload = subprocess.Popen([WEIR, "reload", str(endless), "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(reload.kill)
        answers = 0
        while reload.poll() is None:
            self.assertEqual(self.status()["generation"], 1)
            answers += 1
            time.sleep(0.05)
        _, err = reload.communicate(timeout=10)
        self.assertEqual(reload.returncode, 1, err)
        self.assertIn("no end of the tests within 5 s", err)
        self.assertGreater(answers, 1)
        self.assertEqual(self.ask("reload", endless, "--no-tests").returncode, 0)


if __name__ == "__main__":
    main()
