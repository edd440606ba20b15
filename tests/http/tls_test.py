#!/usr/bin/env python3
"""tls_test.py WEIR SOURCE: who may be reached by others, TLS and its versions, UNIX sockets, and what is refused at the
start. Skipped as live_case.py says."""
import http.client
import pathlib
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from door_case import ADDRESS, DoorCase, PORT, TOKEN, certificate, connected, inside, main_of, NAME, WEIR  # noqa: E402


class Tls(DoorCase):
    def refused(self, *more):
        """What weir run says where it does not start."""
        done = inside(WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME, *more)
        self.assertNotEqual(done.returncode, 0)
        return done.returncode, done.stderr

    def get_with_tls(self, path, least, most):
        context = ssl.create_default_context(cafile=path)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = least, most
        client = context.wrap_socket(connected(), server_hostname="localhost")
        with client:
            client.sendall(f"GET /metrics HTTP/1.1\r\nHost: localhost:{PORT}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while got := client.recv(65536):
                answer += got
        return answer

    def test_a_public_address_needs_token_and_tls(self):
        path, key = certificate(self.folder)
        token = self.token_file()
        for more in ((), ("--api-token-file", token), ("--tls-cert", path, "--tls-key", key)):
            status, said = self.refused("--listen", f"0.0.0.0:{PORT}", *more)
            self.assertEqual(status, 3)
            self.assertIn(f"others can reach 0.0.0.0:{PORT}: that needs a token and TLS", said)
        self.start("--listen", f"0.0.0.0:{PORT}", "--api-token-file", token, "--tls-cert", path, "--tls-key", key)
        self.assertIn(b"HTTP/1.1 200", self.get_with_tls(path, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
        self.assertIn(b"weir_generation", self.get_with_tls(path, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3))
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.assertRaises(OSError):
                self.get_with_tls(path, old, old)
        plain = connected()
        with plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertNotIn(b"HTTP/1.1 200", plain.recv(1000))

    def test_what_cannot_be_used_is_said_at_the_start(self):
        path, key = certificate(self.folder)
        _, other = certificate(self.folder, "other")
        for more, sentence in (
                (("--listen", ADDRESS, "--tls-cert", path, "--tls-key", other), "HTTP cannot be served"),
                (("--listen", ADDRESS, "--tls-cert", str(self.policy), "--tls-key", key), "HTTP cannot be served"),
                (("--listen", ADDRESS, "--tls-cert", path), "a certificate and its key go together"),
                (("--listen", ADDRESS, "--api-token-file", self.token_file("short", name="short")), "the token in"),
                (("--listen", ADDRESS, "--api-token-file", self.token_file(mode=0o644, name="open")), "others than its owner"),
                (("--listen", "192.0.2.1:9464", "--api-token-file", self.token_file(), "--tls-cert", path, "--tls-key", key), "not an address of this machine"),
                (("--api-token-file", self.token_file()), "nothing listens"),
                (("--listen", "localhost:9464"), "`localhost:9464` is not an address to listen at")):
            with self.subTest(more):
                self.assertIn(sentence, self.refused(*more)[1])
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)

    def test_a_unix_socket(self):
        path = self.folder / "door.sock"
        self.start("--listen", str(path), "--listen", ADDRESS)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        connection = http.client.HTTPConnection("anything", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(path))
        connection.request("GET", "/healthz")
        self.assertEqual(connection.getresponse().read(), b"ok\n")
        connection.close()
        self.assertEqual(self.get("/healthz")[0], 200)
        self.end()
        self.assertFalse(path.exists())


if __name__ == "__main__":
    main_of()
