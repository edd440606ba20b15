#!/usr/bin/env python3
"""Hover shows what a running engine has counted of the open policy: engine_test.py WEIR SOURCE. An engine that does not
answer delays nobody who types. Skipped where BPF programs may not be loaded."""
import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import live_case
from live_case import WEIR, LiveCase
from client import Client


class Engine(LiveCase):
    def hover(self, client, line, character):
        reply = client.at("textDocument/hover", "policy.rules", line, character)["result"]
        return reply["contents"]["value"]

    def test_hover_has_the_counters_of_the_engine_that_enforces_the_file(self):
        self.start()
        self.send(9, 5)
        self.wait_until(lambda: self.rules()["marked"] == 5, "no packets")
        client = Client(WEIR, self.folder.resolve())
        self.addCleanup(client.process.kill)
        client.open("policy.rules", live_case.FIRST)
        self.wait_until(lambda: "5 packets" in self.hover(client, 0, 6), "no counters")
        self.assertIn(f"Engine {live_case.NAME}: 5 packets", self.hover(client, 0, 6))
        self.assertIn("5 matched", self.hover(client, 2, 7))
        client.open("other.rules", live_case.FIRST)                       # no engine has this one
        reply = client.at("textDocument/hover", "other.rules", 0, 6)["result"]
        self.assertNotIn("Engine", reply["contents"]["value"])
        # Stopped, it answers nothing: the server does, the last counters or none.
        os.kill(self.running.pid, signal.SIGSTOP)
        try:
            for i in range(30):
                version = client.change("policy.rules", f"# {i}\n", (0, 0))
                self.assertIn("marked", self.hover(client, i + 1, 6))
                while client.diagnostics.get(client.uri("policy.rules"), {}).get("version") != version:
                    client.take(client.read(seconds=20))
                time.sleep(0.05)
            # Those of an engine that does not answer any more are not shown for long.
            self.wait_until(lambda: "Engine" not in self.hover(client, 30, 6), "counters of an engine that is stopped")
        finally:
            os.kill(self.running.pid, signal.SIGCONT)
        self.wait_until(lambda: "5 packets" in self.hover(client, 30, 6), "no counters again")
        self.assertEqual(client.close(), 0)


if __name__ == "__main__":
    live_case.main()
