#!/usr/bin/env python3
"""no_tcx_test.py WEIR SOURCE: a kernel without TCX, the hook for packets on their way out: a sentence and status 3, and
policies that judge no such packets run. No such kernel is at hand, so a filter of system calls answers for it: what asks
which programs are attached (bpf(BPF_PROG_QUERY)) gets EINVAL, as from kernels that do not know the hook. Skipped as
live_case.py says."""
import os
import subprocess
import sys

from live_case import FIRST, NAME, WEIR, LiveCase, inside, main

NUMBERS = {"x86_64": 321, "aarch64": 280}     # of bpf(2)
# Executes what follows it with that filter.
WITHOUT = """
import ctypes, os, struct, sys
BPF_PROG_QUERY, EINVAL, ALLOW, ERRNO, FILTER = 16, 22, 0x7fff0000, 0x00050000, 2
PR_SET_SECCOMP, LOAD, IS, RETURN = 22, 0x20, 0x15, 0x06
rows = [(LOAD, 0, 0, 0), (IS, 0, 3, int(sys.argv[1])), (LOAD, 0, 0, 16), (IS, 0, 1, BPF_PROG_QUERY), (RETURN, 0, 0, ERRNO | EINVAL), (RETURN, 0, 0, ALLOW)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
head = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rows), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_SECCOMP, FILTER, head, 0, 0) != 0:
    sys.exit(77)
os.execvp(sys.argv[2], sys.argv[2:])
"""
EGRESS = "rule out { egress when tcp.dport == 25 then drop }\n"
FLOWS = "default drop\nrule open { when flow.established then pass }\n"


class NoTcx(LiveCase):
    def setUp(self):
        super().setUp()
        if os.uname().machine not in NUMBERS:
            self.skipTest("the number of bpf(2) on this machine is not known here")
        self.before = (sys.executable, "-c", WITHOUT, str(NUMBERS[os.uname().machine]))
        if subprocess.run([*self.before, "true"], timeout=60).returncode == 77:
            self.skipTest("no filters of system calls here")

    def refused(self, said):
        self.assertEqual(said.returncode, 3, said.stderr)
        self.assertIn("this kernel has no TCX, the hook on which packets on their way out are judged", said.stderr)
        self.assertIn("kernels from 6.6 on have it", said.stderr)

    def test_it_does_not_start(self):
        for policy in (EGRESS, FLOWS, "default egress drop\n"):
            self.policy.write_text(policy)
            said = inside(*self.before, WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME)
            self.refused(said)
            self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)

    def test_a_policy_that_needs_none_runs_and_stays(self):
        self.start(before=self.before)
        self.send(9, 3)
        for policy in (EGRESS, FLOWS):
            self.policy.write_text(policy)
            self.refused(self.ask("reload"))
        self.policy.write_text(FIRST)
        self.assertEqual(self.ask("reload").returncode, 0)
        self.send(9, 2)
        self.assertEqual(self.rules()["marked"], 5)
        self.assertNotIn("egress", self.status()["interfaces"][0])


if __name__ == "__main__":
    main()
