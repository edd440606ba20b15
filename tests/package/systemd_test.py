#!/usr/bin/env python3
"""systemd_test.py --base FOLDER WEIR.deb NEXT.deb: the upgrade of host_test.py under a real systemd: a Debian 12 boots in systemd-nspawn,
in a network namespace of its own with a veth pair, installs the package, starts weir@s0, and upgrades it while packets come in; then
`systemctl restart`, and a removal. FOLDER: as of host_test.py; systemd is installed into the copy. Skipped (77) without systemd-nspawn.

One line of the unit is left out: BindsTo= the interface's device, because no udev runs in a container."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import host_test
from host_test import ENGINE, CLIENT, POLICY, SERVER, Host, Load, attached, debootstrap, holds_after_upgrade, is_true, network, run, skip

READY_SECONDS = 120


class Container:
    """A booted Debian. Commands run in it by nsenter of its first process."""

    def __init__(self, root, bpf):
        self.root = root
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--network-namespace-path=/run/netns/{SERVER}", "--capability=all",
             "--system-call-filter=bpf perf_event_open", f"--bind={bpf}:/sys/fs/bpf", "-D", str(root), "--boot"],
            stdin=subprocess.DEVNULL, stdout=(root / "boot.log").open("wb"), stderr=subprocess.STDOUT)
        self.first = None
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
            if time.monotonic() > deadline:
                raise SystemExit(f"FAILED: waited for {what}\n{(self.root / 'boot.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def status(self):
        return json.loads(self("weir", "status", "--format", "json").stdout)

    def engine(self):
        return self("systemctl", "show", "--property=MainPID", "--value", f"weir@{ENGINE}").stdout.strip()

    def end(self):
        self("systemctl", "poweroff", check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


def serve(container):
    unit = container.root / "usr/lib/systemd/system/weir@.service"
    lines = [line for line in unit.read_text().splitlines() if not line.startswith("BindsTo=")]
    (container.root / "etc/systemd/system/weir@.service").write_text("\n".join(lines) + "\n")
    (container.root / f"etc/weir/{ENGINE}.rules").write_text(POLICY)
    options = container.root / f"etc/weir/{ENGINE}.env"
    options.write_text("WEIR_OPTIONS=--listen 127.0.0.1:9464\n")
    options.chmod(0o600)
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
    try:
        debootstrap(arguments.base, root)
        host = Host(root)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        host.apt("update")
        host.apt("install", "systemd", "systemd-sysv", "dbus")
        for package in (arguments.package, arguments.next):
            shutil.copy(package, root / package.name)
        host.apt("install", f"./{arguments.package.name}")
        run("mount", "-t", "bpf", "bpf", bpf)
        network()
        container = Container(root, bpf)
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
        container("dpkg", "--remove", "weir")
        is_true(not attached(), "a removal stops the service and detaches")
    finally:
        if load:
            load.ending = True
        if container:
            container.end()
        for space in (SERVER, CLIENT):
            run("ip", "netns", "delete", space, check=False)
        run("umount", "--lazy", bpf, check=False)
        for folder in (root, bpf):
            shutil.rmtree(folder, ignore_errors=True)


host_test.in_own_mounts()
main()
