#!/usr/bin/env python3
"""reload_test.py WEIR SOURCE: weir reload from command to enforced, over and over: its time, and that the engine grows by
nothing. WEIR_RELOADS=1000 makes it long. Skipped as tests/cli/live_case.py says."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cli"))
from live_case import NAME, SECOND, WEIR, LiveCase, inside, main   # noqa: E402

RELOADS = int(os.environ.get("WEIR_RELOADS", "30"))
WARM = 8        # by then as many policies are kept as ever will be


class Reload(LiveCase):
    def engine_pid(self):
        # nsenter becomes the program that it starts.
        return self.running.pid

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.engine_pid()}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def held(self):
        self.status()                         # what follows a swap is done by then
        counts = []                           # a client that has just left is still counted
        for _ in range(10):
            counts.append(len(list(pathlib.Path(f"/proc/{self.engine_pid()}/fd").iterdir())))
            time.sleep(0.02)
        kernel = [kind for kind in ("prog", "map", "link")
                  for _ in json.loads(subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, text=True, check=True).stdout)]
        return min(counts), {kind: kernel.count(kind) for kind in kernel}

    def test_reloads(self):
        second = self.folder / "second.rules"
        second.write_text(SECOND)
        self.start()
        took_ms = []
        for number in range(RELOADS + WARM):
            if number == WARM:
                before, resident = self.held(), self.resident_kib()
                took_ms.clear()
            begin = time.monotonic()
            said = self.ask("reload", second if number % 2 == 0 else self.policy, "--format", "json")
            took_ms.append((time.monotonic() - begin) * 1000)
            self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(self.status()["generation"], 1 + RELOADS + WARM)
        after, grown = self.held(), self.resident_kib()
        self.assertEqual(after[0], before[0], "file descriptors")
        if os.environ.get("WEIR_ALONE") == "1":   # nobody else on this machine has programs
            self.assertEqual(after[1], before[1])
        self.assertLess(grown, resident * 1.05 + 512)
        took_ms.sort()
        print(f"{RELOADS} x weir reload: p50 {took_ms[len(took_ms) // 2]:.0f} ms, p99 {took_ms[len(took_ms) * 99 // 100]:.0f} ms; "
              f"resident {resident} -> {grown} KiB; descriptors {after[0]}")

    def test_two_engines_at_once(self):
        """Exactly one of two that start together wins; the other says why."""
        for _ in range(max(RELOADS // 10, 3)):
            both = [subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", WEIR, "run", str(self.policy), "-i", "c0", "--name", NAME + which],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for which in "xy"]
            deadline = time.monotonic() + 30
            while all(process.poll() is None for process in both) and time.monotonic() < deadline:
                time.sleep(0.01)
            losers = [process for process in both if process.poll() is not None]
            self.assertEqual([process.returncode for process in losers], [3])
            self.assertIn("XDP on c0 is taken by another weir", losers[0].stderr.read())
            winner = next(process for process in both if process.poll() is None)
            winner.terminate()
            winner.communicate(timeout=20)
            losers[0].stderr.close()
            self.assertEqual(winner.returncode, 0)
            self.assertNotIn("xdp", inside("ip", "link", "show", "c0").stdout)


if __name__ == "__main__":
    main()
