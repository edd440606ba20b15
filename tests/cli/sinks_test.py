"""Sinks of a running engine: what packets contain under Suricata's names, at receivers that are there and at one that comes
later."""
import json
import socket
import struct
import subprocess
import sys

from live_case import LiveCase, dns_query, inside, main, NAME

POLICY = """rule asks { when dns.qname == "www.example.com" then alert asked, drop }
rule gets { when http.method == "GET" then alert web, pass }
alert asked { severity high  message "{ip.src} asks for {dns.qname}" }
alert web { message "{http.host} {http.target} {flow.packets}" }
"""
PORT = 5514
RECEIVER = f"""import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", {PORT}))
print("ready", flush=True)
while True: print(s.recv(65536).decode(), flush=True)
"""


def http_frame(head, source_port=40000):
    tcp = struct.pack(">HHIIBBHHH", source_port, 80, 1, 1, 0x50, 0x18, 1000, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(head), 0, 0, 64, 6, 0, bytes([10, 97, 0, 1]), bytes([10, 97, 0, 2]))
    return b"\xff" * 6 + bytes(6) + b"\x08\x00" + ip + tcp + head


class Sinks(LiveCase):
    def send_frame(self, frame):
        code = f"import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c1',0))\ns.send(bytes.fromhex('{frame.hex()}'))"
        self.assertEqual(inside(sys.executable, "-c", code).returncode, 0)

    def sinks(self):
        return {sink["name"]: sink for sink in self.status()["sinks"]}

    def start_receiver(self):
        receiver = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
        self.addCleanup(receiver.stdout.close)
        self.addCleanup(receiver.wait)
        self.addCleanup(receiver.kill)
        self.assertEqual(receiver.stdout.readline(), "ready\n")
        return receiver

    def test_names_at_each_sink(self):
        log, path = self.folder / "eve.json", self.folder / "collector"
        self.policy.write_text(POLICY + f"""sink log = eve("{log}")
sink collector = unix("{path}")
sink remote = syslog(local0, "udp://127.0.0.1:{PORT}")
""")
        receiver = self.start_receiver()
        self.start()
        self.send(53, 1, dns_query("www.example.com"))
        self.send_frame(http_frame(b"GET /a?b=%22\" HTTP/1.1\r\nHost: Shop.example:80\r\nUser-Agent: curl/8 \x1b[2J\r\n\r\n"))
        self.wait_until(lambda: self.sinks()["log"]["delivered"] == 2, "both are written")
        asked, web = map(json.loads, log.read_text().splitlines())
        self.assertEqual(asked["dns"], {"version": 3, "type": "request", "rcode": "NOERROR",
                                        "queries": [{"rrname": "www.example.com", "rrtype": "A"}]})
        self.assertEqual(asked["verdict"], {"action": "drop"})
        self.assertEqual((asked["in_iface"], asked["src_ip"], asked["weir"]["direction"]), ("c0", "10.97.0.1", "in"))
        self.assertEqual({key: web["http"][key] for key in ("hostname", "url", "http_method")},
                         {"hostname": "shop.example", "url": "/a?b=%22\"", "http_method": "GET"})
        self.assertEqual(web["direction"], "to_server")
        self.assertEqual((web["flow"]["pkts_toserver"], web["flow"]["pkts_toclient"], web["flow"]["state"]), (1, 0, "new"))
        self.assertNotEqual(asked["weir"]["id"], web["weir"]["id"])
        said = subprocess.run(["jq", "-r", ".weir.message", str(log)], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said, "10.97.0.1 asks for www.example.com\nshop.example /a?b=%22\" 1\n")
        self.assertNotIn(b"\x1b", log.read_bytes())

        # The log server got both; the collector comes only now, and gets them, too.
        for rest in ("asked - high asked: 10.97.0.1 asks for www.example.com [drop by asks on c0]",
                     "web - medium web: shop.example /a?b=%22\" 1 [pass by gets on c0]"):
            line = receiver.stdout.readline().rstrip("\n")
            self.assertRegex(line, r"^<13[12]>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ weir \d+ ")
            self.assertTrue(line.endswith(rest), line)
        waiting = self.sinks()["collector"]
        self.assertEqual((waiting["offered"], waiting["pending"], waiting["lost"]), (2, 2, 0))
        self.assertIn("No such file", waiting["state"])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(str(path))
            collector.settimeout(60)
            self.assertEqual([collector.recv(65536) for _ in range(2)], [line + b"\n" for line in log.read_bytes().splitlines()])
            self.wait_until(lambda: self.sinks()["collector"]["delivered"] == 2, "the collector has both")
        self.assertEqual({sink["state"] for sink in self.sinks().values()}, {"ok"})


main()
