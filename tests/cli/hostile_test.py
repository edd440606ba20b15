#!/usr/bin/env python3
"""hostile_test.py WEIR SOURCE: a policy, a list and a path from somebody else reach no terminal as they are. Every kind of
byte that could drive one stands in comments, notes, strings, names of tests and files; what weir prints for people and
for CI has none of them, and what it prints for programs is valid JSON."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))

# A title, clear screen, CSI as one character, a right-to-left override, a line separator, a byte order mark.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\u2028\ufeff"
NOT_TEXT = b"\xff\xc0\x8a\xed\xa0\x80"


def forbidden(text):
    """What a terminal would act upon; `text` is what was written, as bytes."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as fault:
        return f"not UTF-8: {fault}"
    for c in decoded:
        code = ord(c)
        if (code < 0x20 and c != "\n") or 0x7f <= code <= 0x9f or code in (0x61c, 0x200b, 0x200e, 0x200f, 0xfeff) \
                or 0x2028 <= code <= 0x202e or 0x2060 <= code <= 0x2069:
            return f"U+{code:04X}"
    return ""


def run(*arguments, stdin=None):
    return subprocess.run([WEIR, *arguments], input=stdin, capture_output=True, timeout=120,
                          env={**os.environ, "NO_COLOR": "1"})


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name.encode()

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def expect_clean(self, done):
        for stream in (done.stdout, done.stderr):
            self.assertEqual(forbidden(stream), "", stream)

    # Good and bad policies, under a name of every kind of byte.
    def policies(self):
        name = b"p" + HOSTILE.encode() + NOT_TEXT + b".rules"
        good = f"""# {HOSTILE}
rule r {{ note "{HOSTILE}" when tcp and not tcp.dport == 22 then alert a, drop }}
alert a {{ message "{HOSTILE}" }}
test "{HOSTILE}" {{ tcp 1.2.3.4:1 -> 1.2.3.4:80 syn => pass }}
"""
        faults = [f'rule r {{ when tcp.dprot == "{HOSTILE}" then drop }} # {HOSTILE}\n',
                  f'{HOSTILE} rule\n', f'import "{HOSTILE}"\n', f'set s : net from "{HOSTILE}"\n',
                  f'rule r {{ when iface == "{HOSTILE}" and tcp.dport == 99999 then drop }}\n',
                  f'sink s = eve("{HOSTILE}", rotat 1MB)\n', f'rule r {{ when tcp.dport == 22 {HOSTILE} then drop }}\n']
        return name, good, faults

    def test_diagnostics(self):
        name, good, faults = self.policies()
        for text in [good, *faults]:
            path = self.file(name, text.encode())
            for output in ("human", "github"):
                with self.subTest(text=text, format=output):
                    done = run("check", "--format", output, path)
                    self.assertIn(done.returncode, (0, 1))
                    self.expect_clean(done)
                    if output == "github":
                        for line in done.stderr.splitlines():
                            self.assertTrue(line.startswith((b"::error ", b"::warning ", b"::notice ")), line)
            for line in run("check", "--format", "json", path).stderr.decode("ascii").splitlines():
                json.loads(line)
            json.loads(run("check", "--format", "sarif", path).stdout.decode("ascii"))
        path = self.file(name, b"rule r { when tcp then pass } # " + NOT_TEXT)
        self.expect_clean(run("check", path))
        self.expect_clean(run("check", "--format", "github", path))

    def test_what_is_not_there(self):
        path = os.path.join(self.folder, b"none" + HOSTILE.encode() + NOT_TEXT)
        for command in (["check"], ["fmt"], ["test"], ["compile"], ["bench"]):
            done = run(*command, path)
            self.assertEqual(done.returncode, 3)
            self.expect_clean(done)
        self.expect_clean(run("explain", HOSTILE))

    def test_tests_and_replays(self):
        name, good, _ = self.policies()
        path = self.file(name, good.encode())
        done = run("test", "--engine", "native", path)
        self.assertEqual(done.returncode, 1)
        self.expect_clean(done)
        for line in run("test", "--engine", "native", "--format", "json", path).stdout.decode("ascii").splitlines():
            json.loads(line)
        frame = bytes(12) + b"\x08\x00" + bytes(40)
        capture = self.file(b"c" + HOSTILE.encode() + b".pcap", struct.pack(
            "<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame)
        self.expect_clean(run("replay", "--engine", "native", path, capture))
        self.expect_clean(run("replay", "--engine", "native", path, self.file(b"no" + HOSTILE.encode(), b"no capture")))

    def test_layout(self):
        name, good, faults = self.policies()
        self.expect_clean(run("fmt", "--check", self.file(name, good.encode())))
        self.expect_clean(run("fmt", self.file(name, faults[1].encode())))
        self.expect_clean(run("compile", "--emit", "ast", self.file(name, good.encode())))
        self.expect_clean(run("compile", "--emit", "decision", self.file(name, good.encode())))

    def test_lists(self):
        self.file(b"list", b"10.0.0.0/8\n" + HOSTILE.encode() + NOT_TEXT + b"\n")
        policy = self.file(b"p.rules", b'set s : net from "list"\nrule r { when ip.src in s then drop }\n')
        for output in ("human", "github"):
            done = run("check", "--format", output, policy)
            self.assertEqual(done.returncode, 1)
            self.expect_clean(done)

    def test_byte_order_marks(self):
        """At the head of a policy, an import, a list and standard input."""
        mark = b"\xef\xbb\xbf"
        self.file(b"list", mark + b"10.0.0.0/8\r\n192.0.2.1\r\n")
        self.file(b"import.rules", mark + b"let web = { 80, 443 }\r\n")
        text = mark + (b'import "import.rules"\nset s : net from "list"\n'
                       b"rule r { when ip.src in s and tcp.dport in web then drop }\n"
                       b'test "t" { tcp 10.0.0.1:1 -> 10.0.0.2:80 => drop by r }\n')
        done = run("test", "--engine", "native", self.file(b"p.rules", text))
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        done = run("check", "-", stdin=mark + b"rule r { when tcp.dprot == 1 then drop }\n")
        self.assertIn(b"<stdin>:1:15", done.stderr)      # the column that an editor shows


if __name__ == "__main__":
    unittest.main(verbosity=2)
