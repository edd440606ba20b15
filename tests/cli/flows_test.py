#!/usr/bin/env python3
"""flows_test.py WEIR SOURCE: a stateful policy comes into force under connections that are open already, and is reloaded
and killed meanwhile: none of them is cut. Two network namespaces. Skipped as live_case.py says."""
import json
import signal
import subprocess
import sys

from live_case import NAME, LiveCase, inside, main

CONNECTIONS = 1000
CLIENT = NAME + "f"
HOST_ADDRESS, CLIENT_ADDRESS = "10.97.1.1", "10.97.1.2"
POLICY = """default drop
rule arp  { when arp then pass }
rule open { when flow.established or flow.is_from_client == false then pass }
rule web  { when tcp.dport == 4480 and tcp.syn then pass }
"""
# An echo server on some ports.
SERVER = """
import asyncio, sys
async def serve(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
async def run():
    for port in map(int, sys.argv[2:]):
        await asyncio.start_server(serve, sys.argv[1], port, backlog=4096)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(run())
"""
# Connections, opened at once; for each line on standard input a byte goes over each of them, and comes back.
PEER = """
import selectors, socket, sys
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
all = [socket.create_connection((address, port), timeout=20) for _ in range(count)]
print("open", flush=True)
for line in sys.stdin:
    for one in all:
        one.sendall(b"x")
    answered = 0
    for one in all:
        one.settimeout(float(line))
        try:
            answered += one.recv(1) == b"x"
        except OSError:
            pass
    print(answered, flush=True)
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
    print("open")
except OSError:
    print("refused")
"""


def in_client(*command, **more):
    return subprocess.run(["nsenter", f"--net=/run/netns/{CLIENT}", *command], capture_output=True, text=True, timeout=120, **more)


class Flows(LiveCase):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY)
        subprocess.run(["ip", "netns", "add", CLIENT], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", CLIENT])
        inside("ip", "link", "add", "f0", "type", "veth", "peer", "name", "f1", "netns", CLIENT)
        inside("ip", "address", "add", HOST_ADDRESS + "/24", "dev", "f0")
        in_client("ip", "address", "add", CLIENT_ADDRESS + "/24", "dev", "f1")
        for link in ("lo", "f1"):
            in_client("ip", "link", "set", link, "up")
        inside("ip", "link", "set", "f0", "up")
        self.addCleanup(inside, "ip", "link", "delete", "f0")

    def process(self, space, *command):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for end in (process.stdout.close, process.stdin.close, process.wait, process.kill):
            self.addCleanup(end)
        return process

    def serve(self, space, address, *ports):
        server = self.process(space, sys.executable, "-c", SERVER, address, *ports)
        self.assertEqual(server.stdout.readline(), "ready\n")

    def connect(self, space, address, port, count):
        peer = self.process(space, sys.executable, "-c", PEER, address, port, count)
        self.assertEqual(peer.stdout.readline(), "open\n")
        return peer

    def echoed(self, peer, seconds=20):
        peer.stdin.write(f"{seconds}\n")
        peer.stdin.flush()
        return int(peer.stdout.readline())

    def opens(self, space, address, port, seconds=20):
        return subprocess.run(["nsenter", f"--net=/run/netns/{space}", sys.executable, "-c", CONNECT, address, str(port), str(seconds)],
                              capture_output=True, text=True, timeout=120).stdout.strip() == "open"

    def flows(self, top=10):
        said = self.ask("flows", "--top", top, "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        return json.loads(said.stdout)

    def test_connections_that_were_there_go_on(self):
        self.serve(NAME, HOST_ADDRESS, 4480, 4481)
        peer = self.connect(CLIENT, HOST_ADDRESS, 4481, CONNECTIONS)
        self.start(interface="f0")
        listed = self.flows()
        self.assertGreaterEqual(listed["flows"], CONNECTIONS)
        ours = [flow for flow in listed["top"] if flow["server"] == f"{HOST_ADDRESS}:4481"]
        self.assertTrue(ours and all(flow["of_socket"] and flow["state"] == "established" for flow in ours))
        self.assertEqual(self.echoed(peer), CONNECTIONS)
        # Others are not open.
        self.assertTrue(self.opens(CLIENT, HOST_ADDRESS, 4480))
        self.assertFalse(self.opens(CLIENT, HOST_ADDRESS, 4481, 2))

        # Reloads meanwhile, and an engine that is killed.
        for number in range(20):
            self.policy.write_text(POLICY + f"rule r{number} {{ when udp.dport == {number + 1} then drop }}\n")
            self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(self.echoed(peer), CONNECTIONS)
        for _ in range(3):
            self.running.send_signal(signal.SIGKILL)
            self.running.communicate()
            self.assertEqual(self.echoed(peer), CONNECTIONS)
            self.start(interface="f0")
        self.assertEqual(self.echoed(peer), CONNECTIONS)
        self.wait_until(lambda: self.status()["flows"].get("flows", 0) >= CONNECTIONS, "the flows are not counted")
        status = self.status()["flows"]
        self.assertEqual((status["size"], status["evicted"], status["refused"]), (65536, 0, 0))
        said = self.ask("flows", "--top", 3)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertRegex(said.stdout, r"(?m)^tcp +10\.97\.1\.2:\d+ +10\.97\.1\.1:448[01] +established ")
        self.assertRegex(said.stdout, r"(?m)^\d+ flows, 3 shown: those with most bytes$")

    def test_what_the_host_opens_comes_back(self):
        self.serve(CLIENT, CLIENT_ADDRESS, 4482)
        self.start(interface="f0")
        self.assertTrue(self.opens(NAME, CLIENT_ADDRESS, 4482))
        peer = self.connect(NAME, CLIENT_ADDRESS, 4482, 20)
        self.assertEqual(self.echoed(peer), 20)
        self.assertFalse(self.opens(CLIENT, HOST_ADDRESS, 4481, 2))
        flow = self.flows(1)["top"][0]
        self.assertEqual(flow["server"], f"{CLIENT_ADDRESS}:4482")
        self.assertLess(flow["rtt_ns"], 10**9)
        self.assertIn("flows: ", self.ask("status").stdout)

    def test_a_policy_that_reads_none(self):
        self.policy.write_text("rule r { when udp.dport == 1 then drop }\n")
        self.start(interface="f0")
        said = self.ask("flows")
        self.assertEqual(said.returncode, 3)
        self.assertIn("reads no flows", said.stderr)
        self.assertNotIn("flows", self.status())


if __name__ == "__main__":
    main()
