#!/usr/bin/env python3
"""clients_test.py WEIR SOURCE: names are blocked for the programs that people use: curl, dig and openssl, in a network namespace
of their own. Skipped as live_case.py says; one whose program is not installed says so."""
import shutil
import sys
import unittest

from live_case import main
from two_hosts import SERVER_ADDRESS, TwoHosts, in_client

TIMES = 5
POLICY = """let blocked = { "blocked.example", "bad.test" }
rule asked     { when dns.qname in blocked then drop }
rule requested { when http.host in blocked then drop }
rule called    { when tls.sni in blocked then drop }
rule probed    { when http.path starts_with "/wp-admin" then drop }
"""
NAMES = ("blocked.example", "Www.Blocked.Example", "a.b.bad.test")
OTHER_NAMES = ("allowed.example", "notblocked.example", "example")
# Answers each question with no record; each request and each hello with a few bytes.
SERVER = """
import http.server, socket, ssl, sys, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
plain = http.server.ThreadingHTTPServer((sys.argv[1], 80), Page)
secure = http.server.ThreadingHTTPServer((sys.argv[1], 443), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
for server in (plain, secure):
    threading.Thread(target=server.serve_forever, daemon=True).start()
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    question, peer = names.recvfrom(2048)
    names.sendto(question[:2] + bytes([0x81, 0x80]) + question[4:6] + bytes(6) + question[12:question.index(0, 12) + 5], peer)
"""


class Clients(TwoHosts):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY)
        self.make_certificate()
        server = self.serve(sys.executable, "-c", SERVER, SERVER_ADDRESS, self.certificate, self.key)
        self.assertEqual(server.stdout.readline(), "ready\n")
        self.start(interface="t0")

    def blocked(self, rule, *command):
        """Nothing answers, because the rule dropped what was asked."""
        before = self.rules()[rule]
        self.assertNotEqual(in_client(*command).returncode, 0, command)
        self.assertGreater(self.rules()[rule], before, command)

    def allowed(self, *command):
        said = in_client(*command)
        self.assertEqual(said.returncode, 0, (command, said.stdout, said.stderr))

    @unittest.skipUnless(shutil.which("dig"), "dig is not installed")
    def test_dig(self):
        for name in NAMES:
            for kind in ("A", "AAAA", "TXT"):
                self.blocked("asked", "dig", f"@{SERVER_ADDRESS}", "+time=1", "+tries=1", name, kind)
        for name in OTHER_NAMES * TIMES:
            self.allowed("dig", f"@{SERVER_ADDRESS}", "+time=30", "+tries=3", name)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl(self):
        quiet = ("curl", "-s", "-k", "--http1.1", "-o", "/dev/null")
        for scheme, port, rule in (("http", 80, "requested"), ("https", 443, "called")):
            to = ("--connect-to", f"::{SERVER_ADDRESS}:{port}")
            for name in NAMES:
                self.blocked(rule, *quiet, "-m", "1", *to, f"{scheme}://{name}/")
            for name in OTHER_NAMES * TIMES:
                self.allowed(*quiet, "-m", "60", *to, f"{scheme}://{name}/index.html?a=[1-3]")
        self.blocked("probed", *quiet, "-m", "1", f"http://{SERVER_ADDRESS}/wp-admin/setup.php")

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_openssl(self):
        # A hello with one group has one segment; with many, and a long list of protocols, it has two.
        long = ("-alpn", ",".join(f"protocol-{number:04}" for number in range(120)))
        for more in ((), ("-tls1_2",), ("-tls1_3",), long):
            hello = lambda name, seconds: ("sh", "-c", 'exec timeout "$@" </dev/null', "sh", seconds, "openssl", "s_client", "-connect",
                                           f"{SERVER_ADDRESS}:443", "-servername", name, *more)
            for name in NAMES:
                self.blocked("called", *hello(name, 1))
            for name in OTHER_NAMES:
                self.allowed(*hello(name, 60))


if __name__ == "__main__":
    main()
