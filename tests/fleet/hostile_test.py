"""What who may write to the buckets, and has no key, can do: hosts that lie in their statuses, and bundles that want out."""
import json
import signal
import subprocess
import unittest

import fleet_case
import values
from fleet_case import WEIR, PushCase, policy, run


class Statuses(PushCase):
    """No engine runs: the statuses are what the test writes."""
    def setUp(self):
        super().setUp()
        self.first = self.pushed(policy(9))

    def say(self, place, said):
        self.put(said if isinstance(said, (bytes, str)) else json.dumps(said), place, "policies-status")

    def status(self, host="h1", key="edge", serial=0, outcome="in force", **more):
        return {"key": key, "host": host, "outcome": outcome, "reason": "", "generation": 1, "time": "2026-01-02T03:04:05.678Z", "weir": "0.1.0",
                "value": {"revision": 1, "serial": serial, "sha256": self.first["sha256"]},
                "in_force": {"revision": 1, "serial": serial, "sha256": self.first["sha256"]}, **more}

    def shown(self):
        said = run(WEIR, "fleet", "status", self.server_url + "/policies")
        self.assertIn(said.returncode, (0, 1), said.stderr)
        return said

    def begin_canary(self, *more):
        """weir push --canary, and the serial that it has put."""
        file = self.folder / "next.rules"
        file.write_text(policy(11))
        pushing = subprocess.Popen([str(word) for word in (WEIR, "push", file, "--to", self.to, "--canary", "100%", "--wait", "120s", *more)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(pushing.communicate)
        self.addCleanup(pushing.kill)
        self.wait_for(lambda: self.value()[1] > self.first["revision"] or pushing.poll() is not None, "the canary is not put")
        found = [line.split()[1] for line in self.value()[0].decode(errors="replace").splitlines() if line.startswith("serial ")]
        self.assertEqual(len(found), 1, pushing.communicate() if pushing.poll() is not None else "")
        return pushing, int(found[0])

    def read_until(self, pushing, text):
        for line in pushing.stdout:
            if text in line:
                return
        self.fail(f"{text} is not said: {pushing.communicate()}")

    def test_a_host_speaks_for_itself_only(self):
        self.say("edge.h1", self.status("h1"))
        self.say("edge.evil", self.status("h2"))                      # another host's name
        self.say("edge.a.b", self.status("b", key="edge.a"))          # and one that the dots of its own may look like
        self.say("edge.c", self.status("c", key="core"))
        self.say("core", self.status("", key="core"))
        self.say("edge.d", "[1, 2]")
        self.say("edge.e", b"\xff\xfe no JSON")
        self.say("edge.f", json.dumps(["key", "host"]))
        self.say("edge.g", {"key": 1, "host": {"x": 1}})
        self.assertEqual(list(self.fleet()), ["h1"])
        said = self.push(policy(12), "--canary", "100%", "--wait", "1s")
        self.assertIn("1 of 1 hosts first: h1", said.stdout)
        self.assertIn("no word within 1s from h1", said.stderr)

    def test_a_host_that_lies_does_so_for_itself_only(self):
        self.say("edge.h1", self.status("h1"))
        self.say("edge.liar", self.status("liar"))
        pushing, serial = self.begin_canary()
        # It says that all is well, also in the names of others; who says nothing is waited for.
        self.say("edge.liar", self.status("liar", serial=serial))
        self.say("edge.liar2", self.status("h1", serial=serial))
        self.read_until(pushing, "2 of 2 hosts first: h1, liar")
        self.read_until(pushing, "in force on 1 of 2")
        self.assertEqual(self.value()[1], self.first["revision"] + 1)
        self.say("edge.h1", self.status("h1", serial=serial))
        out, err = pushing.communicate(timeout=fleet_case.PATIENCE_S)
        self.assertEqual(pushing.returncode, 0, err)
        self.assertIn("pushed", out)

    def test_the_age_of_a_status_is_by_the_servers_clock(self):
        self.say("edge.behind", self.status("behind", time="1999-01-01T00:00:00.000Z"))
        self.say("edge.ahead", self.status("ahead", time="2999-01-01T00:00:00.000Z"))
        self.say("edge.none", self.status("none", time="x" * 1000))
        for host, one in self.fleet().items():
            self.assertFalse(one["silent"], host)
            self.assertLess(abs(one["age_s"]), 290, host)

    HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\nedge  h9  in force\nweir: all is well\n\0"

    def check_harmless(self, text, most_bytes):
        self.assertLess(len(text), most_bytes)
        for bad in ("\x1b", "\x07", "\x9b", "\u202e", "\r", "\0"):
            self.assertNotIn(bad, text)
        for line in text.splitlines():
            self.assertFalse(line.startswith(("edge  h9", "weir: all is well")), line)

    def test_texts_of_a_host_drive_no_terminal_and_fill_none(self):
        million = "A" * 1_000_000
        long = self.status("h1", outcome="refused", reason=self.HOSTILE + million, weir=self.HOSTILE + million, time=self.HOSTILE + million)
        self.say("edge.h1", long)
        self.say("edge.h2", self.status("h2", outcome=self.HOSTILE + million, in_force={"sha256": self.HOSTILE + million}))
        said = self.shown()
        self.check_harmless(said.stdout + said.stderr, 12_000)
        self.assertEqual(said.returncode, 1)
        said = run(WEIR, "fleet", "status", self.server_url + "/policies", "--format", "json")
        self.check_harmless(said.stdout.rstrip("\n"), 20_000)
        self.assertEqual({one["host"]: one["bad"] for one in json.loads(said.stdout)["hosts"]}, {"h1": True, "h2": False})
        # And in the words of weir push.
        pushing, serial = self.begin_canary()
        long["value"]["serial"] = serial
        self.say("edge.h1", long)
        out, err = pushing.communicate(timeout=fleet_case.PATIENCE_S)
        self.assertEqual(pushing.returncode, 1)
        self.check_harmless(out + err, 12_000)
        self.assertIn("the rollout has stopped", err)

    def test_numbers_and_depths_that_nothing_has(self):
        depth = 200_000
        self.say("edge.h1", json.dumps(self.status("h1")).replace('"generation": 1', '"generation": 1e400'))
        self.say("edge.h2", self.status("h2", generation=-1, value={"revision": 2**64, "serial": -2**63, "sha256": 7}))
        self.say("edge.h3", self.status("h3", generation=2**64 - 1, in_force=[]))
        self.say("edge.h4", json.dumps(self.status("h4")).replace('"reason": ""', '"reason": ' + "[" * depth + "]" * depth))
        self.say("edge.h5", "[" * depth)
        self.say("edge.h6", '{"key":' * depth + "1" + "}" * depth)
        found = self.fleet()
        self.assertLessEqual({"h2", "h3", "h4"}, set(found))
        self.assertNotIn("h5", found)
        self.assertEqual(found["h2"]["generation"], 0)
        self.assertEqual(found["h3"]["generation"], 2**64 - 1)
        self.assertEqual(self.shown().returncode, 0)

    def test_a_push_that_dies_with_a_canary_is_seen_and_pushed_again(self):
        self.say("edge.h1", self.status("h1"))
        pushing, serial = self.begin_canary("--signing-key", self.key)
        pushing.send_signal(signal.SIGKILL)
        pushing.wait()
        keys = json.loads(run(WEIR, "fleet", "status", self.server_url + "/policies", "--format", "json").stdout)["keys"]
        self.assertEqual([(one["serial"], one["canary"]) for one in keys], [(serial, 10_000)])
        # One of a few hosts only is named as such.
        self.assertEqual(self.push(policy(12), "--signing-key", self.key, "--canary", "1%", "--wait", "1s").returncode, 1)
        keys = json.loads(run(WEIR, "fleet", "status", self.server_url + "/policies", "--format", "json").stdout)["keys"]
        self.assertLess(keys[0]["canary"], 10_000)
        self.assertGreater(keys[0]["serial"], serial)
        self.assertRegex(self.shown().stdout, r"serial \d+, sha256 \w+, for the first [0-9.]+% of the hosts\n")
        again = self.pushed(policy(12), "--signing-key", self.key)
        self.assertGreater(again["serial"], keys[0]["serial"])
        self.assertNotIn("for the first", self.shown().stdout)

    def test_who_pushes_while_another_waits_for_a_canary_comes_first(self):
        self.say("edge.h1", self.status("h1"))
        pushing, serial = self.begin_canary()
        other = self.pushed(policy(13))
        self.say("edge.h1", self.status("h1", serial=serial))
        _, err = pushing.communicate(timeout=fleet_case.PATIENCE_S)
        self.assertEqual(pushing.returncode, 3)
        self.assertIn("somebody else has put", err)
        self.assertEqual(self.value()[1], other["revision"])


class Bundles(PushCase):
    max_payload = "64MB"

    def setUp(self):
        super().setUp()
        self.start("h1", "--public-key", self.public, "--allow-sinks", "stdout")
        self.first = self.pushed(policy(9), "--signing-key", self.key)
        self.wait_for_outcome("h1", "in force", self.first["revision"])
        self.serial = self.first["serial"]

    def is_refused(self, value, reason):
        found = self.refused("h1", reason, self.put(value))
        self.assertEqual(found["in_force"], self.first["sha256"])
        self.assertNotIn("root:", found["reason"])
        return found

    def signed(self, files, **more):
        self.serial += 1
        return values.value(files, self.serial, self.key, **more)

    def test_no_way_out_of_a_bundle_that_is_signed(self):
        good = ("policy/edge.rules", policy(10))
        for name in ("policy/../x", "policy/../../etc/cron.d/x", "/etc/passwd", "policy//x", "policy/./x", "policy/x/", "other/x", "include/1/x",
                     "policy/a\x1b[2Jb", ""):
            self.is_refused(self.signed([good, (name, "x")]), "refused")
        self.is_refused(self.signed([good, good]), "not in order")
        # A file below what is itself a file, and types that are no file's.
        body = policy(10).encode()
        for kind in (b"1", b"2", b"3", b"5", b"6", b"x", b"L"):
            self.is_refused(self.signed([good, ("policy/x", b"")], entries=[values.entry("policy/edge.rules", body), values.entry("policy/x", kind=kind)]),
                            "no regular file")
        # Lengths that nothing has.
        for size in (b"77777777777", b"\x80" + b"\0" * 9 + b"\xff", b"-0000000001", b"00000000999"):
            self.is_refused(self.signed([good], entries=[values.entry("policy/edge.rules", body, size=size)]), "is cut")

    def test_no_policy_that_is_signed_reads_beyond_its_bundle(self):
        for text in ('import "../x.rules"\n', 'import "/etc/passwd"\n', 'import "parts/../../../../etc/passwd"\n', 'import "/include/9/x"\n',
                     'set s : net from "/etc/passwd"\nrule r { when ip.src in s then drop }\n', policy(10, 'test "c" { replay "/etc/passwd" => pass }\n')):
            self.is_refused(self.signed([("policy/edge.rules", text)]), "bundle")
        for sink in ('exec("/bin/sh")', 'eve("/etc/cron.d/x")', 'webhook("http://192.0.2.1/")', 'unix("/run/x.sock")'):
            text = 'rule r { when udp.dport == 9 then alert hit, drop }\nalert hit { message "x" to s }\nsink s = ' + sink + "\n"
            self.is_refused(self.signed([("policy/edge.rules", text)]), "allow")
        one = self.pushed(policy(14), "--signing-key", self.key)
        self.wait_for_outcome("h1", "in force", one["revision"])

    def test_signers_of_other_buckets_and_keys_are_refused(self):
        files = [("policy/edge.rules", policy(10))]
        self.is_refused(self.signed(files, bucket="others"), "was made for others/edge")
        self.is_refused(self.signed(files, key="core"), "was made for policies/core")
        self.is_refused(self.signed(files).replace(b"key edge", b"key core"), "refused")
        self.is_refused(values.value(files, self.serial + 1, self.other), "not by the key of this host")
        self.is_refused(values.value(files, self.serial + 1), "it is not signed")

    def test_twenty_thousand_small_files_do_no_harm(self):
        many = [(f"policy/f{number:06}", b"") for number in range(20_000)]
        revision = self.put(self.signed([("policy/edge.rules", policy(10))] + many))
        self.wait_for_outcome("h1", "in force", revision)
        one = self.pushed(policy(14), "--signing-key", self.key)
        self.wait_for_outcome("h1", "in force", one["revision"])

    def test_a_value_that_the_server_would_not_find_again_is_not_put(self):
        (self.folder / "large.netset").write_text("# a long remark of no use\n" * (33 << 20 >> 4))
        said = self.push('set s : net from "large.netset"\nrule r { when ip.src in s then drop }\n', "--signing-key", self.key)
        self.assertEqual(said.returncode, 3, said.stdout)
        self.assertIn("keeps 33550336 at most", said.stderr)
        self.assertEqual(self.value()[1], self.first["revision"])

    def test_who_has_no_key_cannot_use_up_the_serials(self):
        files = [("policy/edge.rules", policy(10))]
        for last in (2**64 - 1, 2**64 - 2):
            self.is_refused(values.value(files, last), "it is not signed")
            one = self.pushed(policy(last % 1000), "--signing-key", self.key)
            self.wait_for_outcome("h1", "in force", one["revision"])
            self.first = one
            self.assertLess(one["serial"], 2**62)


if __name__ == "__main__":
    fleet_case.main()
