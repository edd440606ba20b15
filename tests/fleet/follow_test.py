"""weir run nats://…: policies that are put into a bucket of NATS are in force on three engines in three namespaces, or
the bucket of statuses says why not."""
import os
import pathlib
import signal
import statistics
import sys
import time
import unittest

import fleet_case
from fleet_case import HOSTS, FleetCase, policy


class Follow(FleetCase):
    def generations(self):
        said = {host: self.request(host, {"command": "status"}) for host in HOSTS}
        return {host: one["engine"]["generation"] for host, one in said.items() if one and one.get("ok")}

    def test_a_put_is_in_force_on_all_in_under_a_second(self):
        self.start_all()
        revision = self.pushed(policy(9))["revision"]
        for host in HOSTS:
            self.assertEqual(self.wait_for_outcome(host, "in force", revision)["reason"], "")
        times = []
        rounds = int(os.environ.get("WEIR_FLEET_ROUNDS", "12"))
        for turn in range(rounds):
            before = self.generations()
            self.assertEqual(set(before), set(HOSTS))
            # The push itself checks, tests and compares first: the time begins where the value is put.
            with self.wire() as wire:
                begin = time.monotonic()
                wire.send("$KV.policies.edge", policy(100 + turn).encode())
                wire.answer()
            while True:
                now = self.generations()
                if all(now.get(host, 0) > before[host] for host in HOSTS):
                    break
                self.assertLess(time.monotonic() - begin, fleet_case.PATIENCE_S, f"{before} {now}")
                time.sleep(0.005)
            times.append(time.monotonic() - begin)
        print(f"put to in force on three engines: median {statistics.median(times) * 1000:.0f} ms, "
              f"most {max(times) * 1000:.0f} ms of {rounds}", file=sys.stderr)
        names = {rule["name"] for rule in self.engine_status("h2")["rules"]}
        self.assertEqual(names, {"marked"})

    def test_broken_policies_are_in_force_nowhere_and_the_status_says_why(self):
        self.start_all()
        good = self.pushed(policy(9))
        for host in HOSTS:
            self.wait_for_outcome(host, "in force", good["revision"])
        before = self.generations()
        for text, reason in (("rule r { when tcp.dprot == 1 then drop }\n", "unknown field"),
                             (policy(9).replace("=> drop by marked", "=> pass"), "expected"),
                             ("", "no item"),
                             ("manifest\0" + "x" * 600, "damaged")):
            self.put(text)
            for host in HOSTS:
                one = self.refused(host, reason)
                self.assertEqual(one["in_force"], good["sha256"])
                self.assertTrue(one["differs"])
        self.assertEqual(self.generations(), before)
        said = fleet_case.run(fleet_case.WEIR, "fleet", "status", f"nats://{fleet_case.SERVER}:{fleet_case.PORT}/policies")
        self.assertEqual(said.returncode, 1)
        self.assertIn("refused", said.stdout)

    def test_a_server_that_is_killed_costs_nothing(self):
        self.start_all()
        first = self.pushed(policy(9))
        for host in HOSTS:
            self.wait_for_outcome(host, "in force", first["revision"])
        before = self.generations()
        self.server.end(signal.SIGKILL)
        # Without the server, what is in force stays, also across a restart of the engine and a kill.
        self.assertEqual(self.end("h1"), 0)
        self.end("h2", signal.SIGKILL)
        self.start("h1")
        self.start("h2")
        for host in ("h1", "h2"):
            self.wait_for(lambda: (self.request_quietly(host) or {}).get("ok"), f"{host} does not start without its server")
            self.assertIn("marked", {rule["name"] for rule in self.engine_status(host)["rules"]})
        self.assertEqual(self.generations()["h3"], before["h3"])
        self.server.start()
        second = self.pushed(policy(10))
        for host in HOSTS:
            one = self.wait_for_outcome(host, "in force", second["revision"])
            self.assertEqual(one["in_force"], second["sha256"])

    def test_a_push_takes_the_place_of_what_a_person_has_put_in_force(self):
        self.start("h1")
        one = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", one["revision"])
        mine = self.folder / "mine.rules"
        mine.write_text("rule mine { when udp.dport == 7 then drop }\n")
        rules = lambda: [rule["name"] for rule in self.engine_status("h1")["rules"]]
        self.assertEqual(self.ask("h1", "reload", mine).returncode, 0)
        self.assertEqual(rules(), ["mine"])
        # The same text as before: it is not in force any more, though the follower was not told so.
        one = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", one["revision"])
        self.assertEqual(rules(), ["marked"])
        self.assertEqual(self.ask("h1", "reload", mine).returncode, 0)
        found = self.wait_for_outcome("h1", "replaced", one["revision"])
        self.assertEqual((found["in_force"], found["differs"], found["bad"]), (None, True, False))
        self.assertEqual(self.ask("h1", "rollback").returncode, 0)
        self.wait_for_outcome("h1", "in force", one["revision"])
        generation = self.engine_status("h1")["generation"]
        one = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", one["revision"])
        self.assertEqual(self.engine_status("h1")["generation"], generation)     # nothing is swapped for itself

    def request_quietly(self, host):
        try:
            return self.request(host, {"command": "status"})
        except OSError:
            return None

    def test_the_follower_is_started_again_and_swaps_nothing(self):
        self.start("h1")
        one = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", one["revision"])
        before = self.request("h1", {"command": "status"})["engine"]["generation"]
        engine = self.engines["h1"].pid
        children = pathlib.Path(f"/proc/{engine}/task/{engine}/children").read_text().split()
        follower = [int(child) for child in children if b"policy-follower" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes()]
        self.assertEqual(len(follower), 1)
        facts = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{follower[0]}/status").read_text().splitlines())
        self.assertEqual(facts["Uid"].split(), ["65534"] * 4)
        self.assertEqual(int(facts["CapEff"], 16) | int(facts["CapPrm"], 16) | int(facts["CapInh"], 16) | int(facts["CapAmb"], 16), 0)
        self.assertEqual(facts["NoNewPrivs"].strip(), "1")
        self.assertEqual(facts["Seccomp"].strip(), "2")
        os.kill(follower[0], signal.SIGKILL)
        self.wait_for(lambda: "started again" in self.log("h1"), "nobody saw that the follower ended")
        second = self.pushed(policy(10))
        self.wait_for_outcome("h1", "in force", second["revision"])
        self.assertEqual(self.request("h1", {"command": "status"})["engine"]["generation"], before + 1)


if __name__ == "__main__":
    fleet_case.main()
