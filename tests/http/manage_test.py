#!/usr/bin/env python3
"""manage_test.py WEIR SOURCE: what the API changes, with the token: sets, reloads, confirmations, and what it says of
policies. Skipped as live_case.py says."""
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import ADDRESS, DoorCase, TOKEN, connected, main_of  # noqa: E402

WITH_SET = """set blocked : ip size 1000 ttl 10m
rule banned { when ip.src in blocked then drop }
rule marked { when udp.dport == 9 then alert hit, drop }
alert hit { message "hit from {ip.src}" }
"""
TESTED = """rule telnet { when tcp.dport == 23 then drop }
test "telnet is closed" { tcp 198.51.100.7:4000 -> 192.0.2.1:23 syn => drop by telnet }
test "web is open" { tcp 198.51.100.7:4000 -> 192.0.2.1:80 syn => pass }
"""
JSON = "application/json"


class Manage(DoorCase):
    def begin(self, text=WITH_SET, *more):
        self.policy.write_text(text)
        self.listen("--api-token-file", self.token_file(), *more)

    def test_sets(self):
        self.begin()
        said = self.manage("PUT", "/api/v1/sets/blocked", json.dumps({"values": ["192.0.2.1", "192.0.2.2"], "for": "10m"}), JSON)
        self.assertEqual(said, (200, {"added": 2, "refused": 0}))
        status, said = self.manage("GET", "/api/v1/sets/blocked")
        self.assertEqual((status, sorted(entry["value"] for entry in said["entries"])), (200, ["192.0.2.1", "192.0.2.2"]))
        self.assertEqual({line.split()[0] for line in self.ask("set", "list", "blocked").stdout.splitlines()} & {"192.0.2.1", "192.0.2.2"},
                         {"192.0.2.1", "192.0.2.2"})
        self.assertEqual(self.manage("DELETE", "/api/v1/sets/blocked", json.dumps({"values": ["192.0.2.1"]}), JSON), (200, {"removed": 1}))
        status, said = self.manage("PUT", "/api/v1/sets/blocked", json.dumps({"values": ["192.0.2.3", "no address"]}), JSON)
        self.assertEqual((status, said["values"][0]["index"]), (422, 1))
        self.assertEqual(self.manage("GET", "/api/v1/sets/nowhere")[0], 404)
        self.assertEqual(self.manage("PUT", "/api/v1/sets/nowhere", json.dumps({"values": []}), JSON)[0], 404)

    def test_policy_in_force_flows_and_description(self):
        self.begin()
        status, said = self.manage("GET", "/api/v1/policy")
        self.assertEqual((status, said["policy"], said["text"]), (200, "policy", WITH_SET))
        hashes = {one["path"]: one["sha256"] for one in self.status()["files"]}
        self.assertEqual(said["sha256"], hashes[str(self.policy)])
        second = self.folder / "second.rules"
        second.write_text(WITH_SET + "# other\n")
        self.assertEqual(self.ask("reload", second).returncode, 0)
        self.assertEqual(self.manage("GET", "/api/v1/policy")[1]["text"], WITH_SET + "# other\n")
        self.assertEqual(self.manage("POST", "/api/v1/rollback")[0], 200)
        self.assertEqual(self.manage("GET", "/api/v1/policy")[1]["text"], WITH_SET)
        self.assertEqual(self.manage("GET", "/api/v1/flows?top=3")[0], 409)        # this policy reads none
        self.assertEqual(self.manage("GET", "/api/v1/flows?top=x")[0], 422)
        status, said = self.manage("GET", "/api/v1/openapi.json")
        self.assertEqual((status, said["openapi"]), (200, "3.1.0"))
        for path, methods in said["paths"].items():
            for method in methods:
                status, _ = self.manage(method.upper(), path.replace("{name}", "nowhere"), "{}" if method in ("put", "post", "delete") else None,
                                        "text/html") if path != "/metrics" and path != "/healthz" and path != "/api/v1/events" else (200, None)
                self.assertNotIn(status, (404 if "{name}" not in path else 405, 405), f"{method} {path}")

    def test_check_test_and_diff_change_nothing(self):
        self.begin()
        status, said = self.manage("POST", "/api/v1/check", WITH_SET)
        self.assertEqual((status, said["rules"], said["diagnostics"]), (200, 2, []))
        status, said = self.manage("POST", "/api/v1/check?name=edge", "rule r { when tcp.dprot == 1 then drop }")
        self.assertEqual((status, said["diagnostics"][0]["code"], said["diagnostics"][0]["file"]), (422, "E201", "/<api>/edge.rules"))
        status, said = self.manage("POST", "/api/v1/test", TESTED)
        self.assertEqual((status, said["passed"], said["failed"], [one["ok"] for one in said["tests"]]), (200, 2, 0, [True, True]))
        status, said = self.manage("POST", "/api/v1/test", TESTED.replace("80 syn => pass", "80 syn => drop"))
        self.assertEqual((status, said["passed"], said["failed"], said["tests"][0]["test"]), (422, 1, 1, "web is open"))
        status, said = self.manage("POST", "/api/v1/diff", WITH_SET.replace("== 9", "== 10"))
        self.assertEqual(status, 200)
        self.assertIn("udp.dport", " ".join(one["packets"] for one in said["classes"]))
        self.assertEqual(self.manage("POST", "/api/v1/diff", WITH_SET)[1]["classes"], [])
        self.assertEqual((self.status()["generation"], self.status()["reload_failed"]), (1, 0))

    def test_reload(self):
        self.begin()
        text = WITH_SET.replace("== 9", "== 10")
        status, said = self.manage("POST", "/api/v1/reload?name=edge", text)
        self.assertEqual((status, said["generation"], said["policy"]), (200, 2, "edge"))
        self.send(10, 2)
        self.assertEqual(self.rules()["marked"], 2)
        status, said = self.manage("GET", "/api/v1/policy")
        self.assertEqual((status, said["text"], said["file"]), (200, text, "/<api>/edge.rules"))
        status, said = self.manage("POST", "/api/v1/diff", WITH_SET)
        self.assertEqual((status, bool(said["classes"])), (200, True))
        status, said = self.manage("POST", "/api/v1/reload?dry_run=1", TESTED)
        self.assertEqual((status, said["dry_run"], said["new_rules"]), (200, True, ["telnet"]))
        status, said = self.manage("POST", "/api/v1/reload?confirm_within=60s", WITH_SET)
        self.assertEqual((status, said["generation"], said["falls_back_to"]), (200, 3, 2))
        self.assertEqual(self.manage("POST", "/api/v1/confirm")[0], 200)
        status, said = self.manage("POST", "/api/v1/reload?shadow=1", text)
        self.assertEqual((status, said["generation"]), (200, 3))
        status, said = self.manage("POST", "/api/v1/promote?cancel=1")
        self.assertEqual((status, said["generation"]), (200, 3))

    def test_what_is_refused_changes_nothing(self):
        self.begin()
        for text, status in (("rule r {", 422), (TESTED.replace("80 syn => pass", "80 syn => drop"), 422), ("", 422)):
            said = self.manage("POST", "/api/v1/reload", text)
            self.assertEqual(said[0], status, said)
            self.assertEqual(self.status()["generation"], 1)
        self.assertEqual(self.manage("POST", "/api/v1/reload?shadow=1&confirm_within=1s", TESTED)[0], 422)
        # It is answered before its body comes.
        answer = self.raw(f"POST /api/v1/reload HTTP/1.1\r\nHost: {ADDRESS}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: text/plain\r\n"
                          f"Content-Length: {(16 << 20) + 1}\r\n\r\n".encode())
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:200])
        self.assertEqual(self.ask_door("POST", "/api/v1/reload", TESTED, Content_Type="text/plain")[0], 401)

    def test_a_policy_that_came_over_the_network_names_no_file_of_the_host(self):
        secret = self.folder / "secret"
        secret.write_text("hunter2 is the word\n")
        self.begin(WITH_SET, "--state", str(self.folder))
        for text in (f'import "{secret}"\n', f'set s : ip from "{secret}"\nrule r {{ when ip.src in s then drop }}\n',
                     f'import "{self.policy}"\n', f'test "t" {{ pcap "{secret}" => pass }}\n',
                     f'sink log = eve("{self.folder}/eve.json")\n', 'sink run = exec("/bin/true")\n'):
            for path in ("check", "test", "diff", "reload", "reload?dry_run=1", "reload?shadow=1"):
                if "sink" in text and "reload" not in path:
                    continue                             # what sinks may do is asked when it is to be in force
                status, said = self.manage("POST", f"/api/v1/{path}", text)
                self.assertIn(status, (409, 422), (path, text, said))
                self.assertNotIn("hunter2", json.dumps(said))
        self.assertEqual(self.status()["generation"], 1)
        self.assertFalse((self.folder / "eve.json").exists())

    def asked(self, path, text):
        """A connection that has asked this, and waits for the answer."""
        client = connected()
        self.addCleanup(client.close)
        client.sendall(f"POST /api/v1/{path} HTTP/1.1\r\nHost: {ADDRESS}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: text/plain\r\n"
                       f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        return client

    def answer_to(self, client):
        """(status, JSON)."""
        answer = b""
        while got := client.recv(1 << 16):
            answer += got
        head, body = answer.split(b"\r\n\r\n", 1)
        return int(head.split(b" ")[1]), json.loads(body)

    def test_what_is_asked_at_the_same_time_is_answered_each_for_itself(self):
        self.begin()
        compiler = self.compiler()
        os.kill(compiler, signal.SIGSTOP)
        asked = []
        for i in range(4):
            asked.append(self.asked(f"check?name=p{i}", f"rule r {{ when tcp.number{i} == 1 then drop }}"))
            self.wait_until(lambda: self.door_counts()["requests"] == len(asked), "the door takes no request")
        os.kill(compiler, signal.SIGCONT)
        for i, client in enumerate(asked):
            status, said = self.answer_to(client)
            self.assertEqual((status, said["diagnostics"][0]["file"]), (422, f"/<api>/p{i}.rules"))
            self.assertIn(f"tcp.number{i}", said["diagnostics"][0]["message"])

    def test_who_hangs_up_withdraws_what_is_not_in_force(self):
        self.begin()
        requests = 0
        for path in ("reload", "check", "test", "diff"):
            compiler = self.compiler()
            os.kill(compiler, signal.SIGSTOP)             # it has no answer for ever
            asked = [self.asked(path, TESTED), self.asked("reload", TESTED), self.asked("check", TESTED)]
            requests += len(asked)
            self.wait_until(lambda: self.door_counts()["requests"] == requests, "the door takes no request")
            asked[1].close()                              # that waits in the door
            asked[0].close()
            self.assertEqual(self.answer_to(asked[2])[0], 200)
            self.assertNotEqual(self.compiler(), compiler)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"], status["reloads"]["withdrawn"]), (1, 0, 1))
        self.assertEqual(self.manage("POST", "/api/v1/reload", TESTED)[0], 200)
        self.wait_until(lambda: self.door_counts()["connections"] == 0, "connections of those who left stay")

    def test_confirm_and_rollback(self):
        self.begin()
        second = self.folder / "second.rules"
        second.write_text(WITH_SET)
        self.assertEqual(self.manage("POST", "/api/v1/confirm")[0], 409)           # nothing waits for it
        self.assertEqual(self.ask("reload", second, "--confirm-within", "60s").returncode, 0)
        status, said = self.manage("POST", "/api/v1/confirm")
        self.assertEqual((status, said["generation"]), (200, 2))
        status, said = self.manage("POST", "/api/v1/rollback")
        self.assertEqual((status, said["generation"]), (200, 1))
        status, said = self.manage("POST", "/api/v1/promote")
        self.assertEqual((status, said["error"]), (409, "no candidate runs beside the policy in force"))


if __name__ == "__main__":
    main_of()
