#!/usr/bin/env python3
"""tutorial_test.py WEIR SOURCE [--package WEIR.deb [--base FOLDER]]: runs each command of docs/tutorial.md in its order, on two hosts in
network namespaces, and compares what it prints with what the page shows. Where Chromium is installed, it opens the page, and wants to see
the alert that is raised next; a picture of it is in WEIR_PICTURES. With --package, the host is a bare Debian 12 into which apt installs the
package (host_test.py says how that is made). Skipped as live_case.py of tests/cli says, and without nc and curl.

`$` is the host, `client$` the other machine, `engine$` a command that goes on running. In what the page shows, … stands for any text,
and a line of … alone for any lines; spaces do not count."""
import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

for room in ("cli", "page"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / room))
from debian_python import use_where_selenium_is

use_where_selenium_is()     # before live_case.py takes the arguments
import host_test     # noqa: E402
import live_case     # noqa: E402

HOST, CLIENT = f"weirtut{os.getpid()}h", f"weirtut{os.getpid()}c"
SECONDS = 120


def steps(page):
    """(line, prompt, command, what it shows) of each ```console fence; `browser` is the prompt of an address to open."""
    fenced, found, end = False, [], None
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```"):
            fenced = line == "```console"
        elif fenced and end:
            found[-1][2] += "\n" + line
            end = None if line == end else end
        elif fenced and (new := re.match(r"((?:client|engine)?\$) (.*)", line)):
            found.append([number, new[1], new[2], []])
            here = re.search(r"<<'(\w+)'", new[2])
            end = here[1] if here else None
        elif fenced:
            found[-1][3].append(line)
        elif address := re.match(r"Open <(http://\S+)>", line):
            found.append([number, "browser", address[1], []])
    return found


def is_like(shown, said):
    """Whether SAID is what the page shows."""
    parts = []
    for line in shown:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            words = re.split(r"\s+", line.strip())
            parts.append(r"\s+".join(re.escape(word).replace("…", ".*?") for word in words) + "\n")
    return re.fullmatch("".join(parts), "".join(re.sub(r"[ \t]+", " ", line).strip() + "\n" for line in said.splitlines())) is not None


class Here:
    """The host is this Debian, with the program that was built."""

    def __init__(self, folder):
        (folder / "bin").mkdir()
        (folder / "bin/weir").symlink_to(os.path.abspath(live_case.WEIR))
        (folder / "work").mkdir()
        self.work, self.path = folder / "work", f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def make(self):
        pass

    def inside(self, words):
        return ["bash", "-c", f"cd {self.work} && {words}"]

    def end(self):
        pass


class Bare:
    """The host is a Debian 12 that has nothing but the package, and curl, which the page wants there."""

    def __init__(self, folder, base, package):
        self.root, self.path, self.base, self.package = folder / "root", "/usr/sbin:/usr/bin:/sbin:/bin", base, package
        self.root.mkdir()

    def make(self):
        host_test.debootstrap(self.base, self.root)
        host = host_test.Host(self.root)
        host.mount()
        shutil.copy(self.package, self.root / "root")
        host.apt("update")
        host.apt("install", "curl")
        install = re.search(r"^apt-get install (\S+)$", (live_case.SOURCE / "docs/tutorial.md").read_text(), re.M)[1]
        named = list((self.root / "root").glob(install))
        host_test.is_true(len(named) == 1, f"{install} is the package")
        host.apt("install", f"/root/{named[0].name}")
        left = host_test.run("chroot", self.root, "dpkg-query", "-W", "-f", "${Package} ").stdout.split()
        host_test.is_true(not [name for name in left if name.endswith("-dev")], f"{len(left)} packages are there, none for building")

    def inside(self, words):
        return ["chroot", str(self.root), "bash", "-c", f"cd /root && {words}"]

    def end(self):
        for place in ("dev", "run", "sys/fs/bpf", "sys", "proc"):
            subprocess.run(["umount", "--lazy", self.root / place], capture_output=True)


class Tutorial:
    def __init__(self, folder, host):
        self.folder, self.host, self.engine, self.browser = folder, host, None, None

    def command(self, space, words):
        at_host = space == HOST
        path = self.host.path if at_host else "/usr/sbin:/usr/bin:/sbin:/bin"
        return dict(args=["nsenter", f"--net=/run/netns/{space}", *(self.host.inside(words) if at_host else ["bash", "-c", words])],
                    env={"PATH": path, "LC_ALL": "C.UTF-8", "TERM": "dumb", "HOME": "/root"}, text=True, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def open(self, address):
        missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
        if missing or not importlib.util.find_spec("selenium"):
            print(f"skipped: no picture of {address}: {', '.join(missing) or 'selenium'} is not installed", flush=True)
            return
        from browser import Browser
        with open(f"/run/netns/{HOST}") as space:           # the browser's from here on
            host_test.is_true(host_test.LIBC.setns(space.fileno(), host_test.CLONE_NEWNET) == 0, "a browser on the host")
        self.browser = Browser()
        self.browser.open(address)
        self.browser.wait("Busiest rules", "the page")
        self.alerts_before = self.browser.text().count("telnet from 192.0.2.7")

    def see_alert(self):
        self.browser.wait(lambda: self.browser.text().count("telnet from 192.0.2.7") > self.alerts_before, "the alert of now")
        pictures = pathlib.Path(os.environ.get("WEIR_PICTURES", live_case.SOURCE / "build/page-pictures"))
        self.browser.picture(pictures / "tutorial-light.png")
        self.browser.quit()
        self.browser = None
        print(f"ok: the page shows the alert: {pictures}/tutorial-light.png", flush=True)

    def run(self, number, prompt, words, shown):
        if prompt == "browser":
            self.open(words)
            return
        if prompt == "engine$":
            # What it prints goes to a file: nobody reads here.
            self.engine = subprocess.Popen(**{**self.command(HOST, "exec " + words), "stdout": (self.folder / "engine.log").open("w")})
            self.until(lambda: subprocess.run(**self.command(HOST, "weir status"), timeout=SECONDS).returncode == 0, "the engine")
            return
        deadline = time.monotonic() + 20
        while True:
            said = subprocess.run(**self.command(CLIENT if prompt == "client$" else HOST, words), timeout=SECONDS)
            if is_like(shown, said.stdout):
                break
            # What asks a running engine may come a moment too early; all else is as it is.
            if not re.match(r"weir (events|status|set list)|curl", words) or time.monotonic() > deadline:
                shows = "\n".join(shown)
                sys.exit(f"docs/tutorial.md:{number}: `{words}`\nsaid (status {said.returncode}):\n{said.stdout}\nthe page shows:\n{shows}\n"
                         f"the engine: {(self.folder / 'engine.log').read_text() if self.engine else ''}")
            time.sleep(0.2)
        print("ok:", words.splitlines()[0], flush=True)
        if self.browser and words.startswith("nc "):
            self.see_alert()

    def until(self, is_so, what):
        deadline = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > deadline or self.engine.poll() is not None:
                sys.exit(f"waited for {what}: {(self.folder / 'engine.log').read_text()}")
            time.sleep(0.1)

    def end(self):
        if self.browser:
            self.browser.quit()
        if self.engine and self.engine.poll() is None:
            self.engine.send_signal(signal.SIGTERM)
            self.engine.wait(20)


def network():
    for space in (HOST, CLIENT):
        made = subprocess.run(["ip", "netns", "add", space], capture_output=True)
        if made.returncode != 0:
            live_case.skip("no network namespaces here")
    subprocess.run(["ip", "link", "add", "eth0", "netns", HOST, "type", "veth", "peer", "name", "eth0", "netns", CLIENT], check=True)
    for space, address in ((HOST, "192.0.2.1/24"), (CLIENT, "192.0.2.7/24")):
        for words in (f"address add {address} dev eth0", "link set lo up", "link set eth0 up"):
            subprocess.run(["nsenter", f"--net=/run/netns/{space}", "ip", *words.split()], check=True)


def main():
    if os.geteuid() != 0:
        live_case.skip("only root may attach programs and make network namespaces")
    for tool in ("nc", "curl", "ping"):
        if not shutil.which(tool):
            live_case.skip(f"no {tool}")
    if subprocess.run(["bpftool", "prog", "list"], capture_output=True).returncode != 0:
        live_case.skip("this kernel lets us load no BPF program")
    live_case.in_private_mounts()
    page = steps((live_case.SOURCE / "docs/tutorial.md").read_text())
    host_test.is_true(len(page) > 15 and "browser" in (step[1] for step in page), "the page has commands, and an address to open")
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--base", type=pathlib.Path)
    arguments.add_argument("--package", type=pathlib.Path)
    arguments = arguments.parse_args()
    tutorial = host = None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-tutorial-"))
    try:
        host = Bare(folder, arguments.base, arguments.package) if arguments.package else Here(folder)
        host.make()
        tutorial = Tutorial(folder, host)
        network()
        for step in page:
            tutorial.run(*step)
        tutorial.engine.wait(20)
    finally:
        if tutorial:
            tutorial.end()
        if host:
            host.end()
        for space in (HOST, CLIENT):
            subprocess.run(["ip", "netns", "delete", space], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


main()
