#!/usr/bin/env python3
"""inside_test.py WEIR SOURCE: names that packets have reach messages, throttles and counts of a running engine. Skipped as
live_case.py says."""
import socket
import struct
import sys

from live_case import LiveCase, inside, main


def dns_frame(labels, source=1):
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    message = struct.pack(">HHHHHH", 1, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 16, 1)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(message), 0, 0, 64, 17, 0, bytes([10, 97, 0, source]), bytes([10, 97, 0, 2]))
    return b"\xff" * 6 + bytes(6) + b"\x08\x00" + ip + struct.pack(">HHHH", 4000, 53, 8 + len(message), 0) + message


POLICY = """alert odd { message "{ip.src} asks for {dns.qname} ({dns.qtype}), {suppressed} more" throttle 1 per dns.qname every 1h }
rule odd  { when dns and len(dns.qname) > 12 then alert odd }
rule many { when dns and distinct(dns.qname, by ip.src, in 1h) > 2 then drop }
"""


class Inside(LiveCase):
    def send_frames(self, frames):
        code = ("import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('c1',0))\n"
                f"for f in {[frame.hex() for frame in frames]!r}: s.send(bytes.fromhex(f))")
        self.assertEqual(inside(sys.executable, "-c", code).returncode, 0)

    def test_names_in_messages_throttles_and_counts(self):
        self.policy.write_text(POLICY)
        self.start()
        long, odd = [b"WWW", b"example", b"com"], [b"a.b", b"\x07\x1b[2J", b"example"]
        self.send_frames([dns_frame(long)] * 3 + [dns_frame(odd), dns_frame([b"x"]), dns_frame([b"y"]), dns_frame([b"x"], source=3)])
        self.assertEqual(self.rules(), {"odd": 4, "many": 2})
        # The same policy again: counts and windows go on, since names have the same prints.
        self.policy.write_text(POLICY.replace("> 12", "> 11"))
        self.assertEqual(self.ask("reload", self.policy).returncode, 0)
        self.send_frames([dns_frame(long), dns_frame([b"z"], source=3)])
        self.assertEqual(self.rules(), {"odd": 5, "many": 3})
        alert = self.status()["alerts"][0]
        self.assertEqual((alert["matched"], alert["suppressed"]), (5, 3))
        status, out, _ = self.end()
        self.assertEqual(status, 0)
        self.assertIn("10.97.0.1 asks for www.example.com (16), 0 more", out)
        self.assertIn("10.97.0.1 asks for a\\.b.\\007\\027[2j.example (16), 0 more", out)


main()
