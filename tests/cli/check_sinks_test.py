#!/usr/bin/env python3
"""check_sinks_test.py WEIR SOURCE: weir check --sinks with local peers."""
import json
import subprocess
import sys
import unittest

from command_case import SOURCE, CommandCase, run


class CheckSinks(CommandCase):
    def setUp(self):
        super().setUp()
        (self.folder / "peer").mkdir()
        peer = subprocess.Popen([sys.executable, SOURCE / "tests/support/http_peer.py", self.folder / "peer"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(peer.stdin.close)
        self.origin = f"http://127.0.0.1:{int(peer.stdout.readline())}"

    def policy(self, *sinks):
        return self.file("p.rules", 'rule r { when tcp then alert a, drop }\nalert a { severity low  message "m" }\n' + "\n".join(sinks) + "\n")

    def test_sinks_that_deliver(self):
        policy = self.policy(f'sink log = eve("{self.folder}/eve.json")', f'sink soc = webhook("{self.origin}/ok")',
                             f'sink triage = llm("{self.origin}/chat/anthropic/good", model "m", dialect anthropic)')
        said = run("check", "--sinks", policy)
        self.assertEqual(said.returncode, 0, said.stderr)
        for words in ("sink log (eve) delivers", "sink soc (webhook) delivers", "sink triage (llm) delivers"):
            self.assertIn(words, said.stdout)
        line, = (self.folder / "eve.json").read_text().splitlines()
        self.assertEqual(json.loads(line)["alert"]["signature"], "weir_check_sinks")

    def test_sinks_that_do_not(self):
        policy = self.policy(f'sink soc = webhook("{self.origin}/status/403")', f'sink log = eve("{self.folder}/eve.json")',
                             f'sink triage = llm("{self.origin}/chat/openai/spent", model "m", dialect openai)')
        said = run("check", "--sinks", "--format", "json", policy)
        self.assertEqual(said.returncode, 3)
        lines = {line["sink"]: line for line in map(json.loads, said.stdout.splitlines())}
        self.assertEqual({name: line["ok"] for name, line in lines.items()}, {"soc": False, "log": True, "triage": False})
        self.assertIn("answered 403", lines["soc"]["state"])
        self.assertIn("spending limit", lines["triage"]["state"])
        self.assertIn("sink soc (webhook) does not deliver", run("check", "--sinks", policy).stderr)

    def test_without_the_option_nothing_is_sent(self):
        policy = self.policy(f'sink soc = webhook("{self.origin}/ok")')
        self.assertEqual(run("check", policy).returncode, 0)
        self.assertFalse((self.folder / "peer/requests").exists())


if __name__ == "__main__":
    unittest.main()
