#!/usr/bin/env python3
"""show_test.py WEIR SOURCE: weir events, weir top and the control socket of a running engine. Skipped as live_case.py says."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from live_case import NAME, WEIR, LiveCase, main

SOCKET = f"/run/weir/{NAME}.sock"


class Show(LiveCase):
    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(SOCKET)
        self.addCleanup(client.close)
        return client

    def test_last_events_and_those_that_come(self):
        self.start()
        self.send(9, 3)
        self.wait_until(lambda: self.status()["alerts"][0]["delivered"] == 3, "three events")
        last = [json.loads(line) for line in self.ask("events", "--format", "json").stdout.splitlines()]
        self.assertEqual([(e["event_type"], e["weir"]["alert"], e["src_ip"], e["dest_port"]) for e in last], [("alert", "hit", "10.97.0.1", 9)] * 3)
        text = self.ask("events").stdout.splitlines()
        self.assertEqual(len(text), 3)
        self.assertIn("high hit: hit from 10.97.0.1 [marked, drop, c0, UDP 10.97.0.1:4000 -> 10.97.0.2:9]", text[0])

        follower = subprocess.Popen([WEIR, "events", "--follow", "--format", "json", "--name", NAME], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(follower.kill)
        time.sleep(0.3)
        self.send(9, 2)
        for _ in range(2):
            self.assertEqual(json.loads(follower.stdout.readline())["weir"]["rule"], "marked")
        self.end()
        self.assertIn("has ended", follower.communicate(timeout=10)[1])
        self.assertEqual(follower.returncode, 3)

    def test_a_reader_that_sleeps_is_told_what_it_missed(self):
        self.start()
        client = self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b'{"command":"events","follow":true}\n')
        time.sleep(0.2)
        total = 3000                          # as many as the ring takes, and more than the socket
        self.send(9, total)
        self.wait_until(lambda: (lambda a: a["matched"] == total and a["pending"] == 0)(self.status()["alerts"][0]), "all events taken")
        account = self.status()["alerts"][0]
        self.assertEqual(account["delivered"] + account["lost"], total)
        delivered, lost, rest = 0, 0, b""
        client.settimeout(1)
        try:
            while True:
                *lines, rest = (rest + client.recv(1 << 16)).split(b"\n")
                for line in map(json.loads, lines):
                    delivered += line.get("event_type") == "alert"
                    lost += line.get("lost", 0)
        except socket.timeout:
            pass
        self.send(9, 1)                       # with room again, what was missed is said first
        client.settimeout(10)
        while b'"event_type"' not in rest:
            rest += client.recv(1 << 16)
        lost += sum(json.loads(line).get("lost", 0) for line in rest.split(b"\n")[:-1])
        self.assertGreater(lost, 0)
        self.assertEqual(delivered + lost, total)

    def test_socket_is_its_owners_alone(self):
        self.start()
        self.assertEqual(os.stat(SOCKET).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat("/run/weir").st_mode & 0o777, 0o750)
        os.chmod(SOCKET, 0o666)               # even then the engine asks the kernel who it is
        os.chmod("/run/weir", 0o755)
        self.addCleanup(os.chmod, "/run/weir", 0o750)
        code = ("import os,socket\nos.setuid(65534)\ns=socket.socket(socket.AF_UNIX)\ns.settimeout(10)\n"
                f"s.connect({SOCKET!r})\ntry:\n s.sendall(b'{{\"command\":\"status\"}}\\n')\n print(len(s.recv(10)))\n"
                "except (BrokenPipeError, ConnectionResetError):\n print(0)")
        stranger = subprocess.run(["python3", "-c", code], capture_output=True, text=True, timeout=30)
        self.assertEqual(stranger.stdout, "0\n", stranger.stderr)
        self.assertEqual(self.status()["name"], NAME)

    def test_a_folder_that_anybody_can_write_to_is_refused(self):
        os.makedirs("/run/weir", mode=0o750, exist_ok=True)
        os.chmod("/run/weir", 0o777)
        self.addCleanup(os.chmod, "/run/weir", 0o750)
        said = subprocess.run(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME], capture_output=True, text=True, timeout=30)
        self.assertEqual(said.returncode, 3)
        self.assertIn("chmod 0750 /run/weir", said.stderr)

    def test_top_in_print(self):
        self.start()
        top = subprocess.Popen([WEIR, "top", "--times", "1", "--interval", "0.5", "--name", NAME], stdout=subprocess.PIPE, text=True)
        self.send(10, 200)
        out = top.communicate(timeout=20)[0].splitlines()
        self.assertEqual(top.returncode, 0)
        self.assertIn("policy policy, generation 1", out[0])
        rows = [line.split() for line in out[5:] if line]
        self.assertEqual([row[0] for row in rows], ["kept", "marked", "(default)", "(malformed)"])
        self.assertGreater(float(rows[0][1]), 100)
        self.assertEqual(rows[0][3], "200")

    def top_on_a_terminal(self, quit_with):
        main_end, other = pty.openpty()
        self.addCleanup(os.close, main_end)
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        before = termios.tcgetattr(other)
        top = subprocess.Popen([WEIR, "top", "--interval", "0.2", "--name", NAME], stdin=other, stdout=other, stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm"})
        self.addCleanup(top.kill)
        drawn, deadline = b"", time.monotonic() + 20
        while drawn.count(b"\x1b[H") < 3 and time.monotonic() < deadline:
            if select.select([main_end], [], [], 1)[0]:
                drawn += os.read(main_end, 1 << 16)
        self.assertNotEqual(termios.tcgetattr(other)[3] & termios.ICANON, termios.ICANON)
        if isinstance(quit_with, bytes):
            os.write(main_end, quit_with)
        else:
            top.send_signal(quit_with)
        self.assertEqual(top.communicate(timeout=10)[1], b"")
        self.assertEqual(top.returncode, 0)
        while select.select([main_end], [], [], 0.2)[0]:
            drawn += os.read(main_end, 1 << 16)
        self.assertEqual(termios.tcgetattr(other), before)
        os.close(other)
        return drawn.decode()

    def test_completion_of_what_runs(self):
        self.policy.write_text("set bad : ip size 10\nset ports : port size 10\n"
                               "rule r { when ip.src in bad and tcp.dport in ports then drop }\n")
        self.start()

        def complete(*words):
            done = subprocess.run([WEIR, "__complete", "bash", *words], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return done.stdout.splitlines()

        self.assertIn(NAME, complete("status", "--name", ""))
        self.assertIn(NAME, complete("stop", "--name", NAME[:4]))
        self.assertEqual(complete("set", "list", "--name", NAME, ""), ["", "bad", "ports"])
        self.assertEqual(complete("set", "add", f"--name={NAME}", "p"), ["", "ports"])
        self.assertEqual(complete("set", "list", "--name", "nosuch", ""), [""])
        self.policy.write_text(self.policy.read_text() + "# \u202e\n")
        self.assertIn("W406", self.ask("reload").stderr)
        self.assertEqual(self.ask("reload", "--quiet").stderr, "")

    def test_top_on_a_dumb_terminal(self):
        self.start()
        main_end, other = pty.openpty()
        self.addCleanup(os.close, main_end)
        top = subprocess.run([WEIR, "top", "--times", "1", "--interval", "0.1", "--name", NAME], stdin=other, stdout=other,
                             stderr=subprocess.PIPE, env={**os.environ, "TERM": "dumb"}, timeout=60)
        os.close(other)
        drawn = os.read(main_end, 1 << 16)
        self.assertEqual((top.returncode, top.stderr), (0, b""))
        self.assertIn(b"policy policy, generation 1", drawn)
        self.assertNotIn(b"\x1b", drawn)

    def test_top_on_a_terminal_of_80_by_24(self):
        rules = "".join(f"rule a_rule_with_a_name_that_is_longer_than_the_room_{n} {{ when udp.dport == {1000 + n} then drop }}\n" for n in range(40))
        self.policy.write_text(rules)
        self.start()
        for quit_with in (b"q", signal.SIGINT, signal.SIGTERM):
            drawn = self.top_on_a_terminal(quit_with)
            self.assertTrue(drawn.startswith("\x1b[?1049h"))
            self.assertTrue(drawn.endswith("\x1b[?25h\x1b[?1049l"))
            frame = re.sub(r"\x1b\[[?0-9]*[a-zA-Z]", "", drawn.split("\x1b[H")[2]).split("\r\n")
            self.assertLessEqual(len(frame), 24)
            self.assertTrue(all(len(line) <= 80 for line in frame), frame)
            self.assertIn("and 25 more", drawn)


if __name__ == "__main__":
    main()
