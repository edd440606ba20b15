#!/usr/bin/env python3
"""states_test.py: the page when the engine asks for a token, is away, comes back, has no data, or loses its event stream; that
hostile text stays text; and that nothing is asked of anybody else."""
import time
from urllib.parse import urlsplit

from page_case import PICTURES, VIEWS, PageCase, Scenario, main

HOSTILE = "<img src=x onerror=\"window.hit=1\"><script>window.hit=2</script>'\"&amp;{{7*7}}${window.hit=3}"

REFUSED = """
const tried = what => { try { what(); return 'done' } catch (error) { return error.name } };
const element = document.createElement('p'), script = document.createElement('script');
element.setAttribute('style', 'padding-left: 77px');
document.body.append(element, script);
return [tried(() => element.insertAdjacentHTML('beforeend', '<b>x</b>')), tried(() => { script.textContent = 'window.hit = 5' }), getComputedStyle(element).paddingLeft];
"""


class States(PageCase):
    def setUp(self):
        self.browser.size(1360, 860)
        self.browser.media("light")

    def chip(self):
        return self.browser.text(".link")

    def test_token_flow(self):
        browser = self.browser
        double = self.double(token="right-" + "k" * 40)
        self.open(double, "#rules")
        browser.wait("This engine asks for a token", "the question for the token")
        self.assertEqual(browser.run("return document.activeElement.type"), "password")
        self.assertEqual(self.contrast(), [])
        browser.picture(PICTURES / "token-light.png")
        self.enter("wrong-token")
        browser.wait("does not accept this token", "the refusal")
        self.assertEqual(browser.run("return sessionStorage.length"), 0, "a refused token is kept")
        self.enter("has spaces in it")
        browser.wait("no spaces", "the refusal of what can be no token")
        self.enter(double.token)
        browser.wait("ssh_guess", "the rules")
        browser.wait(lambda: self.chip().endswith("live"), "live")
        self.assertEqual(browser.run("return [sessionStorage.length, localStorage.length, document.cookie]"), [1, 0, ""])
        browser.driver.refresh()
        browser.wait("ssh_guess", "the rules, after the page was loaded again")
        self.assertNotIn(double.token, browser.run("return document.documentElement.outerHTML"))
        browser.run("document.activeElement.blur()")
        browser.keys("?")
        browser.wait("Forget the token", "the help")
        browser.run("[...document.querySelectorAll('dialog button')].find(one => one.innerText === 'Forget the token').click()")
        browser.wait("This engine asks for a token", "the question, once the token is forgotten")
        self.assertEqual(browser.run("return sessionStorage.length"), 0)

    def test_an_answer_before_the_first_picture(self):
        said = self.browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "window.requestAnimationFrame = () => 0"})
        self.addCleanup(self.browser.driver.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", said)
        self.open(self.double(token="right-" + "k" * 40), "#rules")
        self.browser.wait("This engine asks for a token", "the question for the token")

    def enter(self, token):
        self.browser.run("const field = document.querySelector('form.token input'); field.focus(); field.select()")
        self.browser.driver.execute_cdp_cmd("Input.insertText", {"text": token})
        self.browser.keys("Enter")

    def test_a_token_that_ends_is_asked_for_again(self):
        double = self.double()
        self.open(double)
        self.browser.wait("Busiest rules", "the overview")
        double.token = "new-" + "k" * 40
        self.browser.wait("This engine asks for a token", "the question for the token")

    def test_engine_away_and_back(self):
        browser = self.browser
        double = self.double()
        self.open(double)
        browser.wait(lambda: self.chip().endswith("live"), "live")
        double.away = True
        browser.wait("The engine does not answer", "the banner")
        self.assertIn("engine away", self.chip())
        self.assertIn("What you see is from before", browser.text())
        self.assertEqual(self.contrast(), [])
        browser.picture(PICTURES / "away-light.png")
        asked = double.requests.count("/api/v1/status")
        browser.wait(lambda: "again in" in browser.text(".banner"), "the wait before the next attempt")
        time.sleep(4)
        self.assertLessEqual(double.requests.count("/api/v1/status") - asked, 3, "attempts come ever more slowly")
        double.away = False
        browser.run("document.querySelector('.banner button').click()")
        browser.wait(lambda: self.chip().endswith("live"), "live again")
        self.show("reloads")
        browser.wait("the engine answers again", "what happened")
        self.show("events")
        browser.wait("streaming", "the event stream, opened again")

    def test_never_there(self):
        double = self.double()
        double.away = True
        self.open(double)
        self.browser.wait("Nothing is known of the engine yet", "that nothing is known")
        double.away = False
        self.browser.wait("Busiest rules", "the overview, without a touch")

    def test_no_data_yet(self):
        scenario = Scenario()
        scenario.status()
        scenario.changes.update(rules=[], sets=[], terms=[], measures=[], alerts=[], sinks=[], flows=None, history=[], sets_file=None, redirects={"sent": 0, "dropped": 0, "not_sent": 0, "interfaces": []})
        self.open(self.double(scenario, events_per_second=0))
        self.browser.wait("No rule has matched yet", "the overview")
        for view, text in {"events": "No events yet", "sinks": "This policy has no sinks", "measures": "This policy measures nothing", "sets": "This policy has no sets",
                           "flows": "This policy does not remember flows", "reloads": "No policy before this one"}.items():
            self.show(view)
            self.browser.wait(text, view)
            self.assertEqual(self.contrast(), [])

    def test_a_view_that_fails_takes_no_other_with_it(self):
        scenario = Scenario()
        scenario.changes.update(answers=None)       # no engine says that
        self.open(self.double(scenario))
        self.browser.wait("This view cannot be shown", "that the overview fails")
        self.show("rules")
        self.browser.wait("ssh_guess", "the rules")

    def test_engines_that_say_no_verdicts(self):
        self.open(self.double(Scenario(verdicts=False)))
        self.browser.wait("Busiest rules", "the overview")
        self.assertNotIn("by verdict", self.browser.text())
        self.browser.wait(lambda: "k packets/s" in self.browser.text(".facts-line"), "a rate")

    def test_lost_events_are_said(self):
        double = self.double(events_per_second=20)
        self.open(double, "#events")
        self.browser.wait("streaming", "the stream")
        double.say_lost(12)
        double.say_lost(30)
        self.browser.wait("42 events missed here", "how many were lost")

    def test_pause_and_filter(self):
        browser = self.browser
        double = self.double(events_per_second=40)
        self.open(double, "#events")
        browser.wait(lambda: self.count(".vt-all .vt-row") > 5, "events")
        browser.run("document.querySelector('.view-events .toolbar button').click()")
        browser.wait("paused", "that it is paused")
        first = self.all(".vt-all .vt-row")[0]
        browser.wait("new", "that others came")
        self.assertEqual(self.all(".vt-all .vt-row")[0], first)
        browser.run("document.querySelector('.view-events .toolbar button').click()")
        browser.wait(lambda: self.all(".vt-all .vt-row")[0] != first, "new events")
        browser.go("#events?filter=tracker.example")
        browser.wait(lambda: self.count(".vt-all .vt-row") > 0 and all("tracker" in row for row in self.all(".vt-all .vt-row")), "only what the filter says")
        browser.go("#events?severity=critical")
        browser.wait(lambda: self.count(".vt-all .vt-row") > 0 and all("critical" in row for row in self.all(".vt-all .vt-row")), "only critical ones")

    def test_hostile_text_stays_text(self):
        browser, scenario = self.browser, Scenario()
        double = self.double(scenario, events_per_second=0)
        scenario.text = f"# {HOSTILE}\npolicy edge\n"
        scenario.status()
        scenario.changes.update(sinks=[{**scenario.sinks()[0], "state": HOSTILE}], interfaces=[{"name": HOSTILE, "mode": "native", "attached": True, "gaps": 0, "last_gap_ms": 0}])
        self.open(double, "#events")
        browser.wait("streaming", "the stream")
        eve = scenario.eve()
        eve["weir"].update(message=f"asks for {HOSTILE}", rule=HOSTILE, alert=HOSTILE)
        eve["alert"]["signature"] = HOSTILE
        eve["http"] = {"hostname": HOSTILE, "url": "javascript:window.hit=4"}
        double.say(eve)
        browser.wait(f"asks for {HOSTILE}", "the event, as text")
        browser.run("document.querySelector('.vt-all .vt-row').click()")
        browser.wait("javascript:window.hit=4", "the event's details")
        for view in VIEWS:
            self.show(view)
        browser.wait(HOSTILE, "the policy's text")
        self.assertEqual(browser.run("return [window.hit ?? null, document.images.length, document.scripts.length]"), [None, 0, 1])
        self.assertEqual(browser.console(), [], "the browser refused something")

    def test_nothing_inline_and_nothing_from_elsewhere(self):
        browser = self.browser
        double = self.double()
        self.open(double)
        browser.wait("Busiest rules", "the overview")
        for view in VIEWS:
            self.show(view)
        hosts = {urlsplit(url).netloc for url in browser.asked() if not url.startswith(("data:", "about:", "chrome:"))}
        self.assertTrue(hosts)
        self.assertTrue(all(host.startswith("127.0.0.1:") for host in hosts), hosts)
        self.assertEqual(browser.run("return document.querySelectorAll('style, script:not([src]), [onclick], [onerror]').length"), 0)
        # Text that somebody makes into markup, a script or a style is refused by the policy that the page is served with.
        self.assertEqual(browser.run(REFUSED), ["TypeError", "TypeError", "0px"])


if __name__ == "__main__":
    main()
