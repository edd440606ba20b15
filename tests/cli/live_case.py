"""What the tests of a running engine share: a veth pair in a network namespace and a BPF file system of their own. A test
is called with WEIR and SOURCE, and ends with status 77 (skipped) where this process may not load BPF programs or make
namespaces."""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))
NAME = f"weircli{os.getpid()}"
ETH_P_ALL = 3

FIRST = """rule marked { when udp.dport == 9 then alert hit, drop }
rule kept { when udp.dport == 10 then pass }
alert hit { severity high  message "hit from {ip.src}" }
"""
SECOND = FIRST.replace("rule kept", "rule more { when udp.dport == 11 then drop }\nrule kept")


def inside(*command, **more):
    return subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", *command], capture_output=True, text=True, timeout=60, **more)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def udp_frame(port, body=b""):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(body), 0, 0, 64, 17, 0, bytes([10, 97, 0, 1]), bytes([10, 97, 0, 2]))
    return b"\xff" * 6 + bytes(6) + b"\x08\x00" + ip + struct.pack(">HHHH", 4000, port, 8 + len(body), 0) + body


def dns_query(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


def command_of(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:                                       # it has ended
        return b""


class LiveCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.policy = self.folder / "policy.rules"
        self.policy.write_text(FIRST)
        self.running = None
        self.addCleanup(self.end)

    def start(self, *more, name=NAME, interface="c0", before=(), pipe_bytes=-1):
        """`before`: what the engine is started through. `pipe_bytes`: how much it can write that nobody reads."""
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", *before, WEIR, "run", str(self.policy), "-i", interface, "--name", name, *more],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pipesize=pipe_bytes)
        self.running = process
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            if self.ask("status").returncode == 0:
                return process
            time.sleep(0.02)
        self.fail(f"weir run did not start: {process.communicate(timeout=5)}")

    def compiler(self):
        """The process that compiles: the child of the one that opens files, which is the engine's. Others of its children
        end just now (the newest counts), or load a policy."""
        process = self.running.pid
        for _ in range(2):
            children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
            process = [int(child) for child in children if b"compile-worker" in command_of(child)][-1]
        return process

    def end(self, with_signal=signal.SIGTERM):
        if self.running is None:
            return None
        process, self.running = self.running, None
        process.send_signal(with_signal)
        try:
            out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, out, err

    def ask(self, *arguments):
        return subprocess.run([WEIR, *map(str, arguments), "--name", NAME], capture_output=True, text=True, timeout=60)

    def request(self, command):
        """The engine's answer to one request of the control socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(f"/run/weir/{NAME}.sock")
            client.sendall(json.dumps(command).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                got = client.recv(1 << 16)
                if not got:
                    self.fail(f"no whole answer: {answer[:100]}")
                answer += got
        return json.loads(answer)

    def status(self):
        said = self.ask("status", "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        return json.loads(said.stdout)

    def send(self, port, times, body=b""):
        code = ("import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c1',0))\n"
                f"f=bytes.fromhex('{udp_frame(port, body).hex()}')\nfor _ in range({times}): s.send(f)")
        self.assertEqual(inside(sys.executable, "-c", code).returncode, 0)

    def rules(self):
        return {rule["name"]: rule["packets"] for rule in self.status()["rules"]}

    def wait_until(self, holds, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)


def in_private_mounts():
    """This test sees no other engine, and no other sees its: sockets and pins are in file systems of its own. The engine
    mounts that of the pins."""
    if os.environ.get("WEIR_PRIVATE_MOUNTS") != "1":
        if subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], capture_output=True).returncode != 0:
            skip("no mount namespaces here")
        os.environ["WEIR_PRIVATE_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, sys.argv[0], WEIR, str(SOURCE), *sys.argv[1:]])
    os.makedirs("/run/weir", mode=0o750, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0750", "tmpfs", "/run/weir"], check=True)
    while os.path.ismount("/sys/fs/bpf"):
        subprocess.run(["umount", "/sys/fs/bpf"], check=True)


def main():
    if os.geteuid() != 0:
        skip("only root may attach programs and make network namespaces")
    if subprocess.run(["bpftool", "prog", "list"], capture_output=True).returncode != 0:
        skip("this kernel lets us load no BPF program")
    in_private_mounts()
    if subprocess.run(["ip", "netns", "add", NAME], capture_output=True).returncode != 0:
        skip("no network namespaces here")
    try:
        # Nobody speaks unasked: tests count packets.
        inside("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        inside("ip", "link", "add", "c0", "type", "veth", "peer", "name", "c1")
        for link in ("lo", "c0", "c1"):
            inside("ip", "link", "set", link, "up")
        unittest.main()
    finally:
        subprocess.run(["ip", "netns", "delete", NAME])
