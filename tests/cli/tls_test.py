#!/usr/bin/env python3
"""tls_test.py WEIR SOURCE: a server's name is blocked in every connection, whichever segment of the ClientHello brings
it: a client and a server in two network namespaces. Skipped as live_case.py says."""
import pathlib
import random
import socket
import ssl
import struct
import subprocess
import sys
import threading

from live_case import main
from two_hosts import CLIENT, SERVER_ADDRESS, TwoHosts, in_client

CONNECTIONS = 1000
POLICY = """rule blocked { when tls.sni in { "blocked.example" } then drop }
rule named { observe when len(tls.sni) > 0 then pass }
rule cut { observe when tls.is_cut then pass }
"""
SERVER = """
import ssl, socket, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.sni_callback = lambda connection, name, _: print(name, flush=True)
listening = socket.create_server((sys.argv[3], 4433), backlog=4096)
print("ready", flush=True)
def serve(peer):
    try:
        context.wrap_socket(peer, server_side=True).close()
    except OSError:                                       # the client needs no more than the name
        peer.close()
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""
CLIENT_CODE = """
import sys, socket, struct
hellos = [bytes.fromhex(line) for line in open(sys.argv[1])]
for hello in hellos:
    client = socket.socket()
    client.setsockopt(socket.SOL_TCP, socket.TCP_MAXSEG, int(sys.argv[3]))
    client.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1)
    client.connect((sys.argv[2], 4433))
    client.sendall(hello)
    if sys.argv[4] == "answered":
        print(client.recv(1)[:1].hex())                   # a handshake record
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
"""


def plain_hello(name, protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    out = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def shuffled(hello, order, segment):
    """The extensions in another order, as browsers shuffle them; that of the name is not split between two segments."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack_from(">H", hello, at)[0]
    at += 1 + hello[at] + 2
    front, rest, extensions = hello[:at], hello[at:], []
    while rest:
        size = 4 + struct.unpack_from(">H", rest, 2)[0]
        extensions.append(rest[:size])
        rest = rest[size:]
    while True:
        order.shuffle(extensions)
        ends, end = [], at
        for extension in extensions:
            ends.append((end, end + len(extension), extension[:2] == b"\0\0"))
            end += len(extension)
        split = any(begin < border < (last if is_name else begin + 4)
                    for begin, last, is_name in ends for border in range(segment, end, segment))
        if not split:
            return front + b"".join(extensions)


class Tls(TwoHosts):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY)
        self.make_certificate()

    def send_hellos(self, hellos, segment, wanted):
        listed = self.folder / "hellos"
        listed.write_text("\n".join(hello.hex() for hello in hellos))
        said = in_client(sys.executable, "-c", CLIENT_CODE, listed, SERVER_ADDRESS, str(segment), wanted)
        self.assertEqual(said.returncode, 0, said.stderr)
        return said.stdout.split()

    def test_a_name_is_blocked_in_every_connection(self):
        server = self.serve(sys.executable, "-c", SERVER, self.certificate, self.key, SERVER_ADDRESS)
        self.assertEqual(server.stdout.readline(), "ready\n")
        names = []
        reader = threading.Thread(target=lambda: names.extend(line.strip() for line in server.stdout), daemon=True)
        reader.start()
        self.start(interface="t0")
        order = random.Random(5)
        many = [f"protocol-{i}" for i in range(60)]
        segment = 700 - 12                                # less the timestamps
        sent = 0
        for protocols in (["h2"], many):
            hellos = [shuffled(plain_hello("Blocked.Example", protocols), order, segment) for _ in range(CONNECTIONS // 2)]
            self.assertEqual(len(hellos[0]) > segment, protocols is many)
            self.send_hellos(hellos, 700, "sent")
            sent += len(hellos)
            self.assertGreaterEqual(self.rules()["blocked"], sent)
        self.assertGreater(self.rules()["cut"], 0)
        # The same with another name is answered.
        hellos = [shuffled(plain_hello("allowed.example", protocols), order, segment) for protocols in (["h2"], many) for _ in range(20)]
        self.assertEqual(self.send_hellos(hellos, 700, "answered"), ["16"] * len(hellos))
        self.wait_until(lambda: len(names) >= len(hellos), "the server was not asked")
        self.assertEqual(set(names), {"allowed.example"})
        self.assertGreaterEqual(self.rules()["named"], len(hellos))
        server.kill()

    def test_openssl_meets_the_same(self):
        self.serve("openssl", "s_server", "-accept", f"{SERVER_ADDRESS}:4434", "-cert", self.certificate, "-key", self.key, "-quiet")
        self.start(interface="t0")

        def client(name):
            return subprocess.Popen(["nsenter", f"--net=/run/netns/{CLIENT}", "openssl", "s_client", "-connect", f"{SERVER_ADDRESS}:4434", "-servername", name],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def answers():
            allowed = client("allowed.example")
            out, _ = allowed.communicate(timeout=60)
            return "BEGIN CERTIFICATE" in out

        self.wait_until(answers, "the server did not start")
        for _ in range(10):
            before = self.rules()["blocked"]
            blocked = client("blocked.example")
            self.wait_until(lambda: self.rules()["blocked"] > before, "the hello was not seen")
            blocked.kill()
            out, _ = blocked.communicate(timeout=60)
            self.assertNotIn("BEGIN CERTIFICATE", out)    # the server waits for the first of these hellos, and serves one after the other


if __name__ == "__main__":
    main()
