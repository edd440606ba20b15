#!/usr/bin/env python3
"""door_test.py WEIR SOURCE: weir run --listen on a real engine: what is served, to whom, and what happens when the door's
process is killed. Skipped as live_case.py says."""
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import ADDRESS, DoorCase, TOKEN, main_of  # noqa: E402


class Door(DoorCase):
    def test_health_metrics_status_and_page(self):
        self.listen()
        status, headers, body = self.get("/healthz")
        self.assertEqual((status, body), (200, b"ok\n"))
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.send(9, 3)
        status, headers, body = self.get("/api/v1/status")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        said = json.loads(body)
        self.assertEqual((said["policy"], said["generation"], said["doors"][0]["addresses"]), ("policy", 1, [f"http://{ADDRESS}"]))
        self.assertEqual({rule["name"]: rule["packets"] for rule in said["rules"]}["marked"], 3)
        status, headers, body = self.get("/metrics")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertIn(b"weir_generation 1\n", body)
        status, headers, body = self.get("/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(self.get("/", If_None_Match=headers["ETag"])[0], 304)
        self.assertEqual(self.get("/nowhere")[0], 404)
        status, headers, _ = self.ask_door("DELETE", "/metrics")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.ask_door("HEAD", "/healthz")[::2], (200, b""))
        self.assertIn(f"listens at http://{ADDRESS}", self.ask("status").stdout)

    def test_a_door_that_is_killed_comes_back_and_the_engine_goes_on(self):
        self.listen()
        for times in range(1, 3):
            door = self.door_process()
            self.send(9, 1)
            os.kill(door, signal.SIGKILL)
            self.assertEqual(self.rules()["marked"], 2 * times - 1)
            self.send(9, 1)
            self.assertEqual(self.get("/healthz")[0], 200)      # clients wait in the socket's queue meanwhile
            self.assertNotEqual(self.door_process(), door)
            self.assertEqual(self.rules()["marked"], 2 * times)
            self.assertEqual(self.status()["doors"][0]["restarts"], times)

    def test_an_engine_that_is_killed_leaves_no_door(self):
        self.listen()
        door = self.door_process()
        self.end(signal.SIGKILL)
        self.wait_until(lambda: not pathlib.Path(f"/proc/{door}").exists(), "the door outlives its engine")
        self.listen()
        self.assertEqual(self.get("/healthz")[0], 200)


if __name__ == "__main__":
    main_of()
