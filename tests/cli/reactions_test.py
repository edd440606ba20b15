#!/usr/bin/env python3
"""reactions_test.py WEIR SOURCE: what alerts of a running engine do with their events (escalate, respond), and what sinks an operator
allows. Skipped as live_case.py says."""
import json
import subprocess

from live_case import NAME, WEIR, LiveCase, inside, main

POLICY = """policy reacting
set blocked : port size 2
rule known   { when udp.dport in blocked then drop }
rule seen    { when udp.dport in 2000..2999 then alert seen }
rule watched { observe when udp.dport in 3000..3999 then alert seen }
rule default_is_counted { when udp.dport == 9 then pass }
alert seen {
    message  "{rule} {udp.dport}: {count}, {policy} {generation}"
    to       all
    escalate to soc when 3 within 1h per ip.dst
    escalate to all when 2 within 1h per udp.dport
    respond  { add udp.dport to blocked for 1h }
}
sink all = eve("FOLDER/all.json")
sink soc = eve("FOLDER/soc.json")
"""


class Reactions(LiveCase):
    def alert(self):
        return self.status()["alerts"][0]

    def run_weir(self, *more):
        return subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME, *more],
                              capture_output=True, text=True, timeout=100)

    def events(self, name):
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def messages(self, name):
        return [event["weir"]["message"] for event in self.events(name)]

    def test_a_live_engine_escalates_and_responds(self):
        self.policy.write_text(POLICY.replace("FOLDER", str(self.folder)))
        self.start()
        self.send(2001, 1)
        self.wait_until(lambda: self.alert()["responses"]["done"] == 1, "the response")
        self.send(2001, 2)  # blocked: no event
        listed = subprocess.run([WEIR, "set", "list", "blocked", "--name", NAME], capture_output=True, text=True, timeout=60)
        self.assertIn("2001", listed.stdout)
        self.send(3001, 2)  # an observed rule's: would, and the second escalates to a sink that is in `to`
        self.wait_until(lambda: self.alert()["responses"]["would"] == 2, "events of the observed rule")
        self.send(2002, 1)
        self.send(2003, 1)  # the set is full
        self.wait_until(lambda: self.alert()["responses"]["failed"] == 1, "the set is full")
        self.wait_until(lambda: self.alert()["pending"] == 0 and all(e["pending"] == 0 for e in self.alert()["escalations"]), "all are delivered")
        alert = self.alert()
        self.assertEqual(alert["responses"], {"done": 2, "would": 2, "failed": 1, "lost": 0})
        self.assertEqual(alert["escalations"], [{"sink": sink, "escalated": 1, "delivered": 1, "lost": 0, "pending": 0, "evicted": 0} for sink in ("all", "soc")])
        self.assertEqual((alert["matched"], alert["delivered"], alert["lost"]), (5, 5, 0))
        # The third event of the destination goes to the other sink, too; the second of the port once.
        self.assertEqual(self.messages("all.json"), ["seen 2001: 1, reacting 1", "watched 3001: 1, reacting 1", "watched 3001: 2, reacting 1",
                                                     "seen 2002: 1, reacting 1", "seen 2003: 1, reacting 1"])
        self.assertEqual(self.messages("soc.json"), ["watched 3001: 3, reacting 1"])
        for sink in self.status()["sinks"]:
            self.assertEqual((sink["lost"], sink["pending"]), (0, 0), sink)
        human = self.ask("status").stdout
        self.assertIn("seen escalates to soc: 1 escalated, 1 delivered, 0 lost, 0 pending", human)
        self.assertIn("seen responds: 2 done, 2 would have been done, 1 failed, 0 lost", human)
        # A reload keeps windows and counts; one without the set's adds lets the entries be.
        self.assertEqual(self.ask("reload").returncode, 0)
        self.send(2004, 2)
        self.wait_until(lambda: self.alert()["matched"] == 7, "two more")
        self.assertEqual([row["escalated"] for row in self.alert()["escalations"]], [2, 1])
        self.assertEqual(self.status()["rules"][0]["packets"], 2)

    def test_what_sinks_may_do_is_the_operators(self):
        (self.folder / "programs").mkdir()
        (self.folder / "programs" / "block").symlink_to("/bin/true")
        path = f"{self.folder}/programs/block"
        self.policy.write_text(f'rule r {{ when udp then alert a }}\nalert a {{ message "" }}\nsink s = exec("{path}")\n')
        said = self.run_weir()
        self.assertEqual(said.returncode, 3)
        self.assertIn("the sink `s` is not allowed: it runs a program", said.stderr)
        self.assertIn("--allow-exec=DIR", said.stderr)
        said = self.run_weir("--allow-exec", f"{self.folder}/programs")  # a link that leads out
        self.assertEqual(said.returncode, 3)
        self.assertIn("is not in", said.stderr)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.assertEqual(self.run_weir("--allow-exec", f"{self.folder}/nowhere").returncode, 2)
        self.assertEqual(self.run_weir("--allow-sinks", "eve,pcab").returncode, 2)

        self.policy.write_text(POLICY.replace("FOLDER", str(self.folder)))
        self.assertIn("eve is not among --allow-sinks", self.run_weir("--allow-sinks", "stdout,pcap").stderr)
        self.start("--allow-sinks", "eve", "--sink-dir", str(self.folder))
        self.policy.write_text(POLICY.replace("FOLDER", "/var/tmp"))
        said = self.ask("reload")
        self.assertEqual(said.returncode, 3, said.stderr)
        self.assertIn("`/var/tmp/all.json` is not in", said.stderr)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 1))
        said = self.ask("reload", "--shadow")
        self.assertEqual(said.returncode, 3, said.stderr)


if __name__ == "__main__":
    main()
