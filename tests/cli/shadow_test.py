#!/usr/bin/env python3
"""shadow_test.py WEIR SOURCE: weir reload --shadow and weir promote. Skipped as live_case.py says."""
import json
import pathlib
import subprocess
import sys

from live_case import NAME, SECOND, WEIR, LiveCase, main
from two_hosts import CLIENT, SERVER_ADDRESS, TwoHosts

CANDIDATE = """rule kept { when udp.dport == 10 then drop }
rule marked { when udp.dport == 9 then drop }
"""
# What a policy writes beside its verdict and its counters, and a candidate that would write other things.
WRITES = """record 128 bytes, 4096 packets
rule web    { when tcp.dport == 4480 then measure packet.len as sizes, pass }
rule closed { when udp.dport == 9 and flow.is_new then drop }
rule sent   { observe egress when tcp then pass }
"""
WOULD_WRITE = """record 64 bytes, 1024 packets
rule web    { when tcp.dport == 4480 and flow.packets > 0 then measure packet.len as candidate, reject }
rule closed { when udp.dport == 9 and flow.is_new then pass }
"""
ECHO = """
import socket, sys
listening = socket.create_server((sys.argv[1], 4480))
print("ready", flush=True)
peer, _ = listening.accept()
while data := peer.recv(100):
    peer.sendall(data)
"""
# Twenty bytes there and back, and five datagrams, each from the same port.
TALK = """
import socket, sys
one = socket.create_connection((sys.argv[1], 4480), timeout=60)
for _ in range(20):
    one.sendall(b"x")
    assert one.recv(1) == b"x"
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("", 5000))
for _ in range(5):
    datagrams.sendto(b"x", (sys.argv[1], 9))
print("done", flush=True)
sys.stdin.read()
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


class Writes(TwoHosts):
    def spawn(self, space, code):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", sys.executable, "-c", code, SERVER_ADDRESS], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        for end in (process.stdout.close, process.stdin.close, process.wait, process.kill):
            self.addCleanup(end)
        return process

    def test_a_candidate_writes_nothing(self):
        self.policy.write_text(WRITES)
        self.start(interface="t0")
        candidate = self.folder / "candidate.rules"
        candidate.write_text(WOULD_WRITE)
        said = self.ask("reload", candidate, "--shadow", "--samples", self.folder / "samples.pcapng")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(self.spawn(NAME, ECHO).stdout.readline(), "ready\n")
        self.assertEqual(self.spawn(CLIENT, TALK).stdout.readline(), "done\n")       # no answer of the candidate's came between
        status = self.status()
        rules = {row["name"]: row["packets"] for row in status["rules"]}
        self.assertGreater(rules["web"], 20)
        self.assertEqual(rules["closed"], 5)
        self.assertEqual(status["answers"], {"sent": 0, "dropped": 0, "failed": 0, "not_sent": 0})

        # Both judged the same packets; the candidate found the flows as they were before the policy in force entered them.
        pairs = {(pair["live"], pair["candidate"]): (pair["live_verdict"], pair["candidate_verdict"], pair["packets"]) for pair in status["shadow"]["pairs"]}
        self.assertEqual(pairs, {("web", "web"): ("pass", "reject", rules["web"]), ("closed", "closed"): ("drop", "pass", 5)})

        # Measures, records and flows are those of the policy in force alone.
        self.assertEqual([(one["name"], one["keys"][0]["count"]) for one in status["measures"]], [("sizes", rules["web"])])

        def recorded_alike():    # the kernel may send an acknowledgement between the two
            status = self.status()
            judged = sum(row["packets"] for row in status["rules"] if row["name"] in ("web", "closed"))
            judged += status["default"]["packets"] + status["default_egress"]["packets"]
            (self.folder / "all.pcapng").unlink(missing_ok=True)
            said = self.ask("record", "dump", self.folder / "all.pcapng")
            return said.stdout.startswith(f"{judged} of {judged} recorded packets")

        self.wait_until(recorded_alike, "as many packets are recorded as were judged")
        flows = {}

        def counted_alike():    # the kernel may send an acknowledgement between the two
            rules = {row["name"]: row["packets"] for row in self.status()["rules"]}
            flows.update(json.loads(self.ask("flows", "--top", "10", "--format", "json").stdout))
            ours = [flow for flow in flows["top"] if flow["server"] == f"{SERVER_ADDRESS}:4480"]
            return [flow["packets"] for flow in ours] == [rules["web"] + rules["sent"]]

        self.wait_until(counted_alike, "the flow has the packets that the rules counted")
        self.assertFalse([flow for flow in flows["top"] if flow["protocol"] == "udp"])

        # Promoted, it begins with nothing of its own.
        self.assertEqual(self.ask("promote").returncode, 0)
        self.assertEqual([(one["name"], one["keys"]) for one in self.status()["measures"]], [("candidate", [])])


if __name__ == "__main__":
    main()
