#!/usr/bin/env python3
"""metrics.py [WEIR [RULES]]: how long GET /metrics takes with a policy of 10,000 rules: alone, and beside 100 slow clients and 20
streams of events. In a network namespace of its own, on loopback. Needs root."""
import os
import pathlib
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time

WEIR = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/weir").resolve())
RULES = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
NAME, PORT, SCRAPES, SLOW, STREAMS = "weirbench", 9464, 1000, 100, 20
EVENTS_A_SECOND = 50


def policy():
    yield "policy big\nrule seen { when udp.dport == 9 then alert seen, drop }\nalert seen { message \"x\" }\n"
    for i in range(RULES - 1):
        yield f"rule rule_{i} {{ when ip.src == 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255} and tcp.dport == {i % 60000 + 1} then drop }}\n"


def connect():
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", PORT))
    return client


class Slow:
    """Says nothing; or says a request a byte a second; or never ends a header; or reads an answer a byte a second."""

    def __init__(self, kind):
        self.kind, self.client = kind, None

    def step(self):
        try:
            if self.client is None:
                self.client, self.said = connect(), 0
                if self.kind == 3:
                    self.client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if self.kind == 1:
                text = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                self.client.sendall(text[self.said:self.said + 1])
                self.said += 1
            if self.kind == 2:
                self.client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" if self.said == 0 else b"X-More: y\r\n")
                self.said += 1
            if self.kind == 3 and not self.client.recv(1):
                raise ConnectionError
        except OSError:                                   # the door closed it: it comes again
            self.client.close()
            self.client = None


def crowd():
    """Until SIGTERM; then it prints what the streams got."""
    slow = [Slow(i % 4) for i in range(SLOW)]
    ready, seen, closed = selectors.DefaultSelector(), 0, 0
    for _ in range(STREAMS):
        client = socket.create_connection(("127.0.0.1", PORT))
        client.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        ready.register(client, selectors.EVENT_READ)
    ends = []
    signal.signal(signal.SIGTERM, lambda *_: ends.append(1))
    next_step = 0
    print("ready", flush=True)
    while not ends:
        for key, _ in ready.select(0.1):
            got = key.fileobj.recv(1 << 16)
            seen += got.count(b"\ndata:") + got.startswith(b"data:")
            if not got:
                closed += 1
                ready.unregister(key.fileobj)
        if time.monotonic() >= next_step:
            next_step = time.monotonic() + 1
            for one in slow:
                one.step()
    print(f"{STREAMS} streams got {seen} events, {closed} were closed; {sum(one.client is not None for one in slow)} slow clients are there")


def traffic():
    """EVENTS_A_SECOND packets that raise an alert."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("c1", 0))
    frame = b"\xff" * 6 + bytes(6) + bytes.fromhex("08004500001c0000000040110000") + bytes([10, 97, 0, 1, 10, 97, 0, 2]) + bytes.fromhex("0fa0000900080000")
    while True:
        raw.send(frame)
        time.sleep(1 / EVENTS_A_SECOND)


def scrape(client, buffer):
    """Milliseconds from question to the whole answer, and its bytes."""
    begin = time.perf_counter()
    client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    have, want = 0, None
    while want is None or have < want:
        got = client.recv_into(memoryview(buffer)[have:])
        if got == 0:
            sys.exit("the door closed the connection")
        have += got
        if want is None and (end := buffer.find(b"\r\n\r\n", 0, have)) >= 0:
            head = bytes(buffer[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                sys.exit(head.decode())
            want = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return (time.perf_counter() - begin) * 1e3, want


def measure(what):
    client, buffer, times, size = socket.create_connection(("127.0.0.1", PORT)), bytearray(64 << 20), [], 0
    scrape(client, buffer)                                # the engine's first status
    order = random.Random(1)
    for _ in range(SCRAPES):
        ms, size = scrape(client, buffer)
        times.append(ms)
        time.sleep(order.uniform(0, 0.02))
    times.sort()
    print(f"{what:>40}: {size / 1e6:.2f} MB, p50 {times[len(times) // 2]:.2f} ms, p99 {times[len(times) * 99 // 100]:.2f} ms, most {times[-1]:.2f} ms", flush=True)


def measure_least():
    """The same way for an answer of two bytes: what machine and network take."""
    client, times = socket.create_connection(("127.0.0.1", PORT)), []
    for _ in range(SCRAPES):
        begin = time.perf_counter()
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(4096)
        times.append((time.perf_counter() - begin) * 1e3)
        time.sleep(0.005)
    times.sort()
    print(f"{'/healthz':>40}: p50 {times[len(times) // 2]:.2f} ms, p99 {times[len(times) * 99 // 100]:.2f} ms", flush=True)


def start(*command, **more):
    return subprocess.Popen(command, text=True, **more)


def bench():
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0750", "tmpfs", "/run/weir"], check=True)
    while os.path.ismount("/sys/fs/bpf"):
        subprocess.run(["umount", "/sys/fs/bpf"], check=True)
    started = []
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "big.rules")
        file.write_text("".join(policy()))
        try:
            engine = start(WEIR, "run", str(file), "-i", "c0", "--name", NAME, "--listen", f"127.0.0.1:{PORT}", stdout=subprocess.DEVNULL)
            started.append(engine)
            while subprocess.run([WEIR, "status", "--name", NAME], capture_output=True).returncode != 0:
                if engine.poll() is not None:
                    sys.exit("weir run ended")
                time.sleep(0.2)
            measure(f"{RULES} rules, nobody else")
            started.append(start(sys.executable, __file__, "--traffic"))
            others = start(sys.executable, __file__, "--crowd", stdout=subprocess.PIPE)
            started.append(others)
            others.stdout.readline()
            measure(f"beside {SLOW} slow clients and {STREAMS} streams")
            measure_least()
            others.terminate()
            print(others.stdout.read(), end="")
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def main():
    if "--crowd" in sys.argv:
        return crowd()
    if "--traffic" in sys.argv:
        return traffic()
    if "--inside" in sys.argv:
        return bench()
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    try:
        for command in (["link", "add", "c0", "type", "veth", "peer", "name", "c1"], ["link", "set", "lo", "up"], ["link", "set", "c0", "up"], ["link", "set", "c1", "up"]):
            subprocess.run(["ip", "-n", NAME, *command], check=True)
        os.makedirs("/run/weir", mode=0o750, exist_ok=True)
        return subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", "unshare", "--mount", "--propagation", "private", sys.executable, __file__, WEIR, str(RULES), "--inside"]).returncode
    finally:
        subprocess.run(["ip", "netns", "delete", NAME])


if __name__ == "__main__":
    sys.exit(main())
