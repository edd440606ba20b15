#!/usr/bin/env python3
"""hostile_test.py WEIR SOURCE: what a hostile client tries: requests that a proxy would read differently, tokens guessed, handshakes
of TLS half done or begun again, answers never read, odd forms of requests. Skipped as live_case.py says."""
import json
import os
import pathlib
import re
import resource
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import ADDRESS, DoorCase, NAME, PORT, TOKEN, WEIR, certificate, connected, inside, main_of, socket_inside  # noqa: E402

HOST = f"Host: {ADDRESS}\r\n"
RIGHT = f"Authorization: Bearer {TOKEN}\r\n"
BEHIND = f"GET /api/v1/status HTTP/1.1\r\n{HOST}{RIGHT}\r\n"
SET = "set blocked : ip size 1000000\nrule banned { when ip.src in blocked then drop }\nrule marked { when udp.dport == 9 then drop }\n"


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


class Hostile(DoorCase):
    def test_no_request_hides_behind_another(self):
        self.listen("--api-token-file", self.token_file())
        post = f"POST /api/v1/check HTTP/1.1\r\n{HOST}{RIGHT}Content-Type: text/plain\r\n"
        for head, body in ((post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                           (post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
                           (post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
                           (post + "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
                           (post + "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
                           (post + "Transfer-Encoding : chunked\r\nContent-Length: 0\r\n", ""),
                           (post + "Content-Length: 0\r\nContent-Length: 5\r\n", "hello"),
                           (post + "Content-Length : 5\r\n", "hello"),
                           (post + "Content-Length: 0, 5\r\n", "hello")):
            with self.subTest(head[len(post):]):
                answer = self.raw((head + "\r\n" + body + BEHIND).encode())
                # libmicrohttpd sends the head of its own refusal of a length twice, and closes.
                self.assertEqual((status_of(answer), answer.count(b"HTTP/1.1 200 ")), (400, 0), answer[:300])
        answer = self.raw(f"GET /metrics HTTP/1.1\r\n{HOST}{RIGHT}Content-Length: {len(BEHIND)}\r\n\r\n{BEHIND}".encode())
        self.assertEqual((status_of(answer), answer.count(b"HTTP/1.1 200 ")), (413, 0))

    def test_odd_forms_of_requests(self):
        self.listen("--api-token-file", self.token_file())
        end = f"{HOST}{RIGHT}Connection: close\r\n\r\n"
        for text, status in ((f"GET http://{ADDRESS}/metrics HTTP/1.1\r\n{end}", 404), (f"GET //metrics HTTP/1.1\r\n{end}", 404),
                             (f"GET /./metrics HTTP/1.1\r\n{end}", 404), (f"GET /assets/..%2f..%2fetc%2fpasswd HTTP/1.1\r\n{end}", 404),
                             (f"GET /api/v1/sets/%2e%2e%2fstatus HTTP/1.1\r\n{end}", 404), (f"GET /api/v1/sets/a%00b HTTP/1.1\r\n{end}", 404),
                             (f"GET /metrics%00.html HTTP/1.1\r\n{end}", 404), (f"CONNECT {ADDRESS} HTTP/1.1\r\n{end}", 404),
                             (f"OPTIONS * HTTP/1.1\r\n{end}", 404), (f"get /metrics HTTP/1.1\r\n{end}", 405)):
            with self.subTest(text[:40]):
                self.assertEqual(status_of(self.raw(text.encode())), status)
        for text in ("GET /metrics\r\n\r\n", f"GET /metrics\r\n{end}", f"GET /metrics HTTP/0.9\r\n{end}", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(text[:40]):
                self.assertNotIn(b"weir_generation", self.raw(text.encode()))

    def test_a_body_is_asked_for_only_of_who_may_send_it(self):
        self.listen("--api-token-file", self.token_file())
        policy = b"rule telnet { when tcp.dport == 23 then drop }"
        head = f"POST /api/v1/check HTTP/1.1\r\n{HOST}Content-Type: text/plain\r\nContent-Length: {len(policy)}\r\nExpect: 100-continue\r\nConnection: close\r\n"
        answer = self.raw((head + "\r\n").encode())
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer[:200])
        with connected() as client:
            client.sendall((head + RIGHT + "\r\n").encode())
            said = client.recv(4096)
            self.assertEqual(said, b"HTTP/1.1 100 Continue\r\n\r\n")
            client.sendall(policy)
            said = b""
            while got := client.recv(4096):
                said += got
            self.assertTrue(said.startswith(b"HTTP/1.1 200 "), said[:200])

    def test_the_last_event_of_a_client_is_not_believed(self):
        self.listen()
        for last in ("9" * 20_000, "-1", "0", "\xff"):
            with connected() as client:
                client.sendall(f"GET /api/v1/events HTTP/1.1\r\n{HOST}Last-Event-ID: {last}\r\n\r\n".encode("latin-1"))
                self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))

    def test_no_page_of_another_site_may_frame_or_read_this_one(self):
        self.listen()
        for path in ("/", "/healthz", "/api/v1/status", "/metrics", "/nowhere"):
            _, headers, _ = self.get(path)
            self.assertEqual((headers["X-Frame-Options"], headers["Cross-Origin-Resource-Policy"]), ("DENY", "same-origin"))
            self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
            self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_tokens_are_guessed(self):
        self.listen("--api-token-file", self.token_file())
        guesses = int(os.environ.get("WEIR_GUESSES", "2000"))
        begin = time.monotonic()
        for i in range(guesses):
            guess = TOKEN[:i % len(TOKEN)] + "x" * (len(TOKEN) - i % len(TOKEN))    # more and more of it is right
            answer = self.raw(f"GET /metrics HTTP/1.1\r\n{HOST}Authorization: Bearer {guess}\r\nConnection: close\r\n\r\n".encode())
            self.assertEqual(status_of(answer), 401)
        print(f"{guesses / (time.monotonic() - begin):.0f} tokens guessed a second")
        self.assertEqual(self.manage("GET", "/api/v1/status")[0], 200)

    def test_handshakes_of_tls_that_are_not_ended_or_begun_again(self):
        path, key = certificate(self.folder)
        self.start("--listen", ADDRESS, "--api-token-file", self.token_file(), "--tls-cert", path, "--tls-key", key)
        hello = ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=path)
        try:
            context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = hello.read()
        half = [connected(60) for _ in range(60)]
        for i, client in enumerate(half):
            client.sendall(hello[:len(hello) // 2] if i % 2 else hello)      # of the second kind, the answer is not read
        wrong = connected(60)
        wrong.sendall(b"\x16\x03\x01\xff\xff" + b"x" * 100)
        while self.door_counts()["closed_late"] < len(half):
            with context.wrap_socket(connected(60), server_hostname="localhost") as client:
                client.sendall(f"GET /healthz HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
                self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
            time.sleep(0.2)
        for client in half + [wrong]:
            client.close()
        said = subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", "openssl", "s_client", "-connect", ADDRESS, "-tls1_2", "-CAfile", path],
                              input=b"R\n" + f"GET /healthz HTTP/1.1\r\n{HOST}\r\n".encode(), capture_output=True, timeout=60)
        self.assertIn(b"RENEGOTIATING", said.stdout + said.stderr)
        self.assertNotIn(b"HTTP/1.1 200", said.stdout)
        self.assertEqual(self.status()["doors"][0]["restarts"], 0)

    def test_one_address_has_no_more_than_its_share(self):
        path, key = certificate(self.folder)
        self.start("--listen", f"0.0.0.0:{PORT}", "--api-token-file", self.token_file(), "--tls-cert", path, "--tls-key", key)
        crowd = [connected(60) for _ in range(80)]
        for client in crowd[64:]:
            try:
                self.assertEqual(client.recv(1), b"")
            except ConnectionResetError:
                pass
        other = socket_inside()
        other.settimeout(60)
        other.bind(("127.0.0.2", 0))
        other.connect(("127.0.0.1", PORT))
        with ssl.create_default_context(cafile=path).wrap_socket(other, server_hostname="localhost") as client:
            client.sendall(f"GET /healthz HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
        for client in crowd:
            client.close()

    def test_answers_that_nobody_reads(self):
        """600 KB each, of a set, to more clients than fit: those that have waited longest are closed."""
        inside("sh", "-c", "echo 4096 16384 65536 > /proc/sys/net/ipv4/tcp_wmem; echo 4096 16384 65536 > /proc/sys/net/ipv4/tcp_rmem")
        self.policy.write_text(SET)
        self.listen()
        values = "\n".join(f"10.{i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(50_000))
        added = subprocess.run([WEIR, "set", "add", "blocked", "-", "--name", NAME], input=values, text=True, capture_output=True, timeout=300)
        self.assertEqual(added.returncode, 0, added.stderr[-500:])
        door, clients = self.door_process(), []
        for _ in range(8):
            wave = [connected(60) for _ in range(40)]
            for client in wave:
                client.sendall(f"GET /api/v1/sets/blocked HTTP/1.1\r\n{HOST}\r\n".encode())
            clients += wave
            said = json.loads(self.get("/api/v1/sets/blocked")[2])           # is answered after them
            self.assertEqual((len(said["entries"]), said["more"]), (10_000, True))
        self.wait_until(lambda: self.door_counts()["closed_late"] > 0, "nobody is closed")
        resident_kb = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{door}/status").read_text()).group(1))
        self.assertLess(resident_kb, 400 << 10)
        self.assertEqual((self.get("/healthz")[0], self.door_process()), (200, door))
        for client in clients:
            client.close()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
    main_of()
