#!/usr/bin/env python3
"""limits_test.py WEIR SOURCE: clients that are slow, dead, endless or wrong cost nobody else anything. Skipped as
live_case.py says."""
import pathlib
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import DoorCase, PORT, TOKEN, connected, main_of  # noqa: E402

HOST = f"Host: 127.0.0.1:{PORT}\r\n"


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


class Limits(DoorCase):
    def test_wrong_requests_are_refused(self):
        self.listen("--api-token-file", self.token_file())
        token = f"Authorization: Bearer {TOKEN}\r\n"
        for text, status in (
                (f"GET /metrics HTTP/1.1\r\n{HOST}\r\n", 401),
                (f"GET /metrics HTTP/1.1\r\n{HOST}Authorization: Bearer {TOKEN}x\r\n\r\n", 401),
                (f"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n{token}\r\n", 403),
                (f"GET /metrics HTTP/1.1\r\n{HOST}{HOST}{token}\r\n", 400),
                (f"GET /metrics HTTP/1.1\r\n{HOST}{token}Origin: http://evil.example\r\n\r\n", 403),
                (f"GET /metrics HTTP/1.1\r\n{HOST}{token}Sec-Fetch-Site: cross-site\r\n\r\n", 403),
                (f"GET /metrics HTTP/1.1\r\n{token}\r\n", 400),
                (f"GET /metrics HTTP/1.0\r\n{token}\r\n", 403),
                (f"TRACE /metrics HTTP/1.1\r\n{HOST}{token}\r\n", 405),
                (f"GET /healthz%00/x HTTP/1.1\r\n{HOST}{token}\r\n", 404),
                (f"GET /../etc/passwd HTTP/1.1\r\n{HOST}{token}\r\n", 404),
                (f"GET http://evil.example/metrics HTTP/1.1\r\n{HOST}{token}\r\n", 404),
                (f"POST /metrics HTTP/1.1\r\n{HOST}{token}Content-Length: 0\r\n\r\n", 405),
                (f"GET /metrics HTTP/1.1\r\n{HOST}{token}Content-Length: 5\r\n\r\nhello", 413),
                (f"PUT /api/v1/sets/s HTTP/1.1\r\n{HOST}{token}Content-Length: 2\r\n\r\n{{}}", 415),
                (f"PUT /api/v1/sets/s HTTP/1.1\r\n{HOST}{token}Content-Type: application/json\r\nContent-Length: 65537\r\n\r\n", 413),
                (f"PUT /api/v1/sets/s HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}", 401),
                (f"GET /{'x' * 40000} HTTP/1.1\r\n{HOST}\r\n", 414),
                (f"GET /metrics HTTP/1.1\r\n{HOST}X: {'x' * 40000}\r\n\r\n", 431),
                ("nonsense\r\n\r\n", None)):
            with self.subTest(text[:60]):
                answer = self.raw(text.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1).encode())
                self.assertEqual(status_of(answer), status, answer[:300])
        chunks = b"".join(b"1000\r\n" + b"x" * 4096 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
        answer = self.raw(f"PUT /api/v1/sets/s HTTP/1.1\r\n{HOST}{token}Content-Type: application/json\r\n"
                          "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks)
        self.assertEqual(status_of(answer), 413)
        self.assertEqual(self.get("/healthz")[0], 200)

    def test_managing_without_a_token_is_refused(self):
        self.listen()
        for method, path in (("POST", "confirm"), ("POST", "rollback"), ("POST", "promote"), ("DELETE", "sets/s")):
            self.assertEqual(self.ask_door(method, f"/api/v1/{path}")[0], 403)

    def test_slow_and_silent_clients_are_closed_while_others_are_served(self):
        self.listen()
        silent = [connected() for _ in range(60)]
        dripping = [connected() for _ in range(60)]
        unread = []
        for _ in range(20):
            client = connected()
            client.sendall(f"GET /api/v1/openapi.json HTTP/1.1\r\n{HOST}\r\n".encode() * 50)
            unread.append(client)
        begin = time.monotonic()
        open_ones = len(silent) + len(dripping)
        while open_ones != 0:
            self.assertLess(time.monotonic(), begin + 60, "slow clients are never closed")
            for client in dripping:
                try:
                    client.sendall(b"G")
                except OSError:
                    pass
            self.assertEqual(self.get("/healthz")[0], 200)
            self.assertEqual(self.get("/metrics")[0], 200)
            counts = self.door_counts()
            open_ones = len(silent) + len(dripping) - counts["closed_late"]
            time.sleep(0.5)
        self.assertEqual(self.rules()["marked"], 0)
        for client in silent + dripping + unread:
            client.close()

    def test_a_crowd_keeps_nobody_out(self):
        self.listen()
        crowd = []
        for _ in range(10):
            crowd += [connected() for _ in range(1000)]
            self.assertEqual(self.get("/healthz")[0], 200)
        self.wait_until(lambda: self.door_counts()["connections"] <= 513, "more connections stay than may")
        for client in crowd:
            client.close()
        self.wait_until(lambda: self.door_counts()["connections"] <= 1, "closed connections are still counted")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
    main_of()
