#!/usr/bin/env python3
"""latency_test.py WEIR SOURCE: `flow.rtt` and `http.latency` beside the stamps that tcpdump has of the same packets on the
same interface, of connections that either end opens. It prints how far they are apart, WEIR_LATENCY_CONNECTIONS of them.
Skipped as live_case.py says, and without tcpdump."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest

from live_case import NAME, main
from two_hosts import CLIENT, CLIENT_ADDRESS, SERVER_ADDRESS, TwoHosts

CONNECTIONS = int(os.environ.get("WEIR_LATENCY_CONNECTIONS", "100"))   # that each end opens
PORT = 8080
# A key a connection, so that its sum is its value. An alert would come between: its wake-up takes microseconds.
POLICY = """let handshake = flow.opened and flow.rtt >= 0s
rule rtt_of_server     { observe when handshake then measure flow.rtt by (tcp.sport, tcp.dport) size SIZE, pass }
rule rtt_of_client     { observe egress when handshake then measure flow.rtt by (tcp.sport, tcp.dport) size SIZE, pass }
rule latency_of_server { observe egress when http.latency >= 0s then measure http.latency by (tcp.sport, tcp.dport) size SIZE, pass }
rule latency_of_client { observe when http.latency >= 0s then measure http.latency by (tcp.sport, tcp.dport) size SIZE, pass }
""".replace("SIZE", str(2 * CONNECTIONS))
# One request a connection; an answer takes up to 2 ms.
SERVER = """
import random, socket, sys, time
listening = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128)
print("ready", flush=True)
while True:
    peer, _ = listening.accept()
    peer.recv(4096)
    time.sleep(random.random() * 0.002)
    peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    peer.close()
"""
CLIENT_CODE = """
import socket, sys
for _ in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60) as one:
        one.sendall(b"GET / HTTP/1.1\\r\\nHost: example\\r\\n\\r\\n")
        while one.recv(4096):
            pass
"""


def segments(path):
    """(time in ns, source, destination, flags, payload) of each TCP segment of a capture with stamps in ns."""
    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 0xa1b23c4d
    at = 24
    while at + 16 <= len(data):
        seconds, ns, kept, _ = struct.unpack_from("<IIII", data, at)
        if at + 16 + kept > len(data):
            break                                                                    # it is being written
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        tcp = 14 + (frame[14] & 15) * 4
        ports = struct.unpack_from(">HH", frame, tcp)
        ends = [f"{socket.inet_ntoa(frame[where:where + 4])}:{port}" for where, port in zip((26, 30), ports)]
        length = int.from_bytes(frame[16:18], "big") + 14
        yield seconds * 10**9 + ns, *ends, frame[tcp + 13] & 0x17, frame[tcp + (frame[tcp + 12] >> 4) * 4:length]


def expected(path):
    """By measure and the client's port: what weir measures, by the capture's stamps."""
    seen, found = {}, {}
    for time_ns, source, destination, flags, payload in segments(path):
        if flags & 0x12 == 0x02:
            seen[source, destination] = {"syn": time_ns}
        elif flags & 0x12 == 0x12:
            seen.get((destination, source), {}).setdefault("syn ack", time_ns)
        elif (of := seen.get((source, destination))) is not None:                   # of the client
            is_host = source.startswith(SERVER_ADDRESS)
            if "syn ack" in of and "ack" not in of:
                of["ack"] = time_ns
                begin, end = ("syn", "syn ack") if is_host else ("syn ack", "ack")
                found["rtt_of_client" if is_host else "rtt_of_server", port_of(source)] = of[end] - of[begin]
            if payload.startswith(b"GET "):
                of["request"] = time_ns
        elif payload.startswith(b"HTTP/1.") and "request" in (of := seen[destination, source]):
            is_host = destination.startswith(SERVER_ADDRESS)
            found["latency_of_client" if is_host else "latency_of_server", port_of(destination)] = time_ns - of.pop("request")
    return found


def port_of(end):
    return end.split(":")[1]


class Latency(TwoHosts):
    def run_in(self, space, code, *arguments):
        return subprocess.run(["nsenter", f"--net=/run/netns/{space}", sys.executable, "-c", code, *map(str, arguments)], check=True, timeout=600)

    def spawn(self, space, *command, **streams):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", *map(str, command)], text=True, **streams)
        for end in (process.wait, process.kill):
            self.addCleanup(end)
        return process

    def serve_on(self, space, address):
        server = self.spawn(space, sys.executable, "-c", SERVER, address, PORT, stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        self.assertEqual(server.stdout.readline(), "ready\n")

    def measured(self):
        """By measure and the client's port, in ns."""
        values = {}
        for measure in self.status()["measures"]:
            for key in measure["keys"]:
                if key["count"] != 1:
                    continue                                      # an answer that was sent again
                values[measure["name"], next(port for port in key["key"] if port != str(PORT))] = key["sum"]
        return values

    @unittest.skipUnless(shutil.which("tcpdump"), "tcpdump is not installed")
    def test_beside_tcpdump(self):
        capture = self.folder / "t0.pcap"
        self.policy.write_text(POLICY)
        self.serve_on(NAME, SERVER_ADDRESS)
        self.serve_on(CLIENT, CLIENT_ADDRESS)
        self.start(interface="t0")
        dump = self.spawn(NAME, "tcpdump", "-Z", "root", "-i", "t0", "--time-stamp-precision=nano", "-B", "16384", "-s", "256", "--immediate-mode",
                          "-U", "-w", capture, "tcp", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(dump.stderr.close)
        self.assertIn("listening on t0", dump.stderr.readline())
        self.run_in(CLIENT, CLIENT_CODE, SERVER_ADDRESS, PORT, CONNECTIONS)
        self.run_in(NAME, CLIENT_CODE, CLIENT_ADDRESS, PORT, CONNECTIONS)
        all_values = lambda: sum(key["count"] for measure in self.status()["measures"] for key in measure["keys"])
        self.wait_until(lambda: all_values() >= 4 * CONNECTIONS, "not all was measured", 60)
        self.wait_until(lambda: len(expected(capture)) >= 4 * CONNECTIONS, "not all was captured", 60)
        dump.terminate()
        dump.wait()
        stamps, values = expected(capture), self.measured()
        for measure in ("rtt_of_server", "rtt_of_client", "latency_of_server", "latency_of_client"):
            pairs = [key for key in stamps if key[0] == measure and key in values]
            self.assertGreaterEqual(len(pairs), CONNECTIONS * 9 // 10)
            apart_us = sorted((values[key] - stamps[key]) / 1000 for key in pairs)
            sizes = sorted(map(abs, apart_us))
            within = sum(one <= 10 for one in sizes) / len(sizes)
            median_us = sorted(stamps[key] for key in pairs)[len(pairs) // 2] / 1000
            print(f"{measure}: {len(pairs)} pairs, median {median_us:.1f} us; less the stamps {apart_us[len(pairs) // 2]:.2f} us (median); "
                  f"apart by p50 {sizes[len(sizes) // 2]:.2f}, p90 {sizes[len(sizes) * 9 // 10]:.2f}, p99 {sizes[len(sizes) * 99 // 100]:.2f}, "
                  f"at most {sizes[-1]:.2f} us; {100 * within:.1f}% within 10 us")
            self.assertLess(sizes[len(sizes) // 2], 1000)


if __name__ == "__main__":
    main()
