#!/usr/bin/env python3
"""host_test.py [--base FOLDER] WEIR.deb NEXT.deb: installs the package in a bare Debian 12, runs it there on a veth pair of this
kernel, upgrades it to NEXT.deb (a later revision) under load, removes and purges it; then follows packaging/container/Containerfile.

A bare Debian 12 is what `debootstrap --variant=minbase bookworm` makes, from the mirror that this host's apt has; --base FOLDER takes
a copy of one that is there. Skipped (77) without root, debootstrap, a mirror, or the right to load BPF programs. No systemd runs in
the chroot: `systemctl` is a stand-in that does with the unit's engine what systemd would, by the unit's own lines: SIGTERM for stop,
SIGKILL (RestartKillSignal=) and a start for restart. All mounts are in a mount namespace of this process, and end with it."""
import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ENGINE = "s0"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)        # setns, which Python 3.11 lacks
SERVER, CLIENT = f"weirpkg{os.getpid()}s", f"weirpkg{os.getpid()}c"
POLICY = """rule kept    { when udp.dport == 10 then pass }
set seen : ip size 1000 ttl 1h
rule marked  { when udp.dport == 9 then add ip.src to seen, alert hit, drop }
alert hit { message "hit from {ip.src}" }
sink events = eve("/var/log/weir/eve.json")
"""
# What systemd does for the unit's one instance. `engine`: its process.
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> /systemctl.log
engine=$(cat /engine.pid 2>/dev/null || true)
case "$*" in
    *restart*) [ -z "$engine" ] || { echo restart > /engine.order; kill -KILL "$engine"; while [ -e /engine.order ]; do sleep 0.05; done; } ;;
    "stop weir@"*) [ -z "$engine" ] || { echo stop > /engine.order; kill -TERM "$engine"; while [ -e /engine.order ]; do sleep 0.05; done; } ;;
esac
"""


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def run(*command, check=True, **more):
    said = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL, **more)
    if check and said.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {said.returncode}\n{said.stdout}{said.stderr}")
    return said


def is_true(fact, sentence):
    if not fact:
        sys.exit(f"FAILED: {sentence}")
    print("ok:", sentence, flush=True)


class Host:
    """A Debian of its own, in a folder, and in a network namespace with one interface."""

    def __init__(self, root):
        self.root = root
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    def mount(self):
        for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("bpf", "sys/fs/bpf"), ("tmpfs", "run"), ("tmpfs", "dev")):
            run("mount", "-t", kind, kind, self.root / place)
        # Never this host's own /dev: who deletes the folder while it is mounted there deletes that.
        for number, name in ((3, "null"), (5, "zero"), (7, "full"), (8, "random"), (9, "urandom")):
            run("mknod", "-m", "0666", self.root / "dev" / name, "c", "1", number)
        (self.root / "dev/fd").symlink_to("/proc/self/fd")
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")

    def command(self, *words):
        return ["nsenter", f"--net=/run/netns/{SERVER}", "chroot", str(self.root), *map(str, words)]

    def __call__(self, *words, check=True):
        return run(*self.command(*words), check=check, env=self.environment)

    def apt(self, *words):
        """With this host's own network."""
        return run("chroot", self.root, "apt-get", "--yes", "--no-install-recommends",
                   "--option", f"DPkg::Path={self.environment['PATH']}", *words, env=self.environment)

    def weir(self, *words):
        return json.loads(self("weir", *words, "--format", "json").stdout)

    def names(self):
        """Paths that are weir's, but what dpkg remembers of a package that is removed, and what is mounted from elsewhere."""
        said = self("find", "/", "-xdev", "-name", "*weir*", "-not", "-path", "/proc/*").stdout.split()
        return [path for path in said if not path.startswith(("/weir_", "/var/cache", "/var/log/apt", "/var/lib/apt"))]


class Unit(threading.Thread):
    """weir@s0 without systemd: starts the unit's ExecStart as its user, with its rights, and again after a kill."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host, self.process, self.starts = host, None, 0
        unit = (host.root / "usr/lib/systemd/system/weir@.service").read_text()
        caps = [cap[4:].lower() for line in re.findall(r"^AmbientCapabilities=(.*)$", unit, re.M) for cap in line.split()]
        line = re.search(r"^ExecStart=(.*)$", unit, re.M)[1].replace("$WEIR_OPTIONS", "").replace("${WEIR_POLICY}", f"/etc/weir/{ENGINE}.rules").replace("%I", ENGINE).replace("%S", "/var/lib")
        caps = ",".join("+" + cap for cap in caps)
        self.line = host.command("setpriv", "--reuid=weir", "--regid=weir", "--clear-groups", f"--inh-caps={caps}", f"--ambient-caps={caps}",
                                 "--no-new-privs", *line.split())
        for folder, mode in (("run/weir", 0o750), ("var/lib/weir", 0o750), ("var/log/weir", 0o755)):
            (host.root / folder).mkdir(mode=mode, exist_ok=True)
            host("chown", "weir:weir", "/" + folder)
        host("install", "-d", "-m", "0700", "-o", "weir", "-g", "weir", "/sys/fs/bpf/weir")   # ExecStartPre=
        host("chown", "-R", "weir:weir", "/sys/fs/bpf/weir")
        self.log = (host.root / "engine.log").open("ab")

    def run(self):
        order = self.host.root / "engine.order"
        while True:
            self.process = subprocess.Popen(self.line, stdout=self.log, stderr=self.log, env=self.host.environment)
            (self.host.root / "engine.pid").write_text(str(self.process.pid))
            self.starts += 1
            self.process.wait()
            stopped = order.exists() and order.read_text() == "stop\n"
            if stopped:
                (self.host.root / "engine.pid").unlink()
            else:
                self.host("chown", "-R", "weir:weir", "/sys/fs/bpf/weir")
            order.unlink(missing_ok=True)
            if stopped:
                return

    def wait_for(self, is_so, what):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if is_so():
                return
            time.sleep(0.1)
        sys.exit(f"FAILED: waited for {what}\n{(self.host.root / 'engine.log').read_text()}")

    def answers(self):
        return self.host("weir", "status", check=False).returncode == 0


class Load:
    """Numbered packets to port 10, which the policy passes, and to port 9, which it drops, at a steady pace; and who gets them."""

    def __init__(self):
        self.ending, self.sent, self.got = False, {9: 0, 10: 0}, {9: set(), 10: set()}
        self.sockets = {port: self.socket_in(SERVER) for port in (9, 10)}
        for port, one in self.sockets.items():
            one.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)        # SO_RCVBUFFORCE: no packet is lost for want of room
            one.settimeout(1)
            one.bind(("10.96.0.1", port))
        self.from_client = self.socket_in(CLIENT)
        self.threads = [threading.Thread(target=self.send), *(threading.Thread(target=self.receive, args=(port,)) for port in (9, 10))]
        for one in self.threads:
            one.start()

    @staticmethod
    def socket_in(space):
        made = []

        def inside():
            with open(f"/run/netns/{space}") as there:
                if LIBC.setns(there.fileno(), CLONE_NEWNET) != 0:
                    sys.exit("setns failed")
            made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        one = threading.Thread(target=inside)                     # a namespace is a thread's
        one.start()
        one.join()
        return made[0]

    def send(self):
        while not self.ending:
            for _ in range(10):
                for port in (10, 10, 10, 9):
                    self.from_client.sendto(struct.pack(">Q", self.sent[port]), ("10.96.0.1", port))
                    self.sent[port] += 1
            time.sleep(0.01)

    def receive(self, port):
        while True:
            try:
                self.got[port].add(struct.unpack(">Q", self.sockets[port].recv(64))[0])
            except TimeoutError:
                if self.ending:
                    return

    def end(self):
        self.ending = True
        for one in self.threads:
            one.join()


def rules_of(status):
    return {rule["name"]: rule["packets"] for rule in status["rules"]}


def attached():
    return "xdp" in run("nsenter", f"--net=/run/netns/{SERVER}", "ip", "link", "show", ENGINE).stdout


def install(host, package):
    before = host.names()
    is_true(before == [], "nothing of weir is there before")
    shutil.copy(package, host.root / package.name)
    host.apt("update")
    host.apt("install", f"./{package.name}")
    is_true(re.match(r"weir \d", host("weir", "--version").stdout), "weir --version")
    said = host("sh", "-c", "weir check --deny warnings /usr/share/weir/rules/*/*.rules", check=False)
    is_true(said.returncode == 0, f"weir check of all policies of the package {said.stderr[-500:]}")
    said = host("weir", "test", "--quiet", "/usr/share/weir/rules/std/login-guessing.rules", check=False)
    is_true(said.returncode == 0, f"weir test {said.stdout}{said.stderr}")
    is_true("weir:x:" in host("getent", "passwd", "weir").stdout, "the user weir")
    is_true(host("stat", "-c", "%a", "/etc/weir/example.env").stdout == "600\n", "/etc/weir/example.env is root's alone")


def serve(host):
    (host.root / "etc/weir/s0.rules").write_text(POLICY)
    said = host("weir", "check", "--load", "/etc/weir/s0.rules", check=False)
    if said.returncode == 3:
        skip(f"this kernel lets us load no BPF program: {said.stderr}")
    is_true(said.returncode == 0, "weir check --load")
    (host.root / "usr/local/bin/systemctl").write_text(SYSTEMCTL)
    (host.root / "usr/local/bin/systemctl").chmod(0o755)
    (host.root / "run/systemd/system").mkdir(parents=True)
    unit = Unit(host)
    unit.start()
    unit.wait_for(unit.answers, "the engine")
    is_true(attached(), "the unit's command puts the policy in force, as the user weir")
    return unit


def rotate(host):
    """logrotate moves the file away; events go on in the new one, and no signal was needed."""
    host.apt("install", "logrotate")
    eve = host.root / "var/log/weir/eve.json"
    deadline = time.monotonic() + 60
    while not (eve.exists() and eve.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    host("logrotate", "--force", "/etc/logrotate.d/weir")
    while not eve.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.1)
    old = list(eve.parent.glob("eve.json-*"))
    is_true(eve.stat().st_size and len(old) == 1, "events go on in the file that logrotate made")
    is_true(oct(eve.stat().st_mode & 0o777) == "0o640" and eve.stat().st_uid == old[0].stat().st_uid, "it is of the user weir, mode 0640")


def holds_after_upgrade(load, before, after):
    """No packet lost, none that the policy drops let through, each counted once, the set and the alert's account whole."""
    rules = rules_of(after)
    is_true(load.got[10] == set(range(load.sent[10])), f"no packet of {load.sent[10]} was lost")
    through = sorted(load.got[9])
    is_true(not through, f"none of {load.sent[9]} that the policy drops got through {len(through)} {through[:1]} {through[-1:]}")
    is_true((rules["kept"], rules["marked"]) == (load.sent[10], load.sent[9]), f"each is counted once: {rules}")
    is_true([one["entries"] for one in after["sets"]] == [1] and before["sets"][0]["entries"] == 1, "the set has its entry")
    alert = after["alerts"][0]
    is_true(alert["matched"] == load.sent[9] == alert["delivered"] + alert["suppressed"] + alert["lost"] + alert["pending"], f"the alert's account: {alert}")


def upgrade(host, unit, load, package):
    shutil.copy(package, host.root / package.name)
    before, first = host.weir("status"), unit.process.pid
    was = host("dpkg-query", "-W", "-f", "${Version}", "weir").stdout
    began = time.monotonic()
    host.apt("install", f"./{package.name}")
    unit.wait_for(lambda: unit.process.pid != first and unit.answers(), "the new engine")
    time.sleep(2)
    load.end()
    is_true(host("dpkg-query", "-W", "-f", "${Version}", "weir").stdout != was, f"the upgrade, in {time.monotonic() - began:.1f} s")
    is_true("systemctl try-restart weir@*.service" in (host.root / "systemctl.log").read_text(), "its postinst restarted the engine")
    is_true("(deleted)" not in os.readlink(f"/proc/{unit.process.pid}/exe"), "the engine is the new program")
    holds_after_upgrade(load, before, host.weir("status"))


def remove(host, unit):
    host.apt("remove", "weir")
    unit.join(20)
    is_true(not unit.is_alive() and not attached(), "removed: the engine ended, and its policy is detached")
    is_true((host.root / "var/lib/weir").exists() and (host.root / "etc/weir/s0.rules").exists(), "state and policies are there still")
    (host.root / "etc/weir/s0.rules").unlink()
    host.apt("purge", "weir")
    left = host.names()
    is_true(left == [], f"purged: nothing is left {left}")
    is_true(host("getent", "passwd", "weir", check=False).returncode == 2, "nor its user")
    pins = host("find", "/sys/fs/bpf", "-name", "*weir*").stdout.split()
    is_true(pins == [], f"nor a pin {pins}")


def contain(host, package):
    """The steps of the Containerfile, in a root of its own; then what its entry point and its command say."""
    text = (pathlib.Path(__file__).parents[2] / "packaging/container/Containerfile").read_text().replace("\\\n", " ")
    steps = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    is_true(steps[0] == ["FROM", "debian:12-slim"], "the image begins with Debian 12")
    for word, rest in steps[1:]:
        if word == "COPY":
            is_true(pathlib.PurePath(package.name).match(rest.split()[0]), "the image copies the package")
            shutil.copy(package, host.root / rest.split()[1].strip("/"))
        elif word == "RUN":
            run("chroot", host.root, "sh", "-c", rest, env=host.environment)
    entry, command = (json.loads(dict(map(tuple, steps))[word]) for word in ("ENTRYPOINT", "CMD"))
    is_true("Usage: weir" in host(*entry, *command).stdout, "the container's command")
    is_true("ok" in host(*entry, "check", "/usr/share/weir/rules/demo/edge.rules").stdout, "weir check in the container")
    packages = host("dpkg-query", "-W", "-f", "${Package}\n").stdout.split()
    is_true("systemd" not in packages and "systemd-standalone-sysusers" in packages, "it has no systemd")
    is_true(host("sh", "-c", "ls /tmp /var/lib/apt/lists").stdout.split() == ["/tmp:", "/var/lib/apt/lists:"], "it keeps no package and no lists")


def debootstrap(base, root):
    if base:
        run("cp", "--archive", f"{base}/.", root)
        return
    if not shutil.which("debootstrap"):
        skip("no debootstrap")
    said = "".join(path.read_text() for path in pathlib.Path("/etc/apt").glob("sources.list*/*") if path.suffix in (".list", ".sources"))
    mirror = re.search(r"https?://\S+/debian\b", said)
    made = run("debootstrap", "--variant=minbase", "bookworm", root, mirror[0] if mirror else "http://deb.debian.org/debian", check=False)
    if made.returncode != 0:
        skip(f"debootstrap: {made.stdout.splitlines()[-1:]}")


def network():
    for space in (SERVER, CLIENT):
        run("ip", "netns", "add", space)
    run("ip", "link", "add", ENGINE, "netns", SERVER, "type", "veth", "peer", "name", "c0", "netns", CLIENT)
    for space, interface, address in ((SERVER, ENGINE, "10.96.0.1"), (CLIENT, "c0", "10.96.0.2")):
        inside = ["nsenter", f"--net=/run/netns/{space}", "ip"]
        run(*inside, "address", "add", f"{address}/24", "dev", interface)
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", interface, "up")
    # The neighbours are known, so that no first packet waits.
    for space, interface, address, other in ((CLIENT, "c0", "10.96.0.1", (SERVER, ENGINE)), (SERVER, ENGINE, "10.96.0.2", (CLIENT, "c0"))):
        link = json.loads(run("nsenter", f"--net=/run/netns/{other[0]}", "ip", "-json", "link", "show", other[1]).stdout)[0]["address"]
        run("nsenter", f"--net=/run/netns/{space}", "ip", "neighbour", "replace", address, "lladdr", link, "dev", interface)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--base", type=pathlib.Path)
    arguments.add_argument("package", type=pathlib.Path)
    arguments.add_argument("next", type=pathlib.Path)
    arguments = arguments.parse_args()
    root, image = (pathlib.Path(tempfile.mkdtemp(prefix=f"weir-{kind}-")) for kind in ("host", "image"))
    unit = load = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    try:
        debootstrap(arguments.base, root)
        run("cp", "--archive", f"{root}/.", image)
        network()
        host = Host(root)
        host.mount()
        install(host, arguments.package)
        unit = serve(host)
        load = Load()
        rotate(host)
        upgrade(host, unit, load, arguments.next)
        remove(host, unit)
        container = Host(image)
        container.mount()
        contain(container, arguments.package)
    finally:
        if load:
            load.ending = True
        if unit and unit.is_alive():
            (root / "engine.order").write_text("stop\n")
            unit.process.terminate()
            unit.join(20)
        for space in (SERVER, CLIENT):
            run("ip", "netns", "delete", space, check=False)
        for folder in (root, image):
            for place in ("dev", "run", "sys/fs/bpf", "sys", "proc"):
                run("umount", "--lazy", folder / place, check=False)
            shutil.rmtree(folder, ignore_errors=True)


def in_own_mounts():
    """As root, and with mounts that end with this process."""
    if os.geteuid() != 0:
        skip("only root may make a Debian of its own")
    if os.environ.get("WEIR_OWN_MOUNTS") is None:
        os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv], {**os.environ, "WEIR_OWN_MOUNTS": "1"})


if __name__ == "__main__":
    in_own_mounts()
    main()
