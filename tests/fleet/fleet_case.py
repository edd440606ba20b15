"""What the tests of a fleet share: a server of NATS with JetStream, and engines that follow it, each in a network
namespace of its own with a pair of interfaces for the policy and one way to the server. A test is called with WEIR and
SOURCE, and ends with status 77 (skipped) where this process may not load BPF programs or make namespaces."""
import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import live_case                                              # noqa: E402
from live_case import SOURCE, WEIR, in_private_mounts, skip   # noqa: E402,F401

BRIDGE = f"wfb{os.getpid() % 10000}"
PORT, WATCH_PORT = 4222, 8222
HOSTS = ("h1", "h2", "h3")
SERVER = "10.98.0.1"

POLICY = """rule marked { when udp.dport == PORT then drop }
test "marked" { udp 10.0.0.1:1 -> 10.0.0.2:PORT => drop by marked }
"""


def policy(port, more=""):
    return POLICY.replace("PORT", str(port)) + more


def namespace(host):
    return f"wf{os.getpid()}{host}"


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **more)


class Server:
    """nats-server in this network namespace, its store in `folder`."""
    def __init__(self, folder, configuration="", max_payload="8MB"):
        self.folder = folder
        self.max_payload = max_payload
        self.file = folder / "server.conf"
        self.process = None
        self.start(configuration)

    def start(self, configuration=None):
        """Without `configuration`: with that from before."""
        if configuration is not None:
            self.file.write_text(f"listen: {SERVER}:{PORT}\nhttp: 127.0.0.1:{WATCH_PORT}\nmax_payload: {self.max_payload}\n"
                                 f"max_pending: {self.max_payload}\n{configuration}")
        self.process = subprocess.Popen(["nats-server", "-c", self.file, "-js", "-sd", self.folder / "store", "-l", self.folder / "server.log"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_healthy():
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, "nats-server does not answer"
            time.sleep(0.05)

    def is_healthy(self):
        """It listens, and its JetStream has begun, which is later."""
        try:
            watch = http.client.HTTPConnection("127.0.0.1", WATCH_PORT, timeout=5)
            watch.request("GET", "/healthz")
            is_well = watch.getresponse().status == 200
            watch.close()
            socket.create_connection((SERVER, PORT), timeout=5).close()
            return is_well
        except (OSError, http.client.HTTPException):
            return False

    def end(self, how=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=PATIENCE_S)
        self.process = None


class Wire:
    """A client of NATS that is not ours, to say what weir would not."""
    def __init__(self, **login):
        self.socket = socket.create_connection((SERVER, PORT), timeout=PATIENCE_S)
        self.got = b""
        self.line()                                            # INFO
        self.socket.sendall(f"CONNECT {json.dumps({'verbose': False, **login})}\r\nSUB reply 1\r\nPING\r\n".encode())
        while self.line() != b"PONG":
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def bytes(self, count):
        while len(self.got) < count:
            more = self.socket.recv(1 << 20)
            assert more, self.got
            self.got += more
        taken, self.got = self.got[:count], self.got[count:]
        return taken

    def line(self):
        while b"\r\n" not in self.got:
            more = self.socket.recv(1 << 20)
            assert more, self.got
            self.got += more
        line, self.got = self.got.split(b"\r\n", 1)
        if line == b"PING":
            self.socket.sendall(b"PONG\r\n")
        assert not line.startswith(b"-ERR"), line
        return line

    def ask(self, subject, payload=b""):
        """The answer to a message."""
        self.send(subject, payload)
        return self.answer()

    def send(self, subject, payload):
        self.socket.sendall(f"PUB {subject} reply {len(payload)}\r\n".encode() + payload + b"\r\n")

    def answer(self):
        while True:
            words = self.line().split()
            if words and words[0] == b"MSG":
                return json.loads(self.bytes(int(words[-1]) + 2))


PATIENCE_S = 120      # of a machine that is busy with other things: nothing here is wrong because it is slow


class FleetCase(unittest.TestCase):
    configuration = ""
    max_payload = "8MB"
    login = {}                                                 # of who is no client of ours
    server_url = f"nats://{SERVER}:{PORT}"

    @property
    def to(self):
        return self.server_url + "/policies/edge"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.server = Server(self.folder, self.configuration, self.max_payload)
        self.addCleanup(self.server.end)
        self.engines = {}
        self.addCleanup(self.end_all)

    # ---- engines ----

    def start(self, host, *more, to=None, environment=None):
        log = open(self.folder / f"{host}.log", "a")
        self.addCleanup(log.close)
        self.engines[host] = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace(host)}", WEIR, "run", to or self.to, "-i", "c0", "--name", host, "--host-name", host,
             "--state", self.folder / "state", *map(str, more)], stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **(environment or {})})
        return self.engines[host]

    def end(self, host, how=signal.SIGTERM):
        process = self.engines.pop(host)
        process.send_signal(how)
        return process.wait(timeout=PATIENCE_S)

    def end_all(self):
        for host in list(self.engines):
            process = self.engines.pop(host)
            process.terminate()
            try:
                process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, host):
        return (self.folder / f"{host}.log").read_text()

    def ask(self, host, *words):
        return run(WEIR, *words, "--name", host)

    def engine_status(self, host):
        said = self.ask(host, "status", "--format", "json")
        return json.loads(said.stdout) if said.returncode == 0 else None

    def request(self, host, command):
        """The engine's answer to one request of the control socket: quicker than a command."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(f"/run/weir/{host}.sock")
            client.sendall(json.dumps(command).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                got = client.recv(1 << 16)
                if not got:
                    return None
                answer += got
        return json.loads(answer)

    # ---- the bucket ----

    def push(self, text, *more, to=None):
        file = self.folder / "edge.rules"
        file.write_text(text)
        return run(WEIR, "push", file, "--to", to or self.to, *more)

    def pushed(self, text, *more):
        said = self.push(text, "--format", "json", *more)
        self.assertEqual(said.returncode, 0, said.stderr + said.stdout)
        return json.loads(said.stdout)

    def fleet(self, bucket="policies"):
        said = run(WEIR, "fleet", "status", f"{self.server_url}/{bucket}", "--format", "json")
        self.assertIn(said.returncode, (0, 1), said.stderr)
        return {one["host"]: one for one in json.loads(said.stdout)["hosts"]}

    def wire(self):
        return Wire(**self.login)

    def put(self, value, key="edge", bucket="policies"):
        """As any client does it."""
        with self.wire() as wire:
            answer = wire.ask(f"$KV.{bucket}.{key}", value if isinstance(value, bytes) else value.encode())
        self.assertIn("seq", answer)
        return answer["seq"]

    def value(self):
        """What lies in the bucket, and its revision."""
        with self.wire() as wire:
            answer = wire.ask("$JS.API.STREAM.MSG.GET.KV_policies", json.dumps({"last_by_subj": "$KV.policies.edge"}).encode())
        message = answer["message"]
        return base64.b64decode(message["data"]), message["seq"]

    def wait_for(self, holds, what, shows=None):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = holds()
            if found:
                return found
            if time.monotonic() > deadline:
                logs = {host: self.log(host)[-1500:] for host in HOSTS if (self.folder / f"{host}.log").exists()}
                self.fail(f"{what}: {(shows or self.fleet)()} {logs}")
            time.sleep(0.05)

    def wait_for_outcome(self, host, outcome, revision=None, reason=""):
        def holds():
            one = self.fleet().get(host)
            return one if one and one["outcome"] == outcome and (revision is None or one["revision"] == revision) and reason in one["reason"] else None
        return self.wait_for(holds, f"{host} is not {outcome} {reason}")

    def refused(self, host, reason, revision=None):
        return self.wait_for_outcome(host, "refused", revision, reason)

    def start_all(self, *more):
        for host in HOSTS:
            self.start(host, *more)

    def in_force_on_all(self, pushed):
        for host in HOSTS:
            one = self.wait_for_outcome(host, "in force", pushed["revision"])
            self.assertEqual(one["in_force"], pushed["sha256"])


class PushCase(FleetCase):
    """With a key of the fleet, and another one."""
    def setUp(self):
        super().setUp()
        self.key, self.other = self.folder / "fleet.key", self.folder / "other.key"
        for key in (self.key, self.other):
            said = run(WEIR, "push", "--new-key", key)
            self.assertEqual(said.returncode, 0, said.stderr)
        self.public = str(self.key) + ".pub"


def make_hosts():
    run("ip", "link", "add", BRIDGE, "type", "bridge", check=True)
    run("ip", "address", "add", SERVER + "/24", "dev", BRIDGE, check=True)
    run("ip", "link", "set", BRIDGE, "up", check=True)
    for number, host in enumerate(HOSTS, 2):
        net, way = namespace(host), f"wf{os.getpid() % 10000}{host}"
        run("ip", "netns", "add", net, check=True)
        run("ip", "link", "add", way, "type", "veth", "peer", "name", "m0", "netns", net, check=True)
        run("ip", "link", "set", way, "master", BRIDGE, "up", check=True)
        inside = ["ip", "-n", net]
        run(*inside, "address", "add", f"10.98.0.{number}/24", "dev", "m0", check=True)
        run(*inside, "link", "add", "c0", "type", "veth", "peer", "name", "c1", check=True)
        for link in ("lo", "m0", "c0", "c1"):
            run(*inside, "link", "set", link, "up", check=True)


def main():
    if os.geteuid() != 0:
        skip("only root may attach programs and make network namespaces")
    if run("bpftool", "prog", "list").returncode != 0:
        skip("this kernel lets us load no BPF program")
    if os.environ.get("WEIR_PRIVATE_NET") != "1":
        os.environ["WEIR_PRIVATE_NET"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, sys.argv[0], WEIR, str(SOURCE), *sys.argv[1:]])
    in_private_mounts()
    run("ip", "link", "set", "lo", "up")
    try:
        make_hosts()
    except subprocess.CalledProcessError as failed:
        skip(f"no network namespaces here: {failed.stderr}")
    try:
        unittest.main()
    finally:
        for host in HOSTS:
            run("ip", "netns", "delete", namespace(host))
