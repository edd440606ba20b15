#!/usr/bin/env python3
"""manage_test.py WEIR SOURCE: what the API changes, with the token: sets, reloads, confirmations, and what it says of
policies. Skipped as live_case.py says."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import DoorCase, TOKEN, main_of  # noqa: E402

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
