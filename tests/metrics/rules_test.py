#!/usr/bin/env python3
"""rules_test.py SOURCE: the alerting rules, with promtool. Skipped where Prometheus is not installed."""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import yaml

SOURCE = pathlib.Path(sys.argv.pop(1))
FOLDER = SOURCE / "packaging/prometheus"
PAGE = (SOURCE / "docs/metrics.md").read_text()


def promtool(*command):
    return subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, timeout=120)


def rules():
    return [rule for group in yaml.safe_load((FOLDER / "weir.rules.yml").read_text())["groups"] for rule in group["rules"]]


class Rules(unittest.TestCase):
    def test_promtool_takes_the_rules_and_each_alert_fires_and_stays_quiet(self):
        for command in (["check", "rules", "weir.rules.yml"], ["test", "rules", "weir.rules.test.yml"]):
            done = promtool(*command)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_is_tested_both_ways(self):
        seen = {}
        for test in yaml.safe_load((FOLDER / "weir.rules.test.yml").read_text())["tests"]:
            for one in test["alert_rule_test"]:
                seen.setdefault(one["alertname"], set()).add(bool(one.get("exp_alerts")))
        self.assertEqual(seen, {rule["alert"]: {True, False} for rule in rules()})

    def test_each_alert_has_a_section_of_the_page_and_the_reverse(self):
        sections = re.findall(r"^### (Weir\w+)$", PAGE, re.MULTILINE)
        self.assertEqual(sorted(sections), sorted(rule["alert"] for rule in rules()))
        for rule in rules():
            self.assertEqual(rule["annotations"]["runbook"], f"docs/metrics.md#{rule['alert'].lower()}")
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))

    def test_alerts_name_metrics_that_exist(self):
        known = set(re.findall(r"^\| `(weir_\w+)` \|", PAGE, re.MULTILINE))
        for rule in rules():
            self.assertLessEqual(set(re.findall(r"weir_\w+", rule["expr"])), known, rule["alert"])


if __name__ == "__main__":
    if shutil.which("promtool") is None:
        print("skipped: no promtool (Debian package prometheus)")
        sys.exit(77)
    unittest.main()
