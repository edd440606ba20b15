"""A fleet of followers without engines on one server: all take each value, also after the server was killed, and what
they say arrives. many_test.py MANY_FOLLOWERS WEIR [--fleet N]: with N = 2000 the figures of docs/fleet.md."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def usage(process):
    """Seconds of processor time, and MB of memory."""
    parts = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK"), int(parts[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main():
    many, weir = sys.argv[1:3]
    count = int(sys.argv[sys.argv.index("--fleet") + 1]) if "--fleet" in sys.argv else 150
    with tempfile.TemporaryDirectory() as name:
        folder, port, watch = pathlib.Path(name), free_port(), free_port()
        policy = folder / "edge.rules"
        to = f"nats://127.0.0.1:{port}/policies/edge"

        def serve():
            server = subprocess.Popen(["nats-server", "-a", "127.0.0.1", "-p", str(port), "-m", str(watch), "-js", "-sd", folder / "store"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    return server
                except OSError:
                    time.sleep(0.05)
            sys.exit("nats-server does not answer")

        def messages():
            with socket.create_connection(("127.0.0.1", watch)) as one:
                one.sendall(b"GET /varz HTTP/1.0\r\n\r\n")
                said = b""
                while got := one.recv(1 << 16):
                    said += got
            facts = json.loads(said.split(b"\r\n\r\n", 1)[1])
            return facts["in_msgs"], facts["out_msgs"]

        def push(port_number):
            policy.write_text(f"rule r {{ when tcp.dport == {port_number} then drop }}\n")
            said = subprocess.run([weir, "push", policy, "--to", to, "--format", "json"], capture_output=True, text=True, timeout=60)
            assert said.returncode == 0, said.stderr
            return json.loads(said.stdout)

        server = serve()
        fleet = None
        try:
            push(1)
            begin = time.monotonic()
            fleet = subprocess.Popen([many, to, str(count), "600"], stdout=subprocess.PIPE, text=True)

            def line(word):
                while said := fleet.stdout.readline():
                    if said.startswith(word):
                        return said.split()
                sys.exit("the fleet has ended")

            line("all")
            print(f"{count} followers: connected and told in {time.monotonic() - begin:.1f} s")
            time.sleep(2)
            for turn in range(2, 5):
                before, busy = messages(), usage(server.pid)[0]
                hash_ = push(turn)["sha256"]
                said = line("all")
                assert said[3] == hash_, said
                time.sleep(1)
                after, (now_busy, memory) = messages(), usage(server.pid)
                print(f"put: from the first to all in {float(said[5]):.0f} ms; {after[0] - before[0]} messages in, {after[1] - before[1]} out; "
                      f"server {now_busy - busy:.2f} s of processor, {memory:.0f} MB; fleet {usage(fleet.pid)[1]:.0f} MB")
            server.send_signal(signal.SIGKILL)
            server.wait()
            time.sleep(1)
            server = serve()
            begin = time.monotonic()
            for attempt in range(50):                         # JetStream begins after the server
                try:
                    hash_ = push(9)["sha256"]
                    break
                except AssertionError:
                    assert attempt < 49
                    time.sleep(0.2)
            assert line("all")[3] == hash_
            print(f"server killed and restarted: a new value on all {time.monotonic() - begin:.1f} s after it was back")
            deadline = time.monotonic() + 60
            while True:
                said = subprocess.run([weir, "fleet", "status", f"nats://127.0.0.1:{port}/policies", "--format", "json"], capture_output=True, text=True, timeout=60)
                assert said.returncode == 0, said.stderr
                hosts = json.loads(said.stdout)["hosts"]
                if len(hosts) == count and all(one["outcome"] == "in force" and one["in_force"] == hash_ for one in hosts):
                    break
                assert time.monotonic() < deadline, (len(hosts), [one for one in hosts if one["in_force"] != hash_][:3])
                time.sleep(0.2)
            print(f"statuses of all {count} agree")
        finally:
            for process in (fleet, server):
                if process is not None:
                    process.kill()
                    process.wait()


main()
