"""weir push and weir fleet status: signed policies, canaries, policies that cut a host off, and what policies from others
may not do."""
import json
import os
import subprocess
import unittest

import fleet_case
from fleet_case import HOSTS, PORT, SERVER, WEIR, PushCase, namespace, policy, run


class Signed(PushCase):
    def test_only_what_is_signed_and_new_is_in_force(self):
        self.start_all("--public-key", self.public)
        first = self.pushed(policy(9), "--signing-key", self.key)
        self.assertTrue(first["signed"])
        self.in_force_on_all(first)
        old, _ = self.value()
        second = self.pushed(policy(10), "--signing-key", self.key)
        self.in_force_on_all(second)
        before = {host: one["generation"] for host, one in self.fleet().items()}
        changed = bytearray(old)
        changed[old.index(b"rule marked")] ^= 1
        for put, reason in ((lambda: self.put(policy(11)), "it is not signed"),
                            (lambda: self.pushed(policy(11), "--signing-key", self.other)["revision"], "not by the key of this host"),
                            (lambda: self.put(old), "not above"),
                            (lambda: self.put(bytes(changed)), "not those of its manifest")):
            revision = put()
            for host in HOSTS:
                self.refused(host, reason, revision)
        after = self.fleet()
        self.assertEqual({host: one["generation"] for host, one in after.items()}, before)
        for host in HOSTS:
            self.assertEqual(after[host]["in_force"], second["sha256"])

    def test_a_serial_is_remembered_across_restarts(self):
        self.start("h1", "--public-key", self.public)
        first = self.pushed(policy(9), "--signing-key", self.key)
        self.wait_for_outcome("h1", "in force", first["revision"])
        old, _ = self.value()
        second = self.pushed(policy(10), "--signing-key", self.key)
        self.wait_for_outcome("h1", "in force", second["revision"])
        self.end("h1")
        self.put(old)
        self.start("h1", "--public-key", self.public)
        self.assertEqual(self.refused("h1", "not above")["in_force"], second["sha256"])

    def test_a_policy_goes_with_all_that_it_reads(self):
        self.start("h1", "--public-key", self.public)
        (self.folder / "parts").mkdir()
        (self.folder / "parts/ports.rules").write_text("let ports = tcp.dport == 22\n")
        (self.folder / "bad.netset").write_text("10.0.0.0/8\n")
        text = ('import "parts/ports.rules"\nset bad : net from "bad.netset"\nrule r { when ip.src in bad and ports then drop }\n'
                'test "t" { tcp 10.0.0.1:1 -> 192.0.2.1:22 => drop by r }\n')
        one = self.pushed(text, "--signing-key", self.key)
        self.wait_for_outcome("h1", "in force", one["revision"])
        self.assertEqual([rule["name"] for rule in self.engine_status("h1")["rules"]], ["r"])
        # An import of the bundle that is broken is shown with its line: it is the author's, not the host's.
        said = self.push(text.replace("10.0.0.1:1 -> 192.0.2.1:22 => drop by r", "10.0.0.1:1 -> 192.0.2.1:23 => drop by r"), "--signing-key", self.key)
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn("expected", said.stderr)


class Push(PushCase):
    def test_a_push_says_what_changes_and_overwrites_nobody(self):
        said = self.push(policy(9))
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("revision 1", said.stdout)
        said = self.push(policy(10), "--dry-run")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("udp.dport == 9", said.stdout)
        self.assertIn("nothing was pushed", said.stdout)
        self.assertEqual(self.value()[1], 1)
        # Broken policies do not leave this machine.
        self.assertEqual(self.push("rule r { when tcp.dprot == 1 then drop }\n").returncode, 1)
        self.assertEqual(self.push(policy(9).replace("drop by marked", "pass")).returncode, 1)
        self.assertEqual(self.value()[1], 1)
        # 10 at once: each revision is one push's, and each push says what became of it.
        for i in range(10):
            (self.folder / f"p{i}.rules").write_text(policy(100 + i))
        running = [subprocess.Popen([WEIR, "push", self.folder / f"p{i}.rules", "--to", self.to, "--format", "json"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for i in range(10)]
        revisions = []
        for one in running:
            out, err = one.communicate(timeout=120)
            if one.returncode == 0:
                revisions.append(json.loads(out)["revision"])
            else:
                self.assertEqual(one.returncode, 3, err)
                self.assertIn("somebody else has put", err)
        self.assertEqual(sorted(revisions), list(range(2, 2 + len(revisions))))
        self.assertGreaterEqual(len(revisions), 1)

    def test_a_key_is_made_whole_or_not_at_all(self):
        for taken in ("one.key", "two.key.pub"):
            (self.folder / taken).write_text("mine")
            said = run(WEIR, "push", "--new-key", self.folder / taken.removesuffix(".pub"))
            self.assertEqual(said.returncode, 3)
            self.assertIn(taken, said.stderr)
        self.assertEqual(sorted(one.name for one in self.folder.glob("*.key*")),
                         ["fleet.key", "fleet.key.pub", "one.key", "other.key", "other.key.pub", "two.key.pub"])
        self.assertEqual((self.folder / "one.key").read_text(), "mine")

    def test_output_that_cannot_be_written_ends_with_status_3(self):
        for words in (["push", self.folder / "edge.rules", "--to", self.to], ["push", self.folder / "edge.rules", "--to", self.to, "--dry-run"],
                      ["fleet", "status", self.server_url + "/policies"], ["fleet", "status", self.server_url + "/policies", "--format", "json"]):
            (self.folder / "edge.rules").write_text(policy(9))
            with open("/dev/full", "w") as full:
                said = subprocess.run([str(word) for word in (WEIR, *words)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
            self.assertEqual(said.returncode, 3, said.stderr)
            self.assertIn("standard output cannot be written", said.stderr)

    def test_no_password_is_printed(self):
        for url in (f"nats://me:hunter2@{SERVER}:1/policies/edge", f"nats://me:hunter2@{SERVER}:{PORT}/policies/no/such", "nats://me:hunter2@/policies"):
            for words in (["push", self.folder / "x.rules", "--to", url], ["fleet", "status", url], ["run", url, "-i", "c0"]):
                (self.folder / "x.rules").write_text(policy(9))
                said = run("timeout", "10", WEIR, *words)
                self.assertNotEqual(said.returncode, 0)
                self.assertNotIn("hunter2", said.stdout + said.stderr)


class Canary(PushCase):
    def test_a_canary_that_fails_stops_the_rest(self):
        # h2 may have no webhook: what comes to it with one is refused there.
        self.start_all("--public-key", self.public, "--allow-sinks", "stdout,webhook")
        first = self.pushed(policy(9), "--signing-key", self.key)
        self.in_force_on_all(first)
        bad = policy(10, 'alert hit { message "x" }\nsink soc = webhook("http://192.0.2.1/hook", header "X" env "PATH")\n')
        bad = bad.replace("then drop }", "then alert hit, drop }", 1)
        said = self.push(bad, "--signing-key", self.key, "--canary", "1%", "--wait", "120s")
        if said.returncode == 1 and "error[" in said.stderr:
            self.fail(said.stderr)
        self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
        self.assertIn("the rollout has stopped", said.stderr)
        self.assertIn("reads the variable", said.stderr)
        self.wait_for(lambda: sorted(one["outcome"] for one in self.fleet().values()) == ["refused", "waiting", "waiting"], "the others do not wait")
        for one in self.fleet().values():
            self.assertEqual(one["in_force"], first["sha256"])
        # And one that is good goes on to all.
        said = self.push(policy(11), "--signing-key", self.key, "--canary", "40%", "--wait", "120s")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertRegex(said.stdout, r"\d of 3 hosts first")
        for host in HOSTS:
            self.wait_for(lambda: not self.fleet()[host]["differs"], f"{host} has not followed the canary")

    def test_a_host_that_says_nothing_stops_the_rest(self):
        self.start_all("--public-key", self.public)
        first = self.pushed(policy(9), "--signing-key", self.key)
        self.in_force_on_all(first)
        self.end_all()
        said = self.push(policy(10), "--signing-key", self.key, "--canary", "100%", "--wait", "2s")
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn("no word within 2s", said.stderr)

    def test_a_policy_that_cuts_a_host_off_is_taken_back(self):
        # The policy is on the way to the server itself.
        self.engines["h1"] = None
        log = open(self.folder / "h1.log", "a")
        self.addCleanup(log.close)
        self.engines["h1"] = subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace('h1')}", WEIR, "run", self.to, "-i", "m0", "--name", "h1",
                                               "--host-name", "h1", "--state", self.folder / "state", "--mode", "generic"],
                                              stdout=subprocess.DEVNULL, stderr=log, env=os.environ)
        first = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", first["revision"])
        cut = 'rule cut { when tcp.sport == 4222 then drop }\n'
        one = self.pushed(cut, "--confirm-within", "3s")
        found = self.wait_for_outcome("h1", "rolled back", one["revision"])
        self.assertIn("could not be reached", found["reason"])
        self.assertEqual(found["in_force"], first["sha256"])
        self.assertEqual([rule["name"] for rule in self.engine_status("h1")["rules"]], ["marked"])
        # A good one is confirmed by the host itself.
        one = self.pushed(policy(12), "--confirm-within", "120s")
        found = self.wait_for_outcome("h1", "in force", one["revision"])
        self.assertEqual(found["in_force"], one["sha256"])


class Others(PushCase):
    def test_what_such_a_policy_may_not_do(self):
        programs, sinks = self.folder / "programs", self.folder / "sinks"
        programs.mkdir()
        sinks.mkdir()
        secret = self.folder / "secret.txt"
        secret.write_text("hunter2 10.0.0.0/8\n")
        environment = {"FOREIGN": "hunter2", "WEIR_SINK_SOC_TOKEN": "fine"}
        self.start("h1", "--allow-sinks", "stdout,eve,webhook,exec", "--sink-dir", sinks, "--allow-exec", programs, environment=environment)
        first = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", first["revision"])

        def with_sink(text):
            return ('rule r { when udp.dport == 9 then alert hit, drop }\nalert hit { message "x" to s }\n' + text + "\n")
        for text, reason in ((f'import "{secret}"\n', "bundle"),
                             ('import "../../../../../../etc/passwd"\n', "bundle"),
                             (f'set s : net from "{secret}"\nrule r {{ when ip.src in s then drop }}\n', "bundle"),
                             (policy(9, f'test "c" {{ replay "{secret}" => pass }}\n'), "bundle"),
                             (with_sink('sink s = eve("/etc/cron.d/x")'), "is not in"),
                             (with_sink(f'sink s = eve("{sinks}/../x")'), "is not in"),
                             (with_sink('sink s = exec("/bin/sh")'), "is not in"),
                             (with_sink('sink s = unix("/run/x.sock")'), "not among --allow-sinks"),
                             (with_sink('sink s = webhook("http://192.0.2.1/hook", header "X" env "FOREIGN")'), "reads the variable `FOREIGN`")):
            revision = self.put(text)
            found = self.refused("h1", reason, revision)
            self.assertNotIn("hunter2", json.dumps(found))
            self.assertNotIn("root:", json.dumps(found))
            self.assertEqual(found["in_force"], first["sha256"])
        self.wait_for_outcome("h1", "in force", self.put(with_sink(f'sink s = eve("{sinks}/x.json")')))
        # Nor may who has taken over the follower ask for a file of the host: tests/unit/service/others_test.cpp.
        status = run(WEIR, "status", "--name", "h1").stdout
        self.assertIn("policies/edge", status)


class Users(PushCase):
    """A server with users: a host has the rights that docs/fleet.md names, and no more."""
    configuration = """authorization { users = [
  {user: admin, password: apw}
  {user: h1, password: hpw, permissions: {publish: ["$JS.API.CONSUMER.CREATE.KV_policies", "$KV.policies-status.edge.h1"], subscribe: ["_INBOX.>"]}}
] }
"""
    server_url = f"nats://admin:apw@{SERVER}:{PORT}"
    login = {"user": "admin", "pass": "apw"}

    def test_a_host_needs_few_rights(self):
        first = self.pushed(policy(9))
        self.start("h1", to=f"nats://h1:hpw@{SERVER}:{PORT}/policies/edge")
        self.wait_for_outcome("h1", "in force", first["revision"])
        second = self.pushed(policy(10), "--confirm-within", "120s")
        self.wait_for_outcome("h1", "in force", second["revision"])
        self.assertNotIn("hpw", self.log("h1") + json.dumps(self.engine_status("h1")) + json.dumps(self.request("h1", {"command": "status"})))
        said = run(WEIR, "push", self.folder / "edge.rules", "--to", f"nats://h1:hpw@{SERVER}:{PORT}/policies/edge")
        self.assertEqual(said.returncode, 3, said.stdout)
        self.assertIn("Permissions Violation", said.stderr)
        self.assertNotIn("hpw", said.stderr)


if __name__ == "__main__":
    fleet_case.main()
