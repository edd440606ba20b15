#!/usr/bin/env python3
"""sinks_test.py WEIR SOURCE: chaos over sinks of all kinds at once, each with a real peer that fails in its own ways. What a
peer acknowledged is there, and each event is accounted for in each sink. WEIR_CHAOS_SECONDS says how long (10 when not given;
docs/testing.md has the long form). Skipped as tests/cli/live_case.py says."""
import ctypes
import http.server
import json
import os
import pathlib
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cli"))
from live_case import NAME, LiveCase, main, udp_frame   # noqa: E402
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from nats_stream import Stream                          # noqa: E402

SECONDS = int(os.environ.get("WEIR_CHAOS_SECONDS", "10"))
IS_LONG = SECONDS >= 60                                 # an `llm` sink asks once a minute
RATE = 200                                              # events a second
HERE = pathlib.Path(__file__).parent
HOOK, BUS, LOG = 18080, 14222, 15140                    # ports, in a namespace of our own


def inside_namespace(action):
    """What `action` returns, from a thread in the engine's network namespace: sockets stay in it."""
    answer, failed = [], []

    def run():
        with open(f"/run/netns/{NAME}") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        try:
            answer.append(action())
        except OSError as error:
            failed.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return answer[0]


NOTE = json.dumps({"verdict": "benign", "confidence": 0.5, "reason": "a test", "evidence": ["e1"], "proposal": None})
ANSWER = json.dumps({"choices": [{"message": {"role": "assistant", "content": NOTE}, "finish_reason": "stop"}],
                     "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}).encode()


class Hook(http.server.BaseHTTPRequestHandler):
    """A receiver of events, and a chat endpoint, that is well, or ill in a way."""
    mood, ids, questions, lock = "well", [], 0, threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mood = Hook.mood
        if mood == "slow":
            time.sleep(1)
        if mood == "broken":
            self.send_error(503)
            return
        if mood == "gone":
            self.connection.close()
            return
        answer = ANSWER if self.path == "/chat" else b""
        with Hook.lock:
            if answer:
                Hook.questions += 1
            else:
                Hook.ids += [event["weir"]["id"] for event in json.loads(body)]
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def blocks(pcapng):
    """The kinds of its blocks."""
    while pcapng:
        kind, length = struct.unpack("<II", pcapng[:8])
        yield kind
        pcapng = pcapng[length:]


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.close()
        self.socket = inside_namespace(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        super().server_bind()

    def handle_error(self, *_):                         # connections that it broke itself
        pass


class Sinks(LiveCase):
    def spawn(self, *command, **more):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", *map(str, command)], **more)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def start_bus(self):
        self.bus = self.spawn("nats-server", "-a", "127.0.0.1", "-p", BUS, "-js", "-sd", self.folder / "store",
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_peers(self):
        self.start_bus()
        self.stream = Stream(lambda: inside_namespace(lambda: socket.create_connection(("127.0.0.1", BUS), timeout=5)))
        self.stream.make("weir.alerts")
        self.kafka = self.spawn(sys.executable, HERE / "kafka_brokers.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.brokers = self.kafka.stdout.readline().strip()
        hook = Server(("127.0.0.1", HOOK), Hook)
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        self.collector = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.collector.bind(str(self.folder / "collector.sock"))
        self.collected, self.listens = [], threading.Event()
        self.listens.set()
        threading.Thread(target=self.collect, daemon=True).start()
        self.logs = inside_namespace(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.logs.bind(("127.0.0.1", LOG))
        self.logged = []
        threading.Thread(target=self.log, daemon=True).start()
        (self.folder / "bin").mkdir()
        self.folder.chmod(0o755)
        (self.folder / "noted").touch()
        (self.folder / "noted").chmod(0o666)
        program = self.folder / "bin" / "note"
        program.write_text(f'#!/bin/sh\ncase $WEIR_EVENT in *80) exit 3;; *00) exec sleep 100;; esac\necho "$WEIR_EVENT $*" >>{self.folder}/noted\n')
        program.chmod(0o755)

    def collect(self):
        while True:
            self.listens.wait()
            try:
                self.collected.append(json.loads(self.collector.recv(1 << 16))["weir"]["id"])
            except OSError:                             # closed
                return

    def read_lines(self, pipe):
        with pipe:
            for line in pipe:
                self.printed.append(line)
                self.reads.wait()

    def log(self):
        while True:
            try:
                self.logged.append(self.logs.recv(1 << 16))
            except OSError:                             # closed
                return

    def policy_of_all(self):
        return f"""policy chaos
rule marked {{ when udp.dport == 9 then alert hit, capture, drop }}
alert hit {{ message "hit from {{ip.src}}" }}
sink file = eve("{self.folder}/eve.json", rotate 200KB, keep 1000)
sink bus = nats("nats://127.0.0.1:{BUS}", subject "weir.alerts", spool 5MB)
sink lake = kafka("{self.brokers}", topic "weir")
sink hook = webhook("http://127.0.0.1:{HOOK}/", timeout 2s)
sink local = unix("{self.folder}/collector.sock")
sink logs = syslog(daemon, "udp://127.0.0.1:{LOG}")
sink page = exec("{self.folder}/bin/note", "{{ip.src}}", user "games", timeout 1s, at_once 4, queue 50)
sink lines = stdout()
sink frames = pcap("{self.folder}/hits.pcapng", rotate 200KB, keep 1000)
""" + (f'sink triage = llm("http://127.0.0.1:{HOOK}/chat", model "m", dialect openai, timeout 2s)' if IS_LONG else "")

    def disturb(self, choose):
        """One thing that happens to a peer, or to the engine."""
        what = choose.choice(["kill bus", "stop bus", "lake", "hook", "local", "lines", "rotate", "reload"])
        wait = lambda most: time.sleep(choose.random() * most)     # noqa: E731
        if what == "kill bus":
            self.bus.kill()
            self.bus.wait()
            wait(1)
            self.start_bus()
        elif what == "stop bus":
            self.bus.send_signal(signal.SIGSTOP)
            wait(2)
            self.bus.send_signal(signal.SIGCONT)
        elif what == "lake":
            print("down", file=self.kafka.stdin, flush=True)
            wait(2)
            print("up", file=self.kafka.stdin, flush=True)
        elif what == "hook":
            Hook.mood = choose.choice(["slow", "broken", "gone"])
            wait(2)
            Hook.mood = "well"
        elif what == "local":
            self.listens.clear()
            wait(1)
            self.listens.set()
        elif what == "lines":
            self.reads.clear()
            wait(2)
            self.reads.set()
        elif what == "rotate":
            self.running.send_signal(signal.SIGHUP)
        else:
            self.assertEqual(self.ask("reload", self.policy).returncode, 0)

    def test_chaos_over_all_of_them(self):
        self.start_peers()
        self.policy.write_text(self.policy_of_all())
        self.start("--allow-exec", str(self.folder / "bin"), "--state", str(self.folder / "state"), pipe_bytes=4096)
        self.printed, self.reads = [], threading.Event()
        self.reads.set()
        reader = threading.Thread(target=self.read_lines, args=(self.running.stdout,))
        reader.start()
        self.running.stdout = None                      # read to its end by that thread alone
        self.addCleanup(reader.join)
        self.addCleanup(self.end)                       # before
        self.addCleanup(self.reads.set)
        frames = RATE * SECONDS
        sender = self.spawn(sys.executable, "-c",
                            "import socket,time\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c1',0))\n"
                            f"f=bytes.fromhex('{udp_frame(9).hex()}')\nfor _ in range({frames}): s.send(f); time.sleep({1 / RATE})")
        choose = random.Random(17)
        while sender.poll() is None:
            self.disturb(choose)
        self.wait_until(lambda: all(sink["pending"] == 0 for sink in self.status()["sinks"]), "all sinks are done", 180)
        status = self.status()
        sinks = {sink["name"]: sink for sink in status["sinks"]}
        said = json.dumps(status["sinks"], indent=1)
        alert = status["alerts"][0]
        self.assertEqual(alert["matched"], frames)
        self.assertEqual(alert["delivered"] + alert["lost"], frames)
        for sink in sinks.values():
            self.assertEqual(sink["offered"], frames, said)
            self.assertEqual(sink["delivered"] + sink["lost"], frames, said)
            self.assertEqual(sum(sink["lost_by"].values()), sink["lost"], said)
        ids = lambda lines: [re.search(r'"id":"([0-9a-f]{16}-[0-9a-f]{14})"', line)[1] for line in lines]    # noqa: E731
        print("keys", sinks["lake"]["delivered"], file=self.kafka.stdin, flush=True)
        lake = []
        while (line := self.kafka.stdout.readline().strip()):
            lake.append(line)
        files = sorted(self.folder.glob("eve.json*"))
        frames_of = lambda path: sum(kind == 6 for kind in blocks(path.read_bytes()))    # noqa: E731
        there = {"file": ids(line for file in files for line in file.read_text().splitlines()
                             if '"event_type":"anomaly"' not in line),      # of a note
                 "bus": ids(self.stream.lines()), "lake": lake, "hook": Hook.ids, "local": self.collected,
                 "logs": self.logged, "page": [line.split()[0] for line in (self.folder / "noted").read_text().splitlines()]}
        self.assertGreaterEqual(sum("hit from" in line for line in self.printed), sinks["lines"]["delivered"], said)
        self.assertGreaterEqual(sum(map(frames_of, self.folder.glob("hits.pcapng*"))), sinks["frames"]["delivered"], said)
        self.assertGreaterEqual(Hook.questions, 1 if IS_LONG else 0)
        for name, peer in there.items():
            if name != "logs":                          # UDP acknowledges nothing
                self.assertGreaterEqual(len(set(peer)), sinks[name]["delivered"], f"{name}: {said}")
            if name not in ("hook", "lake", "logs"):    # whose answers can be lost
                self.assertEqual(len(set(peer)), len(peer), f"{name} has doubles")
        for name in ("file", "bus", "lake", "hook", "frames"):
            self.assertEqual(sinks[name]["lost"], 0, said)
        for sink in sinks.values():
            print(f"{sink['name']}: offered {sink['offered']}, delivered {sink['delivered']}, lost {sink['lost_by']}; "
                  f"the peer has {len(there.get(sink['name'], []))}")


if __name__ == "__main__":
    main()
