#!/usr/bin/env python3
"""measures_test.py WEIR SOURCE: histograms of a running engine in weir status and weir top. Skipped as live_case.py says."""
import signal
import subprocess

from live_case import NAME, WEIR, LiveCase, main

POLICY = """rule sized { when udp.dport in 10..20 then measure packet.len by (ip.src/24, udp.dport) as sizes size 3, drop }
rule ttl { when udp then measure ip.ttl }
"""


class Measures(LiveCase):
    def measure(self, name):
        return next(one for one in self.status()["measures"] if one["name"] == name)

    def keys(self):
        return {tuple(key["key"]): key["count"] for key in self.measure("sizes")["keys"]}

    def test_measures_of_a_running_engine(self):
        self.policy.write_text(POLICY)
        self.start()
        self.send(10, 20, b"x" * 100)
        self.send(11, 10, b"x" * 500)
        self.wait_until(lambda: sum(self.keys().values()) == 30, "thirty values")
        sizes = self.measure("sizes")
        self.assertEqual((sizes["unit"], sizes["refused"]), ("bytes", 0))
        first, second = sizes["keys"]                    # most values first
        self.assertEqual((first["key"], first["count"], first["sum"], first["max"]), (["10.97.0.0/24", "10"], 20, 20 * 142, 142))
        self.assertEqual((second["key"], second["count"], second["max"]), (["10.97.0.0/24", "11"], 10, 542))
        for key in (first, second):
            for place in ("p50", "p90", "p99"):
                self.assertLessEqual(abs(key[place] - key["max"]), key["max"] / 8)
        ttl = self.measure("ttl")
        self.assertEqual((ttl["unit"], [key["key"] for key in ttl["keys"]]), ("", []))  # the rule above decides

        # A reload keeps them, and what does not fit is counted.
        self.policy.write_text(POLICY.replace("rule sized", "rule first { when udp.dport == 99 then drop }\nrule sized"))
        self.assertEqual(self.ask("reload").returncode, 0)
        for port in (12, 13, 14):
            self.send(port, 2)
        self.send(40, 5)
        self.wait_until(lambda: self.measure("sizes")["refused"] == 4, "two keys that found no place")
        self.assertEqual(self.keys(), {("10.97.0.0/24", "10"): 20, ("10.97.0.0/24", "11"): 10, ("10.97.0.0/24", "12"): 2})
        self.assertEqual(self.measure("ttl")["keys"][0]["max"], 64)

        # So does an engine that goes on where another was killed.
        self.end(signal.SIGKILL)
        self.start()
        self.assertEqual(self.keys()[("10.97.0.0/24", "10")], 20)
        human = self.ask("status").stdout.splitlines()
        line = next(line for line in human if line.startswith("10.97.0.0/24, 10"))
        self.assertEqual(line.split()[2], "20")
        self.assertTrue(any("4 values of keys that found no place" in line for line in human))
        top = subprocess.run([WEIR, "top", "--times", "1", "--interval", "0.2", "--name", NAME], capture_output=True, text=True, timeout=60)
        self.assertIn("10.97.0.0/24, 11", top.stdout)

        # With another size they are taken along; by another key they begin again.
        self.policy.write_text(POLICY.replace("size 3", "size 100"))
        self.assertEqual(self.ask("reload").returncode, 0)
        self.send(15, 1)
        self.wait_until(lambda: len(self.keys()) == 4, "a key that has a place now")
        self.assertEqual(self.keys()[("10.97.0.0/24", "11")], 10)
        self.policy.write_text(POLICY.replace("(ip.src/24, udp.dport)", "udp.dport"))
        self.assertEqual(self.ask("reload").returncode, 0)
        self.assertEqual(self.keys(), {})


if __name__ == "__main__":
    main()
