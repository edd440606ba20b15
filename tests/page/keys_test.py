#!/usr/bin/env python3
"""keys_test.py: everything of the page by keyboard alone: the order of stops, visible focus, arrow keys in tabs and tables,
single keys that can be turned off, dialogs that give the focus back. No stop is a trap."""
import json
import time

from page_case import VIEWS, PageCase, Scenario, main

FOCUS = """
const at = document.activeElement;
if (!at || at === document.body) return null;
const style = getComputedStyle(at);
return {name: (at.getAttribute('aria-label') || at.innerText || at.placeholder || '').trim().slice(0, 40), tag: at.tagName, role: at.getAttribute('role'), id: at.id,
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, inside: at.closest('main') !== null};
"""
# Names, roles and states that assistive technology needs, where a browser can tell that they are missing.
UNNAMED = """
const named = one => (one.getAttribute('aria-label') || one.innerText || one.placeholder || one.closest('label')?.innerText || one.getAttribute('aria-labelledby') || '').trim() !== '';
return [...document.querySelectorAll('button, a, input, select, [role=grid], [role=region], [role=img], dialog[open]')].filter(one => one.checkVisibility() && !named(one)).map(one => one.outerHTML.slice(0, 120));
"""
# WCAG 2.2, 2.5.8: 24 pixels each way; of a box to check, with its label.
TOO_SMALL = """
return [...document.querySelectorAll('button:not(.skip), select, input, [role=tab]')].filter(one => one.checkVisibility()).filter(one => {
    const box = (one.type === 'checkbox' ? one.closest('label') : one).getBoundingClientRect();
    return box.height < 24 || box.width < 24;
}).map(one => one.outerHTML.slice(0, 100));
"""


class Keys(PageCase):
    def setUp(self):
        self.browser.size(1360, 860)
        self.open(self.double(Scenario(), events_per_second=5))
        self.browser.wait("Busiest rules", "the overview")

    def focus(self):
        return self.browser.run(FOCUS)

    def wait_for_focus(self, key, value):
        self.browser.wait(lambda: (self.focus() or {}).get(key) == value, f"the focus where {key} is {value}")

    def walk(self, most=200):
        """Tab after Tab, from the first stop until the focus leaves the page or is at the first one again."""
        self.browser.run("document.querySelector('.skip').focus()")
        stops = [self.focus()]
        for _ in range(most):
            self.browser.keys("Tab")
            at = self.focus()
            if at is None or at["name"] == stops[0]["name"]:
                return stops
            stops.append(at)
        self.fail(f"the focus does not leave the page: {stops[-3:]}")

    def test_every_view_can_be_walked(self):
        for view in VIEWS:
            with self.subTest(view=view):
                self.show(view)
                stops = self.walk()
                self.assertEqual(stops[0]["name"], "Skip to content")
                self.assertEqual([stop for stop in stops if not stop["outlined"]], [], "a stop without a visible focus")
                self.assertEqual([stop["id"] for stop in stops if stop["role"] == "tab"], [f"tab-{view}"], "the tabs are one stop")
                self.assertEqual(self.browser.run(UNNAMED), [])
                self.assertEqual(self.browser.run(TOO_SMALL), [])

    def test_skip_link(self):
        self.browser.run("document.querySelector('.skip').focus()")
        self.browser.keys("Enter")
        self.wait_for_focus("id", "main")

    def test_tabs(self):
        self.browser.run("document.querySelector('#tab-overview').focus()")
        for key, view in (("ArrowDown", "rules"), ("ArrowRight", "events"), ("ArrowUp", "rules"), ("End", "policy"), ("ArrowRight", "overview"), ("ArrowLeft", "policy"), ("Home", "overview")):
            self.browser.keys(key)
            self.browser.wait(lambda: self.browser.run("return document.querySelector('main').className") == f"view-{view}", f"{view} after {key}")
            self.wait_for_focus("id", f"tab-{view}")
            self.assertEqual(self.browser.run("return [...document.querySelectorAll('[role=tab][aria-selected=true]')].map(one => one.id)"), [f"tab-{view}"])

    def test_table(self):
        self.show("rules?sort=at")
        self.browser.run("document.querySelector('[role=grid]').focus()")
        marked = "const id = document.querySelector('[role=grid]').getAttribute('aria-activedescendant'); return id && document.getElementById(id).getAttribute('aria-rowindex')"
        for key, row in (("ArrowDown", "2"), ("ArrowDown", "3"), ("ArrowUp", "2"), ("End", "24"), ("Home", "2"), ("ArrowDown", "3")):
            self.browser.keys(key)
            self.browser.wait(lambda: self.browser.run(marked) == row, f"row {row} after {key}")
        self.browser.keys("Enter")
        self.browser.wait(lambda: "rule ssh_guess" in self.browser.text(".detail"), "the rule that is open")
        self.assertEqual(self.browser.run("return location.hash"), "#rules/ssh_guess?sort=at")
        self.browser.keys("Escape")
        self.browser.wait(lambda: self.count(".detail") == 0, "closed")
        self.wait_for_focus("role", "grid")

    def test_single_keys(self):
        self.browser.run("document.activeElement.blur()")
        self.browser.keys("4")
        self.browser.wait(lambda: self.browser.run("return location.hash") == "#sinks", "the fourth view")
        self.browser.keys("2")
        self.browser.wait(lambda: self.browser.run("return document.querySelector('main').className") == "view-rules", "the second view")
        self.browser.keys("/")
        self.browser.wait(lambda: self.focus() and self.focus()["tag"] == "INPUT", "the filter")
        self.browser.keys("3")                      # into the filter, not to another view
        self.browser.wait(lambda: "filter=3" in self.browser.run("return location.hash"), "what was typed")
        self.browser.run("document.activeElement.blur()")
        self.browser.keys("t")
        self.browser.wait(lambda: self.browser.run("return document.documentElement.dataset.theme") == "light", "the light theme")
        self.browser.keys("t")
        self.browser.wait(lambda: self.browser.run("return getComputedStyle(document.body).colorScheme + document.documentElement.dataset.theme") == "darkdark", "the dark theme")
        self.browser.keys("?")
        self.browser.wait(lambda: self.count("dialog[open]") == 1, "the help")
        self.assertEqual(self.contrast(), [])
        self.browser.run("document.querySelector('dialog input[type=checkbox]').click()")
        self.browser.keys("Escape")
        self.browser.wait(lambda: self.count("dialog[open]") == 0, "the help, closed")
        self.browser.keys("1")
        time.sleep(0.3)
        self.assertIn("#rules", self.browser.run("return location.hash"), "keys that were turned off do nothing")

    def test_help_gives_the_focus_back(self):
        self.browser.run("[...document.querySelectorAll('.tool')].at(-1).focus()")
        self.browser.keys("Enter")
        self.browser.wait(lambda: self.count("dialog[open]") == 1, "the help")
        for _ in range(6):
            self.browser.keys("Tab")
            self.assertTrue(self.browser.run("return document.activeElement === document.body || document.activeElement.closest('dialog') !== null"), json.dumps(self.focus()))
        self.browser.keys("Escape")
        self.browser.wait(lambda: self.count("dialog[open]") == 0, "closed")
        self.wait_for_focus("name", "Keys and help")

    def test_reduced_motion(self):
        self.browser.media("light", "reduce")
        self.addCleanup(self.browser.media, "light", "no-preference")
        moving = "return [...document.querySelectorAll('*')].filter(one => getComputedStyle(one).transitionDuration.split(', ').some(time => time !== '0s') || getComputedStyle(one).animationName !== 'none').length"
        self.assertEqual(self.browser.run(moving), 0)
        self.browser.media("light", "no-preference")
        self.assertGreater(self.browser.run(moving), 0)


if __name__ == "__main__":
    main()
