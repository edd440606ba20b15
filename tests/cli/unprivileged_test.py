#!/usr/bin/env python3
"""unprivileged_test.py WEIR SOURCE: an engine of a user who is not root, with the capabilities that packaging/systemd/
weir@.service gives it, loads and reloads policies, goes on after a kill, and keeps no more rights than it needs. Skipped as
live_case.py says."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

import live_case
from live_case import LiveCase, SOURCE, main, skip

USER = 61234     # nobody has this number
UNIT = SOURCE / "packaging/systemd/weir@.service"


def capabilities():
    """Those of the unit, as setpriv names them."""
    named = re.findall(r"^AmbientCapabilities=(.*)$", UNIT.read_text(), re.M)
    return [name.removeprefix("CAP_").lower() for line in named for name in line.split()]


def as_user():
    listed = ",".join(["-all"] + [f"+{name}" for name in capabilities()])
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", f"--inh-caps={listed}", f"--ambient-caps={listed}",
            f"--bounding-set={listed}", "--no-new-privs")


class Unprivileged(LiveCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", "/sys/fs/bpf"], check=True)

    def setUp(self):
        super().setUp()
        # What systemd does before it starts the engine.
        for folder in (pathlib.Path("/run/weir"), pathlib.Path("/sys/fs/bpf/weir"), self.folder / "state"):
            folder.mkdir(exist_ok=True)
            os.chown(folder, USER, USER)
            os.chmod(folder, 0o750)
        os.chmod(self.folder, 0o755)

    def facts(self, process):
        return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines() if ":\t" in line)

    def test_it_runs_reloads_and_goes_on_after_a_kill(self):
        self.policy.write_text("set s : ip size 100\nrule r { when udp.dport == 9 then add ip.src to s, drop }\n")
        os.chmod(self.policy, 0o600)                      # root's own: read with CAP_DAC_READ_SEARCH
        state = str(self.folder / "state")
        self.start("--state", state, before=as_user())
        self.send(9, 3)
        self.assertEqual(self.rules()["r"], 3)
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(self.status()["generation"], 2)
        self.running.kill()
        self.running.communicate()
        self.start("--state", state, before=as_user())
        self.assertEqual(self.rules()["r"], 3)            # what it had counted, and its set, are there still
        self.assertEqual(self.status()["sets"][0]["entries"], 1)
        self.assertEqual(self.ask("reload").returncode, 0)
        status, _, err = self.end()
        self.assertEqual(status, 0, err)
        self.assertNotIn("weir:", err)
        self.assertEqual(list(pathlib.Path("/sys/fs/bpf/weir").iterdir()), [])
        self.assertTrue((self.folder / "state" / live_case.NAME / "sets").exists())

    def test_what_it_keeps(self):
        self.start(before=as_user())
        rights, facts = self.status()["rights"], self.facts(self.running.pid)
        self.assertEqual(facts["Uid"].split(), [str(USER)] * 4)
        self.assertEqual((rights["user"], rights["lacks"]), (USER, []))
        self.assertNotIn("CAP_SYS_ADMIN", rights["capabilities"])
        self.assertEqual(bin(int(facts["CapEff"], 16)).count("1"), len(rights["capabilities"]))
        # A compiler that the engine starts now, after the drop, is confined as well.
        os.kill(self.compiler(), signal.SIGKILL)
        self.wait_until(lambda: self.ask("reload").returncode == 0, "a reload with another compiler")
        self.assertEqual(self.status()["compiler"], {"lacks": []})
        compiler = self.facts(self.compiler())
        self.assertEqual((compiler["Uid"].split()[1], compiler["CapEff"], compiler["Seccomp"]), ("65534", "0" * 16, "2"))

    def test_programs_of_sinks_are_nobodys_and_end_with_all_that_they_started(self):
        programs, out = self.folder / "bin", self.folder / "out"
        programs.mkdir()
        programs.chmod(0o755)
        out.mkdir()
        out.chmod(0o777)
        note = programs / "note"
        note.write_text(f'#!/bin/sh\nsetsid sleep 1000 &\necho "$(id -u) $$ $1" >{out}/new\nmv {out}/new {out}/note\n')
        note.chmod(0o755)
        self.policy.write_text(f'sink page = exec("{note}", "{{ip.src}}")\nalert hit {{ message "hit" to page }}\n'
                               "rule r { when udp.dport == 9 then alert hit, drop }\n")
        self.start("--allow-exec", str(programs), before=as_user())
        self.send(9, 1)
        self.wait_until(lambda: self.status()["sinks"][0]["delivered"] == 1, "the program has ended")
        user, number, _ = (out / "note").read_text().split()
        self.assertEqual(user, "65534")                   # not the engine's, which may talk to the engine
        self.assertEqual(number, "2")                     # of a PID namespace: nothing of it is left


if __name__ == "__main__":
    if shutil.which("setpriv") is None:
        skip("no setpriv here")
    if os.environ.get("WEIR_PRIVATE_MOUNTS") == "1":      # of this test alone: live_case.py has made the mount namespace
        os.makedirs("/run/weir", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run/weir"], check=True)
    main()
