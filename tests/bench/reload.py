"""How long a reload takes, from `weir reload` to the new policy in force, of a small policy and of 10,000 rules of which one
changes: reload.py BUILD [SHAPE COUNT]. As root; in a network namespace and a mount namespace of its own."""
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
WEIR, GENERATE = BUILD / "weir", BUILD / "tests/bench/bench_generate"
TURNS = 21


def alone():
    """This program again, where nobody else has links or pins."""
    if os.environ.get("WEIR_ALONE") != "1":
        os.environ["WEIR_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    for command in ("mount -t sysfs sysfs /sys", "mount -t bpf bpf /sys/fs/bpf", "ip link set lo up",
                    "ip link add b0 type veth peer name b1", "ip link set b0 up", "ip link set b1 up"):
        subprocess.run(command.split(), check=True)


def versions(shape, count):
    """A policy, and the same with another rule in its middle."""
    if shape == "one":
        return [f"policy one\ndefault pass\nrule a {{ when tcp.dport == {port} then drop }}\n" for port in (22, 23)]
    first, other = (subprocess.run([GENERATE, shape, str(count), str(seed)], check=True, capture_output=True, text=True).stdout.split("\n")
                    for seed in (1, 2))
    changed = list(first)
    changed[len(first) // 2] = other[len(first) // 2]
    return ["\n".join(first), "\n".join(changed)]


def measure(shape, count):
    texts = versions(shape, count)
    with tempfile.TemporaryDirectory() as folder:
        policy = pathlib.Path(folder) / "live.rules"
        policy.write_text(texts[0])
        engine = subprocess.Popen([WEIR, "run", policy, "-i", "b0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            while "in force" not in (line := engine.stderr.readline()):
                if not line:
                    sys.exit("the engine did not start")
            times = []
            for turn in range(1, TURNS + 1):
                time.sleep(0.3)          # the engine's own work after a reload is over
                policy.write_text(texts[turn % 2])
                begin = time.monotonic()
                subprocess.run([WEIR, "reload", "--name", "b0"], check=True, stdout=subprocess.DEVNULL)
                times.append((time.monotonic() - begin) * 1000)
                engine.stderr.readline()
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait()
    times.sort()
    print(f"{shape:9} {count:6} rules: median {statistics.median(times):6.1f} ms, best {times[0]:6.1f}, worst {times[-1]:6.1f}", flush=True)


alone()
for wanted in ([(sys.argv[2], int(sys.argv[3]))] if len(sys.argv) > 3 else
               [("one", 1), ("exact", 10000), ("acl", 10000), ("firewall", 10000), ("ip6", 10000)]):
    measure(*wanted)
