"""What the tests of metrics share: an engine whose policy has one of each thing that has a metric, with traffic, and its /metrics
as text. A test is called with WEIR, SOURCE and PRINT_METRICS, and is skipped as live_case.py says."""
import os
import pathlib
import subprocess
import sys

if "WEIR_PRINT_METRICS" not in os.environ:                # the test starts itself again in a namespace
    os.environ["WEIR_PRINT_METRICS"] = sys.argv.pop(3)
sys.path.insert(0, str(pathlib.Path(sys.argv[2]) / "tests/cli"))

import json                                               # noqa: E402
from live_case import LiveCase, inside                    # noqa: E402

PRINT = os.environ["WEIR_PRINT_METRICS"]
POLICY = """policy metered
record 128 bytes, 1024 packets
set blocked : port size 2 ttl 1h
flows size 4096
rule known    { when udp.dport in blocked then drop }
rule sized    { when udp.dport in 10..20 then measure packet.len by (ip.src/24, udp.dport) as sizes, measure ip.ttl as ttl }
rule seen     { when udp.dport in 2000..2999 then alert seen, drop }
rule watched  { observe when udp.dport in 3000..3999 then alert seen, drop }
rule guessing { when udp.dport == 22 and rate(ip.src) > 5/min then drop }
rule moved    { when udp.dport == 23 then redirect("c9") }
rule refused  { when udp.dport == 24 then reject }
rule new      { when udp.dport == 25 and flow.is_new then pass }
rule answers  { egress when udp.sport == 26 then pass }
default egress pass
alert seen {
    message  "{rule} {udp.dport}"
    to       all, soc
    throttle 1000 per ip.src every 1s
    escalate to late when 3 within 1h per ip.dst
    respond  { add udp.dport to blocked for 1h }
}
sink all = eve("FOLDER/all.json")
sink late = eve("FOLDER/late.json")
sink soc = webhook("http://127.0.0.1:9/", spool 10MB)
"""
CANDIDATE = "policy next\nrule sized { when udp.dport in 10..20 then drop }\n"


def metrics_of(case):
    """/metrics of the engine of a LiveCase."""
    reply = json.dumps(case.request({"command": "status"}))
    done = subprocess.run([PRINT], input=reply, capture_output=True, text=True, timeout=60)
    case.assertEqual(done.returncode, 0, done.stderr)
    return done.stdout


def samples(text):
    """Each line's value by the line's name and labels."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}


class EngineCase(LiveCase):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY.replace("FOLDER", str(self.folder)))

    def traffic(self):
        """A packet or some for each rule."""
        for port in (10, 11, 22, 23, 24, 25, 2000, 2001, 2002, 3000, 40):
            self.send(port, 7, b"x" * port if port < 100 else b"")
