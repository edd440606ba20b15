#!/usr/bin/env python3
"""event_streams.py BUILD [RATE [ROUNDS [SECONDS]]]: what 50 streams of the network door's events cost an eve file on a tmpfs.

Every packet is an event, RATE a second (1,000,000, more than the file takes) as in events_flood.py. Rounds of SECONDS (6) without
streams and rounds with 50 take turns, ROUNDS (5) of each: 30 readers read all that comes, 10 read 2 KB ten times a second, 10 never
read; one that the door drops connects again after a second. A reader that was not dropped has seen each event that the engine read from the
kernel's ring, or was told how many it lacks. Needs root, bpftool and two CPUs that do nothing else.
"""
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from events_flood import NAME, Engine, flood, inside, run

ADDRESS = ("127.0.0.1", 9464)
KINDS = ["quick"] * 30 + ["slow"] * 10 + ["never"] * 10
# HTTP/1.0: the events come without the frames of chunks.
REQUEST = f"GET /api/v1/events HTTP/1.0\r\nHost: {ADDRESS[0]}:{ADDRESS[1]}\r\n\r\n".encode()
LOST = re.compile(rb'data: \{"lost":(\d+)\}')


class Reader:
    def __init__(self, kind):
        self.kind = kind
        self.events = self.lost = self.bytes = self.drops = 0
        self.open()

    def open(self):
        self.socket, self.tail, self.again_at = socket.create_connection(ADDRESS), b"", None
        self.socket.sendall(REQUEST)
        self.socket.setblocking(False)

    def read(self):
        try:
            got = self.socket.recv(2048 if self.kind == "slow" else 1 << 20)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            self.socket.close()
            self.drops += 1
            self.again_at = time.monotonic() + 1
            return
        self.bytes += len(got)
        text = self.tail + got
        end = text.rfind(b"\n\n") + 2 if b"\n\n" in text else 0
        self.events += text.count(b'data: {"timestamp"', 0, end)
        self.lost += sum(map(int, LOST.findall(text, 0, end)))
        self.tail = text[end:]


def read_streams():
    """Reads until standard input is closed, and until nothing has come for a second; then says what came, as JSON."""
    readers, poll = [Reader(kind) for kind in KINDS], selectors.DefaultSelector()
    for one in readers:
        if one.kind == "quick":
            poll.register(one.socket, selectors.EVENT_READ, one)
    poll.register(sys.stdin, selectors.EVENT_READ)
    slow_at, quiet_since, ends = 0.0, time.monotonic(), False
    while not ends or time.monotonic() - quiet_since < 1:
        for key, _ in poll.select(0.05):
            if key.data is None:
                ends = True
                poll.unregister(sys.stdin)
                continue
            quiet_since = time.monotonic()
            key.data.read()
            if key.data.again_at:
                poll.unregister(key.fileobj)
        now = time.monotonic()
        if now - slow_at > 0.1:
            slow_at = now
            for one in readers:
                if one.kind == "slow" and not one.again_at:
                    one.read()
        for one in readers:
            if one.again_at and now > one.again_at:
                one.open()
                if one.kind == "quick":
                    poll.register(one.socket, selectors.EVENT_READ, one)
    print(json.dumps([{"kind": one.kind, "events": one.events, "lost": one.lost, "bytes": one.bytes, "drops": one.drops} for one in readers]))


def lost_in_ring(status):
    return status["sinks"][0]["lost_by"].get("ring full", 0)


def door(status):
    return status["doors"][0]["counts"]


def begin_streams(engine):
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", sys.executable, os.path.abspath(__file__), "--read"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while door(engine.status())["streams"] != len(KINDS):
        time.sleep(0.1)
        assert process.poll() is None
    return process


def measure(engine, folder, rate, seconds, streams):
    """One round: what the sink took and lost, and what the streams did."""
    before = engine.settled()
    process = begin_streams(engine) if streams else None
    begin = time.monotonic()
    sent, took, slowest_ms = flood(engine, folder, rate, seconds)
    after = engine.settled()
    whole = time.monotonic() - begin
    sink = {key: after["sinks"][0][key] - before["sinks"][0][key] for key in ("offered", "delivered", "lost")}
    assert after["rules"][0]["packets"] - before["rules"][0]["packets"] == sent == sink["offered"], (sent, sink)
    in_ring = lost_in_ring(after) - lost_in_ring(before)
    said = {"sent": sent / took, "delivered": sink["delivered"] / whole, "lost": sink["lost"] / sent, "in_ring": in_ring / sent, "status_ms": slowest_ms}
    if process:
        readers = json.loads(process.communicate()[0])
        assert process.returncode == 0
        for one in readers:
            if one["kind"] == "quick" and one["drops"] == 0:
                assert one["events"] + one["lost"] == sent - in_ring, (one, sent, in_ring)
        while door(now := engine.status())["streams"] != 0:     # the door looks once a second who has left, and says so
            time.sleep(0.1)
        said["dropped"] = door(now)["dropped_streams"] - door(before)["dropped_streams"]
        said["door_lost"] = door(now)["lost_events"] - door(before)["lost_events"]
        said["readers"] = readers
    return said


def say_streams(rounds):
    for kind in dict.fromkeys(KINDS):
        ones = [one for said in rounds for one in said["readers"] if one["kind"] == kind]
        kept = sum(one["drops"] == 0 for one in ones)
        print(f"  {kind}: {statistics.median(one['events'] for one in ones):,.0f} events (median of {len(ones)}), {statistics.median(one['lost'] for one in ones):,.0f} "
              f"said to be lost; {kept} were never dropped, the others {sum(one['drops'] for one in ones) / max(1, len(ones) - kept):.1f} times")
    print(f"  dropped streams, counted by the door: {statistics.median(one['dropped'] for one in rounds):,.0f} a round; events that it was not handed: "
          f"{statistics.median(one['door_lost'] for one in rounds):,.0f} a round")


def main(build, rate=1_000_000, rounds=5, seconds=6):
    folder = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm"))
    run("ip", "netns", "add", NAME)
    try:
        run("ip", "-netns", NAME, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
        for device in ("lo", "e0", "e1"):
            run("ip", "-netns", NAME, "link", "set", device, "up")
        inside("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        engine = Engine(f"{build}/weir", folder, "--listen", f"{ADDRESS[0]}:{ADDRESS[1]}")
        try:
            measure(engine, folder, int(rate), 2, False)        # the file's memory is new
            said = {False: [], True: []}
            for _ in range(int(rounds)):
                for streams in (False, True):
                    said[streams].append(measure(engine, folder, int(rate), float(seconds), streams))
        finally:
            engine.end()
    finally:
        run("ip", "netns", "del", NAME)
        shutil.rmtree(folder)
    middle = {streams: {key: statistics.median(one[key] for one in ones) for key in ("sent", "delivered", "lost", "in_ring", "status_ms")} for streams, ones in said.items()}
    for streams, one in middle.items():
        print(f"{len(KINDS) if streams else 'no'} streams: {one['sent']:,.0f} events/s, {one['delivered']:,.0f}/s into the file, {one['lost']:.1%} lost ({one['in_ring']:.1%} in the ring), "
              f"weir status {one['status_ms']:.0f} ms at most")
        print("  each round: " + ", ".join(f"{each['delivered']:,.0f}" for each in said[streams]))
    print(f"into the file beside streams: {middle[True]['delivered'] / middle[False]['delivered']:.3f} of what it takes without")
    say_streams(said[True])


if __name__ == "__main__":
    read_streams() if sys.argv[1] == "--read" else main(*sys.argv[1:])
