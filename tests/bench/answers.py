"""How long an engine takes to answer `status`, asked every 20 ms while a large policy is compiled, loaded and put in force,
and how long SIGTERM takes in the middle of that: answers.py BUILD [POLICY...] [--busy N]. As root; in a network namespace and
a mount namespace of its own. `--busy`: loops that take a core each meanwhile."""
import multiprocessing
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
WEIR = BUILD / "weir"
TURNS = 4
EVERY_S = 0.020
NAME = "b0"


def alone():
    """This program again, where nobody else has links or pins."""
    if os.environ.get("WEIR_ALONE") != "1":
        os.environ["WEIR_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    for command in ("mount -t sysfs sysfs /sys", "mount -t bpf bpf /sys/fs/bpf", "mount -t tmpfs tmpfs /run", "ip link set lo up",
                    "ip link add b0 type veth peer name b1", "ip link set b0 up", "ip link set b1 up"):
        subprocess.run(command.split(), check=True)


def address(n):
    return f"{10 + (n >> 24)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def rules(_, turn, count=10_000):
    return "".join(f"rule r{i} {{ when ip.src == {address(i * 7)} and tcp.dport == {i % 5000 + turn} then {'alert a, ' if i % 100 == 0 else ''}drop }}\n"
                   for i in range(count)) + "alert a { }\n"


def most(folder, turn):
    """As many rules as a policy may have."""
    return rules(folder, turn, 131_072)


def entries(folder, turn):
    """1,000,000 networks that only a reload changes."""
    (folder / "list").write_text("".join(address(i * 5 + turn % 2) + "\n" for i in range(1_000_000)))
    return 'set s : net from "list"\nrule r { when ip.src in s then drop }\n'


def table(folder, turn):
    """1,000,000 addresses in a set that changes: each reload takes it over, and adds what its file has."""
    (folder / "list").write_text("".join(address(i * 5) + "\n" for i in range(1_000_000)))
    return f'set s : ip size 1200000 from "list"\nrule r {{ when tcp.dport == {turn + 1} then add ip.src to s }}\nrule d {{ when ip.src in s then drop }}\n'


def terms(_, turn):
    """256 state terms, all of which each reload makes again: nearly all the memory that tables of a policy may have."""
    return "".join(f"rule r{i} {{ when udp.dport == {i} and rate(ip.src) > {i + 1}/s size {60_000 + turn % 2} then drop }}\n" for i in range(256))


POLICIES = {"rules": rules, "most": most, "entries": entries, "table": table, "terms": terms}


def ask(goes_on, answers):
    """Asks on one connection, in a process of its own: sends how long each answer took, in s, and the size of the last."""
    took, size = [], 0
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"/run/weir/{NAME}.sock")
        while goes_on.is_set():
            begin, size = time.monotonic(), 0
            client.sendall(b'{"command":"status"}\n')
            piece = b""
            while not piece.endswith(b"\n"):
                piece = client.recv(1 << 20)
                size += len(piece)
                if not piece:
                    sys.exit("the engine closed the connection")
            took.append(time.monotonic() - begin)
            time.sleep(max(0, EVERY_S - took[-1]))
    answers.send((took, size))


def start(policy):
    engine = subprocess.Popen([WEIR, "run", policy, "-i", NAME], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while "in force" not in (line := engine.stderr.readline()):
        if not line:
            sys.exit("the engine did not start")
    drain = threading.Thread(target=lambda: [print("   engine:", line, end="") for line in engine.stderr if os.environ.get("WEIR_SHOW")], daemon=True)
    drain.start()
    return engine


def stop_amid(engine, policy, after_s):
    """SIGTERM so long after a reload began."""
    reload = subprocess.Popen([WEIR, "reload", "--name", NAME], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    begin = time.monotonic()
    engine.send_signal(signal.SIGTERM)
    engine.wait()
    took = time.monotonic() - begin
    reload.wait()
    return took


def measure(kind):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        policy = folder / "live.rules"
        policy.write_text(POLICIES[kind](folder, 0))
        engine = start(policy)
        reloads = []
        goes_on, (answers, sender) = multiprocessing.Event(), multiprocessing.Pipe(False)
        goes_on.set()
        asker = multiprocessing.Process(target=ask, args=(goes_on, sender), daemon=True)
        asker.start()
        try:
            for turn in range(1, TURNS + 1):
                policy.write_text(POLICIES[kind](folder, turn))
                begin = time.monotonic()
                done = subprocess.run([WEIR, "reload", "--name", NAME], capture_output=True, text=True)
                if done.returncode != 0:
                    sys.exit(done.stderr)
                reloads.append(time.monotonic() - begin)
            time.sleep(0.5)
            goes_on.clear()
            took, size = answers.recv()
            policy.write_text(POLICIES[kind](folder, TURNS + 1))
        finally:
            # In the middle of the compile, of the load, and just before its end.
            ends = [stop_amid(engine, policy, reloads[-1] * 0.3)]
        for part in (0.6, 0.9):
            ends.append(stop_amid(start(policy), policy, reloads[-1] * part))
    took = sorted(one * 1000 for one in took)
    print(f"{kind:8} reload {max(reloads):6.2f} s; {len(took):5} answers of {size / 1000:6.1f} kB: median {took[len(took) // 2]:6.1f} ms, "
          f"99% {took[len(took) * 99 // 100]:6.1f}, worst {took[-1]:6.1f}; SIGTERM worst {max(ends) * 1000:5.0f} ms", flush=True)


def main():
    wanted, busy = sys.argv[2:], 0
    if "--busy" in wanted:
        at = wanted.index("--busy")
        busy = int(wanted[at + 1])
        del wanted[at:at + 2]
    alone()
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        for kind in wanted or POLICIES:
            measure(kind)
    finally:
        for loop in loops:
            loop.kill()


main()
