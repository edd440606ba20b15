#!/usr/bin/env python3
"""views_test.py: each view of the page with data, light, dark and narrow: what it says, that nothing is wider than the
window, the contrast of all texts, and a picture in build/page-pictures/ for people to look at."""
import time

from page_case import PICTURES, VIEWS, Browser, PageCase, Scenario, main
from scenario import NEXT_POLICY, RULES

SHADOW = {"policy": "next", "file": "/etc/weir/next.rules", "packets": 1204833, "disagreements": 4127, "unnamed": 0,
          "samples": "/var/lib/weir/eth0/disagreements.pcapng", "sampled": 512, "samples_state": "ok",
          "pairs": [{"live": "default", "live_verdict": "pass", "candidate": "rdp", "candidate_verdict": "drop", "packets": 3900},
                    {"live": "web", "live_verdict": "pass", "candidate": "quota", "candidate_verdict": "drop", "packets": 201},
                    {"live": "telnet", "live_verdict": "drop", "candidate": "default", "candidate_verdict": "pass", "packets": 26}]}
# What each view must say with this scenario.
SAYS = {
    "overview": ["Packets a second, by verdict", "Stopped packets a second", "connection refused", "Busiest rules", "eth2", "generic", "Memory"],
    "rules": ["web", "dns_amplification", "redirect", "would drop", "default egress", "malformed"],
    "events": ["guessing", "suppressed", "streaming", "→"],
    "sinks": ["webhook", "connection refused", "spool full", "offered", "Escalations", "Responses"],
    "measures": ["answers", "by port.src", "8443", "handshakes", "the area of a bar is its values", "p99"],
    "sets": ["blocked", "scanners", "/var/lib/weir/eth0/sets", "rate(ip.src) per 1m"],
    "flows": ["established", "GB", "[2001:db8::1]:443", "room for"],
    "reloads": ["unconfirmed", "goes back to generation 7", "In the shadow: next", "rdp", "generation 8 of edge is in force", "0.21 µs"],
    "policy": ["rule ssh_guess", "SHA-256", "/etc/weir/edge.rules"],
}
OPEN = {"rules/web": "A packet has", "sets/blocked": "Expires in", "policy?find=telnet": "of 4 lines"}
MODES = {"light": (1360, 860), "dark": (1360, 860), "narrow": (360, 740)}
ON_NARROW = {"rules": ["web", "redirect"], "events": ["guessing", "streaming"], "flows": ["GB", "192.0.2."]}

CUT = "return [...document.querySelectorAll('.panel, .tile, .facts, .vt-row')].filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML.slice(0, 100))"


class Views(PageCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.scenario = Scenario(speed=12)      # minutes of history after seconds
        cls.browser.faster(cls.scenario)

    def test_each_view_in_each_mode(self):
        browser, scenario = self.browser, self.scenario
        double = self.double(scenario, events_per_second=3)
        browser.media("light")
        self.open(double)
        browser.wait("Busiest rules", "the overview")
        time.sleep(10)                        # two minutes of the scenario
        scenario.changes.update(shadow=SHADOW)
        browser.wait(lambda: scenario.at - scenario.origin > 140, "two minutes")
        with double.lock:
            scenario.generation, scenario.text, scenario.loaded = 8, NEXT_POLICY, scenario.now()
            scenario.changes.update(confirm_within_ms=48000, falls_back_to=7)
        self.show("reloads")
        browser.wait("generation 8 of edge is in force", "the reload")
        browser.wait("+2", "the lines that were added")
        for mode, (width, height) in MODES.items():
            browser.size(width, height)
            browser.media("dark" if mode == "dark" else "light")
            for view in (*VIEWS, *OPEN):
                with self.subTest(mode=mode, view=view):
                    self.view(mode, view)
        self.assertEqual(browser.console(), [])

    def view(self, mode, view):
        self.show(view)
        says = [OPEN[view]] if view in OPEN else ON_NARROW.get(view, SAYS[view]) if mode == "narrow" else SAYS[view]
        for text in says:
            self.browser.wait(text, f"{text} in {view}")
        if view == "rules" and mode == "light":
            self.assertEqual(self.count(".vt-all .vt-row"), len(RULES) + 3)
        self.browser.picture(PICTURES / f"{view.replace('/', '-').replace('?', '-').replace('=', '-')}-{mode}.png")
        self.assertEqual(self.contrast(), [])
        wide = self.browser.run("const main = document.querySelector('main'); return [document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth]")
        self.assertEqual(wide, [0, 0], "wider than the window")
        self.assertEqual(self.browser.run(CUT), [], "wider than what it is in")


if __name__ == "__main__":
    main()
