#!/usr/bin/env python3
"""terminal_test.py WEIR SOURCE: what people see on a terminal while something takes long, and after Ctrl-C. Nothing here
waits for a time: commands read a pipe that the test holds open."""
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))

GOOD = "rule a {\n    when tcp\n    then drop\n}\n"
PCAP = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 1, 0, 60, 60) + bytes(60)
HANGS_S = 120       # only where the program is at fault


class Terminal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.good = self.folder / "good.rules"
        self.good.write_text(GOOD)
        self.pipe = self.folder / "pipe"
        os.mkfifo(self.pipe)
        self.screen, self.other = pty.openpty()
        self.addCleanup(os.close, self.screen)

    def start(self, *arguments, stderr=None, **env):
        process = subprocess.Popen([WEIR, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=self.other if stderr is None else stderr,
                                   env={k: v for k, v in {**os.environ, "TERM": "xterm", **env}.items() if k != "NO_COLOR" or k in env})
        if self.other is not None and stderr is None:
            os.close(self.other)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def open_pipe(self):
        """Once the command reads it."""
        return open(self.pipe, "wb")

    def seen(self, until=None):
        """What the screen got, up to `until`, or to the end of the process."""
        text = b""
        while until is None or until not in text:
            self.assertTrue(select.select([self.screen], [], [], HANGS_S)[0], text)
            try:
                got = os.read(self.screen, 65536)
            except OSError:                      # nobody writes there any more
                got = b""
            if not got:
                break
            text += got
        return text

    def test_progress_appears_and_is_removed(self):
        for command, what in ((("check", self.pipe), b"checking "), (("test", "--engine", "oracle", self.pipe), b"checking "),
                              (("replay", "--engine", "oracle", self.good, self.pipe), b"reading "),
                              (("compile", "--emit", "decision", self.pipe), b"checking ")):
            with self.subTest(command=command):
                process = self.start(*command)
                with self.open_pipe() as pipe:
                    self.assertIn(what, self.seen(b" s"))
                    pipe.write(PCAP if command[0] == "replay" else GOOD.encode())
                process.stdout.read()
                rest = self.seen()
                self.assertEqual(process.wait(HANGS_S), 0, rest)
                self.assertEqual(rest.rsplit(b"\r\x1b[K", 1)[-1], b"")       # the line is gone
                os.close(self.screen)
                self.screen, self.other = pty.openpty()

    def test_no_progress_with_quiet_a_dumb_terminal_or_none(self):
        shown = self.start("check", self.pipe)                   # the measure: once this one shows it, the others would have
        pipes = [self.open_pipe()]
        others = []
        for i, (options, env, is_pipe) in enumerate(((["--quiet"], {}, False), ([], {"TERM": "dumb"}, False), ([], {}, True))):
            path = self.folder / f"pipe{i}"
            os.mkfifo(path)
            screen, other = pty.openpty()
            process = self.start("check", *options, path, stderr=subprocess.PIPE if is_pipe else other, **env)
            os.close(other)
            pipes.append(open(path, "wb"))
            others.append((process, screen))
        self.seen(b"checking ")
        for i in range(5):                                       # five times its interval, and more
            self.seen(b" s")
        for pipe in pipes:
            pipe.write(GOOD.encode())
            pipe.close()
        for process, screen in others:
            self.assertEqual(process.wait(HANGS_S), 0)
            try:
                self.assertEqual(os.read(screen, 65536), b"")
            except OSError:
                pass
            if process.stderr is not None:
                self.assertEqual(process.stderr.read(), b"")
                process.stderr.close()
            os.close(screen)
        self.assertEqual(shown.wait(HANGS_S), 0)

    def test_a_dumb_terminal_gets_no_control_sequences(self):
        bad = self.folder / "bad.rules"
        bad.write_text("rule r { when tcp.dprot == 1 then drop }\n")
        process = self.start("check", bad, TERM="dumb")
        said = self.seen()
        self.assertEqual(process.wait(HANGS_S), 1)
        self.assertIn(b"E201", said)
        self.assertNotIn(b"\x1b", said)

    def interrupted(self, number, *command):
        process = self.start(*command)
        pipe = self.open_pipe()
        self.addCleanup(pipe.close)
        before = self.seen(b" s") if command[0] != "fmt" else b""
        process.send_signal(number)
        self.assertEqual(process.wait(HANGS_S), -number)         # a shell says 128 + number
        said = before + self.seen()
        self.assertIn(b"weir: interrupted: each file is complete, or as it was", said)
        return process.stdout.read()

    def test_interrupted(self):
        out = self.folder / "out"
        out.write_text("precious")
        rough = self.folder / "rough.rules"
        for number in (signal.SIGINT, signal.SIGTERM):
            for command in (("check", self.pipe), ("check", "--fix", self.good, self.pipe),
                            ("replay", "--engine", "oracle", "--out", out, self.good, self.pipe),
                            ("compile", "-o", out, self.pipe), ("test", "--junit", out, self.pipe), ("fmt", rough, self.pipe)):
                with self.subTest(command=command, signal=number):
                    rough.write_text("default   drop\n")
                    said = self.interrupted(number, *command)
                    if command[0] == "fmt":
                        self.assertEqual(said.decode(), f"{rough}: formatted\n")   # what was done is said
                        self.assertEqual(rough.read_text(), "default drop\n")
                    self.assertEqual(out.read_text(), "precious")
                    self.assertEqual(self.good.read_text(), GOOD)
                    self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["good.rules", "out", "pipe", "rough.rules"])
                    os.close(self.screen)
                    self.screen, self.other = pty.openpty()

    def test_a_signal_that_is_ignored_stays_so(self):
        process = subprocess.Popen(["bash", "-c", 'trap "" INT; exec "$0" check "$1"', WEIR, str(self.pipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with self.open_pipe() as pipe:
            process.send_signal(signal.SIGINT)
            pipe.write(GOOD.encode())
        said, _ = process.communicate(timeout=HANGS_S)
        self.assertEqual((process.returncode, b": ok: 1 rule" in said), (0, True))


if __name__ == "__main__":
    unittest.main()
