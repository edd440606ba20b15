#!/usr/bin/env python3
"""fuzz_test.py WEIR SOURCE: requests of each route, right and nearly right (fuzz_requests.py), for 10 s, or for WEIR_SECONDS: in pieces,
one after the other on a connection, cut off, never read; in the clear, over TLS and over a UNIX socket; beside streams of events. The
door answers or closes, never ends, and gives back what it took; packets are judged and counted on; no answer has a line of a file of the
host. A failure prints the seed. Skipped as live_case.py says."""
import collections
import json
import os
import pathlib
import random
import re
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import ADDRESS, DoorCase, TOKEN, certificate, connected, main_of, socket_inside  # noqa: E402
from fuzz_requests import CORE, SECRET, requests_of  # noqa: E402
from live_case import udp_frame  # noqa: E402

SECONDS = float(os.environ.get("WEIR_SECONDS", "10"))
SEED = int(os.environ.get("WEIR_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
MOST_OPEN = 200
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [A-Z]")
# Of docs/http-door.md, and what libmicrohttpd says of a request that is none.
STATUSES = {100, 200, 304, 400, 401, 403, 404, 405, 409, 411, 413, 414, 415, 417, 422, 431, 501, 503, 505}
# In an answer, or in the engine's own words, these are finds.
FINDS = re.compile(rb"bug of weir|answer cannot be read|cannot be read\"|Sanitizer|terminate called|" + SECRET.encode())
LOG_FINDS = re.compile(r"bug of weir|is started again|Sanitizer|terminate called|kernel refused|" + SECRET)
MOST_GROWTH_KB = 64 << 10


def facts_of(process):
    """(resident KB, open descriptors)."""
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)), len(os.listdir(f"/proc/{process}/fd"))


class Talk:
    """A connection: what it has to send yet, and what it does with answers."""
    def __init__(self, sock, pieces, chance):
        self.socket, self.pieces = sock, collections.deque(pieces)
        self.requests = sum(piece.count(b" HTTP/") for piece in pieces)
        self.reads = chance.choice([1 << 16, 1 << 16, 1 << 16, 100, 0])
        self.patience = chance.choice([0.01, 0.05, 0.3, 2])  # seconds after the last piece
        self.until = None
        self.end = chance.choice(["close", "close", "reset", "half"])
        self.tail = b""
        self.socket.setblocking(False)

    def step(self, found):
        """One piece, and what has come. False: it is over."""
        try:
            if self.pieces:
                sent = self.socket.send(self.pieces[0])
                piece = self.pieces.popleft()
                if sent < len(piece):
                    self.pieces.appendleft(piece[sent:])
            else:
                now = time.monotonic()
                if self.until is None:
                    self.until = now + self.patience
                    if self.end == "half":
                        self.socket.shutdown(socket.SHUT_WR)
                if now > self.until:
                    return False
            got = self.socket.recv(self.reads) if self.reads else None
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False
        if got:
            found(self.tail, got)
            self.tail = (self.tail + got)[-64:]
        return got != b""

    def close(self):
        try:
            if self.end == "reset":
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            self.socket.close()


class Fuzz(DoorCase):
    def start_logged(self, *more):
        """Its words go to a file: a pipe that nobody reads would fill up."""
        self.log = self.folder / "log"
        self.unix = self.folder / "door.sock"
        self.start("--listen", ADDRESS, "--listen", str(self.unix), "--api-token-file", self.token_file(), *more,
                   before=("sh", "-c", 'exec "$@" >/dev/null 2>"$0"', str(self.log)))
        self.door = self.door_process()
        self.packets = socket_inside(socket.AF_PACKET, socket.SOCK_RAW)
        self.addCleanup(self.packets.close)
        self.packets.bind(("c1", 0))
        self.sent_packets = self.sent_requests = 0
        self.statuses = collections.Counter()

    def ask_unix(self, path):
        """The status and the body of an answer, over the UNIX socket: that has no TLS."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self.unix))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while got := client.recv(1 << 16):
                answer += got
        head, body = answer.split(b"\r\n\r\n", 1)
        return int(head.split(b" ")[1]), body

    def found(self, tail, got):
        text = tail + got
        for one in STATUS.finditer(text):
            if one.end() > len(tail):                    # else it was counted before
                status = int(one.group(1))
                self.statuses[status] += 1
                self.assertIn(status, STATUSES, f"WEIR_SEED={SEED}: {text[-2000:]!r}")
        self.assertIsNone(FINDS.search(text), f"WEIR_SEED={SEED}: {text[-4000:]!r}")

    def opened(self, chance, tls, first):
        way = chance.random()
        if tls and first.startswith(b"\x16"):            # a handshake of its own
            return connected(timeout=60)
        if way < 0.25:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(60)
            client.connect(str(self.unix))
            return client
        client = connected(timeout=60)
        return tls.wrap_socket(client, server_hostname="localhost") if tls and way < 0.95 else client

    def send_packets(self, times):
        for _ in range(times):
            self.packets.send(udp_frame(9))
        self.sent_packets += times

    def check(self):
        """What holds at any time."""
        self.assertEqual(self.door_process(), self.door, f"the door ended: WEIR_SEED={SEED}")
        self.assertEqual(self.ask_unix("/healthz"), (200, b"ok\n"), f"WEIR_SEED={SEED}")
        status = self.status()
        self.assertEqual(status["doors"][0]["restarts"], 0)
        alert = next(one for one in status["alerts"] if one["name"] == "hit")
        self.assertEqual(alert["matched"], alert["delivered"] + alert["suppressed"] + alert["lost"] + alert["pending"])
        self.assertLessEqual(next(one["entries"] for one in status["sets"] if one["name"] == "blocked"), 1000)
        return status

    def fuzz(self, seconds, tls):
        chance = random.Random(SEED)
        secret = self.folder / "secret"
        secret.write_text(SECRET + "\n")
        requests = requests_of(SEED, self.description(), str(secret))
        talks, begin, checked, looked = [], time.monotonic(), -seconds, []
        while (now := time.monotonic() - begin) < seconds:
            while len(talks) < MOST_OPEN:
                pieces = requests.pieces(tls is not None)
                try:
                    talks.append(Talk(self.opened(chance, tls, pieces[0]), pieces, chance))
                    self.sent_requests += talks[-1].requests
                except OSError:                          # it was closed by who listens
                    break
            for talk in talks:
                if not talk.step(self.found):
                    talk.close()
                    talk.socket = None
            talks = [talk for talk in talks if talk.socket is not None]
            if now - checked > min(5.0, seconds / 5):
                checked = now
                self.send_packets(20)
                self.check()
                looked.append((facts_of(self.door), facts_of(self.running.pid)))
            time.sleep(0.001)
        for talk in talks:
            talk.close()
        self.after(looked)

    def description(self):
        status, body = self.ask_unix("/api/v1/openapi.json")
        self.assertEqual(status, 200)
        return json.loads(body)

    def after(self, looked):
        """What was taken is given back, and all is counted."""
        self.wait_until(lambda: self.door_counts()["connections"] == 0, f"connections stay: WEIR_SEED={SEED}", 100)
        self.send_packets(20)
        self.wait_until(lambda: self.rules()["marked"] == self.sent_packets, f"{self.sent_packets} packets were sent: {self.rules()}, WEIR_SEED={SEED}")
        status = self.check()
        self.assertTrue(self.ask_unix("/api/v1/policy")[1].find(b"rule marked") > 0)
        print(f"{self.sent_requests} requests, seed {SEED}; generation {status['generation']}; answers {dict(sorted(self.statuses.items()))}", flush=True)
        # The engine has those of five policies that it can go back to.
        for what, index, process, most in (("the door", 0, self.door, 50), ("the engine", 1, self.running.pid, 300)):
            first, last = looked[len(looked) // 5][index], facts_of(process)
            print(f"{what}: {first[0]} KB after a fifth of the time, {max(one[index][0] for one in looked)} at most, {last[0]} at the end; "
                  f"descriptors {first[1]}, {max(one[index][1] for one in looked)}, {last[1]}", flush=True)
            self.assertLess(last[0], first[0] + MOST_GROWTH_KB, f"{what} grows: WEIR_SEED={SEED}")
            self.assertLess(last[1], most, f"{what} keeps descriptors: WEIR_SEED={SEED}")
        self.assertEqual(self.end()[0], 0)
        said = self.log.read_text(errors="replace")
        self.assertIsNone(LOG_FINDS.search(said), f"WEIR_SEED={SEED}: {said[-3000:]}")

    def test_in_the_clear(self):
        self.policy.write_text(CORE)
        self.start_logged()
        self.fuzz(SECONDS * 2 / 3, None)

    def test_over_tls(self):
        self.policy.write_text(CORE)
        path, key = certificate(self.folder)
        self.start_logged("--tls-cert", path, "--tls-key", key)
        context = ssl.create_default_context(cafile=path)
        self.fuzz(SECONDS / 3, context)


if __name__ == "__main__":
    main_of()
