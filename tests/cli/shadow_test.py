#!/usr/bin/env python3
"""shadow_test.py WEIR SOURCE: weir reload --shadow and weir promote. Skipped as live_case.py says."""
import json
import pathlib
import subprocess

from live_case import NAME, SECOND, WEIR, LiveCase, main

CANDIDATE = """rule kept { when udp.dport == 10 then drop }
rule marked { when udp.dport == 9 then drop }
"""


class Shadow(LiveCase):
    def test_compare_look_promote(self):
        self.start()
        candidate = self.folder / "candidate.rules"
        candidate.write_text(CANDIDATE)
        samples = self.folder / "samples.pcapng"
        self.assertEqual(self.ask("promote").returncode, 3)
        self.assertEqual(self.ask("reload", candidate, "--samples", samples).returncode, 2)
        self.assertEqual(self.ask("reload", candidate, "--shadow", "--confirm-within", "5s").returncode, 2)
        said = self.ask("reload", candidate, "--shadow", "--samples", samples)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("candidate candidate runs beside policy policy, generation 1", said.stdout)
        self.send(9, 4)
        self.send(10, 3)
        status = self.status()
        self.assertEqual(self.rules(), {"marked": 4, "kept": 3})
        shadow = status["shadow"]
        self.assertEqual((shadow["packets"], shadow["disagreements"]), (7, 3))
        self.assertEqual(shadow["pairs"], [{"live": "kept", "live_verdict": "pass", "candidate": "kept", "candidate_verdict": "drop", "packets": 3}])
        self.wait_until(lambda: self.status()["shadow"]["sampled"] == 3, "three samples")
        self.assertIn("pass by kept; candidate: drop by kept", self.ask("status").stdout)
        replayed = subprocess.run([WEIR, "replay", str(candidate), str(samples), "--format", "json", "--engine", "oracle"], capture_output=True, text=True, timeout=60)
        self.assertEqual([json.loads(line)["verdict"] for line in replayed.stdout.splitlines()], ["drop"] * 3, replayed.stderr)
        self.assertEqual(samples.read_bytes().count(b"in force: pass by kept; candidate: drop by kept"), 3)

        said = self.ask("promote", "--if-disagreements-under", "3")
        self.assertEqual(said.returncode, 1)
        self.assertIn("3 disagreements in 7 packets: not under 3", said.stderr)
        self.assertEqual(self.ask("promote", "--if-disagreements-under", "4").returncode, 0)
        status = self.status()
        self.assertEqual((status["generation"], status["file"], "shadow" in status), (2, str(candidate), False))
        self.assertEqual(self.rules(), {"kept": 3, "marked": 4})
        self.assertEqual(self.ask("rollback").returncode, 0)

    def test_cancel_and_refusals(self):
        self.start()
        bad = self.folder / "bad.rules"
        bad.write_text("rule r {")
        self.assertEqual(self.ask("reload", bad, "--shadow").returncode, 1)
        self.assertNotIn("shadow", self.status())
        second = self.folder / "second.rules"
        second.write_text(SECOND)
        said = self.ask("reload", second, "--shadow")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(self.status()["shadow"]["samples"], f"/var/lib/weir/{NAME}/disagreements.pcapng")
        self.send(11, 1)
        self.assertEqual(self.ask("promote", "--cancel").returncode, 0)
        self.assertNotIn("shadow", self.status())
        self.assertEqual(self.status()["generation"], 1)
        self.send(9, 2)
        self.assertEqual(self.rules()["marked"], 2)
        pathlib.Path(f"/var/lib/weir/{NAME}/disagreements.pcapng").unlink()
        pathlib.Path(f"/var/lib/weir/{NAME}").rmdir()


if __name__ == "__main__":
    main()
