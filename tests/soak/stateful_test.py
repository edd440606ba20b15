#!/usr/bin/env python3
"""stateful_test.py WEIR SOURCE: rules/std/stateful-host.rules comes into force under 1,000 connections that are
open already, and stays, under bulk traffic and a SYN flood, through reloads and kills of the engine. No connection is cut,
no packet of one is dropped, the table is bounded, and each packet is in the books. The sizes, by the environment:
WEIR_STATEFUL_SWAPS, WEIR_STATEFUL_KILLS, WEIR_STATEFUL_FLOOD (packets a second). Skipped as tests/cli/live_case.py says."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cli"))
from live_case import NAME, SOURCE, WEIR, inside, main                          # noqa: E402
from two_hosts import CLIENT, CLIENT_ADDRESS, SERVER_ADDRESS, TwoHosts, in_client  # noqa: E402

SWAPS = int(os.environ.get("WEIR_STATEFUL_SWAPS", "8"))
KILLS = int(os.environ.get("WEIR_STATEFUL_KILLS", "3"))
FLOOD = int(os.environ.get("WEIR_STATEFUL_FLOOD", "50000"))
TOOLS = pathlib.Path(WEIR).resolve().parent / "tests" / "soak"
CONNECTIONS = 1000
HALF = CONNECTIONS // 2                 # opened by either end
BULK = 4                               # of bulk traffic, half of them opened by the host
BULK_BYTES_A_SECOND = 12_000_000       # of each
ECHO, SINK, SERVICE, CLOSED = 4480, 4481, 443, 25

# Echoes what comes on its port, and swallows what comes on the second; says how much at the end.
SERVER = """
import asyncio, sys
swallowed = 0
async def echo(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
async def swallow(reader, writer):
    global swallowed
    while data := await reader.read(1 << 18):
        swallowed += len(data)
    writer.close()
async def run():
    for port, what in ((sys.argv[2], echo), (sys.argv[3], swallow), (sys.argv[4], echo)):
        await asyncio.start_server(what, sys.argv[1], int(port), backlog=4096)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(swallowed, flush=True)
    await asyncio.Event().wait()
asyncio.run(run())
"""
# Connections, all opened at first. For "N SECONDS" on standard input a byte goes over each of the first N, and comes
# back: how many did in time.
PEER = """
import select, socket, sys, time
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
all = [socket.create_connection((address, port), timeout=20) for _ in range(count)]
print("open", flush=True)
for line in sys.stdin:
    some, seconds = line.split()
    waiting, failed = {one.fileno(): one for one in all[:int(some)]}, 0
    poll = select.poll()
    for one in waiting.values():
        one.sendall(b"x")
        poll.register(one, select.POLLIN)
    answered, until = 0, time.monotonic() + float(seconds)
    while waiting and time.monotonic() < until:
        for number, _ in poll.poll(1000):
            try:
                answered += waiting.pop(number).recv(1) == b"x"
            except OSError:
                pass
            poll.unregister(number)
    print(answered, flush=True)
"""
# For a line on standard input it sends at a pace over each of its connections, until the next; then how much.
SENDER = """
import socket, sys, threading, time
address, port, count, pace = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
all = [socket.create_connection((address, port), timeout=60) for _ in range(count)]
print("open", flush=True)
sys.stdin.readline()
sent, stop, faults = [0] * count, threading.Event(), []
def send(which):
    begin = time.monotonic()
    try:
        while not stop.is_set():
            if sent[which] <= (time.monotonic() - begin) * pace:
                all[which].sendall(bytes(1 << 17))
                sent[which] += 1 << 17
            else:
                time.sleep(0.005)
        all[which].shutdown(socket.SHUT_WR)
        assert all[which].recv(1) == b""
    except Exception as why:
        faults.append(repr(why))
threads = [threading.Thread(target=send, args=(which,)) for which in range(count)]
for thread in threads:
    thread.start()
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
print(sum(sent), *faults, flush=True)
"""


class Stateful(TwoHosts):
    def setUp(self):
        super().setUp()
        self.text = (SOURCE / "rules/std/stateful-host.rules").read_text()
        self.policy.write_text(self.text)
        for space in (inside, in_client):
            space("sysctl", "-q", "-w", "net.ipv4.tcp_max_syn_backlog=4096", "net.core.somaxconn=4096",
                  "net.ipv6.conf.all.disable_ipv6=1")
        inside("ip", "route", "add", "default", "via", CLIENT_ADDRESS)      # so that the host answers the flood
        self.mac = json.loads(inside("ip", "-j", "link", "show", "t0").stdout)[0]["address"]
        in_client("ip", "link", "set", "lo", "up")
        # Neighbours that a flood cannot push out.
        in_client("ip", "neighbour", "replace", SERVER_ADDRESS, "lladdr", self.mac, "dev", "t1", "nud", "permanent")
        peer = json.loads(in_client("ip", "-j", "link", "show", "t1").stdout)[0]["address"]
        inside("ip", "neighbour", "replace", CLIENT_ADDRESS, "lladdr", peer, "dev", "t0", "nud", "permanent")

    def process(self, space, *command):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for end in (process.stdout.close, process.stdin.close, process.wait, process.kill):
            self.addCleanup(end)
        return process

    def python(self, space, code, *arguments):
        process = self.process(space, sys.executable, "-c", code, *arguments)
        self.assertIn(process.stdout.readline(), ("ready\n", "open\n"))
        return process

    def echoed(self, peer, some=HALF, seconds=60):
        self.say(peer, f"{some} {seconds}")
        return int(peer.stdout.readline())

    def link(self):
        """What the kernel has handed to XDP on the host's interface, and what it could not."""
        rx = json.loads(inside("ip", "-j", "-s", "link", "show", "t0").stdout)[0]["stats64"]["rx"]
        return rx["packets"], rx["dropped"]

    def books(self):
        """The status, packets received, and those that were lost before XDP, at a moment without traffic."""
        seen = None
        for _ in range(500):
            status, now = self.status(), self.link()
            status["judged"] = sum(row["packets"] for row in (*status["rules"], status["default"], status["malformed"]))
            if (status["judged"], now) == seen:
                return status, *now
            seen = status["judged"], now
            time.sleep(0.1)
        self.fail("packets do not end")

    def age(self, seconds):
        said = subprocess.run([TOOLS / "soak_age_flows", NAME, str(seconds)], capture_output=True, text=True, timeout=60)
        if said.returncode == 3:
            print(f"flows are not made {seconds} s older: {said.stderr.strip()}")
            return False
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertGreaterEqual(int(said.stdout), CONNECTIONS)
        return True

    def retransmitted(self):
        """Segments sent again, but for SYN and SYN-ACK: nobody answers those of the flood."""
        sums = 0
        for space in (inside, in_client):
            lines = space("cat", "/proc/net/snmp", "/proc/net/netstat").stdout.splitlines()
            for kind, name, factor in (("Tcp:", "RetransSegs", 1), ("TcpExt:", "TCPSynRetrans", -1)):
                names, values = [line.split() for line in lines if line.startswith(kind)]
                sums += factor * int(values[names.index(name)])
        return sums

    def swap(self, number):
        self.policy.write_text(self.text + f"rule r{number} {{ when udp.dport == {number % 60000 + 1} then drop }}\n")
        said = self.ask("reload")
        self.assertEqual(said.returncode, 0, said.stderr)

    def kill(self):
        self.running.send_signal(signal.SIGKILL)
        self.running.communicate()
        self.start(interface="t0")

    def say(self, process, line="go on"):
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def swaps_and_kills(self, theirs, ours):
        """Some connections speak meanwhile. The most flows that there were, and how long each took."""
        events = ["swap"] * SWAPS + ["kill"] * KILLS
        events = [one for _, one in sorted(((index * 0.618034) % 1, one) for index, one in enumerate(events))]
        largest, seconds = 0, {"swap": [], "kill": []}
        for number, event in enumerate(events):
            began = time.monotonic()
            self.swap(number) if event == "swap" else self.kill()
            seconds[event].append(time.monotonic() - began)
            if number % 5 == 0:
                self.assertEqual((self.echoed(theirs, 100), self.echoed(ours, 100)), (100, 100), f"after {number} swaps and kills")
                said = self.ask("flows", "--top", "1", "--format", "json")
                self.assertEqual(said.returncode, 0, said.stderr)
                largest = max(largest, json.loads(said.stdout)["flows"])
        return largest, ", ".join(f"a {event} {1000 * sorted(all)[len(all) // 2]:.0f} ms" for event, all in seconds.items() if all)

    def ended(self, senders, sinks):
        """Bytes of bulk traffic: all that was sent has come."""
        moved = 0
        for sender, sink in zip(senders, sinks):
            self.say(sender)
            sent = sender.stdout.readline().split()
            self.assertEqual(len(sent), 1, sent)                   # no connection failed
            self.say(sink)
            self.assertEqual(sink.stdout.readline().split(), sent, "bytes of bulk traffic")
            moved += int(sent[0])
        return moved

    def test_under_a_flood(self):
        server = self.python(NAME, SERVER, SERVER_ADDRESS, ECHO, SINK, SERVICE)
        far = self.python(CLIENT, SERVER, CLIENT_ADDRESS, ECHO, SINK, SERVICE)
        # Half of them are opened by the host, to the client's server.
        theirs = self.python(CLIENT, PEER, SERVER_ADDRESS, ECHO, HALF)
        ours = self.python(NAME, PEER, CLIENT_ADDRESS, ECHO, HALF)
        bulk = [self.python(CLIENT, SENDER, SERVER_ADDRESS, SINK, BULK // 2, BULK_BYTES_A_SECOND),
                self.python(NAME, SENDER, CLIENT_ADDRESS, SINK, BULK // 2, BULK_BYTES_A_SECOND)]
        self.start(interface="t0")
        before, received, lost = self.books()
        self.age(600)                    # as sockets have entered them: no packet has yet
        self.assertEqual((self.echoed(theirs, 100), self.echoed(ours, 100)), (100, 100))

        began, retransmitted = time.monotonic(), self.retransmitted()
        flood = self.process(CLIENT, TOOLS / "soak_flood", "t1", FLOOD, self.mac, SERVER_ADDRESS, SERVICE, CLOSED)
        self.assertEqual(flood.stdout.readline(), "sending\n")
        for one in bulk:
            self.say(one)
        largest, took = self.swaps_and_kills(theirs, ours)
        # The others have been idle all the time.
        self.assertEqual((self.echoed(theirs), self.echoed(ours)), (HALF, HALF))
        flood.stdin.close()
        offered, closed, answered, rate = map(int, flood.stdout.readline().split())
        moved = self.ended(bulk, (server, far))
        seconds = time.monotonic() - began
        after, all_received, all_lost = self.books()
        print(f"flood of {rate}/s for {seconds:.0f} s ({offered} to a service, {answered} of them to the host's stack, {closed} to a closed port); "
              f"{moved * 8 / seconds / 1e6:.0f} Mbit/s of bulk traffic; {SWAPS} swaps, {KILLS} kills ({took}); at most {largest} flows; "
              f"{after['flows']['evicted']} evicted; {self.retransmitted() - retransmitted} segments sent again; "
              f"{all_lost - lost} of the flood lost before XDP, "
              f"{(offered + closed - all_lost + lost) / seconds:.0f}/s judged")

        # Each packet is in the books. No packet of a connection was dropped: `services` and the default had the flood's.
        self.assertEqual(after["judged"] - before["judged"], all_received - received)
        rules = {row["name"]: row["packets"] for row in after["rules"]}
        dropped = after["default"]["packets"]
        self.assertEqual(rules["services"] + dropped, offered + closed - (all_lost - lost))
        self.assertLessEqual(rules["services"], offered)
        self.assertLessEqual(dropped, closed)
        self.assertEqual(after["flows"]["refused"], 0)
        self.assertLessEqual(largest, after["flows"]["size"] * 3 + 8)

        self.age(600)
        self.assertEqual((self.echoed(theirs), self.echoed(ours)), (HALF, HALF))
        # And beyond what a flow lasts: what the client says is dropped then, and the host begins a flow.
        if self.age(126 * 60):
            self.assertEqual((self.echoed(theirs, 5, 2), self.echoed(ours, 5)), (0, 5))


if __name__ == "__main__":
    main()
