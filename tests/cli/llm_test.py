#!/usr/bin/env python3
"""llm_test.py WEIR SOURCE: sinks that speak HTTP in a running engine, with a local peer: events arrive, a model's answer
becomes a note and a proposal in STATE/NAME/proposals. Skipped as live_case.py says."""
import json
import os
import signal
import subprocess
import sys
import time

from live_case import NAME, SOURCE, WEIR, LiveCase, main

SECRET = "s3cr3t-of-the-peer"
POLICY = """rule marked { when udp.dport == 9 then alert hit, drop }
alert hit { severity high  message "hit from {ip.src}" }
test "web passes" { tcp 198.51.100.7:4000 -> 192.0.2.1:80 => pass }
"""


class Llm(LiveCase):
    def setUp(self):
        super().setUp()
        os.environ["WEIR_TEST_TOKEN"] = SECRET
        (self.folder / "peer").mkdir()
        self.peer = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", sys.executable, SOURCE / "tests/support/http_peer.py",
                                      self.folder / "peer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.peer.wait)
        self.addCleanup(self.peer.stdout.close)
        self.addCleanup(self.peer.stdin.close)
        self.origin = f"http://127.0.0.1:{int(self.peer.stdout.readline())}"
        self.state = self.folder / "state"

    def write(self, how):
        self.policy.write_text(POLICY + f"""sink log = eve("{self.folder}/eve.json")
sink soc = webhook("{self.origin}/ok", header "Authorization" env "WEIR_TEST_TOKEN", batch 2)
sink triage = llm("{self.origin}/chat/openai/{how}", model "some-model", header "Authorization" env "WEIR_TEST_TOKEN",
                  dialect openai, budget 10/day)
""")

    def requests(self, path):
        try:
            lines = (self.folder / "peer/requests").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [one for one in map(json.loads, lines) if one["path"].startswith(path)]

    def sink(self, name):
        return next(one for one in self.status()["sinks"] if one["name"] == name)

    def proposals(self):
        return sorted((self.state / NAME / "proposals").glob("*.rules"))

    def test_events_arrive_and_a_proposal_becomes_a_file(self):
        self.write("proposing")
        self.start("--state", str(self.state), "--try-proposals")
        self.send(9, 5)
        self.wait_until(lambda: self.sink("soc")["delivered"] == 5, "the webhook has all events")
        events = [event for one in self.requests("/ok") for event in json.loads(one["body"])]
        self.assertEqual(len({event["weir"]["id"] for event in events}), 5)
        self.assertEqual({one["headers"]["Authorization"] for one in self.requests("/ok")}, {SECRET})

        self.wait_until(lambda: self.proposals() != [], "a proposal is written", 60)
        self.wait_until(lambda: self.sink("triage")["delivered"] == 5, "the digest is answered")
        asked, = self.requests("/chat")
        self.assertNotIn("10.97.0.1", asked["body"])
        self.assertNotIn(SECRET, asked["body"])
        path, = self.proposals()
        said = subprocess.run([WEIR, "check", path], capture_output=True, text=True, timeout=60)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("rule proposed", path.read_text())
        self.assertIn("rule marked", path.read_text())
        self.assertIn("# What it would change:\n# 1 class of packets is judged otherwise\n", path.read_text())
        self.assertIn("#     packets: tcp.dport == 23\n", path.read_text())
        self.wait_until(lambda: self.status().get("shadow"), "the proposal runs beside the policy in force", 60)
        self.assertEqual(self.status()["generation"], 1)          # nothing else is in force

        def anomalies():
            lines = map(json.loads, (self.folder / "eve.json").read_text().splitlines())
            return [line for line in lines if line["event_type"] == "anomaly"]
        self.wait_until(lambda: len(anomalies()) == 1, "the note is in the log of events")
        note, = anomalies()
        ids = {event["weir"]["id"] for event in events}
        self.assertTrue(set(note["weir"]["evidence"]) <= ids and note["weir"]["cited"])

        _, out, err = self.end()
        self.assertIn("triage says of 5 events: suspicious", err)
        self.assertIn("nobody has put it in force", err)
        self.assertNotIn(SECRET, out + err)

    def test_a_persons_candidate_comes_before_a_proposal(self):
        self.write("proposing")
        other = self.folder / "other.rules"
        other.write_text(POLICY)
        self.start("--state", str(self.state), "--try-proposals")
        compiler = self.compiler()
        os.kill(compiler, signal.SIGSTOP)                         # the proposal takes long to check
        self.send(9, 1)
        self.wait_until(lambda: self.sink("triage")["delivered"] == 1, "the digest is answered", 60)
        asked = subprocess.Popen([WEIR, "reload", "--shadow", other, "--name", NAME], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        os.kill(compiler, signal.SIGCONT)
        said = asked.communicate(timeout=60)
        self.assertEqual(asked.returncode, 0, said)
        self.assertEqual(len(self.proposals()), 1)
        self.assertEqual(self.ask("reload", "--dry-run").returncode, 0)  # what waited before it has ended
        _, _, err = self.end()
        self.assertIn("other.rules runs beside the policy in force", err)
        self.assertNotIn("-triage.rules runs beside", err)

    def test_an_answer_that_comes_while_the_engine_ends_is_in_the_log(self):
        self.write("late")
        self.start()
        self.send(9, 1)
        self.wait_until(lambda: self.requests("/chat") != [], "the digest is sent", 60)
        _, _, err = self.end()
        self.assertIn("triage says of 1 events: suspicious", err)

    def test_an_injection_gets_no_further_than_a_note(self):
        self.write("injected")
        log = self.folder / "log"
        self.start("--state", str(self.state), before=("sh", "-c", 'exec "$@" 2> "$0"', str(log)))
        self.send(9, 1)
        self.wait_until(lambda: self.sink("triage")["delivered"] == 1, "the digest is answered", 60)
        self.wait_until(lambda: "a proposal of sink triage is refused: weir: it has an import" in log.read_text(),
                        "the proposal is refused", 60)
        status = self.status()
        self.assertEqual((status["generation"], status.get("shadow")), (1, None))
        self.assertEqual(self.proposals(), [])
        self.end()
        self.assertIn("without evidence", log.read_text())
        self.assertNotIn("\x1b", log.read_text())


if __name__ == "__main__":
    main()
