#!/usr/bin/env python3
"""fuzz_test.py WEIR SOURCE: bytes that are nearly requests, for 10 s, or for WEIR_SECONDS. The door answers or closes,
never ends, and the engine judges on. A failure prints the seed and the bytes. Skipped as live_case.py says."""
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import DoorCase, PORT, TOKEN, connected, main_of  # noqa: E402

SECONDS = float(os.environ.get("WEIR_SECONDS", "10"))
SEED = int(os.environ.get("WEIR_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "", "X" * 300]
PATHS = ["/", "/healthz", "/metrics", "/api/v1/status", "/api/v1/policy", "/api/v1/flows", "/api/v1/events", "/api/v1/sets/blocked",
         "/api/v1/check", "/api/v1/test", "/api/v1/diff", "/api/v1/reload", "/api/v1/confirm", "/api/v1/rollback", "/api/v1/promote",
         "/api/v1/openapi.json", "/api/v1/sets/", "/assets/x", "*", "//", "/%00", "/%", "/api/v1/sets/%2e%2e", "http://x/y"]
QUERIES = ["", "?", "?top=1", "?top=-1", "?top=" + "9" * 40, "?shadow=1", "?confirm_within=1s", "?a&b=%zz", "?" + "x=1&" * 200, "?name=%2e%2e"]
HEADERS = ["Content-Type: text/plain", "Content-Type: application/json", "Content-Length: 5", "Content-Length: -1",
           "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Expect: 100-continue",
           "Connection: close", "Connection: keep-alive", "Origin: null", "Origin: http://evil.example", "If-None-Match: *", "Range: bytes=0-1",
           "Upgrade: websocket", "Cookie: a=b", "X: " + "y" * 5000, " folded", "NoColon", ": empty", "Sec-Fetch-Site: cross-site"]
BODIES = [b"", b"hello", b"{}", b'{"values":["192.0.2.1"]}', b'{"values":[' + b"[" * 2000, b"rule r { when", b"rule r { when tcp.dport == 1 then drop }",
          b"5\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"5;x=y\r\nhel", b"\0" * 100, bytes(range(256)) * 4,
          b'import "/etc/passwd"', b'set s : ip from "/etc/shadow"']


def request(chance):
    lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)}{chance.choice(QUERIES)} HTTP/{chance.choice(['1.1', '1.1', '1.1', '1.0', '2.0', '9', ''])}"]
    if chance.random() < 0.9:
        lines.append(f"Host: {chance.choice([f'127.0.0.1:{PORT}', 'localhost', 'evil.example', '', '[::1', 'a' * 500])}")
    if chance.random() < 0.7:
        lines.append(f"Authorization: {chance.choice([f'Bearer {TOKEN}', f'Bearer {TOKEN}', 'Bearer x', 'Basic eDp5', 'Bearer'])}")
    lines += chance.sample(HEADERS, chance.randrange(0, 5))
    body = chance.choice(BODIES)
    if chance.random() < 0.5:
        lines.append(f"Content-Length: {len(body)}")
    text = chance.choice(["\r\n", "\r\n", "\r\n", "\n", "\r"]).join(lines).encode() + b"\r\n\r\n" + body
    for _ in range(chance.choice([0, 0, 0, 1, 3, 20])):
        at = chance.randrange(len(text))
        text = chance.choice([text[:at] + bytes([chance.randrange(256)]) + text[at + 1:], text[:at], text[:at] + text[at:at + 50] * 3 + text[at:]]) or b"G"
    return text


class Fuzz(DoorCase):
    def test_whatever_comes_the_door_stays(self):
        self.policy.write_text("set blocked : ip size 1000\nrule banned { when ip.src in blocked then drop }\nrule marked { when udp.dport == 9 then drop }\n")
        self.listen("--api-token-file", self.token_file())
        door = self.door_process()
        chance = random.Random(SEED)
        end = time.monotonic() + SECONDS
        sent, opened = 0, []
        while time.monotonic() < end:
            text = request(chance)
            try:
                client = connected(timeout=10)
                client.sendall(text)
                opened.append(client)
                if chance.random() < 0.7:
                    client.settimeout(0.02)
                    client.recv(4096)
            except OSError:                              # closed, or it waits for more
                pass
            while len(opened) > 40:
                opened.pop(chance.randrange(len(opened))).close()
            sent += 1
            if sent % 100 == 0:
                self.assertEqual(self.door_process(), door, f"the door ended: WEIR_SEED={SEED}, near {text[:2000]!r}")
                self.assertEqual(self.get("/healthz")[0], 200, f"WEIR_SEED={SEED}")
        for client in opened:
            client.close()
        self.assertEqual(self.door_process(), door, f"the door ended: WEIR_SEED={SEED}")
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertIn("banned", self.rules())
        print(f"{sent} requests in {SECONDS:.0f} s, seed {SEED}")


if __name__ == "__main__":
    main_of()
