#!/usr/bin/env python3
"""egress_test.py WEIR SOURCE: what a server sends, judged on its way out: answers of HTTP, a name that is asked, and a bulk
of data whose segments the kernel merges. A client and a server in two network namespaces. Skipped as live_case.py says."""
import pathlib
import re
import subprocess
import sys

from live_case import NAME, LiveCase, inside, main

CLIENT = NAME + "c"
SERVER_ADDRESS, CLIENT_ADDRESS = "10.97.0.1", "10.97.0.2"
POLICY = """rule refused { egress when http.status == 401 then alert refused, drop }
rule evil    { egress when dns.qname == "evil.example" then drop }
rule bulk    { egress when tcp.sport == 9999 then pass }
rule answers { egress when tcp then pass }
rule asked   { when tcp.dport == 9999 then pass }
default egress drop
rule quiet   { egress when arp or udp then pass }
alert refused { message "{http.status} to {ip.dst} by {iface}" }
"""
SERVER = """
import http.server, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer((sys.argv[1], 8080), Answers).serve_forever()
"""
BULK = """
import socket, sys
listening = socket.create_server((sys.argv[1], 9999))
print("ready", flush=True)
peer = listening.accept()[0]
for _ in range(400):
    peer.sendall(bytes(100000))
peer.shutdown(socket.SHUT_WR)
peer.recv(1)
"""
TAKE = """
import socket, sys
peer, total = socket.create_connection((sys.argv[1], 9999)), 0
while got := peer.recv(1 << 20):
    total += len(got)
print(total)
"""
ASK = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], 8080, timeout=2)
connection.request("GET", "/" + sys.argv[2])
print(connection.getresponse().status)
"""


def in_client(*command):
    return subprocess.run(["nsenter", f"--net=/run/netns/{CLIENT}", *command], capture_output=True, text=True, timeout=120)


def server(code):
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", sys.executable, "-c", code, SERVER_ADDRESS],
                            stdout=subprocess.PIPE, text=True)


class Egress(LiveCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["ip", "netns", "add", CLIENT], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", CLIENT])
        inside("ip", "link", "add", "s0", "type", "veth", "peer", "name", "s1", "netns", CLIENT)
        self.addCleanup(inside, "ip", "link", "delete", "s0")
        for run, link, address in ((inside, "s0", SERVER_ADDRESS), (in_client, "s1", CLIENT_ADDRESS)):
            run("ip", "address", "add", address + "/24", "dev", link)
            run("ip", "link", "set", link, "up")
        self.policy.write_text(POLICY)

    def running_server(self, code):
        process = server(code)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ask_for(self, status):
        return in_client(sys.executable, "-c", ASK, SERVER_ADDRESS, str(status)).stdout.strip()

    def test_answers(self):
        self.running_server(SERVER)
        self.start(interface="s0")
        self.wait_until(lambda: self.ask_for(200) == "200", "the server answers")
        self.assertEqual(self.ask_for(401), "")
        self.assertEqual(self.ask_for(503), "503")
        self.wait_until(lambda: self.rules()["refused"] >= 1, "the answer is seen")
        status = self.status()
        self.assertEqual({rule["name"]: rule["direction"] for rule in status["rules"]}["refused"], "out")
        self.assertEqual({rule["name"]: rule["direction"] for rule in status["rules"]}["asked"], "in")
        self.assertTrue(status["interfaces"][0]["egress"])
        self.assertEqual(status["default_egress"]["packets"], 0)
        code, out, err = self.end()
        self.assertEqual(code, 0, err)
        self.assertIn(f"401 to {CLIENT_ADDRESS} by s0", out)

    def test_segments_count_as_on_the_wire(self):
        bulk = self.running_server(BULK)
        self.assertEqual(bulk.stdout.readline(), "ready\n")
        self.start(interface="s0")

        def sent():
            """TcpOutSegs of the namespace: the segments that its TCP has sent, however they were merged."""
            said = inside("cat", "/proc/net/snmp").stdout
            names, values = (line.split() for line in re.findall("^Tcp:.*$", said, re.M))
            return int(values[names.index("OutSegs")])

        before = sent()
        self.assertEqual(in_client(sys.executable, "-c", TAKE, SERVER_ADDRESS).stdout.strip(), "40000000")
        self.wait_until(lambda: bulk.poll() is not None, "the server has sent all")
        segments = sent() - before
        rule = {rule["name"]: rule for rule in self.status()["rules"]}["bulk"]
        retransmitted = int(rule["packets"]) - segments  # OutSegs does not count those
        self.assertGreater(segments, 40_000_000 // 1460)
        self.assertGreaterEqual(retransmitted, -2)       # the last FIN and ACK may still be on their way
        self.assertLess(retransmitted, segments // 20)
        # Each segment has 66 bytes of headers, and the payload arrives once; what is sent again is more.
        self.assertGreater(rule["bytes"], 40_000_000 + 60 * (segments - 2))

    def test_another_policy_and_none(self):
        self.start(interface="s0")
        self.policy.write_text("rule a { when udp.dport == 9 then drop }\n")
        said = self.ask("reload", self.policy)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertNotIn("egress", self.status()["interfaces"][0])
        self.assertEqual(self.ask("rollback").returncode, 0)
        self.assertTrue(self.status()["interfaces"][0]["egress"])
        self.assertEqual(self.end()[0], 0)
        self.assertNotIn("tcx", inside("bpftool", "net", "show", "dev", "s0").stdout)


if __name__ == "__main__":
    main()
