#!/usr/bin/env python3
"""dashboard_test.py WEIR SOURCE PRINT_METRICS: the Grafana dashboard and the alerting rules, against a Prometheus that scrapes an
engine with traffic: each query returns data. Skipped as live_case.py says, and where Prometheus is not installed."""
import json
import re
import shutil
import time

from engine_case import CANDIDATE
from live_case import SOURCE, main, skip
from prometheus_case import PrometheusCase, has_data

DASHBOARD = json.loads((SOURCE / "packaging/grafana/weir.json").read_text())
PAGE = (SOURCE / "docs/metrics.md").read_text()
# Queries that need not return data here, with the reason.
MAY_BE_EMPTY = {}
PORT = 9464
CONFIG = """global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{source}/packaging/prometheus/weir.rules.yml"]
scrape_configs:
  - job_name: weir
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
def filled(query):
    """A query as Grafana sends it, for all engines, policies and measures."""
    for variable, value in (("$__rate_interval", "10s"), ("$instance", ".*"), ("$policy", ".*"), ("$measure", ".*")):
        query = query.replace(variable, value)
    assert "$" not in query, query
    return query


def queries():
    """Each query of the dashboard, with the place that it has there."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']} {target['refId']}", filled(target["expr"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
            yield f"variable {variable['name']}", f'count by ({label}) ({filled(series)})'
    for annotation in DASHBOARD["annotations"]["list"]:
        yield f"annotation {annotation['name']}", filled(annotation["expr"])


class Dashboard(PrometheusCase):
    def test_each_query_returns_data(self):
        self.start("--state", str(self.folder / "state"), "--listen", f"127.0.0.1:{PORT}")
        self.start_prometheus(CONFIG.format(source=SOURCE, port=PORT))
        self.wait_until(lambda: has_data(self.query("weir_generation")[0]), "the first scrape")
        self.assertEqual(self.ask("reload").returncode, 0)
        candidate = self.folder / "next.rules"
        candidate.write_text(CANDIDATE)
        self.assertEqual(self.ask("reload", "--shadow", candidate).returncode, 0)
        # Two scrapes of all, with traffic between them; at most so long on a slow machine.
        texts = dict(queries())
        empty, deadline = list(texts), time.monotonic() + 60
        while empty and time.monotonic() < deadline:
            self.traffic()
            answers = self.query(*(texts[place] for place in empty))
            for place, answer in zip(empty, answers):
                if "data" not in answer and "refused" not in answer["error"]:       # it listens a moment after its start
                    self.fail(f"{place}: {answer}")
            empty = [place for place, answer in zip(empty, answers) if not has_data(answer)]
            if set(empty) <= set(MAY_BE_EMPTY):
                break
        self.assertEqual({place: texts[place] for place in empty if place not in MAY_BE_EMPTY}, {})

        # It takes the examples of the page, too.
        examples = re.findall(r"^\| `weir_\w+` \|.*\| `([^`|]*)`[^|]*\|$", PAGE, re.MULTILINE)
        self.assertGreater(len(examples), 60)
        for text, answer in zip(examples, self.query(*examples)):
            self.assertEqual(answer["status"], "success", f"{text}: {answer}")

        # The same Prometheus evaluates the alerting rules, and a refused reload is one.
        self.policy.write_text("this is no policy\n")
        self.assertEqual(self.ask("reload").returncode, 1)
        firing = 'ALERTS{alertname="WeirReloadFailed",alertstate="firing"}'
        self.wait_until(lambda: has_data(self.query(firing)[0]), "the alert of a reload that failed")
        groups = self.ask_prometheus(["/api/v1/rules"])[0]["data"]["groups"]
        self.assertEqual({rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if rule["health"] == "err"}, {})

    def test_the_dashboard_can_be_imported(self):
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = {}
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertIsNone(taken.setdefault((x, y), None), panel["title"])
                    taken[x, y] = panel["title"]
            for target in panel.get("targets", ()):
                self.assertEqual(target["datasource"], {"type": "prometheus", "uid": "${datasource}"})
        text = json.dumps(DASHBOARD)
        known = set(re.findall(r"^\| `(weir_\w+)` \|", PAGE, re.MULTILINE))
        for name in set(re.findall(r"weir_\w+", text)):
            self.assertIn(re.sub("_(bucket|count|sum)$", "", name), known)


if __name__ == "__main__":
    if shutil.which("prometheus") is None:
        skip("no prometheus (Debian package prometheus)")
    main()
