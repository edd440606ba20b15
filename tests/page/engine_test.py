#!/usr/bin/env python3
"""engine_test.py WEIR SOURCE: the page as an engine serves it: packets that are sent are in its numbers, an alert is in its list, a
reload is in what happened, and a token is asked for. Skipped as live_case.py says."""
import subprocess
import sys
from urllib.parse import urlsplit

import scenario
from page_case import PICTURES, SOURCE, Browser     # before live_case.py takes the arguments: this one may start the file again

sys.path.insert(0, str(SOURCE / "tests/http"))
from door_case import ADDRESS, CLONE_NEWNET, LIBC, NAME, TOKEN, DoorCase, main_of   # noqa: E402
from live_case import WEIR   # noqa: E402

POLICY = """set banned : ip size 100 ttl 1h
rule sizes { when udp then measure packet.len by udp.dport }
rule marked { when udp.dport == 9 then alert hit, add ip.src to banned, drop }
rule kept { when udp.dport == 10 then pass }
alert hit { severity high  message "hit from {ip.src}" }
"""
NEXT = POLICY.replace("rule kept", "rule more { when udp.dport == 11 then drop }\nrule kept")


class EnginePage(DoorCase):
    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY)
        with open(f"/run/netns/{NAME}") as engines:      # the browser's, too
            self.assertEqual(LIBC.setns(engines.fileno(), CLONE_NEWNET), 0)
        self.browser = Browser()
        self.addCleanup(self.browser.quit)

    def show(self, view):
        self.browser.go(f"#{view}")
        self.browser.wait(lambda: self.browser.run("return document.querySelector('main').className") == f"view-{view.partition('/')[0]}", view)

    def row(self, name):
        rows = self.browser.run("return [...document.querySelectorAll('.vt-all .vt-row')].map(row => [...row.children].map(cell => cell.innerText))")
        return next((row for row in rows if name in row), [])

    def test_live(self):
        browser = self.browser
        self.listen()
        browser.open(f"http://{ADDRESS}/#events")
        browser.wait("streaming", "the event stream")
        self.send(9, 3)
        browser.wait("hit from 10.97.0.1", "the alert")
        self.send(10, 500)
        self.show("rules")
        browser.wait(lambda: self.row("kept")[-1:] == ["500"], "500 packets")
        browser.wait(lambda: self.row("marked")[-1:] == ["3"] and "drop" in self.row("marked"), "the packets that were dropped")
        browser.picture(PICTURES / "engine-rules-light.png")
        self.show("rules/kept")
        browser.wait("when udp.dport == 10 then pass", "the rule's text")
        self.show("sets/banned")
        browser.wait(lambda: "10.97.0.1" in browser.text(".detail"), "the entry of the set")
        self.show("measures")
        browser.wait("the area of a bar is its values", "the histogram")
        self.assertIn("by udp.dport", browser.text())
        self.show("flows")
        browser.wait("does not remember flows", "that there are no flows")

        self.show("reloads")
        self.policy.write_text(NEXT)
        self.assertEqual(self.ask("reload").returncode, 0)
        browser.wait("generation 2 of", "the reload")
        browser.wait("+1", "the line that was added")
        browser.picture(PICTURES / "engine-reloads-light.png")
        self.show("policy")
        browser.wait("rule more", "the text in force")
        self.policy.write_text("no policy\n")
        self.assertNotEqual(self.ask("reload").returncode, 0)
        self.show("reloads")
        browser.wait("1 reload was refused", "the reload that was refused")
        self.assertEqual({urlsplit(url).netloc for url in browser.asked() if url.startswith("http")}, {ADDRESS})
        self.assertEqual(browser.console(), [])

    def test_the_engine_ends_and_comes_back(self):
        self.listen()
        self.browser.open(f"http://{ADDRESS}/")
        self.browser.wait("Busiest rules", "the overview")
        self.assertRegex(self.get("/api/v1/status")[1]["Weir-Taken-Ms"], r"^\d+\.\d{3}$")
        self.end()
        self.browser.wait("The engine does not answer", "that the engine is away")
        self.listen()
        self.browser.wait(lambda: self.browser.text(".link").endswith("live"), "that it is back, without a touch")

    def test_the_double_shows_a_policy_of_the_language(self):
        (self.folder / "shared.rules").write_text("rule bogons { when ip.src == 0.0.0.0 and not udp then drop }\n")
        for text in (scenario.POLICY, scenario.NEXT_POLICY):
            self.policy.write_text(text)
            said = subprocess.run([WEIR, "check", "--deny", "warnings", str(self.policy)], capture_output=True, text=True, timeout=60)
            self.assertEqual(said.returncode, 0, said.stderr)
            said = subprocess.run([WEIR, "test", "--engine", "native", str(self.policy)], capture_output=True, text=True, timeout=60)
            self.assertEqual(said.returncode, 0, said.stdout)

    def test_token(self):
        self.listen("--api-token-file", self.token_file())
        self.browser.open(f"http://{ADDRESS}/")
        self.browser.wait("This engine asks for a token", "the question for the token")
        self.browser.driver.execute_cdp_cmd("Input.insertText", {"text": TOKEN})
        self.browser.keys("Enter")
        self.browser.wait("Busiest rules", "the overview")
        self.show("events")
        self.browser.wait("streaming", "the event stream")
        self.send(9, 1)
        self.browser.wait("hit from 10.97.0.1", "the alert")


if __name__ == "__main__":
    main_of()
