#!/usr/bin/env python3
"""events_flood.py BUILD [RATE [SECONDS [live]]]: events that an eve file on a tmpfs takes.

Every packet is an event. The packets come from the kernel itself, RATE a second (1,000,000) for SECONDS (10): BPF_PROG_TEST_RUN of the
pinned program, in bursts; or, with `live`, SYNs over a veth pair (tests/soak/flood.cpp). Needs root, bpftool and two CPUs that do nothing
else. The file rotates, so that its memory is used again: on a virtual machine the first use of a page costs more than the line that is
written to it.
"""
import json
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

NAME = "weirevents"
BURST = 40_000        # starting bpftool takes 30 ms: with fewer there are no 1,000,000 a second; the ring holds 75,000
FRAME = bytes.fromhex("ffffffffffff0000000000000800" "4500001c000000004011000001020304c0000201" "3039000900080000").ljust(60, b"\0")


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, capture_output=True, **more).stdout


def inside(*command):
    return run("nsenter", f"--net=/run/netns/{NAME}", *map(str, command))


class Engine:
    def __init__(self, weir, folder, *more):
        self.weir = weir
        policy = folder / "policy.rules"
        policy.write_text('rule marked { when udp.dport == 9 or tcp.syn then alert hit, drop }\nalert hit { message "hit {ip.src}" }\n'
                          f'sink events = eve("{folder}/eve.json", rotate 300MB, keep 2, queue 262144)\n')
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", weir, "run", policy, "-i", "e0", "--name", NAME, *more])
        for _ in range(100):
            time.sleep(0.1)
            if subprocess.run([weir, "status", "--name", NAME], capture_output=True).returncode == 0:
                return
        raise SystemExit("the engine does not answer")

    def status(self):
        return json.loads(run(self.weir, "status", "--name", NAME, "--format", "json"))

    def timed_ms(self, *command):
        began = time.monotonic()
        run(self.weir, *command, "--name", NAME)
        return (time.monotonic() - began) * 1000

    def rule_packets(self):
        return self.status()["rules"][0]["packets"]

    def settled(self):
        for _ in range(600):
            status = self.status()
            if status["alerts"][0]["pending"] == 0 and status["sinks"][0]["pending"] == 0:
                return status
            time.sleep(0.1)
        raise SystemExit("events stay pending")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def flood(engine, folder, rate, seconds):
    """Returns the events sent, the seconds that took, and the slowest `weir status` meanwhile in ms."""
    pin = next(p for p in pathlib.Path(f"/sys/fs/bpf/weir/{NAME}").iterdir() if p.name.startswith("program-"))
    index = json.loads(run("ip", "-netns", NAME, "-json", "link", "show", "e0"))[0]["ifindex"]
    (folder / "frame").write_bytes(FRAME)
    (folder / "context").write_bytes(struct.pack("<6I", 0, len(FRAME), 0, index, 0, 0))     # struct xdp_md
    begin, sent, slowest_ms = time.monotonic(), 0, 0.0
    while time.monotonic() - begin < seconds:
        if sent > (time.monotonic() - begin) * rate:
            time.sleep(0.001)
            continue
        inside("bpftool", "prog", "run", "pinned", pin, "data_in", folder / "frame", "ctx_in", folder / "context", "repeat", BURST)
        sent += BURST
        if sent // BURST % 15 == 0:
            asked = time.monotonic()
            engine.status()
            slowest_ms = max(slowest_ms, (time.monotonic() - asked) * 1000)
    return sent, time.monotonic() - begin, slowest_ms


def live_flood(engine, build, rate, seconds):
    """With packets of a veth pair: some may be lost in its ring before they are judged. Returns what flood() does."""
    mac = json.loads(run("ip", "-netns", NAME, "-json", "link", "show", "e0"))[0]["address"]
    quiet_ms = statistics.median(engine.timed_ms("reload") for _ in range(5))
    sender = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", f"{build}/tests/soak/soak_flood", "e1", str(rate), mac, "192.0.2.1", "443", "25"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert sender.stdout.readline() == "sending\n"
    begin, slowest_ms, reloads_ms = time.monotonic(), 0.0, []
    while time.monotonic() - begin < seconds:
        slowest_ms = max(slowest_ms, engine.timed_ms("status"))
        reloads_ms.append(engine.timed_ms("reload"))
        time.sleep(0.2)
    took = time.monotonic() - begin
    sender.communicate()
    assert sender.returncode == 0
    print(f"a reload takes {quiet_ms:.0f} ms, under the flood {statistics.median(reloads_ms):.0f} ({len(reloads_ms)} of them)")
    engine.settled()
    return engine.rule_packets(), took, slowest_ms


def main(build, rate=1_000_000, seconds=10, how="test-run"):
    weir = f"{build}/weir"
    folder = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm"))
    run("ip", "netns", "add", NAME)
    try:
        run("ip", "-netns", NAME, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
        for device in ("e0", "e1"):
            run("ip", "-netns", NAME, "link", "set", device, "up")
        engine = Engine(weir, folder)
        try:
            if how == "live":
                sent, took, slowest_ms = live_flood(engine, build, int(rate), float(seconds))
            else:
                sent, took, slowest_ms = flood(engine, folder, int(rate), float(seconds))
            status = engine.settled()
            peak_kb = next(line.split()[1] for line in open(f"/proc/{engine.process.pid}/status") if line.startswith("VmHWM"))
        finally:
            engine.end()
    finally:
        run("ip", "netns", "del", NAME)
        shutil.rmtree(folder)
    alert, sink = status["alerts"][0], status["sinks"][0]
    assert alert["matched"] == sent == alert["delivered"] + alert["lost"], alert
    assert (sink["offered"], sink["delivered"], sink["lost"]) == (sent, alert["delivered"], alert["lost"]), sink
    print(f"{sent / took:,.0f} events a second for {took:.1f} s: {sink['delivered'] / took:,.0f} a second delivered, {sink['lost']:,} lost "
          f"{sink['lost_by']}; weir status {slowest_ms:.0f} ms at most; {int(peak_kb) // 1024} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
