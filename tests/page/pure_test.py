#!/usr/bin/env python3
"""pure_test.py: the page's pure functions (service/http/page/src/pure), as they are, in the browser: tables of what goes in and what
comes out."""
import json
import time

from page_case import PageCase, main

CALL = """
const [module, script, ...rest] = arguments, done = rest.at(-1), given = rest[0];
import(`/pure/${module}.js`).then(all => {
  const encode = value => JSON.stringify(value, (_, one) => typeof one === 'number' && !Number.isFinite(one) ? String(one) : one);
  const result = SCRIPTS[script](all, given);
  done(encode(result === undefined ? null : result));
}).catch(error => done(JSON.stringify(['failed', String(error)])));
"""
# Each takes the module and what is given. NaN comes back as "NaN".
SCRIPTS = """
const SCRIPTS = {
  each: (all, [name, rows]) => rows.map(row => all[name](...row)),
  history: (all, steps) => {
    const history = new all.History();
    return steps.map(([at, counts, ask, many]) => {
      history.begin(at);
      for (const [key, value] of Object.entries(counts)) history.count(key, value, 4);
      history.end();
      return [history.rate(ask), history.series(ask, many)];
    });
  },
  sse: (all, pieces) => {
    const taken = [];
    const parser = new all.EventParser((type, data) => taken.push([type, data]));
    for (const piece of pieces) parser.push(piece);
    return taken;
  },
  diff: (all, [before, after, around]) => {
    const lines = all.lineDiff(before, after);
    const show = line => line ? {same: ' ', added: '+', removed: '-'}[line.kind] + line.text + `@${line.old}:${line.new}` : '...';
    return around === undefined ? lines.map(show) : all.hunks(lines, around).map(show);
  },
  quantile: (all, [counts, shares]) => shares.map(share => Math.round(all.quantile(all.bins(counts), share))),
  findings: (all, status) => all.findings(status).map(one => [one.level, one.view]),
  clock: (all, steps) => { const clock = new all.EngineClock(); return steps.map(([taken, now]) => clock.local(taken ?? NaN, now)) },
  event: (all, eve) => { const row = all.eventRow(eve, 7); delete row.eve; return row },
};
"""
NARROW = "\u202f"


class Pure(PageCase):
    def setUp(self):
        self.open(self.double(events_per_second=0))

    def call(self, module, script, given):
        return json.loads(self.browser.driver.execute_async_script(SCRIPTS + CALL, module, script, given))

    def table(self, module, name, rows):
        got = self.call(module, "each", [name, [row[:-1] for row in rows]])
        for row, one in zip(rows, got, strict=True):
            self.assertEqual(one, row[-1], f"{name}{row[:-1]}")

    def test_format(self):
        self.table("format", "short", [(0, "0"), (0.004, "0"), (0.31, "0.31"), (9.994, "9.99"), (9.996, "10.0"), (42, "42"), (42.5, "42.5"), (999, "999"), (999.4, "999"),
                                       (999.6, "1.00k"), (1000, "1.00k"), (12345, "12.3k"), (999499, "999k"), (999500, "1.00M"), (4.56e6, "4.56M"), (1.8e19, "18.0E"), (-1500, "−1.50k"), (None, "–")])
        self.table("format", "whole", [(0, "0"), (999, "999"), (1000, f"1{NARROW}000"), (1234567, f"1{NARROW}234{NARROW}567")])
        self.table("format", "bytes", [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (64e6, "64.0 MB"), (1.5e12, "1.50 TB")])
        self.table("format", "bitrate", [(0, "0 bit/s"), (100, "800 bit/s"), (125, "1.00 kbit/s"), (1.25e9, "10.0 Gbit/s")])
        self.table("format", "nanoseconds", [(0, "0 ns"), (999, "999 ns"), (1000, "1.00 µs"), (999499, "999 µs"), (999500, "1.00 ms"), (2.5e9, "2.50 s"), (99.9e9, "99.9 s"), (120e9, "2 min"), (3.6e12, "1 h")])
        self.table("format", "duration", [(0, "0 s"), (59_499, "59 s"), (59_500, "1 min"), (61_000, "1 min 1 s"), (3_600_000, "1 h"), (93_600_000, "1 d 2 h"), (-5, "0 s"), (93_600_000, 1, "1 d")])
        self.table("format", "percent", [(0, "0%"), (1, "100%"), (0.5, "50.0%"), (0.00001, "<0.01%"), (0.99999, ">99.99%"), (0.0342, "3.42%")])
        self.table("format", "tickText", [("10.0 ms", "10 ms"), ("1.00k", "1k"), ("0.50", "0.5"), ("1.50k", "1.5k"), ("100", "100"), ("30.0k", "30k"), ("0 ns", "0 ns")])
        self.table("format", "measured", [(1500, "ns", "1.50 µs"), (1500, "bytes", "1.50 kB"), (1500, "", "1.50k")])
        self.table("format", "plural", [(1, "rule", "1 rule"), (2, "rule", "2 rules"), (0, "entry", "entries", "0 entries")])

    def test_rates(self):
        steps = [
            (1000, {"a": 100}, "a", 3),
            (2000, {"a": 150, "b": 7}, "a", 3),
            (4000, {"a": 350, "b": 8}, "a", 3),     # two seconds between them
            (5000, {"b": 9}, "a", 3),               # removed by a reload
            (6000, {"a": 1000, "b": 10}, "a", 3),   # and back: what it counted meanwhile is no rate
            (7000, {"a": 1010, "b": 10}, "a", 3),
            (8000, {"a": 5, "b": 10}, "a", 3),      # set back
            (9000, {"a": 25, "b": 10}, "a", 6),     # more than are kept
        ]
        self.assertEqual(self.call("history", "history", steps), [
            ["NaN", ["NaN", "NaN", "NaN"]], [50, ["NaN", "NaN", 50]], [100, ["NaN", 50, 100]], ["NaN", [50, 100, "NaN"]], ["NaN", [100, "NaN", "NaN"]], [10, ["NaN", "NaN", 10]], [0, ["NaN", 10, 0]],
            [20, ["NaN", "NaN", "NaN", 10, 0, 20]]])

    def test_clock(self):
        self.assertEqual(self.call("clock", "clock", [[None, 5], [100, 5200], [1100, 6500], [2100, 7150], [3100, 8200], [50, 19000], [1050, 20000], [61050, 100000]]), [5, 5200, 6200, 7150, 8150, 19000, 20000, 100000])

    def test_quantiles(self):
        self.table("quantiles", "bucketFirst", [(0, 0), (3, 3), (4, 4), (7, 7), (8, 8), (9, 10), (11, 14), (12, 16), (13, 20), (88, 1 << 23), (203, 7 << 49)])
        self.assertEqual(self.call("quantiles", "each", ["bins", [[[1, 0, 0, 2, 0, 0, 0, 0, 3]]]])[0][-1], {"from": 8, "to": 9, "count": 3})
        nothing, in_13 = [0] * 13, [0] * 13 + [100]          # from 20 to 23
        self.assertEqual(self.call("quantiles", "quantile", [in_13, [0.5, 0.99, 1]]), [21, 23, 23])
        self.assertEqual(self.call("quantiles", "quantile", [[10], [0.01, 0.5, 1]]), [0, 0, 0])
        self.assertEqual(self.call("quantiles", "quantile", [[50, *nothing[1:], 50], [0.5, 0.51, 1]]), [0, 20, 23])
        self.assertEqual(self.call("quantiles", "quantile", [nothing, [0.5]]), ["NaN"])
        self.table("quantiles", "between", [([5, 9], [2, 4], [3, 5]), ([5, 9], None, [5, 9]), ([1, 2], [5, 9], [1, 2]), ([5, 9], [1], [4, 9]), ([5], [1, 1], [5])])
        self.table("quantiles", "niceTop", [(0, 1), (0.7, 0.8), (1, 1), (7.2, 8), (11, 15), (26000, 30000), (51, 60)])
        self.table("quantiles", "logTicks", [(900, 110000, [1000, 10000, 100000]), (1, 10, [1, 2, 5, 10])])

    def test_event_stream(self):
        stream = ": begins\n\ndata: {\"a\":1}\n\nevent: lost\ndata: {\"lost\":3}\n\ndata: x\ndata:y\n\nid: 7\nretry: 5\ndata\n\nevent: none\n\n"
        whole = [["message", '{"a":1}'], ["lost", '{"lost":3}'], ["message", "x\ny"], ["message", ""]]
        self.assertEqual(self.call("sse", "sse", [stream]), whole)
        self.assertEqual(self.call("sse", "sse", list(stream)), whole)
        self.assertEqual(self.call("sse", "sse", list(stream.replace("\n", "\r\n"))), whole)
        self.assertEqual(self.call("sse", "sse", [stream.replace("\n", "\r") + ":"]), whole)
        self.assertEqual(self.call("sse", "sse", ["x" * (1 << 20), "x"])[0], "failed")

    def test_backoff(self):
        self.table("backoff", "backoff", [(1, 0.5, 1000), (2, 0.5, 2000), (5, 0.5, 16000), (6, 0.5, 30000), (400, 0.5, 30000), (1, 0, 900), (1, 1, 1100)])

    def test_routes(self):
        views = ["overview", "rules"]
        self.table("route", "readRoute", [
            ("", views, {"view": "overview", "item": "", "options": {}}), ("#rules", views, {"view": "rules", "item": "", "options": {}}),
            ("#rules/a%2Fb?filter=x%20y&sort=-rate", views, {"view": "rules", "item": "a/b", "options": {"filter": "x y", "sort": "-rate"}}),
            ("#rules/%E0%A4%A", views, {"view": "rules", "item": "%E0%A4%A", "options": {}}), ("#nothing/x?y=z", views, {"view": "overview", "item": "", "options": {}})])
        self.table("route", "writeRoute", [({"view": "rules", "item": "a/b c", "options": {"filter": "x&y", "sort": ""}}, "#rules/a%2Fb%20c?filter=x%26y"), ({"view": "rules", "item": "", "options": {}}, "#rules")])

    def test_line_diff(self):
        self.assertEqual(self.call("linediff", "diff", ["a\nb\nc\n", "a\nx\nc\nd\n"]), [" a@1:1", "-b@2:0", "+x@0:2", " c@3:3", "+d@0:4"])
        self.assertEqual(self.call("linediff", "diff", ["a\n", "a\n"]), [" a@1:1"])
        self.assertEqual(self.call("linediff", "diff", ["a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nD\ne\nf\ng\n", 1]), ["...", " c@3:3", "-d@4:0", "+D@0:4", " e@5:5", "..."])
        before, after = "\n".join(f"a{i}" for i in range(3000)), "\n".join(f"b{i}" for i in range(3000))
        begun = time.monotonic()
        self.assertEqual(len(self.call("linediff", "diff", [before, after])), 6000)
        print(f"3,000 lines that all differ: {time.monotonic() - begun:.2f} s")

    def test_tokens(self):
        self.table("tokens", "tokens", [
            ('rule x { when tcp.dport == 22 then drop }', [{"kind": "item", "text": "rule"}, {"kind": "", "text": " x { "}, {"kind": "word", "text": "when"}, {"kind": "", "text": " "}, {"kind": "field", "text": "tcp.dport"},
                                                           {"kind": "", "text": " == "}, {"kind": "number", "text": "22"}, {"kind": "", "text": " "}, {"kind": "word", "text": "then"}, {"kind": "", "text": " "}, {"kind": "word", "text": "drop"}, {"kind": "", "text": " }"}]),
            ('message "a # b" # c', [{"kind": "word", "text": "message"}, {"kind": "", "text": " "}, {"kind": "text", "text": '"a # b"'}, {"kind": "", "text": " "}, {"kind": "comment", "text": "# c"}]),
            ("{ 203.0.113.0/24, 2001:db8::/32 }", [{"kind": "", "text": "{ "}, {"kind": "number", "text": "203.0.113.0/24"}, {"kind": "", "text": ", "}, {"kind": "number", "text": "2001:db8::/32"}, {"kind": "", "text": " }"}])])

    def test_rule_text(self):
        text = 'rule a { when "}" == x # }\n  then drop }\nrule ab { pass }\n'
        self.table("ruletext", "ruleText", [(text, "a", {"line": 1, "lines": ['rule a { when "}" == x # }', "  then drop }"]}), (text, "ab", {"line": 3, "lines": ["rule ab { pass }"]}), (text, "b", None), (text, "a.b", None)])

    def test_events(self):
        self.table("events", "endpoint", [("192.0.2.1", "443", "192.0.2.1:443"), ("2001:db8::1", "443", "[2001:db8::1]:443"), ("192.0.2.1", "", "192.0.2.1"), ("", "443", "port 443"), ("", "", "")])
        self.table("events", "matches", [("ssh guessing", "ssh", True), ("ssh guessing", "guess  SSH", True), ("ssh guessing", "telnet", False), ("x", "", True)])
        row = self.call("events", "event", {"timestamp": "t", "src_ip": 5, "dest_ip": ["a"], "alert": {"signature": "s", "severity": 2}, "verdict": {"action": "alert"}, "weir": {"verdict": "drop", "suppressed": 3, "message": {"no": 1}}})
        self.assertEqual((row["alert"], row["severity"], row["verdict"], row["observed"], row["from"], row["to"], row["message"], row["suppressed"]), ("s", "medium", "drop", True, "5", "", "", 3))
        self.assertEqual(self.call("events", "event", {})["verdict"], "")

    def test_findings(self):
        calm = {"interfaces": [{"name": "a", "attached": True}], "sinks": [{"name": "s", "state": "ok"}], "alerts": [{"lost": 0}], "problems": [], "sets": [{"name": "x", "refused": 0}], "observe": False, "reload_failed": 0, "auto_rollbacks": 0,
                "redirects": {"interfaces": []}, "generation": 2}
        self.assertEqual(self.call("health", "findings", calm), [])
        ill = {**calm, "interfaces": [{"name": "a", "attached": False}, {"name": "b", "attached": True, "egress": False, "problem": "p", "seen_at": ""}], "sinks": [{"name": "s", "state": "away", "since": ""}], "alerts": [{"lost": 2}], "observe": True,
               "confirm_within_ms": 5000, "falls_back_to": 1, "reload_failed": 1, "auto_rollbacks": 1, "sets": [{"name": "x", "refused": 4}], "sets_file": {"state": "disk full"}, "redirects": {"interfaces": [{"name": "c", "there": False}]}}
        self.assertEqual(self.call("health", "findings", ill), [["bad", "overview"], ["bad", "overview"], ["bad", "sinks"], ["bad", "sets"], ["bad", "overview"], ["warn", "overview"], ["warn", "reloads"], ["warn", "sinks"],
                                                               ["warn", "reloads"], ["warn", "sets"], ["note", "overview"], ["note", "reloads"]])


if __name__ == "__main__":
    main()
