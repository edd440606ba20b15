#!/usr/bin/env python3
"""reject_test.py WEIR SOURCE: answers to rejected packets as sockets and tcpdump see them, and redirected packets. Skipped
as live_case.py says."""
import contextlib
import errno
import json
import shutil
import subprocess
import sys
import time

from live_case import NAME, WEIR, LiveCase, inside, main

PEER = NAME + "p"                    # d1 is there; d0 in NAME
HOST4, HOST6 = "10.98.0.1", "fd98::1"
REJECTS = """rule web   { when tcp.dport == 80 then reject }
rule syslog { when udp.dport == 514 then reject }
rule pings  { when icmp.type == echo_request or icmp6.type == echo_request then reject }
"""

# Prints the errno of a connection and of a datagram, 0 where nothing went wrong, -1 where nothing came.
ASK = """
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(3)
try:
    s.connect((host, port))
    if kind == "udp":
        s.send(b"x" * 40)
        s.recv(1)
    print(0)
except socket.timeout:
    print(-1)
except OSError as e:
    print(e.errno)
"""
LISTEN = """
import socket, sys
sockets = []
for family, any in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((any, int(sys.argv[1])))
    s.listen(64)
    sockets.append(s)
print("listening", flush=True)
sys.stdin.read()
"""
# Connects, waits for a line, then sends 4 MB: in generic mode the kernel has merged segments. Prints the errno.
UPLOAD = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(10)
s.connect((sys.argv[1], 80))
print("connected", flush=True)
sys.stdin.readline()
try:
    s.sendall(b"x" * 4000000)
    s.recv(1)
    print(0)
except socket.timeout:
    print(-1)
except OSError as e:
    print(e.errno)
"""
SEND = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])):
    s.sendto(b"x", ("10.98.0.1", int(sys.argv[1])))
"""
HEAR = """
import select, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print("hears", flush=True)
count = 0
while True:
    for ready in select.select([s, sys.stdin], [], [])[0]:
        if ready is sys.stdin:
            print(count)
            sys.exit()
        frame = s.recv(2048)
        count += frame[12:14] == b"\\x08\\x00" and frame[36:38] == b"\\x27\\x0f"
"""


def beyond(*command, **more):
    """In the peer's namespace."""
    return subprocess.run(["nsenter", f"--net=/run/netns/{PEER}", *command], capture_output=True, text=True, timeout=60, **more)


class Helper:
    """A Python program in a namespace, until its standard input is closed."""

    def __init__(self, space, code, *arguments):
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", sys.executable, "-c", code, *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline()

    def end(self, line=None):
        return self.process.communicate(line, timeout=20)[0]


class Reject(LiveCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["ip", "netns", "add", PEER], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", PEER])
        self.make_pair("d0", "d1")
        for space, link, number in ((inside, "d0", 1), (beyond, "d1", 2)):
            space("ip", "addr", "add", f"10.98.0.{number}/24", "dev", link)
            space("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{link}/disable_ipv6")
            space("ip", "addr", "add", f"fd98::{number}/64", "dev", link, "nodad")
        self.addCleanup(inside, "ip", "link", "delete", "d0")
        listener = Helper(NAME, LISTEN, 80)
        self.addCleanup(listener.end)
        self.policy.write_text(REJECTS)

    def make_pair(self, near, far):
        inside("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        inside("ip", "link", "set", far, "netns", PEER)
        inside("ip", "link", "set", near, "up")
        beyond("ip", "link", "set", far, "up")

    def ask_for(self, kind, host, port):
        return int(beyond(sys.executable, "-c", ASK, kind, host, str(port)).stdout)

    def check_errors(self):
        self.assertEqual(self.ask_for("tcp", HOST4, 80), errno.ECONNREFUSED)
        self.assertEqual(self.ask_for("tcp", HOST6, 80), errno.ECONNREFUSED)
        self.assertEqual(self.ask_for("udp", HOST4, 514), errno.EHOSTUNREACH)
        self.assertEqual(self.ask_for("udp", HOST6, 514), errno.EACCES)

    def answers(self):
        return self.status()["answers"]

    def test_sockets_see_the_errors_in_generic_mode(self):
        self.start(interface="d0")
        self.assertEqual(self.status()["interfaces"][0]["mode"], "generic")
        self.check_errors()
        self.assertEqual(self.answers(), {"sent": 4, "dropped": 0, "failed": 0, "not_sent": 0})
        self.assertIn("answers: 4 sent", self.ask("status").stdout)
        for host, words in ((HOST4, "Packet filtered"), (HOST6, "Administratively prohibited")):
            self.assertIn(words.lower(), beyond("ping", "-c", "1", "-W", "3", host).stdout.lower().replace("destination unreachable: ", ""))
        said = self.end()[2]
        self.assertIn("attached in generic mode, which is slower: the policy rejects or redirects packets, and d0 is a veth device", said)

    @contextlib.contextmanager
    def in_native_mode(self):
        """A veth takes what a program sends only where its peer has one, too."""
        passes = self.folder / "pass.rules"
        passes.write_text("default pass\n")
        peer = subprocess.Popen(["nsenter", f"--net=/run/netns/{PEER}", WEIR, "run", str(passes), "-i", "d1", "--mode", "native", "--name", PEER],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.wait_until(lambda: "xdp" in beyond("ip", "link", "show", "d1").stdout, "the peer has a program")
            self.start("--mode", "native", interface="d0")
            yield
        finally:
            peer.terminate()
            peer.communicate(timeout=20)

    def test_sockets_see_the_errors_in_native_mode(self):
        with self.in_native_mode():
            self.check_errors()
            self.assertEqual(self.answers(), {"sent": 4, "dropped": 0, "failed": 0, "not_sent": 0})

    def test_what_a_driver_does_not_send_is_counted(self):
        self.start("--mode", "native", interface="d0")
        self.assertEqual(self.ask_for("udp", HOST4, 514), -1)
        self.assertEqual(self.answers(), {"sent": 1, "dropped": 0, "failed": 0, "not_sent": 1})
        self.assertIn("warning: d0 is attached in native mode, and the policy rejects or redirects packets", self.end()[2])

    def test_connections_that_a_reload_rejects_are_reset(self):
        for host in (HOST4, HOST6):
            with self.subTest(host):
                self.policy.write_text("rule web { when tcp.dport == 80 then pass }\nrule other { when udp.dport == 514 then reject }\n")
                self.start(interface="d0")
                upload = Helper(PEER, UPLOAD, host)
                self.policy.write_text(REJECTS)
                self.assertEqual(self.ask("reload").returncode, 0)
                self.assertIn(int(upload.end("\n")), (errno.ECONNRESET, errno.EPIPE))
                self.assertGreaterEqual(self.answers()["sent"], 1)
                self.end()

    def test_checksums_that_tcpdump_checks(self):
        self.start(interface="d0")
        self.check_checksums()

    def test_checksums_that_tcpdump_checks_in_native_mode(self):
        with self.in_native_mode():
            self.check_checksums()

    def check_checksums(self):
        if shutil.which("tcpdump") is None:
            self.skipTest("no tcpdump here")
        dump = subprocess.Popen(["nsenter", f"--net=/run/netns/{PEER}", "tcpdump", "-i", "d1", "-nn", "-vv", "-l", "-U",
                                 "tcp[13] & 4 != 0 or icmp[0] == 3 or (icmp6 and ip6[40] == 1) or (ip6[6] == 6 and ip6[53] & 4 != 0)"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("listening", dump.stderr.readline())
        self.check_errors()
        time.sleep(1)
        dump.terminate()
        said = dump.communicate(timeout=20)[0]
        self.assertEqual(said.count("Flags [R.]"), 2, said)
        self.assertEqual(said.count("(correct)"), 2, said)
        self.assertIn("unreachable - admin prohibited filter", said)
        self.assertIn("[icmp6 sum ok] ICMP6, destination unreachable, unreachable prohibited", said.replace("  ", " "))
        for wrong in ("incorrect", "bad cksum", "wrong icmp", "bad icmp6"):     # those of the offending datagram are its sender's
            self.assertNotIn(wrong, said)

    def test_answers_are_limited(self):
        self.start("--reject-limit", "5", interface="d0")
        begun = time.monotonic()
        self.assertEqual(beyond(sys.executable, "-c", SEND, "514", "100").returncode, 0)
        answers = self.answers()
        most = 5 + 5 * (time.monotonic() - begun) + 1
        self.assertEqual(answers["sent"] + answers["dropped"], 100)
        self.assertGreaterEqual(answers["sent"], 5)
        self.assertLessEqual(answers["sent"], most)
        self.assertEqual(self.rules()["syslog"], 100)

    def test_a_limit_of_none_drops(self):
        self.start("--reject-limit", "0", interface="d0")
        self.assertEqual(self.ask_for("udp", HOST4, 514), -1)
        self.assertEqual(self.answers(), {"sent": 0, "dropped": 1, "failed": 0, "not_sent": 0})

    def test_counts_go_on_after_a_reload(self):
        self.start(interface="d0")
        self.check_errors()
        for _ in range(2):
            self.assertEqual(self.ask("reload").returncode, 0)
            self.check_errors()
        self.assertEqual(self.answers()["sent"], 12)

    def test_observed_rules_and_candidates_answer_nothing(self):
        self.policy.write_text("default pass\n")
        self.start(interface="d0")
        candidate = self.folder / "candidate.rules"
        candidate.write_text(REJECTS)
        self.assertEqual(self.ask("reload", candidate, "--shadow").returncode, 0)
        self.assertEqual(self.ask_for("tcp", HOST4, 80), 0)
        pair = self.status()["shadow"]["pairs"][0]
        self.assertEqual((pair["live_verdict"], pair["candidate_verdict"], pair["candidate"]), ("pass", "reject", "web"))
        observed = self.folder / "observed.rules"
        observed.write_text(REJECTS.replace("{ when", "{ observe when"))
        self.assertEqual(self.ask("reload", observed).returncode, 0)
        self.assertEqual(self.ask_for("tcp", HOST4, 80), 0)
        self.assertEqual(self.answers(), {"sent": 0, "dropped": 0, "failed": 0, "not_sent": 0})

    def test_the_policy_in_force_answers_beside_a_candidate(self):
        self.start(interface="d0")
        candidate = self.folder / "candidate.rules"
        candidate.write_text(REJECTS.replace("reject", "drop"))
        self.assertEqual(self.ask("reload", candidate, "--shadow").returncode, 0)
        self.check_errors()
        status = self.status()
        self.assertEqual((status["answers"]["sent"], status["shadow"]["disagreements"]), (4, 4))
        # The samples have the packets as they came.
        self.wait_until(lambda: self.status()["shadow"]["sampled"] == 4, "four samples")
        said = subprocess.run(["tcpdump", "-nn", "-r", status["shadow"]["samples"]], capture_output=True, text=True).stdout
        self.assertIn("> 10.98.0.1.80: Flags [S]", said)
        self.assertIn("> 10.98.0.1.514: ", said)

    def test_a_policy_that_begins_to_answer_on_a_native_veth_says_so(self):
        self.policy.write_text("default pass\n")
        self.start(interface="d0")
        self.assertEqual(self.status()["interfaces"][0]["mode"], "native")
        self.policy.write_text(REJECTS)
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(self.status()["interfaces"][0]["mode"], "native")
        self.assertIn("`weir run --mode generic` has it arrive", self.end()[2])

    def test_tags_go_back(self):
        added = [space("ip", "link", "add", "link", link, "name", f"{link}.7", "type", "vlan", "id", "7").returncode
                 for space, link in ((inside, "d0"), (beyond, "d1"))]
        if added != [0, 0]:
            self.skipTest("this kernel has no VLAN devices")
        for space, link, number in ((inside, "d0.7", 1), (beyond, "d1.7", 2)):
            space("ip", "addr", "add", f"10.99.0.{number}/24", "dev", link)
            space("ip", "link", "set", link, "up")
        self.start(interface="d0")
        self.assertEqual(self.ask_for("tcp", "10.99.0.1", 80), errno.ECONNREFUSED)
        self.assertEqual(self.ask_for("udp", "10.99.0.1", 514), errno.EHOSTUNREACH)

    def test_redirected_packets_leave_by_the_other_interface(self):
        self.make_pair("e0", "e1")
        self.addCleanup(inside, "ip", "link", "delete", "e0")
        self.policy.write_text('rule out { when udp.dport == 9999 then redirect("e0") }\n')
        self.start(interface="d0")
        ears = Helper(PEER, HEAR, "e1")
        self.assertEqual(beyond(sys.executable, "-c", SEND, "9999", "3").returncode, 0)
        time.sleep(0.5)
        self.assertEqual(ears.end(), "3\n")
        self.assertEqual(self.status()["redirects"], {"sent": 3, "dropped": 0, "not_sent": 0, "interfaces": [{"name": "e0", "there": True}]})

        inside("ip", "link", "delete", "e0")
        self.assertEqual(beyond(sys.executable, "-c", SEND, "9999", "2").returncode, 0)
        self.assertEqual(self.status()["redirects"], {"sent": 3, "dropped": 2, "not_sent": 0, "interfaces": [{"name": "e0", "there": False}]})
        self.assertIn("there is no interface e0: packets for it are dropped", self.ask("status").stdout)

        self.make_pair("e0", "e1")
        self.wait_until(lambda: self.status()["redirects"]["interfaces"][0]["there"], "it is there again")
        ears = Helper(PEER, HEAR, "e1")
        self.assertEqual(beyond(sys.executable, "-c", SEND, "9999", "4").returncode, 0)
        time.sleep(0.5)
        self.assertEqual(ears.end(), "4\n")

    def test_a_redirect_to_an_interface_that_is_not_there_yet(self):
        self.policy.write_text('rule out { when udp.dport == 9999 then redirect("later0") }\n')
        self.start(interface="d0")
        self.assertEqual(beyond(sys.executable, "-c", SEND, "9999", "2").returncode, 0)
        self.assertEqual(self.status()["redirects"]["dropped"], 2)

    def test_events_and_replays_name_the_interface(self):
        self.policy.write_text('rule out { when udp.dport == 9999 then alert a, redirect("e0") }\n'
                               f'alert a {{ message "{{verdict}}" }}\nsink e = eve("{self.folder}/eve.json")\n')
        self.start(interface="d0")
        self.assertEqual(beyond(sys.executable, "-c", SEND, "9999", "1").returncode, 0)
        self.wait_until(lambda: self.status()["alerts"][0]["delivered"] == 1, "one event")
        event = json.loads((self.folder / "eve.json").read_text())
        self.assertEqual((event["weir"]["verdict"], event["weir"]["to"], event["alert"]["action"]), ("redirect", "e0", "allowed"))


if __name__ == "__main__":
    main()
