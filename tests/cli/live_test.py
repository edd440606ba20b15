#!/usr/bin/env python3
"""live_test.py WEIR SOURCE: weir run, reload and status on a veth pair in a network namespace of its own. Ends with status 77
(skipped) where this process may not load BPF programs or make namespaces."""
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


def udp_frame(port):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes([10, 97, 0, 1]), bytes([10, 97, 0, 2]))
    return b"\xff" * 6 + bytes(6) + b"\x08\x00" + ip + struct.pack(">HHHH", 4000, port, 8, 0)


class Live(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.policy = self.folder / "policy.rules"
        self.policy.write_text(FIRST)
        self.running = None
        self.addCleanup(self.end)

    def start(self, *more, name=NAME, interface="c0"):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", interface, "--name", name, *more],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running = process
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            if self.ask("status").returncode == 0:
                return process
            time.sleep(0.02)
        self.fail(f"weir run did not start: {process.communicate(timeout=5)}")

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

    def status(self):
        said = self.ask("status", "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        return json.loads(said.stdout)

    def send(self, port, times):
        code = ("import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c1',0))\n"
                f"f=bytes.fromhex('{udp_frame(port).hex()}')\nfor _ in range({times}): s.send(f)")
        self.assertEqual(inside(sys.executable, "-c", code).returncode, 0)

    def rules(self):
        return {rule["name"]: rule["packets"] for rule in self.status()["rules"]}

    def test_run_status_reload_and_end(self):
        self.start()
        self.send(9, 5)
        self.send(10, 3)
        status = self.status()
        self.assertEqual((status["policy"], status["generation"], status["interfaces"]),
                         ("policy", 1, [{"name": "c0", "mode": "native"}]))
        self.assertEqual(self.rules(), {"marked": 5, "kept": 3})

        second = self.folder / "second.rules"
        second.write_text(SECOND)
        said = self.ask("reload", second, "--format", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(json.loads(said.stdout)["generation"], 2)
        self.send(9, 1)
        self.send(11, 2)
        self.assertEqual(self.rules(), {"marked": 6, "more": 2, "kept": 3})
        alert = self.status()["alerts"][0]
        self.assertEqual((alert["name"], alert["matched"]), ("hit", 6))
        self.assertEqual(alert["matched"], alert["delivered"] + alert["suppressed"] + alert["lost"] + alert["pending"])

        status, out, _ = self.end()
        self.assertEqual(status, 0)
        self.assertEqual(len([line for line in out.splitlines() if "hit from 10.97.0.1" in line]), 6)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)
        self.assertEqual(self.ask("status").returncode, 3)

    def test_the_rules_text_stands_in_the_program(self):
        self.start()
        dump = subprocess.run(["bpftool", "prog", "dump", "xlated", "name", "weir_policy"], capture_output=True, text=True, timeout=60)
        self.assertIn("; rule marked { when udp.dport == 9 then alert hit, drop }", dump.stdout)

    def test_refused_reload_changes_nothing(self):
        self.start()
        bad = self.folder / "bad.rules"
        for text, status in (("rule r { when tcp.dprot == 1 then drop }", 1), ('set s : ip from "nowhere"', 1), ("rule r {", 1), ("rule r { when tcp th", 1)):
            bad.write_text(text)
            said = self.ask("reload", bad)
            self.assertEqual(said.returncode, status)
            self.assertIn("error[", said.stderr)
        self.assertEqual(self.ask("reload", self.folder / "nowhere.rules").returncode, 3)
        status = self.status()
        self.assertEqual((status["generation"], status["reload_failed"]), (1, 5))
        self.send(9, 1)
        self.assertEqual(self.rules()["marked"], 1)

    def test_hangup_reads_the_file_again(self):
        process = self.start()
        self.policy.write_text(SECOND)
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while self.status()["generation"] == 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(set(self.rules()), {"marked", "more", "kept"})

    def test_second_engine_is_refused(self):
        self.start()
        taken = inside(WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME + "b")
        self.assertEqual(taken.returncode, 3)
        self.assertIn("c0", taken.stderr)
        named = inside(WEIR, "run", str(self.policy), "-i", "c1", "--name", NAME)
        self.assertEqual(named.returncode, 3)
        self.assertIn("runs already", named.stderr)
        self.send(9, 1)
        self.assertEqual(self.rules()["marked"], 1)

    def set_(self, *arguments, text=None):
        action, *rest = arguments
        return subprocess.run([WEIR, "set", action, "--name", NAME, *map(str, rest)], capture_output=True, text=True, timeout=60, input=text)

    def test_sets_and_state(self):
        self.policy.write_text("set blocked : ip size 200000\nset ports : port ttl 1h\n"
                               "rule ban { when ip.src in blocked then drop }\n"
                               "rule many { when udp.dport == 10 and count(ip.src, in 1d) > 5 then drop }\n"
                               "rule seen { when udp.dport == 9 then add udp.dport to ports }\n")
        self.start()
        self.send(10, 8)
        self.send(9, 1)
        self.assertEqual(self.rules()["many"], 3)
        self.assertRegex(self.set_("list", "ports").stdout, r"^9 for 59m\d+s\n$")
        many = "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(1 << 20, (1 << 20) + 100000))
        begin = time.monotonic()
        self.assertEqual(self.set_("add", "blocked", "-", text="# a comment\n" + many).stdout, "100000 added\n")
        took = time.monotonic() - begin
        print(f"100,000 entries added in {took:.2f} s")
        self.assertEqual(self.set_("add", "blocked", "10.97.0.1", "for", "1h").returncode, 0)
        self.send(9, 2)
        self.assertEqual(self.rules()["ban"], 2)
        self.assertEqual(self.set_("remove", "blocked", "10.97.0.1", "1.2.3.4").stdout, "1 removed\n")
        self.assertEqual(len(self.set_("list", "blocked", "--format", "json").stdout.splitlines()), 100000)
        for wrong, said in ((("add", "blocked", "10.0.0.300"), "no address"), (("add", "nowhere", "1"), "no set"), (("add", "ports", "1", "for", "ever"), "no duration")):
            refused = self.set_(*wrong)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(said, refused.stderr)
        status = self.status()
        self.assertEqual({s["name"]: s["entries"] for s in status["sets"]}, {"blocked": 100000, "ports": 1})
        self.assertEqual([(t["name"], t["keys"], t["evicted"]) for t in status["terms"]], [("rule many: count(ip.src) in 1d", 1, 0)])

        second = self.folder / "second.rules"
        second.write_text("rule other { when udp.dport == 10 and rate(ip.src) > 1000/s then drop }\n"
                          "rule many { when udp.dport == 10 and count(ip.src, in 1d) > 5 then drop }\nset blocked : ip size 200000\n"
                          "rule ban { when ip.src in blocked then drop }\n")
        told = subprocess.run([WEIR, "check", str(second), "--against", str(self.policy)], capture_output=True, text=True, timeout=60)
        self.assertIn("forgets the state of `set ports: (port)`", told.stderr)
        self.assertIn("`rule other: rate(ip.src) per 1s` begins anew", told.stderr)
        self.assertNotIn("many", told.stderr)
        said = self.ask("reload", second)
        self.assertIn("the state of `set ports: (port)` is gone", said.stdout)
        self.send(10, 1)
        self.assertEqual(self.rules()["many"], 4)
        self.assertEqual({s["name"]: s["entries"] for s in self.status()["sets"]}, {"blocked": 100000})

    def test_observe(self):
        self.start("--observe", "--mode", "generic")
        self.assertEqual(self.status()["interfaces"][0]["mode"], "generic")
        listener = ("import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3))\ns.bind(('c0',0))\ns.settimeout(10)\n"
                    "print('ready',flush=True)\nprint(len(s.recv(2048)))")
        heard = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", sys.executable, "-c", listener], stdout=subprocess.PIPE, text=True)
        self.assertEqual(heard.stdout.readline(), "ready\n")
        self.send(9, 1)
        self.assertNotEqual(heard.communicate(timeout=20)[0], "")
        self.assertEqual(self.rules()["marked"], 1)
        self.assertIn("would drop", self.end()[1])

    def test_faults_of_the_world(self):
        nowhere = inside(WEIR, "run", str(self.policy), "-i", "nosuch0")
        self.assertEqual(nowhere.returncode, 3)
        self.assertIn("nosuch0", nowhere.stderr)
        self.policy.write_text("rule r { when")
        self.assertEqual(inside(WEIR, "run", str(self.policy), "-i", "c0").returncode, 1)
        self.assertEqual(inside(WEIR, "run", str(self.policy)).returncode, 2)
        self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)

    def test_the_control_socket_takes_no_nonsense(self):
        self.start()
        path = f"/run/weir/{NAME}.sock"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        for nonsense in (b"\n", b"{}\n", b"[1,2]\n", b'{"command":5}\n', b'{"command":"reload","file":7,"include":{}}\n', b"\xff\xfe\n", b"x" * 70000):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                try:
                    client.sendall(nonsense)
                    answer = client.recv(1 << 16)
                except (BrokenPipeError, ConnectionResetError):
                    continue
                if answer and not nonsense.startswith(b'{"command":"reload"'):
                    self.assertFalse(json.loads(answer)["ok"])
        self.assertEqual(self.status()["name"], NAME)


def main():
    if os.geteuid() != 0:
        skip("only root may attach programs and make network namespaces")
    if subprocess.run(["bpftool", "prog", "list"], capture_output=True).returncode != 0:
        skip("this kernel lets us load no BPF program")
    if subprocess.run(["ip", "netns", "add", NAME], capture_output=True).returncode != 0:
        skip("no network namespaces here")
    try:
        inside("ip", "link", "add", "c0", "type", "veth", "peer", "name", "c1")
        for link in ("lo", "c0", "c1"):
            inside("ip", "link", "set", link, "up")
        unittest.main()
    finally:
        subprocess.run(["ip", "netns", "delete", NAME])


if __name__ == "__main__":
    main()
