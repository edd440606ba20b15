#!/usr/bin/env python3
"""tutorial_test.py WEIR SOURCE: runs each command of docs/tutorial.md in its order, on two hosts in network namespaces, and compares what
it prints with what the page shows. Skipped as live_case.py of tests/cli says, and without nc and curl.

`$` is the host, `client$` the other machine, `engine$` a command that goes on running. In what the page shows, … stands for any text,
and a line of … alone for any lines; spaces do not count."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "cli"))
import live_case

HOST, CLIENT = f"weirtut{os.getpid()}h", f"weirtut{os.getpid()}c"
SECONDS = 120


def steps(page):
    """(line, prompt, command, what it shows) of each ```console fence."""
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


class Tutorial:
    def __init__(self, folder):
        self.folder, self.engine = folder, None
        (folder / "bin").mkdir()
        (folder / "bin/weir").symlink_to(os.path.abspath(live_case.WEIR))
        (folder / "work").mkdir()
        self.environment = {"PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb", "HOME": str(folder)}

    def command(self, space, words):
        return dict(args=["nsenter", f"--net=/run/netns/{space}", "bash", "-c", words], env=self.environment, cwd=self.folder / "work", text=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, number, prompt, words, shown):
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

    def until(self, is_so, what):
        deadline = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > deadline or self.engine.poll() is not None:
                sys.exit(f"waited for {what}: {(self.folder / 'engine.log').read_text()}")
            time.sleep(0.1)

    def end(self):
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
    assert len(page) > 15, "the page has no commands"
    with tempfile.TemporaryDirectory() as folder:
        tutorial = Tutorial(pathlib.Path(folder))
        try:
            network()
            for step in page:
                tutorial.run(*step)
            tutorial.engine.wait(20)
        finally:
            tutorial.end()
            for space in (HOST, CLIENT):
                subprocess.run(["ip", "netns", "delete", space], capture_output=True)


main()
