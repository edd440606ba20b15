"""What the tests of commands share that need no engine: a test is called with WEIR and SOURCE."""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))


def run(*arguments, stdin=""):
    return subprocess.run([WEIR, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "NO_COLOR": "1"})


def tcp_frame(destination_port):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, bytes([198, 51, 100, 7]), bytes([192, 0, 2, 1]))
    tcp = struct.pack(">HHIIBBHHH", 4000, destination_port, 0, 0, 0x50, 2, 0, 0, 0)
    return bytes(12) + b"\x08\x00" + ip + tcp


def pcap(frames, link_type=1):
    packets = b"".join(struct.pack("<IIII", 1, i, len(f), len(f)) + f for i, f in enumerate(frames))
    return struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link_type) + packets


class CommandCase(unittest.TestCase):
    """A folder for the test's files."""
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_text(content)
        return path
