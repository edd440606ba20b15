#!/usr/bin/env python3
"""Somebody types in a policy of 1,000 rules: typing_test.py WEIR SOURCE. Each keystroke's diagnostics and completion are
those of the text at that moment. Prints how long they took; the machine decides that, so no time is demanded.
WEIR_LSP_RULES=10000 for a larger one."""
import os
import pathlib
import sys
import tempfile
import time
import unittest

from client import Client

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))
RULES = int(os.environ.get("WEIR_LSP_RULES", "1000"))


def policy(count):
    lines = ["policy large", "default drop", "let web = { 80, 443 }"]
    for i in range(count):
        lines.append(f"rule r{i} {{ when ip.src in 10.{i // 250}.{i % 250}.0/24 and tcp.dport == {1 + i % 60000} "
                     f"and ip.dst in {{ 192.0.{i % 200}.1, 192.0.{i % 200}.2 }} then {'pass' if i % 3 else 'drop'} }}")
    return "\n".join(lines) + "\n"


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


class Typing(unittest.TestCase):
    def test_each_keystroke_is_answered_for_the_text_of_that_moment(self):
        with tempfile.TemporaryDirectory() as folder:
            client = Client(WEIR, pathlib.Path(folder).resolve())
            text = policy(RULES)
            begun = time.monotonic()
            client.open("large.rules", text)
            client.wait("large.rules", lambda all: True)
            opened = time.monotonic() - begun
            line = text.splitlines()
            at = len(line) // 2
            typed = "rule typed { when tcp.dport == 22 and ip.src in web then drop }"
            client.change("large.rules", "\n", (at, 0))
            told, offered, hovered = [], [], []
            for column, letter in enumerate(typed):
                begun = time.monotonic()
                version = client.change("large.rules", letter, (at, column))
                completion = client.at("textDocument/completion", "large.rules", at, column + 1)
                offered.append(time.monotonic() - begun)
                self.assertIn("items", completion["result"])
                if typed[:column + 1].endswith("tcp.dp"):
                    self.assertIn("tcp.dport", [i["label"] for i in completion["result"]["items"]])
                uri = client.uri("large.rules")
                while client.diagnostics.get(uri, {}).get("version") != version:
                    client.take(client.read())
                told.append(time.monotonic() - begun)
                errors = [d for d in client.diagnostics[uri]["diagnostics"] if d["severity"] == 1]
                if column + 1 < len(typed):
                    self.assertTrue(errors, typed[:column + 1])          # the rule is not whole
                    self.assertTrue(all(d["range"]["start"]["line"] >= at for d in errors), errors)
                begun = time.monotonic()
                client.at("textDocument/hover", "large.rules", 10, 8)
                hovered.append(time.monotonic() - begun)
            # `ip.src in web` is wrong: ports are no addresses
            self.assertEqual([d["code"][0] for d in errors], ["E"])
            client.change("large.rules", "tcp.dport", (at, typed.index("ip.src")), (at, typed.index("ip.src") + 6))
            client.wait("large.rules", lambda all: not [d for d in all if d["severity"] == 1])
            print(f"{RULES} rules: opened {opened * 1000:.0f} ms", file=sys.stderr)
            for name, times in (("diagnostics", told), ("completion", offered), ("hover", hovered)):
                print(f"  {name}: p50 {percentile(times, 0.5):.0f} ms, p95 {percentile(times, 0.95):.0f} ms, "
                      f"most {max(times) * 1000:.0f} ms", file=sys.stderr)
            self.assertEqual(client.close(), 0)

    def test_many_keystrokes_at_once_end_with_the_last_text(self):
        with tempfile.TemporaryDirectory() as folder:
            client = Client(WEIR, pathlib.Path(folder).resolve())
            client.open("large.rules", policy(RULES))
            for i in range(100):
                version = client.change("large.rules", f"# {i}\n", (0, 0))
            uri = client.uri("large.rules")
            while client.diagnostics.get(uri, {}).get("version") != version:
                client.take(client.read())
            answered = sum(1 for n in client.notices if n.get("method") == "textDocument/publishDiagnostics")
            self.assertLess(answered, 100)      # stale work was left out
            self.assertEqual(client.close(), 0)


if __name__ == "__main__":
    unittest.main()
