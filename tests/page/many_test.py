#!/usr/bin/env python3
"""many_test.py: 10,000 rules: only the rows that can be seen are in the document, and filters, orders and keys reach all."""
from page_case import PICTURES, PageCase, Scenario, main

MANY = 10_000


class Many(PageCase):
    def test_ten_thousand_rules(self):
        browser = self.browser
        scenario = Scenario(many=MANY)
        double = self.double(scenario, events_per_second=20)
        self.open(double, "#rules?sort=name")
        browser.wait("10 020 rules".replace(" ", "\u202f", 1), "how many there are")
        self.assertLess(self.count(".vt-all .vt-row"), 60)
        self.assertEqual(browser.run("return document.querySelector('[role=grid]').getAttribute('aria-rowcount')"), str(MANY + 24))

        browser.run("document.querySelector('[role=grid]').focus()")
        browser.keys("End")
        browser.wait(lambda: "web" in self.all(".vt-all .vt-row")[-1], "the last rule by name")
        browser.go("#rules?sort=-packets")
        browser.wait(lambda: "▾" in browser.text("[aria-sort=descending]"), "the other order")
        browser.run("document.querySelector('.vt-body').scrollTop = 150000")
        browser.wait(lambda: any(int(row) > 4990 for row in browser.run("return [...document.querySelectorAll('.vt-all .vt-row')].map(one => one.getAttribute('aria-rowindex'))")), "the middle")
        browser.picture(PICTURES / "rules-10000-light.png")
        browser.go("#rules?filter=customer_07777")
        browser.wait(lambda: len(self.all(".vt-all .vt-row")) == 1 and "customer_07777" in self.all(".vt-all .vt-row")[0], "the one rule")

        # What a status changes in the document does not grow with the number of rules. (Frames are said, and not judged.)
        browser.go("#rules?sort=-rate")
        browser.wait(lambda: self.count(".vt-all .vt-row") > 5, "all rules")
        frames, longest = browser.driver.execute_async_script(
            "const done = arguments[0], from = performance.now(); let frames = 0, last = from, longest = 0;"
            "const next = now => { ++frames; longest = Math.max(longest, now - last); last = now;"
            " document.querySelector('.vt-body').scrollTop += 300; now - from < 4000 ? requestAnimationFrame(next) : done([frames, longest]) }; requestAnimationFrame(next)")
        print(f"4 s of scrolling 10,000 rules: {frames} frames, the longest {longest:.0f} ms")
        asked = double.requests.count("/api/v1/status")
        browser.run("window.changes = 0; new MutationObserver(all => { window.changes += all.length }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true})")
        browser.wait(lambda: double.requests.count("/api/v1/status") >= asked + 5, "five statuses")
        changes = browser.run("return window.changes") / (double.requests.count("/api/v1/status") - asked)
        print(f"a status changes {changes:.0f} places of the document")
        self.assertGreater(changes, 0)
        self.assertLess(changes, 2000)
        self.assertLess(self.count("*"), 3000)
        self.assertEqual(browser.console(), [])


if __name__ == "__main__":
    main()
