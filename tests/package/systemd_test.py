#!/usr/bin/env python3
"""systemd_test.py --base FOLDER WEIR.deb NEXT.deb: the upgrade of host_test.py under a real systemd: a Debian 12 boots in systemd-nspawn,
in a network namespace of its own with a veth pair, installs the package, starts weir@s0, and upgrades it while packets come in; then
`systemctl restart`, what the unit's sandbox leaves the network door, programs of sinks and the follower of NATS, and a removal. FOLDER: as of
host_test.py; systemd and nats-server are installed into the copy. Skipped (77) without systemd-nspawn.

One line of the unit is left out: BindsTo= the interface's device, because no udev runs in a container."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import host_test
from host_test import ENGINE, CLIENT, POLICY, SERVER, Host, Load, attached, debootstrap, holds_after_upgrade, is_true, network, run, skip

READY_SECONDS = 120
# What systemd-nspawn's own filter forbids. Of a filter like that weir says "the network door keeps its rights: Landlock".
ALSO_ALLOWED = "bpf perf_event_open landlock_create_ruleset landlock_add_rule landlock_restrict_self"
# A program that ends with status 0 if it was given the sender; and a policy that comes from NATS.
PROGRAM = "#!/bin/sh\n[ \"$1\" = 10.96.0.2 ]\n"
RUNS_A_PROGRAM = """policy programs
rule asked { when udp.dport == 11 then alert asked, drop }
alert asked { message "asked by {ip.src}"  to program }
sink program = exec("/usr/local/lib/weir/program", "{ip.src}")
"""
PUSHED = """policy pushed
rule closed { when udp.dport == 12 then drop }
test "closed" { udp 10.0.0.1:1 -> 10.0.0.2:12 => drop by closed }
"""
BUCKET = "nats://127.0.0.1:4222/policies/edge"


def control_groups():
    """The two that systemd-nspawn makes in those of its caller, and leaves there."""
    own = {line.split(":", 2)[2].lstrip("/") for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()}
    found = (pathlib.Path("/sys/fs/cgroup", hierarchy, path, name) for hierarchy in ("", "unified", "systemd") for path in own for name in ("payload", "supervisor"))
    return {path for path in found if path.is_dir()}


def remove_group(path):
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            print(f"{folder}: {error}", file=sys.stderr)


class Container:
    """A booted Debian. Commands run in it by nsenter of its first process."""

    def __init__(self, root, bpf):
        self.root, self.process, self.first = root, None, None
        self.bpf = bpf

    def boot(self):
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--network-namespace-path=/run/netns/{SERVER}", "--capability=all",
             f"--system-call-filter={ALSO_ALLOWED}", f"--bind={self.bpf}:/sys/fs/bpf", "-D", str(self.root), "--boot"],
            stdin=subprocess.DEVNULL, stdout=(self.root / "boot.log").open("wb"), stderr=subprocess.STDOUT)
        self.until(self.find_first, "the container's first process")
        self.until(lambda: self("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"), "the boot")

    def find_first(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.first = next((pid for pid in children if pathlib.Path(f"/proc/{pid}/comm").read_text() == "systemd\n"), None)
        return self.first

    def __call__(self, *words, check=True):
        return run("nsenter", f"--target={self.first}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd=/", "--", *words, check=check,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"})

    def until(self, is_so, what):
        deadline = time.monotonic() + READY_SECONDS
        while not is_so():
            if self.process.poll() is not None:
                raise SystemExit(f"FAILED: the container ended while waiting for {what}\n{(self.root / 'boot.log').read_text()[-2000:]}")
            if time.monotonic() > deadline:
                raise SystemExit(f"FAILED: waited for {what}\n{(self.root / 'boot.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def status(self):
        return json.loads(self("weir", "status", "--format", "json").stdout)

    def engine(self):
        return self("systemctl", "show", "--property=MainPID", "--value", f"weir@{ENGINE}").stdout.strip()

    def end(self):
        if self.process is None:
            return
        if self.first:
            self("systemctl", "poweroff", check=False)
        try:
            self.process.wait(60 if self.first else 1)
        except subprocess.TimeoutExpired:
            self.process.kill()       # what is in the container ends with it
            self.process.wait()


def set_environment(container, text):
    options = container.root / f"etc/weir/{ENGINE}.env"
    options.write_text(text)
    options.chmod(0o600)


def confine(container):
    """The unit's sandbox and those of the engine's processes leave one another what they need."""
    status = container.status()
    lacks = [status.get("compiler", {}).get("lacks"), status["rights"].get("lacks"), *(door.get("lacks") for door in status["doors"])]
    is_true(not any(lacks), f"compiler, engine and door are confined whole {lacks}")

    program = container.root / "usr/local/lib/weir/program"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (container.root / f"etc/weir/{ENGINE}.rules").write_text(RUNS_A_PROGRAM)
    set_environment(container, "WEIR_OPTIONS=--allow-exec=/usr/local/lib/weir --listen 127.0.0.1:9464\n")
    container("systemctl", "restart", f"weir@{ENGINE}")
    Load.socket_in(CLIENT).sendto(b"?", ("10.96.0.1", 11))
    sink = {}

    def ran():
        sink.update(next(one for one in container.status()["sinks"] if one["kind"] == "exec"))
        return sink["delivered"] + sink["lost"] > 0
    container.until(ran, "the program of a sink")
    is_true(sink["delivered"] == 1, f"a program of a sink runs {sink}")

    (container.root / "etc/nats.conf").write_text('listen: 127.0.0.1:4222\njetstream { store_dir: /var/lib/nats-of-test }\n')
    container("systemd-run", "--unit=nats-of-test", "nats-server", "-c", "/etc/nats.conf")
    (container.root / "root/pushed.rules").write_text(PUSHED)
    container.until(lambda: container("weir", "push", "/root/pushed.rules", "--to", BUCKET, check=False).returncode == 0, "a push")
    set_environment(container, f"WEIR_POLICY={BUCKET}\n")
    container("systemctl", "restart", f"weir@{ENGINE}")
    container.until(lambda: '"policy":"pushed"' in container("weir", "status", "--format", "json", check=False).stdout, "the policy that was pushed")
    is_true(attached(), "a policy from NATS is in force")


def serve(container):
    unit = container.root / "usr/lib/systemd/system/weir@.service"
    lines = [line for line in unit.read_text().splitlines() if not line.startswith("BindsTo=")]
    (container.root / "etc/systemd/system/weir@.service").write_text("\n".join(lines) + "\n")
    (container.root / f"etc/weir/{ENGINE}.rules").write_text(POLICY)
    set_environment(container, "WEIR_OPTIONS=--listen 127.0.0.1:9464\n")
    container("systemctl", "daemon-reload")
    said = container("systemctl", "start", f"weir@{ENGINE}", check=False)
    is_true(said.returncode == 0, f"systemctl start weir@{ENGINE} {said.stderr}"
            + ("" if said.returncode == 0 else container("journalctl", "--no-pager", "-n", "30", "-u", f"weir@{ENGINE}").stdout))
    is_true(attached(), "the service puts the policy in force")
    answers = "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9464); c.request('GET', '/healthz'); print(c.getresponse().status)"
    is_true(run("nsenter", f"--net=/run/netns/{SERVER}", sys.executable, "-c", answers, check=False).stdout == "200\n", "its door answers")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--base", type=pathlib.Path)
    arguments.add_argument("package", type=pathlib.Path)
    arguments.add_argument("next", type=pathlib.Path)
    arguments = arguments.parse_args()
    if not shutil.which("systemd-nspawn"):
        skip("no systemd-nspawn")
    root, bpf = (pathlib.Path(tempfile.mkdtemp(prefix=f"weir-{kind}-")) for kind in ("systemd", "bpf"))
    container = load = None
    groups = control_groups()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    try:
        debootstrap(arguments.base, root)
        host = Host(root)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        host.apt("update")
        host.apt("install", "systemd", "systemd-sysv", "dbus", "nats-server")
        run("chroot", root, "systemctl", "mask", "nats-server")     # the package's own service
        for package in (arguments.package, arguments.next):
            shutil.copy(package, root / package.name)
        host.apt("install", f"./{arguments.package.name}")
        run("mount", "-t", "bpf", "bpf", bpf)
        network()
        container = Container(root, bpf)
        container.boot()
        serve(container)
        load = Load()
        time.sleep(2)
        before, first = container.status(), container.engine()
        container("dpkg", "--install", f"/{arguments.next.name}")
        container.until(lambda: container.engine() not in ("0", first) and container("weir", "status", check=False).returncode == 0, "the new engine")
        is_true(attached(), "upgraded by dpkg and systemd")
        first = container.engine()
        container("systemctl", "restart", f"weir@{ENGINE}")
        is_true(container.engine() != first and attached(), "systemctl restart")
        time.sleep(1)
        load.end()
        journal = container("journalctl", "--no-pager", "--quiet", "--output=cat", f"--unit=weir@{ENGINE}").stdout
        is_true("failed" not in journal.replace("Failed with result 'signal'", ""), f"the engine has what it needs\n{journal}")
        holds_after_upgrade(load, before, container.status())
        confine(container)
        container("dpkg", "--remove", "weir")
        is_true(not attached(), "a removal stops the service and detaches")
    finally:
        if load:
            load.ending = True
        if container:
            container.end()
        for space in (SERVER, CLIENT):
            run("ip", "netns", "delete", space, check=False)
        for group in control_groups() - groups:
            remove_group(group)
        run("umount", "--lazy", bpf, check=False)
        for folder in (root, bpf):
            shutil.rmtree(folder, ignore_errors=True)


host_test.in_own_mounts()
main()
