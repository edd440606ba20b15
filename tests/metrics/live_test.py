#!/usr/bin/env python3
"""live_test.py WEIR SOURCE PRINT_METRICS: what /metrics says of a running engine: promtool finds nothing, and counters never go
down over reloads. Skipped as live_case.py says, and where Prometheus is not installed."""
import shutil
import subprocess
import sys

from engine_case import CANDIDATE, EngineCase, metrics_of, samples
from live_case import inside, main, skip


class Live(EngineCase):
    def check(self, text):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_promtool_finds_nothing_in_the_answer_of_an_engine(self):
        self.start("--state", str(self.folder / "state"))
        self.check(metrics_of(self))
        self.traffic()
        candidate = self.folder / "next.rules"
        candidate.write_text(CANDIDATE)
        self.assertEqual(self.ask("reload", "--shadow", candidate).returncode, 0)
        self.traffic()
        text = metrics_of(self)
        self.check(text)
        seen = samples(text)
        rules = {rule["name"]: rule for rule in self.status()["rules"]}
        for name, verdict, direction in (("seen", "drop", "in"), ("watched", "would drop", "in"), ("answers", "pass", "out")):
            labels = f'{{policy="metered",rule="{name}",verdict="{verdict}",direction="{direction}"}}'
            for what in ("packets", "bytes"):
                self.assertEqual(seen[f"weir_rule_{what}_total{labels}"], rules[name][what])
        self.assertEqual(rules["watched"]["packets"], 14)

    def test_promtool_finds_nothing_in_what_the_network_door_serves(self):
        self.start("--state", str(self.folder / "state"), "--listen", "127.0.0.1:9464")
        self.traffic()
        served = inside(sys.executable, "-c", "import urllib.request as r; a = r.urlopen('http://127.0.0.1:9464/metrics', timeout=30); "
                                              "print(a.headers['Content-Type']); print(a.read().decode(), end='')")
        self.assertEqual(served.returncode, 0, served.stderr)
        kind, text = served.stdout.split("\n", 1)
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        self.check(text)
        seen = samples(text)
        self.assertEqual(seen['weir_process_ok{process="network-door"}'], 1)
        self.assertGreater(seen["weir_http_connections"], 0)
        # It says what print_metrics makes of a status, and the door's own.
        own = {name for name in samples(metrics_of(self)) if not name.startswith("weir_http_")}
        self.assertEqual({name for name in seen if not name.startswith("weir_http_")}, own)

    def test_counters_never_go_down_over_reloads_of_the_policy(self):
        self.start("--state", str(self.folder / "state"))
        before = samples(metrics_of(self))
        for turn in range(4):
            self.traffic()
            if turn == 1:                                 # elsewhere in the file, and beside another rule
                self.policy.write_text(self.policy.read_text() + "rule more { when udp.dport == 41 then drop }\n")
            if turn == 2:
                self.policy.write_text(self.policy.read_text() + "this is no rule\n")
            reloaded = self.ask("reload")
            self.assertEqual(reloaded.returncode, 1 if turn == 2 else 0, reloaded.stderr)
            if turn == 2:
                self.policy.write_text(self.policy.read_text().replace("this is no rule\n", ""))
            after = samples(metrics_of(self))
            for series, value in before.items():
                name = series.split("{")[0]
                if name.endswith("_total") or name.startswith("weir_measure_") and name != "weir_measure_keys":
                    self.assertGreaterEqual(after.get(series, -1), value, series)
            before = after
        self.assertEqual(before['weir_reloads_total{outcome="refused"}'], 1)
        self.assertEqual(before['weir_reloads_total{outcome="in_force"}'], 3)
        self.assertEqual(before["weir_last_reload_successful"], 1)
        self.assertGreater(before["weir_compile_seconds"], 0)
        self.assertEqual(self.ask("rollback").returncode, 0)
        after = samples(metrics_of(self))
        self.assertEqual(after['weir_rollbacks_total{cause="asked"}'], 1)
        rule = 'weir_rule_packets_total{policy="metered",rule="watched",verdict="would drop",direction="in"}'
        self.assertEqual(after[rule], before[rule])

    def test_an_unconfirmed_policy_has_a_deadline(self):
        self.start("--state", str(self.folder / "state"))
        self.assertNotIn("weir_policy_confirm_remaining_seconds", samples(metrics_of(self)))
        self.assertEqual(self.ask("reload", "--confirm-within", "60s").returncode, 0)
        seen = samples(metrics_of(self))
        self.assertEqual(seen["weir_policy_unconfirmed"], 1)
        self.assertTrue(0 < seen["weir_policy_confirm_remaining_seconds"] <= 60)
        self.assertEqual(self.ask("confirm").returncode, 0)
        self.assertEqual(samples(metrics_of(self))["weir_policy_unconfirmed"], 0)


if __name__ == "__main__":
    if shutil.which("promtool") is None:
        skip("no promtool (Debian package prometheus)")
    main()
